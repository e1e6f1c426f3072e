#pragma once
/// Which rows of the instruction table random programs carry out, and in which forms.
#include "cpu/decoder/table.h"
#include <string>
#include <vector>

namespace r86::differential {

class Coverage {
public:
    Coverage();

    /// An instruction ran; `completed` is false if it faulted.
    void add(const Insn& insn, bool completed);

    /// What no program carried out and no entry of unreached.inc explains, one a line; entries that explain nothing
    /// too.
    std::vector<std::string> unreached() const;

    struct Group {
        const char* name;
        u32 rows = 0, reached = 0; ///< `reached`: in every form that must be
        u32 explained = 0;         ///< rows that exclusions.inc leaves out altogether
        u64 instructions = 0;      ///< completed
    };
    std::vector<Group> groups() const;

private:
    /// A form of a row: register or memory operand, 16-bit or 32-bit operand size.
    static constexpr unsigned kForms = 4;
    struct Reach {
        u64 completed[kForms] = {}, faulted[kForms] = {};
    };
    /// Names of the forms of row `number` that nobody reached.
    std::vector<std::string> missing(u16 number) const;
    bool belongs(u16 number) const;

    CpuModel model_;
    std::vector<Reach> rows_;
};

} // namespace r86::differential
