#pragma once
/// The threaded interpreter: runs decoded blocks, and single instructions where a block would be too coarse.
#include "cpu/block/block_cache.h"
#include "cpu/block/builder.h"
#include "cpu/cpu.h"
#include "cpu/decoder/decoder.h"
#include <memory>

namespace r86 {

// The mode bits that depend on one segment register.
inline constexpr std::array<u32, kSegments> kFlatBits = {kModeFlatEs, kModeFlatCs, kModeFlatSs, kModeFlatDs, 0, 0};
inline constexpr std::array<u32, kSegments> kWideBits = {0, kModeCode32, kModeStack32, 0, 0, 0};
inline constexpr std::array<u32, kSegments> kSegmentBits = {
    kModeFlatEs, kModeFlatCs | kModeCode32, kModeFlatSs | kModeStack32, kModeFlatDs, 0, 0};

/// Settings that never change a result; tests vary them.
struct InterpreterSettings {
    unsigned max_block = 32; ///< instructions in a block; 0: every instruction alone, by its semantics and nothing else
    bool chain = true;       ///< follow links and the jump cache instead of asking the dispatcher
    usize cache_bytes = usize{12} << 20;
};

class Interpreter {
public:
    explicit Interpreter(Cpu& cpu, const InterpreterSettings& settings = {});
    ~Interpreter();

    RunStop run(Tick until);
    void set_settings(const InterpreterSettings& settings);
    const InterpreterSettings& settings() const { return settings_; }

    /// CPL, segments or paging changed: recompute the mode and what is derived from it.
    void mode_changed();
    void segment_changed(Seg seg);
    void mxcsr_changed();
    /// The mode without the bits in `mask`, with `bits`; the address space is the same.
    void replace_mode_bits(u32 mask, u32 bits) {
        RunState& run = cpu_.run_state;
        const u32 mode = (mode_ & ~mask) | bits;
        if (mode == mode_) return;
        run.space ^= mode_ ^ mode;
        run.leave = true;
        mode_ = mode;
    }
    /// A linear address may lead to other code now; a running block is left after its current operation.
    void code_space_changed();
    /// Before bytes that were decoded change.
    void code_write(PhysAddr address, unsigned length);
    void mapping_changed(PhysAddr first, PhysAddr last);
    void drop_blocks();
    /// Addresses whose instructions the watcher wants to be asked about; drops decoded blocks if they change.
    void set_breakpoints(std::vector<u64> linear_addresses);
    void forget_passed_breakpoint() { passed_ = kNever; }

    // ---- for the handlers' cold paths -----------------------------------------------------------------------------
    /// The block at s.rip in the current mode, decoded if need be; nullptr if it must be run as a single instruction
    /// (fetch fault, limit, nothing to decode).
    Block* find_block();
    /// The decoded instruction of an operation of the running block; valid until the next call.
    const Insn& insn_at(const Block& block, const OpPlace& place);
    BlockCache& cache() { return cache_; }
    /// BlockCache::revive, and the decoded instructions follow.
    bool revive(Block* block);
    void remember_jump(u64 linear, Block* block);
    u32 mode() const { return mode_; }
    /// Might a breakpoint stand there, under some linear address? Blocks end before it, nothing is linked to it.
    bool may_break_at(u64 physical) const {
        const u64 in_page = physical & kPageMask;
        return !breakpoints_.empty() && ((breakpoint_offsets_[in_page / 64] >> (in_page % 64)) & 1);
    }
    /// One instruction through its generic form, whatever the budget; counts its tick.
    void step_one();
    /// Carries out one decoded instruction: s.rip stands on it. Counts ticks for it and for a fault's delivery.
    void execute(const Insn& insn);

private:
    void leave_if_dead();
    void decode_in(const Block& block, unsigned offset, Insn& out);
    void decode_all(const Block& block, Insn* out);
    u32 compute_mode() const;
    void compute_segment_end(unsigned seg);
    /// Takes what is pending at this boundary; true if something was delivered.
    bool take_event();
    void pass_pause(Tick until);
    bool must_step() const;
    /// Fetches and decodes at s.rip with all checks; false if a fault was raised instead.
    bool fetch(Insn& insn);
    Block* build(u64 physical, u64 offset);
    bool breakpoint_at(u64 linear) const;
    /// Asks the watcher about a breakpoint at this boundary; true: stop.
    bool stop_at_breakpoint();

    Cpu& cpu_;
    InterpreterSettings settings_;
    Decoder decoder_;
    BlockCache cache_;
    std::unique_ptr<JumpEntry[]> jumps_;
    u32 mode_ = 0;
    u64 generation_seen_ = 0;
    std::vector<u64> breakpoints_; // ascending
    std::array<u64, kPageSize / 64> breakpoint_offsets_{};
    Tick passed_ = kNever; // where a breakpoint was reported: the next run goes on from there
    Insn scratch_insn_;
    std::array<Insn, kMaxBlockInstructions> decoded_; ///< of the block that is being built
};

} // namespace r86
