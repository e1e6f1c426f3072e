/// ATA disk: SMART, ATA/ATAPI-6 8.55. A disk without faults: one attribute, empty error logs, self-tests that pass.
#include "devices/ide_ata_disk.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kCommandNs = 40'000;
constexpr u8 kReadData = 0xD0, kReadThresholds = 0xD1, kAutosave = 0xD2, kSaveAttributes = 0xD3, kOffline = 0xD4,
             kReadLog = 0xD5, kEnable = 0xD8, kDisable = 0xD9, kReturnStatus = 0xDA, kAutoOffline = 0xDB;
constexpr u8 kLogDirectory = 0x00, kErrorLog = 0x01, kSelfTestLogAddress = 0x06;
constexpr u8 kShortTest = 1, kExtendedTest = 2, kAbortTest = 0x7F, kCaptive = 0x80;
constexpr u8 kPowerOnHours = 9;

/// The last byte makes all add up to zero.
void seal(std::vector<u8>& page) {
    u8 sum = 0;
    for (usize i = 0; i + 1 < page.size(); ++i) sum = static_cast<u8>(sum + page[i]);
    page.back() = static_cast<u8>(-sum);
}

} // namespace

void AtaDisk::smart() {
    if (state_.lba_mid[0] != 0x4F || state_.lba_high[0] != 0xC2) return abort_command();
    const u8 subcommand = state_.feature[0], log = state_.lba_low[0];
    if (subcommand != kEnable && !disk_.smart_enabled) return abort_command();
    switch (subcommand) {
    case kReadData: disk_.job = Job::SmartData; return begin_busy(kCommandNs);
    case kReadThresholds: disk_.job = Job::SmartThresholds; return begin_busy(kCommandNs);
    case kReadLog:
        if (state_.count[0] != 1 || (log != kLogDirectory && log != kErrorLog && log != kSelfTestLogAddress))
            return abort_command();
        disk_.job = Job::SmartLog;
        return begin_busy(kCommandNs);
    case kAutosave:
    case kSaveAttributes:
    case kAutoOffline: break;
    case kOffline:
        if (!self_test(log)) return abort_command();
        break;
    case kEnable: disk_.smart_enabled = true; break;
    case kDisable: disk_.smart_enabled = false; break;
    case kReturnStatus: break; // 4Fh and C2h stay in the registers: no threshold exceeded
    default: return abort_command();
    }
    finish_later(kCommandNs);
}

/// EXECUTE OFF-LINE IMMEDIATE: done at once, nothing to find. A self-test, captive or not, leaves an entry in its log.
bool AtaDisk::self_test(u8 kind) {
    if (kind == 0 || kind == kAbortTest) return true; // data collection; there is never a test to abort
    const u8 test = kind & static_cast<u8>(~kCaptive);
    if (test != kShortTest && test != kExtendedTest) return false;
    disk_.last_self_test = kind;
    disk_.self_tests = std::min<u8>(static_cast<u8>(disk_.self_tests + 1), kSelfTestLog);
    return true;
}

/// One attribute, Power-On Hours at its best value, in the layout that all tools read (SFF-8035i, revision 2.0).
void AtaDisk::build_smart_data(bool thresholds) {
    buffer_.assign(kSectorBytes, 0);
    buffer_[0] = 0x10; // revision
    buffer_[2] = kPowerOnHours;
    if (!thresholds) {
        buffer_[3] = 0x03;
        buffer_[5] = buffer_[6] = 100;
        buffer_[362] = 0x02; // off-line collection completed
        buffer_[367] = 0x11; // EXECUTE OFF-LINE IMMEDIATE, self-tests
        buffer_[368] = 0x03; // SMART saves by itself
        buffer_[370] = 0x01; // error logging
        buffer_[372] = 1;    // minutes of a short and of an extended self-test
        buffer_[373] = 1;
    }
    seal(buffer_);
}

void AtaDisk::build_smart_log() {
    buffer_.assign(kSectorBytes, 0);
    buffer_[0] = 1; // version
    switch (state_.lba_low[0]) {
    case kLogDirectory: // sectors of each log
        buffer_[2 * kErrorLog] = buffer_[2 * kSelfTestLogAddress] = 1;
        return;            // it has no checksum
    case kErrorLog: break; // no entry, no errors
    default:
        for (usize i = 0; i < disk_.self_tests; ++i) buffer_[2 + 24 * i] = disk_.last_self_test; // completed: status 0
        buffer_[508] = disk_.self_tests;                                                         // the most recent one
    }
    seal(buffer_);
}

} // namespace r86
