#include "tests/differential/coverage.h"
#include "tests/differential/generator.h"
#include <algorithm>
#include <cstdio>

namespace r86::differential {

namespace {

enum Form : u8 { kRegister16, kRegister32, kMemory16, kMemory32 };
constexpr const char* kFormNames[] = {"register, 16 bits", "register, 32 bits", "memory, 16 bits", "memory, 32 bits"};

/// The operand size changes what the row does.
bool has_sizes(const OpcodeRow& what) {
    using enum OperandCode;
    if (!what.operand_size_66() || what.has(kSimd)) return false;
    switch (what.mnemonic) {
    case Mnemonic::pusha:
    case Mnemonic::popa:
    case Mnemonic::pushf:
    case Mnemonic::popf:
    case Mnemonic::enter:
    case Mnemonic::leave:
    case Mnemonic::cbw:
    case Mnemonic::cwd:
    case Mnemonic::iret:
    case Mnemonic::ret:
    case Mnemonic::ret_far:
    case Mnemonic::fnstenv:
    case Mnemonic::fldenv:
    case Mnemonic::fnsave:
    case Mnemonic::frstor: return true;
    default: break;
    }
    static constexpr OperandCode kSized[] = {Ev, Ez, RvMw, Gv, Zv, rAX, eAX, Iz, Iv, Jz,
                                             Ap, Mv, Mp,   Ma, Ov, Xv,  Xz,  Yv, Yz};
    return std::any_of(what.operands.begin(), what.operands.end(), [&](OperandCode code) {
        return std::find(std::begin(kSized), std::end(kSized), code) != std::end(kSized);
    });
}

std::string name_of(const OpcodeRow& what) {
    static constexpr const char* kMaps[] = {"", "0F ", "0F 38 ", "0F 3A "};
    char opcode[32];
    std::snprintf(opcode, sizeof opcode, "%s%02X", kMaps[static_cast<unsigned>(what.map)], what.opcode);
    std::string out = opcode;
    if (what.form.modrm && what.form.reg != OpcodeForm::kAny) out += " /" + std::to_string(what.form.reg);
    return out + " " + what.text + " " + what.operand_text;
}

const char* group_of(const OpcodeRow& what) {
    if (what.has(kX87)) return what.has(kSimd) ? "MMX" : "x87";
    switch (what.feature) {
    case Feature::FPU: return "x87";
    case Feature::MMX: return what.has(kSimd) ? "MMX" : "Integer and system"; // RDPMC
    case Feature::SSE: return "SSE";
    case Feature::SSE2: return "SSE2";
    case Feature::SSE3: return "SSE3";
    case Feature::SSSE3: return "SSSE3";
    default: return what.has(kSimd) ? "SSE" : "Integer and system";
    }
}

} // namespace

Coverage::Coverage() : model_(find_cpu_model("max")), rows_(all_rows().size()) {}

void Coverage::add(const Insn& insn, bool completed) {
    const bool memory = row(insn.row).form.modrm && insn.modrm < 0xC0;
    const unsigned form = (memory ? kMemory16 : kRegister16) + (insn.operand_size == 2 ? 0 : 1);
    ++(completed ? rows_[insn.row].completed : rows_[insn.row].faulted)[form];
}

bool Coverage::belongs(u16 number) const {
    const OpcodeRow& what = row(number);
    if (what.has(kOnly64) || what.has(kBefore586)) return false;
    return what.feature == Feature::Count || model_.has(what.feature);
}

std::vector<std::string> Coverage::missing(u16 number) const {
    const OpcodeRow& what = row(number);
    const Reach& reach = rows_[number];
    const auto any = [](const u64(&counts)[kForms]) {
        return std::any_of(std::begin(counts), std::end(counts), [](u64 count) { return count != 0; });
    };
    // What CPL 3 may not do, and what is an exception by itself, never completes: once is enough, in any form.
    if (what.has(kPrivileged) || what.mnemonic == Mnemonic::ud || what.mnemonic == Mnemonic::int_) {
        if (any(reach.completed) || any(reach.faulted)) return {};
        return {"any form"};
    }
    std::vector<std::string> out;
    const bool in_memory = what.form.modrm && what.form.mod == OpcodeForm::Memory;
    const bool both = what.form.modrm && what.form.mod == OpcodeForm::Both && what.form.rm == OpcodeForm::kAny;
    for (const bool memory : {false, true}) {
        if (!both && memory != in_memory) continue;
        const unsigned first = memory ? kMemory16 : kRegister16;
        const bool small = reach.completed[first], large = reach.completed[first + 1];
        if (has_sizes(what)) {
            if (!small) out.emplace_back(kFormNames[first]);
            if (!large) out.emplace_back(kFormNames[first + 1]);
        } else if (!small && !large) {
            out.emplace_back(memory ? "memory" : "register");
        }
    }
    return out;
}

std::vector<std::string> Coverage::unreached() const {
    std::vector<std::string> out;
    for (u16 i = 1; i < rows_.size(); ++i) {
        const OpcodeRow& what = row(i);
        const Exclusion* left_out = exclusion_of(what);
        if (!belongs(i) || (left_out && left_out->kind == Exclusion::Absent)) continue;
        for (const std::string& form : missing(i)) out.push_back(name_of(what) + ": " + form);
    }
    return out;
}

std::vector<Coverage::Group> Coverage::groups() const {
    std::vector<Group> out;
    for (u16 i = 1; i < rows_.size(); ++i) {
        if (!belongs(i)) continue;
        const OpcodeRow& what = row(i);
        const char* const name = group_of(what);
        auto group = std::find_if(out.begin(), out.end(), [&](const Group& g) { return g.name == std::string(name); });
        if (group == out.end()) group = out.insert(out.end(), Group{name});
        ++group->rows;
        const Exclusion* left_out = exclusion_of(what);
        if (left_out && left_out->kind == Exclusion::Absent)
            ++group->explained;
        else if (missing(i).empty())
            ++group->reached;
        for (const u64 count : rows_[i].completed) group->instructions += count;
    }
    return out;
}

} // namespace r86::differential
