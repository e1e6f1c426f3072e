#pragma once
/// The plain forms of the A0000h window, in which it is nothing but bytes in order: chain-4 (mode 13h) and colour text.
///
/// Video memory interleaves four planes, so not even these forms can be mapped as they stand. While a form is in
/// force the window may be lent out as a block of host memory that holds the bytes in the processor's order; the block
/// is then the truth, and is put back into the planes whenever anybody looks at them. All of this is a cache: whether
/// the window is lent changes nothing that a guest or a state can see. That is why reads in a plain form load no
/// latches in any case; no program can use latches without a register that ends the form, and reads behind that.
#include "devices/bochs_vbe.h"
#include "devices/vga_registers.h"
#include <functional>
#include <span>

namespace r86 {

enum class VgaForm : u8 {
    General, ///< the data path of the graphics controller takes part
    Chain4,  ///< window byte n: plane n mod 4 of cell n - n mod 4
    Text,    ///< window byte n: plane n mod 2 of cell n - n mod 2; planes 2 and 3 are the font's
    Packed,  ///< VBE modes of 8 bits and more: bytes of video memory behind the bank offset
};

/// What the registers make of the window.
VgaForm vga_form(const VgaRegisters& registers, const BochsVbe& vbe);

class VgaDirect {
public:
    static constexpr u32 kWindowBytes = 0x20000;
    struct Piece {
        u32 offset = 0; ///< from A0000h
        u32 size = 0;   ///< 0: nothing is lent
        u8* host = nullptr;
    };

    explicit VgaDirect(u8* vram);
    ~VgaDirect();
    VgaDirect(const VgaDirect&) = delete;
    VgaDirect& operator=(const VgaDirect&) = delete;

    bool lent() const { return form_ != VgaForm::General; }
    Piece piece() const;
    /// Lends the window: fills the block from video memory. `form` is Chain4 or Text.
    void lend(VgaForm form, u32 offset);
    /// Forgets the block without putting it back.
    void forget() { form_ = VgaForm::General; }
    /// Puts changes back; `touch` is called with the video memory byte before it changes. True if there were any.
    bool put_back(const std::function<void(u32 byte)>& touch);
    /// Where a byte of video memory stands while it is in the block; nullptr: in video memory itself.
    u8* shadow(u32 vram_byte);
    /// Changes a byte of video memory from outside of the window, wherever it stands.
    void write_through(u32 vram_byte, u8 value);
    /// The lent byte at this offset of the window; nullptr outside.
    u8* at(u64 offset);

private:
    u8* vram_;
    u8* window_;  // kWindowBytes, laid out as the window
    u8* settled_; // the same as of the last time it was put back
    VgaForm form_ = VgaForm::General;
    u32 offset_ = 0;
};

} // namespace r86
