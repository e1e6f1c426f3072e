#include "core/host_memory.h"
#include "core/error.h"
#include <cstdint>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace r86 {

namespace {
[[noreturn]] void refuse(u64 bytes) {
    throw UserError("the host refuses " + std::to_string(bytes >> 20) + " MiB of memory; try a smaller --memory");
}
} // namespace

#if defined(_WIN32)
void* host_allocate(u64 bytes) {
    void* memory = VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!memory) refuse(bytes);
    return memory;
}
void* host_allocate_ram(u64 bytes) { return host_allocate(bytes); }
void host_release(void* memory, u64) { VirtualFree(memory, 0, MEM_RELEASE); }
void host_discard(void* memory, u64 bytes) {
    VirtualFree(memory, bytes, MEM_DECOMMIT);
    VirtualAlloc(memory, bytes, MEM_COMMIT, PAGE_READWRITE);
}
#else
namespace {
constexpr u64 kHugePage = u64{2} << 20;

void* map_anonymous(u64 bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) refuse(bytes);
    return memory;
}
} // namespace

void* host_allocate(u64 bytes) { return map_anonymous(bytes); }

void* host_allocate_ram(u64 bytes) {
#if defined(MADV_HUGEPAGE)
    if (bytes >= kHugePage) {
        // Aligned by hand: what stands out on both sides goes back.
        auto* all = static_cast<u8*>(map_anonymous(bytes + kHugePage));
        const u64 skip = -reinterpret_cast<std::uintptr_t>(all) & (kHugePage - 1);
        if (skip) munmap(all, skip);
        munmap(all + skip + bytes, kHugePage - skip);
        madvise(all + skip, bytes, MADV_HUGEPAGE); // advice: a refusal does no harm
        return all + skip;
    }
#endif
    return host_allocate(bytes);
}
void host_release(void* memory, u64 bytes) { munmap(memory, bytes); }
void host_discard(void* memory, u64 bytes) { madvise(memory, bytes, MADV_DONTNEED); }
#endif

} // namespace r86
