#pragma once
/// One MMX or SSE instruction on the host's own unit: the same bytes, the same registers, an FXSAVE image in and out.
/// Register numbers below 8 and a memory operand at [rDI] mean the same in 32- and in 64-bit code.
#if defined(__x86_64__) && defined(__linux__)
#include "core/types.h"
#include <csignal>
#include <cstring>
#include <span>
#include <sys/mman.h>
#include <ucontext.h>

namespace r86::sse_test {

/// Layout of FXSAVE; see cpu/sse/exec_state.cpp.
struct alignas(16) FxImage {
    u16 fcw = 0x037F, fsw = 0;
    u8 ftw = 0, reserved = 0;
    u16 fop = 0;
    u64 fip = 0, fdp = 0;
    u32 mxcsr = 0x1F80, mxcsr_mask = 0;
    struct Register {
        u64 low = 0, high = 0;
        bool operator==(const Register&) const = default;
    };
    Register st[8], xmm[16];
    u64 rest[12] = {};
};
static_assert(sizeof(FxImage) == 512);

class HostUnit {
public:
    HostUnit() {
        code_ = static_cast<u8*>(
            mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        struct sigaction action {};
        action.sa_sigaction = skip_instruction;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGFPE, &action, &before_);
    }
    ~HostUnit() {
        sigaction(SIGFPE, &before_, nullptr);
        munmap(code_, 4096);
    }
    HostUnit(const HostUnit&) = delete;
    HostUnit& operator=(const HostUnit&) = delete;
    bool available() const { return code_ != MAP_FAILED; }

    /// True: it raised #XM (or #MF); the state is as the exception found it.
    bool run(std::span<const u8> instruction, FxImage& image, u32& eax, u32& flags, void* memory) {
        std::memcpy(code_, instruction.data(), instruction.size());
        code_[instruction.size()] = 0xC3;
        length_ = instruction.size();
        trapped_ = 0;
        u64 rax = eax, rflags = 0;
        static constexpr u32 usual = 0x1F80; // not on the stack, whose pointer moves below
        asm volatile("sub $128, %%rsp\n\t"
                     "fxrstor (%[image])\n\t"
                     "call *%[code]\n\t"
                     "pushfq\n\t"
                     "popq %[flags]\n\t"
                     "fxsave (%[image])\n\t"
                     "fninit\n\t"
                     "ldmxcsr %[usual]\n\t"
                     "add $128, %%rsp"
                     : "+a"(rax), [flags] "=&d"(rflags)
                     : [image] "r"(&image), [code] "r"(code_), "D"(memory), [usual] "m"(usual)
                     : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "st", "st(1)",
                       "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "r11");
        eax = static_cast<u32>(rax);
        flags = static_cast<u32>(rflags);
        return trapped_;
    }

private:
    static void skip_instruction(int, siginfo_t*, void* context) {
        static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += static_cast<greg_t>(length_);
        trapped_ = 1;
    }
    static inline volatile std::sig_atomic_t trapped_ = 0;
    static inline std::size_t length_ = 0;
    u8* code_;
    struct sigaction before_ {};
};

} // namespace r86::sse_test
#endif
