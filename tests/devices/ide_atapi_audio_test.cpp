/// ATAPI CD-ROM: discs with audio tracks, and playing them.
#include "tests/devices/cd_fixture.h"
#include "tests/devices/ide_atapi_fixture.h"
#include "tests/devices/state_tools.h"

using namespace r86;
using namespace r86::atapi;

namespace {

constexpr u64 kSecond = 1'000'000'000;
constexpr u32 kTwo = 50, kThree = 150, kLeadOut = 300; // tracks 2 and 3

struct Heard : AudioSink {
    std::vector<i16> data;
    void samples(AudioSource source, std::span<const i16> frames, unsigned channels, u32 hz) override {
        CHECK(source == AudioSource::Cd);
        CHECK(channels == 2);
        CHECK(hz == 44100);
        data.insert(data.end(), frames.begin(), frames.end());
    }
};

/// Track 1 holds data, tracks 2 and 3 audio: sector n of the disc has samples 1000 + n.
struct Disc : Bench {
    CdFolder folder;
    std::unique_ptr<BlockImage> disc;
    Heard heard;

    Disc() : Bench(false) {
        folder.write("a.bin", folder.data_sectors(kTwo) + folder.audio_sectors(1000 + kTwo, kLeadOut - kTwo));
        disc = folder.open("FILE a.bin BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n"
                           "TRACK 02 AUDIO\nINDEX 01 00:00:50\nTRACK 03 AUDIO\nINDEX 00 00:01:70\nINDEX 01 00:02:00\n");
        cd->insert(*disc);
        channel.reset(ResetKind::PowerOn);
        cd->connect(&heard);
    }
    std::vector<u8> position(bool msf = false) {
        return run({0x42, static_cast<u8>(msf ? 2 : 0), 0x40, 1, 0, 0, 0, 0, 16});
    }
    u8 status() { return run({0x42, 0, 0, 0, 0, 0, 0, 0, 4}).at(1); }
    void play(u32 lba, u16 sectors) {
        run({0x45, 0, 0, 0, static_cast<u8>(lba >> 8), static_cast<u8>(lba), 0, static_cast<u8>(sectors >> 8),
             static_cast<u8>(sectors)});
    }
};

} // namespace

TEST_CASE("atapi audio: the table of contents names every track") {
    Disc b;
    auto toc = b.run({0x43, 0, 0, 0, 0, 0, 0, 0, 100});
    REQUIRE(toc.size() == 4 + 4 * 8);
    CHECK(toc[2] == 1);
    CHECK(toc[3] == 3);
    CHECK(toc[5] == 0x14);
    CHECK(toc[13] == 0x10);
    CHECK(be32(toc, 16) == kTwo);
    CHECK(be32(toc, 24) == kThree);
    CHECK(toc[30] == 0xAA);
    CHECK(be32(toc, 32) == kLeadOut);
    toc = b.run({0x43, 2, 0, 0, 0, 0, 3, 0, 100}); // from track 3, in minutes
    REQUIRE(toc.size() == 4 + 2 * 8);
    CHECK(toc[6] == 3);
    CHECK(toc[10] == 4); // 2 s and the 2 s before sector 0
    toc = b.run({0x43, 0, 2, 0, 0, 0, 0, 0, 100});
    REQUIRE(toc.size() == 4 + 6 * 11);
    CHECK(toc[4 + 11 + 8] == 3); // A1: the last track
    b.run({0x43, 0, 0, 0, 0, 0, 4, 0, 100});
    CHECK(b.sense() == 0x052400);
    const auto disc = b.run({0x51, 0, 0, 0, 0, 0, 0, 0, 34});
    CHECK(disc[6] == 3);
    const auto track = b.run({0x52, 1, 0, 0, 0, 2, 0, 0, 36});
    CHECK(track[2] == 2);
    CHECK(track[5] == 0);
    CHECK(be32(track, 8) == kTwo);
    CHECK(be32(track, 24) == 145 - kTwo);
    CHECK(b.run({0x1A, 0, 0x2A, 0, 100})[1] == 3); // medium: data and audio
}

TEST_CASE("atapi audio: READ is for data, READ CD for both, and not across") {
    Disc b;
    CHECK(b.run({0x28, 0, 0, 0, 0, 49, 0, 0, 1}).at(5) == CdFolder::data_byte(49, 5));
    b.run({0x28, 0, 0, 0, 0, 50, 0, 0, 1});
    CHECK(b.sense() == 0x056400);
    b.run({0x28, 0, 0, 0, 0, 49, 0, 0, 2});
    CHECK(b.sense() == 0x056400);
    const auto audio = b.run({0xBE, 0x04, 0, 0, 0, 60, 0, 0, 2, 0x10}, 0xFFFE);
    REQUIRE(audio.size() == 2 * 2352);
    CHECK((audio[0] | audio[1] << 8) == 1060);
    CHECK((audio[2352] | audio[2353] << 8) == 1061);
    CHECK(b.run({0xBE, 0, 0, 0, 0, 60, 0, 0, 1, 0xF8}, 0xFFFE).size() == 2352); // audio has no other parts
    const auto with_q = b.run({0xBE, 0, 0, 0, 0, 60, 0, 0, 1, 0x10, 2}, 0xFFFE);
    REQUIRE(with_q.size() == 2352 + 16);
    CHECK(with_q[2352] == 0x01);
    CHECK(with_q[2353] == 2);
    CHECK(with_q[2357] == 0x10);                             // ten frames into the track
    b.run({0xBE, 0x08, 0, 0, 0, 60, 0, 0, 1, 0x10}, 0xFFFE); // mode 1 expected
    CHECK(b.sense() == 0x056400);
    b.run({0xBE, 0, 0, 0, 0, 49, 0, 0, 2, 0x10}, 0xFFFE);
    CHECK(b.sense() == 0x056400);
    b.run({0x44, 0, 0, 0, 0, 60, 0, 0, 8});
    CHECK(b.sense() == 0x056400);
}

TEST_CASE("atapi audio: PLAY goes on by time, tells where it is, and ends") {
    Disc b;
    CHECK(b.status() == 0x15);
    b.play(140, 30);
    CHECK_FALSE(b.failed);
    CHECK(b.status() == 0x11);
    CHECK(b.sense() == 0x000011); // in progress
    CHECK(b.run({0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8})[1] == 0x20);
    b.time.pass(kSecond / 75 * 5 / 2);
    auto at = b.position();
    CHECK(at[1] == 0x11);
    CHECK(at[5] == 0x10);
    CHECK(at[6] == 2);
    CHECK(at[7] == 1);
    CHECK(be32(at, 8) == 142);
    CHECK(be32(at, 12) == 92);
    b.time.pass(kSecond / 75 * 4);
    at = b.position(true); // in the pre-gap of track 3, which counts down
    CHECK(at[6] == 3);
    CHECK(at[7] == 0);
    CHECK(at[11] == (146 + 150) % 75);
    CHECK(at[15] == 4);
    b.time.pass(kSecond);
    CHECK(b.status() == 0x13); // told once
    CHECK(b.status() == 0x15);
    REQUIRE(b.heard.data.size() == 30 * 588 * 2);
    for (usize n = 0; n < 30; ++n) {
        CHECK(b.heard.data[n * 1176] == static_cast<i16>(1140 + n));
        CHECK(b.heard.data[n * 1176 + 1] == static_cast<i16>(-1140 - static_cast<int>(n)));
    }
}

TEST_CASE("atapi audio: by minutes, by track, from here") {
    Disc b;
    b.run({0x47, 0, 0, 0, 2, 60, 0, 2, 70}); // 00:02:60 to 00:02:70
    CHECK(be32(b.position(), 8) == 60);
    b.time.pass(kSecond);
    CHECK(b.status() == 0x13);
    CHECK(b.heard.data.size() == 10 * 1176);
    b.run({0x48, 0, 0, 0, 2, 1, 0, 2, 1});
    CHECK(be32(b.position(), 8) == kTwo);
    b.time.pass(kSecond / 75 * 94 + kSecond / 150);
    CHECK(be32(b.position(), 8) == 144);
    b.time.pass(kSecond / 75);
    CHECK(b.status() == 0x13);
    b.run({0x47, 0, 0, 0xFF, 0xFF, 0xFF, 0, 4, 0}); // from where the head stands
    CHECK(be32(b.position(), 8) == 144);
    b.run({0x48, 0, 0, 0, 4, 1, 0, 4, 1});
    CHECK(b.sense() == 0x052400);
    b.run({0x47, 0, 0, 0, 4, 0, 0, 3, 0}); // ends before it begins
    CHECK(b.sense() == 0x052400);
}

TEST_CASE("atapi audio: pause, resume, stop, and what else ends it") {
    Disc b;
    b.run({0x4B, 0, 0, 0, 0, 0, 0, 0, 0});
    CHECK(b.sense() == 0x052C00);
    b.play(kTwo, 200);
    b.time.pass(kSecond / 75 * 10 + kSecond / 150);
    b.run({0x4B, 0, 0, 0, 0, 0, 0, 0, 0});
    CHECK(b.status() == 0x12);
    CHECK(b.sense() == 0x000012);
    b.time.pass(kSecond);
    CHECK(be32(b.position(), 8) == 60);
    b.run({0x4B, 0, 0, 0, 0, 0, 0, 0, 1});
    b.time.pass(kSecond / 75 * 5 + kSecond / 150);
    CHECK(b.status() == 0x11);
    CHECK(be32(b.position(), 8) == 65);
    b.run({0x4E});
    CHECK(b.status() == 0x15);
    b.play(kTwo, 200);
    b.run({0x28, 0, 0, 0, 0, 5, 0, 0, 1}); // the head goes elsewhere
    CHECK(b.status() == 0x15);
    b.play(kTwo, 200);
    b.run({0x1B, 0, 0, 0, 2}); // the tray opens
    b.time.pass(kSecond);
    CHECK(b.heard.data.size() < 40 * 1176);
    b.run({0x1B, 0, 0, 0, 3});
    b.run({0x00});
    CHECK(b.sense() == 0x062800);
    CHECK(b.status() == 0x15);
    b.play(kTwo, 10);
    CHECK(b.cd->eject(true)); // taken out by force
    b.time.pass(kSecond);
    CHECK_FALSE(b.cd->tray_open());
}

TEST_CASE("atapi audio: data tracks do not play") {
    Disc b;
    b.play(10, 5);
    CHECK(b.sense() == 0x056400);
    b.play(kTwo, 0); // nothing is no error
    CHECK(b.sense() == 0);
    b.play(290, 11);
    CHECK(b.sense() == 0x052100);
    b.run({0xA5, 0, 0xFF, 0xFF, 0xFF, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF});
    CHECK(b.failed);
    CHECK(b.status() == 0x15);
}

TEST_CASE("atapi audio: volume and channels of each port") {
    Disc b;
    b.run({0x15, 0, 0, 0, 20}, 2048, {0, 0, 0, 0, 0x0E, 14, 4, 0, 0, 0, 0, 0, 2, 0xFF, 1, 0x80, 0, 0, 0, 0});
    b.play(60, 1);
    b.time.pass(kSecond);
    REQUIRE(b.heard.data.size() == 1176);
    CHECK(b.heard.data[0] == -1060); // the right one, on the left
    CHECK(b.heard.data[1] == 1060 * 0x80 / 255);
}

TEST_CASE("atapi audio: saved while it plays, it goes on from there") {
    Disc b;
    b.play(60, 100);
    b.time.pass(kSecond / 2);
    SavedState saved;
    Saver saver(saved);
    b.cd->visit(saver);
    const auto there = b.position();
    b.run({0x4E});
    Loader loader(saved);
    b.cd->visit(loader);
    CHECK(b.position() == there);
    CHECK(b.status() == 0x11);
}

TEST_CASE("atapi audio: a damaged state neither hangs nor leaves the disc") {
    Disc b;
    b.play(60, 100);
    test::Values values = test::save(*b.cd);
    for (const char* field : {"head_position", "play_from", "play_end"})
        for (auto& [name, bytes] : values)
            if (name.ends_with(field)) std::fill(bytes.begin(), bytes.end(), u8{0xFF});
    test::load(*b.cd, values);
    CHECK(b.position().size() == 16);
    b.time.pass(kSecond);
    CHECK(b.status() != 0x11);
}

TEST_CASE("atapi audio: random packets neither crash nor hang") {
    Disc b;
    send_random_packets(b, *b.disc);
    CHECK_FALSE(b.heard.data.empty());
}
