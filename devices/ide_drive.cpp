#include "devices/ide_drive.h"
#include <algorithm>

namespace r86 {

namespace {

/// Between the host starting the bus master and the first burst.
constexpr u64 kDmaStartNs = 1'000;

} // namespace

IdeDrive::IdeDrive(EventQueue& queue, const std::string& name, Log& log)
    : log_(log), name_(name), timer_(queue, name, [this](u64) { time_up(); }) {}

void IdeDrive::connect(std::function<void()> intrq_changed, IdeDmaEngine* engine) {
    intrq_changed_ = std::move(intrq_changed);
    engine_ = engine;
}

void IdeDrive::reset_registers() {
    timer_.cancel();
    drop_buffer();
    state_ = State{};
    state_.error = 0x01; // diagnostic code: device 0 passed, device 1 passed or not present (ATA/ATAPI-6 table 26)
    set_signature();
    if (intrq_changed_) intrq_changed_();
}

void IdeDrive::power_on() {
    on_reset(true);
    reset_registers();
}

void IdeDrive::software_reset() {
    on_reset(false);
    reset_registers();
}

void IdeDrive::finish_diagnostic() { reset_registers(); }

u8 IdeDrive::read(u8 reg, bool hob) const {
    switch (reg) {
    case Error: return state_.error;
    case Count: return state_.count[hob];
    case LbaLow: return state_.lba_low[hob];
    case LbaMid: return state_.lba_mid[hob];
    case LbaHigh: return state_.lba_high[hob];
    case DeviceHead: return state_.device | 0xA0; // bits 7 and 5 read as one on drives of the time
    case Status: return state_.status;
    default: return 0xFF;
    }
}

void IdeDrive::clear_intrq() {
    if (!state_.intrq) return;
    state_.intrq = false;
    if (intrq_changed_) intrq_changed_();
}

void IdeDrive::raise_intrq() {
    state_.intrq = true;
    if (intrq_changed_) intrq_changed_();
}

void IdeDrive::write(u8 reg, u8 value) {
    const auto push = [value](u8(&pair)[2]) {
        pair[1] = pair[0];
        pair[0] = value;
    };
    // ATA/ATAPI-6 7.2: while BSY is set, writes to these registers have no effect; the Device register selects.
    if ((state_.status & BSY) && reg != DeviceHead) return;
    switch (reg) {
    case Error: push(state_.feature); break;
    case Count: push(state_.count); break;
    case LbaLow: push(state_.lba_low); break;
    case LbaMid: push(state_.lba_mid); break;
    case LbaHigh: push(state_.lba_high); break;
    case DeviceHead: state_.device = value; break;
    default: break;
    }
}

void IdeDrive::write_command(u8 command) {
    constexpr u8 kDeviceReset = 0x08;
    if ((state_.status & BSY) && command != kDeviceReset) return;
    clear_intrq();
    timer_.cancel(); // a command written in the middle of a transfer ends it
    drop_buffer();
    state_.phase = Phase::Idle;
    state_.dma_waiting = false;
    state_.command = command;
    state_.error = 0;
    state_.status = DRDY | DSC;
    if (log_.enabled(LogCategory::Disk))
        log_.write(LogCategory::Disk, "%s: command %02X feature %02X count %02X lba %02X:%02X:%02X device %02X",
                   name_.c_str(), command, state_.feature[0], state_.count[0], state_.lba_high[0], state_.lba_mid[0],
                   state_.lba_low[0], state_.device);
    on_command(command);
}

void IdeDrive::begin_busy(u64 latency_ns) {
    state_.phase = Phase::Busy;
    state_.status = BSY | DSC;
    timer_.arm_after(latency_ns);
}

void IdeDrive::present_data(bool interrupt) {
    state_.phase = Phase::PioIn;
    state_.position = 0;
    state_.status = DRDY | DSC | DRQ;
    if (interrupt) raise_intrq();
}

void IdeDrive::request_data(usize bytes, bool interrupt) {
    buffer_.assign(bytes, 0);
    state_.phase = Phase::PioOut;
    state_.position = 0;
    state_.status = DRDY | DSC | DRQ;
    if (interrupt) raise_intrq();
}

void IdeDrive::begin_dma_in(u64 latency_ns) {
    state_.phase = Phase::DmaIn;
    state_.position = 0;
    state_.dma_waiting = false;
    state_.status = BSY | DSC;
    timer_.arm_after(latency_ns);
}

void IdeDrive::begin_dma_out(usize bytes, u64 latency_ns) {
    buffer_.assign(bytes, 0);
    begin_dma_in(latency_ns);
    state_.phase = Phase::DmaOut;
}

void IdeDrive::finish() {
    state_.phase = Phase::Idle;
    state_.status = DRDY | DSC;
    drop_buffer();
    ++activity_;
    raise_intrq();
}

void IdeDrive::fail(u8 error) {
    state_.error = error;
    finish();
    state_.status |= ERR;
    if (log_.enabled(LogCategory::Disk))
        log_.write(LogCategory::Disk, "%s: command %02X ends with error %02X", name_.c_str(), state_.command, error);
}

u32 IdeDrive::read_data(unsigned size) {
    if (state_.phase != Phase::PioIn) return size == 4 ? 0xFFFFFFFFu : size == 2 ? 0xFFFFu : 0xFFu;
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        if (state_.position < buffer_.size()) value |= static_cast<u32>(buffer_[state_.position++]) << (8 * i);
    }
    if (state_.position >= buffer_.size()) finish_buffer();
    return value;
}

void IdeDrive::write_data(u32 value, unsigned size) {
    if (state_.phase != Phase::PioOut) return;
    for (unsigned i = 0; i < size && state_.position < buffer_.size(); ++i)
        buffer_[state_.position++] = static_cast<u8>(value >> (8 * i));
    if (state_.position >= buffer_.size()) finish_buffer();
}

void IdeDrive::finish_buffer() {
    state_.phase = Phase::Idle;
    state_.status = DRDY | DSC;
    ++activity_;
    buffer_done();
}

void IdeDrive::time_up() {
    if (state_.phase == Phase::Busy)
        step();
    else
        move_dma();
}

void IdeDrive::dma_started() {
    if (!state_.dma_waiting) return;
    state_.dma_waiting = false;
    timer_.arm_after(kDmaStartNs);
}

void IdeDrive::move_dma() {
    const bool to_memory = state_.phase == Phase::DmaIn;
    const std::span<u8> rest = std::span(buffer_).subspan(state_.position);
    if (engine_ && engine_->dma_ready(to_memory))
        state_.position += static_cast<u32>(to_memory ? engine_->dma_to_memory(rest) : engine_->dma_from_memory(rest));
    if (state_.position < buffer_.size()) {
        // The table ended early, or nobody started the engine: DMARQ stays up until the host gives more or resets.
        state_.dma_waiting = true;
        state_.status = DRDY | DSC | DRQ;
        return;
    }
    finish_buffer();
}

void IdeDrive::visit(StateVisitor& visitor) {
    auto& [feature, count, lba_low, lba_mid, lba_high, device, status, error, command, phase, intrq, dma_waiting,
           position] = state_;
    visitor.bytes("features", feature);
    visitor.bytes("sector_count", count);
    visitor.bytes("lba_low", lba_low);
    visitor.bytes("lba_mid", lba_mid);
    visitor.bytes("lba_high", lba_high);
    visitor.field("device", device);
    visitor.field("status", status);
    visitor.field("error", error);
    visitor.field("command", command);
    visitor.field("phase", phase);
    visitor.field("intrq", intrq);
    visitor.field("dma_waiting", dma_waiting);
    visitor.field("position", position);
    visitor.blob("buffer", buffer_, kLargestBuffer);
    if (visitor.loading()) { // a damaged state must not lead outside the buffer
        if (phase > Phase::DmaOut) phase = Phase::Idle;
        position = static_cast<u32>(std::min<usize>(position, buffer_.size()));
    }
    visit_drive(visitor);
}

} // namespace r86
