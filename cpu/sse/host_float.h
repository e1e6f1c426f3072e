#pragma once
/// The guest's floating point on the host's own SSE unit. While Cpu::run runs, SSE is on in CR4 and every exception is
/// masked in MXCSR, the host's MXCSR holds the guest's rounding, DAZ and FTZ, and collects the flags that handlers
/// raise (cpu/interpreter/sse_float.cpp). Whatever is called out to (a chip, the board) finds the host's rounding and
/// masks as they were; it computes with integers (tools/check_layers.py), so it raises no flags. On hosts that are no
/// x86, and with an exception unmasked, the software of cpu/fpu/softfloat.h computes the same bits.
#include "cpu/cpu.h"

namespace r86::sse {

inline constexpr u32 kMxcsrFlags = 0x3F;

/// Would the guest's floating point run on the host now?
bool host_float_possible(const CpuState& s);
/// CR4 changed.
void host_float_follow(Cpu& cpu);
/// s.mxcsr was written, flags and all.
void host_float_replace(Cpu& cpu);
/// Flags that the host holds go to s.mxcsr: before anybody reads it.
void host_float_collect(Cpu& cpu);

/// Around Cpu::run.
class HostFloatRun {
public:
    explicit HostFloatRun(Cpu& cpu);
    ~HostFloatRun();
    HostFloatRun(const HostFloatRun&) = delete;
    HostFloatRun& operator=(const HostFloatRun&) = delete;

private:
    Cpu& cpu_;
};

/// Around a call to something that is not the processor. Where the guest's MXCSR differs from the host's in flags only,
/// as it mostly does, nothing need be done: looking at MXCSR twice was a fifth of a port access.
class HostFloatPause {
public:
    explicit HostFloatPause(Cpu& cpu)
        : cpu_(cpu), paused_(cpu.run_state.host_float && ((cpu.s.mxcsr ^ cpu.run_state.host_mxcsr) & ~kMxcsrFlags)) {
        if (paused_) [[unlikely]]
            pause();
    }
    ~HostFloatPause() {
        if (paused_) [[unlikely]]
            resume();
    }
    HostFloatPause(const HostFloatPause&) = delete;
    HostFloatPause& operator=(const HostFloatPause&) = delete;

private:
    void pause();
    void resume();
    Cpu& cpu_;
    const bool paused_;
};

} // namespace r86::sse
