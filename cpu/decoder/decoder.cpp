// Decoding proper: prefixes, opcode, ModRM, operands. SDM Vol. 2, chapter 2.
#include "cpu/decoder/decoder.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr unsigned kXchgSlot = 0x91; // 90 with REX.B is one of the XCHG forms

/// The bytes of one instruction. Reading past the end gives zeros and is noticed once, at the end.
class Bytes {
public:
    explicit Bytes(std::span<const u8> bytes)
        : data_(bytes.data()), size_(static_cast<unsigned>(std::min<usize>(bytes.size(), kMaxInstructionLength))) {}

    bool ended() const { return position_ > size_; }
    unsigned position() const { return position_; }

    u8 u8_() { return position_ < size_ ? data_[position_++] : (position_ = size_ + 1, u8{0}); }
    u64 zero_extended(unsigned count) {
        if (position_ + count > size_) {
            position_ = kMaxInstructionLength + 1;
            return 0;
        }
        u64 value = 0;
        for (unsigned i = 0; i < count; ++i) value |= u64{data_[position_ + i]} << (8 * i);
        position_ += count;
        return value;
    }
    i64 sign_extended(unsigned count) {
        const unsigned shift = 64 - 8 * count;
        return static_cast<i64>(zero_extended(count) << shift) >> shift;
    }

private:
    const u8* data_;
    unsigned size_;
    unsigned position_ = 0;
};

enum class PrefixKind : u8 { None, Segment, OperandSize, AddressSize, Lock, Repeat };
constexpr std::array<PrefixKind, 256> kPrefixKinds = [] {
    std::array<PrefixKind, 256> kinds{};
    for (const u8 byte : {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65}) kinds[byte] = PrefixKind::Segment;
    kinds[0x66] = PrefixKind::OperandSize;
    kinds[0x67] = PrefixKind::AddressSize;
    kinds[0xF0] = PrefixKind::Lock;
    kinds[0xF2] = kinds[0xF3] = PrefixKind::Repeat;
    return kinds;
}();

/// ES CS SS DS by bits 4-3 of 26, 2E, 36, 3E; FS and GS are 64 and 65.
constexpr u8 segment_of(u8 prefix) {
    return prefix >= 0x64 ? static_cast<u8>(FS + (prefix & 1)) : static_cast<u8>((prefix >> 3) & 3);
}

struct Context {
    Bytes bytes;
    Insn& insn;
    bool long_mode;
    u8 segment = kNoReg; ///< override
    bool is_memory = false;

    u8 rex_r() const { return static_cast<u8>((insn.rex & 4) << 1); }
    u8 rex_x() const { return static_cast<u8>((insn.rex & 2) << 2); }
    u8 rex_b() const { return static_cast<u8>((insn.rex & 1) << 3); }
    bool rex_w() const { return insn.rex & 8; }

    void displacement(unsigned size) {
        insn.disp_at = static_cast<u8>(bytes.position());
        insn.disp_size = static_cast<u8>(size);
        insn.mem.disp = bytes.sign_extended(size);
    }
};

/// SDM Vol. 2, table 2-1 "16-Bit Addressing Forms with the ModR/M Byte".
void address16(Context& c) {
    static constexpr u8 kBase[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static constexpr u8 kIndex[8] = {RSI, RDI, RSI, RDI, kNoReg, kNoReg, kNoReg, kNoReg};
    MemOperand& mem = c.insn.mem;
    const unsigned mod = c.insn.modrm_mod(), rm = c.insn.modrm_rm();
    if (mod == 0 && rm == 6) {
        c.displacement(2);
        return;
    }
    mem.base = kBase[rm];
    mem.index = kIndex[rm];
    if (mod == 1) c.displacement(1);
    if (mod == 2) c.displacement(2);
    if (mem.base == RBP && c.segment == kNoReg) mem.seg = SS;
}

/// Tables 2-2 and 2-3, and 2.2.1.6 "RIP-Relative Addressing".
void address32(Context& c) {
    MemOperand& mem = c.insn.mem;
    const unsigned mod = c.insn.modrm_mod(), rm = c.insn.modrm_rm();
    unsigned base = rm;
    if (rm == 4) {
        const u8 sib = c.bytes.u8_();
        base = sib & 7;
        const u8 index = static_cast<u8>(((sib >> 3) & 7) | c.rex_x());
        if (index != RSP) {
            mem.index = index;
            mem.scale = sib >> 6;
        }
    }
    if (mod == 0 && base == 5) {
        c.displacement(4);
        mem.rip = c.long_mode && rm == 5;
        return;
    }
    mem.base = static_cast<u8>(base | c.rex_b());
    if (mod == 1) c.displacement(1);
    if (mod == 2) c.displacement(4);
    if ((mem.base == RBP || mem.base == RSP) && c.segment == kNoReg) mem.seg = SS;
}

void read_address(Context& c) {
    c.is_memory = true;
    if (c.insn.address_size == 2)
        address16(c);
    else
        address32(c);
}

/// One operand letter. False: no such register (#UD).
bool read_operand(Context& c, OperandCode code, Operand& op) {
    using enum OperandCode;
    Insn& insn = c.insn;
    const u8 size = insn.operand_size;
    const auto z = static_cast<u8>(std::min<unsigned>(size, 4));
    const u8 y = c.rex_w() ? 8 : 4;
    const auto reg = static_cast<u8>(insn.modrm_reg() | c.rex_r());
    const auto rm = static_cast<u8>(insn.modrm_rm() | c.rex_b());
    const auto set = [&](OperandKind kind, u8 number, u8 width) {
        op = {kind, number, width};
        return true;
    };
    const auto register_or_memory = [&](OperandKind kind, u8 number, u8 width, u8 memory_width) {
        return c.is_memory ? set(OperandKind::Mem, 0, memory_width) : set(kind, number, width);
    };
    const auto general = [&](u8 width) { return register_or_memory(OperandKind::Gpr, rm, width, width); };
    const auto immediate = [&](u64 value, u8 width) {
        insn.imm = value;
        return set(OperandKind::Imm, 0, width);
    };
    const auto string = [&](u8 base, u8 width) {
        insn.mem.base = base;
        if (base == RDI) insn.mem.seg = ES; // no override: SDM Vol. 1, 7.3.9
        return set(OperandKind::Mem, 0, width);
    };
    const auto relative = [&](unsigned count) {
        insn.imm = static_cast<u64>(c.bytes.sign_extended(count));
        return set(OperandKind::Rel, 0, size);
    };
    const auto offset = [&](u8 width) {
        c.displacement(insn.address_size);
        return set(OperandKind::Mem, 0, width);
    };
    const auto mmx = [&](u8 width) { return register_or_memory(OperandKind::Mmx, insn.modrm_rm(), width, width); };
    const auto xmm = [&](u8 width) { return register_or_memory(OperandKind::Xmm, rm, width, width); };
    const auto memory = [&](unsigned width) { return set(OperandKind::Mem, 0, static_cast<u8>(width)); };

    switch (code) {
    case none:
    case kCount: return true;
    case Eb: return general(1);
    case Ew: return general(2);
    case Ed: return general(4);
    case Ev: return general(size);
    case Ey: return general(y);
    case Ez: return general(z);
    case RvMw: return register_or_memory(OperandKind::Gpr, rm, size, 2);
    case RdMw: return register_or_memory(OperandKind::Gpr, rm, 4, 2);
    case Gb: return set(OperandKind::Gpr, reg, 1);
    case Gw: return set(OperandKind::Gpr, reg, 2);
    case Gd: return set(OperandKind::Gpr, reg, 4);
    case Gv: return set(OperandKind::Gpr, reg, size);
    case Gy: return set(OperandKind::Gpr, reg, y);
    case Ry: return set(OperandKind::Gpr, rm, c.long_mode ? 8 : 4);
    case Zb: return set(OperandKind::Gpr, static_cast<u8>((insn.opcode & 7) | c.rex_b()), 1);
    case Zv: return set(OperandKind::Gpr, static_cast<u8>((insn.opcode & 7) | c.rex_b()), size);
    case AL: return set(OperandKind::Gpr, RAX, 1);
    case CL: return set(OperandKind::Gpr, RCX, 1);
    case DX: return set(OperandKind::Gpr, RDX, 2);
    case AX: return set(OperandKind::Gpr, RAX, 2);
    case rAX: return set(OperandKind::Gpr, RAX, size);
    case eAX: return set(OperandKind::Gpr, RAX, z);
    case rES: return set(OperandKind::Segment, ES, 2);
    case rCS: return set(OperandKind::Segment, CS, 2);
    case rSS: return set(OperandKind::Segment, SS, 2);
    case rDS: return set(OperandKind::Segment, DS, 2);
    case rFS: return set(OperandKind::Segment, FS, 2);
    case rGS: return set(OperandKind::Segment, GS, 2);
    case One: return immediate(1, 1);
    case Ib: return immediate(c.bytes.u8_(), 1);
    case sIb: return immediate(static_cast<u64>(c.bytes.sign_extended(1)), size);
    case Iw: return immediate(c.bytes.zero_extended(2), 2);
    case Ib2: insn.imm2 = c.bytes.u8_(); return set(OperandKind::Imm2, 0, 1);
    case Iz: return immediate(static_cast<u64>(c.bytes.sign_extended(z)), size);
    case Iv: return immediate(c.bytes.zero_extended(size), size);
    case Jb: return relative(1);
    case Jz: return relative(z);
    case Ap:
        insn.imm = c.bytes.zero_extended(z);
        insn.imm2 = c.bytes.zero_extended(2);
        return set(OperandKind::FarPtr, 0, size);
    case M: return memory(0);
    case Mb: return memory(1);
    case Mw: return memory(2);
    case Md: return memory(4);
    case Mq: return memory(8);
    case Mdq: return memory(16);
    case My: return memory(y);
    case Mv: return memory(size);
    case Mt: return memory(10);
    case Mp: return memory(size + 2u);
    case Ma: return memory(size * 2u);
    case Ms: return memory(c.long_mode ? 10 : 6);
    case Mqdq: return memory(c.rex_w() ? 16 : 8);
    case Ob: return offset(1);
    case Ov: return offset(size);
    // REX.R does not reach segment registers; 6 and 7 are none (SDM Vol. 2, MOV: #UD).
    case Sw: return set(OperandKind::Segment, insn.modrm_reg(), 2) && insn.modrm_reg() <= GS;
    // SDM Vol. 2, "MOV - Move to/from Control Registers": CR1, CR5-CR7 and CR9-CR15 are #UD.
    case Cd:
        return set(OperandKind::Control, reg, c.long_mode ? 8 : 4) && (reg == 0 || (reg >= 2 && reg <= 4) || reg == 8);
    case Dd: return set(OperandKind::Debug, reg, c.long_mode ? 8 : 4) && reg <= 7;
    case Td: return set(OperandKind::Test, reg, 4) && reg >= 3;
    case Xb: return string(RSI, 1);
    case Xv: return string(RSI, size);
    case Xz: return string(RSI, z);
    case Yb: return string(RDI, 1);
    case Yv: return string(RDI, size);
    case Yz: return string(RDI, z);
    case XlatB: return string(RBX, 1);
    case Pq: return set(OperandKind::Mmx, insn.modrm_reg(), 8);
    case Pd: return set(OperandKind::Mmx, insn.modrm_reg(), 4);
    case Qq: return mmx(8);
    case Qd: return mmx(4);
    case Nq: return set(OperandKind::Mmx, insn.modrm_rm(), 8);
    case Vdq: return set(OperandKind::Xmm, reg, 16);
    case Vq: return set(OperandKind::Xmm, reg, 8);
    case Vd: return set(OperandKind::Xmm, reg, 4);
    case Wdq: return xmm(16);
    case Wq: return xmm(8);
    case Wd: return xmm(4);
    case Ww: return xmm(2);
    case Udq: return set(OperandKind::Xmm, rm, 16);
    case Uq: return set(OperandKind::Xmm, rm, 8);
    case ST0: return set(OperandKind::X87, 0, 10);
    case STi: return set(OperandKind::X87, insn.modrm_rm(), 10);
    }
    return true;
}

/// What the table cannot say: LOCK wants a memory destination (SDM Vol. 2, LOCK), CS cannot be loaded by MOV.
bool legal(const OpcodeRow& what, const Insn& insn) {
    if (insn.lock() && !(what.lockable() && insn.op[0].kind == OperandKind::Mem)) return false;
    return !(what.mnemonic == Mnemonic::mov_sreg && insn.op[0].kind == OperandKind::Segment && insn.op[0].reg == CS);
}

} // namespace

Decoder::Decoder(const CpuModel& model) {
    const bool before_586 = ((model.signature >> 8) & 0xF) < 5;
    const auto rows = all_rows();
    for (u16 i = 1; i < rows.size(); ++i) {
        const OpcodeRow& what = rows[i];
        if (what.feature != Feature::Count && !model.has(what.feature)) continue;
        if (what.has(kBefore586) && !before_586) continue;
        if (!what.has(kOnly64)) place(i, false);
        if (!what.has(kInvalid64)) place(i, true);
    }
}

void Decoder::place(u16 index, bool long_mode) {
    const OpcodeRow& what = row(index);
    const OpcodeForm& form = what.form;
    const bool whole = !form.modrm || ((form.mod == OpcodeForm::Both || form.mod == OpcodeForm::Ignored) &&
                                       form.reg == OpcodeForm::kAny);
    for (unsigned column = 0; column < kColumns; ++column) {
        if (!(what.columns & (1u << column))) continue;
        for (unsigned n = 0; n < form.span; ++n) {
            const unsigned map = static_cast<unsigned>(what.map);
            u16& slot = slots_[long_mode][(map * kColumns + column) * 256 + what.opcode + n];
            if (whole) {
                slot = index;
                continue;
            }
            if (!slot) {
                slot = static_cast<u16>(kGroup | groups_.size());
                groups_.emplace_back();
            }
            auto& group = groups_[slot & ~kGroup];
            for (unsigned cell = 0; cell < kGroupSize; ++cell) {
                const bool is_register = cell >= 8;
                if (form.reg != OpcodeForm::kAny && form.reg != (cell & 7)) continue;
                if (is_register ? form.mod == OpcodeForm::Memory : form.mod == OpcodeForm::Register) continue;
                if (form.rm == OpcodeForm::kAny) {
                    group[cell] = index;
                    continue;
                }
                if (!group[cell]) {
                    group[cell] = static_cast<u16>(kByRm | by_rm_.size());
                    by_rm_.emplace_back();
                }
                by_rm_[group[cell] & ~kByRm][form.rm] = index;
            }
        }
    }
}

u16 Decoder::lookup(const Slots& slots, unsigned slot, u8 modrm) const {
    u16 index = slots[slot];
    if (index & kGroup) {
        index = groups_[index & ~kGroup][(modrm >= 0xC0 ? 8 : 0) + ((modrm >> 3) & 7)];
        if (index & kByRm) index = by_rm_[index & ~kByRm][modrm & 7];
    }
    return index;
}

DecodeResult Decoder::decode(std::span<const u8> input, CodeSize size, Insn& out) const {
    const bool long_mode = size == CodeSize::Bits64;
    out = Insn{};
    Context c{Bytes(input), out, long_mode};
    const auto too_short = [&] {
        return input.size() >= kMaxInstructionLength ? DecodeResult::TooLong : DecodeResult::NeedMoreBytes;
    };

    // Prefixes, SDM Vol. 2, 2.1.1. A REX prefix counts only directly before the opcode (2.2.1).
    u8 byte = c.bytes.u8_();
    unsigned column = 0;
    for (;; byte = c.bytes.u8_()) {
        if (long_mode && (byte & 0xF0) == 0x40) {
            out.rex = byte;
            continue;
        }
        const PrefixKind kind = kPrefixKinds[byte];
        if (kind == PrefixKind::None) break;
        out.rex = 0;
        switch (kind) {
        case PrefixKind::Segment:
            // 2.1.1: in 64-bit mode CS, DS, ES and SS overrides are ignored.
            if (!long_mode || byte >= 0x64) {
                c.segment = segment_of(byte);
                out.prefixes |= kPrefixSegment;
            }
            break;
        case PrefixKind::OperandSize: out.prefixes |= kPrefixOperandSize; break;
        case PrefixKind::AddressSize: out.prefixes |= kPrefixAddressSize; break;
        case PrefixKind::Lock: out.prefixes |= kPrefixLock; break;
        default:
            out.prefixes &= static_cast<u8>(~(kPrefixRep | kPrefixRepne));
            out.prefixes |= byte == 0xF3 ? kPrefixRep : kPrefixRepne;
            column = byte == 0xF3 ? 2 : 3;
        }
    }
    const bool has_66 = out.prefixes & kPrefixOperandSize;
    if (column == 0 && has_66) column = 1;

    // Opcode: SDM Vol. 2, A.2.4.
    auto map = OpcodeMap::OneByte;
    if (byte == 0x0F) {
        map = OpcodeMap::TwoByte;
        byte = c.bytes.u8_();
        if (byte == 0x38 || byte == 0x3A) {
            map = byte == 0x38 ? OpcodeMap::ThreeByte38 : OpcodeMap::ThreeByte3A;
            byte = c.bytes.u8_();
        }
    }
    if (c.bytes.ended()) return too_short();
    out.opcode = byte;

    const bool x67 = out.prefixes & kPrefixAddressSize;
    const u8 plain_size = size == CodeSize::Bits16 ? 2 : 4;
    out.operand_size = has_66 ? plain_size ^ 6 : plain_size;
    out.address_size = long_mode ? (x67 ? 4 : 8) : x67 ? plain_size ^ 6 : plain_size;
    if (c.rex_w()) out.operand_size = 8;
    if (c.segment != kNoReg) out.mem.seg = c.segment;

    unsigned slot = (static_cast<unsigned>(map) * kColumns + column) * 256 + byte;
    if (map == OpcodeMap::OneByte && byte == 0x90 && c.rex_b()) slot += kXchgSlot - 0x90;
    const Slots& slots = slots_[long_mode];
    u8 modrm = 0;
    bool have_modrm = (slots[slot] & kGroup) != 0;
    if (have_modrm) modrm = c.bytes.u8_();
    const u16 index = lookup(slots, slot, modrm);
    const OpcodeRow& what = row(index);
    if (!have_modrm && what.form.modrm) {
        have_modrm = true;
        modrm = c.bytes.u8_();
    }
    if (c.bytes.ended()) return too_short();
    if (have_modrm) out.modrm = modrm;

    const auto invalid = [&] {
        out.row = 0;
        out.mnemonic = Mnemonic::ud;
        out.operand_count = 0;
        out.op = {};
        out.length = static_cast<u8>(c.bytes.position());
        return DecodeResult::Invalid;
    };
    if (index == 0) return invalid();

    out.row = index;
    out.mnemonic = what.mnemonic;
    if (what.columns == kColumn66 && !c.rex_w()) out.operand_size = plain_size;
    if (long_mode && (what.attributes & (kDefault64 | kForce64)))
        out.operand_size = has_66 && !c.rex_w() && what.has(kDefault64) ? 2 : 8;
    if (have_modrm && modrm < 0xC0 && what.form.mod != OpcodeForm::Ignored) read_address(c);

    const unsigned behind_address = c.bytes.position();
    bool registers_exist = true;
    for (const OperandCode code : what.operands) {
        if (code == OperandCode::none) break;
        registers_exist &= read_operand(c, code, out.op[out.operand_count]);
        ++out.operand_count;
    }
    if (c.bytes.ended()) return too_short();
    if (!registers_exist || !legal(what, out)) return invalid();
    out.length = static_cast<u8>(c.bytes.position());
    out.imm_at = static_cast<u8>(std::max<unsigned>(behind_address, out.disp_at + out.disp_size));
    out.imm_size = static_cast<u8>(out.length - out.imm_at);
    return DecodeResult::Ok;
}

} // namespace r86
