#include "devices/i8237a.h"
#include "core/bits.h"

namespace r86 {

namespace {

// Command register
constexpr u8 kMemoryToMemory = 0x01, kChannel0Hold = 0x02;
// Mode register
constexpr u8 kAutoinitialize = 0x10, kDecrement = 0x20;
enum TransferType : u8 { kVerify, kWrite, kRead, kIllegal };
constexpr u8 transfer_type(u8 mode) { return mode >> 2 & 3; }
constexpr bool cascade(u8 mode) { return mode >> 6 == 3; }

/// Page register (offset from 80h) of each channel; channel 4's is the refresh page.
constexpr u8 kPageOf[8] = {0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA};

} // namespace

// One controller -----------------------------------------------------------------------------------------------------

void I8237A::Channel::visit(StateVisitor& v) {
    auto& [base_address_, base_count_, address_, count_, mode_] = *this;
    v.field("base_address", base_address_);
    v.field("base_count", base_count_);
    v.field("address", address_);
    v.field("count", count_);
    v.field("mode", mode_);
}

void I8237A::visit(StateVisitor& v) {
    auto& [channels, command, mask, request, dreq, terminal, temporary, flip_flop] = state_;
    v.field("channel", channels);
    v.field("command", command);
    v.field("mask", mask);
    v.field("request", request);
    v.field("dreq", dreq);
    v.field("terminal", terminal);
    v.field("temporary", temporary);
    v.field("flip_flop", flip_flop);
}

/// "Reset" and "Master Clear": the mask register is set, command, status, request, temporary and flip-flop are cleared;
/// addresses, counts and modes stay.
void I8237A::reset() {
    state_.command = 0;
    state_.mask = 0x0F;
    state_.request = 0;
    state_.terminal = 0;
    state_.temporary = 0;
    state_.flip_flop = false;
}

u8 I8237A::read8(u16 offset) {
    offset &= 15;
    if (offset < 8) {
        const Channel& channel = state_.channels[offset >> 1];
        const u16 value = offset & 1 ? channel.count : channel.address;
        const bool high = state_.flip_flop;
        state_.flip_flop = !high;
        return static_cast<u8>(high ? value >> 8 : value);
    }
    switch (offset) {
    case 0x8: { // status: reading clears the terminal counts
        const u8 status = static_cast<u8>((state_.dreq | state_.request) << 4 | state_.terminal);
        state_.terminal = 0;
        return status;
    }
    case 0xD: return state_.temporary;
    case 0xF: return static_cast<u8>(0xF0 | state_.mask); // as the PIIX has it; the 8237A leaves it undefined
    default: return 0xFF;                                 // "illegal" in the register table
    }
}

void I8237A::write8(u16 offset, u8 value) {
    offset &= 15;
    if (offset < 8) {
        Channel& channel = state_.channels[offset >> 1];
        u16& base = offset & 1 ? channel.base_count : channel.base_address;
        u16& current = offset & 1 ? channel.count : channel.address;
        if (state_.flip_flop)
            base = current = static_cast<u16>((base & 0x00FF) | value << 8);
        else
            base = current = static_cast<u16>((base & 0xFF00) | value);
        state_.flip_flop = !state_.flip_flop;
        return;
    }
    const u8 selected = static_cast<u8>(1u << (value & 3));
    switch (offset) {
    case 0x8: state_.command = value; break;
    case 0x9:
        state_.request = value & 4 ? state_.request | selected : state_.request & static_cast<u8>(~selected);
        break;
    case 0xA: state_.mask = value & 4 ? state_.mask | selected : state_.mask & static_cast<u8>(~selected); break;
    case 0xB: state_.channels[value & 3].mode = value & 0xFC; break;
    case 0xC: state_.flip_flop = false; return;
    case 0xD: reset(); break;
    case 0xE: state_.mask = 0; break;
    case 0xF: state_.mask = value & 0x0F; break;
    default: break;
    }
    if (state_.request && enabled()) run_software_requests();
    pair_.settle();
}

bool I8237A::ready(unsigned n) const { return enabled() && !bit(state_.mask, n) && !cascade(state_.channels[n].mode); }

bool I8237A::step(unsigned n) {
    Channel& channel = state_.channels[n];
    const bool hold = n == 0 && (state_.command & kMemoryToMemory) && (state_.command & kChannel0Hold);
    if (!hold)
        channel.address = static_cast<u16>(channel.mode & kDecrement ? channel.address - 1 : channel.address + 1);
    if (channel.count-- != 0) return false;
    // "TC will be generated when the value in the register goes from zero to FFFFH."
    const u8 mask = static_cast<u8>(1u << n);
    state_.terminal |= mask;
    state_.request &= static_cast<u8>(~mask);
    if (channel.mode & kAutoinitialize) {
        channel.address = channel.base_address;
        channel.count = channel.base_count;
    } else {
        state_.mask |= mask;
    }
    return true;
}

/// "Software requests ... are nonmaskable"; nobody answers on the bus, so bytes float. Ends at TC, at most 65536 units.
void I8237A::run_software_requests() {
    const unsigned first_line = shift_ ? 4 : 0;
    for (unsigned n = 0; n < 4; ++n) {
        if (!bit(state_.request, n)) continue;
        if (n == 0 && (state_.command & kMemoryToMemory)) {
            if (!shift_) memory_to_memory();
            state_.request &= 0x0E;
            continue;
        }
        const u8 mode = state_.channels[n].mode;
        if (cascade(mode)) continue;
        const u8 floating[2] = {0xFF, 0xFF};
        do {
            if (transfer_type(mode) == kWrite)
                pair_.memory_.write(pair_.address(first_line + n), std::span<const u8>(floating, shift_ + 1));
        } while (!step(n));
    }
}

/// "Memory-to-Memory": channel 0 is the source, channel 1 the destination, the Temporary Register holds each byte;
/// channel 1's count ends it.
void I8237A::memory_to_memory() {
    bool done = false;
    while (!done) {
        pair_.memory_.read(pair_.address(0), std::span<u8>(&state_.temporary, 1));
        pair_.memory_.write(pair_.address(1), std::span<const u8>(&state_.temporary, 1));
        // Channel 0's count runs along but gives no TC, and its autoinitialisation must match channel 1's.
        Channel& source = state_.channels[0];
        if (!(state_.command & kChannel0Hold))
            source.address = static_cast<u16>(source.mode & kDecrement ? source.address - 1 : source.address + 1);
        if (source.count-- == 0 && (source.mode & kAutoinitialize)) {
            source.address = source.base_address;
            source.count = source.base_count;
        }
        done = step(1);
    }
}

// The pair -----------------------------------------------------------------------------------------------------------

I8237aPair::I8237aPair(PhysicalMemory& memory) : memory_(memory), chips_{I8237A(*this, 0), I8237A(*this, 1)} {
    for (unsigned n = 0; n < 8; ++n) {
        lines_[n].pair = this;
        lines_[n].n = n;
    }
}

void I8237aPair::reset(ResetKind kind) {
    for (I8237A& chip : chips_) {
        if (kind == ResetKind::PowerOn) chip.state_.channels = {};
        chip.reset();
    }
    page_registers_ = {};
    settle();
}

void I8237aPair::visit(StateVisitor& v) {
    v.field("byte", chips_[0]);
    v.field("word", chips_[1]);
    v.field("pages", page_registers_);
    for (LineOf& line : lines_) v.field("ready" + std::to_string(line.n), line.was_ready);
}

bool I8237aPair::ready(unsigned n) const {
    // The first chip reaches the bus only through channel 4: in cascade mode, unmasked, its chip enabled.
    const I8237A& second = chips_[1];
    const bool bus = second.enabled() && !bit(second.state_.mask, 0) && cascade(second.state_.channels[0].mode);
    if (n < 4) return bus && chips_[0].ready(n);
    return n != 4 && second.ready(n - 4);
}

void I8237aPair::set_request(unsigned n, bool level) {
    u8& dreq = chips_[n >> 2].state_.dreq;
    const u8 mask = static_cast<u8>(1u << (n & 3));
    dreq = level ? dreq | mask : dreq & static_cast<u8>(~mask);
    // The device knows by ready() how it stands; dma_ready() reports later changes only.
    lines_[n].was_ready = level && ready(n);
}

void I8237aPair::settle() {
    for (LineOf& line : lines_) {
        const bool requested = bit(chips_[line.n >> 2].state_.dreq, line.n & 3);
        const bool now = requested && ready(line.n);
        const bool rose = now && !line.was_ready;
        line.was_ready = now;
        if (rose && line.client) line.client->dma_ready();
    }
}

PhysAddr I8237aPair::address(unsigned n) const {
    const u16 current = chips_[n >> 2].state_.channels[n & 3].address;
    const u64 page = page_registers_[kPageOf[n]];
    // Words: A0 is 0, A16-A1 come from the chip, the page gives A23-A17. No carry ever reaches the page: transfers wrap
    // in their 64 KiB or 128 KiB.
    if (n < 4) return {page << 16 | current};
    return {(page & 0xFE) << 16 | u64{current} << 1};
}

bool I8237aPair::transfer(unsigned n, unsigned size, bool to_memory, u8* data, bool& terminal_count) {
    terminal_count = false;
    I8237A& chip = chips_[n >> 2];
    if (size != chip.shift_ + 1 || !ready(n)) return false;
    const u8 type = transfer_type(chip.state_.channels[n & 3].mode);
    if (type == kVerify) {
        // "Verify transfers are pseudo-transfers": addresses and TC, but no memory or I/O strobes.
        if (!to_memory) data[0] = data[size - 1] = 0xFF;
    } else if (type == kWrite && to_memory) {
        memory_.write(address(n), std::span<const u8>(data, size));
    } else if (type == kRead && !to_memory) {
        memory_.read(address(n), std::span<u8>(data, size));
    } else {
        return false;
    }
    terminal_count = chip.step(n & 3);
    if (terminal_count) lines_[n].was_ready = lines_[n].was_ready && ready(n);
    return true;
}

} // namespace r86
