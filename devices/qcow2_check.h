#pragma once
/// Walks everything that a qcow2 file refers to and compares it with the refcounts.
#include "devices/qcow2_refcounts.h"
#include <string>
#include <vector>

namespace r86 {

struct Qcow2CheckResult {
    u64 corruptions = 0;
    u64 leaks = 0;               ///< clusters that are counted more often than used
    bool repairable = true;      ///< new refcounts and flags would make all well
    std::string first_problem{}; ///< a clause, e.g. "cluster 17 is used 2 times but counted once"
    u64 allocated = 0;           ///< data clusters of the disk as it is now
    u64 compressed = 0;          ///< those of them that are compressed
};

class Qcow2Checker {
public:
    Qcow2Checker(HostFile& file, const Qcow2Header& header, Qcow2Refcounts& refcounts)
        : file_(file), header_(header), refcounts_(refcounts) {}

    /// `problem`: what loading the refcounts already found. Throws UserError if the host cannot read.
    Qcow2CheckResult check(const std::string& problem = "");
    /// Lowers the refcounts of leaked clusters, after `check`. False: a host error.
    [[nodiscard]] bool free_leaks();
    /// Makes all refcounts and COPIED flags new, after `check` said that this helps. False: a host error.
    [[nodiscard]] bool rebuild();

private:
    enum class Role : u8 { Free, Header, RefcountTable, RefcountBlock, L1, L2, Snapshots, Data };

    void problem(const std::string& what, bool repairable);
    /// Counts the clusters of a byte range once more; false (and a problem) outside the file or if roles collide.
    bool use(u64 offset, u64 bytes, Role role, const char* what);
    void walk_l1(u64 offset, u64 entries, bool active);
    void walk_l2(u64 offset, bool active);
    void walk_snapshots();
    /// Persistent bitmaps are valid: their clusters, which are not walked, are no leaks.
    bool keeps_bitmaps() const { return header_.has_bitmaps && (header_.autoclear & 1); }
    bool fix_flags(u64 offset, u64 entries, bool l2);

    HostFile& file_;
    const Qcow2Header& header_;
    Qcow2Refcounts& refcounts_;
    Qcow2CheckResult result_;
    std::vector<u32> used_;   // by cluster
    std::vector<Role> roles_; // by cluster
};

} // namespace r86
