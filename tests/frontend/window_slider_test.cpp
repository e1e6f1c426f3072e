/// The time slider: what it says, and where the pointer leads.
#include "bios/embedded.h"
#include "frontend/window/time_slider.h"
#include "tests/catch.h"

using namespace r86;

namespace {

constexpr int kWidth = 720;

SessionStatus two_branches() {
    SessionStatus status;
    status.tick = 500;
    status.virtual_ns = 61'250'000'000;
    status.paused = true;
    status.history.kept = true;
    status.history.live = false;
    status.history.head_ns = 122'000'000'000;
    status.history.branch = 1;
    status.history.branches = {{0, 0, 1000}, {0, 400, 800}};
    return status;
}

Canvas drawn(TimeSlider& slider) {
    static const FontSet fonts(bundled_vgabios().bytes);
    Canvas canvas(fonts);
    slider.draw(canvas, kWidth);
    return canvas;
}

usize count(const Canvas& canvas, u32 colour, int x0, int x1) {
    usize found = 0;
    for (int y = 0; y < canvas.size().height; ++y)
        for (int x = x0; x < x1; ++x) found += canvas.at(x, y) == colour;
    return found;
}

} // namespace

TEST_CASE("slider: times as people read them") {
    CHECK(clock_text(0) == "0:00.000");
    CHECK(clock_text(61'250'000'000) == "1:01.250");
    CHECK(clock_text(3'600'000'000'000) == "60:00.000");
}

TEST_CASE("slider: drawn anew only when something has moved") {
    TimeSlider slider;
    SessionStatus status = two_branches();
    CHECK(slider.update(status));
    CHECK_FALSE(slider.update(status));
    status.tick = 501;
    CHECK(slider.update(status));
    status.history.on_the_way = 0.5;
    CHECK(slider.update(status));
}

TEST_CASE("slider: the pointer leads to a tick of the branch that it is on") {
    TimeSlider slider;
    slider.update(two_branches());
    const Canvas canvas = drawn(slider);
    std::optional<travel::To> first, second;
    int first_y = 0, second_y = 0;
    for (int y = 0; y < canvas.size().height; ++y) {
        const auto to = slider.at(kWidth / 2, y);
        if (to && to->branch == 0u) first = to, first_y = y;
        if (to && to->branch == 1u) second = to, second_y = y;
    }
    REQUIRE(first);
    REQUIRE(second);
    CHECK(second_y > first_y);
    CHECK(first->tick > 400);
    CHECK(first->tick < 600);
    CHECK(second->tick == first->tick);
    CHECK(slider.at(kWidth - 1, first_y)->tick == 1000);
    CHECK(slider.at(kWidth - 1, second_y)->tick == 800); // where that branch ends
    CHECK(slider.at(0, first_y)->tick == 0);
    CHECK_FALSE(slider.at(kWidth / 2, 0));
    // Dragging stays on the current branch, however far away the pointer goes.
    CHECK(slider.dragged(10 * kWidth)->tick == 800);
    CHECK(slider.dragged(-10)->tick == 0);
    CHECK_FALSE(slider.dragged(0)->branch);
}

TEST_CASE("slider: the part of the current branch that is behind us is lit") {
    TimeSlider slider;
    slider.update(two_branches());
    const Canvas canvas = drawn(slider);
    const int middle = 44 + (kWidth - 24 - 32) / 2; // of the bars
    CHECK(count(canvas, colour::kSelection, middle + 4, kWidth - 20) > 200);
    CHECK(count(canvas, colour::kLit, middle + 4, kWidth - 20) == 0);
    CHECK(count(canvas, colour::kLit, middle - 60, middle - 4) > 200);
    CHECK(count(canvas, colour::kWarning, middle - 2, middle + 3) > 20); // where we are
}

TEST_CASE("slider: a session without history says so") {
    TimeSlider slider;
    SessionStatus status;
    slider.update(status);
    drawn(slider);
    for (int y = 0; y < 100; ++y) CHECK_FALSE(slider.at(kWidth / 2, y));
    CHECK_FALSE(slider.dragged(5));
}
