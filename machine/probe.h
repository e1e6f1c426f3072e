#pragma once
/// What a search through history or a debugger waits for: breakpoints, accesses, ports, deliveries, mode changes.
///
/// A match is named by the tick of the boundary before the instruction (or delivery) that makes it, so at that position
/// CS:EIP stands on the culprit. What a chip does at a tick (DMA, for example) has happened when one stands there.
///
/// A linear range is watched in the address space that is current when the probe is made. Going forwards the watch
/// follows the entries of its page tables, so it stays with a page that is copied on write or comes later. A search
/// backwards asks for the bytes that stand there now: it finds who wrote them, wherever they were mapped then.
#include "cpu/cpu.h"
#include "cpu/mmu/table_walk.h"
#include "cpu/watcher.h"
#include <bitset>
#include <optional>
#include <string>
#include <vector>

namespace r86 {

class Machine;

class Probe final : public CpuWatcher {
public:
    struct Range {
        u64 address = 0;
        u64 length = 1;
        bool read = false;
        bool write = true;
    };
    struct What {
        std::vector<u64> breakpoints{}; ///< linear addresses of instructions
        std::vector<Range> ranges{};    ///< physical
        std::vector<Range> linear{};
        std::vector<u16> ports_read{};
        std::vector<u16> ports_written{};
        std::bitset<256> vectors{};
        bool cr3 = false;
        bool cpl = false;
        bool mode = false; ///< real, protected, virtual-8086
    };
    struct Hit {
        Tick tick = 0;
        std::string detail;
        bool breakpoint = false;
        std::optional<usize> range; ///< which one; linear ones count on behind the others
    };

    Probe(Machine& machine, What what);
    ~Probe() override;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    const What& what() const { return what_; }
    /// Nothing but writes to RAM: intervals in which its pages did not change need no look.
    bool only_writes() const;
    /// A physical range, or what stands behind one page of a linear range now.
    struct Piece {
        Range range;
        usize index = 0; ///< as in Hit::range
    };
    const std::vector<Piece>& pieces() const { return pieces_; }
    /// Whether all of each linear range is mapped now.
    bool all_mapped() const { return all_mapped_; }

    /// Keeps the last match before a tick.
    void collect_until(Tick before);
    /// Stops the machine at the first match after a tick; an access by the very instruction there counts as well.
    void stop_after(Tick after);
    /// The same, but what the very instruction there does to ports, and a delivery there, counts as well.
    void stop_from(Tick first);
    void rest() { state_ = State::Rest; }
    const std::optional<Hit>& hit() const { return hit_; }
    void forget() { hit_.reset(); }

    bool at_breakpoint(u64 linear) override;
    void memory_write(PhysAddr address, unsigned length) override;
    void memory_read(PhysAddr address, unsigned length) override;
    void port_access(u16 port, unsigned size, bool write, u32 value) override;
    void delivery(u8 vector, EventKind kind) override;
    void mode_changed() override;
    bool goes_on() override;

private:
    enum class State : u8 { Rest, Collect, Stop };
    struct Modes {
        u64 cr3 = 0;
        u8 cpl = 0;
        const char* mode = "";
    };
    void look_up();
    /// Calls f(page, PageWatch bits) for all that is to be watched now.
    template <class F>
    void for_watched_pages(F&& f) const;
    void watch_pages();
    void unwatch_pages();
    bool wants(bool access = false) const;
    void access(PhysAddr address, unsigned length, bool write);
    void table_write(PhysAddr address, unsigned length);
    void look_again();
    bool found(Hit hit);
    Modes modes() const;

    Machine& machine_;
    What what_;
    AddressSpace space_;
    std::vector<Piece> pieces_;
    std::vector<TableWalk> walks_; ///< of each page of each linear range
    bool all_mapped_ = true;
    bool stale_ = false; ///< a linear range may be elsewhere from the next boundary on
    State state_ = State::Rest;
    Tick limit_ = 0;
    bool inclusive_ = false;
    std::optional<Hit> hit_;
    Modes last_;
};

} // namespace r86
