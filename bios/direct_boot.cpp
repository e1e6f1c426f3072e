#include "bios/direct_boot.h"
#include "core/error.h"

namespace r86 {

DirectBoot prepare_direct_boot(const KernelFiles& files, u64 ram_bytes) {
    if (is_multiboot(files.kernel)) return prepare_multiboot(files, ram_bytes);
    if (!files.modules.empty())
        throw UserError("Modules can be given to a multiboot kernel only, and this kernel is none.");
    return prepare_linux(files, ram_bytes);
}

} // namespace r86
