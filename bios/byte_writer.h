#pragma once
/// Little-endian building of tables.
#include "core/types.h"
#include <span>
#include <string_view>
#include <vector>

namespace r86 {

class ByteWriter {
public:
    std::vector<u8> bytes;

    ByteWriter& number(u64 value, unsigned size) {
        for (unsigned i = 0; i < size; ++i) bytes.push_back(i < 8 ? static_cast<u8>(value >> (8 * i)) : u8{0});
        return *this;
    }
    ByteWriter& zeros(usize count) {
        bytes.insert(bytes.end(), count, 0);
        return *this;
    }
    /// Exactly `size` bytes: cut, or filled up with `fill`.
    ByteWriter& text(std::string_view value, usize size, char fill = 0) {
        for (usize i = 0; i < size; ++i) bytes.push_back(static_cast<u8>(i < value.size() ? value[i] : fill));
        return *this;
    }
    ByteWriter& append(std::span<const u8> other) {
        bytes.insert(bytes.end(), other.begin(), other.end());
        return *this;
    }
    ByteWriter& align(usize alignment) {
        while (bytes.size() % alignment) bytes.push_back(0);
        return *this;
    }
    void patch(usize at, u64 value, unsigned size) {
        for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<u8>(value >> (8 * i));
    }
    usize size() const { return bytes.size(); }
};

} // namespace r86
