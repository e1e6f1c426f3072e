/// Lines of session scripts: words, quotes, escapes, patterns, what is refused and how.
#include "core/error.h"
#include "frontend/script/command_line.h"
#include "tests/catch.h"

using namespace r86;

namespace {

std::string refusal(std::string_view line) {
    try {
        parse_command(line);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::string first_text(std::string_view line) { return parse_command(line)->arguments.at(0).text; }

bool finds(std::string_view line, const std::string& row) {
    return parse_command(line)->arguments.at(0).pattern->find_in(row).has_value();
}

} // namespace

TEST_CASE("script: blank lines and comments are no commands") {
    CHECK(!parse_command(""));
    CHECK(!parse_command("  \t\r"));
    CHECK(!parse_command("# type \"x\""));
    CHECK(parse_command("screen # and why")->id == CommandId::Screen);
    CHECK(first_text("type \"# \" # the prompt") == "# ");
}

TEST_CASE("script: escapes, and every other backslash stands for itself") {
    CHECK(unescape(R"(a\n\r\t\e\"\\b)") == "a\n\r\t\x1B\"\\b");
    CHECK(unescape(R"(\x41\xc2\xa3)") == "A\xC2\xA3");
    CHECK(unescape(R"(A:\>)") == R"(A:\>)");
    CHECK(unescape(R"(\q\x4\xzz\)") == R"(\q\x4\xzz\)");
    CHECK(first_text(R"(wait-screen "A:\>" 5)") == R"(A:\>)");
    CHECK(first_text(R"(type "say \"hi\"\n")") == "say \"hi\"\n");
    CHECK(first_text(R"(type "cd \\")") == R"(cd \)");
    CHECK(first_text(R"(wait-screen "A:\")") == R"(A:\)");
    CHECK(first_text(R"(wait-screen "A:\" 20)") == R"(A:\)");
}

TEST_CASE("script: patterns") {
    CHECK(finds(R"(wait-screen "b.c")", "ab.cd"));
    CHECK(!finds(R"(wait-screen "b.c")", "abxcd"));
    CHECK(!finds(R"(wait-screen "Abc")", "abc"));
    CHECK(finds(R"(wait-screen /^A:\\>$/ 60)", R"(A:\>)"));
    CHECK(!finds(R"(wait-screen /^A:\\>$/)", R"(A:\>dir)"));
    CHECK(finds(R"(wait-screen /a\/b\d+/)", "xa/b42"));
    CHECK(finds("wait-screen /^..$/", "\xC2\xA3\xE2\x82\xAC")); // two characters, five bytes
    CHECK(finds("wait-screen /[\xC2\xA3\xE2\x82\xAC]$/", "5 \xE2\x82\xAC"));
    const auto pattern = *parse_command("wait-serial /b+/")->arguments.at(0).pattern;
    CHECK(pattern.find_in("\xC2\xA3 abbbc") == usize{7}); // the byte behind the match
}

TEST_CASE("script: numbers") {
    CHECK(parse_integer("31") == u64{31});
    CHECK(parse_integer("0x1F") == u64{31});
    CHECK(parse_integer("B8000") == u64{0xB8000});
    CHECK(parse_integer("18446744073709551615") == ~u64{0});
    for (const char* text : {"", "0x", "-1", "1.5", "18446744073709551616", "12z", " 1"}) CHECK(!parse_integer(text));
    CHECK(parse_command("memory phys:0x7C00 0x10")->arguments.at(0).integer == 0x7C00);
    CHECK(parse_command("wait-screen \"x\" 2.5")->arguments.at(1).number == 2.5);
    CHECK(static_cast<i64>(parse_command("mouse -5 7 lr")->arguments.at(0).integer) == -5);
}

TEST_CASE("script: mistakes are named") {
    CHECK(refusal("wiat-screen \"x\"").find("wiat-screen") != std::string::npos);
    CHECK(refusal("wait-screen").find("wait-screen PATTERN [SECONDS]") != std::string::npos);
    CHECK(refusal("type \"x\" y").find("too much") != std::string::npos);
    CHECK(refusal("screen 1").find("no arguments") != std::string::npos);
    CHECK(refusal("type \"x").find("closing") != std::string::npos);
    CHECK(refusal("type \"x\"y").find("blank") != std::string::npos);
    CHECK(refusal("wait-screen /(/").find("regular expression") != std::string::npos);
    CHECK(refusal("key ctrl-alt-nothing").find("ctrl-alt-nothing") != std::string::npos);
    CHECK(refusal("memory virt:5 1").find("address") != std::string::npos);
    CHECK(refusal("wait-stable -1").find("seconds") != std::string::npos);
    CHECK(refusal("wait-screen-size 640").find("size") != std::string::npos);
    CHECK(refusal("run-seconds nan").find("seconds") != std::string::npos);
}

TEST_CASE("script: every command's usage has words that the parser knows") {
    for (unsigned id = 0; id < static_cast<unsigned>(CommandId::Count); ++id) {
        std::string usage(command_info(static_cast<CommandId>(id)).usage);
        for (char& c : usage)
            if (c == '[' || c == ']') c = ' ';
        usage += ' ';
        for (usize at = 0; at < usage.size();) {
            const usize end = usage.find(' ', at);
            const std::string word = usage.substr(at, end - at);
            at = end + 1;
            static const std::string kKnown =
                " PATTERN TEXT SECONDS N DELTA NAME KEYS FILE WxH ADDRESS BUTTONS "; // command_list.inc explains them
            CHECK((word.empty() || kKnown.find(" " + word + " ") != std::string::npos));
        }
    }
}
