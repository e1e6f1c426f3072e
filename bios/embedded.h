#pragma once
/// Files that are part of the program: the bundled firmware and what was made from bios/*.asm and bios/dsdt.asl.
#include "core/types.h"
#include <span>
#include <string_view>

namespace r86 {

struct EmbeddedFile {
    std::string_view name;
    std::string_view version; ///< package and version, or "unknown version"
    std::string_view sha256;
    std::span<const u8> bytes;
};

EmbeddedFile bundled_bios();
EmbeddedFile bundled_vgabios();
std::span<const u8> linux_boot_rom();
std::span<const u8> multiboot_rom();
/// The DSDT as iasl made it, with the default value of MEMS.
std::span<const u8> compiled_dsdt();

} // namespace r86
