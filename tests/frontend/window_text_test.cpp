/// What the window writes: its canvas, status line, title, menus and notices.
#include "bios/embedded.h"
#include "frontend/window/menu.h"
#include "frontend/window/notices.h"
#include "frontend/window/status_line.h"
#include "tests/catch.h"
#include <algorithm>

using namespace r86;

namespace {

const FontSet& fonts() {
    static const FontSet set(bundled_vgabios().bytes);
    return set;
}

/// The canvas read back, character by character; '\0' where no glyph matches.
std::string read_back(const Canvas& canvas, int x, int y, int columns, u32 ink) {
    std::string out;
    for (int column = 0; column < columns; ++column) {
        FontSet::Glyph glyph{};
        for (int row = 0; row < 16; ++row)
            for (int dot = 0; dot < 8; ++dot)
                if (canvas.at(x + column * 8 + dot, y + row) == ink)
                    glyph[static_cast<usize>(row)] |= static_cast<u8>(0x80 >> dot);
        out += static_cast<char>(fonts().find(16, glyph));
    }
    return out;
}

SessionStatus pc() {
    SessionStatus status;
    status.mips = 87.34;
    status.speed_percent = 99.6;
    status.drives = {{"floppy0", "dos.img", true},
                     {"floppy1", "", true},
                     {"cdrom0", "", true},
                     {"disk0", "c.img", false},
                     {"disk1", "d.img", false}};
    return status;
}

std::string joined(const std::vector<StatusPart>& parts) {
    std::string out;
    for (const StatusPart& part : parts) out += (out.empty() ? "" : " ") + part.text;
    return out;
}

StatusPart::Tone tone(const StatusGroups& groups, const std::string& text) {
    for (const auto& group : groups)
        for (const StatusPart& part : group)
            if (part.text == text) return part.tone;
    FAIL("no part " << text);
    return StatusPart::Tone::Plain;
}

} // namespace

TEST_CASE("window: the canvas writes what can be read") {
    Canvas canvas(fonts());
    canvas.reset({200, 40}, colour::kPanel);
    canvas.text(8, 4, "Right Ctrl+F1", colour::kText);
    CHECK(read_back(canvas, 8, 4, 13, colour::kText) == "Right Ctrl+F1");
    // What leaves the canvas is cut.
    canvas.text(190, 35, "MMMM", colour::kText);
    canvas.text(-20, -10, "MMMM", colour::kText);
    canvas.rectangle({-5, -5, 1000, 1000}, colour::kDim);
    CHECK(canvas.at(199, 39) == colour::kDim);
}

TEST_CASE("window: text in code page 437") {
    CHECK(font_codes("A\u00E9\u25BC") == std::vector<u8>{'A', 0x82, 0x1F});
    CHECK(font_codes("\u4E2D") == std::vector<u8>{'?'});
    CHECK(font_codes("\xFF\xC3") == std::vector<u8>{'?', '?'}); // no UTF-8 at all
    CHECK(text_columns("na\u00EFve") == 5);
    CHECK(shortened("abcdefgh", 8) == "abcdefgh");
    CHECK(shortened("abcdefgh", 6) == "abc...");
    CHECK(shortened("\u00E9\u00E9\u00E9\u00E9\u00E9", 4) == "\u00E9...");
    CHECK(shortened("abcdefgh", 2) == "ab");
}

TEST_CASE("window: long sentences are broken at blanks") {
    CHECK(wrapped("one two three", 8) == std::vector<std::string>{"one two", "three"});
    CHECK(wrapped("one two", 7) == std::vector<std::string>{"one two"});
    CHECK(wrapped("abcdefghij", 4) == std::vector<std::string>{"abcd", "efgh", "ij"});
    CHECK(wrapped("", 4) == std::vector<std::string>{""});
    CHECK(wrapped("x", 0) == std::vector<std::string>{"x"});
}

TEST_CASE("window: the status line's words") {
    const WindowState free{.mouse_grabbed = false, .host_key = "Right Ctrl", .speed_percent = 100};
    StatusGroups groups = status_groups(pc(), free);
    CHECK(joined(groups[0]) == "87.3 MIPS 100% of real time");
    CHECK(joined(groups[1]) == "A: B: CD Disk"); // one light for all disks
    CHECK(joined(groups[2]) == "Num Caps Scroll");
    CHECK(joined(groups[3]) == "Click: mouse to guest Right Ctrl+F1: help");
    CHECK(tone(groups, "B:") == StatusPart::Tone::Dim); // empty
    CHECK(tone(groups, "A:") == StatusPart::Tone::Plain);

    SessionStatus busy = pc();
    busy.disk_active = busy.floppy_active = busy.cdrom_active = busy.caps_lock = true;
    busy.mips = 1234;
    groups = status_groups(busy, {.mouse_grabbed = true, .host_key = "F12", .speed_percent = 0});
    CHECK(joined(groups[0]) == "1234 MIPS 100% of real time (as fast as it can)");
    CHECK(tone(groups, "Disk") == StatusPart::Tone::Lit);
    CHECK(tone(groups, "A:") == StatusPart::Tone::Lit);
    CHECK(tone(groups, "B:") == StatusPart::Tone::Dim); // nothing in it that could be read
    CHECK(tone(groups, "Caps") == StatusPart::Tone::Lit);
    CHECK(tone(groups, "Num") == StatusPart::Tone::Dim);
    CHECK(groups[3][0].text == "F12 frees the mouse");

    busy.paused = true;
    CHECK(joined(status_groups(busy, free)[0]) == "paused");
}

TEST_CASE("window: the status line in its row") {
    const StatusGroups groups = status_groups(pc(), {.host_key = "Right Ctrl"});
    const auto fits = [](const std::vector<PlacedPart>& placed, int columns) {
        int free = 0;
        for (const PlacedPart& part : placed) {
            if (part.column < free) return false;
            free = part.column + text_columns(part.part.text) + 1;
        }
        return free <= columns;
    };
    for (int columns = 45; columns < 200; ++columns) {
        INFO(columns);
        CHECK(fits(place_status(groups, columns), columns));
    }
    const auto wide = place_status(groups, 120);
    CHECK(wide.front().column == 1);
    CHECK(wide.back().part.text == "Right Ctrl+F1: help");
    CHECK(wide.back().column + text_columns(wide.back().part.text) == 119);
    // Where it is narrow, keyboard lights go first, then the drives.
    const auto has = [](const std::vector<PlacedPart>& placed, const std::string& text) {
        return std::any_of(placed.begin(), placed.end(),
                           [&](const PlacedPart& part) { return part.part.text == text; });
    };
    CHECK_FALSE(has(place_status(groups, 90), "Num"));
    CHECK(has(place_status(groups, 90), "Disk"));
    CHECK_FALSE(has(place_status(groups, 75), "Disk"));
    CHECK(has(place_status(groups, 75), "Right Ctrl+F1: help"));
    CHECK(has(place_status(groups, 40), "87.3 MIPS"));
    CHECK(place_status({}, 80).empty());
}

TEST_CASE("window: the title says what runs") {
    SessionStatus status = pc();
    CHECK(window_title("", status) == "dos.img, c.img, d.img - rewind86");
    CHECK(window_title("ReactOS", status) == "ReactOS - rewind86");
    status.paused = true;
    CHECK(window_title("ReactOS", status) == "ReactOS - rewind86 (paused)");
    CHECK(window_title("", SessionStatus{}) == "rewind86");
}

TEST_CASE("window: speeds") {
    CHECK(speed_name(0) == "as fast as it can");
    CHECK(speed_name(100) == "real time");
    CHECK(speed_name(200) == "2x real time");
    CHECK(speed_name(50) == "50% of real time");
}

TEST_CASE("window: a menu is chosen from by arrows, letters and the mouse") {
    std::vector<MenuItem> items;
    for (int i = 0; i < 40; ++i)
        items.push_back({"", "item " + std::to_string(i), i == 7 ? SDL_SCANCODE_F : SDL_SCANCODE_UNKNOWN, {}});
    Menu menu("Title", "footer", items);
    Canvas canvas(fonts());
    menu.draw(canvas, {400, 300});
    CHECK(canvas.size().width <= 400);
    CHECK(canvas.size().height <= 300);
    CHECK(read_back(canvas, 12, 12, 5, colour::kWarning) == "Title");

    CHECK(menu.selected().text == "item 0");
    CHECK(menu.key(SDL_SCANCODE_UP) == Menu::Answer::Open);
    CHECK(menu.selected().text == "item 0");
    menu.key(SDL_SCANCODE_DOWN);
    CHECK(menu.selected().text == "item 1");
    menu.key(SDL_SCANCODE_END);
    CHECK(menu.selected().text == "item 39");
    menu.draw(canvas, {400, 300});
    // The first row that is shown is now a later item; the pointer finds what it sees.
    CHECK(read_back(canvas, 12, 12 + 2 * 18 + 1, 4, colour::kText) == "item");
    CHECK(menu.point(20, 12 + 2 * 18 + 3));
    CHECK(menu.selected().text != "item 0");
    CHECK_FALSE(menu.point(20, 5));
    CHECK_FALSE(menu.point(20, 295));
    CHECK(menu.key(SDL_SCANCODE_F) == Menu::Answer::Chosen);
    CHECK(menu.selected().text == "item 7");
    CHECK(menu.key(SDL_SCANCODE_RETURN) == Menu::Answer::Chosen);
    CHECK(menu.key(SDL_SCANCODE_X) == Menu::Answer::Open);
    CHECK(menu.key(SDL_SCANCODE_ESCAPE) == Menu::Answer::Close);
    menu.scroll(-100);
    CHECK(menu.selected().text == "item 0");
    menu.scroll(2);
    CHECK(menu.selected().text == "item 2");
    menu.draw(canvas, {1, 1}); // no room at all: it still stands
}

TEST_CASE("window: an empty menu can only be left") {
    Menu menu("Nothing", "", {});
    Canvas canvas(fonts());
    menu.draw(canvas, {400, 300});
    CHECK(menu.key(SDL_SCANCODE_DOWN) == Menu::Answer::Open);
    CHECK(menu.key(SDL_SCANCODE_RETURN) == Menu::Answer::Close);
    CHECK_FALSE(menu.point(20, 60));
    menu.scroll(3);
}

TEST_CASE("window: notices go after a while, and the same one is not shown twice") {
    Notices notices;
    notices.add("first", 1000);
    notices.add("second", 1500);
    notices.add("first", 2000);
    CHECK(notices.shown().size() == 2);
    CHECK(notices.shown().back().text == "first");
    CHECK_FALSE(notices.expire(2000));
    CHECK(notices.expire(notices.shown().front().until));
    CHECK(notices.shown().size() == 1);
    for (int i = 0; i < 50; ++i) notices.add("notice " + std::to_string(i), 3000);
    CHECK(notices.shown().size() < 10);
}
