#pragma once
/// The host's vector registers, where it has some that compute as the guest's do: x86 hosts run the guest's own
/// instruction, written out as such, so that no compiler folds it, moves it or swaps its operands (which NaN comes back
/// depends on their order). Elsewhere a vector is its bytes, and cpu/sse/lanes.h computes. This header is the one place
/// that tells hosts apart for MMX and SSE; for MXCSR see host_float.h.
#include "cpu/sse/lanes.h"
#include <cstring>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace r86::sse {

#if defined(__x86_64__)

inline constexpr bool kHostHasSse = true;
using HostVector = __m128i;

inline HostVector load_vector(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
inline void store_vector(void* at, HostVector value) { _mm_storeu_si128(static_cast<__m128i*>(at), value); }
/// The low lane of memory, the rest zero; and back.
inline HostVector load_low64(const void* at) { return _mm_loadl_epi64(static_cast<const __m128i*>(at)); }
inline HostVector load_low32(const void* at) {
    u32 value;
    std::memcpy(&value, at, sizeof value);
    return _mm_cvtsi32_si128(static_cast<int>(value));
}
inline void store_low64(void* at, HostVector value) { _mm_storel_epi64(static_cast<__m128i*>(at), value); }
inline HostVector vector_of(u64 low) { return _mm_cvtsi64_si128(static_cast<long long>(low)); }

#else

inline constexpr bool kHostHasSse = false;
using HostVector = Xmm;

inline HostVector load_vector(const void* at) {
    HostVector value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
inline void store_vector(void* at, HostVector value) { std::memcpy(at, &value, sizeof value); }
inline HostVector vector_of(u64 low) { return pack(Lanes<u64, 16>{low, 0}); }
inline HostVector load_low64(const void* at) {
    u64 value;
    std::memcpy(&value, at, sizeof value);
    return vector_of(value);
}
inline HostVector load_low32(const void* at) {
    u32 value;
    std::memcpy(&value, at, sizeof value);
    return vector_of(value);
}
inline void store_low64(void* at, HostVector value) { std::memcpy(at, &value, 8); }

#endif

/// Operations as types with `static HostVector apply(a, b)`.
namespace host {

#if defined(__x86_64__)
#define R86_PACKED(name, ...)                                                                                          \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) {                                                          \
            asm(#name " %1, %0" : "+x"(a) : "x"(b));                                                                   \
            return a;                                                                                                  \
        }                                                                                                              \
    };
#else
#define R86_PACKED(name, ...)                                                                                          \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) { return op::__VA_ARGS__(a, b); }                          \
    };
#endif
#define R86_PACKED_WHOLE(name, ...) R86_PACKED(name, __VA_ARGS__)
#define R86_PACKED_XMM(name, ...)   R86_PACKED(name, __VA_ARGS__)
#include "cpu/sse/packed_list.inc"
#undef R86_PACKED
#undef R86_PACKED_WHOLE
#undef R86_PACKED_XMM

/// Shifts take their count from the low quadword of b.
#if defined(__x86_64__)
#define R86_SHIFT(name, ...)                                                                                           \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) {                                                          \
            asm(#name " %1, %0" : "+x"(a) : "x"(b));                                                                   \
            return a;                                                                                                  \
        }                                                                                                              \
    };
#else
#define R86_SHIFT(name, ...)                                                                                           \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) { return op::__VA_ARGS__(a, lane<u64>(b, 0)); }            \
    };
#endif
#include "cpu/sse/shift_list.inc"
#undef R86_SHIFT

} // namespace host
} // namespace r86::sse
