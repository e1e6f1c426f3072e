/// Where the picture stands.
#include "frontend/window/scaling.h"
#include "tests/catch.h"

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
