/// What scripts see of a serial line.
#include "frontend/ports/serial_line.h"
#include "tests/catch.h"

using namespace r86;

namespace {

SerialLine line_with(std::string_view bytes) {
    SerialLine line(make_channel("null", "--serial", true));
    for (const char c : bytes) line.put(static_cast<u8>(c));
    return line;
}

} // namespace

TEST_CASE("serial line: escape sequences are removed") {
    CHECK(line_with("\x1B[1;31mred\x1B[0m\x1B[2J\x1B[10;20Htext").unread() == "redtext");
    CHECK(line_with("\x1B]0;title\x07shown").unread() == "shown");
    CHECK(line_with("\x1B]0;title\x1B\\shown").unread() == "shown");
    CHECK(line_with("\x1B(B\x1B=\x1B"
                    "7plain\a\b")
              .unread() == "plain");
    CHECK(line_with("a\r\n\tb\xC3\xA9").unread() == "a\r\n\tb\xC3\xA9");
}

TEST_CASE("serial line: what was matched is gone, the last lines stay") {
    SerialLine line = line_with("one\r\ntwo\r\nthree");
    line.take_until(5);
    CHECK(line.unread() == "two\r\nthree");
    CHECK(line.last_lines(2) == std::vector<std::string>{"two", "three"});
    CHECK(line.received() == 15);
}
