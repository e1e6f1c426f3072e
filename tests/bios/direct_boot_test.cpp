#include "bios/direct_boot.h"
#include "bios/embedded.h"
#include "bios/firmware.h"
#include "core/error.h"
#include "core/sha256.h"
#include "tests/catch.h"
#include <cstring>
#include <numeric>

using namespace r86;

namespace {

constexpr u64 kRam = u64{64} << 20;

void put(std::vector<u8>& bytes, usize at, u64 value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<u8>(value >> (8 * i));
}
u32 get(const std::vector<u8>& bytes, usize at, unsigned size = 4) {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u32{bytes[at + i]} << (8 * i);
    return value;
}

std::vector<u8> linux_kernel(u16 version, bool high, usize payload = 0x3000) {
    std::vector<u8> image(5 * 512 + payload, 0x90);
    image[0x1F1] = 4;
    put(image, 0x1F4, payload / 16, 4);
    put(image, 0x1FE, 0xAA55, 2);
    std::memcpy(&image[0x202], "HdrS", 4);
    put(image, 0x206, version, 2);
    image[0x211] = high;
    put(image, 0x22C, 0x37FFFFFF, 4);
    put(image, 0x238, 2047, 4);
    put(image, 0x260, 0x800000, 4);
    return image;
}

/// ELF of either class with one segment: a multiboot header and code.
std::vector<u8> elf_kernel(bool wide, u32 flags = 3) {
    std::vector<u8> image(0x200, 0);
    std::memcpy(image.data(),
                "\x7F"
                "ELF",
                4);
    image[4] = wide ? 2 : 1;
    put(image, 24, 0x100010, wide ? 8 : 4);
    put(image, wide ? 32 : 28, 64, wide ? 8 : 4);
    put(image, wide ? 54 : 42, wide ? 56 : 32, 2);
    put(image, wide ? 56 : 44, 1, 2);
    put(image, 64, 1, 4); // PT_LOAD
    const unsigned size = wide ? 8 : 4;
    put(image, 64 + (wide ? 8 : 4), 0x100, size);
    put(image, 64 + (wide ? 16 : 8), 0x100000, size);
    put(image, 64 + (wide ? 24 : 12), 0x100000, size);
    put(image, 64 + (wide ? 32 : 16), 0x100, size);
    put(image, 64 + (wide ? 40 : 20), 0x1800, size);
    put(image, 0x100, 0x1BADB002, 4);
    put(image, 0x104, flags, 4);
    put(image, 0x108, -(0x1BADB002 + static_cast<i64>(flags)), 4);
    return image;
}

DirectBoot boot(std::vector<u8> kernel, std::string line = {}, std::vector<u8> initrd = {}) {
    KernelFiles files;
    files.kernel = std::move(kernel);
    files.command_line = std::move(line);
    files.initrd = std::move(initrd);
    return prepare_direct_boot(files, kRam);
}

} // namespace

TEST_CASE("Linux: a bzImage has its set-up at 10000h and its kernel at 1 MiB") {
    const DirectBoot b = boot(linux_kernel(0x20F, true), "console=ttyS0 vga=788", std::vector<u8>(5000));
    CHECK(b.setup.size() == 5 * 512);
    CHECK(b.setup_address == 0x10000);
    CHECK(b.kernel_address == 0x100000);
    CHECK(b.kernel.size() == 0x3000);
    CHECK(b.setup[0x210] == 0xFF);
    CHECK((b.setup[0x211] & 0x80) != 0);
    CHECK(get(b.setup, 0x1FA, 2) == 788);
    CHECK(get(b.setup, 0x228) == b.command_line_address);
    CHECK(get(b.setup, 0x21C) == 5000);
    CHECK(std::string(reinterpret_cast<const char*>(b.command_line.data())) == "console=ttyS0 vga=788");
    CHECK(b.initrd_highest == 0x37FFFFFF);
    CHECK(b.initrd_lowest == 0x900000); // behind init_size
    CHECK(b.setup_address + get(b.setup, 0x224, 2) + 0x200 <= b.command_line_address);
}

TEST_CASE("Linux: an old zImage runs at 90000h with the old command line pointer") {
    const DirectBoot b = boot(linux_kernel(0x201, false), "auto");
    CHECK(b.setup_address == 0x90000);
    CHECK(b.kernel_address == 0x10000);
    CHECK(get(b.setup, 0x20, 2) == 0xA33F);
    CHECK(b.setup_address + get(b.setup, 0x22, 2) == b.command_line_address);
    CHECK(b.command_line_address + b.command_line.size() <= 0x9A000);
    CHECK_THROWS_AS(boot(linux_kernel(0x201, false, 0x80010)), UserError);
}

TEST_CASE("Linux: vga= belongs to the boot loader") {
    CHECK(get(boot(linux_kernel(0x20F, true), "vga=0x317").setup, 0x1FA, 2) == 0x317);
    CHECK(get(boot(linux_kernel(0x20F, true), "quiet vga=ask x").setup, 0x1FA, 2) == 0xFFFD);
    CHECK(get(boot(linux_kernel(0x20F, true), "vga=normal").setup, 0x1FA, 2) == 0xFFFF);
    CHECK_THROWS_AS(boot(linux_kernel(0x20F, true), "vga=big"), UserError);
}

TEST_CASE("what is no kernel is refused with a sentence") {
    CHECK_THROWS_AS(boot({}), UserError);
    CHECK_THROWS_AS(boot(std::vector<u8>(0x10000, 0)), UserError);
    std::vector<u8> noise(0x10000);
    u32 x = 1;
    for (u8& byte : noise) byte = static_cast<u8>((x = x * 1664525 + 1013904223) >> 24);
    CHECK_THROWS_AS(boot(noise), UserError);
    auto cut = linux_kernel(0x20F, true);
    cut.resize(5 * 512);
    CHECK_THROWS_AS(boot(cut), UserError);
    CHECK_THROWS_AS(boot(linux_kernel(0x20F, true), std::string(3000, 'x')), UserError);
    CHECK_THROWS_AS(boot(linux_kernel(0x20F, true), {}, std::vector<u8>(kRam)), UserError);
    KernelFiles modules;
    modules.kernel = linux_kernel(0x20F, true);
    modules.modules.push_back({{1}, "m"});
    CHECK_THROWS_AS(prepare_direct_boot(modules, kRam), UserError);
}

TEST_CASE("multiboot: ELF of both classes") {
    const bool wide = GENERATE(false, true);
    KernelFiles files;
    files.kernel = elf_kernel(wide);
    files.command_line = "one two";
    files.modules = {{std::vector<u8>(5000, 7), "first"}, {std::vector<u8>(10, 8), "second x"}};
    const DirectBoot b = prepare_direct_boot(files, kRam);
    CHECK(b.kernel_address == 0x100000);
    CHECK(b.kernel_entry == 0x100010);
    CHECK(b.kernel.size() == 0x1800);
    CHECK(get(b.kernel, 0) == 0x1BADB002);
    CHECK(b.kernel[0x17FF] == 0); // bss
    CHECK(b.initrd_lowest == 0x102000);
    CHECK((get(b.setup, 0) & 0x0C) == 0x0C);
    const auto text = [&](u32 address) {
        return std::string(reinterpret_cast<const char*>(&b.setup[address - 0x10000]));
    };
    CHECK(text(get(b.setup, 16)) == "kernel one two");
    REQUIRE(get(b.setup, 20) == 2);
    const usize mods = get(b.setup, 24) - 0x10000;
    CHECK(get(b.setup, mods) == 0x102000);
    CHECK(get(b.setup, mods + 4) == 0x102000 + 5000);
    CHECK(text(get(b.setup, mods + 8)) == "first");
    CHECK(get(b.setup, mods + 16) == 0x104000);
    CHECK(text(get(b.setup, mods + 24)) == "second x");
    CHECK(b.initrd[0x2000] == 8);
}

// Test kernels that go back to real mode are linked at 32 KiB and were refused.
TEST_CASE("multiboot: a kernel may lie anywhere below 640 KiB, its information block keeps out of its way") {
    const auto at = [](u32 address, u32 size) {
        auto image = elf_kernel(false);
        put(image, 64 + 12, address, 4);
        put(image, 64 + 20, size, 4);
        return boot(image, "words");
    };
    constexpr u32 kReserve = 0x9000; // the block and, 8000h behind it, the memory map
    struct Place {
        u32 first, size, info;
    };
    for (const Place place :
         {Place{0x1000, 0x1800, 0x10000}, Place{0x8000, 0x8000, 0x10000}, Place{0x8000, 0x8001, 0x11000},
          Place{0x18000, 0x100, 0x19000}, Place{0x19000, 0x1800, 0x10000}, Place{0x10000, 0x8F000, 0x1000}}) {
        CAPTURE(place.first, place.size);
        const DirectBoot b = at(place.first, place.size);
        CHECK(b.kernel_address == place.first);
        CHECK(b.setup_address == place.info);
        CHECK((place.info + kReserve <= place.first || place.info >= place.first + place.size));
        const std::string line = reinterpret_cast<const char*>(&b.setup[get(b.setup, 16) - place.info]);
        CHECK(line == "kernel words");
    }
    CHECK_THROWS_AS(at(0x2000, 0x9D000), UserError); // no room on either side

    // Over vectors and BIOS data: loaded above 1 MiB, moved by the boot ROM at the end (memtest86+ 5.01 is linked at
    // 0).
    for (const Place place : {Place{0, 0x71400, 0x72000}, Place{0x400, 0x1800, 0x10000}}) {
        const DirectBoot b = at(place.first, place.size);
        CHECK(b.kernel_target == place.first);
        CHECK(b.kernel_address == 0x100000);
        CHECK(b.setup_address == place.info);
        CHECK(b.initrd_lowest >= 0x100000 + place.size);
    }
}

TEST_CASE("a Linux image with the multiboot header of its ELF sister inside is a Linux image") {
    auto image = linux_kernel(0, false); // memtest86+ 5.01
    put(image, 0x202, 0x90909090, 4);
    put(image, 0xA38, 0x1BADB002, 4);
    put(image, 0xA3C, 0, 4);
    put(image, 0xA40, u32{0} - 0x1BADB002, 4);
    const DirectBoot b = boot(image);
    CHECK(b.rom_name == "genroms/linuxboot.bin");
    CHECK(b.setup_address == 0x90000);
    // With load addresses in the header, or as an ELF file, it is what the header says.
    put(image, 0xA3C, 0x10000, 4);
    put(image, 0xA40, u32{0} - 0x1BADB002 - 0x10000, 4);
    put(image, 0xA44, 0x200A38, 4);
    put(image, 0xA48, 0x200000, 4);
    put(image, 0xA4C, 0, 4);
    put(image, 0xA50, 0, 4);
    put(image, 0xA54, 0x200A00, 4);
    CHECK(boot(image).kernel_entry == 0x200A00);
}

TEST_CASE("multiboot: the header's own addresses") {
    std::vector<u8> image(0x1000, 0xCC);
    const u32 flags = 0x10000;
    put(image, 0x40, 0x1BADB002, 4);
    put(image, 0x44, flags, 4);
    put(image, 0x48, -(0x1BADB002 + static_cast<i64>(flags)), 4);
    put(image, 0x4C, 0x200040, 4); // header_addr
    put(image, 0x50, 0x200000, 4); // load_addr
    put(image, 0x54, 0, 4);        // to the end of the file
    put(image, 0x58, 0x203000, 4); // bss_end_addr
    put(image, 0x5C, 0x200100, 4);
    const DirectBoot b = boot(image);
    CHECK(b.kernel_address == 0x200000);
    CHECK(b.kernel.size() == 0x3000);
    CHECK(b.kernel[0xFFF] == 0xCC);
    CHECK(b.kernel_entry == 0x200100);
    put(image, 0x50, 0x300000, 4); // behind its own header
    CHECK_THROWS_AS(boot(image), UserError);
}

TEST_CASE("multiboot: damaged files are refused") {
    auto image = elf_kernel(false);
    put(image, 64 + 4, 0x10000, 4); // segment outside the file
    CHECK_THROWS_AS(boot(image), UserError);
    for (const u32 address : {0x9E000u, 0xA0000u}) { // over the firmware's memory
        image = elf_kernel(false);
        put(image, 64 + 12, address, 4);
        CHECK_THROWS_AS(boot(image), UserError);
    }
    image = elf_kernel(false);
    put(image, 64 + 20, 0x7FFFFFFF, 4); // larger than memory
    CHECK_THROWS_AS(boot(image), UserError);
    CHECK_THROWS_AS(boot(elf_kernel(false, 0x8003)), UserError); // an unknown requirement
    image = elf_kernel(true);
    put(image, 32, ~u64{0} - 8, 8); // program headers far away
    CHECK_THROWS_AS(boot(image), UserError);
}

TEST_CASE("option ROMs: size, checksums and a bootstrap entry vector") {
    for (const auto code : {linux_boot_rom(), multiboot_rom()}) {
        const auto rom = finish_option_rom(code);
        CHECK(get(rom, 0, 2) == 0xAA55);
        CHECK(rom.size() == rom[2] * 512u);
        CHECK((std::accumulate(rom.begin(), rom.end(), 0) & 0xFF) == 0);
        const usize pnp = get(rom, 0x1A, 2);
        CHECK(std::memcmp(&rom[pnp], "$PnP", 4) == 0);
        const auto header = rom.begin() + static_cast<std::ptrdiff_t>(pnp);
        CHECK((std::accumulate(header, header + 32, 0) & 0xFF) == 0);
        CHECK(get(rom, pnp + 0x1A, 2) > pnp);
    }
}

TEST_CASE("firmware: sizes, and what is seen below 1 MiB") {
    CHECK_THROWS_AS(check_firmware_size(0), UserError);
    CHECK_THROWS_AS(check_firmware_size(0x10001), UserError);
    CHECK_THROWS_AS(check_firmware_size(u64{17} << 20), UserError);
    check_firmware_size(0x10000);
    check_firmware_size(u64{16} << 20);
    std::vector<u8> image(0x30000);
    image[0x10000] = 1;
    image[0x2FFFF] = 2;
    auto window = low_window(image);
    CHECK(window.size() == 0x20000);
    CHECK(window[0] == 1);
    CHECK(window[0x1FFFF] == 2);
    window = low_window(std::vector<u8>(0x10000, 3));
    CHECK(window[0xFFFF] == 0xFF);
    CHECK(window[0x10000] == 3);
    CHECK_THROWS_AS(check_option_rom(std::vector<u8>(512)), UserError);
}

TEST_CASE("the bundled firmware is what the build says it is") {
    CHECK(Sha256::hex(Sha256::of(bundled_bios().bytes)) == bundled_bios().sha256);
    CHECK(Sha256::hex(Sha256::of(bundled_vgabios().bytes)) == bundled_vgabios().sha256);
    check_firmware_size(bundled_bios().bytes.size());
    check_option_rom(bundled_vgabios().bytes);
}
