// What Windows NT, 2000, XP and ReactOS need from the board: facts that documentation, source and issue threads of
// these systems and of other emulators name. One test for each that can be seen without an image; the processor stands
// in HLT and the test speaks to the ports.
#include "tests/catch.h"
#include "tests/machine/board_fixture.h"
#include <cstdlib>

using namespace r86;

TEST_CASE("windows checklist, CPU: CMPXCHG8B is there and announced from the Pentium on") {
    for (const char* name : {"pentium", "pentium3", "pentium4", "max"}) {
        const CpuModel model = find_cpu_model(name);
        CHECK(model.has(Feature::CX8));
        CHECK((cpuid(model, 1, 0, 0)[3] & 1u << 8) != 0);
        CHECK(find_cpu_model(std::string(name) + ",cpuid-limit=2").max_leaf <= 2); // NT 4
    }
    CHECK((cpuid(find_cpu_model("pentium3"), 2, 0, 0)[0] & 0xFF) == 1); // the loop over leaf 2 ends
}

TEST_CASE("windows checklist, CPU: SYSENTER is announced from family 6, model 3, stepping 3 on, as kernels test it") {
    for (const char* name : {"486", "pentium", "pentium3", "pentium4", "max"}) {
        INFO(name);
        const CpuModel model = find_cpu_model(name);
        if (model.max_leaf < 1) continue;
        const u32 signature = cpuid(model, 1, 0, 0)[0], family = signature >> 8 & 15;
        const bool sep = cpuid(model, 1, 0, 0)[3] & 1u << 11;
        CHECK(sep == (family > 6 || (family == 6 && (signature & 0xFF) >= 0x33)));
        if (model.max_leaf >= 2) CHECK((cpuid(model, 2, 0, 0)[0] & 0xFF) == 1);
    }
}

TEST_CASE("windows checklist, CPU: XCHG BX, BX, which XP's loader has, is no breakpoint") {
    MachineConfig config = Board::config();
    const u8 program[] = {0x87, 0xDB, 0x40, 0xF4}; // XCHG BX, BX; INC AX; HLT
    std::copy(std::begin(program), std::end(program), config.bios.end() - 16);
    Board b(std::move(config));
    const u64 before = b.machine.cpu().s.gpr[0];
    CHECK(b.machine.run_until(b.machine.tick_after(1'000'000)).reason == StopReason::Reached);
    CHECK(b.machine.cpu().s.gpr[0] == before + 1);
}

TEST_CASE(
    "windows checklist, timers: TSC, 8254, PM timer and RTC run by one clock, by default at a speed XP believes") {
    Board b;
    CHECK(b.machine.mips() >= 10);
    CHECK(b.machine.mips() <= 250);
    b.place_pm();
    b.out(0x43, 0x34); // counter 0: mode 2, 65536
    b.out(0x40, 0);
    b.out(0x40, 0);
    const auto counter = [&] {
        b.out(0x43, 0x00);
        const u32 low = b.in(0x40);
        return low | b.in(0x40) << 8;
    };
    const auto tsc = [&] { return b.pc.clock.ns_at(b.machine.now()); }; // RDTSC: protected_system_test.cpp
    b.pass(1'000'000);
    for (int i = 0; i < 10; ++i) { // as ReactOS samples until two values agree
        const u64 tsc0 = tsc(), pm0 = b.in(0x608, 4), pit0 = counter();
        b.pass(50'000'000);
        const u64 ns = tsc() - tsc0;
        const i64 pm = static_cast<i64>((b.in(0x608, 4) - pm0) & 0xFFFFFF),
                  pit = static_cast<i64>((pit0 - counter()) & 0xFFFF);
        CHECK(std::abs(pm - static_cast<i64>(ns * 3'579'545 / 1'000'000'000)) <= 1);
        CHECK(std::abs(pit - static_cast<i64>(ns * 1'193'182 / 1'000'000'000 % 65536)) <= 1);
    }
}

TEST_CASE(
    "windows checklist, timers: the tick's rate changes on the fly, for the 8254 of PIC HALs and the RTC of others") {
    Board b;
    int ticks = 0;
    b.out(0x20, 0x11); // as halx86 sets up the master
    b.out(0x21, 0x30);
    b.out(0x21, 0x04);
    b.out(0x21, 0x01);
    b.out(0x21, 0xFE);
    const auto count_ticks = [&](u64 ns) {
        ticks = 0;
        for (const u64 end = b.machine.now_ns() + ns; b.machine.now_ns() < end; b.pass(100'000)) {
            if (!b.pc.pic_master.int_out.level()) continue;
            ++ticks;
            CHECK(b.pc.pic_master.acknowledge() == 0x30);
            b.out(0x20, 0x20);
        }
        return ticks;
    };
    for (const u32 divisor : {11932u, 1193u, 11932u}) { // 10 ms, and 1 ms while a multimedia timer runs
        b.out(0x43, 0x34);
        b.out(0x40, divisor & 0xFF);
        b.out(0x40, divisor >> 8);
        const int expected = static_cast<int>(1'193'182 / divisor / 5);
        CHECK(std::abs(count_ticks(200'000'000) - expected) <= 1);
    }
    const auto count_rtc = [&](u64 ns) {
        ticks = 0;
        for (const u64 end = b.machine.now_ns() + ns; b.machine.now_ns() < end; b.pass(100'000))
            ticks += (b.cmos(0x0C) & 0xC0) == 0xC0;
        return ticks;
    };
    b.set_cmos(0x0B, 0x42);
    for (const auto& [rate, hertz] : {std::pair{u8{0x2A}, 64}, {u8{0x26}, 1024}, {u8{0x2A}, 64}}) {
        b.set_cmos(0x0A, rate);
        CHECK(std::abs(count_rtc(250'000'000) - hertz / 4) <= 1);
    }
}

TEST_CASE("windows checklist, timers: APIC HALs take their tick from the RTC's periodic interrupt on input 8") {
    Board b;
    // Input 8, edge, vector D1h, as halapic programs it; the local APIC is on.
    b.pc.local_apic.write(0xF0, 4, 0x11F);
    b.pc.io_apic.write(0, 4, 0x20);
    b.pc.io_apic.write(0x10, 4, 0xD1);
    b.set_cmos(0x0A, 0x26); // 1024 Hz
    b.set_cmos(0x0B, 0x42);
    b.pass(2'000'000);
    CHECK(b.pc.local_apic.intr.level());
    CHECK(b.pc.local_apic.acknowledge() == 0xD1);
    b.pc.local_apic.write(0xB0, 4, 0);
    b.pass(10'000'000);
    CHECK_FALSE(b.pc.local_apic.intr.level()); // register C was not read
    CHECK((b.cmos(0x0C) & 0xC0) == 0xC0);
    b.pass(2'000'000);
    CHECK(b.pc.local_apic.intr.level()); // reading it re-armed the line
}

TEST_CASE("windows checklist, timers: the PM timer counts at 3.579545 MHz, never backwards, and wraps at 24 bits") {
    Board b;
    b.place_pm();
    u32 before = b.in(0x608, 4);
    u64 passed = 0;
    for (int i = 0; i < 60; ++i) {
        b.pass(100'000'000);
        const u32 now = b.in(0x608, 4);
        CHECK(now < 0x1000000);
        passed += (now - before) & 0xFFFFFF;
        before = now;
    }
    CHECK(passed >= 6 * 3'579'545 - 2);
    CHECK(passed <= 6 * 3'579'545 + 2);
}

TEST_CASE("windows checklist, interrupts: ACPI is taken over with F1h at B2h, and SCI comes on IRQ 9 as a level") {
    Board b;
    b.place_pm();
    CHECK((b.in(0x604, 2) & 1) == 0);
    b.out(0xB2, 0xF1);
    CHECK((b.in(0x604, 2) & 1) == 1);
    b.out(0x602, 0x100, 2); // PWRBTN_EN
    b.pc.pic_slave.set_elcr(0x02);
    b.machine.apply(input::PowerButton{});
    CHECK(b.pc.pm.sci.level());
    CHECK((b.pc.pic_slave.irr() & 2) != 0);
    b.out(0x600, 0x100, 2);
    CHECK_FALSE(b.pc.pm.sci.level());
    CHECK((b.pc.pic_slave.irr() & 2) == 0);
    b.out(0xB2, 0xF0);
    CHECK((b.in(0x604, 2) & 1) == 0);
}

TEST_CASE("windows checklist, interrupts: soft off switches the machine off") {
    Board b;
    b.place_pm();
    b.out(0x604, 0x2000, 2);
    CHECK(b.machine.run_until(b.machine.now() + 1000).reason == StopReason::PoweredOff);
}

TEST_CASE("windows checklist, interrupts: the DSDT names no HPET, which XP would show as an unknown device") {
    Board b;
    CHECK_FALSE(b.contains("HPET"));
    CHECK_FALSE(b.contains(std::string("\x41\xD0\x01\x03", 4))); // EISAID PNP0103
    CHECK(b.contains("_S5_"));
    CHECK(b.contains("_PRT"));
}

TEST_CASE("windows checklist, interrupts: OEM names of RSDT and FADT are the same, as the HAL choice compares them") {
    const AcpiFiles files = build_acpi({u64{128} << 20, 1, true, false});
    const std::string tables(files.tables.begin(), files.tables.end());
    for (const char* signature : {"RSDT", "FACP", "APIC", "DSDT"}) {
        const usize at = tables.find(signature);
        REQUIRE(at != std::string::npos);
        CHECK(tables.substr(at + 10, 14) == "R86   REWIND86");
    }
}

TEST_CASE("windows checklist, interrupts: the firmware's date, by which setup trusts ACPI, is not before 1999") {
    const auto bios = bundled_bios().bytes;
    const std::string date(bios.end() - 11, bios.end() - 3); // F000:FFF5, MM/DD/YY
    CHECK(date[2] == '/');
    CHECK(date[5] == '/');
    const int year = std::stoi(date.substr(6));
    CHECK((year >= 99 || year < 80));
}

TEST_CASE("windows checklist, PS/2: motion before anybody asked for it leaves the keyboard's bytes alone") {
    Board b;
    b.out(0x64, 0xAA);
    CHECK(b.keyboard_byte() == 0x55);
    b.out(0x64, 0xAE);
    b.out(0x64, 0xA8);
    b.pass(100'000'000); // both self-tests
    std::vector<u8> first;
    for (b.pass(2'000'000); b.in(0x64) & 1; b.pass(2'000'000)) first.push_back(static_cast<u8>(b.in(0x60)));
    CHECK(first == std::vector<u8>{0xAA, 0xAA, 0x00});
    for (int i = 0; i < 50; ++i) {
        b.machine.apply(input::Mouse{3, -2, 1, static_cast<u8>(i & 1)});
        b.pass(1'000'000);
    }
    b.machine.apply(input::Key{KeyCode::A, true});
    b.machine.apply(input::Mouse{1, 1, 0, 0});
    b.pass(5'000'000);
    CHECK((b.in(0x64) & 0x21) == 0x01); // from the keyboard
    CHECK(b.in(0x60) == 0x1C);
    b.pass(5'000'000);
    CHECK((b.in(0x64) & 1) == 0);
    // Once it is enabled, three bytes of the mouse do not mix with the keyboard's.
    CHECK(b.mouse(0xF4) == 0xFA);
    b.machine.apply(input::Mouse{5, 0, 0, 0});
    b.machine.apply(input::Key{KeyCode::A, false});
    std::vector<u8> keys, motion;
    for (b.pass(2'000'000); b.in(0x64) & 1; b.pass(2'000'000)) {
        auto& from = b.in(0x64) & 0x20 ? motion : keys;
        from.push_back(static_cast<u8>(b.in(0x60)));
    }
    CHECK(keys == std::vector<u8>{0xF0, 0x1C}); // no translation: the command byte is as after the self-test
    CHECK(motion == std::vector<u8>{0x08, 5, 0});
}

TEST_CASE("windows checklist, PS/2: wide reads of 60h and 64h return the eight bits of one register") {
    Board b;
    b.out(0x64, 0x20); // read the command byte
    b.pass(5'000'000);
    const u32 status = b.in(0x64, 1);
    CHECK((status & 1) == 1);
    CHECK((b.in(0x64, 2) & 0xFF) == status);
    CHECK((b.in(0x64, 4) & 0xFF) == status);
    b.in(0x60, 4);
    CHECK((b.in(0x64) & 1) == 0); // taken once
}

TEST_CASE("windows checklist, PS/2: reset, the wheel's knock and the secondary ID") {
    Board b;
    b.out(0x64, 0xA8);
    CHECK(b.mouse(0xFF) == 0xFA);
    CHECK(b.keyboard_byte() == 0xAA);
    CHECK(b.keyboard_byte() == 0x00);
    for (const u8 rate : {200, 100, 80}) {
        CHECK(b.mouse(0xF3) == 0xFA);
        CHECK(b.mouse(rate) == 0xFA);
    }
    CHECK(b.mouse(0xF2) == 0xFA);
    CHECK(b.keyboard_byte() == 3);
    CHECK(b.mouse(0xE9) == 0xFA); // status: reporting off, scaling 1:1; 4 counts a mm; the last rate
    CHECK((b.keyboard_byte() & 0x30) == 0);
    CHECK(b.keyboard_byte() == 2);
    CHECK(b.keyboard_byte() == 80);
    CHECK(b.mouse(0xE1) == 0xFA);
}

TEST_CASE("windows checklist, video: the Bochs interface is new enough for ReactOS' driver, with a frame buffer BAR") {
    Board b;
    b.out(0x1CE, 0, 2);
    CHECK(b.in(0x1CF, 2) >= 0xB0C2);
    CHECK(b.pci(2, 0, 0) == 0x11111234);
    CHECK((b.pci(2, 0, 0x08) >> 8) == 0x030000);
    b.set_pci(2, 0, 0x10, 0xFFFFFFFF);
    CHECK((b.pci(2, 0, 0x10) & 0xFFFFFFF0) == 0xFF000000); // 16 MiB
}

TEST_CASE("windows checklist, disk: both IDE channels have bus mastering, and a command takes its time") {
    Board b;
    CHECK(b.pci(1, 1, 0) == 0x70108086);
    CHECK((b.pci(1, 1, 0x08) >> 8) == 0x010180); // legacy ports, bus master
    b.set_pci(1, 1, 0x20, 0xC001);
    b.set_pci(1, 1, 0x04, 0x5);
    for (const u16 base : {0xC000, 0xC008}) {
        CHECK((b.in(static_cast<u16>(base + 2)) & 0x07) == 0);
        b.out(base, 8);
        CHECK(b.in(base) == 8);
    }
    // Windows 2000's driver loses an interrupt that comes before it has left the function that wrote the command.
    b.out(0x376, 0);
    b.out(0x176, 0xA0);
    b.out(0x177, 0xA1); // IDENTIFY PACKET DEVICE
    CHECK((b.in(0x376) & 0x80) != 0);
    CHECK_FALSE(b.pc.ide_secondary.irq().level());
    b.pass(1'000);
    CHECK_FALSE(b.pc.ide_secondary.irq().level());
    b.pass(50'000'000);
    CHECK(b.pc.ide_secondary.irq().level());
}

TEST_CASE(
    "windows checklist, disk: every packet command that Windows and ReactOS send is known, with and without a disc") {
    Board b;
    const auto packet = [&](std::vector<u8> bytes) {
        bytes.resize(12);
        b.out(0x376, 0x02);
        b.out(0x176, 0xA0);
        b.out(0x171, 0);
        b.out(0x174, 0xFE);
        b.out(0x175, 0xFF);
        b.out(0x177, 0xA0);
        for (usize i = 0; i < 12; i += 2) b.out(0x170, bytes[i] | bytes[i + 1] << 8, 2);
        std::vector<u8> data;
        for (int i = 0; i < 100; ++i) {
            while (b.in(0x376) & 0x80) b.pass(10'000);
            if (!(b.in(0x376) & 0x08)) break;
            const u32 size = b.in(0x174) | b.in(0x175) << 8;
            for (u32 at = 0; at < size; at += 2) {
                const u32 word = b.in(0x170, 2);
                data.push_back(static_cast<u8>(word));
                data.push_back(static_cast<u8>(word >> 8));
            }
        }
        return data;
    };
    for (const bool disc : {false, true}) {
        if (disc) {
            std::vector<u8> content(2048 * 400);
            b.machine.apply(input::Medium{"cdrom0", make_memory_image(std::move(content), true, "disc")});
        }
        for (const u8 operation :
             {0x00, 0x03, 0x12, 0x1B, 0x1E, 0x25, 0x28, 0x43, 0x46, 0x4A, 0x51, 0x52, 0x5A, 0xA8, 0xAC, 0xBD, 0xBE}) {
            std::vector<u8> bytes(12);
            bytes[0] = operation;
            if (operation == 0x03 || operation == 0x12) bytes[4] = 36;
            if (operation == 0x1B) bytes[4] = 1;
            if (operation == 0x4A) bytes[1] = 1, bytes[4] = 0x10;
            if (operation == 0x52) bytes[1] = 1, bytes[5] = 1;
            if (operation == 0x5A) bytes[2] = 0x3F;
            if (operation == 0xBE) bytes[9] = 0x10;
            if (operation != 0x03 && operation != 0x12 && operation != 0x1B && operation != 0x28 && operation != 0xA8)
                bytes[8] = 8;
            INFO("operation " << int{operation} << (disc ? " with a disc" : ""));
            packet({0x00});
            packet({0x03, 0, 0, 0, 18}); // what the change of the disc left
            packet({0x00});
            packet({0x03, 0, 0, 0, 18});
            const auto data = packet(bytes);
            if (operation == 0x46) CHECK(data.size() == 8); // the allocation length, no more
            const auto sense = packet({0x03, 0, 0, 0, 18});
            REQUIRE(sense.size() == 18);
            CHECK((sense[2] & 15) != 5); // ILLEGAL REQUEST
            if (disc) CHECK(int{sense[2] & 15} == 0);
        }
    }
}
