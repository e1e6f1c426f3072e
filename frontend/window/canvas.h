#pragma once
/// A small picture that the window lays over the guest's: rectangles and text in the font of the VGA BIOS, 8x16 dots a
/// character, before any enlargement.
#include "devices/text_screen.h"
#include "frontend/window/scaling.h"
#include <string_view>

namespace r86 {

/// AARRGGBBh.
namespace colour {
inline constexpr u32 kClear = 0x00000000;
inline constexpr u32 kPanel = 0xF0202428;
inline constexpr u32 kFrame = 0xFF5A6470;
inline constexpr u32 kText = 0xFFD8DCE0;
inline constexpr u32 kDim = 0xFF6C7680;
inline constexpr u32 kLit = 0xFF7CE38B;
inline constexpr u32 kWarning = 0xFFFFC857;
inline constexpr u32 kSelection = 0xFF2F5F9F;
} // namespace colour

/// UTF-8 to the codes of the font; what it does not have becomes '?'.
std::vector<u8> font_codes(std::string_view utf8);
/// Columns that a text takes.
int text_columns(std::string_view utf8);
/// The text in at most that many columns; "..." stands for what was cut from its end.
std::string shortened(std::string_view utf8, int columns);
/// The text in lines of at most that many columns, broken at blanks where there are any.
std::vector<std::string> wrapped(std::string_view utf8, int columns);

class Canvas {
public:
    static constexpr int kCellWidth = 8;
    static constexpr int kCellHeight = 16;

    explicit Canvas(const FontSet& fonts) : fonts_(&fonts) {}

    /// Everything becomes `fill`.
    void reset(Size size, u32 fill);
    void rectangle(const Rect& rect, u32 fill);
    void frame(const Rect& rect, u32 line);
    void text(int x, int y, std::string_view utf8, u32 ink);

    Size size() const { return size_; }
    const std::vector<u32>& pixels() const { return pixels_; }
    u32 at(int x, int y) const {
        return pixels_[static_cast<usize>(y) * static_cast<usize>(size_.width) + static_cast<usize>(x)];
    }

private:
    const FontSet* fonts_;
    Size size_;
    std::vector<u32> pixels_;
};

} // namespace r86
