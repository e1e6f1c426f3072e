/// The host's MXCSR: see host_float.h.
#include "cpu/sse/host_float.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace r86::sse {

namespace {

constexpr u32 kMasks = 0x1F80;

#if defined(__x86_64__)
constexpr bool kHost = true;
u32 host_mxcsr() { return _mm_getcsr(); }
void set_host_mxcsr(u32 value) { _mm_setcsr(value); }
#else
constexpr bool kHost = false;
u32 host_mxcsr() { return 0; }
void set_host_mxcsr(u32) {}
#endif

void take(Cpu& cpu) {
    RunState& run = cpu.run_state;
    run.host_mxcsr = host_mxcsr();
    run.host_float = true;
    set_host_mxcsr(cpu.s.mxcsr);
}

void give_back(Cpu& cpu) {
    RunState& run = cpu.run_state;
    host_float_collect(cpu);
    run.host_float = false;
    set_host_mxcsr(run.host_mxcsr);
}

} // namespace

bool host_float_possible(const CpuState& s) { return kHost && (s.cr4 & kCR4_OSFXSR) && (s.mxcsr & kMasks) == kMasks; }

void host_float_collect(Cpu& cpu) {
    if (cpu.run_state.host_float) cpu.s.mxcsr |= host_mxcsr() & kMxcsrFlags;
}

void host_float_follow(Cpu& cpu) {
    const RunState& run = cpu.run_state;
    if (!run.running || run.host_float == host_float_possible(cpu.s)) return;
    if (run.host_float)
        give_back(cpu);
    else
        take(cpu);
}

void host_float_replace(Cpu& cpu) {
    RunState& run = cpu.run_state;
    if (!run.running) return;
    if (run.host_float) set_host_mxcsr(run.host_mxcsr);
    run.host_float = false;
    if (host_float_possible(cpu.s)) take(cpu);
}

HostFloatRun::HostFloatRun(Cpu& cpu) : cpu_(cpu) {
    cpu.run_state.running = true;
    if (host_float_possible(cpu.s)) take(cpu);
}

HostFloatRun::~HostFloatRun() {
    if (cpu_.run_state.host_float) give_back(cpu_);
    cpu_.run_state.running = false;
}

void HostFloatPause::pause() {
    RunState& run = cpu_.run_state;
    host_float_collect(cpu_);
    run.host_float = false;
    run.running = false; // a mode change from outside (A20) may not take it back yet
    set_host_mxcsr(run.host_mxcsr);
}

void HostFloatPause::resume() {
    RunState& run = cpu_.run_state;
    run.running = true;
    run.host_float = host_float_possible(cpu_.s);
    if (run.host_float) set_host_mxcsr(cpu_.s.mxcsr);
}

} // namespace r86::sse
