#include "tests/differential/makers.h"
#include "cpu/decoder/decoder.h"
#include "cpu/flags.h"
#include <algorithm>

namespace r86::differential {

namespace {

/// Takes over the host's bytes in the image around `linear`.
bool copy_around(Faulted& f, u32 linear, u32 before, u32 behind) {
    bool changed = false;
    for (u32 at = linear - before; at != linear + behind; ++at) {
        const u32 offset = image_offset(at);
        if (offset >= kImageSize || f.ours.memory[offset] == f.host.memory[offset]) continue;
        f.ours.memory[offset] = f.host.memory[offset];
        changed = true;
    }
    return changed;
}

u32 segment_base(u16 selector) {
    return (selector & 4) && (selector >> 3) < kLocals ? kLocalDescriptors[selector >> 3].base : 0;
}

u32 stack_linear(const Faulted& f) {
    const Registers& r = f.host.registers;
    const bool small = (r.selector[SS] & 4) && !kLocalDescriptors[r.selector[SS] >> 3].big;
    return segment_base(r.selector[SS]) + (small ? r.gpr[RSP] & 0xFFFF : r.gpr[RSP]);
}

u32 operand_linear(const Faulted& f) {
    const Registers& r = f.host.registers;
    const MemOperand& mem = f.insn.mem;
    u32 offset = static_cast<u32>(mem.disp);
    if (mem.base != kNoReg) offset += r.gpr[mem.base];
    if (mem.index != kNoReg) offset += r.gpr[mem.index] << mem.scale;
    if (f.insn.address_size == 2) offset &= 0xFFFF;
    return segment_base(r.selector[mem.seg]) + offset;
}

const MakerDifference kDifferences[] = {
    {"pushes before a fault",
     "PUSHA, ENTER and CALL: what was pushed before the fault may be in memory; the instruction is restarted",
     [](Faulted& f) {
         const Mnemonic m = f.insn.mnemonic;
         if (m != Mnemonic::pusha && m != Mnemonic::enter && m != Mnemonic::call && m != Mnemonic::call_far)
             return false;
         return copy_around(f, stack_linear(f), 160, 0);
     }},
    {"long x87 stores before a fault",
     "80-bit stores, FNSAVE, FNSTENV, FXSAVE: the part before a page that faults may be in memory",
     [](Faulted& f) {
         const Mnemonic m = f.insn.mnemonic;
         if ((m == Mnemonic::fstp && f.insn.op[0].width == 10) || m == Mnemonic::fbstp)
             return copy_around(f, operand_linear(f), 0, 10);
         if (m != Mnemonic::fnsave && m != Mnemonic::fnstenv && m != Mnemonic::fxsave) return false;
         return copy_around(f, operand_linear(f), 0, 512);
     }},
    {"x87 state after a fault of an MMX store",
     "Intel processors go over to MMX (TOP = 0, all registers valid) before a store's address is checked",
     [](Faulted& f) {
         const Mnemonic m = f.insn.mnemonic;
         if (m != Mnemonic::movq && m != Mnemonic::movd && m != Mnemonic::movntq && m != Mnemonic::maskmovq)
             return false;
         FloatState& fp = f.ours.registers.fp;
         const u8 tag = f.host.registers.fp.tag;
         if ((tag != 0xFF && tag != fp.tag) || (f.host.registers.fp.status & 0x3800) != 0) return false;
         const unsigned top = (fp.status >> 11) & 7;
         FloatState out = fp;
         out.status = static_cast<u16>(fp.status & ~0x3800);
         out.tag = tag;
         for (unsigned i = 0; i < 8; ++i) out.st[(i + top) & 7] = fp.st[i];
         fp = out;
         return true;
     }},
    {"nested task in IA-32e mode",
     "IRET with NT is #GP(0) under a 64-bit kernel (SDM Vol. 3, 7.7) and a task switch otherwise",
     [](Faulted& f) {
         if (f.insn.mnemonic != Mnemonic::iret || !(f.host.registers.eflags & kNT) || f.host.vector != 13) return false;
         const std::vector<u8> memory = f.ours.memory;
         f.ours = f.host;
         f.ours.memory = memory;
         return true;
     }},
    {"stores that the kernel emulates",
     "SGDT, SIDT, SLDT, STR and SMSW under UMIP: Linux carries them out, and a fault of its store is never 'present'",
     [](Faulted& f) {
         static constexpr Mnemonic kEmulated[] = {Mnemonic::sgdt, Mnemonic::sidt, Mnemonic::sldt, Mnemonic::str_,
                                                  Mnemonic::smsw};
         if (std::find(std::begin(kEmulated), std::end(kEmulated), f.insn.mnemonic) == std::end(kEmulated))
             return false;
         if (f.host.vector != 14 || f.ours.vector != 14) return false;
         f.ours.error = f.host.error;
         return true;
     }},
    {"address of a masked store that faults",
     "MASKMOVQ and MASKMOVDQU over a page border: which of the two pages is reported",
     [](Faulted& f) {
         const Mnemonic m = f.insn.mnemonic;
         if ((m != Mnemonic::maskmovq && m != Mnemonic::maskmovdqu) || f.host.vector != 14) return false;
         f.ours.fault_address = f.host.fault_address;
         f.ours.error = f.host.error;
         return true;
     }},
};

} // namespace

std::span<const MakerDifference> maker_differences() { return kDifferences; }

std::string judge(const Program& program, const Layout& layout, const Outcome& host, const Outcome& ours,
                  bool undefined_flags, std::vector<usize>* applied, u32 more_undefined) {
    if (host.ending == Ending::Timeout || ours.ending == Ending::Timeout) return "";
    for (const Outcome* one : {&host, &ours})
        if (one->ending == Ending::Fault && one->vector == 14 && is_the_benches(one->fault_address)) return "";
    // A far return that found the exit's selector on the stack goes on in 64-bit code.
    if (host.ending == Ending::Fault && host.registers.selector[CS] == kExitSelector) return "";
    Mask mask;
    if (!undefined_flags) mask = mask_at(follow_flags(program, layout), program, layout, host);
    mask.flags |= more_undefined;
    std::string text = compare(host, ours, mask);
    if (text.empty() || host.ending != Ending::Fault || ours.ending != Ending::Fault) return text;
    // The code as it is now, at the very place: a wild jump may have gone into the middle of an instruction.
    static const CpuModel model = find_cpu_model("max");
    static const Decoder decoder(model);
    const u32 linear = host.registers.eip + (program.code16 || program.based_code ? kCode : 0);
    const u32 offset = image_offset(linear);
    if (linear - kCode >= 4 * kPage) return text;
    std::array<u8, 15> bytes{};
    std::copy_n(host.memory.begin() + offset, std::min<usize>(15, 4 * kPage - offset), bytes.begin());
    Insn insn;
    if (decoder.decode(bytes, program.code16 ? CodeSize::Bits16 : CodeSize::Bits32, insn) != DecodeResult::Ok)
        return text;
    Outcome adjusted = ours;
    Faulted faulted{insn, host, adjusted, mask};
    for (usize i = 0; i < std::size(kDifferences); ++i)
        if (kDifferences[i].adjust(faulted) && applied) applied->push_back(i);
    return compare(host, adjusted, mask);
}

} // namespace r86::differential
