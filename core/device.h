#pragma once
/// What every chip of the board has in common. Being on a bus, having a timer or moving DMA are separate interfaces.
#include "core/state_visitor.h"

namespace r86 {

enum class ResetKind : u8 {
    PowerOn, ///< everything takes its data-sheet power-on value
    Hard,    ///< the chipset's PCIRST#/RSTDRV: as power-on, but battery-backed and memory contents stay
};

class Device {
public:
    virtual ~Device() = default;
    virtual void reset(ResetKind kind) = 0;
    /// Lists the whole state, so that a snapshot in the middle of a transfer restores to the same bit.
    virtual void visit(StateVisitor& visitor) = 0;
    /// After a load: rebuild caches and host-side copies from the visited state. Must not drive lines or set timers
    /// (those are state of their own and were loaded as well).
    virtual void loaded() {}
};

} // namespace r86
