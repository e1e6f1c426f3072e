#include "devices/mc146818.h"
#include "core/bits.h"
#include <algorithm>

namespace r86 {

namespace {

enum Register : u8 {
    kSeconds,
    kSecondsAlarm,
    kMinutes,
    kMinutesAlarm,
    kHours,
    kHoursAlarm,
    kDayOfWeek,
    kDayOfMonth,
    kMonth,
    kYear,
    kRegisterA,
    kRegisterB,
    kRegisterC,
    kRegisterD
};

constexpr u8 kUip = 0x80; // Register A
constexpr u8 kSet = 0x80, kPie = 0x40, kAie = 0x20, kUie = 0x10, kSqwe = 0x08, kDm = 0x04, k24Hour = 0x02,
             kDse = 0x01;                                      // B
constexpr u8 kIrqf = 0x80, kPf = 0x40, kAf = 0x20, kUf = 0x10; // Register C
constexpr u8 kVrt = 0x80;                                      // Register D
constexpr u8 kPm = 0x80;                                       // hours in 12-hour mode

constexpr u64 kCrystal = 32768;
// "Update Cycle": UIP comes 244 us before the cycle, the cycle takes 1984 us; the new time stands at its end.
constexpr u64 kUipCycles = (244 + 1984) * kCrystal / 1'000'000;
constexpr u64 kSecondsPerDay = 86400;

bool leap(unsigned year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

unsigned month_length(unsigned month, unsigned year) {
    constexpr u8 lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return 31;
    return lengths[month - 1] + (month == 2 && leap(year));
}

/// 1 is Sunday.
u8 day_of_week(unsigned year, unsigned month, unsigned day) {
    constexpr u8 offsets[12] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    if (month < 3) --year;
    return static_cast<u8>((year + year / 4 - year / 100 + year / 400 + offsets[(month + 11) % 12] + day) % 7 + 1);
}

} // namespace

Mc146818::Mc146818(EventQueue& queue, const RtcTime& base)
    : clock_(queue.clock()), timer_(queue, "mc146818",
                                    [this](u64) {
                                        catch_up();
                                        settle();
                                    }),
      base_(base) {
    reset(ResetKind::PowerOn);
}

void Mc146818::reset(ResetKind kind) {
    auto& ram = state_.ram;
    if (kind == ResetKind::PowerOn) {
        // As firmware of the day before left it: 32.768 kHz, 1024 Hz, BCD, 24 hours, valid.
        ram[kRegisterA] = 0x26;
        ram[kRegisterB] = k24Hour;
        ram[kRegisterD] = kVrt;
        state_.divider = 0;
        state_.last = count_now();
        state_.fell_back = false;
        set_time(base_);
    } else {
        catch_up();
    }
    // "RESET": what the pin clears.
    ram[kRegisterB] &= static_cast<u8>(~(kPie | kAie | kUie | kSqwe));
    ram[kRegisterC] = 0;
    state_.index = 0x80;
    state_.index1 = 0;
    settle();
}

void Mc146818::visit(StateVisitor& v) {
    auto& [ram, bank1, index, index1, divider, last, fell_back] = state_;
    v.field("ram", ram);
    v.field("bank1", bank1);
    v.field("index", index);
    v.field("index1", index1);
    v.field("divider", divider);
    v.field("last", last);
    v.field("fell_back", fell_back);
    v.field("base_year", base_.year);
    v.field("base_month", base_.month);
    v.field("base_day", base_.day);
    v.field("base_hour", base_.hour);
    v.field("base_minute", base_.minute);
    v.field("base_second", base_.second);
    v.field("irq", irq);
}

// Formats ------------------------------------------------------------------------------------------------------------

u8 Mc146818::decode(u8 value) const {
    if (state_.ram[kRegisterB] & kDm) return value;
    return static_cast<u8>((value >> 4) * 10 + (value & 15));
}

u8 Mc146818::encode(unsigned value) const {
    if (state_.ram[kRegisterB] & kDm) return static_cast<u8>(value);
    return static_cast<u8>(value / 10 % 10 << 4 | value % 10);
}

u8 Mc146818::hour() const {
    const u8 raw = state_.ram[kHours];
    if (state_.ram[kRegisterB] & k24Hour) return decode(raw);
    return static_cast<u8>(decode(raw & 0x7F) % 12 + (raw & kPm ? 12 : 0));
}

u8 Mc146818::encode_hour(unsigned value) const {
    if (state_.ram[kRegisterB] & k24Hour) return encode(value);
    return static_cast<u8>(encode(value % 12 ? value % 12 : 12) | (value >= 12 ? kPm : 0));
}

void Mc146818::set_time(const RtcTime& time) {
    catch_up();
    auto& ram = state_.ram;
    ram[kSeconds] = encode(time.second);
    ram[kMinutes] = encode(time.minute);
    ram[kHours] = encode_hour(time.hour);
    ram[kDayOfWeek] = day_of_week(time.year, time.month, time.day);
    ram[kDayOfMonth] = encode(time.day);
    ram[kMonth] = encode(time.month);
    ram[kYear] = encode(time.year % 100u);
    ram[kCentury] = encode(time.year / 100u);
    settle();
}

void Mc146818::set_cmos(u8 index, u8 value) {
    index &= 0x7F;
    if (index > kRegisterD) state_.ram[index] = value;
}

// Time ---------------------------------------------------------------------------------------------------------------

u64 Mc146818::count_now() const { return clock_.cycles(kCrystal) + state_.divider; }

/// Register A.DV: only 010 runs the divider from a 32.768 kHz crystal; 11x holds it in reset.
bool Mc146818::dividing() const { return bits(state_.ram[kRegisterA], 6, 4) == 2; }

u32 Mc146818::periodic_cycles() const {
    const unsigned rs = bits(state_.ram[kRegisterA], 3, 0);
    if (rs == 0) return 0;
    return rs <= 2 ? 64u << rs : 1u << (rs - 1); // 1 and 2 repeat 8 and 9 with this crystal
}

bool Mc146818::update_in_progress() const {
    if (!dividing() || (state_.ram[kRegisterB] & kSet)) return false;
    return count_now() % kCrystal >= kCrystal - kUipCycles;
}

bool Mc146818::alarm_matches() const {
    const auto matches = [this](u8 alarm, u8 time) {
        return state_.ram[alarm] >= 0xC0 || state_.ram[alarm] == state_.ram[time]; // C0h-FFh: don't care
    };
    return matches(kSecondsAlarm, kSeconds) && matches(kMinutesAlarm, kMinutes) && matches(kHoursAlarm, kHours);
}

void Mc146818::catch_up() {
    const u64 now = count_now();
    const u64 before = state_.last;
    state_.last = now;
    if (!dividing() || now <= before) return;
    u8& flags = state_.ram[kRegisterC];
    if (const u32 period = periodic_cycles(); period && now / period != before / period) flags |= kPf;
    u64 seconds = now / kCrystal - before / kCrystal;
    if (seconds == 0 || (state_.ram[kRegisterB] & kSet)) return;
    flags |= kUf;
    // After a long time without a reader: whole days at once, so that the work here stays bounded. An alarm comes once
    // a day, so none is missed by walking the last day alone. Around a change of daylight saving every second counts.
    while (seconds > 2 * kSecondsPerDay) {
        if (!daylight_change_ahead()) {
            next_day();
            seconds -= kSecondsPerDay;
            continue;
        }
        for (u64 walked = 0; walked < kSecondsPerDay; ++walked) one_second();
        seconds -= kSecondsPerDay;
    }
    for (; seconds; --seconds) {
        one_second();
        if (alarm_matches()) flags |= kAf;
    }
}

/// The next 24 hours may hold 1:59:59 of a Sunday in April or October.
bool Mc146818::daylight_change_ahead() const {
    const auto& ram = state_.ram;
    if (!(ram[kRegisterB] & kDse) || (ram[kDayOfWeek] != 7 && ram[kDayOfWeek] != 1)) return false;
    const unsigned month = decode(ram[kMonth]);
    return month == 4 || month == 10;
}

void Mc146818::one_second() {
    auto& ram = state_.ram;
    const auto carry = [&](u8 index, unsigned last) {
        const unsigned value = decode(ram[index]);
        ram[index] = encode(value >= last ? 0 : value + 1);
        return value >= last;
    };
    const bool daylight = ram[kRegisterB] & kDse;
    if (!carry(kSeconds, 59) || !carry(kMinutes, 59)) return;
    const unsigned h = hour();
    if (daylight && h == 1 && ram[kDayOfWeek] == 1) { // "Daylight Savings Enable"
        const unsigned month = decode(ram[kMonth]), day = decode(ram[kDayOfMonth]);
        if (month == 4 && day + 7 > 30) { // 1:59:59 on the last Sunday in April
            ram[kHours] = encode_hour(3);
            return;
        }
        if (month == 10 && day + 7 > 31 && !state_.fell_back) { // ... in October, the first time
            state_.fell_back = true;
            return;
        }
    }
    ram[kHours] = encode_hour(h >= 23 ? 0 : h + 1);
    if (h >= 23) next_day();
}

void Mc146818::next_day() {
    auto& ram = state_.ram;
    state_.fell_back = false;
    ram[kDayOfWeek] = ram[kDayOfWeek] >= 7 ? 1 : static_cast<u8>(ram[kDayOfWeek] + 1);
    const unsigned month = decode(ram[kMonth]), year = decode(ram[kYear]), century = decode(ram[kCentury]);
    const unsigned day = decode(ram[kDayOfMonth]);
    if (day < month_length(month, century * 100 + year)) {
        ram[kDayOfMonth] = encode(day + 1);
        return;
    }
    ram[kDayOfMonth] = encode(1);
    ram[kMonth] = encode(month >= 12 ? 1 : month + 1);
    if (month < 12) return;
    ram[kYear] = encode(year >= 99 ? 0 : year + 1);
    if (year >= 99) ram[kCentury] = encode(century >= 99 ? 0 : century + 1);
}

/// Drives IRQ from the flags and arms the timer for the next flag that could raise it.
void Mc146818::settle() {
    const u8 b = state_.ram[kRegisterB];
    u8& c = state_.ram[kRegisterC];
    const bool request = c & b & (kPf | kAf | kUf);
    c = static_cast<u8>((c & ~kIrqf) | (request ? kIrqf : 0));
    irq.set(request);
    if (request || !dividing()) {
        timer_.cancel();
        return;
    }
    u64 next = EventQueue::kIdle;
    if ((b & kPie) && periodic_cycles()) next = state_.last / periodic_cycles() * periodic_cycles() + periodic_cycles();
    if ((b & (kAie | kUie)) && !(b & kSet)) next = std::min(next, state_.last / kCrystal * kCrystal + kCrystal);
    if (next == EventQueue::kIdle)
        timer_.cancel();
    else
        timer_.arm_at(VirtualClock::ns_of_cycles(next - state_.divider, kCrystal));
}

// Registers ----------------------------------------------------------------------------------------------------------

u8 Mc146818::read8(u16 offset) {
    switch (offset & 3) {
    case 1: return read_register(state_.index & 0x7F);
    case 3: return state_.bank1[state_.index1];
    default: return 0xFF;
    }
}

void Mc146818::write8(u16 offset, u8 value) {
    switch (offset & 3) {
    case 0: state_.index = value; break;
    case 1: write_register(state_.index & 0x7F, value); break;
    case 2: state_.index1 = value & 0x7F; break;
    case 3: state_.bank1[state_.index1] = value; break;
    }
}

u8 Mc146818::read_register(u8 index) {
    if (index <= kRegisterD || index == kCentury) {
        catch_up();
        settle();
    }
    u8 value = state_.ram[index];
    if (index == kRegisterA) value |= update_in_progress() ? kUip : 0;
    if (index == kRegisterC) { // "All four flags are cleared when register C is read"
        state_.ram[kRegisterC] = 0;
        settle();
    }
    return value;
}

void Mc146818::write_register(u8 index, u8 value) {
    if (index > kRegisterD && index != kCentury) {
        state_.ram[index] = value;
        return;
    }
    catch_up();
    switch (index) {
    case kSeconds: state_.ram[index] = value & 0x7F; break; // "the high-order bit of the seconds byte is read-only"
    case kRegisterA: {
        const bool was_dividing = dividing();
        state_.ram[index] = value & 0x7F;
        // Released from reset, the first update comes half a second later.
        if (!was_dividing && dividing()) {
            state_.divider += kCrystal - (count_now() + kCrystal / 2) % kCrystal;
            state_.last = count_now();
        }
        break;
    }
    case kRegisterB:
        if (value & kSet) value &= static_cast<u8>(~kUie);
        state_.ram[index] = value;
        break;
    case kRegisterC:
    case kRegisterD: break; // read-only
    default: state_.ram[index] = value; break;
    }
    settle();
}

} // namespace r86
