#include "frontend/window/sharp_scale.h"
#include <algorithm>

namespace r86 {

namespace {

/// Two channels at a time: 00RR00BBh and 0000GG00h.
u32 mix(u32 a, u32 b, u32 weight_b) {
    const u32 weight_a = 256 - weight_b;
    const u32 red_blue = ((a & 0xFF00FF) * weight_a + (b & 0xFF00FF) * weight_b) >> 8;
    const u32 green = ((a & 0x00FF00) * weight_a + (b & 0x00FF00) * weight_b) >> 8;
    return (red_blue & 0xFF00FF) | (green & 0x00FF00);
}

} // namespace

/// Pixel i of the result covers [i * from, (i + 1) * from) in units of 1/to of a pixel of the picture.
std::vector<SharpScale::Tap> SharpScale::taps(int from, int to) {
    std::vector<Tap> out(static_cast<usize>(to));
    for (u64 i = 0; i < out.size(); ++i) {
        const u64 begin = i * static_cast<u64>(from);
        const u64 end = begin + static_cast<u64>(from);
        const u64 first = begin / static_cast<u64>(to);
        const u64 boundary = (first + 1) * static_cast<u64>(to);
        out[i].first = static_cast<u32>(first);
        if (end > boundary) out[i].weight = static_cast<u32>((end - boundary) * 256 / static_cast<u64>(from));
    }
    return out;
}

void SharpScale::set_sizes(Size from, Size to) {
    if (from == from_ && to == to_) return;
    from_ = from;
    to_ = to;
    columns_ = taps(from.width, to.width);
    rows_ = taps(from.height, to.height);
    result_.assign(static_cast<usize>(to.width) * static_cast<usize>(to.height), 0);
    blended_.assign(static_cast<usize>(from.width), 0);
}

SharpScale::Rows SharpScale::rows_of(int first, int end) const {
    const i64 to = to_.height;
    const i64 from = from_.height;
    return {static_cast<int>(first * to / from), static_cast<int>(std::min((end * to + from - 1) / from, to))};
}

void SharpScale::update(const Picture& picture, Rows rows) {
    for (int y = rows.first; y < rows.end; ++y) {
        const usize width = static_cast<usize>(to_.width);
        u32* out = result_.data() + static_cast<usize>(y) * width;
        const Tap& vertical = rows_[static_cast<usize>(y)];
        if (y > rows.first && vertical == rows_[static_cast<usize>(y) - 1]) {
            std::copy_n(out - width, width, out);
            continue;
        }
        const u32* in = picture.pixels.data() + usize{vertical.first} * picture.width;
        if (vertical.weight != 0) {
            const u32* below = in + picture.width;
            for (usize x = 0; x < picture.width; ++x) blended_[x] = mix(in[x], below[x], vertical.weight);
            in = blended_.data();
        }
        for (usize x = 0; x < width; ++x) {
            const Tap& tap = columns_[x];
            out[x] = tap.weight == 0 ? in[tap.first] : mix(in[tap.first], in[tap.first + 1], tap.weight);
        }
    }
}

} // namespace r86
