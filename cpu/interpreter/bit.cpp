/// Hot handlers: 32-bit BT, registers and flat memory.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"

namespace r86 {

namespace {

/// CF is the bit, the other flags stay: exec::bt.
void test_bit(Cpu& cpu, u32 value, u32 index) { cpu.s.flags.set_cf(value >> (index & 31) & 1); }

template <class Index>
struct TestBit {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) { test_bit(cpu, RegB<u32>::get(cpu, op), Index::get(cpu, op)); }
};

/// Where the doubleword with the bit stands whose signed number is in a register (SDM Vol. 2, "Bit(BitBase,
/// BitOffset)").
template <class Base>
struct BitString {
    template <class T, bool write>
    static bool linear(const Cpu& cpu, const Op& op, u64& out) {
        Base::template linear<T, write>(cpu, op, out);
        out = static_cast<u32>(out) + static_cast<u32>(static_cast<i32>(RegA<u32>::get(cpu, op)) >> 5) * 4;
        out = static_cast<u32>(out);
        return true;
    }
};

template <class Addr, class Index, unsigned slots_>
struct TestBitInMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = slots_;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* host = locate<u32, Addr, false>(cpu, op, tlb, linear);
        if (!host) return false;
        test_bit(cpu, load_host<u32>(host), Index::get(cpu, op));
        return true;
    }
};

} // namespace

bool lower_bit(const Insn& insn, LowerContext& context) {
    if (insn.mnemonic != Mnemonic::bt || insn.op[0].width != 4) return false;
    const bool immediate = insn.op[1].kind == OperandKind::Imm;
    if (insn.op[0].kind == OperandKind::Gpr) {
        Op& op = context.out.emit(immediate ? &hot<TestBit<Immediate<u32>>> : &hot<TestBit<RegA<u32>>>);
        op.b = insn.op[0].reg;
        if (immediate)
            set_immediate(context, op, insn);
        else
            op.a = insn.op[1].reg;
        return true;
    }
    const AddressForm form = address_form(insn, context.mode);
    if (!is_flat(form)) return false;
    const bool plain = form == AddressForm::FlatPlain;
    if (immediate) {
        set_address(context,
                    context.out.emit(plain ? &hot<TestBitInMemory<FlatPlain, SlotImmediate<u32>, 2>>
                                           : &hot<TestBitInMemory<Flat, SlotImmediate<u32>, 2>>),
                    insn);
        emit_immediate(context, insn);
        return true;
    }
    Op& op = context.out.emit(plain ? &hot<TestBitInMemory<BitString<FlatPlain>, RegA<u32>, 1>>
                                    : &hot<TestBitInMemory<BitString<Flat>, RegA<u32>, 1>>);
    set_address(context, op, insn);
    op.a = insn.op[1].reg;
    return true;
}

} // namespace r86
