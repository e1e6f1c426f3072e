#pragma once
/// One description of a device's state serves saving, loading, hashing, comparing and showing. A device lists every
/// member once in `visit`; unpack a state struct with a structured binding so that a new member does not compile until
/// it is listed. Names are data-sheet names in lower case and become paths such as `pit.counter[0].ce`.
#include "core/types.h"
#include <array>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace r86 {

class StateVisitor {
public:
    virtual ~StateVisitor() = default;

    /// True while values are being replaced (loading); derived caches must be rebuilt by the caller afterwards.
    virtual bool loading() const { return false; }
    /// True: large memories that somebody keeps page by page (video memory) are left out.
    virtual bool skips_bulk() const { return false; }
    virtual void begin(std::string_view name) = 0;
    virtual void end() = 0;
    /// An unsigned number of `bytes` bytes (1, 2, 4, 8).
    virtual void number(std::string_view name, u64& value, unsigned bytes) = 0;
    virtual void bytes(std::string_view name, std::span<u8> data) = 0;
    /// Bytes of varying length; loading resizes it, never above `limit`.
    virtual void blob(std::string_view name, std::vector<u8>& data, usize limit) = 0;

    template <class T>
    requires(std::integral<T> || std::is_enum_v<T>) void field(std::string_view name, T& value) {
        u64 wide = 0;
        if constexpr (std::is_enum_v<T>)
            wide = static_cast<u64>(static_cast<std::underlying_type_t<T>>(value));
        else
            wide = static_cast<u64>(value);
        if constexpr (sizeof(T) < 8) wide &= (u64{1} << (sizeof(T) * 8)) - 1;
        number(name, wide, sizeof(T));
        if constexpr (std::is_same_v<T, bool>)
            value = wide != 0;
        else
            value = static_cast<T>(wide);
    }

    template <class T, usize N>
    void field(std::string_view name, std::array<T, N>& values) {
        if constexpr (std::is_same_v<T, u8>) {
            bytes(name, values);
        } else {
            for (usize i = 0; i < N; ++i) field(std::string(name) + "[" + std::to_string(i) + "]", values[i]);
        }
    }

    /// Anything with its own `visit(StateVisitor&)`.
    template <class T>
    requires requires(T& t, StateVisitor& v) { t.visit(v); }
    void field(std::string_view name, T& object) {
        begin(name);
        object.visit(*this);
        end();
    }
};

} // namespace r86
