// What Windows NT, 2000, XP and ReactOS need, as far as it takes instructions of theirs to see it; and what the
// firmware tells them from CMOS RAM. The rest is in windows_checklist_test.cpp.
#include "tests/catch.h"
#include "tests/machine/board_fixture.h"
#include <cstring>

using namespace r86;

namespace {

/// A machine that runs `program` in real mode with DS = 0 from the reset vector on.
MachineConfig with_program(const std::vector<u8>& program, const std::string& cpu = "pentium3") {
    MachineConfig config = Board::config();
    config.cpu = cpu;
    std::copy(program.begin(), program.end(), config.bios.begin());
    const u8 jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0}; // jmp F000:0000
    std::copy(std::begin(jump), std::end(jump), config.bios.end() - 16);
    return config;
}

u32 dword(Machine& machine, u64 address) {
    const auto bytes = machine.read_physical(address, 4);
    return static_cast<u32>(bytes[0] | bytes[1] << 8 | bytes[2] << 16) | u32{bytes[3]} << 24;
}

} // namespace

TEST_CASE("windows checklist, CPU: kernels read vendor and microcode revision without a fault") {
    const std::vector<u8> program = {
        0x31, 0xC0, 0x8E, 0xD8,             // xor ax,ax; mov ds,ax
        0x66, 0x31, 0xC0, 0x0F, 0xA2,       // xor eax,eax; cpuid
        0x66, 0x89, 0x1E, 0x00, 0x05,       // mov [500h],ebx
        0x66, 0x89, 0x16, 0x04, 0x05,       // mov [504h],edx
        0x66, 0x89, 0x0E, 0x08, 0x05,       // mov [508h],ecx
        0x66, 0xB9, 0x8B, 0x00, 0x00, 0x00, // mov ecx,8Bh
        0x66, 0x31, 0xC0, 0x66, 0x31, 0xD2, // xor eax,eax; xor edx,edx
        0x0F, 0x30,                         // wrmsr
        0x66, 0xB8, 0x01, 0x00, 0x00, 0x00, // mov eax,1
        0x0F, 0xA2,                         // cpuid
        0x66, 0xB9, 0x8B, 0x00, 0x00, 0x00, // mov ecx,8Bh
        0x0F, 0x32,                         // rdmsr
        0xC6, 0x06, 0x0C, 0x05, 0x5A,       // mov byte [50Ch],5Ah
        0xF4,                               // hlt
    };
    for (const char* model : {"pentium3", "pentium4", "max"}) {
        INFO(model);
        Board b(with_program(program, model));
        b.pass(1'000'000);
        const auto bytes = b.machine.read_physical(0x500, 13);
        CHECK(std::memcmp(bytes.data(), "GenuineIntel", 12) == 0);
        CHECK(bytes[12] == 0x5A);
    }
}

TEST_CASE("windows checklist, timers: a guest that measures its TSC by the PM timer finds one speed, again and again") {
    // Ten times: RDTSC, 10 ms by the PM timer, RDTSC; the differences from 500h on.
    const std::vector<u8> program = {
        0x31, 0xC0, 0x8E, 0xD8, 0xBF, 0x00, 0x05, // xor ax,ax; mov ds,ax; mov di,500h
        0xBA, 0x08, 0x06,                         // again: mov dx,608h
        0x66, 0xED, 0x66, 0x89, 0xC6,             // in eax,dx; mov esi,eax
        0x0F, 0x31, 0x66, 0x89, 0xC3,             // rdtsc; mov ebx,eax
        0xBA, 0x08, 0x06,                         // mov dx,608h
        0x66, 0xED, 0x66, 0x29, 0xF0,             // wait: in eax,dx; sub eax,esi
        0x66, 0x25, 0xFF, 0xFF, 0xFF, 0x00,       // and eax,0FFFFFFh
        0x66, 0x3D, 0xD3, 0x8B, 0x00, 0x00,       // cmp eax,35795
        0x72, 0xED,                               // jb wait
        0x0F, 0x31, 0x66, 0x29, 0xD8,             // rdtsc; sub eax,ebx
        0x66, 0x89, 0x05, 0x83, 0xC7, 0x04,       // mov [di],eax; add di,4
        0x81, 0xFF, 0x28, 0x05,                   // cmp di,528h
        0x72, 0xCC, 0xF4,                         // jb again; hlt
    };
    for (const u32 mips : {10u, 100u, 250u}) {
        MachineConfig config = with_program(program);
        config.mips = mips;
        Board b(std::move(config));
        b.place_pm();
        b.pass(200'000'000);
        std::vector<double> megahertz;
        for (u64 i = 0; i < 10; ++i) megahertz.push_back(dword(b.machine, 0x500 + 4 * i) / 10'000.0);
        INFO("at " << mips << " million instructions a second");
        const auto [least, most] = std::minmax_element(megahertz.begin(), megahertz.end());
        CHECK(*least > 1);
        CHECK(*most - *least < 1);                // what ReactOS asks of two samples
        CHECK(std::abs(megahertz[0] - 1000) < 2); // the TSC's frequency, whatever the speed
    }
}

TEST_CASE("windows checklist, timers: CMOS RAM names drives and memory, with a good checksum") {
    for (const u64 megabytes : {32, 64, 96, 128}) {
        MachineConfig config = Board::config();
        config.memory_bytes = megabytes << 20;
        for (int i = 0; i < 2; ++i) config.disks.push_back(make_memory_image(std::vector<u8>(1 << 20), false, "disk"));
        config.floppies[0] = make_memory_image(std::vector<u8>(1440 * 1024), false, "floppy");
        Board b(std::move(config));
        CHECK(b.cmos(0x10) == 0x40); // A: 1.44 MB, no B
        CHECK(b.cmos(0x12) == 0xFF); // two disks, of extended types
        CHECK(b.cmos(0x19) == 47);
        CHECK(b.cmos(0x1A) == 47);
        CHECK((b.cmos(0x14) & 0x03) == 0x03); // a floppy drive, a coprocessor
        CHECK((b.cmos(0x15) | b.cmos(0x16) << 8) == 640);
        const u64 extended = std::min<u64>((megabytes - 1) * 1024, 0xFFFF);
        CHECK(static_cast<u64>(b.cmos(0x17) | b.cmos(0x18) << 8) == extended);
        CHECK(static_cast<u64>(b.cmos(0x30) | b.cmos(0x31) << 8) == extended);
        CHECK(static_cast<u64>(b.cmos(0x34) | b.cmos(0x35) << 8) == (megabytes - 16) * 16); // 64 KiB units
        unsigned sum = 0;
        for (u8 index = 0x10; index < 0x2E; ++index) sum += b.cmos(index);
        CHECK((b.cmos(0x2E) << 8 | b.cmos(0x2F)) == static_cast<int>(sum & 0xFFFF));
        CHECK((b.cmos(0x0D) & 0x80) != 0); // valid RAM and time
    }
}
