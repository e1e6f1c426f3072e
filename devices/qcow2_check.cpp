#include "devices/qcow2_check.h"
#include "core/byte_order.h"
#include "core/error.h"

namespace r86 {

namespace {

void must_read(HostFile& file, u64 offset, std::span<u8> out) {
    if (!file.read_padded(offset, out)) throw UserError("image " + file.error());
}

} // namespace

void Qcow2Checker::problem(const std::string& what, bool repairable) {
    if (result_.corruptions++ == 0) result_.first_problem = what;
    if (!repairable) result_.repairable = false;
}

bool Qcow2Checker::use(u64 offset, u64 bytes, Role role, const char* what) {
    const u64 cluster = header_.cluster_bytes();
    if (bytes == 0) return true;
    if (offset / cluster >= used_.size() || bytes > used_.size() * cluster - offset) {
        problem(std::string(what) + " lies outside the file", false);
        return false;
    }
    bool good = true;
    for (u64 n = offset / cluster; n <= (offset + bytes - 1) / cluster; ++n) {
        const bool shared_role = role == Role::Data || role == Role::L2; // snapshots share these
        if (roles_[n] != Role::Free && (roles_[n] != role || !shared_role)) {
            problem(std::string(what) + " overlaps something else in cluster " + std::to_string(n), false);
            good = false;
        }
        roles_[n] = role;
        ++used_[n];
    }
    return good;
}

void Qcow2Checker::walk_l2(u64 offset, bool active) {
    std::vector<u8> table(header_.cluster_bytes());
    must_read(file_, offset, table);
    for (usize at = 0; at < table.size(); at += 8) {
        const Qcow2Entry entry{load_be<u64>(&table[at])};
        if (entry.raw == 0) continue;
        if (entry.compressed()) {
            // The last sector may be cut at the end of the file.
            const u64 start = entry.compressed_offset(header_.cluster_bits);
            u64 bytes = entry.compressed_bytes(header_.cluster_bits);
            const u64 end = used_.size() * header_.cluster_bytes();
            if (start < end) bytes = std::min(bytes, end - start);
            use(start, bytes, Role::Data, "a compressed cluster");
            if (active) ++result_.allocated, ++result_.compressed;
            continue;
        }
        if (entry.offset() == 0) continue;
        if (entry.offset() % header_.cluster_bytes()) {
            problem("a cluster of the disk is not aligned", false);
            continue;
        }
        if (active) ++result_.allocated;
        if (!use(entry.offset(), header_.cluster_bytes(), Role::Data, "a cluster of the disk") || !active) continue;
        const u32 count = refcounts_.get(entry.offset() / header_.cluster_bytes());
        if (entry.copied() != (count == 1)) problem("a cluster's COPIED flag contradicts its refcount", true);
    }
}

void Qcow2Checker::walk_l1(u64 offset, u64 entries, bool active) {
    if (!use(offset, entries * 8, Role::L1, "an L1 table")) return;
    std::vector<u8> table(entries * 8);
    must_read(file_, offset, table);
    for (usize at = 0; at < table.size(); at += 8) {
        const Qcow2Entry entry{load_be<u64>(&table[at])};
        if (entry.offset() == 0) continue;
        if (entry.offset() % header_.cluster_bytes()) {
            problem("an L2 table is not aligned", false);
            continue;
        }
        if (!use(entry.offset(), header_.cluster_bytes(), Role::L2, "an L2 table")) continue;
        const u32 count = refcounts_.get(entry.offset() / header_.cluster_bytes());
        if (active && entry.copied() != (count == 1))
            problem("an L2 table's COPIED flag contradicts its refcount", true);
        walk_l2(entry.offset(), active);
    }
}

/// Section "Snapshots": entries of varying length, each with an L1 table of its own.
void Qcow2Checker::walk_snapshots() {
    u64 at = header_.snapshots_offset;
    for (u32 n = 0; n < header_.snapshots; ++n) {
        u8 head[40];
        must_read(file_, at, head);
        const u64 l1_offset = load_be<u64>(head), l1_entries = load_be<u32>(head + 8);
        const u64 bytes = 40 + u64{load_be<u16>(head + 12)} + load_be<u16>(head + 14) + load_be<u32>(head + 36);
        at += (bytes + 7) & ~u64{7};
        if (at - header_.snapshots_offset > (64u << 20) || at > used_.size() * header_.cluster_bytes())
            return problem("the snapshot table lies outside the file", false);
        if (l1_offset % header_.cluster_bytes() || l1_entries * 8 > (32u << 20))
            problem("a snapshot's L1 table is misplaced", false);
        else
            walk_l1(l1_offset, l1_entries, false);
    }
    use(header_.snapshots_offset, at - header_.snapshots_offset, Role::Snapshots, "the snapshot table");
}

Qcow2CheckResult Qcow2Checker::check(const std::string& known_problem) {
    result_ = {};
    used_.assign(refcounts_.clusters(), 0);
    roles_.assign(refcounts_.clusters(), Role::Free);
    if (!known_problem.empty()) problem(known_problem, true);
    const u64 cluster = header_.cluster_bytes();
    use(0, cluster, Role::Header, "the header");
    use(header_.refcount_table_offset, header_.refcount_table_clusters * cluster, Role::RefcountTable,
        "the refcount table");
    for (const u64 block : refcounts_.blocks())
        if (block) use(block, cluster, Role::RefcountBlock, "a refcount block");
    walk_l1(header_.l1_offset, header_.l1_entries, true);
    if (header_.snapshots) walk_snapshots();
    const u64 most = header_.refcount_order >= 5 ? ~u32{0} : (u64{1} << (1u << header_.refcount_order)) - 1;
    for (u64 n = 0; n < used_.size(); ++n) {
        const u32 count = refcounts_.get(n);
        if (used_[n] > most) problem("cluster " + std::to_string(n) + " is used too often", false);
        if (count > used_[n] && !keeps_bitmaps()) ++result_.leaks;
        if (count < used_[n])
            problem("cluster " + std::to_string(n) + " is used " + std::to_string(used_[n]) + " times but counted " +
                        std::to_string(count) + " times",
                    true);
    }
    return result_;
}

bool Qcow2Checker::free_leaks() {
    if (keeps_bitmaps()) return true;
    bool now_sole = false; // used once, and so to be marked COPIED
    for (u64 n = 0; n < used_.size(); ++n) {
        if (refcounts_.get(n) <= used_[n]) continue;
        now_sole |= used_[n] == 1;
        refcounts_.set(n, used_[n]);
    }
    return refcounts_.write_dirty() && file_.flush() &&
           (!now_sole || (fix_flags(header_.l1_offset, header_.l1_entries, false) && file_.flush()));
}

/// Sets the COPIED flag of each entry by the new counts.
bool Qcow2Checker::fix_flags(u64 offset, u64 entries, bool l2) {
    std::vector<u8> table(entries * 8);
    if (!file_.read_padded(offset, table)) return false;
    bool changed = false;
    for (usize at = 0; at < table.size(); at += 8) {
        Qcow2Entry entry{load_be<u64>(&table[at])};
        if ((l2 && entry.compressed()) || entry.offset() == 0) continue;
        if (!l2 && !fix_flags(entry.offset(), header_.l2_entries(), true)) return false;
        const bool sole = refcounts_.get(entry.offset() / header_.cluster_bytes()) == 1;
        if (entry.copied() == sole) continue;
        store_be<u64>(&table[at], entry.raw ^ Qcow2Entry::kCopied);
        changed = true;
    }
    return !changed || file_.write(offset, table);
}

bool Qcow2Checker::rebuild() {
    const std::vector<u32> used = used_;
    refcounts_.restart(used.size(), false);
    for (u64 n = 0; n < used.size(); ++n)
        if (used[n]) refcounts_.set(n, used[n]);
    // In pieces that are used: a block is only needed where something is counted.
    const u64 step = header_.refcounts_in_block();
    for (u64 first = 0; first < used.size(); first += step) {
        const u64 end = std::min<u64>(first + step, used.size());
        bool any = false;
        for (u64 n = first; n < end; ++n) any |= used[n] != 0;
        if (any && !refcounts_.cover(first, end - 1)) return false;
    }
    return refcounts_.write_dirty() && file_.flush() && fix_flags(header_.l1_offset, header_.l1_entries, false) &&
           file_.flush();
}

} // namespace r86
