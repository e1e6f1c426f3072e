#include "frontend/window/scaling.h"
#include <algorithm>
#include <cmath>

namespace r86 {

namespace {

int rounded(double value) { return static_cast<int>(std::lround(value)); }

Rect centred(Size size, Size area) {
    return {(area.width - size.width) / 2, (area.height - size.height) / 2, size.width, size.height};
}

/// The largest size of that shape in the area.
Size fitted(double shape, Size area) {
    Size size{area.width, rounded(area.width / shape)};
    if (size.height > area.height) size = {rounded(area.height * shape), area.height};
    return {std::max(size.width, 1), std::max(size.height, 1)};
}

} // namespace

double monitor_shape(Size picture) {
    if (picture.width <= 0 || picture.height <= 0) return 4.0 / 3.0;
    if (picture.width <= 720 && picture.height <= 480) return 4.0 / 3.0;
    return static_cast<double>(picture.width) / picture.height;
}

Rect place_picture(Size picture, Size area, ScaleMode mode) {
    if (picture.width <= 0 || picture.height <= 0 || area.width <= 0 || area.height <= 0) return {};
    if (mode == ScaleMode::Shape) return centred(fitted(monitor_shape(picture), area), area);
    const int factor = std::min(area.width / picture.width, area.height / picture.height);
    if (factor == 0) return centred(fitted(static_cast<double>(picture.width) / picture.height, area), area);
    return centred({picture.width * factor, picture.height * factor}, area);
}

bool whole_pixels(Size picture, const Rect& placed) {
    return picture.width > 0 && picture.height > 0 && placed.width > 0 && placed.width % picture.width == 0 &&
           placed.height > 0 && placed.height % picture.height == 0;
}

int sharp_factor(Size picture, const Rect& placed, int largest) {
    if (picture.width <= 0 || picture.height <= 0) return 1;
    const int wanted = std::max((placed.width + picture.width - 1) / picture.width,
                                (placed.height + picture.height - 1) / picture.height);
    const int possible = largest / std::max(picture.width, picture.height);
    constexpr int kEnough = 4; // more is not seen
    return std::clamp(std::min(wanted, possible), 1, kEnough);
}

Size first_area(Size picture, Size screen) {
    const double shape = monitor_shape(picture);
    const int height = std::max(picture.height, 720);
    const Size wanted{rounded(height * shape), height};
    // A little of the screen stays free for a title bar and the desktop's panel.
    const Size room{screen.width * 9 / 10, screen.height * 9 / 10};
    if (wanted.width <= room.width && wanted.height <= room.height) return wanted;
    return fitted(shape, room);
}

} // namespace r86
