#include "devices/ide_bus_master.h"
#include <algorithm>

namespace r86 {

namespace {

// Bus Master IDE Command register.
constexpr u8 kStart = 0x01, kToMemory = 0x08;
// Bus Master IDE Status register; Drive 0/1 DMA Capable are plain bits for the host's use.
constexpr u8 kActive = 0x01, kError = 0x02, kInterrupt = 0x04, kDriveCapable = 0x60;
constexpr u32 kEndOfTable = 0x80000000;

} // namespace

bool BusMasterIde::Engine::dma_ready(bool to_memory) const {
    return owner_->enabled_ && (state_.status & kActive) && ((state_.command & kToMemory) != 0) == to_memory;
}

/// Does anybody claim the address? If not, the cycle ends with a master abort and the engine with an error.
bool BusMasterIde::Engine::answered(u32 address) {
    const Page& page = memory_->page(PhysAddr{address});
    if (page.read || page.write || page.read_region || page.write_region) return true;
    state_.status = static_cast<u8>((state_.status & ~kActive) | kError);
    state_.remaining = 0;
    state_.last = true;
    if (owner_->master_abort_) owner_->master_abort_();
    return false;
}

/// Loads the next region. False at the table's end, where the engine goes inactive.
bool BusMasterIde::Engine::fetch_descriptor() {
    if (state_.last) {
        state_.status &= static_cast<u8>(~kActive);
        return false;
    }
    if (!answered(state_.next)) return false;
    state_.address = static_cast<u32>(memory_->read(PhysAddr{state_.next}, 4)) & ~u32{1};
    const u32 control = static_cast<u32>(memory_->read(PhysAddr{state_.next} + 4, 4));
    state_.remaining = control & 0xFFFE;
    if (state_.remaining == 0) state_.remaining = 0x10000;
    state_.last = (control & kEndOfTable) != 0;
    // A table may not cross a 64 KiB boundary: the pointer's counter is 16 bits wide and wraps.
    state_.next = (state_.next & 0xFFFF0000) | ((state_.next + 8) & 0xFFFF);
    return true;
}

/// Every descriptor takes at least two bytes of the drive's bounded data, so no table can make this loop for ever.
template <class Move>
usize BusMasterIde::Engine::move(usize bytes, Move&& move_piece) {
    usize done = 0;
    while (done < bytes) {
        if (state_.remaining == 0 && !fetch_descriptor()) return done;
        if (!answered(state_.address)) return done;
        const usize in_page = kPageSize - (state_.address & (kPageSize - 1));
        const usize piece = std::min({bytes - done, usize{state_.remaining}, in_page});
        move_piece(PhysAddr{state_.address}, done, piece);
        done += piece;
        state_.address += static_cast<u32>(piece);
        state_.remaining -= static_cast<u32>(piece);
    }
    // "Active is cleared when the last transfer for a region is performed, where EOT for that region is set."
    if (state_.remaining == 0 && state_.last) state_.status &= static_cast<u8>(~kActive);
    return done;
}

usize BusMasterIde::Engine::dma_to_memory(std::span<const u8> data) {
    return move(data.size(), [&](PhysAddr address, usize offset, usize length) {
        memory_->write(address, data.subspan(offset, length));
    });
}

usize BusMasterIde::Engine::dma_from_memory(std::span<u8> data) {
    return move(data.size(), [&](PhysAddr address, usize offset, usize length) {
        memory_->read(address, data.subspan(offset, length));
    });
}

u8 BusMasterIde::Engine::read(u16 reg) const {
    switch (reg) {
    case 0: return state_.command;
    case 2: return state_.status;
    case 4:
    case 5:
    case 6:
    case 7: return static_cast<u8>(state_.table >> (8 * (reg - 4)));
    default: return 0;
    }
}

bool BusMasterIde::Engine::write(u16 reg, u8 value) {
    switch (reg) {
    case 0: {
        const bool was_started = state_.command & kStart;
        state_.command = value & (kStart | kToMemory);
        if (!(value & kStart)) {
            state_.status &= static_cast<u8>(~kActive); // stopping loses the engine's place in the table
            return false;
        }
        if (was_started) return false;
        state_.status |= kActive;
        state_.next = state_.table;
        state_.remaining = 0;
        state_.last = false;
        return true;
    }
    case 2:
        state_.status =
            static_cast<u8>((state_.status & (kActive | kError | kInterrupt) & ~(value & (kError | kInterrupt))) |
                            (value & kDriveCapable));
        return false;
    case 4:
    case 5:
    case 6:
    case 7: {
        const unsigned shift = 8 * (reg - 4u);
        state_.table = ((state_.table & ~(u32{0xFF} << shift)) | static_cast<u32>(value) << shift) & ~u32{3};
        return false;
    }
    default: return false;
    }
}

void BusMasterIde::Engine::interrupt(bool level) {
    if (level) state_.status |= kInterrupt;
}

void BusMasterIde::Engine::visit(StateVisitor& visitor) {
    auto& [command, status, table, next, address, remaining, last] = state_;
    visitor.field("command", command);
    visitor.field("status", status);
    visitor.field("descriptor_table", table);
    visitor.field("next_descriptor", next);
    visitor.field("region_address", address);
    visitor.field("region_remaining", remaining);
    visitor.field("region_last", last);
}

BusMasterIde::BusMasterIde(PhysicalMemory& memory) {
    for (Engine& engine : engines_) engine.attach(memory, *this);
}

void BusMasterIde::connect(IdeChannel& primary, IdeChannel& secondary) {
    channels_ = {&primary, &secondary};
    for (usize i = 0; i < engines_.size(); ++i)
        channels_[i]->connect_dma(&engines_[i], [this, i](bool level) { engines_[i].interrupt(level); });
}

void BusMasterIde::set_bus_master_enable(bool enable) {
    const bool rises = enable && !enabled_;
    enabled_ = enable;
    if (!rises) return;
    for (IdeChannel* channel : channels_) {
        if (channel) channel->dma_started();
    }
}

void BusMasterIde::reset(ResetKind) {
    for (Engine& engine : engines_) engine.reset();
}

u8 BusMasterIde::read8(u16 offset) { return engines_[(offset >> 3) & 1].read(offset & 7); }

void BusMasterIde::write8(u16 offset, u8 value) {
    const usize index = (offset >> 3) & 1;
    if (engines_[index].write(offset & 7, value) && channels_[index]) channels_[index]->dma_started();
}

void BusMasterIde::visit(StateVisitor& visitor) {
    visitor.field("bus_master_enable", enabled_);
    visitor.field("primary", engines_[0]);
    visitor.field("secondary", engines_[1]);
}

} // namespace r86
