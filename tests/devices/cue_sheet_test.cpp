/// Cue sheets and the discs that they describe.
#include "core/error.h"
#include "devices/cd_disc.h"
#include "devices/cue_sheet.h"
#include "tests/catch.h"
#include "tests/devices/cd_fixture.h"

using namespace r86;

namespace {

std::string refusal(std::string_view sheet) {
    try {
        parse_cue_sheet(sheet, "x.cue");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("cue sheet: files, tracks, indices and gaps") {
    const CueSheet sheet = parse_cue_sheet("\xEF\xBB\xBFREM a game\r\n"
                                           "CATALOG 1234567890123\r\n"
                                           "file \"My Game.bin\" binary\r\n"
                                           "  TRACK 01 MODE1/2352\r\n"
                                           "    INDEX 01 00:00:00\r\n"
                                           "  TRACK 02 AUDIO\r\n"
                                           "    FLAGS DCP\r\n"
                                           "    PREGAP 00:02:00\r\n"
                                           "    INDEX 00 10:00:00\r\n"
                                           "    INDEX 01 10:01:74\r\n"
                                           "    INDEX 02 10:30:00\r\n"
                                           "FILE track3.wav WAVE\r\n"
                                           "  TRACK 03 AUDIO\r\n"
                                           "    INDEX 01 00:00:00\r\n"
                                           "    POSTGAP 00:01:01",
                                           "x.cue");
    REQUIRE(sheet.files.size() == 2);
    CHECK(sheet.files[0].name == "My Game.bin");
    CHECK(sheet.files[1].type == CueFile::Type::Wave);
    REQUIRE(sheet.tracks.size() == 3);
    CHECK(sheet.tracks[0].type == CueTrack::Type::Mode1Raw);
    CHECK_FALSE(sheet.tracks[0].index0);
    CHECK(sheet.tracks[1].pregap == 150);
    CHECK(sheet.tracks[1].index0 == 45000);
    CHECK(sheet.tracks[1].index1 == 45149);
    CHECK(sheet.tracks[2].file == 1);
    CHECK(sheet.tracks[2].postgap == 76);
}

TEST_CASE("cue sheet: what is wrong is told with its line") {
    const std::string file = "FILE a.bin BINARY\n";
    const std::pair<std::string, const char*> all[] = {
        {"", "names no track"},
        {file, "names no track"},
        {"TRACK 01 AUDIO\n", "line 1: TRACK before the first FILE"},
        {"FILE a.bin\n", "line 1: FILE without a type"},
        {"FILE a.mp3 MP3\n", "line 1: files of type MP3"},
        {file + "TRACK 01 CDG\n", "line 2: tracks of type CDG"},
        {file + "TRACK 00 AUDIO\n", "line 2: track 00 is out of order"},
        {file + "TRACK 1x AUDIO\n", "line 2: '1x' is no number"},
        {file + "TRACK 01 AUDIO\nTRACK 02 AUDIO\n", "line 3: track 1 has no INDEX 01"},
        {file + "TRACK 01 AUDIO\n", "track 1 has no INDEX 01"},
        {file + "TRACK 01 AUDIO\nINDEX 01 00:60:00\n", "line 3: '60' is more than 59"},
        {file + "TRACK 01 AUDIO\nINDEX 01 00:00\n", "line 3: '00:00' is no time"},
        {file + "TRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 03 AUDIO\n", "line 4: track 03 is out of order"},
        {file + "TRACK 01 AUDIO\nINDEX 01 00:02:00\nTRACK 02 AUDIO\nINDEX 01 00:01:00\n",
         "line 5: this INDEX lies before"},
        {file + "TRACK 01 AUDIO\nINDEX 01 00:00:00\nINDEX 00 00:00:00\n", "line 4: INDEX 00 behind INDEX 01"},
        {"FILE a.wav WAVE\nTRACK 01 MODE1/2352\n", "line 2: a WAVE file cannot"},
        {"INDEX 01 00:00:00\n", "line 1: INDEX before the first TRACK"},
        {"\x7F"
         "ELF\n",
         "line 1: '"},
    };
    for (const auto& [text, sentence] : all) CHECK_THAT(refusal(text), Catch::Contains(sentence));
}

TEST_CASE("cue sheet: one file with data and audio, gaps that no file holds") {
    CdFolder folder;
    folder.write("game.bin", folder.data_sectors(20) + folder.audio_sectors(1000, 10) + folder.audio_sectors(2000, 30));
    auto image = folder.open("FILE \"GAME.BIN\" BINARY\n" // made where capitals do not matter
                             "TRACK 01 MODE1/2352\nINDEX 01 00:00:00\n"
                             "TRACK 02 AUDIO\nPREGAP 00:00:05\nINDEX 00 00:00:20\nINDEX 01 00:00:22\nPOSTGAP 00:00:03\n"
                             "TRACK 03 AUDIO\nINDEX 01 00:00:30\n");
    REQUIRE(image->disc());
    const CdLayout& layout = image->disc()->layout();
    CHECK(layout.lead_out == 20 + 5 + 10 + 3 + 30);
    CHECK(image->size() == u64{layout.lead_out} * 2048);
    REQUIRE(layout.tracks.size() == 3);
    CHECK(layout.tracks[0] == CdTrack{1, false, 1, 0, 0});
    CHECK(layout.tracks[1] == CdTrack{2, true, 1, 20, 27});
    CHECK(layout.tracks[2] == CdTrack{3, true, 1, 38, 38});
    CHECK(layout.at(19).number == 1);
    CHECK(layout.at(20).number == 2);
    CHECK(layout.at(60000).number == 3);
    CHECK(layout.end_of_track(25) == 38);
    CHECK(layout.position(20).index == 0);
    CHECK(layout.position(20).relative == -7);
    CHECK(layout.position(30).relative == 3);

    std::vector<u8> user(2048);
    REQUIRE(image->read(19 * 2048, user));
    CHECK(user[100] == folder.data_byte(19, 100));
    RawSector sector;
    REQUIRE(image->disc()->read_sector(3, sector));
    CHECK(sector[15] == 1);
    REQUIRE(image->disc()->read_sector(22, sector)); // in the gap
    CHECK(sector == RawSector{});
    REQUIRE(image->disc()->read_sector(25, sector));
    CHECK(folder.sample(sector, 0) == 1000);
    REQUIRE(image->disc()->read_sector(34, sector));
    CHECK(folder.sample(sector, 1) == -1009);
    REQUIRE(image->disc()->read_sector(67, sector));
    CHECK(folder.sample(sector, 0) == 2029);
}

TEST_CASE("cue sheet: sectors of 2048 and 2336 bytes, big-endian samples, WAVE files") {
    CdFolder folder;
    std::string iso(10 * 2048, 'i'), xa(6 * 2336, 'x');
    folder.write("a.iso", iso);
    folder.write("b.xa", xa);
    std::string audio = folder.audio_sectors(300, 4), wave = folder.wave_header(audio.size()) + audio + "LIST";
    folder.write("d.wav", wave);
    for (usize i = 0; i < audio.size(); i += 2) std::swap(audio[i], audio[i + 1]);
    folder.write("c.bin", audio);
    auto image = folder.open("FILE a.iso BINARY\nTRACK 01 MODE1/2048\nINDEX 01 00:00:00\n"
                             "FILE b.xa BINARY\nTRACK 02 MODE2/2336\nINDEX 01 00:00:00\n"
                             "FILE c.bin MOTOROLA\nTRACK 03 AUDIO\nINDEX 01 00:00:00\n"
                             "FILE d.wav WAVE\nTRACK 04 AUDIO\nINDEX 00 00:00:00\nINDEX 01 00:00:02\n");
    const CdLayout& layout = image->disc()->layout();
    CHECK(layout.lead_out == 10 + 6 + 4 + 4);
    CHECK(layout.tracks[1].mode == 2);
    CHECK(layout.tracks[3] == CdTrack{4, true, 1, 20, 22});
    RawSector sector;
    REQUIRE(image->disc()->read_sector(9, sector));
    CHECK(sector[14] == 0x09); // frame 9 of second 2
    CHECK(sector[13] == 0x02);
    CHECK(sector[16] == 'i');
    REQUIRE(image->disc()->read_sector(11, sector));
    CHECK(sector[15] == 2);
    CHECK(sector[16] == 'x');
    for (const u32 lba : {18u, 22u}) {
        REQUIRE(image->disc()->read_sector(lba, sector));
        CHECK(folder.sample(sector, 0) == 302);
    }
}

TEST_CASE("cue sheet: files that are missing, elsewhere, short or of another kind") {
    CdFolder folder;
    const auto trouble = [&](const std::string& sheet) {
        try {
            folder.open(sheet);
        } catch (const UserError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    folder.write("a.bin", folder.audio_sectors(0, 10));
    const std::string track = "TRACK 01 AUDIO\nINDEX 01 00:00:00\n";
    CHECK_THAT(trouble("FILE none.bin BINARY\n" + track), Catch::Contains("none.bin"));
    // Only beside the sheet, whatever path stands in it.
    CHECK(trouble("FILE \"C:\\GAMES\\A.BIN\" BINARY\n" + track).empty());
    CHECK_THAT(trouble("FILE /etc/passwd BINARY\n" + track), Catch::Contains("passwd' does not exist"));
    CHECK_THAT(trouble("FILE .. BINARY\n" + track), Catch::Contains(".."));
    CHECK_THAT(trouble("FILE a.bin BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:10\n"), Catch::Contains("too short"));
    CHECK_THAT(trouble("FILE a.bin BINARY\n" + track + "TRACK 02 AUDIO\nINDEX 01 00:00:10\n"),
               Catch::Contains("track 2"));
    CHECK_THAT(trouble("FILE a.bin WAVE\n" + track), Catch::Contains("is no WAVE file"));
    std::string mono = folder.wave_header(2352);
    mono[22] = 1;
    folder.write("mono.wav", mono + std::string(2352, 0));
    CHECK_THAT(trouble("FILE mono.wav WAVE\n" + track), Catch::Contains("16-bit stereo"));
    folder.write("short.wav", folder.wave_header(2352).substr(0, 30));
    CHECK_THAT(trouble("FILE short.wav WAVE\n" + track), Catch::Contains("damaged"));
    CHECK_THAT(trouble("FILE a.bin BINARY\n" + track + "TRACK 02 AUDIO\nPREGAP 99:59:74\nINDEX 01 00:00:05\n"),
               Catch::Contains("99 minutes"));
}
