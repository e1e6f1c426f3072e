#pragma once
/// Random programs out of the instruction table: every row that a user-mode program can carry out, with operands that
/// mostly work and sometimes do not.
#include "cpu/decoder/table.h"
#include "tests/differential/program.h"
#include <vector>

namespace r86::differential {

/// What a generator leaves out, and why: kept as data in tests/differential/exclusions.inc.
struct Exclusion {
    Mnemonic mnemonic;
    const char* reason;
    enum Kind : u8 {
        Absent,  ///< from programs altogether
        Special, ///< in pieces of its own
        Masked,  ///< in pieces of its own that clear some of what it stores
    } kind;
};
const Exclusion* exclusion_of(const OpcodeRow& what);

class Generator {
public:
    Generator();
    /// A pure function of the seed.
    Program program(u64 seed) const;
    /// Rows that programs are made of.
    const std::vector<u16>& rows() const { return rows_; }

private:
    std::vector<u16> integer_, x87_, simd_, rows_;
};

} // namespace r86::differential
