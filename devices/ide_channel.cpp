#include "devices/ide_channel.h"
#include "core/error.h"

namespace r86 {

namespace {

// Device Control register, ATA/ATAPI-6 7.8.
constexpr u8 kNIEN = 0x02, kSRST = 0x04, kHOB = 0x80;
/// What a port reads when no drive pulls the bus: ATA/ATAPI-6 table 5 gives the host's DD7 a pull-down, so that BSY is
/// clear on an empty cable and nobody waits for it.
constexpr u8 kFloating = 0x7F;
constexpr u16 kFloatingData = 0xFF7F;

} // namespace

IdeChannel::IdeChannel() = default;

void IdeChannel::attach(unsigned slot, std::unique_ptr<IdeDrive> drive) {
    R86_ASSERT(slot < 2 && !drives_[slot]);
    drive->connect([this] { update_irq(); }, engine_);
    drives_[slot] = std::move(drive);
    drives_[slot]->power_on();
}

void IdeChannel::connect_dma(IdeDmaEngine* engine, std::function<void(bool)> interrupt_seen) {
    R86_ASSERT(!drives_[0] && !drives_[1]);
    engine_ = engine;
    interrupt_seen_ = std::move(interrupt_seen);
}

void IdeChannel::dma_started() {
    if (selected()) selected()->dma_started();
}

void IdeChannel::update_irq() {
    IdeDrive* drive = selected();
    // A drive that is not selected, or whose nIEN is set, leaves INTRQ in high impedance (7.8, 5.2.7).
    const bool level = drive && drive->intrq() && !(state_.device_control & kNIEN);
    if (level == irq_.level()) return;
    // The bus master notes the edge first: a handler that runs at once must find its status bit.
    if (interrupt_seen_) interrupt_seen_(level);
    irq_.set(level);
}

u8 IdeChannel::alternate_status() {
    if (IdeDrive* drive = selected()) return (state_.device_control & kSRST) ? IdeDrive::BSY : drive->status();
    // 9.16.1: device 0 answers for an absent device 1 with Status 00h. Nobody answers for an absent device 0.
    return state_.selected == 1 && drives_[0] ? 0x00 : kFloating;
}

u8 IdeChannel::read(u16 offset) {
    IdeDrive* drive = selected();
    if (offset == IdeDrive::Data) return drive ? static_cast<u8>(drive->read_data(1)) : kFloating;
    if (offset == IdeDrive::Status) {
        const u8 value = alternate_status();
        if (drive) drive->clear_intrq();
        return value;
    }
    if (!drive && state_.selected == 1) {
        // 9.16.1: device 0 shows its own registers for an absent device 1. A packet device keeps them to itself:
        // firmware that looks for the signature alone (the Bochs BIOS) would find it twice and wait a minute for a
        // second CD drive.
        drive = drives_[0].get();
        if (drive && drive->is_packet_device() && offset != IdeDrive::DeviceHead) return 0;
    }
    return drive ? drive->read(static_cast<u8>(offset), (state_.device_control & kHOB) != 0) : kFloating;
}

void IdeChannel::write(u16 offset, u8 value) {
    if (offset == IdeDrive::Data) {
        if (selected()) selected()->write_data(value, 1);
        return;
    }
    state_.device_control &= static_cast<u8>(~kHOB); // 7.8: a write to any Command Block register clears HOB
    if (state_.device_control & kSRST) return;
    if (offset == IdeDrive::Status) {
        write_command(value);
        return;
    }
    for (auto& drive : drives_) {
        if (drive) drive->write(static_cast<u8>(offset), value);
    }
    if (offset == IdeDrive::DeviceHead) {
        state_.selected = (value & IdeDrive::DEV) ? 1 : 0;
        update_irq();
    }
}

void IdeChannel::write_command(u8 command) {
    constexpr u8 kExecuteDeviceDiagnostic = 0x90;
    if (command != kExecuteDeviceDiagnostic) {
        if (selected()) selected()->write_command(command);
        return;
    }
    // 8.11: both drives carry it out whatever DEV says; device 0 reports, selected, with an interrupt.
    for (auto& drive : drives_) {
        if (drive) drive->finish_diagnostic();
    }
    state_.selected = 0;
    if (drives_[0]) drives_[0]->raise_diagnostic_interrupt();
    update_irq();
}

void IdeChannel::write_device_control(u8 value) {
    const bool reset_ends = (state_.device_control & kSRST) && !(value & kSRST);
    state_.device_control = value & (kHOB | kSRST | kNIEN);
    // 9.2: the drives are busy while SRST is set; the result is there as soon as it is cleared.
    if (reset_ends) {
        for (auto& drive : drives_) {
            if (drive) drive->software_reset();
        }
        state_.selected = 0;
    }
    update_irq();
}

void IdeChannel::reset(ResetKind) {
    state_ = State{};
    for (auto& drive : drives_) {
        if (drive) drive->power_on();
    }
    update_irq();
}

void IdeChannel::visit(StateVisitor& visitor) {
    auto& [selected_drive, device_control] = state_;
    visitor.field("selected", selected_drive);
    visitor.field("device_control", device_control);
    selected_drive &= 1;
    visitor.field("irq", irq_);
    for (unsigned slot = 0; slot < drives_.size(); ++slot) {
        if (drives_[slot]) visitor.field("drive[" + std::to_string(slot) + "]", *drives_[slot]);
    }
}

// The data register is 16 bits wide; hosts read it in pairs with 32-bit accesses. All else is 8 bits wide, and a wide
// access reaches the following registers.

u16 IdeChannel::CommandBlock::read16(u16 offset) {
    if (offset != IdeDrive::Data) return PortHandler::read16(offset);
    IdeDrive* drive = channel_.selected();
    return drive ? static_cast<u16>(drive->read_data(2)) : kFloatingData;
}

u32 IdeChannel::CommandBlock::read32(u16 offset) {
    if (offset != IdeDrive::Data) return PortHandler::read32(offset);
    IdeDrive* drive = channel_.selected();
    return drive ? drive->read_data(4) : u32{kFloatingData} << 16 | kFloatingData;
}

void IdeChannel::CommandBlock::write16(u16 offset, u16 value) {
    if (offset != IdeDrive::Data)
        PortHandler::write16(offset, value);
    else if (channel_.selected())
        channel_.selected()->write_data(value, 2);
}

void IdeChannel::CommandBlock::write32(u16 offset, u32 value) {
    if (offset != IdeDrive::Data)
        PortHandler::write32(offset, value);
    else if (channel_.selected())
        channel_.selected()->write_data(value, 4);
}

} // namespace r86
