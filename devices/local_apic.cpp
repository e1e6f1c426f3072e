#include "devices/local_apic.h"
#include "core/bits.h"
#include <algorithm>
#include <bit>

namespace r86 {

namespace {

// Table 10-1: register addresses divided by 16.
enum Register : unsigned {
    kId = 0x02,
    kVersion = 0x03,
    kTpr = 0x08,
    kApr = 0x09,
    kPpr = 0x0A,
    kEoi = 0x0B,
    kRrd = 0x0C,
    kLdr = 0x0D,
    kDfr = 0x0E,
    kSvr = 0x0F,
    kIsr = 0x10,
    kTmr = 0x18,
    kIrr = 0x20,
    kEsr = 0x28,
    kIcrLow = 0x30,
    kIcrHigh = 0x31,
    kLvtTimer = 0x32, // timer, thermal, performance, LINT0, LINT1, error
    kLvtError = 0x37,
    kInitialCount = 0x38,
    kCurrentCount = 0x39,
    kDivide = 0x3E,
};

constexpr u32 kVersionValue = 0x00050014; // highest LVT entry 5, version 14h

// LVT, figure 10-8.
constexpr u32 kLvtMask = 1u << 16;
constexpr u32 kLvtPeriodic = 1u << 17; // timer only
constexpr u32 kLvtLevel = 1u << 15;
constexpr u32 kLvtRemoteIrr = 1u << 14;
constexpr u32 kLvtActiveLow = 1u << 13;
constexpr std::array<u32, 6> kLvtWritable = {0x300FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF};

// ESR, figure 10-9.
constexpr u8 kSendIllegalVector = 1 << 5;
constexpr u8 kReceiveIllegalVector = 1 << 6;
constexpr u8 kIllegalRegister = 1 << 7;

constexpr ApicDelivery delivery_of(u32 value) { return static_cast<ApicDelivery>((value >> 8) & 7); }

} // namespace

int LocalApic::VectorSet::highest() const {
    for (int word = 7; word >= 0; --word)
        if (words[static_cast<usize>(word)]) return word * 32 + 31 - std::countl_zero(words[static_cast<usize>(word)]);
    return -1;
}

LocalApic::LocalApic(EventQueue& events) : timer_(events, [this] { raise_lvt(kTimer); }) {
    set_registers_to_reset_values();
}

// ---- priorities and delivery to the processor

/// 10.8.3.1 "Task and Processor Priorities".
u8 LocalApic::ppr() const {
    const int in_service = s_.isr.highest();
    const u8 isrv = static_cast<u8>(in_service < 0 ? 0 : in_service & 0xF0);
    return (s_.tpr & 0xF0) >= isrv ? s_.tpr : isrv;
}

int LocalApic::deliverable() const {
    if (!s_.globally_enabled || !software_enabled()) return -1;
    const int vector = s_.irr.highest();
    return vector >= 0 && (vector & 0xF0) > (ppr() & 0xF0) ? vector : -1;
}

/// Is an 8259A waiting for INTA cycles? ExtINT has no priority and no place in IRR (10.6.1, delivery mode 111).
bool LocalApic::external_pending() const {
    if (pins_direct()) return s_.lint[0];
    if (s_.external && software_enabled()) return true;
    const u32 lvt = s_.lvt[kLint0];
    const bool asserted = s_.lint[0] != ((lvt & kLvtActiveLow) != 0);
    return asserted && !(lvt & kLvtMask) && delivery_of(lvt) == ApicDelivery::ExtInt;
}

void LocalApic::update() { intr.set(external_pending() || deliverable() >= 0); }

u8 LocalApic::acknowledge() {
    if (external_pending()) {
        const u8 vector = external_acknowledge_ ? external_acknowledge_() : u8{0xFF};
        update();
        return vector;
    }
    const int vector = deliverable();
    if (vector < 0) return static_cast<u8>(s_.spurious); // 10.9 "Spurious Interrupt": no bit in ISR
    s_.irr.clear(static_cast<u8>(vector));
    s_.isr.set(static_cast<u8>(vector));
    update();
    return static_cast<u8>(vector);
}

/// 10.8.4 "Interrupt Acceptance for Fixed Interrupts": one in service and one waiting for each vector.
bool LocalApic::accept(u8 vector, bool level) {
    if (!s_.globally_enabled || !software_enabled()) return false;
    if (vector < 16) {
        error(kReceiveIllegalVector);
        return true;
    }
    s_.irr.set(vector);
    if (level)
        s_.tmr.set(vector);
    else
        s_.tmr.clear(vector);
    update();
    return true;
}

/// 10.8.5 "Signaling Interrupt Servicing Completion".
void LocalApic::end_of_interrupt() {
    const int in_service = s_.isr.highest();
    if (in_service < 0) return;
    const u8 vector = static_cast<u8>(in_service);
    s_.isr.clear(vector);
    if (s_.tmr.has(vector)) {
        if ((s_.lvt[kLint0] & kLvtRemoteIrr) && static_cast<u8>(s_.lvt[kLint0]) == vector) {
            s_.lvt[kLint0] &= ~kLvtRemoteIrr;
            evaluate_level_lint0();
        }
        if (eoi_sink_) eoi_sink_(vector);
    }
    update();
}

// ---- local interrupts

void LocalApic::raise_lvt(LvtIndex entry) {
    const u32 lvt = s_.lvt[entry];
    if (lvt & kLvtMask) return;
    switch (entry == kTimer || entry == kError ? ApicDelivery::Fixed : delivery_of(lvt)) {
    case ApicDelivery::Fixed: accept(static_cast<u8>(lvt), false); break;
    case ApicDelivery::Smi: smi.pulse(); break;
    case ApicDelivery::Nmi: nmi.pulse(); break;
    case ApicDelivery::Init: init.pulse(); break;
    default: break; // ExtINT is a level: external_pending()
    }
}

/// A level-sensitive LINT0 asks again as long as it is asserted and not being served (10.5.1, Remote IRR).
void LocalApic::evaluate_level_lint0() {
    u32& lvt = s_.lvt[kLint0];
    const bool asserted = s_.lint[0] != ((lvt & kLvtActiveLow) != 0);
    const bool level = (lvt & kLvtLevel) && delivery_of(lvt) == ApicDelivery::Fixed;
    if (!level || !asserted || (lvt & (kLvtMask | kLvtRemoteIrr))) return;
    if (accept(static_cast<u8>(lvt), true)) lvt |= kLvtRemoteIrr;
}

void LocalApic::set_lint(unsigned pin, bool level) {
    if (s_.lint[pin] == level) return;
    s_.lint[pin] = level;
    if (pins_direct()) {
        if (pin == 1 && level) nmi.pulse();
        return update();
    }
    const LvtIndex entry = pin ? kLint1 : kLint0;
    const u32 lvt = s_.lvt[entry];
    const bool asserted = level != ((lvt & kLvtActiveLow) != 0);
    // Only a fixed LINT0 can be level-sensitive; NMI, SMI and INIT are edges whatever bit 15 says.
    if (pin == 0 && (lvt & kLvtLevel) && delivery_of(lvt) == ApicDelivery::Fixed)
        evaluate_level_lint0();
    else if (asserted)
        raise_lvt(entry);
    update();
}

void LocalApic::set_external(bool level) {
    s_.external = level;
    update();
}

/// 10.5.3 "Error Handling". Errors show in ESR after the next write to it.
void LocalApic::error(u8 bit) {
    s_.pending_errors |= bit;
    const u32 lvt = s_.lvt[kError];
    if ((lvt & kLvtMask) || static_cast<u8>(lvt) < 16) return; // an illegal vector here must not report itself
    raise_lvt(kError);
}

// ---- messages

/// 10.6.2 "Determining IPI Destination".
bool LocalApic::matches(const ApicMessage& message) const {
    if (message.destination == 0xFF) return true;
    if (!message.logical) return message.destination == s_.id;
    if (s_.model == 0xF) return (message.destination & s_.logical_id) != 0;
    return (message.destination >> 4) == (s_.logical_id >> 4) && (message.destination & s_.logical_id & 0x0F);
}

bool LocalApic::deliver(const ApicMessage& message) {
    if (!s_.globally_enabled || !matches(message)) return false;
    switch (message.delivery) {
    case ApicDelivery::Fixed:
    case ApicDelivery::LowestPriority: return accept(message.vector, message.level);
    // 10.4.7.2: a disabled APIC still responds to these.
    case ApicDelivery::Smi: smi.pulse(); return true;
    case ApicDelivery::Nmi: nmi.pulse(); return true;
    case ApicDelivery::Init: init.pulse(); return true;
    default: return false; // start-up: the processor does not wait for one
    }
}

void LocalApic::send_ipi() {
    const u32 low = s_.icr_low;
    ApicMessage message{static_cast<u8>(s_.icr_high >> 24), bit(low, 11), delivery_of(low), static_cast<u8>(low),
                        false};
    // INIT with level de-assert only synchronises arbitration IDs, and a Pentium 4 does not even do that.
    if (message.delivery == ApicDelivery::Init && bit(low, 15) && !bit(low, 14)) return;
    const bool fixed = message.delivery == ApicDelivery::Fixed || message.delivery == ApicDelivery::LowestPriority;
    if (fixed && message.vector < 16) return error(kSendIllegalVector);
    switch ((low >> 18) & 3) { // destination shorthand
    case 0: deliver(message); break;
    case 1: // self
    case 2: // all including self; table 10-3 promises fixed alone, and processors do not reset themselves in this way
        if (message.delivery == ApicDelivery::Init || message.delivery == ApicDelivery::StartUp) break;
        message.logical = false;
        message.destination = s_.id;
        deliver(message);
        break;
    case 3: break; // all excluding self
    }
}

// ---- registers

u64 LocalApic::read(u64 offset, unsigned size) {
    // Registers are 32 bits wide on 128-bit boundaries; other accesses are undefined (10.4.1).
    const u64 in_register = offset & 15;
    if (in_register >= 4) return 0;
    return u64{read_register(static_cast<unsigned>(offset >> 4))} >> (8 * in_register) &
           (size >= 4 ? ~u64{0} : (u64{1} << (8 * size)) - 1);
}

void LocalApic::write(u64 offset, unsigned size, u64 value) {
    if ((offset & 15) || size < 4) return; // undefined; nothing happens
    write_register(static_cast<unsigned>(offset >> 4), static_cast<u32>(value));
}

u32 LocalApic::read_register(unsigned index) {
    if (index >= kIsr && index < kIsr + 8) return s_.isr.words[index - kIsr];
    if (index >= kTmr && index < kTmr + 8) return s_.tmr.words[index - kTmr];
    if (index >= kIrr && index < kIrr + 8) return s_.irr.words[index - kIrr];
    if (index >= kLvtTimer && index <= kLvtError) return s_.lvt[index - kLvtTimer];
    switch (index) {
    case kId: return u32{s_.id} << 24;
    case kVersion: return kVersionValue;
    case kTpr: return s_.tpr;
    case kApr: return 0; // arbitration and remote read: not on the Pentium 4, and no error either
    case kRrd: return 0;
    case kPpr: return ppr();
    case kEoi: return 0; // write only
    case kLdr: return u32{s_.logical_id} << 24;
    case kDfr: return u32{s_.model} << 28 | 0x0FFFFFFF;
    case kSvr: return s_.spurious;
    case kEsr: return s_.errors;
    case kIcrLow: return s_.icr_low;
    case kIcrHigh: return s_.icr_high;
    case kInitialCount: return timer_.initial_count();
    case kCurrentCount: return timer_.current_count();
    case kDivide: return timer_.divide_configuration();
    default: error(kIllegalRegister); return 0;
    }
}

void LocalApic::write_register(unsigned index, u32 value) {
    if (index >= kLvtTimer && index <= kLvtError) return write_lvt(static_cast<LvtIndex>(index - kLvtTimer), value);
    switch (index) {
    case kId:
        s_.id = static_cast<u8>(value >> 24);
        address_changed();
        break;
    case kTpr:
        s_.tpr = static_cast<u8>(value);
        update();
        break;
    case kEoi: end_of_interrupt(); break;
    case kLdr:
        s_.logical_id = static_cast<u8>(value >> 24);
        address_changed();
        break;
    case kDfr:
        s_.model = static_cast<u8>(value >> 28);
        address_changed();
        break;
    case kSvr: write_spurious(value); break;
    case kEsr: s_.errors = std::exchange(s_.pending_errors, u8{0}); break;
    case kIcrLow:
        s_.icr_low = value & 0x000CCFFF; // delivery status reads as idle: a message is gone at once
        send_ipi();
        break;
    case kIcrHigh: s_.icr_high = value & 0xFF000000; break;
    case kInitialCount: timer_.set_initial_count(value); break;
    case kDivide: timer_.set_divide_configuration(static_cast<u8>(value)); break;
    case kVersion:
    case kApr:
    case kPpr:
    case kRrd:
    case kCurrentCount: break; // read only
    default:
        if (index < kIsr || index >= kIrr + 8) error(kIllegalRegister);
        break;
    }
}

void LocalApic::write_lvt(LvtIndex entry, u32 value) {
    u32 lvt = (value & kLvtWritable[entry]) | (s_.lvt[entry] & kLvtRemoteIrr);
    if (!software_enabled()) lvt |= kLvtMask; // 10.4.7.2
    if (!(lvt & kLvtLevel)) lvt &= ~kLvtRemoteIrr;
    s_.lvt[entry] = lvt;
    if (entry == kTimer) timer_.set_mode(lvt & kLvtPeriodic, lvt & kLvtMask);
    if (entry == kLint0) evaluate_level_lint0();
    update();
}

/// 10.4.7.2 "Local APIC State After It Has Been Software Disabled": pending interrupts stay, every LVT entry is masked.
void LocalApic::write_spurious(u32 value) {
    s_.spurious = value & 0x3FF;
    if (software_enabled()) {
        s_.bypass = false;
        address_changed();
    } else {
        for (u32& lvt : s_.lvt) lvt |= kLvtMask;
        timer_.set_mode(s_.lvt[kTimer] & kLvtPeriodic, true);
    }
    update();
}

// ---- reset

/// 10.4.7.1 "Local APIC State After Power-Up or Reset".
void LocalApic::set_registers_to_reset_values() {
    State fresh;
    fresh.id = s_.id;
    fresh.spurious = 0xFF;
    fresh.lvt.fill(kLvtMask);
    fresh.lint = s_.lint; // wires
    fresh.external = s_.external;
    fresh.globally_enabled = s_.globally_enabled;
    s_ = fresh;
    timer_.reset();
}

void LocalApic::reset(ResetKind) {
    s_.id = 0;
    set_registers_to_reset_values();
    update();
}

void LocalApic::initialise() {
    set_registers_to_reset_values();
    update();
}

void LocalApic::set_globally_enabled(bool enabled) {
    if (s_.globally_enabled == enabled) return;
    s_.globally_enabled = enabled;
    initialise(); // 10.4.3: an APIC that is enabled again is as after a reset
}

bool LocalApic::may_wake(bool masked) const {
    if (pins_direct() || !s_.globally_enabled) return false; // the pins alone, and those are somebody else's
    // LINT0 is the 8259A; as ExtINT it is the board's question whether that one can interrupt. Nothing drives LINT1.
    const ApicDelivery lint0 = delivery_of(s_.lvt[kLint0]);
    const bool maskable = lint0 == ApicDelivery::Fixed || lint0 == ApicDelivery::ExtInt;
    const bool by_lint0 = !(s_.lvt[kLint0] & kLvtMask) && lint0 != ApicDelivery::ExtInt && !(masked && maskable);
    return (!masked && timer_.will_expire()) || by_lint0;
}

void LocalApic::visit(StateVisitor& visitor) {
    auto& [id, tpr, logical_id, model, spurious, irr, isr, tmr, lvt, icr_low, icr_high, errors, pending_errors, lint,
           external, globally_enabled, bypass] = s_;
    visitor.field("id", id);
    visitor.field("tpr", tpr);
    visitor.field("ldr", logical_id);
    visitor.field("dfr", model);
    visitor.field("svr", spurious);
    visitor.field("irr", irr);
    visitor.field("isr", isr);
    visitor.field("tmr", tmr);
    visitor.field("lvt", lvt);
    visitor.field("icr_low", icr_low);
    visitor.field("icr_high", icr_high);
    visitor.field("esr", errors);
    visitor.field("pending_errors", pending_errors);
    visitor.field("lint", lint);
    visitor.field("external", external);
    visitor.field("globally_enabled", globally_enabled);
    visitor.field("bypass", bypass);
    visitor.field("timer", timer_);
    visitor.field("intr", intr);
    visitor.field("nmi", nmi);
    visitor.field("smi", smi);
    visitor.field("init", init);
}

} // namespace r86
