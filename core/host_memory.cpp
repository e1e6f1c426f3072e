#include "core/host_memory.h"
#include "core/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
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
void* host_allocate(u64 bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) refuse(bytes);
    return memory;
}
void* host_allocate_ram(u64 bytes) {
#if defined(__linux__)
    const int file = memfd_create("rewind86-ram", MFD_CLOEXEC);
    if (file >= 0) {
        void* memory = MAP_FAILED;
        if (ftruncate(file, static_cast<off_t>(bytes)) == 0)
            memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
        close(file);
        if (memory != MAP_FAILED) return memory;
    }
#endif
    return host_allocate(bytes);
}
void host_release(void* memory, u64 bytes) { munmap(memory, bytes); }
void host_discard(void* memory, u64 bytes) { madvise(memory, bytes, MADV_DONTNEED); }
#endif

} // namespace r86
