#pragma once
/// Physical address space: RAM, ROM, MMIO and what PAM and SMRAM registers do to them, a descriptor for each 4 KiB
/// page. Everyone who reads or writes guest memory (processor, DMA, loader, debugger) comes through here.
#include "core/address.h"
#include "core/bus.h"
#include "core/log.h"
#include "core/state_visitor.h"
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace r86 {

/// Why a write to a page must be noticed; while any bit is set, no fast path may write to the page unnoticed.
enum PageWatch : u8 {
    kWatchCode = 1,      ///< decoded blocks were made from it
    kWatchPageTable = 2, ///< translations were derived from it
    kWatchTouch = 4,     ///< not written since the last checkpoint
    kWatchDebug = 8,     ///< a debugger or a search wants to see writes
    kWatchRead = 16,     ///< the same for the processor's reads
};

struct Page {
    u8* read = nullptr;  ///< host address of the page's first byte for reads; nullptr: MMIO or nothing
    u8* write = nullptr; ///< the same for writes; nullptr: MMIO, ROM or nothing
    u16 read_region = 0; ///< MMIO region that answers reads when `read` is nullptr; 0: nobody
    u16 write_region = 0;
    u8 watch = 0;    ///< PageWatch bits; they belong to the host page behind `write`
    u8 tlb_hint = 0; ///< processor's note that a fast translation to this page may exist
};

/// The processor's interest in changes that it did not make itself, and the recorder's.
class MemoryObserver {
public:
    virtual ~MemoryObserver() = default;
    /// Before bytes of a watched page change. The range stays in one page.
    virtual void before_write(PhysAddr address, unsigned length) = 0;
    /// The meaning of physical addresses [first, last] changed (PAM, SMRAM, BARs): drop what was derived from them.
    virtual void mapping_changed(PhysAddr first, PhysAddr last) = 0;
};

class PhysicalMemory {
public:
    /// `ram_bytes`: a multiple of 4 KiB, at most kMaxRam. RAM above 3.5 GiB would appear above 4 GiB and is refused.
    PhysicalMemory(u64 ram_bytes, Log& log);
    ~PhysicalMemory();
    PhysicalMemory(const PhysicalMemory&) = delete;
    PhysicalMemory& operator=(const PhysicalMemory&) = delete;

    static constexpr u64 kMaxRam = u64{3584} << 20;
    static constexpr u64 kAddressSpace = u64{1} << 32; ///< beyond it nothing answers

    u64 ram_size() const { return ram_size_; }
    /// All of RAM by RAM offset, whatever the mapping says. Writing here bypasses every watch: for loading only.
    std::span<u8> ram() { return {ram_, ram_size_}; }

    enum class Target : u8 { Nothing, Ram, Rom, HostRam, Mmio };
    struct Mapping {
        Target target = Target::Nothing;
        u8* host =
            nullptr; ///< Rom, HostRam (a chip's own memory): the bytes at `first`; Ram: ignored (address = RAM offset)
        MmioHandler* handler = nullptr; ///< Mmio
        u64 handler_base = 0;           ///< Mmio: the handler's offset of `first`
    };
    /// Sets what reads and writes of whole pages [first, first + size) mean. PAM uses the two separately.
    void map(PhysAddr first, u64 size, const Mapping& read, const Mapping& write);
    void map(PhysAddr first, u64 size, const Mapping& both) { map(first, size, both, both); }
    /// As the board is at power-on without any BAR: RAM where there is RAM, nothing elsewhere.
    void map_default(PhysAddr first, u64 size);

    /// The bytes of [first, first + size) change by other means than a write: what was decoded from them is forgotten.
    void content_changed(PhysAddr first, u64 size);
    /// A page of registers inside the processor (the local APIC) that hides whatever stands at that address, also when
    /// that changes underneath. nullptr takes it away.
    void set_overlay(PhysAddr page, MmioHandler* handler);

    // What DMA and chips use. Addresses may run over page and region borders; what nobody claims reads as FFh.
    void read(PhysAddr address, std::span<u8> out);
    void write(PhysAddr address, std::span<const u8> in);
    /// size 1, 2, 4 or 8, little endian.
    u64 read(PhysAddr address, unsigned size);
    void write(PhysAddr address, unsigned size, u64 value);

    // What the processor uses.
    Page& page(PhysAddr address) { return pages_[address.value >> kPageShift]; }
    bool exists(PhysAddr address) const { return address.value < kAddressSpace; }
    void set_observer(MemoryObserver* observer) { observer_ = observer; }
    /// Adds watch bits to every page descriptor that writes to the same host page.
    void watch(PhysAddr address, u8 bits) { page(address).watch |= bits; }
    void unwatch(PhysAddr address, u8 bits) { page(address).watch &= static_cast<u8>(~bits); }

    // What checkpoints use. A page is RAM or a chip's own memory (HostRam), named by its host address.
    using TouchHook = std::function<void(const u8* host_page)>;
    /// Called before the first change of a page since it was marked clean. An empty hook ends the tracking.
    void track_writes(TouchHook hook);
    /// From here on the next write to the page is noticed. The processor's hot write entries must be dropped as well.
    void mark_clean(const u8* host_page);
    /// Somebody is about to write to the page; costs nothing unless it is clean.
    void touch(Page& page) {
        page.watch &= static_cast<u8>(~kWatchTouch);
        if (touch_hook_) touch_hook_(page.write);
    }
    /// Puts back a page as it was at another time, whatever the mapping says now; whoever derived something from it is
    /// told.
    void restore_page(u8* host_page, const u8* content);

private:
    void notice_write(PhysAddr address, unsigned length);
    /// The descriptor of the address at which a page is written; nullptr: a chip's memory that is not mapped.
    Page* page_of(const u8* host_page);
    /// Where pages of a chip's own memory appear.
    struct HostMapping {
        const u8* host = nullptr;
        u64 size = 0;
        u64 first = 0;
    };
    struct Region {
        MmioHandler* handler = nullptr;
        u64 base = 0; // physical address of handler offset handler_base
        u64 handler_base = 0;
    };
    u16 region_for(const Mapping& mapping, u64 first);
    u64 read_in_page(PhysAddr address, unsigned size);
    void write_in_page(PhysAddr address, unsigned size, u64 value);

    Log& log_;
    u64 ram_size_;
    u8* ram_ = nullptr;
    Page* pages_ = nullptr;
    std::vector<Region> regions_;
    bool overlaid_ = false;
    PhysAddr overlay_;
    Page under_overlay_; ///< the page as map() left it
    MemoryObserver* observer_ = nullptr;
    TouchHook touch_hook_;
    std::vector<HostMapping> host_mappings_;
};

} // namespace r86
