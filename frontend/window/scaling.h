#pragma once
/// Where the guest's picture stands in the window: sizes and rectangles alone, no SDL.
#include "core/types.h"

namespace r86 {

struct Size {
    int width = 0;
    int height = 0;
    bool operator==(const Size&) const = default;
};
struct Rect {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
    bool operator==(const Rect&) const = default;
    bool contains(int px, int py) const { return px >= x && px < x + width && py >= y && py < y + height; }
};

enum class ScaleMode : u8 {
    Shape,  ///< as large as fits in the shape that a monitor gave it: 4:3 for the modes of a VGA
    Pixels, ///< square pixels, each a whole number of the window's pixels
};

/// Width divided by height of the picture on a monitor. Whatever a VGA's own timing shows (up to 720x480, hence also
/// 720x400 text and the doubled 320x200) fills a 4:3 tube; larger pictures have square pixels.
double monitor_shape(Size picture);

/// The picture in the middle of the area. In `Pixels` mode a picture that is larger than the area is shrunk to fit.
Rect place_picture(Size picture, Size area, ScaleMode mode);

/// True if every pixel of the picture becomes the same whole number of pixels in `placed`.
bool whole_pixels(Size picture, const Rect& placed);

/// A picture that is not enlarged in whole steps is first enlarged by this factor without smoothing and then shrunk
/// with smoothing: edges stay sharp, and all pixels look equally wide. `largest`: the longest side of a texture.
int sharp_factor(Size picture, const Rect& placed, int largest);

/// The window's area for a picture: 4:3 pictures as if they were 960x720 where the screen has room.
Size first_area(Size picture, Size screen);

} // namespace r86
