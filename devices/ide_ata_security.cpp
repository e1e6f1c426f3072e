/// ATA disk: the security feature set, ATA/ATAPI-6 6.13 and 8.39 to 8.44, and passwords for SET MAX (8.51).
/// An image has no place for passwords: they last as long as the machine does, so that nobody is locked out for good.
#include "devices/ide_ata_disk.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kCommandNs = 40'000;
constexpr u64 kEraseSectorNs = 4'000;
constexpr u32 kErasePieceSectors = 2048; // 1 MiB
constexpr u8 kSetPassword = 0xF1, kUnlock = 0xF2, kErasePrepare = 0xF3, kEraseUnit = 0xF4, kFreezeLock = 0xF5,
             kDisablePassword = 0xF6;

// Word 0 of the data that the host sends.
constexpr u16 kMaster = 1 << 0;   // Identifier
constexpr u16 kMaximum = 1 << 8;  // Security level, SET PASSWORD
constexpr u16 kEnhanced = 1 << 1; // Erase mode, ERASE UNIT
// SET MAX subcommands in the Features register.
constexpr u8 kMaxSetPassword = 1, kMaxLock = 2, kMaxUnlock = 3, kMaxFreezeLock = 4;

} // namespace

/// Table 10: what a locked disk refuses. Everything that touches user data, and the settings of the passwords.
bool AtaDisk::refused_while_locked(u8 command) {
    switch (command) {
    case 0x20: // READ SECTORS
    case 0x21:
    case 0x24: // READ SECTORS EXT
    case 0x25: // READ DMA EXT
    case 0x29: // READ MULTIPLE EXT
    case 0x30: // WRITE SECTORS
    case 0x31:
    case 0x34: // WRITE SECTORS EXT
    case 0x35: // WRITE DMA EXT
    case 0x37: // SET MAX ADDRESS EXT
    case 0x39: // WRITE MULTIPLE EXT
    case 0x3C:
    case 0x3D:
    case 0x40: // READ VERIFY SECTORS
    case 0x41:
    case 0x42: // READ VERIFY SECTORS EXT
    case 0xC4: // READ MULTIPLE
    case 0xC5: // WRITE MULTIPLE
    case 0xC8: // READ DMA
    case 0xC9:
    case 0xCA: // WRITE DMA
    case 0xCB:
    case 0xE7: // FLUSH CACHE
    case 0xEA: // FLUSH CACHE EXT
    case kSetPassword:
    case kFreezeLock:
    case kDisablePassword:
    case 0xF9: return true; // SET MAX
    default: return false;
    }
}

void AtaDisk::Security::power_on() {
    locked = enabled;
    frozen = erase_prepared = max_set = max_locked = max_frozen = false;
    attempts = kAttempts;
    max_attempts = kAttempts;
}

u16 AtaDisk::Security::identify_word() const {
    return static_cast<u16>(0x0021 | (enabled ? 0x02 : 0) | (locked ? 0x04 : 0) | (frozen ? 0x08 : 0) |
                            (attempts == 0 ? 0x10 : 0) | (maximum ? 0x100 : 0));
}

void AtaDisk::Security::visit(StateVisitor& visitor) {
    auto& [user_, master_, max_, master_revision_, enabled_, locked_, frozen_, maximum_, erase_prepared_, attempts_,
           max_set_, max_locked_, max_frozen_, max_attempts_] = *this;
    visitor.field("user", user_);
    visitor.field("master", master_);
    visitor.field("max", max_);
    visitor.field("master_revision", master_revision_);
    visitor.field("enabled", enabled_);
    visitor.field("locked", locked_);
    visitor.field("frozen", frozen_);
    visitor.field("maximum", maximum_);
    visitor.field("erase_prepared", erase_prepared_);
    visitor.field("attempts", attempts_);
    visitor.field("max_set", max_set_);
    visitor.field("max_locked", max_locked_);
    visitor.field("max_frozen", max_frozen_);
    visitor.field("max_attempts", max_attempts_);
}

/// F1h to F6h. Those with data ask for 512 bytes first; `security_data` does their work.
void AtaDisk::security_command(u8 command, bool erase_prepared) {
    Security& s = disk_.security;
    if (s.frozen && command != kFreezeLock) return abort_command();
    switch (command) {
    case kErasePrepare:
        s.erase_prepared = true;
        finish_later(kCommandNs);
        return;
    case kFreezeLock:
        s.frozen = true;
        finish_later(kCommandNs);
        return;
    case kEraseUnit:
        if (!erase_prepared || image_.read_only()) return abort_command();
        break;
    default: break;
    }
    // "When the count expired bit is set": no more tries before the next power-on.
    if ((command == kUnlock || command == kEraseUnit) && s.attempts == 0) return abort_command();
    disk_.job = Job::PasswordData;
    request_data(kSectorBytes, false);
}

/// The 512 bytes of a security or SET MAX command have arrived in the buffer.
void AtaDisk::security_data() {
    Security& s = disk_.security;
    const auto word = [this](usize n) { return static_cast<u16>(buffer_[2 * n] | buffer_[2 * n + 1] << 8); };
    const u16 control = word(0), revision = word(17);
    Password given;
    std::copy_n(buffer_.begin() + 2, given.size(), given.begin());
    const bool is_master = control & kMaster;
    const bool right = given == (is_master ? s.master : s.user);
    disk_.job = Job::None;
    drop_buffer();
    switch (state_.command) {
    case kSetPassword:
        if (is_master) {
            s.master = given;
            if (revision != 0x0000 && revision != 0xFFFF) s.master_revision = revision;
        } else {
            s.user = given;
            s.maximum = control & kMaximum;
            s.enabled = true; // it locks at the next power-on
        }
        break;
    case kUnlock:
        if (!s.locked) break;
        if (!right || (is_master && s.maximum)) {
            --s.attempts;
            return abort_command();
        }
        s.locked = false;
        break;
    case kDisablePassword:
        if (s.enabled && (!right || (is_master && s.maximum))) return abort_command();
        s.enabled = s.maximum = false;
        break;
    case kEraseUnit: // the master password erases at both levels
        if ((s.enabled || is_master) && !right) {
            if (s.locked) --s.attempts;
            return abort_command();
        }
        if (control & kEnhanced) return abort_command(); // word 128 does not announce it
        disk_.job = Job::Erase;
        disk_.lba = 0;
        begin_busy(kCommandNs);
        return;
    default: return set_max_password(given);
    }
    finish_later(kCommandNs);
}

/// Writes zeros where there are none yet, to the native end: an image that holds little stays small.
void AtaDisk::erase_piece() {
    DiskState& d = disk_;
    const u64 end = std::min(sectors_, d.lba + kErasePieceSectors);
    for (; d.lba < end; d.lba += kLargestBuffer / kSectorBytes) {
        buffer_.resize(std::min<u64>(kLargestBuffer, (end - d.lba) * kSectorBytes));
        const u64 at = d.lba * kSectorBytes;
        if (!image_.read(at, buffer_)) buffer_[0] = 1; // what cannot be read is overwritten
        if (std::all_of(buffer_.begin(), buffer_.end(), [](u8 byte) { return byte == 0; })) continue;
        std::fill(buffer_.begin(), buffer_.end(), u8{0});
        if (!image_.write(at, buffer_)) {
            d.job = Job::None;
            return abort_command();
        }
    }
    if (end < sectors_) return begin_busy(kErasePieceSectors * kEraseSectorNs);
    d.job = Job::None;
    d.security.enabled = d.security.locked = d.security.maximum = false;
    d.end = d.lasting_end = sectors_;
    if (!image_.flush()) return abort_command();
    finish();
}

/// F9h with a subcommand, when READ NATIVE MAX ADDRESS did not come right before (8.51.2 to 8.51.5).
void AtaDisk::set_max_command() {
    Security& s = disk_.security;
    const u8 subcommand = state_.feature[0];
    if (s.max_frozen) return abort_command();
    switch (subcommand) {
    case kMaxSetPassword:
        if (s.max_locked) return abort_command();
        break;
    case kMaxUnlock:
        if (!s.max_locked || s.max_attempts == 0) return abort_command();
        break;
    case kMaxLock:
    case kMaxFreezeLock:
        if (!s.max_set) return abort_command();
        if (subcommand == kMaxLock) {
            s.max_locked = true;
            s.max_attempts = Security::kAttempts;
        } else {
            s.max_frozen = true;
        }
        return finish_later(kCommandNs);
    default: return abort_command();
    }
    disk_.job = Job::PasswordData;
    request_data(kSectorBytes, false);
}

void AtaDisk::set_max_password(const Password& given) {
    Security& s = disk_.security;
    if (state_.feature[0] == kMaxSetPassword) {
        s.max = given;
        s.max_set = true;
    } else if (given == s.max) {
        s.max_locked = false;
    } else {
        --s.max_attempts;
        return abort_command();
    }
    finish_later(kCommandNs);
}

} // namespace r86
