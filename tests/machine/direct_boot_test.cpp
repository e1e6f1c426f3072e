// Kernels of a few instructions, started by the boot ROMs after SeaBIOS' POST.
#include "machine/machine.h"
#include "tests/catch.h"
#include <cstring>

using namespace r86;

namespace {

void put(std::vector<u8>& bytes, usize at, u64 value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<u8>(value >> (8 * i));
}

void code_at(std::vector<u8>& bytes, usize at, std::initializer_list<int> code) {
    for (const int byte : code) bytes[at++] = static_cast<u8>(byte);
}

Stop run(Machine& machine) { return machine.run_until(machine.tick_after(20'000'000'000)); }

std::unique_ptr<Machine> make(KernelFiles files) {
    MachineConfig config;
    config.memory_bytes = u64{32} << 20;
    config.mips = 20;
    config.isa_debug_exit = true;
    config.boot_menu = false;
    config.kernel = std::move(files);
    return std::make_unique<Machine>(std::move(config));
}

/// A set-up of the boot protocol's version 2.15; `high` tells a bzImage from a zImage.
std::vector<u8> linux_image(bool high, std::initializer_list<int> code) {
    std::vector<u8> image(5 * 512 + 0x1000, 0x90);
    image[0x1F1] = 4;
    put(image, 0x1FE, 0xAA55, 2);
    code_at(image, 0x200, {0xEB, 0x7E}); // JMP 280h
    std::memcpy(&image[0x202], "HdrS", 4);
    put(image, 0x206, high ? 0x20F : 0x201, 2);
    image[0x211] = high;
    put(image, 0x22C, 0x00FFFFFF, 4); // initrd_addr_max
    put(image, 0x238, 255, 4);
    put(image, 0x260, 0x1000, 4);
    code_at(image, 0x280, code);
    return image;
}

} // namespace

TEST_CASE("Linux: the set-up is entered with BIOS services, command line, kernel and initial RAM disk in place") {
    KernelFiles files;
    // Tells the first letter of the command line, if INT 12h answers 639.
    files.kernel = linux_image(true, {
                                         0xCD, 0x12, 0x3D, 0x7F, 0x02, 0x75, 0x10, // INT 12h; CMP AX,639; JNE fail
                                         0x66, 0xA1, 0x28, 0x02,                   // MOV EAX,[228h]
                                         0x66, 0xC1, 0xE8, 0x04,                   // SHR EAX,4
                                         0x8E, 0xC0, 0x26, 0xA0, 0x00, 0x00,       // MOV ES,AX; MOV AL,ES:[0]
                                         0xEB, 0x02,                               // JMP out
                                         0xB0, 0x7F,                               // fail: MOV AL,7Fh
                                         0xE6, 0xF4, 0xEB, 0xFE,                   // out: OUT F4h,AL
                                     });
    files.command_line = "Quiet";
    files.initrd = std::vector<u8>(5000, 0x3C);
    auto machine = make(files);
    CHECK(run(*machine) == Stop{StopReason::GuestExit, static_cast<u8>('Q' << 1 | 1)});
    const u16 segment = machine->cpu().s.seg[DS].selector;
    CHECK(segment == 0x1000);
    CHECK(machine->cpu().s.seg[SS].selector == segment);
    CHECK(machine->cpu().s.seg[CS].selector == segment + 0x20);
    const auto header = machine->read_physical(segment * 16u, 0x300);
    const u32 image = static_cast<u32>(header[0x218] | header[0x219] << 8 | header[0x21A] << 16 | header[0x21B] << 24);
    CHECK(image == 0x1000000 - 0x2000); // the highest pages that initrd_addr_max allows
    CHECK(machine->read_physical(image, 5000) == files.initrd);
    CHECK(machine->read_physical(0x100000, 4) == std::vector<u8>(4, 0x90));
}

TEST_CASE("Linux: an old zImage runs at 90000h") {
    KernelFiles files;
    // MOV AX,CS; MOV AL,AH; OUT F4h,AL
    files.kernel = linux_image(false, {0x8C, 0xC8, 0x88, 0xE0, 0xE6, 0xF4, 0xEB, 0xFE});
    auto machine = make(files);
    CHECK(run(*machine) == Stop{StopReason::GuestExit, static_cast<u8>(0x90 << 1 | 1)});
    CHECK(machine->read_physical(0x10000, 4) == std::vector<u8>(4, 0x90));
}

TEST_CASE("multiboot: 32-bit protected mode with information about modules and memory") {
    KernelFiles files;
    std::vector<u8>& image = files.kernel;
    image.assign(0x1000, 0);
    put(image, 0, 0x1BADB002, 4);
    put(image, 4, 0x10003, 4);
    put(image, 8, -(i64{0x1BADB002} + 0x10003), 4);
    put(image, 12, 0x200000, 4);
    put(image, 16, 0x200000, 4);
    put(image, 28, 0x200020, 4);
    code_at(image, 0x20,
            {
                0x3D, 0x02, 0xB0, 0xAD, 0x2B, 0x75, 0x13, // CMP EAX,2BADB002h; JNE fail
                0x83, 0x7B, 0x14, 0x01, 0x75, 0x0D,       // CMP [EBX+20],1 module; JNE fail
                0x8B, 0x4B, 0x18, 0x8B, 0x31, 0x8A, 0x06, // its first byte
                0xE6, 0xF4, 0xEB, 0xFE,                   // OUT F4h,AL
                0x90, 0x90,                               //
                0xB0, 0x7F, 0xE6, 0xF4, 0xEB, 0xFE,       // fail
            });
    files.modules = {{{0x2A, 1, 2, 3}, "module one"}};
    auto machine = make(files);
    CHECK(run(*machine) == Stop{StopReason::GuestExit, 0x2A << 1 | 1});
    const CpuState& s = machine->cpu().s;
    CHECK((s.cr0 & (kCR0_PE | kCR0_PG)) == kCR0_PE);
    CHECK(s.a20);
    const auto info = machine->read_physical(s.gpr[RBX], 120);
    const auto get = [&](usize at) {
        return static_cast<u32>(info[at] | info[at + 1] << 8 | info[at + 2] << 16 | info[at + 3] << 24);
    };
    CHECK((get(0) & 0x49) == 0x49); // memory sizes, modules, memory map
    CHECK(get(4) == 639);
    CHECK(get(8) > 30 * 1024);
    CHECK(get(44) >= 5 * 24);
    const auto map = machine->read_physical(get(48), get(44));
    CHECK(map[0] == 20);
    CHECK(map[20] == 1); // the first entry is usable memory
}
