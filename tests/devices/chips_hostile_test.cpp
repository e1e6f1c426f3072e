// A guest that writes anything anywhere at any time: no crash, no endless loop, and the same again from a saved state.
#include "devices/debug_ports.h"
#include "devices/i8042.h"
#include "devices/i8237a.h"
#include "devices/i8254.h"
#include "devices/i8259a.h"
#include "devices/mc146818.h"
#include "devices/ns16550a.h"
#include "devices/parallel_port.h"
#include "devices/port61.h"
#include "devices/ps2_keyboard.h"
#include "devices/ps2_mouse.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"
#include "tests/rounds.h"

using namespace r86;

namespace {

struct Null : ByteSink {
    u64 sum = 0;
    void put(u8 byte) override { sum = sum * 31 + byte; }
};

/// All the small chips of a board, wired as in a PC.
struct Board {
    Log log;
    VirtualClock clock{100};
    EventQueue queue{clock};
    PhysicalMemory memory{u64{1} << 20, log};
    I8259A master{I8259A::Role::Master}, slave{I8259A::Role::Slave};
    ElcrPorts elcr{master, slave};
    I8254 pit{queue};
    Port61 port61{clock, [this] { return pit.out_level(2); }};
    Mc146818 rtc{queue, RtcTime{}};
    I8237aPair dma{memory};
    Ps2Keyboard keyboard{queue};
    Ps2Mouse mouse{queue};
    I8042 kbc{queue, log, keyboard, mouse};
    Ns16550a uart{queue, "com1"};
    ParallelPort lpt{queue, "lpt1"};
    Null sink;
    IoBus bus{log};
    unsigned interrupts = 0;

    Board() {
        memory.map_default({0}, u64{1} << 20);
        uart.connect(&sink);
        lpt.connect(&sink);
        slave.int_out.connect([this](bool level) { master.set_ir(2, level); });
        master.connect_slave(2, [this](u8 id) { return slave.acknowledge_cascaded(id); });
        pit.out[0].connect([this](bool level) { master.set_ir(0, level); });
        port61.gate2.connect([this](bool level) { pit.set_gate(2, level); });
        rtc.irq.connect([this](bool level) { slave.set_ir(0, level); });
        kbc.irq1.connect([this](bool level) { master.set_ir(1, level); });
        kbc.irq12.connect([this](bool level) { slave.set_ir(4, level); });
        uart.irq.connect([this](bool level) { master.set_ir(4, level); });
        lpt.irq.connect([this](bool level) { master.set_ir(7, level); });
        bus.map(0x00, 16, dma.byte_controller(), "dma1");
        bus.map(0x20, 2, master, "pic1");
        bus.map(0x40, 4, pit, "pit");
        bus.map(0x60, 1, kbc, "kbc");
        bus.map(0x61, 1, port61, "port61");
        bus.map(0x64, 1, kbc, "kbc", 4);
        bus.map(0x70, 4, rtc, "rtc");
        bus.map(0x80, 16, dma.pages(), "pages");
        bus.map(0xA0, 2, slave, "pic2");
        bus.map(0xC0, 32, dma.word_controller(), "dma2");
        bus.map(0x378, 3, lpt, "lpt");
        bus.map(0x3F8, 8, uart, "com1");
        bus.map(0x4D0, 2, elcr, "elcr");
        for (Device* device : std::initializer_list<Device*>{&master, &slave, &pit, &port61, &rtc, &dma, &keyboard,
                                                             &mouse, &kbc, &uart, &lpt})
            device->reset(ResetKind::PowerOn);
    }
    void visit(StateVisitor& v) {
        v.field("clock", clock);
        v.field("queue", queue);
        v.field("master", master);
        v.field("slave", slave);
        v.field("pit", pit);
        v.field("port61", port61);
        v.field("rtc", rtc);
        v.field("dma", dma);
        v.field("keyboard", keyboard);
        v.field("mouse", mouse);
        v.field("kbc", kbc);
        v.field("uart", uart);
        v.field("lpt", lpt);
    }
    void advance(Tick ticks) {
        const Tick end = clock.now() + ticks;
        // Not more than one event a tick, as a processor has it.
        run_events(clock, queue, end);
        if (master.int_out.level()) {
            master.acknowledge();
            ++interrupts;
        }
    }
    void act(u64 random) {
        static constexpr u16 ports[] = {0x00, 0x08, 0x20, 0x40, 0x60,  0x64,  0x70,
                                        0x80, 0xA0, 0xC0, 0xD0, 0x378, 0x3F8, 0x4D0};
        const u16 port = static_cast<u16>(ports[random % std::size(ports)] + (random >> 8) % 8);
        const unsigned size = 1u << (random >> 12) % 3;
        const u32 value = static_cast<u32>(random >> 16);
        switch ((random >> 48) % 16) {
        case 0: keyboard.key(static_cast<KeyCode>(value), random >> 63); break;
        case 1: mouse.move(static_cast<int>(value), -static_cast<int>(value >> 8), 1, static_cast<u8>(value)); break;
        case 2: uart.receive(static_cast<u8>(value)); break;
        case 3: uart.set_modem_inputs(static_cast<u8>(value)); break;
        case 4: {
            bool tc = false;
            u16 word = 0;
            dma.channel(value).write_to_memory(1, tc);
            dma.channel(value).read_from_memory16(word, tc);
            break;
        }
        case 5:
        case 6:
        case 7:
        case 8: bus.read(port, size); break;
        default: bus.write(port, size, value); break;
        }
        advance((random >> 52) % 4096 == 0 ? 50'000'000 : (random >> 40) % 3000);
    }
};

u64 next_random(u64& state) {
    state += 0x9E3779B97F4A7C15;
    u64 z = state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

} // namespace

TEST_CASE("board chips: random guests, each continued from a saved state to the same end") {
    for (u64 seed = 1; seed <= test::rounds(12); ++seed) {
        Board board;
        u64 random = seed;
        for (unsigned i = 0; i < 6000; ++i) board.act(next_random(random));
        Board again;
        test::load(again, test::save(board));
        std::vector<u8> copy(board.memory.ram().begin(), board.memory.ram().end());
        std::copy(copy.begin(), copy.end(), again.memory.ram().begin());
        REQUIRE(test::save(again) == test::save(board));
        for (unsigned i = 0; i < 2000; ++i) {
            const u64 step = next_random(random);
            board.act(step);
            again.act(step);
        }
        INFO("seed " << seed);
        const test::Values a = test::save(board), b = test::save(again);
        for (const auto& [name, value] : a) {
            INFO(name);
            REQUIRE(b.at(name) == value);
        }
    }
}
