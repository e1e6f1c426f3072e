#pragma once
/// Video memory and the data path of the graphics controller between it and the processor (A0000h-BFFFFh).
/// The four planes stand interleaved: byte n of plane p is video memory byte 4n + p, so one 32-bit cell is what the
/// graphics controller latches, and packed VBE modes use the same bytes in order.
/// NOT IMPLEMENTED: the odd/even page bit of the Miscellaneous Output register (the BIOS never moves it).
#include "core/bus.h"
#include "core/state_visitor.h"
#include "devices/bochs_vbe.h"
#include "devices/vga_direct.h"
#include "devices/vga_registers.h"
#include <functional>
#include <span>

namespace r86 {

class VgaMemory final : public MmioHandler {
public:
    static constexpr u32 kBytes = u32{16} << 20;
    static constexpr u32 kPageBytes = 4096;

    VgaMemory(VgaRegisters& registers, const BochsVbe& vbe);
    ~VgaMemory() override;
    VgaMemory(const VgaMemory&) = delete;
    VgaMemory& operator=(const VgaMemory&) = delete;

    // The legacy window; offset 0 is A0000h.
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    /// The linear frame buffer while it may not be written directly (no VBE mode).
    MmioHandler& linear() { return linear_; }

    std::span<u8> bytes() {
        settle();
        return {vram_, kBytes};
    }
    std::span<const u8> bytes() const {
        settle();
        return {vram_, kBytes};
    }
    void clear(u32 count);
    /// What a read of the window would give, without an effect on the latches. For debuggers.
    u8 peek(u64 offset) const;

    /// Changes whenever a write through the window changed something; writes to the linear frame buffer are not seen.
    u64 generation() const {
        settle();
        return generation_;
    }

    // The window as host memory, see vga_direct.h. Nothing is lent in the middle of an instruction: the chip lends the
    // window at a vertical retrace and takes it back when a register write ends the form.
    VgaDirect::Piece direct() const { return direct_.piece(); }
    void on_direct_change(std::function<void()> hook) { direct_hook_ = std::move(hook); }
    /// After anything that the form depends on changed.
    void path_changed();
    void lend_if_busy();
    /// After a load: nothing is lent.
    void loaded();

    /// Called before the chip itself (not the linear frame buffer) changes a page of video memory for the first time
    /// since forget_touched(): whoever maps video memory as RAM pages has watches to serve.
    void on_first_touch(std::function<void(u32 vram_page)> hook) { first_touch_ = std::move(hook); }
    void forget_touched() { touched_.fill(0); }
    bool touched(u32 vram_page) const { return (touched_[vram_page / 64] >> (vram_page % 64)) & 1; }

    void visit(StateVisitor& visitor);

private:
    struct Linear final : MmioHandler {
        explicit Linear(VgaMemory& owner) : memory(owner) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        VgaMemory& memory;
    };
    struct Target {
        u32 cell;  ///< which group of four bytes
        u8 planes; ///< which of them the address selects, before the map mask
    };
    bool decode(u64 offset, u32& address) const;
    u32 cell_of(u32 plane_address) const;
    Target write_target(u32 address) const;
    u32 load(u32 cell) const;
    /// Brings video memory up to date with what is lent; nobody can see a difference.
    void settle() const;
    u8 byte_of(u32 address, u32& latches) const;
    u8 read_byte(u32 address);
    void write_general(u64 offset, unsigned size, u64 value);
    void write_lent(u64 offset, unsigned size, u64 value);
    u64 window_offset(VgaForm form) const;
    void write_byte(u32 address, u8 value);
    void store(Target target, u32 pixels);
    u32 through_data_path(u8 value) const;
    void touch(u32 byte) const;
    void touch_page(u32 page) const;

    VgaRegisters& registers_;
    const BochsVbe& vbe_;
    u8* vram_;
    mutable u64 generation_ = 0;
    mutable std::array<u64, kBytes / kPageBytes / 64> touched_{};
    std::function<void(u32)> first_touch_;
    Linear linear_{*this};
    VgaForm form_ = VgaForm::General; // follows from the registers
    mutable VgaDirect direct_;
    mutable bool settling_ = false;
    std::function<void()> direct_hook_;
    u32 accesses_ = 0; // in this form since the last vertical retrace
};

} // namespace r86
