#pragma once
/// One IDE channel: a cable with up to two drives, the Command Block and Control Block ports in front of it.
/// Standard: ATA/ATAPI-6 (T13/1410D), chapter 7 "Interface register definitions and descriptions", 9.16 "Device 0
/// only configurations". In a PC: 1F0h-1F7h, 3F6h, IRQ 14 and 170h-177h, 376h, IRQ 15.
/// NOT IMPLEMENTED: cable select (a slot is the drive's number); 3F7h, which belongs to the floppy controller.
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include "devices/ide_drive.h"
#include <array>
#include <memory>

namespace r86 {

class IdeChannel final : public Device {
public:
    IdeChannel();

    /// Slot 0 is the master. Wiring; drives stay for the machine's life (a CD drive changes media instead).
    void attach(unsigned slot, std::unique_ptr<IdeDrive> drive);
    IdeDrive* drive(unsigned slot) { return drives_[slot].get(); }
    /// The bus master half for this channel; call before attaching drives. `on_interrupt` of it follows INTRQ.
    void connect_dma(IdeDmaEngine* engine, std::function<void(bool level)> interrupt_seen);
    /// The bus master was started by the host.
    void dma_started();

    /// 8 ports; offset 0 is the data register and takes 16- and 32-bit accesses.
    PortHandler& command_block() { return command_block_; }
    /// 1 port: Alternate Status and Device Control.
    PortHandler& control_block() { return control_block_; }
    Line& irq() { return irq_; }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    class CommandBlock final : public PortHandler {
    public:
        explicit CommandBlock(IdeChannel& channel) : channel_(channel) {}
        u8 read8(u16 offset) override { return channel_.read(offset); }
        void write8(u16 offset, u8 value) override { channel_.write(offset, value); }
        u16 read16(u16 offset) override;
        void write16(u16 offset, u16 value) override;
        u32 read32(u16 offset) override;
        void write32(u16 offset, u32 value) override;

    private:
        IdeChannel& channel_;
    };
    class ControlBlock final : public PortHandler {
    public:
        explicit ControlBlock(IdeChannel& channel) : channel_(channel) {}
        u8 read8(u16 offset) override { return offset == 0 ? channel_.alternate_status() : u8{0xFF}; }
        void write8(u16 offset, u8 value) override {
            if (offset == 0) channel_.write_device_control(value);
        }

    private:
        IdeChannel& channel_;
    };

    IdeDrive* selected() { return drives_[state_.selected].get(); }
    u8 read(u16 offset);
    void write(u16 offset, u8 value);
    u8 alternate_status();
    void write_device_control(u8 value);
    void write_command(u8 command);
    void update_irq();

    struct State {
        u8 selected = 0;       // DEV bit of the last Device register write
        u8 device_control = 0; // HOB, SRST, nIEN
    };
    State state_;
    std::array<std::unique_ptr<IdeDrive>, 2> drives_;
    CommandBlock command_block_{*this};
    ControlBlock control_block_{*this};
    Line irq_;
    IdeDmaEngine* engine_ = nullptr;
    std::function<void(bool)> interrupt_seen_;
};

} // namespace r86
