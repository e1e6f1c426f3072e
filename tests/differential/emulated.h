#pragma once
/// The same programs in the emulator: a bare processor in protected mode with paging, whose linear addresses and local
/// descriptors are those of the host's process.
#include "cpu/cpu.h"
#include "cpu/interpreter/interpreter.h"
#include "tests/differential/outcome.h"
#include "tests/differential/program.h"
#include <functional>

namespace r86::differential {

class Emulated {
public:
    explicit Emulated(const InterpreterSettings& settings = {}, u32 drop_every = 0);

    /// `executed` gets the number of instructions (ticks).
    Outcome run(const Program& program, const Layout& layout, const std::vector<u8>& memory, u64* executed = nullptr);

    /// Called after every instruction of later runs, which go one by one; `completed` is false for one that faulted.
    using Observer = std::function<void(u32 linear, const Insn&, bool completed)>;
    void observe(Observer observer) { observer_ = std::move(observer); }

private:
    void build_tables();
    void load(const Registers& registers);
    void load_segment(unsigned seg, u16 selector);
    FloatState floats() const;
    PhysAddr physical(u32 linear) const;
    /// The instruction at CS:EIP as memory holds it; false: none of the program's.
    bool instruction_here(Insn& insn);
    void poke32(u32 at, u32 value) { memory_.write(PhysAddr{at}, 4, value); }
    void poke64(u32 at, u64 value) { memory_.write(PhysAddr{at}, 8, value); }

    Log log_;
    PhysicalMemory memory_;
    IoBus io_;
    VirtualClock clock_;
    CpuModel model_;
    Cpu cpu_;
    Observer observer_;
    u32 drop_every_; ///< ticks between dropping blocks and translations; 0: never
};

} // namespace r86::differential
