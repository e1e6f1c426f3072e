#pragma once
/// Guest faults are values, not C++ exceptions: neither unwinds through a tail-called handler, and DOS extenders and
/// V86 monitors fault all the time. The linear address of a #PF travels in Cpu::page_fault_address.
#include "core/types.h"

namespace r86 {

/// SDM Vol. 3, 6.3.1 "External Interrupts", table 6-1 "Exceptions and Interrupts".
enum class Vector : u8 {
    DE = 0,
    DB = 1,
    NMI = 2,
    BP = 3,
    OF = 4,
    BR = 5,
    UD = 6,
    NM = 7,
    DF = 8,
    TS = 10,
    NP = 11,
    SS = 12,
    GP = 13,
    PF = 14,
    MF = 16,
    AC = 17,
    MC = 18,
    XM = 19,
};

/// Either nothing (false) or an exception to deliver. Eight bytes, returned in a register.
struct [[nodiscard]] Fault {
    u8 valid = 0;
    u8 vector = 0;
    u8 has_error = 0;
    /// The event was delivered already or the instruction must be abandoned without an exception (task switch that
    /// faulted after its commit point, shutdown).
    u8 silent = 0;
    u32 error = 0;

    constexpr explicit operator bool() const { return valid; }
    constexpr bool is(Vector v) const { return valid && vector == static_cast<u8>(v); }

    static constexpr Fault none() { return {}; }
    static constexpr Fault plain(Vector v) { return {1, static_cast<u8>(v), 0, 0, 0}; }
    static constexpr Fault with_error(Vector v, u32 code) { return {1, static_cast<u8>(v), 1, 0, code}; }
    static constexpr Fault ud() { return plain(Vector::UD); }
    static constexpr Fault de() { return plain(Vector::DE); }
    static constexpr Fault nm() { return plain(Vector::NM); }
    static constexpr Fault mf() { return plain(Vector::MF); }
    static constexpr Fault xm() { return plain(Vector::XM); }
    static constexpr Fault gp(u32 code = 0) { return with_error(Vector::GP, code); }
    static constexpr Fault ss(u32 code = 0) { return with_error(Vector::SS, code); }
    static constexpr Fault np(u32 code) { return with_error(Vector::NP, code); }
    static constexpr Fault ts(u32 code) { return with_error(Vector::TS, code); }
    static constexpr Fault pf(u32 code) { return with_error(Vector::PF, code); }
    static constexpr Fault ac() { return with_error(Vector::AC, 0); }
};
static_assert(sizeof(Fault) == 8);

} // namespace r86
