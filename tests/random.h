#pragma once
/// A small random generator with the same sequence everywhere (splitmix64, Steele, Lea and Flood 2014).
#include "core/types.h"
#include <cstddef>
#include <initializer_list>

namespace r86::test {

class Random {
public:
    explicit Random(u64 seed) : state_(seed) {}
    u64 next() {
        u64 z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    u32 below(u32 limit) { return static_cast<u32>((next() >> 32) * limit >> 32); }
    bool chance(u32 percent) { return below(100) < percent; }
    template <class T>
    T pick(std::initializer_list<T> list) {
        return list.begin()[below(static_cast<u32>(list.size()))];
    }
    template <class T, size_t N>
    const T& pick(const T (&list)[N]) {
        return list[below(N)];
    }

private:
    u64 state_;
};

} // namespace r86::test
