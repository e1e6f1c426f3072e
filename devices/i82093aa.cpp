#include "devices/i82093aa.h"
#include "core/bits.h"

namespace r86 {

namespace {

// 3.1 "Memory Mapped Registers".
constexpr u64 kRegisterSelect = 0x00;
constexpr u64 kWindow = 0x10;

// 3.2 "IOAPIC Registers".
constexpr u8 kId = 0x00;
constexpr u8 kVersion = 0x01;
constexpr u8 kArbitration = 0x02;
constexpr u8 kRedirection = 0x10;
constexpr u32 kVersionValue = (I82093aa::kPins - 1) << 16 | 0x11;

// 3.2.4 "IOREDTBL[23:0]".
constexpr u64 kMask = u64{1} << 16;
constexpr u64 kLevel = u64{1} << 15;
constexpr u64 kRemoteIrr = u64{1} << 14;
constexpr u64 kActiveLow = u64{1} << 13;
constexpr u64 kSendPending = u64{1} << 12;
constexpr u64 kWritable = 0xFF0000000001AFFF;

constexpr ApicDelivery delivery_of(u64 entry) { return static_cast<ApicDelivery>((entry >> 8) & 7); }

/// NMI, SMI, INIT and ExtINT are edges, or have no end that anybody would signal.
constexpr bool level_sensitive(u64 entry) {
    const ApicDelivery delivery = delivery_of(entry);
    return (entry & kLevel) && (delivery == ApicDelivery::Fixed || delivery == ApicDelivery::LowestPriority);
}

} // namespace

bool I82093aa::asserted(unsigned n) const {
    return bit(connected_, n) && bit(s_.pins, n) != ((s_.entries[n] & kActiveLow) != 0);
}

void I82093aa::send(unsigned n) {
    u64& entry = s_.entries[n];
    const bool level = level_sensitive(entry);
    const ApicMessage message{static_cast<u8>(entry >> 56), bit(entry, 11), delivery_of(entry), static_cast<u8>(entry),
                              level};
    const bool taken = bus_ && bus_(message);
    if (level && taken) entry |= kRemoteIrr;
}

void I82093aa::evaluate(unsigned n) {
    const u64 entry = s_.entries[n];
    if (level_sensitive(entry) && asserted(n) && !(entry & (kMask | kRemoteIrr))) send(n);
}

void I82093aa::update_external() {
    bool level = false;
    for (unsigned n = 0; n < kPins; ++n) {
        const u64 entry = s_.entries[n];
        level |= delivery_of(entry) == ApicDelivery::ExtInt && !(entry & kMask) && asserted(n);
    }
    external.set(level);
}

void I82093aa::set_pin(unsigned n, bool level) {
    const u32 mask = u32{1} << n;
    if (((s_.pins & mask) != 0) == level) return;
    s_.pins ^= mask;
    const u64 entry = s_.entries[n];
    if (entry & kMask) return; // "Interrupt Mask": edges on a masked input are ignored, neither delivered nor held
    if (delivery_of(entry) == ApicDelivery::ExtInt)
        update_external();
    else if (level_sensitive(entry))
        evaluate(n);
    else if (asserted(n))
        send(n);
}

void I82093aa::retry() {
    for (unsigned n = 0; n < kPins; ++n) evaluate(n);
}

void I82093aa::end_of_interrupt(u8 vector) {
    for (unsigned n = 0; n < kPins; ++n) {
        u64& entry = s_.entries[n];
        if (static_cast<u8>(entry) != vector || !(entry & kRemoteIrr)) continue;
        entry &= ~kRemoteIrr;
        evaluate(n);
    }
}

bool I82093aa::may_wake(bool masked) const {
    for (unsigned n = 0; n < kPins; ++n) {
        const u64 entry = s_.entries[n];
        if ((entry & kMask) || !bit(connected_, n)) continue;
        const ApicDelivery delivery = delivery_of(entry);
        const bool maskable = delivery == ApicDelivery::Fixed || delivery == ApicDelivery::LowestPriority ||
                              delivery == ApicDelivery::ExtInt;
        if (!masked || !maskable) return true;
    }
    return false;
}

u32 I82093aa::read_register(u8 index) const {
    switch (index) {
    case kId:
    case kArbitration: return u32{s_.id} << 24; // the arbitration ID is loaded whenever the ID is written
    case kVersion: return kVersionValue;
    default: break;
    }
    if (index < kRedirection || index >= kRedirection + 2 * kPins) return 0;
    const unsigned n = (index - kRedirection) / 2;
    u64 entry = s_.entries[n];
    // "Delivery Status": 1 while a level waits for somebody to take it; everything else is gone at once.
    if (level_sensitive(entry) && asserted(n) && !(entry & (kMask | kRemoteIrr))) entry |= kSendPending;
    return static_cast<u32>(index & 1 ? entry >> 32 : entry);
}

void I82093aa::write_register(u8 index, u32 value) {
    if (index == kId) s_.id = (value >> 24) & 0x0F;
    if (index < kRedirection || index >= kRedirection + 2 * kPins) return;
    const unsigned n = (index - kRedirection) / 2;
    u64& entry = s_.entries[n];
    const u64 written = index & 1 ? (entry & 0xFFFFFFFF) | u64{value} << 32 : (entry & ~u64{0xFFFFFFFF}) | value;
    entry = (written & kWritable) | (entry & kRemoteIrr);
    // Linux clears a stuck Remote IRR by making the input edge-triggered for a moment, which real parts honour.
    if (!(entry & kLevel)) entry &= ~kRemoteIrr;
    update_external();
    evaluate(n);
}

u64 I82093aa::read(u64 offset, unsigned size) {
    // "32-bit accesses only"; narrower ones get the low bytes.
    const u64 mask = size >= 4 ? 0xFFFFFFFF : (u64{1} << (8 * size)) - 1;
    if (offset == kRegisterSelect) return s_.select;
    return offset == kWindow ? read_register(s_.select) & mask : 0;
}

void I82093aa::write(u64 offset, unsigned size, u64 value) {
    if (offset == kRegisterSelect)
        s_.select = static_cast<u8>(value);
    else if (offset == kWindow && size >= 4)
        write_register(s_.select, static_cast<u32>(value));
}

void I82093aa::reset(ResetKind) {
    s_.select = 0;
    s_.id = 0;
    s_.entries.fill(kMask); // the inputs are wires and stay
    external.set(false);
}

void I82093aa::visit(StateVisitor& visitor) {
    auto& [select, id, pins, entries] = s_;
    visitor.field("ioregsel", select);
    visitor.field("id", id);
    visitor.field("pins", pins);
    visitor.field("ioredtbl", entries);
    visitor.field("external", external);
}

} // namespace r86
