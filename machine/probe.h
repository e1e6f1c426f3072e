#pragma once
/// What a search through history or a debugger waits for: breakpoints, accesses, ports, deliveries, mode changes.
///
/// A match is named by the tick of the boundary before the instruction (or delivery) that makes it, so at that position
/// CS:EIP stands on the culprit. What a chip does at a tick (DMA, for example) has happened when one stands there.
/// NOT IMPLEMENTED: watching linear addresses through changes of their mapping: they are translated once.
#include "cpu/cpu.h"
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
        u64 physical = 0;
        u64 length = 1;
        bool read = false;
        bool write = true;
    };
    struct What {
        std::vector<u64> breakpoints{}; ///< linear addresses of instructions
        std::vector<Range> ranges{};
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
        std::optional<usize> range; ///< which one
    };

    Probe(Machine& machine, What what);
    ~Probe() override;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    const What& what() const { return what_; }
    /// Nothing but writes to RAM: intervals in which its pages did not change need no look.
    bool only_writes() const;

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

private:
    enum class State : u8 { Rest, Collect, Stop };
    struct Modes {
        u64 cr3 = 0;
        u8 cpl = 0;
        const char* mode = "";
    };
    bool wants(bool access = false) const;
    void access(PhysAddr address, unsigned length, bool write);
    bool found(Hit hit);
    Modes modes() const;

    Machine& machine_;
    What what_;
    State state_ = State::Rest;
    Tick limit_ = 0;
    bool inclusive_ = false;
    std::optional<Hit> hit_;
    Modes last_;
};

} // namespace r86
