#pragma once
/// Port I/O. Chips see offsets from the base that the board (or a PCI BAR) gave them, never absolute addresses.
#include "core/log.h"
#include "core/types.h"
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace r86 {

/// A chip's registers in port space. An access wider than a chip's registers arrives as single bytes at rising
/// offsets (as the ISA bus does it) unless the chip overrides the wider form.
class PortHandler {
public:
    virtual ~PortHandler() = default;
    virtual u8 read8(u16 offset) = 0;
    virtual void write8(u16 offset, u8 value) = 0;
    virtual u16 read16(u16 offset) {
        return static_cast<u16>(read8(offset) | read8(static_cast<u16>(offset + 1)) << 8);
    }
    virtual void write16(u16 offset, u16 value) {
        write8(offset, static_cast<u8>(value));
        write8(static_cast<u16>(offset + 1), static_cast<u8>(value >> 8));
    }
    virtual u32 read32(u16 offset) {
        return static_cast<u32>(read16(offset)) | static_cast<u32>(read16(static_cast<u16>(offset + 2))) << 16;
    }
    virtual void write32(u16 offset, u32 value) {
        write16(offset, static_cast<u16>(value));
        write16(static_cast<u16>(offset + 2), static_cast<u16>(value >> 16));
    }
    /// True where a wide access belongs to this one register, even if other chips own the ports behind it.
    virtual bool takes_wide(u16 /*offset*/) const { return false; }
};

/// A chip's registers or memory in physical address space. `size` is 1, 2, 4 or 8 and the access stays in one page.
class MmioHandler {
public:
    virtual ~MmioHandler() = default;
    virtual u64 read(u64 offset, unsigned size) = 0;
    virtual void write(u64 offset, unsigned size, u64 value) = 0;
};

class IoBus {
public:
    explicit IoBus(Log& log) : log_(log), table_(0x10000, 0) { ranges_.resize(1); }

    /// Fixed ports. Two fixed ranges that overlap are a wiring bug and stop the program.
    /// A handler that does not claim every offset of its range (e.g. 0x3F0-0x3F7 without 0x3F6) is mapped twice.
    void map(u16 base, u16 count, PortHandler& handler, std::string name) {
        map(base, count, handler, std::move(name), 0);
    }
    /// The same, where the first port is the chip's offset `first_offset`.
    void map(u16 base, u16 count, PortHandler& handler, std::string name, u16 first_offset);

    /// A range that the guest can move (a PCI BAR). Never covers fixed ports; the first mapping wins among BARs.
    /// Mapping an owner again replaces its range; count 0 takes it away.
    void map_bar(const void* owner, u16 base, u16 count, PortHandler& handler, std::string name);

    u32 read(u16 port, unsigned size);
    void write(u16 port, unsigned size, u32 value);

    struct Range {
        u16 base = 0;
        u16 count = 0;
        u16 first_offset = 0;
        PortHandler* handler = nullptr;
        const void* owner = nullptr; // a BAR's; nullptr for fixed ports
        std::string name;
    };
    const std::vector<Range>& ranges() const { return ranges_; }

private:
    /// Wide accesses, and ports that nobody claims.
    u32 read_other(u16 port, unsigned size);
    void write_other(u16 port, unsigned size, u32 value);
    void rebuild_bars();
    void report_unclaimed(u16 port, const char* direction);

    Log& log_;
    std::vector<u16> table_;    // port -> index into ranges_; 0 is nobody
    std::vector<Range> ranges_; // [0] is unused
    std::array<u64, 1024> reported_{};
};

} // namespace r86
