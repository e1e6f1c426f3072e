#include "core/bus.h"
#include "core/error.h"

namespace r86 {

void IoBus::map(u16 base, u16 count, PortHandler& handler, std::string name, u16 first_offset) {
    ranges_.push_back({base, count, first_offset, &handler, nullptr, std::move(name)});
    for (u32 port = base; port < u32{base} + count; ++port) {
        R86_ASSERT(table_[port] == 0 || ranges_[table_[port]].owner != nullptr);
        table_[port] = static_cast<u16>(ranges_.size() - 1);
    }
}

void IoBus::map_bar(const void* owner, u16 base, u16 count, PortHandler& handler, std::string name) {
    Range* slot = nullptr;
    for (Range& range : ranges_)
        if (range.owner == owner) slot = &range;
    if (slot && slot->base == base && slot->count == count) return;
    if (!slot) slot = &ranges_.emplace_back();
    *slot = {base, count, 0, &handler, owner, std::move(name)};
    rebuild_bars();
}

void IoBus::rebuild_bars() {
    for (u16& entry : table_)
        if (entry && ranges_[entry].owner) entry = 0;
    for (usize i = 1; i < ranges_.size(); ++i) {
        const Range& range = ranges_[i];
        if (!range.owner) continue;
        for (u32 port = range.base; port < u32{range.base} + range.count && port < 0x10000; ++port)
            if (table_[port] == 0) table_[port] = static_cast<u16>(i);
    }
}

void IoBus::report_unclaimed(u16 port, const char* direction) {
    if (!log_.enabled(LogCategory::Port)) return;
    u64& word = reported_[port / 64];
    const u64 flag = u64{1} << (port % 64);
    if (word & flag) return;
    word |= flag;
    log_.write(LogCategory::Port, "nothing answers at port %04x (%s)", port, direction);
}

// One byte to a chip that is there is nearly all that happens: it needs no frame and ends in the chip's own function.

u32 IoBus::read(u16 port, unsigned size) {
    const u16 index = table_[port];
    if (index == 0 || size != 1) [[unlikely]]
        return read_other(port, size);
    const Range& range = ranges_[index];
    return range.handler->read8(static_cast<u16>(port - range.base + range.first_offset));
}

void IoBus::write(u16 port, unsigned size, u32 value) {
    const u16 index = table_[port];
    if (index == 0 || size != 1) [[unlikely]]
        return write_other(port, size, value);
    const Range& range = ranges_[index];
    return range.handler->write8(static_cast<u16>(port - range.base + range.first_offset), static_cast<u8>(value));
}

u32 IoBus::read_other(u16 port, unsigned size) {
    const u16 index = table_[port];
    if (index == 0) {
        if (size > 1) {
            u32 value = 0;
            for (unsigned i = 0; i < size; ++i) value |= read(static_cast<u16>(port + i), 1) << (8 * i);
            return value;
        }
        report_unclaimed(port, "read");
        return 0xFF;
    }
    Range& range = ranges_[index];
    const u16 offset = static_cast<u16>(port - range.base + range.first_offset);
    if (table_[static_cast<u16>(port + size - 1)] != index &&
        !range.handler->takes_wide(offset)) { // runs over the end of the chip's ports
        const unsigned half = size / 2;
        return read(port, half) | read(static_cast<u16>(port + half), half) << (8 * half);
    }
    return size == 2 ? range.handler->read16(offset) : range.handler->read32(offset);
}

void IoBus::write_other(u16 port, unsigned size, u32 value) {
    const u16 index = table_[port];
    if (index == 0) {
        if (size > 1) {
            for (unsigned i = 0; i < size; ++i) write(static_cast<u16>(port + i), 1, (value >> (8 * i)) & 0xFF);
            return;
        }
        report_unclaimed(port, "write");
        return;
    }
    Range& range = ranges_[index];
    const u16 offset = static_cast<u16>(port - range.base + range.first_offset);
    if (table_[static_cast<u16>(port + size - 1)] != index && !range.handler->takes_wide(offset)) {
        const unsigned half = size / 2;
        const u32 low = half == 1 ? value & 0xFF : value & 0xFFFF;
        write(port, half, low);
        write(static_cast<u16>(port + half), half, value >> (8 * half));
    } else if (size == 2) {
        range.handler->write16(offset, static_cast<u16>(value));
    } else {
        range.handler->write32(offset, value);
    }
}

} // namespace r86
