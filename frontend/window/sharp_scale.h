#pragma once
/// Enlarges a picture by any factor from one: a pixel of the result is the mean of what it covers, at most two by two
/// pixels of the picture, so edges stay sharp and all pixels look equally wide. For renderers that are programs
/// themselves; a graphics card does the same with textures.
#include "core/host_endpoints.h"
#include "frontend/window/scaling.h"

namespace r86 {

class SharpScale {
public:
    /// Forgets the old result if the sizes are others. `to` is at least as large as `from` in both directions.
    void set_sizes(Size from, Size to);
    /// Rows of the result that depend on rows [first, end) of the picture.
    struct Rows {
        int first = 0;
        int end = 0;
    };
    Rows rows_of(int first, int end) const;
    /// Makes rows of the result anew.
    void update(const Picture& picture, Rows rows);

    Size size() const { return to_; }
    const u32* row(int y) const { return result_.data() + static_cast<usize>(y) * static_cast<usize>(to_.width); }

private:
    struct Tap {
        u32 first = 0;
        u32 weight = 0; ///< of the next one, in 1/256
        bool operator==(const Tap&) const = default;
    };
    static std::vector<Tap> taps(int from, int to);

    Size from_;
    Size to_;
    std::vector<Tap> columns_;
    std::vector<Tap> rows_;
    std::vector<u32> result_;
    std::vector<u32> blended_; ///< one row of the picture's width
};

} // namespace r86
