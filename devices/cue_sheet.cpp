#include "devices/cue_sheet.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace r86 {

namespace {

constexpr u32 kMostMinutes = 99;
constexpr u8 kMostTracks = 99;

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
    return out;
}

class Parser {
public:
    Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

    CueSheet parse() {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3); // a byte order mark
        while (!text_.empty()) {
            ++line_;
            const usize end = std::min(text_.find('\n'), text_.size());
            words_of(text_.substr(0, end));
            text_.remove_prefix(std::min(end + 1, text_.size()));
            if (!words_.empty()) command();
        }
        track_done();
        if (sheet_.tracks.empty()) throw UserError("cue sheet '" + name_ + "' names no track");
        return std::move(sheet_);
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw UserError("cue sheet '" + name_ + "', line " + std::to_string(line_) + ": " + what);
    }

    /// Words are apart by blanks; one in quotes may hold some.
    void words_of(std::string_view line) {
        words_.clear();
        usize at = 0;
        while (at < line.size()) {
            if (std::isspace(static_cast<unsigned char>(line[at]))) {
                ++at;
                continue;
            }
            const bool quoted = line[at] == '"';
            if (quoted) ++at;
            const usize first = at;
            while (at < line.size() && (quoted ? line[at] != '"' : !std::isspace(static_cast<unsigned char>(line[at]))))
                ++at;
            words_.emplace_back(line.substr(first, at - first));
            if (quoted) ++at;
        }
    }

    const std::string& word(usize place, const char* what) const {
        if (place >= words_.size()) fail(words_[0] + " without " + what);
        return words_[place];
    }
    CueTrack& track() {
        if (sheet_.tracks.empty()) fail(words_[0] + " before the first TRACK");
        return sheet_.tracks.back();
    }

    unsigned number(std::string_view digits, unsigned most) const {
        unsigned value = 0;
        if (digits.empty() || digits.size() > 2) fail("'" + std::string(digits) + "' is no number of two digits");
        for (const char c : digits) {
            if (c < '0' || c > '9') fail("'" + std::string(digits) + "' is no number of two digits");
            value = value * 10 + static_cast<unsigned>(c - '0');
        }
        if (value > most) fail("'" + std::string(digits) + "' is more than " + std::to_string(most));
        return value;
    }

    /// Minutes, seconds, frames of which 75 make a second.
    u32 sectors(const std::string& text) const {
        const usize first = text.find(':'), second = text.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) fail("'" + text + "' is no time mm:ss:ff");
        const std::string_view all = text;
        return (number(all.substr(0, first), kMostMinutes) * 60 +
                number(all.substr(first + 1, second - first - 1), 59)) *
                   75 +
               number(all.substr(second + 1), 74);
    }

    void command() {
        const std::string name = upper(words_[0]);
        if (name == "FILE") return file();
        if (name == "TRACK") return new_track();
        if (name == "INDEX") return index();
        if (name == "PREGAP") {
            track().pregap = sectors(word(1, "a time"));
        } else if (name == "POSTGAP") {
            track().postgap = sectors(word(1, "a time"));
        } else {
            static constexpr std::array kOthers = {"REM",  "CATALOG", "CDTEXTFILE", "FLAGS",
                                                   "ISRC", "TITLE",   "PERFORMER",  "SONGWRITER"};
            if (std::find(kOthers.begin(), kOthers.end(), name) == kOthers.end())
                fail("'" + words_[0] + "' is no command of cue sheets");
        }
    }

    void file() {
        track_done();
        const std::string type = upper(word(2, "a type"));
        CueFile file{words_[1], CueFile::Type::Binary};
        if (type == "MOTOROLA")
            file.type = CueFile::Type::Motorola;
        else if (type == "WAVE")
            file.type = CueFile::Type::Wave;
        else if (type != "BINARY")
            fail("files of type " + type + " are not supported; convert them to WAVE");
        sheet_.files.push_back(std::move(file));
        last_index_ = 0;
    }

    void new_track() {
        track_done();
        if (sheet_.files.empty()) fail("TRACK before the first FILE");
        static constexpr std::pair<const char*, CueTrack::Type> kTypes[] = {{"AUDIO", CueTrack::Type::Audio},
                                                                            {"MODE1/2048", CueTrack::Type::Mode1},
                                                                            {"MODE1/2352", CueTrack::Type::Mode1Raw},
                                                                            {"MODE2/2336", CueTrack::Type::Mode2},
                                                                            {"MODE2/2352", CueTrack::Type::Mode2Raw}};
        CueTrack track;
        track.number = static_cast<u8>(number(word(1, "a number"), kMostTracks));
        if (track.number == 0 || (!sheet_.tracks.empty() && track.number != sheet_.tracks.back().number + 1))
            fail("track " + words_[1] + " is out of order");
        const std::string type = upper(word(2, "a type"));
        const auto* known =
            std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& one) { return type == one.first; });
        if (known == std::end(kTypes)) fail("tracks of type " + type + " are not supported");
        track.type = known->second;
        track.file = sheet_.files.size() - 1;
        if (sheet_.files.back().type == CueFile::Type::Wave && track.type != CueTrack::Type::Audio)
            fail("a WAVE file cannot hold a data track");
        sheet_.tracks.push_back(track);
    }

    void index() {
        CueTrack& current = track();
        const unsigned which = number(word(1, "a number"), 99);
        const u32 at = sectors(word(2, "a time"));
        if (at < last_index_) fail("this INDEX lies before the one above it");
        last_index_ = at;
        if (which == 0) {
            if (current.index1) fail("INDEX 00 behind INDEX 01");
            current.index0 = at;
        } else if (which == 1) {
            current.index1 = at;
        }
    }

    void track_done() const {
        if (!sheet_.tracks.empty() && !sheet_.tracks.back().index1)
            fail("track " + std::to_string(sheet_.tracks.back().number) + " has no INDEX 01");
    }

    std::string_view text_;
    const std::string& name_;
    unsigned line_ = 0;
    std::vector<std::string> words_;
    CueSheet sheet_;
    u32 last_index_ = 0;
};

} // namespace

CueSheet parse_cue_sheet(std::string_view text, const std::string& name) { return Parser(text, name).parse(); }

} // namespace r86
