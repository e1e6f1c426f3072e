#pragma once
/// An output pin. The board connects it once; a chip drives it and never knows what hangs on it.
#include "core/state_visitor.h"
#include <functional>
#include <utility>

namespace r86 {

class Line {
public:
    void connect(std::function<void(bool level)> sink) { sink_ = std::move(sink); }
    /// Drives the pin; the sink is called only when the level changes.
    void set(bool level) {
        if (level == level_) return;
        level_ = level;
        if (sink_) sink_(level);
    }
    /// A low-high-low pulse (or the sink's view of it) regardless of the level before.
    void pulse() {
        set(true);
        set(false);
    }
    bool level() const { return level_; }
    void visit(StateVisitor& visitor) { visitor.field("level", level_); }

private:
    std::function<void(bool)> sink_;
    bool level_ = false;
};

} // namespace r86
