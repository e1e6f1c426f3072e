#pragma once
/// What a debugger or a search through history wants to notice. A watcher only looks: it is no state and changes no
/// result. CpuState::tick is exact in each call.
#include "core/address.h"
#include "core/types.h"

namespace r86 {

enum class EventKind : u8;

class CpuWatcher {
public:
    virtual ~CpuWatcher() = default;
    /// At the boundary before an instruction that has a breakpoint; true: stop here (RunStop::Breakpoint).
    virtual bool at_breakpoint(u64 linear) = 0;
    /// Before bytes of a page that carries kWatchDebug change, by whomever. The range stays in one page.
    virtual void memory_write(PhysAddr address, unsigned length) = 0;
    /// The processor reads data of a page that carries kWatchRead.
    virtual void memory_read(PhysAddr address, unsigned length) = 0;
    virtual void port_access(u16 port, unsigned size, bool write, u32 value) = 0;
    /// An interrupt or exception is about to be delivered.
    virtual void delivery(u8 vector, EventKind kind) = 0;
    /// CR0, CR3, CPL or EFLAGS.VM may have changed.
    virtual void mode_changed() = 0;
    /// At the boundary after Machine::interrupt(): true if that was all for the watcher's own sake, and the run goes
    /// on.
    virtual bool goes_on() { return false; }
};

} // namespace r86
