// Going to any tick of a session gives the state that was there, whatever checkpoints were taken or thinned out.
#include "cpu/interpreter/interpreter.h"
#include "machine/probe.h"
#include "machine/timeline.h"
#include "tests/catch.h"
#include "tests/machine/program.h"
#include <algorithm>
#include <cstring>
#include <map>
#include <random>

using namespace r86;

namespace {

struct Text : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

MachineConfig seabios() {
    MachineConfig config;
    config.mips = 20;
    config.memory_bytes = u64{16} << 20;
    return config;
}

/// The same keys at the same ticks for every machine that is fed with them.
std::map<Tick, HostInput> keys() {
    std::map<Tick, HostInput> all;
    std::mt19937 random(7);
    for (int i = 0; i < 40; ++i) {
        const Tick at = 200'000 + random() % 9'000'000;
        all[at] = input::Key{static_cast<KeyCode>(1 + random() % 60), (random() & 1) != 0};
    }
    all[5'000'000] = input::Mouse{3, -4, 0, 1};
    all[6'000'000] = input::Ratio{35};
    all[7'000'000] = input::SerialReceive{0, {'h', 'i'}};
    return all;
}

void run_with(Machine& machine, const std::map<Tick, HostInput>& inputs, Tick to) {
    for (auto at = inputs.lower_bound(machine.now()); at != inputs.end() && at->first < to; ++at) {
        machine.run_until(at->first);
        machine.apply(at->second);
    }
    machine.run_until(to);
}

} // namespace

TEST_CASE("any tick of a session is what a machine without history has there") {
    const auto inputs = keys();
    constexpr Tick kEnd = 10'000'000;
    Machine machine(seabios());
    TimelineSettings settings;
    settings.spacing = 600'000;
    settings.verify = true;
    Timeline timeline(machine, settings);
    std::mt19937 random(3);
    // Checkpoints at random instants change nothing.
    for (Tick at = 0; at < kEnd;) {
        at = std::min<Tick>(kEnd, at + random() % 400'000);
        run_with(machine, inputs, at);
        if (random() % 4 == 0) timeline.checkpoint_now();
    }
    CHECK(timeline.checkpoints().count() > 12);
    std::map<Tick, std::string> expected;
    for (int i = 0; i < 24; ++i) expected[random() % kEnd] = "";
    for (const auto& [at, input] : inputs) {
        if (expected.size() < 30) expected[at] = "";
    }
    expected[kEnd] = "";
    Machine plain(seabios());
    for (auto& [at, digest] : expected) {
        run_with(plain, inputs, at);
        digest = plain.digest();
    }
    CHECK(machine.digest() == expected[kEnd]);
    std::vector<Tick> order;
    for (const auto& [at, digest] : expected) order.push_back(at);
    std::shuffle(order.begin(), order.end(), random);
    for (const Tick at : order) {
        INFO("tick " << at);
        CHECK(timeline.seek(at));
        CHECK(machine.now() == at);
        CHECK(machine.digest() == expected[at]);
    }
    CHECK(timeline.seek(kEnd));
    CHECK(timeline.live());
    CHECK(machine.digest() == expected[kEnd]);
    CHECK(timeline.divergences().empty());
    // And the live session goes on as the other one.
    run_with(machine, {}, kEnd + 100'000);
    run_with(plain, {}, kEnd + 100'000);
    CHECK(machine.digest() == plain.digest());
}

TEST_CASE("a small budget makes checkpoints sparse, and every tick stays reachable") {
    Machine machine(seabios()), plain(seabios());
    TimelineSettings settings;
    settings.spacing = 200'000;
    settings.budget = u64{1} << 20;
    Timeline timeline(machine, settings);
    machine.run_until(12'000'000);
    CHECK(timeline.checkpoints().count() < 40);
    for (const Tick at : {11'900'000, 400'000, 7'654'321}) {
        Machine other(seabios());
        other.run_until(static_cast<Tick>(at));
        timeline.seek(static_cast<Tick>(at));
        CHECK(machine.digest() == other.digest());
    }
}

TEST_CASE("steps backwards, one by one and over long distances") {
    Machine machine(seabios());
    TimelineSettings settings;
    settings.spacing = 1'000'000;
    Timeline timeline(machine, settings);
    machine.run_until(4'000'000);
    std::vector<std::string> digests;
    for (Tick at = 3'000'000; at < 3'000'012; ++at) {
        timeline.seek(at);
        digests.push_back(machine.digest());
    }
    for (usize i = digests.size() - 1; i-- > 0;) {
        CHECK(timeline.reverse_step(1));
        CHECK(machine.now() == 3'000'000 + i);
        CHECK(machine.digest() == digests[i]);
    }
    CHECK_FALSE(timeline.reverse_step(~u64{0}));
    CHECK(machine.now() == 0);
    CHECK(timeline.step(3'000'003));
    CHECK(machine.digest() == digests[3]);
}

TEST_CASE("an instruction back: what PAUSE waited belongs to it") {
    // mov cx, 3; again: pause; loop again; hlt
    Machine machine(program({0xB9, 0x03, 0x00, 0xF3, 0x90, 0xE2, 0xFC, 0xF4}));
    const Tick pause = 1 + machine.cpu().model.pause_ticks;
    Timeline timeline(machine, {});
    const auto ip = [&] { return machine.cpu().s.rip; };
    std::vector<Tick> starts; // of JMP, MOV, and PAUSE and LOOP in turn
    for (const Tick length : {Tick{1}, Tick{1}, pause, Tick{1}, pause, Tick{1}}) {
        starts.push_back(machine.now());
        machine.run_until(machine.now() + length);
    }
    REQUIRE(ip() == 3);
    for (usize i = starts.size(); i-- > 0;) {
        REQUIRE(timeline.reverse_step_instruction());
        CHECK(machine.now() == starts[i]);
    }
    CHECK_FALSE(timeline.reverse_step_instruction());
}

TEST_CASE("a new branch keeps the old future, and bytes are sent once") {
    Text console;
    auto config = seabios();
    config.debug_console = &console;
    Machine machine(std::move(config));
    TimelineSettings settings;
    settings.spacing = 1'000'000;
    Timeline timeline(machine, settings);
    machine.run_until(3'000'000);
    machine.apply(input::Key{KeyCode::A, true});
    machine.run_until(6'000'000);
    const std::string old_future = machine.digest();
    const std::string sent = console.text;
    CHECK(timeline.seek(2'500'000));
    CHECK_FALSE(timeline.live());
    CHECK(timeline.seek(4'000'000));
    CHECK(console.text == sent);
    CHECK(timeline.seek(2'500'000));
    machine.apply(input::Key{KeyCode::B, true}); // begins a branch
    CHECK(timeline.live());
    CHECK(timeline.branches().size() == 2);
    machine.run_until(6'000'000);
    const std::string new_future = machine.digest();
    CHECK(new_future != old_future);
    CHECK(timeline.switch_branch(0));
    CHECK(machine.digest() == old_future);
    CHECK(timeline.live());
    CHECK(timeline.switch_branch(1));
    CHECK(machine.digest() == new_future);
    // The same as a machine that only ever knew this one.
    Machine other(seabios());
    run_with(other, {{2'500'000, input::Key{KeyCode::B, true}}}, 6'000'000);
    CHECK(other.digest() == new_future);
}

TEST_CASE("who wrote this, who wrote to that port, what interrupted") {
    // MOV CX,1000; L: INC WORD [CS:...]: INC word [1000h]; LOOP L; MOV AL,42h; OUT 80h,AL; MOV [2000h],AL; INT3 handler
    // 0: B9 E8 03        MOV CX,1000
    // 3: FF 06 00 10     INC word [1000h]
    // 7: E2 FA           LOOP 3
    // 9: B0 42           MOV AL,42h
    // B: E6 80           OUT 80h,AL
    // D: A2 00 20        MOV [2000h],AL
    // 10: A1 00 10       MOV AX,[1000h]
    // 13: EB FE          JMP $
    Machine machine(program({0xB9, 0xE8, 0x03, 0xFF, 0x06, 0x00, 0x10, 0xE2, 0xFA, 0xB0, 0x42,
                             0xE6, 0x80, 0xA2, 0x00, 0x20, 0xA1, 0x00, 0x10, 0xEB, 0xFE}));
    TimelineSettings settings;
    settings.spacing = 100;
    Timeline timeline(machine, settings);
    machine.run_until(5000);
    const auto last = [&](Probe::What what) {
        Probe probe(machine, std::move(what));
        return timeline.find_before(probe);
    };
    Probe::What write_2000{.ranges = {{0x2000, 1, false, true}}};
    auto found = last(write_2000);
    REQUIRE(found);
    CHECK(machine.now() == 5000); // the search came back
    timeline.seek(found->tick);
    CHECK(machine.cpu().s.rip == 0x0D);
    CHECK(machine.read_physical(0x2000, 1)[0] == 0);
    timeline.step(1);
    CHECK(machine.read_physical(0x2000, 1)[0] == 0x42);
    timeline.seek(5000);

    found = last({.ranges = {{0x1000, 2, true, false}}});
    REQUIRE(found);
    timeline.seek(found->tick);
    CHECK(machine.cpu().s.rip == 0x10);

    found = last({.ports_written = {0x80}});
    REQUIRE(found);
    CHECK(found->detail == "out port 080 42");
    timeline.seek(found->tick);
    CHECK(machine.cpu().s.rip == 0x0B);

    // From there backwards through the loop: 1000 increments, the last one first.
    found = last({.ranges = {{0x1000, 2, false, true}}});
    REQUIRE(found);
    timeline.seek(found->tick);
    CHECK(machine.cpu().s.rip == 3);
    CHECK(machine.read_physical(0x1000, 2) == std::vector<u8>{0xE7, 0x03});
    found = last({.ranges = {{0x1000, 2, false, true}}});
    REQUIRE(found);
    timeline.seek(found->tick);
    CHECK(machine.read_physical(0x1000, 2) == std::vector<u8>{0xE6, 0x03});

    // A breakpoint in the loop, backwards and forwards.
    const Tick here = machine.now();
    found = last({.breakpoints = {0xF0007}});
    REQUIRE(found);
    CHECK(found->tick == here - 1);
    {
        Probe probe(machine, {.breakpoints = {0xF0009}});
        found = timeline.find_after(probe);
    }
    REQUIRE(found);
    timeline.seek(found->tick);
    CHECK(machine.cpu().s.rip == 9);
    CHECK_FALSE(last({.ranges = {{0x3000, 4, false, true}}}));
}

TEST_CASE("a replayed processor meets the same breakpoints with blocks of any size") {
    for (const unsigned size : {0u, 1u, 32u}) {
        Machine machine(program({0xB9, 0x10, 0x00, 0x40, 0x43, 0xE2, 0xFC, 0xEB, 0xFE}));
        machine.cpu().interpreter().set_settings({size, true});
        Probe probe(machine, {.breakpoints = {0xF0004}});
        int stops = 0;
        Tick after = 0;
        for (;; ++stops) {
            probe.stop_after(after);
            const Stop stop = machine.run_until(500);
            if (stop.reason == StopReason::Reached) break;
            CHECK(machine.cpu().s.rip == 4);
            CHECK(stop.reason == StopReason::Breakpoint);
            after = machine.now();
        }
        CHECK(stops == 16);
    }
}

namespace {

/// Directory at 1000h, table at 2000h, accessed and dirty already: low memory where it is. Paging comes on, 5000h is
/// mapped elsewhere twice, and every mapping of it is written to.
MachineConfig remapping_program() {
    return program({
        0x66, 0xB8, 0x00, 0x10, 0x00, 0x00,                   // mov eax, 1000h
        0x0F, 0x22, 0xD8,                                     // mov cr3, eax
        0x0F, 0x20, 0xC0,                                     // mov eax, cr0
        0x66, 0x0D, 0x01, 0x00, 0x00, 0x80,                   // or eax, 80000001h
        0x0F, 0x22, 0xC0,                                     // mov cr0, eax
        0xC6, 0x06, 0x00, 0x50, 0x01,                         // mov byte [5000h], 1
        0x66, 0xC7, 0x06, 0x14, 0x20, 0x67, 0x70, 0x00, 0x00, // mov dword [2014h], 7067h: now 5000h is 7000h
        0x66, 0xB8, 0x00, 0x10, 0x00, 0x00,                   // mov eax, 1000h
        0x0F, 0x22, 0xD8,                                     // mov cr3, eax
        0xC6, 0x06, 0x00, 0x50, 0x02,                         // mov byte [5000h], 2
        0xC6, 0x06, 0x00, 0x60, 0x09,                         // mov byte [6000h], 9
        0xC6, 0x06, 0x00, 0x70, 0x03,                         // mov byte [7000h], 3: the same page
        0x66, 0xC7, 0x06, 0x14, 0x20, 0x00, 0x00, 0x00, 0x00, // mov dword [2014h], 0: nothing
        0x66, 0xC7, 0x06, 0x14, 0x20, 0x67, 0x80, 0x00, 0x00, // mov dword [2014h], 8067h: 8000h
        0x0F, 0x22, 0xD8,                                     // mov cr3, eax
        0xC6, 0x06, 0x00, 0x70, 0x04,                         // mov byte [7000h], 4: no more
        0xC6, 0x06, 0x00, 0x50, 0x05,                         // mov byte [5000h], 5
        0xEB, 0xFE,                                           // jmp $
    });
}

void make_tables(Machine& machine) {
    const auto entry = [&](u64 at, u32 value) { machine.pc().memory.write({at}, 4, value); };
    entry(0x1000, 0x2067);
    for (u32 page = 0; page < 0x400; ++page) entry(0x2000 + 4 * page, page << 12 | 0x67);
}

std::vector<std::string> writes_from(Machine& machine, Probe& probe) {
    std::vector<std::string> all;
    for (;;) {
        probe.stop_after(machine.now());
        if (machine.run_until(100).reason == StopReason::Reached) return all;
        REQUIRE(probe.hit());
        all.push_back(probe.hit()->detail);
    }
}

} // namespace

TEST_CASE("a watch on a linear address follows its page tables") {
    const std::vector<std::string> all = {"write phys:00005000 1", "write phys:00007000 1", "write phys:00007000 1",
                                          "write phys:00008000 1"};
    const Probe::What what{.linear = {{0x5000, 1, false, true}}};
    for (const unsigned size : {0u, 1u, 32u}) {
        Machine machine(remapping_program());
        make_tables(machine);
        machine.cpu().interpreter().set_settings({size, true});
        Probe before_paging(machine, what);
        CHECK(writes_from(machine, before_paging) == all);
    }
    {
        Machine machine(remapping_program());
        make_tables(machine);
        machine.run_until(12); // behind the second mapping's first write
        CHECK(machine.read_physical(0x7000, 1)[0] == 2);
        Probe probe(machine, what);
        CHECK(writes_from(machine, probe) == std::vector<std::string>(all.begin() + 2, all.end()));
    }
    {
        Machine machine(remapping_program());
        make_tables(machine);
        machine.run_until(14); // it is mapped nowhere
        Probe probe(machine, what);
        CHECK_FALSE(probe.all_mapped());
        CHECK(writes_from(machine, probe) == std::vector<std::string>(all.begin() + 3, all.end()));
    }
}

TEST_CASE("a write to a page table that stops the machine moves a watch all the same") {
    Machine machine(remapping_program());
    make_tables(machine);
    Probe probe(machine, {.ranges = {{0x2014, 4, false, true}}, .linear = {{0x5000, 1, false, true}}});
    CHECK(writes_from(machine, probe) == std::vector<std::string>{"write phys:00005000 1", "write phys:00002014 4",
                                                                  "write phys:00007000 1", "write phys:00007000 1",
                                                                  "write phys:00002014 4", "write phys:00002014 4",
                                                                  "write phys:00008000 1"});
}

TEST_CASE("who wrote the bytes at a linear address is asked of the page that stands there now") {
    Machine machine(remapping_program());
    make_tables(machine);
    Timeline timeline(machine);
    machine.run_until(100);
    const auto last = [&] {
        Probe probe(machine, {.linear = {{0x5000, 1, false, true}}});
        const auto found = timeline.find_before(probe);
        return found ? found->detail : "none";
    };
    CHECK(last() == "write phys:00008000 1");
    timeline.seek(13);
    CHECK(last() == "write phys:00007000 1");
    timeline.seek(10); // mapped there, never written
    CHECK(last() == "none");
    timeline.seek(7);
    CHECK(last() == "write phys:00005000 1");
}

TEST_CASE("a step back beside where one has gone is short, from whichever side one came") {
    // INC word [1000h]; JMP back to it
    Machine machine(program({0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA}));
    Timeline timeline(machine, {});
    machine.run_until(30'000'000); // less than the distance between checkpoints
    for (const Tick from : {Tick{25'000'000}, Tick{100}}) {
        timeline.seek(from);
        timeline.seek(15'000'000);
        CHECK(timeline.reverse_step(1));
        CHECK(timeline.now() - timeline.checkpoints().base()->tick < 200'000);
    }
}

TEST_CASE("a search that is interrupted says so and leaves everything where it was") {
    Machine machine(program({0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA}));
    TimelineSettings settings;
    settings.spacing = 100'000;
    Timeline timeline(machine, settings);
    machine.run_until(2'000'000);
    const auto before = machine.digest();
    int asked = 0;
    timeline.on_progress([&asked](double done) {
        CHECK(done >= 0);
        CHECK(done <= 1);
        return ++asked < 4;
    });
    Probe::What never;
    never.vectors.set(0x77);
    Probe probe(machine, never);
    CHECK_FALSE(timeline.find_before(probe));
    CHECK(timeline.gave_up());
    CHECK(asked == 4);
    CHECK(machine.now() == 2'000'000);
    CHECK(machine.digest() == before);
    timeline.on_progress({});
    CHECK_FALSE(timeline.find_before(probe));
    CHECK_FALSE(timeline.gave_up());
}
