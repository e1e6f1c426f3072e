#pragma once
/// What all fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; built with Clang's libFuzzer it
/// searches, built with replay_main.cpp it runs over the files of a corpus.
#include "core/types.h"
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace r86 {

/// Takes numbers from the input, zeros when it is used up.
class FuzzInput {
public:
    FuzzInput(const u8* data, usize size) : rest_(data, size) {}
    bool empty() const { return rest_.empty(); }
    u32 number(unsigned bytes) {
        u32 out = 0;
        for (unsigned i = 0; i < bytes && !rest_.empty(); ++i, rest_ = rest_.subspan(1)) out |= u32{rest_[0]} << 8 * i;
        return out;
    }
    std::span<const u8> rest() const { return rest_; }

private:
    std::span<const u8> rest_;
};

} // namespace r86
