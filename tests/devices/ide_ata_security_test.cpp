/// ATA disk: passwords, SET MAX security, power and noise levels, by ATA/ATAPI-6 sections.
#include "tests/catch.h"
#include "tests/devices/ide_ata_fixture.h"
#include <string_view>

using namespace r86;

namespace {

constexpr u16 kMaster = 1, kMaximum = 0x100, kEnhanced = 2;
// Word 128.
constexpr u16 kSupported = 0x21, kEnabled = 2, kLocked = 4, kFrozen = 8, kExpired = 0x10, kLevel = 0x100;

struct Bench : AtaBench {
    using AtaBench::AtaBench;

    /// A command without data; true if it was carried out.
    bool plain(u8 code, u8 feature = 0, u8 count = 1) {
        address(0, count);
        port.write8(1, feature);
        command(code);
        wait();
        if (!(status() & ERR)) return true;
        CHECK(port.read8(1) == 0x04);
        return false;
    }
    /// One with 512 bytes of control word and password.
    bool with_password(u8 code, std::string_view password, u16 control_word = 0, u16 revision = 0, u8 feature = 0) {
        address(0, 1);
        port.write8(1, feature);
        const int before = irqs;
        command(code);
        if (status() & ERR) return false;
        CHECK((status() & DRQ) != 0);
        CHECK(irqs == before); // 9.5: the data are asked for without an interrupt
        for (usize i = 0; i < 256; ++i) {
            u16 word = i == 0 ? control_word : i == 17 ? revision : 0;
            for (usize byte = 0; byte < 2 && i >= 1 && i < 17; ++byte)
                if (const usize at = 2 * (i - 1) + byte; at < password.size())
                    word |= static_cast<u16>(static_cast<u8>(password[at]) << (8 * byte));
            port.write16(0, word);
        }
        REQUIRE(time.pass_until([this] { return !(control_status() & BSY); }, 600'000'000'000));
        return !(status() & ERR);
    }
    u8 control_status() { return control.read8(0); }
    std::vector<u16> identify() {
        command(0xEC);
        REQUIRE(wait());
        auto words = read_words();
        status();
        return words;
    }
    u16 security() { return identify()[128]; }
    void power_cycle() { primary.reset(ResetKind::Hard); }
    bool reads(u32 lba) {
        address(lba, 1);
        command(0x20);
        REQUIRE(wait());
        if (status() & ERR) return false;
        sector_number();
        return true;
    }
};

} // namespace

TEST_CASE("ata 6.13: without a user password nothing is locked; IDENTIFY announces the feature set") {
    Bench b;
    const auto words = b.identify();
    CHECK((words[82] & 2) == 2);
    CHECK((words[85] & 2) == 0);
    CHECK(words[89] == 1);
    CHECK(words[90] == 0);
    CHECK(words[92] == 0xFFFE);
    CHECK(words[128] == kSupported);
    b.power_cycle();
    CHECK(b.reads(5));
    CHECK(b.plain(0xF3)); // ERASE PREPARE alone does nothing
    CHECK(b.reads(5));
}

TEST_CASE("ata 8.43: SECURITY SET PASSWORD locks at the next power-on, not at a software reset") {
    Bench b;
    CHECK(b.with_password(0xF1, "secret"));
    CHECK(b.security() == (kSupported | kEnabled));
    CHECK((b.identify()[85] & 2) == 2);
    CHECK(b.reads(7));
    b.control.write8(0, 0x04);
    b.control.write8(0, 0x00);
    CHECK(b.reads(7));
    b.power_cycle();
    CHECK(b.security() == (kSupported | kEnabled | kLocked));
    CHECK_FALSE(b.reads(7));
    CHECK_FALSE(b.plain(0xE7));
    CHECK_FALSE(b.plain(0xF5));                  // FREEZE LOCK
    CHECK_FALSE(b.with_password(0xF1, "other")); // nor a new password
    CHECK_FALSE(b.with_password(0xF6, "secret"));
    for (const u8 code : {0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42, 0xC4, 0xC5, 0xC8, 0xCA, 0xEA, 0xF9})
        CHECK_FALSE(b.plain(code));
    for (const u8 code : {0xE5, 0xE0, 0xE1, 0xF8, 0x10, 0xC6}) // what does not touch user data goes on
        CHECK(b.plain(code));
    b.control.write8(0, 0x04);
    b.control.write8(0, 0x00);
    CHECK_FALSE(b.reads(7));
}

TEST_CASE("ata 8.44: SECURITY UNLOCK by user or master password; five tries") {
    Bench b;
    CHECK(b.with_password(0xF1, "boss", kMaster, 0x1234));
    CHECK(b.security() == kSupported); // a master password alone enables nothing
    CHECK(b.identify()[92] == 0x1234);
    CHECK(b.with_password(0xF1, "secret"));
    b.power_cycle();
    CHECK(b.with_password(0xF2, "secret"));
    CHECK(b.security() == (kSupported | kEnabled));
    CHECK(b.reads(9));
    b.power_cycle();
    CHECK(b.with_password(0xF2, "boss", kMaster));
    CHECK(b.reads(9));
    b.power_cycle();
    for (int i = 0; i < 5; ++i) {
        CHECK((b.security() & kExpired) == 0);
        CHECK_FALSE(b.with_password(0xF2, "wrong"));
    }
    CHECK((b.security() & kExpired) == kExpired);
    CHECK_FALSE(b.with_password(0xF2, "secret"));
    CHECK(b.plain(0xF3));
    CHECK_FALSE(b.with_password(0xF4, "secret"));
    b.power_cycle();
    CHECK(b.with_password(0xF2, "secret"));
    CHECK(b.reads(9));
}

TEST_CASE("ata 6.13.3: at the maximum level the master password erases and nothing else") {
    Bench b(3000);
    CHECK(b.with_password(0xF1, "boss", kMaster));
    CHECK(b.with_password(0xF1, "secret", kMaximum));
    CHECK(b.security() == (kSupported | kEnabled | kLevel));
    b.power_cycle();
    CHECK_FALSE(b.with_password(0xF2, "boss", kMaster));
    CHECK(b.with_password(0xF2, "secret"));
    CHECK_FALSE(b.with_password(0xF6, "boss", kMaster));
    b.power_cycle();
    CHECK(b.plain(0xF3));
    CHECK(b.with_password(0xF4, "boss", kMaster));
    CHECK(b.security() == kSupported);
    CHECK(b.reads(0));
}

TEST_CASE("ata 8.40, 8.41: SECURITY ERASE UNIT right after ERASE PREPARE leaves zeros and no password") {
    Bench b(5000);
    CHECK(b.with_password(0xF1, "secret"));
    b.power_cycle();
    CHECK_FALSE(b.with_password(0xF4, "secret")); // not prepared
    CHECK(b.plain(0xF3));
    CHECK(b.plain(0xE5)); // something in between
    CHECK_FALSE(b.with_password(0xF4, "secret"));
    CHECK(b.plain(0xF3));
    CHECK_FALSE(b.with_password(0xF4, "wrong"));
    CHECK(b.plain(0xF3));
    CHECK_FALSE(b.with_password(0xF4, "secret", kEnhanced)); // not announced
    std::vector<u8> sector(512);
    REQUIRE(b.image->read(4999 * 512, sector));
    CHECK(sector[0] == (4999 & 0xFF));
    CHECK(b.plain(0xF3));
    const int before = b.irqs;
    const u64 started = b.time.clock.now_ns();
    CHECK(b.with_password(0xF4, "secret"));
    CHECK(b.irqs == before + 1);
    CHECK(b.time.clock.now_ns() - started > 5'000'000); // it takes its time
    for (const u64 lba : {u64{0}, u64{2048}, u64{4999}}) {
        REQUIRE(b.image->read(lba * 512, sector));
        CHECK(sector == std::vector<u8>(512));
    }
    CHECK(b.security() == kSupported);
    CHECK(b.reads(4999));
    b.power_cycle();
    CHECK(b.reads(0));
}

TEST_CASE("ata 8.39: SECURITY DISABLE PASSWORD wants the password of an unlocked disk") {
    Bench b;
    CHECK(b.with_password(0xF1, "secret"));
    CHECK_FALSE(b.with_password(0xF6, "wrong"));
    CHECK(b.security() == (kSupported | kEnabled));
    CHECK(b.with_password(0xF6, "secret"));
    CHECK(b.security() == kSupported);
    b.power_cycle();
    CHECK(b.reads(1));
}

TEST_CASE("ata 8.42: SECURITY FREEZE LOCK forbids changes until the next power-on") {
    Bench b;
    CHECK(b.plain(0xF5));
    CHECK(b.security() == (kSupported | kFrozen));
    CHECK_FALSE(b.with_password(0xF1, "secret"));
    CHECK_FALSE(b.with_password(0xF2, "secret"));
    CHECK_FALSE(b.with_password(0xF6, "secret"));
    CHECK_FALSE(b.plain(0xF3));
    CHECK(b.plain(0xF5)); // again
    b.control.write8(0, 0x04);
    b.control.write8(0, 0x00);
    CHECK(b.security() == (kSupported | kFrozen));
    CHECK(b.reads(3));
    b.power_cycle();
    CHECK(b.security() == kSupported);
    CHECK(b.with_password(0xF1, "secret"));
}

TEST_CASE("ata 8.51.2 to 8.51.5: SET MAX SET PASSWORD, LOCK, UNLOCK and FREEZE LOCK") {
    Bench b;
    const auto set_max = [&](u32 last) {
        CHECK(b.plain(0xF8));
        b.address(last, 0);
        b.command(0xF9);
        REQUIRE(b.wait());
        return !(b.status() & ERR);
    };
    CHECK((b.identify()[83] & 0x100) == 0x100);
    CHECK((b.identify()[86] & 0x100) == 0);
    CHECK_FALSE(b.plain(0xF9, 2)); // LOCK needs a password
    CHECK(b.with_password(0xF9, "max", 0, 0, 1));
    CHECK((b.identify()[86] & 0x100) == 0x100);
    CHECK(set_max(99'999));
    CHECK(b.plain(0xF9, 2));
    CHECK_FALSE(set_max(149'999));
    CHECK_FALSE(b.with_password(0xF9, "new", 0, 0, 1));
    CHECK_FALSE(b.with_password(0xF9, "wrong", 0, 0, 3));
    CHECK(b.with_password(0xF9, "max", 0, 0, 3));
    CHECK(set_max(149'999));
    CHECK(b.plain(0xF9, 2));
    for (int i = 0; i < 5; ++i) CHECK_FALSE(b.with_password(0xF9, "wrong", 0, 0, 3));
    CHECK_FALSE(b.with_password(0xF9, "max", 0, 0, 3)); // no more tries
    CHECK(b.plain(0xF9, 4));
    CHECK_FALSE(b.with_password(0xF9, "max", 0, 0, 3));
    CHECK_FALSE(b.plain(0xF9, 4));
    CHECK_FALSE(b.plain(0xF9, 5)); // no such subcommand
    b.power_cycle();               // forgotten
    CHECK(set_max(199'999));
    CHECK_FALSE(b.plain(0xF9, 2));
}

TEST_CASE("ata 8.46.9, 8.46.13: power and noise levels by SET FEATURES, shown by IDENTIFY") {
    Bench b;
    auto words = b.identify();
    CHECK((words[83] & 0x208) == 0x208);
    CHECK((words[86] & 0x208) == 0);
    CHECK(words[91] == 0);
    CHECK(words[94] == 0xFE00);
    CHECK(b.plain(0xEF, 0x05, 0x80));
    CHECK(b.plain(0xEF, 0x42, 0xC0));
    words = b.identify();
    CHECK((words[86] & 0x208) == 0x208);
    CHECK(words[91] == 0x80);
    CHECK(words[94] == 0xFEC0);
    for (const u8 level : {0x00, 0xFF}) CHECK_FALSE(b.plain(0xEF, 0x05, level));
    for (const u8 level : {0x00, 0x7F, 0xFF}) CHECK_FALSE(b.plain(0xEF, 0x42, level));
    b.plain(0xEF, 0x66); // keep settings over a software reset
    b.control.write8(0, 0x04);
    b.control.write8(0, 0x00);
    CHECK(b.identify()[91] == 0x80);
    CHECK(b.plain(0xEF, 0x85));
    CHECK(b.plain(0xEF, 0xC2));
    words = b.identify();
    CHECK((words[86] & 0x208) == 0);
    CHECK(words[91] == 0);
}

TEST_CASE("ata: saved while locked and in the middle of an erase, restored to the same") {
    Bench a(5000), b(5000);
    CHECK(a.with_password(0xF1, "secret"));
    a.power_cycle();
    CHECK_FALSE(a.with_password(0xF2, "wrong"));
    SavedState locked = save(a.primary);
    load(b.primary, locked);
    CHECK(save(b.primary).items == locked.items);
    CHECK_FALSE(b.reads(0));
    CHECK(b.with_password(0xF2, "secret"));

    CHECK(a.plain(0xF3));
    a.address(0, 1);
    a.command(0xF4);
    const std::string_view password = "secret";
    for (usize i = 0; i < 256; ++i)
        a.port.write16(0, i >= 1 && i <= 3 ? static_cast<u16>(static_cast<u8>(password[2 * i - 2]) |
                                                              static_cast<u8>(password[2 * i - 1]) << 8)
                                           : u16{0});
    a.time.pass(1'000'000); // the first MiB is done
    CHECK((a.control_status() & BSY) != 0);
    Bench c(5000);
    SavedState erasing = save(a.primary), queue = save(a.time.queue);
    c.time.clock.set_now(a.time.clock.now());
    load(c.primary, erasing);
    load(c.time.queue, queue);
    a.time.pass(60'000'000);
    c.time.pass(60'000'000);
    CHECK((c.control_status() & BSY) == 0);
    CHECK(save(a.primary).items == save(c.primary).items);
    CHECK(c.security() == kSupported);
}
