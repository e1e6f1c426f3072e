// The local APIC as the processor sees it: its page moves with IA32_APIC_BASE, its timer interrupts.
#include "machine/machine.h"
#include "tests/catch.h"
#include <cstring>

using namespace r86;

namespace {

/// Real-mode program: moves the APIC's page to 20000h over RAM, keeps the version register at 504h, starts a periodic
/// timer (vector 40h, 1000 bus cycles) and halts; the handler counts in 500h and says EOI. At the tenth interrupt it
/// switches the APIC off and halts for ever.
constexpr u8 kProgram[] = {
    0x31, 0xC0, 0x8E, 0xD0, 0xBC, 0x00, 0x70, 0x8E, 0xD8,             // xor ax,ax; mov ss,ax; mov sp,7000h; mov ds,ax
    0xC7, 0x06, 0x00, 0x01, 0x60, 0x00,                               // mov word [40h*4],60h
    0xC7, 0x06, 0x02, 0x01, 0x00, 0xF0,                               // mov word [40h*4+2],0F000h
    0x66, 0xB9, 0x1B, 0x00, 0x00, 0x00,                               // mov ecx,1Bh
    0x66, 0xB8, 0x00, 0x09, 0x02, 0x00,                               // mov eax,20900h
    0x66, 0x31, 0xD2, 0x0F, 0x30,                                     // xor edx,edx; wrmsr
    0xB8, 0x00, 0x20, 0x8E, 0xC0,                                     // mov ax,2000h; mov es,ax
    0x26, 0x66, 0xA1, 0x30, 0x00, 0x66, 0xA3, 0x04, 0x05,             // mov eax,[es:30h]; mov [504h],eax
    0x26, 0x66, 0xC7, 0x06, 0xF0, 0x00, 0xFF, 0x01, 0x00, 0x00,       // mov dword [es:0F0h],1FFh
    0x26, 0x66, 0xC7, 0x06, 0xE0, 0x03, 0x0B, 0x00, 0x00, 0x00,       // mov dword [es:3E0h],0Bh
    0x26, 0x66, 0xC7, 0x06, 0x20, 0x03, 0x40, 0x00, 0x02, 0x00,       // mov dword [es:320h],20040h
    0x26, 0x66, 0xC7, 0x06, 0x80, 0x03, 0xE8, 0x03, 0x00, 0x00,       // mov dword [es:380h],1000
    0xFB, 0xF4, 0xEB, 0xFD,                                           // sti; hlt; jmp
    0xFF, 0x06, 0x00, 0x05,                                           // 60h: inc word [500h]
    0x26, 0x66, 0xC7, 0x06, 0xB0, 0x00, 0x00, 0x00, 0x00, 0x00,       // mov dword [es:0B0h],0
    0x83, 0x3E, 0x00, 0x05, 0x0A, 0x72, 0x13,                         // cmp word [500h],10; jb iret
    0xFA, 0x66, 0xB9, 0x1B, 0x00, 0x00, 0x00,                         // cli; mov ecx,1Bh
    0x66, 0xB8, 0x00, 0x01, 0xE0, 0xFE, 0x66, 0x31, 0xD2, 0x0F, 0x30, // mov eax,0FEE00100h; xor edx,edx; wrmsr
    0xF4, 0xCF,                                                       // hlt; iret
};

MachineConfig config(const char* cpu) {
    MachineConfig c;
    c.memory_bytes = u64{4} << 20;
    c.cpu = cpu;
    c.no_vgabios = true;
    c.bios.assign(0x10000, 0xF4);
    std::memcpy(c.bios.data(), kProgram, sizeof kProgram);
    const u8 jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(&c.bios[0xFFF0], jump, sizeof jump);
    return c;
}

} // namespace

TEST_CASE("the local APIC's page moves over RAM, and its timer wakes a halted processor at the exact time") {
    Machine machine(config("pentium"));
    CHECK(machine.run_until(1'000'000).reason == StopReason::DeadHalt);
    CHECK(machine.read_physical(0x500, 2) == std::vector<u8>{10, 0});
    CHECK(machine.read_physical(0x504, 4) == std::vector<u8>{0x14, 0x00, 0x05, 0x00});
    // Ten periods of 10 us after the start of the count; at 100 MIPS a bus cycle is a tick.
    CHECK(machine.now() > 10'000);
    CHECK(machine.now() < 10'100);
    CHECK(machine.read_physical(0x20030, 4) == std::vector<u8>(4, 0)); // RAM again
}

TEST_CASE("a machine saved while the APIC's page lies over RAM goes on as the other one does") {
    Machine a(config("pentium4")), b(config("pentium4"));
    a.run_until(5'000);
    b.load(a.save());
    CHECK(b.read_physical(0x20030, 1) == std::vector<u8>{0xFF}); // a chip answers there
    CHECK(a.run_until(1'000'000).reason == StopReason::DeadHalt);
    CHECK(b.run_until(1'000'000).reason == StopReason::DeadHalt);
    CHECK(a.now() == b.now());
    CHECK(a.digest() == b.digest());
}

TEST_CASE("a 486 has no local APIC: WRMSR is an invalid opcode, nothing answers at FEE00000h") {
    Machine machine(config("486"));
    CHECK_FALSE(machine.pc().model.has(Feature::APIC));
    CHECK(machine.pc().memory.read({0xFEE00030}, 4) == 0xFFFFFFFF);
    CHECK(machine.pc().memory.read({0xFEC00000}, 4) == 0xFFFFFFFF);
    Machine pentium(config("pentium"));
    CHECK(pentium.pc().memory.read({0xFEE00030}, 4) == 0x00050014);
    CHECK(pentium.pc().memory.read({0xFEC00000}, 4) == 0);
}
