#pragma once
/// The templates of cpu/cpu.h: memory by segment and by linear address, operands, stack. Included by cpu.h only.
#include "cpu/mmu/mmu.h"
#include <cstring>

namespace r86 {

namespace detail {
/// Host address of the access if the hot entry allows it, else nullptr.
template <class T>
inline u8* tlb_hit(const std::array<TlbEntry, kTlbSize>& entries, u64 linear) {
    const TlbEntry& entry = tlb_entry(entries, linear);
    if (entry.tag != tlb_page(linear + sizeof(T) - 1)) return nullptr;
    return reinterpret_cast<u8*>(static_cast<std::intptr_t>(static_cast<i64>(linear) + entry.addend));
}
} // namespace detail

inline bool Cpu::plain_range(unsigned seg, u64 offset, unsigned length, bool write, LinearAddr& out) const {
    out = {(s.seg[seg].base + offset) & 0xFFFFFFFF};
    return offset + length <= (write ? run_state.write_end[seg] : run_state.read_end[seg]);
}

/// Are the bytes inside the segment? SDM Vol. 3, 5.3. Beyond 4 GiB it leaves the answer to the implementation: Intel's
/// processors let accesses wrap in a segment that begins at 0 and refuse them in any other.
inline bool within_limit(const Segment& segment, u64 offset, u32 length) {
    const u64 last = offset + length - 1;
    if (segment.expand_down() && !segment.code()) {
        const u64 top = segment.db() ? 0xFFFFFFFF : 0xFFFF;
        return offset > segment.limit && last <= top;
    }
    return last <= segment.limit || (segment.limit == 0xFFFFFFFF && segment.base == 0);
}

inline Fault Cpu::segment_check(unsigned seg, u64 offset, unsigned length, Access access, LinearAddr& out) {
    const Segment& segment = s.seg[seg];
    out = {(segment.base + offset) & 0xFFFFFFFF};
    const auto refuse = [&] { return seg == SS ? Fault::ss(0) : Fault::gp(0); };
    if (!real_or_v86()) {
        if (segment.null) return refuse();
        if (access == Access::Write ? !segment.writable() : access == Access::Read && !segment.readable())
            return refuse();
    }
    if (!within_limit(segment, offset, length)) return refuse();
    return Fault::none();
}

template <class T>
Fault Cpu::read(unsigned seg, u64 offset, T& out) {
    LinearAddr linear;
    if (!plain_range(seg, offset, sizeof(T), false, linear))
        if (Fault fault = segment_check(seg, offset, sizeof(T), Access::Read, linear)) return fault;
    if (const u8* host = detail::tlb_hit<T>(mmu_->table->read, linear.value)) {
        std::memcpy(&out, host, sizeof(T));
        return Fault::none();
    }
    u64 wide = 0;
    Fault fault = read_slow(linear.value, sizeof(T), wide, cpl_ == 3);
    out = static_cast<T>(wide);
    return fault;
}

template <class T>
Fault Cpu::write(unsigned seg, u64 offset, T value) {
    LinearAddr linear;
    if (!plain_range(seg, offset, sizeof(T), true, linear))
        if (Fault fault = segment_check(seg, offset, sizeof(T), Access::Write, linear)) return fault;
    if (u8* host = detail::tlb_hit<T>(mmu_->table->write, linear.value)) {
        std::memcpy(host, &value, sizeof(T));
        return Fault::none();
    }
    return write_slow(linear.value, sizeof(T), value, cpl_ == 3);
}

template <class T>
Fault Cpu::read_for_write(unsigned seg, u64 offset, T& out) {
    LinearAddr linear;
    if (!plain_range(seg, offset, sizeof(T), true, linear))
        if (Fault fault = segment_check(seg, offset, sizeof(T), Access::Write, linear)) return fault;
    if (const u8* host = detail::tlb_hit<T>(mmu_->table->write, linear.value)) {
        std::memcpy(&out, host, sizeof(T));
        return Fault::none();
    }
    u64 wide = 0;
    Fault fault = read_for_write_slow(linear.value, sizeof(T), wide);
    out = static_cast<T>(wide);
    return fault;
}

inline bool Cpu::write_is_plain(u64 linear, unsigned length, bool user) const {
    const TlbTable* table = mmu_->table_for(user);
    return table && table->write[tlb_index(linear)].tag == tlb_page(linear + length - 1);
}

template <class T>
Fault Cpu::read_linear(LinearAddr address, T& out, bool user) {
    if (const TlbTable* table = mmu_->table_for(user)) {
        if (const u8* host = detail::tlb_hit<T>(table->read, address.value)) {
            std::memcpy(&out, host, sizeof(T));
            return Fault::none();
        }
    }
    u64 wide = 0;
    Fault fault = read_slow(address.value, sizeof(T), wide, user);
    out = static_cast<T>(wide);
    return fault;
}

template <class T>
Fault Cpu::write_linear(LinearAddr address, T value, bool user) {
    if (TlbTable* table = mmu_->table_for(user)) {
        if (u8* host = detail::tlb_hit<T>(table->write, address.value)) {
            std::memcpy(host, &value, sizeof(T));
            return Fault::none();
        }
    }
    return write_slow(address.value, sizeof(T), value, user);
}

template <class T>
T Cpu::gpr(unsigned reg) const {
    return static_cast<T>(s.gpr[reg]);
}

template <class T>
void Cpu::set_gpr(unsigned reg, T value) {
    if constexpr (sizeof(T) == 2)
        s.gpr[reg] = (s.gpr[reg] & ~u64{0xFFFF}) | value;
    else
        s.gpr[reg] = value;
}

inline u8 Cpu::gpr8(const Insn& insn, unsigned reg) const {
    if (insn.rex || reg < 4) return static_cast<u8>(s.gpr[reg]);
    return static_cast<u8>(s.gpr[reg - 4] >> 8);
}

inline void Cpu::set_gpr8(const Insn& insn, unsigned reg, u8 value) {
    if (insn.rex || reg < 4)
        s.gpr[reg] = (s.gpr[reg] & ~u64{0xFF}) | value;
    else
        s.gpr[reg - 4] = (s.gpr[reg - 4] & ~u64{0xFF00}) | u64{value} << 8;
}

inline u64 Cpu::effective_address(const Insn& insn) const {
    const MemOperand& m = insn.mem;
    u64 offset = static_cast<u64>(m.disp);
    if (m.base != kNoReg) offset += s.gpr[m.base];
    if (m.index != kNoReg) offset += s.gpr[m.index] << m.scale;
    if (m.rip) offset += s.next_rip;
    if (insn.address_size == 4) return offset & 0xFFFFFFFF;
    return insn.address_size == 2 ? offset & 0xFFFF : offset;
}

template <class T>
Fault Cpu::load(const Insn& insn, unsigned n, T& out) {
    const Operand& operand = insn.op[n];
    switch (operand.kind) {
    case OperandKind::Gpr:
        if constexpr (sizeof(T) == 1)
            out = gpr8(insn, operand.reg);
        else
            out = gpr<T>(operand.reg);
        return Fault::none();
    case OperandKind::Mem: return read<T>(insn.mem.seg, effective_address(insn), out);
    case OperandKind::Imm2: out = static_cast<T>(insn.imm2); return Fault::none();
    default: out = static_cast<T>(insn.imm); return Fault::none();
    }
}

template <class T>
Fault Cpu::load_for_write(const Insn& insn, unsigned n, T& out) {
    if (insn.op[n].kind == OperandKind::Mem) return read_for_write<T>(insn.mem.seg, effective_address(insn), out);
    return load<T>(insn, n, out);
}

template <class T>
Fault Cpu::store(const Insn& insn, unsigned n, T value) {
    const Operand& operand = insn.op[n];
    if (operand.kind == OperandKind::Mem) return write<T>(insn.mem.seg, effective_address(insn), value);
    if constexpr (sizeof(T) == 1)
        set_gpr8(insn, operand.reg, value);
    else
        set_gpr<T>(operand.reg, value);
    return Fault::none();
}

template <class T>
Fault Cpu::push(T value) {
    const u32 sp = (stack_pointer() - sizeof(T)) & stack_mask();
    if (Fault fault = write<T>(SS, sp, value)) return fault;
    set_stack_pointer(sp);
    return Fault::none();
}

template <class T>
Fault Cpu::pop(T& out) {
    const u32 sp = stack_pointer();
    if (Fault fault = read<T>(SS, sp, out)) return fault;
    set_stack_pointer(sp + static_cast<u32>(sizeof(T)));
    return Fault::none();
}

} // namespace r86
