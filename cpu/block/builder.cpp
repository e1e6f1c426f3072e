#include "cpu/block/builder.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/decoder/table.h"
#include "cpu/flags.h"
#include "cpu/interpreter/dispatch.h"
#include <algorithm>
#include <array>

namespace r86 {

AddressForm address_form(const Insn& insn, u32 mode) {
    if (insn.address_size == 2) return AddressForm::Segmented16;
    if (insn.address_size != 4) return AddressForm::Other;
    const auto form = [&](u32 flat) {
        if (!(mode & flat)) return AddressForm::Segmented32;
        return insn.mem.index == kNoReg ? AddressForm::FlatPlain : AddressForm::Flat;
    };
    switch (insn.mem.seg) {
    case DS: return form(kModeFlatDs);
    case ES: return form(kModeFlatEs);
    case SS: return form(kModeFlatSs);
    default: return AddressForm::Segmented32; // CS, FS and GS are rare: base and limit every time
    }
}

void set_factor(LowerContext& context, Op& op, const Insn& insn) {
    op.b = insn.mem.base == kNoReg ? kZeroReg : insn.mem.base;
    op.c = insn.mem.index == kNoReg ? kZeroReg : insn.mem.index;
    op.d = static_cast<u8>(1u << insn.mem.scale);
    op.disp = static_cast<i32>(insn.mem.disp);
    if (insn.disp_size && !context.in_access_run)
        context.out.field(op, context.end - insn.length + insn.disp_at, insn.disp_size);
}

void set_address(LowerContext& context, Op& op, const Insn& insn) {
    set_factor(context, op, insn);
    if (is_flat(address_form(insn, context.mode))) return;
    op.c |= static_cast<u8>(insn.mem.scale << 5);
    op.d = insn.mem.seg;
}

void set_immediate(LowerContext& context, Op& op, const Insn& insn) {
    const unsigned unused = 32 - 8 * insn.imm_size;
    op.imm = static_cast<i32>(static_cast<u32>(insn.imm) << unused) >> unused;
    context.out.field(op, context.end - insn.length + insn.imm_at, insn.imm_size);
}

void emit_immediate(LowerContext& context, const Insn& insn) {
    set_immediate(context, context.out.emit(nullptr), insn);
}

bool ends_decoded_block(const Insn& insn) {
    switch (insn.mnemonic) {
    case Mnemonic::in:
    case Mnemonic::out:
    case Mnemonic::cli:
    case Mnemonic::invlpg: // there is never anything to invalidate
    case Mnemonic::les:
    case Mnemonic::lds:
    case Mnemonic::lfs:
    case Mnemonic::lgs: return false;
    case Mnemonic::mov_sreg:
    case Mnemonic::pop_sreg: // a load of SS casts its shadow over the next boundary
        return insn.op[0].kind == OperandKind::Segment && insn.op[0].reg == SS;
    case Mnemonic::mov_cr: return insn.op[0].kind == OperandKind::Control;
    default: return ends_block(insn);
    }
}

namespace {

bool touches_memory(const Insn& insn) {
    for (unsigned i = 0; i < insn.operand_count; ++i)
        if (insn.op[i].kind == OperandKind::Mem) return true;
    return false;
}

/// May the instruction fault, or otherwise let anybody look at the flags before it is over?
bool may_leave(const Insn& insn, const OpcodeRow& what) {
    if (touches_memory(insn) && insn.mnemonic != Mnemonic::lea) return true;
    switch (insn.mnemonic) {
    case Mnemonic::add:
    case Mnemonic::or_:
    case Mnemonic::adc:
    case Mnemonic::sbb:
    case Mnemonic::and_:
    case Mnemonic::sub:
    case Mnemonic::xor_:
    case Mnemonic::cmp:
    case Mnemonic::test:
    case Mnemonic::inc:
    case Mnemonic::dec:
    case Mnemonic::neg:
    case Mnemonic::not_:
    case Mnemonic::mov:
    case Mnemonic::movzx:
    case Mnemonic::movsx:
    case Mnemonic::lea:
    case Mnemonic::shl:
    case Mnemonic::shr:
    case Mnemonic::sar:
    case Mnemonic::rol:
    case Mnemonic::ror:
    case Mnemonic::imul:
    case Mnemonic::mul:
    case Mnemonic::nop:
    case Mnemonic::cbw:
    case Mnemonic::cwd:
    case Mnemonic::bswap:
    case Mnemonic::setcc:
    case Mnemonic::cmovcc:
    case Mnemonic::xchg: return what.ends_block();
    default: return true;
    }
}

} // namespace

Block* build_block(BlockCache& cache, std::span<const Insn> insns, const u8* code, u64 physical, u32 mode) {
    const auto count = static_cast<unsigned>(insns.size());

    // Backward liveness of the status flags. At the end of the block, and wherever somebody might look, all are alive.
    std::array<bool, kMaxBlockInstructions> dead{};
    u32 live = kStatusFlags;
    for (unsigned i = count; i-- > 0;) {
        const OpcodeRow& what = row(insns[i].row);
        const u32 writes = what.flags_written | what.flags_undefined;
        dead[i] = writes != 0 && (live & writes) == 0;
        // Shifts by a count of zero leave the flags alone, so they never hide an earlier writer.
        const bool always_writes = !what.flags_conditional();
        if (always_writes) live &= ~writes;
        live |= what.flags_read & kStatusFlags;
        if (may_leave(insns[i], what)) live = kStatusFlags;
    }

    OpEmitter out;
    out.at(0, 0);
    if (!(mode & kModeFlatCs)) out.emit(check_code_limit);
    unsigned offset = 0;
    LowerContext context{out, mode, false, nullptr, 0, 0, physical, count};
    unsigned run_end = 0;
    for (unsigned i = 0; i < count;) {
        const Insn& insn = insns[i];
        out.at(static_cast<u8>(offset), static_cast<u8>(i));
        context.index = i;
        context.flags_dead = dead[i];
        context.next = i + 1 < count ? &insns[i + 1] : nullptr;
        context.end = offset + insn.length;
        context.next_end = context.next ? context.end + context.next->length : 0;
        context.fused = false;
        if (i >= run_end) {
            const unsigned accesses = lower_access_run(insns.subspan(i), context);
            context.in_access_run = accesses > 0;
            run_end = i + (accesses ? accesses : lower_stack_run(insns.subspan(i), context));
        }
        // Branches before arithmetic: they take the compare in front of them as well.
        if (!lower_move(insn, context) && !lower_branch(insn, context) && !lower_alu(insn, context) &&
            !lower_stack(insn, context) && !lower_shift(insn, context) && !lower_sse(insn, context) &&
            !lower_x87(insn, context) && !lower_segment(insn, context) && !lower_port(insn, context) &&
            !lower_time(insn, context) && !lower_bit(insn, context)) {
            const bool repeated = row(insn.row).is_string() && (insn.rep() || insn.repne());
            const Handler handler = ends_decoded_block(insn) ? run_semantic<true> : run_semantic<false>;
            if (repeated)
                out.emit(run_string);
            else
                out.semantic(handler, row(insn.row).semantic, context.end, &insn);
        }
        offset = context.end;
        ++i;
        if (context.fused) {
            offset = context.next_end;
            ++i;
        }
    }
    if (!ends_decoded_block(insns.back())) {
        context.end = offset;
        emit_fall_through(context);
    }

    Block* block = cache.allocate(out.count(), out.semantics().size(), out.fields(), offset);
    block->cost = count;
    block->instructions = static_cast<u8>(count);
    block->mode = mode;
    block->physical = physical;
    std::copy_n(out.ops(), out.count(), block->ops());
    std::copy_n(out.places(), out.count(), block->places);
    std::copy_n(code, offset, block->code());
    // Semantic operations refer to copies of their instructions that live as long as the block.
    Insn* copies = BlockCache::insns_behind(block);
    for (unsigned slot : out.semantics()) {
        auto* what = reinterpret_cast<SemanticOp*>(block->ops() + slot);
        *copies = *what->insn;
        what->insn = copies++;
    }
    return block;
}

} // namespace r86
