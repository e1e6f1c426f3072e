#include "bios/direct_boot.h"
#include "core/error.h"

namespace r86 {

DirectBoot prepare_direct_boot(const KernelFiles& files, u64 ram_bytes) {
    // memtest86+ 5.01 is an old Linux image that carries the multiboot header of its ELF sister.
    const bool only_linux = is_linux(files.kernel) && !is_elf(files.kernel) && !has_load_address(files.kernel);
    if (is_multiboot(files.kernel) && !only_linux) return prepare_multiboot(files, ram_bytes);
    if (!files.modules.empty())
        throw UserError("Modules can be given to a multiboot kernel only, and this kernel is none.");
    return prepare_linux(files, ram_bytes);
}

} // namespace r86
