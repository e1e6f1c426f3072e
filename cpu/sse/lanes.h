#pragma once
/// What the packed-integer instructions of MMX to SSSE3 compute: values in, value out, for both register widths. Names
/// are those of the instructions, the lane type in angle brackets where it is part of the mnemonic. SDM Vol. 2, by
/// name.
#include "cpu/sse/packed.h"
#include <type_traits>

namespace r86::sse::op {

// ---- lane by lane ---------------------------------------------------------------------------------------------------

/// PADDx, PSUBx: wrap around.
template <class T>
inline constexpr auto padd = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x + y; }); };
template <class T>
inline constexpr auto psub = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x - y; }); };
/// PADDS, PADDUS, PSUBS, PSUBUS by the sign of T.
template <class T>
inline constexpr auto padds =
    [](auto a, auto b) { return map<T>(a, b, [](i32 x, i32 y) { return saturate<T>(x + y); }); };
template <class T>
inline constexpr auto psubs =
    [](auto a, auto b) { return map<T>(a, b, [](i32 x, i32 y) { return saturate<T>(x - y); }); };

inline constexpr auto pmullw = [](auto a, auto b) { return map<i16>(a, b, [](i32 x, i32 y) { return x * y; }); };
inline constexpr auto pmulhw = [](auto a, auto b) { return map<i16>(a, b, [](i32 x, i32 y) { return x * y >> 16; }); };
inline constexpr auto pmulhuw = [](auto a, auto b) { return map<u16>(a, b, [](u32 x, u32 y) { return x * y >> 16; }); };
inline constexpr auto pmulhrsw = [](auto a, auto b) {
    return map<i16>(a, b, [](i32 x, i32 y) { return ((x * y >> 14) + 1) >> 1; });
};
inline constexpr auto pmuludq = [](auto a, auto b) {
    return map<u64>(a, b, [](u64 x, u64 y) { return u64{static_cast<u32>(x)} * static_cast<u32>(y); });
};

/// PAVGB, PAVGW: rounded up.
template <class T>
inline constexpr auto pavg = [](auto a, auto b) { return map<T>(a, b, [](u32 x, u32 y) { return (x + y + 1) >> 1; }); };
template <class T>
inline constexpr auto pmin = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x < y ? x : y; }); };
template <class T>
inline constexpr auto pmax = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x > y ? x : y; }); };
template <class T>
inline constexpr auto pcmpeq = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x == y ? -1 : 0; }); };
template <class T>
inline constexpr auto pcmpgt = [](auto a, auto b) { return map<T>(a, b, [](T x, T y) { return x > y ? -1 : 0; }); };

inline constexpr auto pand = [](auto a, auto b) { return map<u64>(a, b, [](u64 x, u64 y) { return x & y; }); };
inline constexpr auto pandn = [](auto a, auto b) { return map<u64>(a, b, [](u64 x, u64 y) { return ~x & y; }); };
inline constexpr auto por = [](auto a, auto b) { return map<u64>(a, b, [](u64 x, u64 y) { return x | y; }); };
inline constexpr auto pxor = [](auto a, auto b) { return map<u64>(a, b, [](u64 x, u64 y) { return x ^ y; }); };

template <class T>
inline constexpr auto psign = [](auto a, auto b) {
    using U = std::make_unsigned_t<T>;
    return map<T>(a, b, [](T x, T y) { return y < 0 ? static_cast<T>(U{0} - static_cast<U>(x)) : y == 0 ? T{0} : x; });
};
template <class T>
inline constexpr auto pabs = [](auto a) {
    using U = std::make_unsigned_t<T>;
    return map<T>(a, [](T x) { return x < 0 ? static_cast<T>(U{0} - static_cast<U>(x)) : x; });
};

// ---- shifts ---------------------------------------------------------------------------------------------------------

/// One count for all lanes, taken whole: beyond the lane's width everything leaves (arithmetic: the sign fills).
template <class T>
inline constexpr auto psll =
    [](auto a, u64 count) { return map<T>(a, [count](T x) { return count < sizeof(T) * 8 ? x << count : 0; }); };
template <class T>
inline constexpr auto psrl =
    [](auto a, u64 count) { return map<T>(a, [count](T x) { return count < sizeof(T) * 8 ? x >> count : 0; }); };
template <class T>
inline constexpr auto psra = [](auto a, u64 count) {
    return map<T>(a, [count](T x) { return x >> (count < sizeof(T) * 8 ? count : sizeof(T) * 8 - 1); });
};

/// The whole register by bytes.
inline constexpr auto pslldq = [](Xmm a, u64 count) {
    Xmm r;
    for (u64 i = count; i < 16; ++i) r.bytes[i] = a.bytes[i - count];
    return r;
};
inline constexpr auto psrldq = [](Xmm a, u64 count) {
    Xmm r;
    for (u64 i = count; i < 16; ++i) r.bytes[i - count] = a.bytes[i];
    return r;
};
/// Bytes `count` and up of a:b.
template <unsigned N>
constexpr Packed<N> palignr(Packed<N> a, Packed<N> b, unsigned count) {
    Packed<N> r;
    for (unsigned i = 0; i < N; ++i) {
        const unsigned from = i + count;
        if (from < 2 * N) r.bytes[i] = from < N ? b.bytes[from] : a.bytes[from - N];
    }
    return r;
}

// ---- across lanes ---------------------------------------------------------------------------------------------------

inline constexpr auto pmaddwd = []<unsigned N>(Packed<N> a, Packed<N> b) {
    const auto x = lanes<i16>(a), y = lanes<i16>(b);
    Lanes<u32, N> r{};
    for (unsigned i = 0; i < r.size(); ++i) // 8000h squared twice wraps to 80000000h
        r[i] = static_cast<u32>(x[2 * i] * y[2 * i]) + static_cast<u32>(x[2 * i + 1] * y[2 * i + 1]);
    return pack(r);
};
/// Unsigned bytes of a by signed bytes of b.
inline constexpr auto pmaddubsw = []<unsigned N>(Packed<N> a, Packed<N> b) {
    const auto x = lanes<u8>(a);
    const auto y = lanes<i8>(b);
    Lanes<i16, N> r{};
    for (unsigned i = 0; i < r.size(); ++i) r[i] = saturate<i16>(x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1]);
    return pack(r);
};
inline constexpr auto psadbw = []<unsigned N>(Packed<N> a, Packed<N> b) {
    Lanes<u64, N> r{};
    for (unsigned i = 0; i < N; ++i) {
        const u8 x = a.bytes[i], y = b.bytes[i];
        r[i / 8] += static_cast<u64>(x > y ? x - y : y - x);
    }
    return pack(r);
};

/// PHADDx, PHSUBx: the pairs of a, then those of b; `f` gets 32-bit values.
template <class T, unsigned N, class F>
constexpr Packed<N> horizontal(Packed<N> a, Packed<N> b, F f) {
    const auto x = lanes<T>(a), y = lanes<T>(b);
    Lanes<T, N> r{};
    constexpr unsigned half = r.size() / 2;
    for (unsigned i = 0; i < half; ++i) {
        r[i] = static_cast<T>(f(x[2 * i], x[2 * i + 1]));
        r[half + i] = static_cast<T>(f(y[2 * i], y[2 * i + 1]));
    }
    return pack(r);
}
template <class T>
inline constexpr auto phadd = [](auto a, auto b) { return horizontal<T>(a, b, [](T x, T y) { return x + y; }); };
template <class T>
inline constexpr auto phsub = [](auto a, auto b) { return horizontal<T>(a, b, [](T x, T y) { return x - y; }); };
inline constexpr auto phaddsw = [](auto a, auto b) {
    return horizontal<i16>(a, b, [](i32 x, i32 y) { return saturate<i16>(x + y); });
};
inline constexpr auto phsubsw = [](auto a, auto b) {
    return horizontal<i16>(a, b, [](i32 x, i32 y) { return saturate<i16>(x - y); });
};

/// PACKSSWB, PACKSSDW, PACKUSWB: signed lanes From of a, then of b, cut to To.
template <class From, class To>
inline constexpr auto packs = []<unsigned N>(Packed<N> a, Packed<N> b) {
    const auto x = lanes<From>(a), y = lanes<From>(b);
    Lanes<To, N> r{};
    for (unsigned i = 0; i < x.size(); ++i) {
        r[i] = saturate<To>(x[i]);
        r[x.size() + i] = saturate<To>(y[i]);
    }
    return pack(r);
};

/// PUNPCKL, UNPCKLPS: lanes of the low halves in turn; PUNPCKH of the high halves.
template <class T>
inline constexpr auto punpckl = []<unsigned N>(Packed<N> a, Packed<N> b) {
    const auto x = lanes<T>(a), y = lanes<T>(b);
    Lanes<T, N> r{};
    for (unsigned i = 0; i < r.size(); ++i) r[i] = i & 1 ? y[i / 2] : x[i / 2];
    return pack(r);
};
template <class T>
inline constexpr auto punpckh = []<unsigned N>(Packed<N> a, Packed<N> b) {
    const auto x = lanes<T>(a), y = lanes<T>(b);
    Lanes<T, N> r{};
    constexpr unsigned half = r.size() / 2;
    for (unsigned i = 0; i < r.size(); ++i) r[i] = i & 1 ? y[half + i / 2] : x[half + i / 2];
    return pack(r);
};

/// Byte selectors with bit 7 set give zero.
inline constexpr auto pshufb = []<unsigned N>(Packed<N> a, Packed<N> b) {
    Packed<N> r;
    for (unsigned i = 0; i < N; ++i) r.bytes[i] = b.bytes[i] & 0x80 ? u8{0} : a.bytes[b.bytes[i] & (N - 1)];
    return r;
};

/// PSHUFW, PSHUFD: four lanes picked by four two-bit fields.
template <class T>
inline constexpr auto pshuf = []<unsigned N>(Packed<N> a, unsigned order) {
    static_assert(N / sizeof(T) == 4);
    const auto x = lanes<T>(a);
    Lanes<T, N> r{};
    for (unsigned i = 0; i < 4; ++i) r[i] = x[(order >> (2 * i)) & 3];
    return pack(r);
};
/// PSHUFLW (First = 0) and PSHUFHW (First = 4).
template <unsigned First>
inline constexpr auto pshufw_half = [](Xmm a, unsigned order) {
    const auto x = lanes<u16>(a);
    auto r = x;
    for (unsigned i = 0; i < 4; ++i) r[First + i] = x[First + ((order >> (2 * i)) & 3)];
    return pack(r);
};
/// The low half of the result from a, the high half from b.
inline constexpr auto shufps = [](Xmm a, Xmm b, unsigned order) {
    const auto x = lanes<u32>(a), y = lanes<u32>(b);
    return pack(Lanes<u32, 16>{x[order & 3], x[(order >> 2) & 3], y[(order >> 4) & 3], y[(order >> 6) & 3]});
};
inline constexpr auto shufpd = [](Xmm a, Xmm b, unsigned order) {
    return pack(Lanes<u64, 16>{lane<u64>(a, order & 1), lane<u64>(b, (order >> 1) & 1)});
};

/// PMOVMSKB, MOVMSKPS, MOVMSKPD: the sign bits, lane 0 in bit 0.
template <class T>
inline constexpr auto movmsk = [](auto a) {
    u32 mask = 0;
    unsigned i = 0;
    for (const T value : lanes<T>(a)) mask |= static_cast<u32>(value >> (sizeof(T) * 8 - 1)) << i++;
    return mask;
};

} // namespace r86::sse::op
