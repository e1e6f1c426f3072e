#pragma once
/// The bus master IDE function's I/O registers (BAR4 of the PIIX3/PIIX4 IDE function).
/// Documents: "Programming Interface for Bus Master IDE Controller", revision 1.0, Intel 1994; 82371AB (PIIX4) data
/// sheet, order 290562, chapter 5.2 "IDE Controller I/O Space Registers".
/// In a PC: 16 ports at BAR4, the primary channel's at 0, the secondary's at 8. PCI configuration space is the board's.
/// A table or region where nobody answers ends the engine with a master abort: Error is set, Active is clear, the drive
/// goes on asking. NOT IMPLEMENTED: nothing of the register interface; bursts take no bus time of their own (the
/// drive's latency is all).
#include "core/bus.h"
#include "core/device.h"
#include "core/memory.h"
#include "devices/ide_channel.h"
#include <array>
#include <functional>

namespace r86 {

class BusMasterIde final : public Device, public PortHandler {
public:
    explicit BusMasterIde(PhysicalMemory& memory);

    /// Before drives are attached to the channels.
    void connect(IdeChannel& primary, IdeChannel& secondary);
    /// PCI Command register bit 2: without it the engine moves nothing.
    void set_bus_master_enable(bool enable);
    /// Called at each master abort; the function's PCI Status register shows it.
    void on_master_abort(std::function<void()> hook) { master_abort_ = std::move(hook); }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;

private:
    class Engine final : public IdeDmaEngine {
    public:
        struct State {
            u8 command = 0;
            u8 status = 0;
            u32 table = 0;     // Descriptor Table Pointer
            u32 next = 0;      // address of the next descriptor
            u32 address = 0;   // of the current region
            u32 remaining = 0; // bytes of it
            bool last = false; // its descriptor had EOT
        };

        void attach(PhysicalMemory& memory, BusMasterIde& owner) {
            memory_ = &memory;
            owner_ = &owner;
        }
        bool dma_ready(bool to_memory) const override;
        usize dma_to_memory(std::span<const u8> data) override;
        usize dma_from_memory(std::span<u8> data) override;
        u8 read(u16 reg) const;
        /// True when the write started the engine.
        bool write(u16 reg, u8 value);
        void interrupt(bool level);
        void reset() { state_ = State{}; }
        void visit(StateVisitor& visitor);

    private:
        template <class Move>
        usize move(usize bytes, Move&& move_piece);
        bool fetch_descriptor();
        bool answered(u32 address);
        State state_;
        PhysicalMemory* memory_ = nullptr;
        BusMasterIde* owner_ = nullptr;
    };

    std::array<Engine, 2> engines_;
    std::array<IdeChannel*, 2> channels_{};
    bool enabled_ = true;
    std::function<void()> master_abort_;
};

} // namespace r86
