#pragma once
/// The body of the fuzz targets for chips: a whole board whose processor sleeps, and a guest that does anything to the
/// given ports and addresses at any time, with DMA pointed anywhere.
#include "machine/checkpoints.h"
#include "machine/machine.h"
#include "tests/devices/storage_bench.h"
#include "tests/fuzz/fuzz.h"
#include <memory>
#include <optional>

namespace r86 {

/// Where a target aims most of its accesses; the rest goes anywhere.
struct FuzzPorts {
    std::vector<std::pair<u16, u16>> ports{};  ///< first, count
    std::vector<std::pair<u64, u64>> memory{}; ///< first, bytes
    bool picture = false;                      ///< look at the screen afterwards
};

/// 64 KiB of firmware that only sleeps.
inline std::vector<u8> sleeping_firmware() {
    std::vector<u8> out(65536, 0xF4);            // HLT
    const u8 start[] = {0xFA, 0xF4, 0xEB, 0xFD}; // CLI; HLT; back to the HLT
    std::copy(std::begin(start), std::end(start), out.begin() + 0xFFF0);
    return out;
}

/// As the input says: a place (2), a length (1), bytes.
inline void overwrite(std::span<u8> bytes, FuzzInput& in) {
    const u32 where = in.number(2), length = in.number(1) % 9;
    for (u32 i = 0; i < length && !bytes.empty(); ++i)
        bytes[(where + i) % bytes.size()] = static_cast<u8>(in.number(1));
}

/// Whatever state a machine has taken, it runs on and can be looked at.
inline void run_on(Machine& machine) {
    constexpr Tick kTicks = 100'000;
    machine.run_until(machine.now() + kTicks);
    static_cast<void>(machine.picture());
    static_cast<void>(machine.text_screen());
}

inline MachineConfig fuzz_config() {
    // Filled once: instrumented for coverage, the loop that fills them takes four fifths of a run.
    static const std::vector<u8> floppy = numbered_content(2880), disk = numbered_content(4096),
                                 cd = numbered_content(64, 2048);
    MachineConfig config;
    config.memory_bytes = 2 << 20;
    config.bios = sleeping_firmware();
    config.no_vgabios = true;
    config.isa_debug_exit = false;
    config.hpet = true;
    config.floppies[0] = make_memory_image(floppy, false, "floppy");
    config.disks.push_back(make_memory_image(disk, false, "disk"));
    config.cdrom = make_memory_image(cd, true, "cd");
    return config;
}

/// What firmware would have done: BARs placed, decoding and bus mastering on.
inline void configure_board(Machine& machine) {
    Pc& pc = machine.pc();
    const auto configure = [&](u32 function, u32 reg, u32 value) {
        pc.io.write(0xCF8, 4, 0x80000000u | function << 8 | reg);
        pc.io.write(0xCFC, 4, value);
    };
    configure(0x09, 0x20, 0xC001); // bus-master IDE
    configure(0x09, 0x40, 0x80008000);
    configure(0x09, 0x04, 5);
    configure(0x0B, 0x40, 0xB001); // power management
    configure(0x0B, 0x80, 1);
    configure(0x0B, 0x90, 0xB101); // SMBus
    configure(0x0B, 0xD0, 0x00010000);
    configure(0x10, 0x10, 0xE0000000); // VGA
    configure(0x10, 0x18, 0xE1000000);
    configure(0x10, 0x04, 3);
}

/// The machine as it is before each run: making one takes longer than most inputs do.
inline Machine& board_at_rest() {
    struct Board {
        Board() {
            configure_board(machine);
            start.emplace(machine);
        }
        Machine machine{fuzz_config()};
        std::optional<Checkpoints> start;
        unsigned runs = 0;
    };
    static std::unique_ptr<Board> board;
    constexpr unsigned kRuns = 200; // then a new one, so that making and ending are run as well
    if (!board || board->runs++ == kRuns)
        board = std::make_unique<Board>();
    else
        board->start->go_to(board->start->root());
    return board->machine;
}

inline void fuzz_board(const FuzzPorts& aim, const u8* data, usize size) {
    Machine& machine = board_at_rest();
    machine.stop_on_dead_halt(false);
    Pc& pc = machine.pc();
    pc.clock.set_now(machine.now());
    FuzzInput in(data, size);
    for (unsigned steps = 0; !in.empty() && steps < 4000; ++steps) {
        const u32 what = in.number(1);
        const unsigned bytes = 1u << (what >> 3 & 3) % 3;
        const auto port = [&]() -> u16 {
            const u32 pick = in.number(2);
            if (aim.ports.empty() || (what & 0x20 && what & 0x40)) return static_cast<u16>(pick);
            const auto [first, count] = aim.ports[pick % aim.ports.size()];
            return static_cast<u16>(first + (pick >> 8) % count);
        };
        const auto address = [&]() -> u64 {
            const u32 pick = in.number(4);
            if (aim.memory.empty() || what & 0x80) return pick % (2 << 20);
            const auto [first, count] = aim.memory[pick % aim.memory.size()];
            return first + (pick >> 4) % count;
        };
        pc.clock.set_now(machine.now());
        switch (what & 7) {
        case 0:
        case 1:
        case 2: {
            const u16 at = port();
            pc.io.write(at, bytes, in.number(bytes));
            break;
        }
        case 3: static_cast<void>(pc.io.read(port(), bytes)); break;
        case 4: {
            const u64 at = address();
            pc.memory.write(PhysAddr{at}, bytes, in.number(bytes));
            break;
        }
        case 5: static_cast<void>(pc.memory.read(PhysAddr{address()}, bytes)); break;
        case 6: { // the data port of a transfer, many times
            const u16 at = port();
            for (unsigned i = 0; i < 256; ++i) pc.io.write(at, bytes, i);
            break;
        }
        case 7: {
            // 10 ms at most: fast timers make an event each microsecond. A processor that something woke runs whatever
            // stands in memory; it is not what is looked at, and slow in this build.
            const u64 ticks = u64{1} << in.number(1) % (machine.cpu().s.halted ? 20 : 12);
            if (machine.run_until(machine.now() + ticks).reason != StopReason::Reached) return;
            break;
        }
        }
    }
    if (aim.picture) static_cast<void>(machine.picture());
    static_cast<void>(machine.save_chips()); // not digest(): hashing all of RAM takes longer than the rest together
}

} // namespace r86
