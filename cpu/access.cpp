/// The slow half of memory accesses: TLB misses, page crossings, MMIO, watched pages, alignment, data breakpoints.
#include "cpu/cpu.h"
#include "cpu/interpreter/interpreter.h"
#include "cpu/interrupts/debug.h"
#include "cpu/mmu/table_walk.h"
#include "cpu/sse/host_float.h"
#include <array>

namespace r86 {

Fault Cpu::check_access(u64 linear, unsigned size, bool write, bool user) {
    // #AC comes with CR0.AM, EFLAGS.AC and CPL 3 only (SDM Vol. 3, 6.15 "Interrupt 17").
    if (user && (s.cr0 & kCR0_AM) && (s.eflags & kAC) && (linear & (size - 1))) return Fault::ac();
    if (s.dr[7] & 0xFF) note_debug_trap(match_data_breakpoints(s, linear, size, write));
    return Fault::none();
}

Fault Cpu::translate_range(u64 linear, unsigned length, Access access, bool user, PhysAddr out[2]) {
    if (Fault fault = mmu_->translate(linear, access, user, out[0])) return fault;
    const u64 last = (linear + length - 1) & 0xFFFFFFFF;
    if ((last ^ linear) & ~kPageMask) return mmu_->translate(last & ~kPageMask, access, user, out[1]);
    out[1] = out[0];
    return Fault::none();
}

u64 Cpu::physical_read(PhysAddr address, unsigned size) {
    if (!memory.exists(address) || !memory.page(address).read) { // a chip may answer
        clock.set_now(s.tick);
        const sse::HostFloatPause pause(*this);
        return memory.read(address, size);
    }
    if ((memory.page(address).watch & kWatchRead) && watcher_) watcher_->memory_read(address, size);
    return memory.read(address, size);
}

void Cpu::physical_write(PhysAddr address, unsigned size, u64 value) {
    if (!memory.exists(address) || !memory.page(address).write) {
        clock.set_now(s.tick);
        const sse::HostFloatPause pause(*this);
        return memory.write(address, size, value);
    }
    memory.write(address, size, value);
}

namespace {
bool crosses(u64 linear, unsigned size) { return (linear & kPageMask) + size > kPageSize; }
} // namespace

/// Where an access of the current privilege to a page that is watched for its code or its page tables goes, if it was
/// translated before and nobody else wants to know; nullptr: ask in full. DOS keeps code, data and stack in one page.
static Page* watched_page(Cpu& cpu, u64 linear, unsigned size, bool user, PhysAddr& physical) {
    if (user != (cpu.cpl() == 3) || crosses(linear, size)) return nullptr;
    return cpu.mmu().known_watched(linear, physical);
}

Fault Cpu::read_slow(u64 linear, unsigned size, u64& out, bool user) {
    if (Fault fault = check_access(linear, size, false, user)) return fault;
    PhysAddr at[2];
    if (Fault fault = translate_range(linear, size, Access::Read, user, at)) return fault;
    if (!crosses(linear, size)) {
        out = physical_read(at[0], size);
        return Fault::none();
    }
    const auto first = static_cast<unsigned>(kPageSize - (linear & kPageMask));
    out = 0;
    for (unsigned i = 0; i < size; ++i) out |= physical_read(i < first ? at[0] + i : at[1] + (i - first), 1) << (8 * i);
    return Fault::none();
}

Fault Cpu::read_for_write_slow(u64 linear, unsigned size, u64& out) {
    const bool user = cpl_ == 3;
    PhysAddr at[2];
    if (const Page* page = watched_page(*this, linear, size, user, at[0]); page && page->read) {
        out = 0;
        std::memcpy(&out, page->read + (linear & kPageMask), size);
        return Fault::none();
    }
    if (Fault fault = check_access(linear, size, true, user)) return fault;
    if (Fault fault = translate_range(linear, size, Access::Write, user, at)) return fault;
    if (!crosses(linear, size)) {
        out = physical_read(at[0], size);
        return Fault::none();
    }
    const auto first = static_cast<unsigned>(kPageSize - (linear & kPageMask));
    out = 0;
    for (unsigned i = 0; i < size; ++i) out |= physical_read(i < first ? at[0] + i : at[1] + (i - first), 1) << (8 * i);
    return Fault::none();
}

Fault Cpu::write_slow(u64 linear, unsigned size, u64 value, bool user) {
    PhysAddr at[2];
    if (const Page* page = watched_page(*this, linear, size, user, at[0])) {
        if (page->watch & kWatchPageTable) mmu_->page_table_write(at[0], size);
        if (page->watch & kWatchCode) interpreter_->code_write(at[0], size);
        std::memcpy(page->write + (linear & kPageMask), &value, size);
        return Fault::none();
    }
    if (Fault fault = check_access(linear, size, true, user)) return fault;
    if (Fault fault = translate_range(linear, size, Access::Write, user, at)) return fault;
    if (!crosses(linear, size)) {
        physical_write(at[0], size, value);
        return Fault::none();
    }
    const auto first = static_cast<unsigned>(kPageSize - (linear & kPageMask));
    for (unsigned i = 0; i < size; ++i)
        physical_write(i < first ? at[0] + i : at[1] + (i - first), 1, (value >> (8 * i)) & 0xFF);
    return Fault::none();
}

Fault Cpu::probe_linear(LinearAddr address, unsigned length, Access access, bool user) {
    // Every page of the range, lowest first; ranges are at most a few hundred bytes.
    if (access == Access::Write && write_is_plain(address.value, length, user)) return Fault::none();
    PhysAddr ignored;
    if (Fault fault = mmu_->translate(address.value, access, user, ignored)) return fault;
    const u64 last = (address.value + length - 1) & 0xFFFFFFFF;
    if (((last ^ address.value) & ~kPageMask) == 0) return Fault::none();
    return mmu_->translate(last & ~kPageMask, access, user, ignored);
}

Fault Cpu::probe_write(unsigned seg, u64 offset, unsigned length) {
    LinearAddr linear;
    if (Fault fault = segment_check(seg, offset, length, Access::Write, linear)) return fault;
    if (alignment_checked() && (linear.value & (length - 1))) return Fault::ac();
    return probe_linear(linear, length, Access::Write, cpl_ == 3);
}

Fault Cpu::probe_read(unsigned seg, u64 offset, unsigned length) {
    LinearAddr linear;
    if (Fault fault = segment_check(seg, offset, length, Access::Read, linear)) return fault;
    return probe_linear(linear, length, Access::Read, cpl_ == 3);
}

namespace {
/// Calls use(offset, size) for the largest aligned pieces, so that MMIO sees natural accesses.
template <class Use>
void for_pieces(u64 offset, unsigned length, Use use) {
    for (unsigned done = 0; done < length;) {
        unsigned size = 4;
        while (size > length - done || ((offset + done) & (size - 1))) size /= 2;
        use(done, size);
        done += size;
    }
}
} // namespace

namespace {
/// What #AC asks of these operands (SDM Vol. 3, table 6-7 "Alignment Requirements by Data Type"): the significands of
/// 80-bit numbers, x87 environments and images of either operand size. Everything else that comes here has checks of
/// its own.
unsigned required_alignment(unsigned length) {
    switch (length) {
    case 8: return 8;
    case 14:
    case 94: return 2;
    case 28:
    case 108: return 4;
    default: return 1;
    }
}
} // namespace

Fault Cpu::probe_bytes(unsigned seg, u64 offset, unsigned length, Access access) {
    if (length == 10) { // two accesses, each with all its checks (measured on Intel processors)
        if (Fault fault = probe_bytes(seg, offset, 8, access)) return fault;
        return probe_bytes(seg, offset + 8, 2, access);
    }
    LinearAddr linear;
    if (Fault fault = segment_check(seg, offset, length, access, linear)) return fault;
    if (alignment_checked() && (linear.value & (required_alignment(length) - 1))) return Fault::ac();
    return probe_linear(linear, length, access, cpl_ == 3);
}

Fault Cpu::read_bytes(unsigned seg, u64 offset, void* out, unsigned length) {
    if (Fault fault = probe_bytes(seg, offset, length, Access::Read)) return fault;
    auto* bytes = static_cast<u8*>(out);
    Fault result = Fault::none();
    for_pieces(offset, length, [&](unsigned done, unsigned size) {
        u64 value = 0;
        Fault fault = read_slow((s.seg[seg].base + offset + done) & 0xFFFFFFFF, size, value, cpl_ == 3);
        if (fault && !result) result = fault;
        std::memcpy(bytes + done, &value, size);
    });
    return result;
}

Fault Cpu::write_bytes(unsigned seg, u64 offset, const void* in, unsigned length) {
    if (Fault fault = probe_bytes(seg, offset, length, Access::Write)) return fault;
    const auto* bytes = static_cast<const u8*>(in);
    Fault result = Fault::none();
    for_pieces(offset, length, [&](unsigned done, unsigned size) {
        u64 value = 0;
        std::memcpy(&value, bytes + done, size);
        Fault fault = write_slow((s.seg[seg].base + offset + done) & 0xFFFFFFFF, size, value, cpl_ == 3);
        if (fault && !result) result = fault;
    });
    return result;
}

bool Cpu::translate_for_debugger(LinearAddr address, PhysAddr& out) const {
    const TableWalk walk = walk_tables(memory, address_space(s), address.value);
    out = {walk.physical};
    return walk.mapped;
}

} // namespace r86
