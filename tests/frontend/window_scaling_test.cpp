/// Where the picture stands.
#include "frontend/window/scaling.h"
#include "frontend/window/sharp_scale.h"
#include "tests/catch.h"
#include <algorithm>
#include <utility>

using namespace r86;

TEST_CASE("window: the modes of a VGA fill a 4:3 monitor, others have square pixels") {
    for (const Size size : {Size{720, 400}, {640, 400}, {640, 350}, {640, 480}, {320, 200}, {720, 480}, {360, 400}})
        CHECK(monitor_shape(size) == Approx(4.0 / 3));
    CHECK(monitor_shape({800, 600}) == Approx(4.0 / 3));
    CHECK(monitor_shape({1280, 1024}) == Approx(5.0 / 4));
    CHECK(monitor_shape({1920, 1080}) == Approx(16.0 / 9));
    CHECK(monitor_shape({0, 0}) == Approx(4.0 / 3));
}

TEST_CASE("window: the monitor's shape, as large as it fits") {
    CHECK(place_picture({720, 400}, {960, 720}, ScaleMode::Shape) == Rect{0, 0, 960, 720});
    CHECK(place_picture({640, 400}, {1920, 1080}, ScaleMode::Shape) == Rect{240, 0, 1440, 1080});
    CHECK(place_picture({640, 480}, {600, 900}, ScaleMode::Shape) == Rect{0, 225, 600, 450});
    CHECK(place_picture({1920, 1080}, {960, 720}, ScaleMode::Shape) == Rect{0, 90, 960, 540});
}

TEST_CASE("window: whole pixels") {
    CHECK(place_picture({720, 400}, {960, 720}, ScaleMode::Pixels) == Rect{120, 160, 720, 400});
    CHECK(place_picture({720, 400}, {1500, 900}, ScaleMode::Pixels) == Rect{30, 50, 1440, 800});
    CHECK(place_picture({640, 480}, {1920, 1440}, ScaleMode::Pixels) == Rect{0, 0, 1920, 1440});
    // Larger than the window: all of it, smaller.
    CHECK(place_picture({1280, 1024}, {640, 1000}, ScaleMode::Pixels) == Rect{0, 244, 640, 512});
}

TEST_CASE("window: a window without room and a guest without a picture") {
    for (const ScaleMode mode : {ScaleMode::Shape, ScaleMode::Pixels}) {
        CHECK(place_picture({720, 400}, {0, 0}, mode) == Rect{});
        CHECK(place_picture({720, 400}, {100, -20}, mode) == Rect{});
        CHECK(place_picture({0, 0}, {960, 720}, mode) == Rect{});
        const Rect tiny = place_picture({720, 400}, {1, 1}, mode);
        CHECK((tiny.width == 1 && tiny.height == 1));
    }
}

TEST_CASE("window: smoothing only where pixels would not be equally wide") {
    CHECK(whole_pixels({640, 400}, {0, 0, 1280, 800}));
    CHECK(whole_pixels({320, 200}, {0, 0, 960, 800})); // 3 by 4 is even, too
    CHECK_FALSE(whole_pixels({640, 400}, {0, 0, 960, 720}));
    CHECK_FALSE(whole_pixels({640, 400}, {0, 0, 320, 200}));
    CHECK(sharp_factor({720, 400}, {0, 0, 960, 720}, 8192) == 2);
    CHECK(sharp_factor({720, 400}, {0, 0, 1440, 1080}, 8192) == 3);
    CHECK(sharp_factor({720, 400}, {0, 0, 600, 300}, 8192) == 1);
    CHECK(sharp_factor({320, 200}, {0, 0, 2880, 2160}, 8192) == 4); // enough
    CHECK(sharp_factor({1600, 1200}, {0, 0, 3200, 2300}, 2048) == 1);
    CHECK(sharp_factor({0, 0}, {}, 2048) == 1);
}

TEST_CASE("window: its first size leaves room on the screen") {
    CHECK(first_area({720, 400}, {1920, 1080}) == Size{960, 720});
    CHECK(first_area({1024, 768}, {1920, 1080}) == Size{1024, 768});
    CHECK(first_area({720, 400}, {800, 600}) == Size{720, 540});
    const Size large = first_area({1920, 1080}, {1280, 1024});
    CHECK(large.width <= 1280);
    CHECK(large.height <= 1024);
}

namespace {

Picture coloured(u32 width, u32 height) {
    Picture picture{width, height, std::vector<u32>(usize{width} * height)};
    for (usize i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<u32>(i * 0x9E3779B1u) & 0xFFFFFF;
    return picture;
}

} // namespace

TEST_CASE("window: sharp scaling is exact where pixels are whole, and a mean where they are not") {
    const Picture two{2, 1, {0xFF0000, 0x0000FF}};
    SharpScale scale;
    scale.set_sizes({2, 1}, {4, 2});
    scale.update(two, {0, 2});
    for (int y = 0; y < 2; ++y)
        CHECK(std::vector<u32>(scale.row(y), scale.row(y) + 4) ==
              std::vector<u32>{0xFF0000, 0xFF0000, 0x0000FF, 0x0000FF});
    scale.set_sizes({2, 1}, {3, 1}); // the middle one covers half of each
    scale.update(two, {0, 1});
    CHECK(std::vector<u32>(scale.row(0), scale.row(0) + 3) == std::vector<u32>{0xFF0000, 0x7F007F, 0x0000FF});
    const Picture grey{3, 3, std::vector<u32>(9, 0x123456)};
    scale.set_sizes({3, 3}, {7, 5});
    scale.update(grey, {0, 5});
    for (int y = 0; y < 5; ++y)
        for (int x = 0; x < 7; ++x) CHECK(scale.row(y)[x] == 0x123456);
}

TEST_CASE("window: scaling only the rows that changed gives the whole result") {
    for (const Size to : {Size{960, 720}, {721, 401}, {720, 400}, {1000, 997}}) {
        Picture picture = coloured(720, 400);
        SharpScale parts;
        parts.set_sizes({720, 400}, to);
        parts.update(picture, {0, to.height});
        for (const auto& [first, end] : {std::pair{0, 1}, {14, 16}, {399, 400}, {100, 300}}) {
            for (usize i = static_cast<usize>(first) * 720; i < static_cast<usize>(end) * 720; ++i)
                picture.pixels[i] ^= 0x5A5A5A;
            parts.update(picture, parts.rows_of(first, end));
        }
        SharpScale whole;
        whole.set_sizes({720, 400}, to);
        whole.update(picture, {0, to.height});
        bool equal = true;
        for (int y = 0; y < to.height; ++y) equal &= std::equal(whole.row(y), whole.row(y) + to.width, parts.row(y));
        CHECK(equal);
    }
}
