#include "cpu/interpreter/string_bulk.h"
#include "cpu/alu.h"
#include "cpu/cpu.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/mmu/mmu.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

u64 address_mask(const Insn& insn) { return insn.address_size == 2 ? 0xFFFF : 0xFFFFFFFF; }

u64 count_of(const Cpu& cpu, const Insn& insn) { return cpu.s.gpr[RCX] & address_mask(insn); }

void set_masked(u64& reg, u64 value, u64 mask) { reg = mask == 0xFFFF ? (reg & ~mask) | (value & mask) : value & mask; }

/// A run of elements in one page, in the direction of DF, that plain memory accesses may touch.
struct Run {
    u8* host = nullptr; ///< the first element
    u64 elements = 0;   ///< including it
};

/// `reg` is SI or DI. Nothing is changed; without a hot TLB entry it is filled once.
Run find_run(Cpu& cpu, const Insn& insn, unsigned seg, u64 offset, unsigned width, bool write) {
    const u64 mask = address_mask(insn);
    const bool down = cpu.s.eflags & kDF;
    const u64 end = write ? cpu.run_state.write_end[seg] : cpu.run_state.read_end[seg];
    offset &= mask;
    if (offset + width > end) return {};
    const u64 linear = (cpu.s.seg[seg].base + offset) & 0xFFFFFFFF;
    const u64 in_page = linear & kPageMask;
    if (in_page + width > kPageSize) return {};
    const auto& entries = write ? cpu.mmu().table->write : cpu.mmu().table->read;
    const TlbEntry& entry = tlb_entry(entries, linear);
    if (entry.tag != (linear & ~kPageMask) && !cpu.mmu().fill(linear, write ? Access::Write : Access::Read)) return {};
    if (entry.tag != (linear & ~kPageMask)) return {};
    Run run;
    run.host = reinterpret_cast<u8*>(static_cast<std::intptr_t>(static_cast<i64>(linear) + entry.addend));
    if (down) {
        run.elements = std::min(in_page, offset) / width + 1;
    } else {
        // The offset must neither wrap at the address size nor run over the segment's end.
        const u64 to_wrap = mask + 1 - offset;
        const u64 to_end = end - offset;
        run.elements = std::min({kPageSize - in_page, to_wrap, to_end}) / width;
    }
    return run;
}

void advance(Cpu& cpu, const Insn& insn, unsigned reg, u64 elements, unsigned width) {
    const u64 bytes = elements * width;
    const u64 value = cpu.s.eflags & kDF ? cpu.s.gpr[reg] - bytes : cpu.s.gpr[reg] + bytes;
    set_masked(cpu.s.gpr[reg], value, address_mask(insn));
}

void use_up(Cpu& cpu, const Insn& insn, u64 elements) {
    set_masked(cpu.s.gpr[RCX], cpu.s.gpr[RCX] - elements, address_mask(insn));
}

template <class T>
T element(const u8* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

template <class T>
void copy(u8* to, const u8* from, u64 elements, bool down) {
    if (down) {
        for (u64 i = 0; i < elements; ++i) std::memcpy(to - i * sizeof(T), from - i * sizeof(T), sizeof(T));
        return;
    }
    const u64 bytes = elements * sizeof(T);
    // An overlap with the destination ahead of the source repeats a pattern: element by element, as the processor does.
    if (to > from && to < from + bytes) {
        if (sizeof(T) == 1 && to == from + 1) {
            std::memset(to, *from, bytes);
            return;
        }
        for (u64 i = 0; i < elements; ++i) {
            const T value = element<T>(from + i * sizeof(T));
            std::memcpy(to + i * sizeof(T), &value, sizeof(T));
        }
    } else {
        std::memmove(to, from, bytes);
    }
}

template <class T>
void fill(u8* to, T value, u64 elements, bool down) {
    if (down) to -= (elements - 1) * sizeof(T);
    const u64 bytes = elements * sizeof(T);
    const auto low = static_cast<u8>(value);
    if (value == static_cast<T>(low * (static_cast<T>(~T{0}) / 0xFF))) { // all bytes equal
        std::memset(to, low, bytes);
        return;
    }
    // What is there already is copied behind itself, so that the length doubles each time.
    std::memcpy(to, &value, sizeof(T));
    for (u64 done = sizeof(T); done < bytes; done *= 2) std::memcpy(to + done, to, std::min(done, bytes - done));
}

/// Elements at the start of `a` and `b` that are equal, at most `most`: eight bytes at a time.
template <class T>
u64 equal_elements(const u8* a, const u8* b, u64 most) {
    const u64 bytes = most * sizeof(T);
    u64 i = 0;
    while (i + 8 <= bytes && element<u64>(a + i) == element<u64>(b + i)) i += 8;
    while (i < bytes && element<T>(a + i) == element<T>(b + i)) i += sizeof(T);
    return i / sizeof(T);
}

/// Elements before the first one that equals `wanted`, at most `most`.
template <class T>
u64 unequal_elements(const u8* at, T wanted, u64 most) {
    if constexpr (sizeof(T) == 1) {
        const void* found = std::memchr(at, wanted, most);
        return found ? static_cast<u64>(static_cast<const u8*>(found) - at) : most;
    } else {
        u64 i = 0;
        while (i < most && element<T>(at + i * sizeof(T)) != wanted) ++i;
        return i;
    }
}

template <class T>
u64 bulk(Cpu& cpu, const Insn& insn, u64 limit) {
    constexpr unsigned width = sizeof(T);
    const bool down = cpu.s.eflags & kDF;
    const bool stop_on_equal = insn.repne();
    const auto step = [&](u64 i) {
        return down ? -static_cast<std::ptrdiff_t>(i * width) : static_cast<std::ptrdiff_t>(i * width);
    };
    switch (insn.mnemonic) {
    case Mnemonic::movs: {
        const Run to = find_run(cpu, insn, ES, cpu.s.gpr[RDI], width, true);
        const Run from = find_run(cpu, insn, insn.mem.seg, cpu.s.gpr[RSI], width, false);
        const u64 n = std::min({to.elements, from.elements, limit});
        if (n == 0) return 0;
        copy<T>(to.host, from.host, n, down);
        advance(cpu, insn, RSI, n, width);
        advance(cpu, insn, RDI, n, width);
        return n;
    }
    case Mnemonic::stos: {
        const Run to = find_run(cpu, insn, ES, cpu.s.gpr[RDI], width, true);
        const u64 n = std::min(to.elements, limit);
        if (n == 0) return 0;
        fill<T>(to.host, static_cast<T>(cpu.s.gpr[RAX]), n, down);
        advance(cpu, insn, RDI, n, width);
        return n;
    }
    case Mnemonic::lods: {
        const Run from = find_run(cpu, insn, insn.mem.seg, cpu.s.gpr[RSI], width, false);
        const u64 n = std::min(from.elements, limit);
        if (n == 0) return 0;
        const T last = element<T>(from.host + step(n - 1));
        if constexpr (width == 4)
            cpu.s.gpr[RAX] = last;
        else
            cpu.s.gpr[RAX] = (cpu.s.gpr[RAX] & ~u64{static_cast<T>(~T{0})}) | last;
        advance(cpu, insn, RSI, n, width);
        return n;
    }
    case Mnemonic::scas: {
        const Run to = find_run(cpu, insn, ES, cpu.s.gpr[RDI], width, false);
        const u64 most = std::min(to.elements, limit);
        if (most == 0) return 0;
        const T wanted = static_cast<T>(cpu.s.gpr[RAX]);
        u64 n = stop_on_equal && !down ? std::min(unequal_elements<T>(to.host, wanted, most), most - 1) : 0;
        T value{};
        do {
            value = element<T>(to.host + step(n));
            ++n;
        } while (n < most && (value == wanted) != stop_on_equal);
        cpu.s.flags = alu::sub<T>(wanted, value).flags;
        advance(cpu, insn, RDI, n, width);
        return n;
    }
    case Mnemonic::cmps: {
        const Run first = find_run(cpu, insn, insn.mem.seg, cpu.s.gpr[RSI], width, false);
        const Run second = find_run(cpu, insn, ES, cpu.s.gpr[RDI], width, false);
        const u64 most = std::min({first.elements, second.elements, limit});
        if (most == 0) return 0;
        u64 n = !stop_on_equal && !down ? std::min(equal_elements<T>(first.host, second.host, most), most - 1) : 0;
        T a{}, b{};
        do {
            a = element<T>(first.host + step(n));
            b = element<T>(second.host + step(n));
            ++n;
        } while (n < most && (a == b) != stop_on_equal);
        cpu.s.flags = alu::sub<T>(a, b).flags;
        advance(cpu, insn, RSI, n, width);
        advance(cpu, insn, RDI, n, width);
        return n;
    }
    default: return 0; // INS and OUTS talk to chips
    }
}

} // namespace

u64 string_bulk(Cpu& cpu, const Insn& insn, u64 limit) {
    limit = std::min(limit, count_of(cpu, insn));
    if (limit == 0) return 0;
    u64 done = 0;
    switch (insn.op[0].width) {
    case 1: done = bulk<u8>(cpu, insn, limit); break;
    case 2: done = bulk<u16>(cpu, insn, limit); break;
    case 4: done = bulk<u32>(cpu, insn, limit); break;
    default: return 0;
    }
    if (done) use_up(cpu, insn, done);
    return done;
}

bool string_finished(const Cpu& cpu, const Insn& insn) {
    if (count_of(cpu, insn) == 0) return true;
    if (insn.mnemonic == Mnemonic::scas || insn.mnemonic == Mnemonic::cmps) return cpu.s.flags.zf() == insn.repne();
    return false;
}

} // namespace r86
