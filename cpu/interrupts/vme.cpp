#include "cpu/interrupts/vme.h"
#include "cpu/segmentation/segmentation.h"

namespace r86 {

namespace {

/// The interrupt redirection bitmap is the 32 bytes below the I/O permission bitmap (SDM Vol. 3, figure 20-5).
Fault redirection_bit(Cpu& cpu, u8 vector, bool& to_program) {
    const Segment& tr = cpu.s.tr;
    if (!(tr.type() & 8) || tr.limit < 0x67) return Fault::gp(0);
    u16 io_base = 0;
    if (Fault fault = read_system<u16>(cpu, tr.base + 0x66, io_base)) return fault;
    const u32 at = (io_base - 32u + vector / 8u) & 0xFFFF;
    if (at > tr.limit) return Fault::gp(0);
    u8 byte = 0;
    if (Fault fault = read_system<u8>(cpu, tr.base + at, byte)) return fault;
    to_program = !((byte >> (vector & 7)) & 1);
    return Fault::none();
}

/// As real mode would deliver it. With IOPL < 3 the image shows IOPL 3 and VIF in the place of IF, and VIF is cleared
/// instead of IF (SDM Vol. 3, 20.3.3.4, methods 5 and 6).
Fault deliver_to_program(Cpu& cpu, u8 vector, u32 return_offset) {
    CpuState& s = cpu.s;
    u32 entry = 0;
    if (Fault fault = cpu.read_linear<u32>({vector * 4u}, entry, true)) return fault;
    if (Fault fault = probe_pushes(cpu, s.seg[SS], cpu.stack_pointer(), 2, 3, true, Fault::ss(0))) return fault;
    u32 image = cpu.eflags();
    if (cpu.iopl() < 3) image = (image & ~kIF) | kIOPL | (s.eflags & kVIF ? kIF : 0);
    push_probed(cpu, 2, image);
    push_probed(cpu, 2, s.seg[CS].selector);
    push_probed(cpu, 2, return_offset);
    s.eflags &= ~(kTF | kRF | (cpu.iopl() == 3 ? kIF : kVIF));
    cpu.load_segment_real(CS, static_cast<u16>(entry >> 16));
    s.rip = s.next_rip = entry & 0xFFFF;
    return Fault::none();
}

} // namespace

Fault redirect_v86_interrupt(Cpu& cpu, u8 vector, u32 return_offset, bool& redirected) {
    redirected = false;
    if (cpu.s.cr4 & kCR4_VME) {
        bool to_program = false;
        if (Fault fault = redirection_bit(cpu, vector, to_program)) return fault;
        if (to_program) {
            redirected = true;
            return deliver_to_program(cpu, vector, return_offset);
        }
    }
    return cpu.iopl() < 3 ? Fault::gp(0) : Fault::none();
}

} // namespace r86
