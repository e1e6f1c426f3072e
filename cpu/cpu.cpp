#include "cpu/cpu.h"
#include "cpu/interpreter/interpreter.h"
#include "cpu/interrupts/debug.h"
#include "cpu/mmu/mmu.h"
#include "cpu/sse/host_float.h"

namespace r86 {

namespace {

/// What memory tells the processor: somebody is about to change bytes that something was derived from.
class Observer final : public MemoryObserver {
public:
    explicit Observer(Cpu& cpu) : cpu_(cpu) {}
    void before_write(PhysAddr address, unsigned length) override {
        const u8 watch = cpu_.memory.page(address).watch;
        if (watch & kWatchPageTable) cpu_.mmu().page_table_write(address, length);
        if ((watch & kWatchDebug) && cpu_.watcher()) cpu_.watcher()->memory_write(address, length);
        if (watch & kWatchCode) cpu_.interpreter().code_write(address, length);
    }
    void mapping_changed(PhysAddr first, PhysAddr last) override {
        cpu_.mmu().mapping_changed(first, last);
        cpu_.interpreter().mapping_changed(first, last);
    }

private:
    Cpu& cpu_;
};

} // namespace

Cpu::Cpu(const CpuModel& model_, PhysicalMemory& memory_, IoBus& io_, VirtualClock& clock_, Log& log_)
    : model(model_), memory(memory_), io(io_), clock(clock_), log(log_), mmu_(std::make_unique<Mmu>(*this)),
      interpreter_(std::make_unique<Interpreter>(*this)), observer_(std::make_unique<Observer>(*this)) {
    memory.set_observer(observer_.get());
    reset(ResetKind::PowerOn);
}

Cpu::~Cpu() { memory.set_observer(nullptr); }

RunStop Cpu::run(Tick until) {
    const sse::HostFloatRun host_float(*this);
    return interpreter_->run(until);
}

void Cpu::update_mode() {
    cpl_ = !protected_mode() ? u8{0} : v86() ? u8{3} : s.seg[SS].dpl();
    mmu_->select();
    interpreter_->mode_changed();
    if (watcher_) watcher_->mode_changed();
}

void Cpu::segment_changed(Seg seg) {
    if (seg == SS && cpl_ != s.seg[SS].dpl() && protected_mode() && !v86())
        update_mode();
    else
        interpreter_->segment_changed(seg);
}

void Cpu::level_changed(u8 level, u32 mask, u32 bits) {
    const bool was_user = cpl_ == 3, user = level == 3;
    cpl_ = level;
    if (was_user != user) mmu_->select_privilege(user);
    interpreter_->replace_mode_bits(mask | kModeUser, bits | (user ? u32{kModeUser} : 0));
    if (watcher_) watcher_->mode_changed();
}

void Cpu::mxcsr_changed() {
    sse::host_float_replace(*this);
    interpreter_->mxcsr_changed();
}

void Cpu::state_changed() {
    interpreter_->drop_blocks();
    state_restored();
}

void Cpu::state_restored() {
    mmu_->flush_all();
    mmu_->breakpoints_changed();
    interpreter_->forget_passed_breakpoint();
    run_state.leave = true;
    update_mode();
}

void Cpu::watches_changed() {
    mmu_->flush_all();
    update_mode();
}

void Cpu::set_eflags(u32 value, u32 mask) {
    const u32 before = eflags();
    const u32 writable = kStatusFlags | kTF | kIF | kDF | kIOPL | kNT | kRF | kVM | kAC | kVIF | kVIP | kID;
    mask &= writable;
    const u32 after = (before & ~mask) | (value & mask);
    if (mask & kStatusFlags) s.flags.set(after);
    s.eflags = (after & ~kStatusFlags) | 2;
    if ((before ^ after) & (kVM | kAC)) update_mode();
}

Fault Cpu::branch_near(u64 offset, u8 operand_size) {
    offset &= operand_size == 2 ? 0xFFFF : 0xFFFFFFFF;
    if (offset > s.seg[CS].limit) return Fault::gp(0);
    s.next_rip = offset;
    return Fault::none();
}

void Cpu::set_intr(bool level) {
    if (s.intr == level) return;
    s.intr = level;
    if (level) request_exit();
}

void Cpu::set_nmi(bool level) {
    if (!level) return; // edge-triggered
    s.nmi_pending = true;
    request_exit();
}

void Cpu::raise_smi() {
    s.smi_pending = true;
    request_exit();
}

void Cpu::set_a20(bool enabled) {
    if (s.a20 == enabled) return;
    s.a20 = enabled;
    mmu_->select();
    interpreter_->mode_changed();
}

void Cpu::note_debug_trap(u32 hits) {
    if (!hits) return;
    s.debug_pending |= hits;
    run_state.leave = true;
}

u32 Cpu::port_read(u16 port, unsigned size) {
    clock.set_now(s.tick);
    if (s.dr[7] & 0xFF) note_debug_trap(match_io_breakpoints(s, port, size));
    const sse::HostFloatPause pause(*this);
    const u32 value = io.read(port, size);
    if (watcher_) watcher_->port_access(port, size, false, value);
    return value;
}

void Cpu::port_write(u16 port, unsigned size, u32 value) {
    clock.set_now(s.tick);
    if (s.dr[7] & 0xFF) note_debug_trap(match_io_breakpoints(s, port, size));
    const sse::HostFloatPause pause(*this);
    if (watcher_) watcher_->port_access(port, size, true, value);
    io.write(port, size, value);
}

void Cpu::flush_translations() {
    // Nothing stale can exist: see cpu/mmu/mmu.h.
    mmu_->select();
    interpreter_->code_space_changed();
    if (watcher_) watcher_->mode_changed();
}

void Cpu::invalidate_page(LinearAddr) {}

void Cpu::visit(StateVisitor& visitor) {
    visit_cpu_state(s, visitor);
    if (visitor.loading()) state_restored();
}

} // namespace r86
