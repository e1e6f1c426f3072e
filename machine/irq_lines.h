#pragma once
/// The sixteen interrupt request lines of the board. Several outputs may share one: the input sees their OR.
#include "core/state_visitor.h"
#include <array>
#include <functional>

namespace r86 {

class IrqLines {
public:
    static constexpr unsigned kLines = 16;
    enum class Source : u8 { Isa, PirqRouter, SystemControl, Hpet, Test, Count };

    /// Called with (line, level) whenever the OR changes.
    void connect(std::function<void(unsigned line, bool level)> sink) { sink_ = std::move(sink); }

    void set(unsigned line, Source source, bool level) {
        u8& drivers = drivers_[line];
        const bool before = drivers != 0;
        const u8 flag = static_cast<u8>(1u << static_cast<unsigned>(source));
        drivers = static_cast<u8>(level ? drivers | flag : drivers & ~flag);
        if (sink_ && before != (drivers != 0)) sink_(line, drivers != 0);
    }
    void visit(StateVisitor& visitor) { visitor.field("drivers", drivers_); }

private:
    std::array<u8, kLines> drivers_{};
    std::function<void(unsigned, bool)> sink_;
};

} // namespace r86
