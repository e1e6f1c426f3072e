#pragma once
/// The processor's public face for the board, and what semantic functions use.
///
/// A semantic function carries out one instruction: `Fault exec::adc(Cpu&, const Insn&)`. When it is called
/// `s.rip` is the offset of the instruction itself and `s.next_rip` that of the following one; a branch replaces
/// `s.next_rip`. It returns a Fault *before* anything is committed (registers, memory, flags), because the instruction
/// will be restarted. After it returns nothing, s.rip becomes s.next_rip (cut to the code size) and the tick advances.
/// REP string instructions do one iteration per call and set s.next_rip = s.rip while more are left.
#include "core/address.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/log.h"
#include "core/memory.h"
#include "cpu/block/op.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "cpu/mmu/tlb.h"
#include "cpu/model.h"
#include "cpu/state.h"
#include "cpu/watcher.h"
#include <functional>
#include <memory>

namespace r86 {

class Mmu;
class Interpreter;

/// Why an event is delivered; decides the saved EIP, error code rules and privilege checks (SDM Vol. 3, 6.12).
enum class EventKind : u8 {
    External, ///< INTR: EXT = 1, no DPL check
    Nmi,
    Exception,    ///< fault, trap or abort raised by the processor: EXT = 1 in nested error codes
    Software,     ///< INT n: gate DPL is checked, VME redirection applies
    SoftwareTrap, ///< INT3, INTO: gate DPL is checked, no redirection
    Icebp,        ///< F1: no DPL check
};

/// Why Cpu::run came back.
enum class RunStop : u8 {
    Target,     ///< exactly at the tick that was asked for
    Request,    ///< request_exit() was called: the board must look at events and pins
    Halted,     ///< HLT (or shutdown) and nothing to wake it at this tick
    Shutdown,   ///< triple fault
    Breakpoint, ///< the watcher wants to stop at one
};

/// One guess at where an indirect branch goes: by linear address, valid in one code space and mode.
struct JumpEntry {
    u64 linear = ~u64{0};
    u64 space = 0;
    Block* block = nullptr;
    u64 unused = 0;
};
inline constexpr usize kJumpCacheSize = 4096;

/// What a segment descriptor becomes when it is loaded: cpu/segmentation/descriptor_memo.h.
struct LoadedDescriptor {
    u64 raw = 0; ///< its eight bytes; zero is no segment
    u64 base = 0;
    u64 read_end = 0, write_end = 0; ///< as RunState::read_end
    u32 limit = 0;
    u16 attributes = 0;
    // The level for which it may be loaded without a write to its table; -1: for none.
    i8 data_level = -1;                         ///< ES, DS, FS, GS: CPL and RPL at most
    i8 stack_level = -1;                        ///< SS: CPL and RPL exactly
    i8 code_level = -1;                         ///< CS: DPL of a segment that is not conforming
    u32 flat_code = 0, flat_data = 0, wide = 0; ///< masks, for the bits of the mode
};
inline constexpr usize kDescriptorMemo = 32;

/// Transient state of the threaded interpreter, at fixed offsets behind CpuState.
struct RunState {
    Block* block = nullptr;                ///< the block that runs
    u64 space = 0;                         ///< code space and mode: what links across pages and jump entries hold in
    Tick limit = 0;                        ///< tick at which the budget is used up
    JumpEntry* jumps = nullptr;            ///< kJumpCacheSize entries
    std::array<u64, kSegments> read_end{}; ///< first offset that a plain read may not touch; 0: ask segment_check
    std::array<u64, kSegments> write_end{};
    bool leave = false; ///< a slow path wants the running block to be left after this operation
    /// The short ways of segment loads, privilege transitions and returns are open; off: semantics alone.
    bool short_ways = true;
    std::array<LoadedDescriptor, kDescriptorMemo> descriptors;
    // cpu/sse/host_float.h
    bool running = false;    ///< inside Cpu::run
    bool host_float = false; ///< the host's MXCSR is the guest's
    u32 host_mxcsr = 0;      ///< what it was before
    /// A store to a watched page runs as a copy of its operation through a TLB entry that exists only meanwhile.
    struct WatchedStore {
        Op ops[3]; ///< the operation, its immediate slot where it has one, and the one that takes the entry away
        const Op* next = nullptr; ///< where the block goes on
        TlbEntry* entry = nullptr;
        TlbEntry saved;
        // Decoded bytes that it goes to, and what they were: a store of what is there already changes no code.
        const u8* code = nullptr;
        std::array<u8, 16> before{};
        unsigned size = 0;
        PhysAddr at;
    } watched_store;
    // The form for compilers that promise no tail calls: what to run next.
    const Op* next_op = nullptr;
    i64 next_budget = 0;
    TlbTable* next_tlb = nullptr;
    u64 next_eip = 0;
    u64 next_scratch = 0;
};

/// The one list of the processor's state (cpu/state_visit.cpp). Lazy flags are visited in canonical form.
void visit_cpu_state(CpuState& state, StateVisitor& visitor);

/// Access kinds for paging, SDM Vol. 3, 4.6.
enum class Access : u8 { Read, Write, Execute };

class Cpu final {
public:
    // First, so that the registers lie within a signed byte of the pointer that every handler holds.
    CpuState s;
    /// What handlers use beside the architectural state: derived or transient, never saved.
    RunState run_state;

    Cpu(const CpuModel& model, PhysicalMemory& memory, IoBus& io, VirtualClock& clock, Log& log);
    ~Cpu();
    Cpu(const Cpu&) = delete;
    Cpu& operator=(const Cpu&) = delete;

    // ---- for the board ------------------------------------------------------------------------------------------
    void reset(ResetKind kind);
    /// INIT: as reset, but caches, FPU, SMBASE and MTRRs stay (SDM Vol. 3, table 9-1).
    void init();
    /// Runs until tick `until` at the latest and stops exactly there. Interrupt pins are sampled at each boundary.
    RunStop run(Tick until);
    /// Levels of the pins. Safe from any chip's handler while the processor is in the middle of an instruction.
    void set_intr(bool level);
    void set_nmi(bool level);
    void raise_smi();
    void set_a20(bool enabled);
    void set_ignne(bool level) { s.x87.ignne = level; }
    /// Leave run() at the next instruction boundary.
    void request_exit() { exit_requested_ = run_state.leave = true; }

    struct Hooks {
        std::function<u8()> acknowledge_interrupt; ///< INTA cycles: the vector
        std::function<void(bool)> smm_changed;     ///< SMIACT#: the board shows or hides SMRAM
        std::function<void(bool)> ferr;            ///< FERR#: IRQ 13
        std::function<void(u64)> apic_base;        ///< IA32_APIC_BASE changed: the local APIC moves, starts or stops
    } hooks;

    void visit(StateVisitor& visitor);
    /// After a load, or after anybody changed `s` from outside: rebuild every derived thing.
    void state_changed();
    /// The same where memory was written through PhysicalMemory: decoded blocks are still right and stay.
    void state_restored();
    /// Who looks on; nullptr: nobody. Arm pages and breakpoints besides.
    void set_watcher(CpuWatcher* watcher) { watcher_ = watcher; }
    CpuWatcher* watcher() const { return watcher_; }
    /// Pages got or lost kWatchDebug or kWatchRead.
    void watches_changed();

    // ---- surroundings -------------------------------------------------------------------------------------------
    const CpuModel& model;
    PhysicalMemory& memory;
    IoBus& io;
    VirtualClock& clock;
    Log& log;
    u64 page_fault_address = 0; ///< linear address of the last Fault::pf

    // ---- modes --------------------------------------------------------------------------------------------------
    bool protected_mode() const { return s.cr0 & kCR0_PE; }
    bool v86() const { return s.eflags & kVM; }
    /// Real-address or virtual-8086 mode: segments are selector x 16.
    bool real_or_v86() const { return !protected_mode() || v86(); }
    u8 cpl() const { return cpl_; }
    u8 iopl() const { return static_cast<u8>((s.eflags >> 12) & 3); }
    /// #AC comes with CR0.AM, EFLAGS.AC and CPL 3 only (SDM Vol. 3, 6.15 "Interrupt 17").
    bool alignment_checked() const { return cpl_ == 3 && (s.cr0 & kCR0_AM) && (s.eflags & kAC); }
    bool code32() const { return s.seg[CS].db(); }
    bool stack32() const { return s.seg[SS].db(); }
    u32 stack_mask() const { return stack32() ? 0xFFFFFFFFu : 0xFFFFu; }
    /// Recomputes CPL and everything that depends on CR0, CR4, EFER, EFLAGS, CS, SS, DS, ES, SMM or A20. Call after
    /// changing any of them (loading a segment register, far transfers, MOV CRn, POPF, IRET ...).
    /// CPL is SS.DPL in protected mode, 3 in virtual-8086 mode, 0 in real mode.
    void update_mode();
    /// The same after a change of MXCSR.
    void mxcsr_changed();
    /// The same after a load of one segment register, which is all that changed (CS at the same CPL).
    void segment_changed(Seg seg);
    /// The same after CS and SS were loaded for another level, with what is derived from them but the mode: its bits
    /// in `mask` become `bits`.
    void level_changed(u8 level, u32 mask, u32 bits);
    /// Real and virtual-8086 style load of the visible selector and base; in real mode limit and rights stay, in
    /// virtual-8086 mode they become 64 KiB read/write (SDM Vol. 3, 20.1.1, 20.2.1). Calls update_mode().
    void load_segment_real(Seg seg, u16 selector);

    // ---- EFLAGS -------------------------------------------------------------------------------------------------
    /// The whole canonical EFLAGS image (with RF and VM as they are).
    u32 eflags() const { return s.eflags | s.flags.get(); }
    /// Writes the bits in `mask`; bit 1 stays one, bits 3, 5, 15 and 22-31 stay zero. Calls update_mode() if needed.
    void set_eflags(u32 value, u32 mask);

    // ---- memory by segment:offset, at CPL, with all checks (limit, rights, #AC, paging, data breakpoints) ----------
    template <class T>
    Fault read(unsigned seg, u64 offset, T& out);
    template <class T>
    Fault write(unsigned seg, u64 offset, T value);
    /// The first half of a read-modify-write: faults as the write would.
    template <class T>
    Fault read_for_write(unsigned seg, u64 offset, T& out);
    /// Any length (FXSAVE, FSAVE, 10-byte operands). Nothing is written if any byte would fault.
    Fault read_bytes(unsigned seg, u64 offset, void* out, unsigned length);
    Fault write_bytes(unsigned seg, u64 offset, const void* in, unsigned length);
    /// Would a write of this operand (1, 2, 4 or 8 bytes) fault? If not, a following write of it cannot.
    Fault probe_write(unsigned seg, u64 offset, unsigned length);
    Fault probe_read(unsigned seg, u64 offset, unsigned length);

    // ---- memory by linear address ---------------------------------------------------------------------------------
    /// `user` false: supervisor access whatever CPL is (descriptor tables, TSS, inner stacks).
    template <class T>
    Fault read_linear(LinearAddr address, T& out, bool user);
    template <class T>
    Fault write_linear(LinearAddr address, T value, bool user);
    Fault probe_linear(LinearAddr address, unsigned length, Access access, bool user);
    /// The quick half of a probe for writing: true if the range goes through one hot TLB entry.
    bool write_is_plain(u64 linear, unsigned length, bool user) const;
    /// Walks without side effects, for debuggers: false where nothing is mapped.
    bool translate_for_debugger(LinearAddr address, PhysAddr& out) const;

    /// Segment limit and rights check alone; `out` is base + offset cut to 32 bits outside long mode. `length` >= 1.
    Fault segment_check(unsigned seg, u64 offset, unsigned length, Access access, LinearAddr& out);
    /// The quick half of it: true if the range is inside the plain part of the segment. `out` as above.
    bool plain_range(unsigned seg, u64 offset, unsigned length, bool write, LinearAddr& out) const;

    // ---- operands ---------------------------------------------------------------------------------------------------
    /// Offset of the memory operand, wrapped to the address size.
    u64 effective_address(const Insn& insn) const;
    template <class T>
    T gpr(unsigned reg) const;
    /// Zero-extends 32-bit writes (the upper half is unused outside long mode).
    template <class T>
    void set_gpr(unsigned reg, T value);
    /// Byte registers: 4-7 are AH CH DH BH unless a REX prefix was there.
    u8 gpr8(const Insn& insn, unsigned reg) const;
    void set_gpr8(const Insn& insn, unsigned reg, u8 value);
    /// Register or memory operand n of the instruction as a T (u8, u16, u32, u64), immediates included.
    template <class T>
    Fault load(const Insn& insn, unsigned n, T& out);
    template <class T>
    Fault load_for_write(const Insn& insn, unsigned n, T& out);
    template <class T>
    Fault store(const Insn& insn, unsigned n, T value);

    // ---- stack
    // --------------------------------------------------------------------------------------------------------
    /// Width of T; SP or ESP by SS.B. Nothing changes on a fault.
    template <class T>
    Fault push(T value);
    template <class T>
    Fault pop(T& out);
    u32 stack_pointer() const { return static_cast<u32>(s.gpr[RSP]) & stack_mask(); }
    void set_stack_pointer(u32 value) {
        if (stack32())
            s.gpr[RSP] = value;
        else
            s.gpr[RSP] = (s.gpr[RSP] & ~u64{0xFFFF}) | (value & 0xFFFF);
    }

    // ---- control flow
    // ---------------------------------------------------------------------------------------------------
    /// Near branch: #GP(0) if `offset` is outside CS, else s.next_rip. Cuts to 16 bits when operand_size is 2.
    Fault branch_near(u64 offset, u8 operand_size);
    /// Delivers an event through IVT/IDT/task gate with s.rip (faults, external) or s.next_rip (Software, SoftwareTrap,
    /// Icebp) as the return offset; on success s.next_rip and s.rip are the handler's. Defined in cpu/interrupts.
    Fault deliver(u8 vector, EventKind kind, bool has_error = false, u32 error = 0);
    /// A fault of an instruction or of a delivery: pairs faults to #DF and shutdown (SDM Vol. 3, table 6-5). Never
    /// fails; after a triple fault s.shutdown is set. Defined in cpu/interrupts.
    void raise(Fault fault);
    void enter_smm();
    Fault leave_smm(); ///< RSM

    // ---- ports
    // ------------------------------------------------------------------------------------------------------------
    /// #GP(0) unless IOPL or the TSS's I/O permission bitmap allow it. Defined in cpu/interrupts.
    Fault check_io_permission(u16 port, unsigned size);
    /// After the permission check: device sees the exact tick; I/O breakpoints are noted.
    u32 port_read(u16 port, unsigned size);
    void port_write(u16 port, unsigned size, u32 value);

    // ---- system
    // -------------------------------------------------------------------------------------------------------------
    /// Values with all side effects (paging mode, PDPTEs, TLB); #GP(0) for illegal ones.
    Fault write_cr0(u32 value);
    Fault write_cr3(u64 value);
    Fault write_cr4(u32 value);
    Fault read_msr(u32 index, u64& value);
    Fault write_msr(u32 index, u64 value);
    void write_dr(unsigned n, u32 value);
    /// Architectural flush points (MOV CR3, INVLPG, CR4 changes). Translations never outlive the tables they came
    /// from, so these only matter for the choice of the address space.
    void flush_translations();
    void invalidate_page(LinearAddr address);
    u64 time_stamp_counter() const;

    Mmu& mmu() { return *mmu_; }
    Interpreter& interpreter() { return *interpreter_; }
    bool exit_requested() const { return exit_requested_; }

    // ---- the slow half of memory accesses (cpu/access.cpp) ----------------------------------------------------------
    /// TLB miss, page crossing, MMIO, watched pages, alignment checks, data breakpoints. `size` is 1, 2, 4 or 8.
    Fault read_slow(u64 linear, unsigned size, u64& out, bool user);
    Fault write_slow(u64 linear, unsigned size, u64 value, bool user);
    Fault read_for_write_slow(u64 linear, unsigned size, u64& out);
    /// Data breakpoints and alignment, common to all of them.
    Fault check_access(u64 linear, unsigned size, bool write, bool user);
    /// Limits, rights, alignment and pages of an operand of read_bytes or write_bytes.
    Fault probe_bytes(unsigned seg, u64 offset, unsigned length, Access access);
    Fault translate_range(u64 linear, unsigned length, Access access, bool user, PhysAddr out[2]);
    /// Breakpoints that the running instruction hit: #DB behind it.
    void note_debug_trap(u32 hits);
    u64 physical_read(PhysAddr address, unsigned size);
    void physical_write(PhysAddr address, unsigned size, u64 value);

private:
    friend class Interpreter;
    friend class Mmu;

    std::unique_ptr<Mmu> mmu_;
    std::unique_ptr<Interpreter> interpreter_;
    std::unique_ptr<MemoryObserver> observer_;
    u8 cpl_ = 0;
    CpuWatcher* watcher_ = nullptr;
    volatile bool exit_requested_ = false;
};

} // namespace r86

#include "cpu/access.h" // the templates above
