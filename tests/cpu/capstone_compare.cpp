#ifdef R86_HAVE_CAPSTONE
#include "tests/cpu/capstone_compare.h"
#include "cpu/decoder/table.h"
#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

namespace r86::test {

namespace {

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
}

u64 cut(u64 value, unsigned bytes) { return bytes >= 8 || bytes == 0 ? value : value & ((u64{1} << (8 * bytes)) - 1); }

const char* const kSegmentNames[] = {"es", "cs", "ss", "ds", "fs", "gs"};

std::string gpr_name(unsigned reg, unsigned width, bool rex) {
    static const char* const kLow[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char* const kHigh[] = {"ah", "ch", "dh", "bh"};
    static const char* const kWord[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    if (reg >= 8) return "r" + std::to_string(reg) + (width == 1 ? "b" : width == 2 ? "w" : width == 4 ? "d" : "");
    if (width == 1) return reg >= 4 && !rex ? kHigh[reg - 4] : kLow[reg];
    return (width == 2 ? "" : width == 4 ? "e" : "r") + std::string(kWord[reg]);
}

std::string memory_text(unsigned width, const std::string& segment, const std::string& base, const std::string& index,
                        unsigned scale, u64 disp) {
    std::string out = "m" + std::to_string(width * 8) + " " + (segment.empty() ? "" : segment + ":") + "[";
    out += base;
    if (!index.empty()) out += (base.empty() ? "" : "+") + index + "*" + std::to_string(scale);
    return out + "+" + hex(disp) + "]";
}

/// SS for addresses based on the stack or frame pointer, DS for the rest.
bool default_segment(const std::string& segment, const std::string& base) {
    const bool stack = base == "bp" || base == "ebp" || base == "rbp" || base == "esp" || base == "rsp";
    return segment == (stack ? "ss" : "ds");
}

std::string memory_of(const Insn& insn, const MemOperand& mem, unsigned width, bool bits64) {
    const auto name = [&](u8 reg) { return reg == kNoReg ? std::string() : gpr_name(reg, insn.address_size, true); };
    const std::string base = mem.rip ? (insn.address_size == 8 ? "rip" : "eip") : name(mem.base);
    std::string segment = kSegmentNames[mem.seg];
    if (default_segment(segment, base) || (bits64 && mem.seg < FS)) segment.clear();
    return memory_text(width, segment, base, name(mem.index), 1u << mem.scale,
                       cut(static_cast<u64>(mem.disp), insn.address_size));
}

std::string operand_text(const Insn& insn, const Operand& op, CodeSize size) {
    switch (op.kind) {
    case OperandKind::Gpr: return gpr_name(op.reg, op.width, insn.rex != 0);
    case OperandKind::Segment: return kSegmentNames[op.reg];
    case OperandKind::Control: return "cr" + std::to_string(op.reg);
    case OperandKind::Debug: return "dr" + std::to_string(op.reg);
    case OperandKind::Test: return "tr" + std::to_string(op.reg);
    case OperandKind::X87: return "st(" + std::to_string(op.reg) + ")";
    case OperandKind::Mmx: return "mm" + std::to_string(op.reg);
    case OperandKind::Xmm: return "xmm" + std::to_string(op.reg);
    case OperandKind::Mem: return memory_of(insn, insn.mem, op.width, size == CodeSize::Bits64);
    case OperandKind::Imm: return "imm " + hex(cut(insn.imm, op.width));
    case OperandKind::Imm2: return "imm " + hex(cut(insn.imm2, 1));
    case OperandKind::Rel: {
        const unsigned width = size == CodeSize::Bits64 ? 8 : insn.operand_size;
        return "to " + hex(cut(kDecodedAt + insn.length + insn.imm, width));
    }
    case OperandKind::FarPtr: return "far " + hex(insn.imm2) + ":" + hex(cut(insn.imm, insn.operand_size));
    case OperandKind::None: break;
    }
    return "?";
}

/// What the table leaves out because the mnemonic says it: both sides of a string instruction.
void add_string_operands(const Insn& insn, Words& words, bool bits64) {
    const unsigned width = insn.op[0].width;
    const auto at = [&](u8 base, u8 seg) {
        MemOperand mem;
        mem.base = base;
        mem.seg = seg;
        return memory_of(insn, mem, width, bits64);
    };
    const std::string source = at(RSI, insn.mem.seg == ES && insn.mem.base == RDI ? u8{DS} : insn.mem.seg);
    const std::string destination = at(RDI, ES);
    const std::string accumulator = gpr_name(RAX, width, false);
    switch (insn.mnemonic) {
    case Mnemonic::movs: words.operands = {destination, source}; break;
    case Mnemonic::cmps: words.operands = {source, destination}; break;
    case Mnemonic::stos: words.operands = {destination, accumulator}; break;
    case Mnemonic::scas: words.operands = {accumulator, destination}; break;
    case Mnemonic::lods: words.operands = {accumulator, source}; break;
    case Mnemonic::ins: words.operands = {destination, "dx"}; break;
    case Mnemonic::outs: words.operands = {"dx", source}; break;
    default: break;
    }
}

bool is_later_group(u8 group) {
    switch (group) {
    case X86_GRP_VM:
    case X86_GRP_3DNOW:
    case X86_GRP_AES:
    case X86_GRP_ADX:
    case X86_GRP_AVX:
    case X86_GRP_AVX2:
    case X86_GRP_AVX512:
    case X86_GRP_BMI:
    case X86_GRP_BMI2:
    case X86_GRP_F16C:
    case X86_GRP_FMA:
    case X86_GRP_FMA4:
    case X86_GRP_FSGSBASE:
    case X86_GRP_HLE:
    case X86_GRP_RTM:
    case X86_GRP_SHA:
    case X86_GRP_SSE41:
    case X86_GRP_SSE42:
    case X86_GRP_SSE4A:
    case X86_GRP_PCLMUL:
    case X86_GRP_XOP:
    case X86_GRP_TBM:
    case X86_GRP_SGX:
    case X86_GRP_SMAP: return true;
    default: return false;
    }
}

cs_mode mode_of(CodeSize size) {
    return size == CodeSize::Bits16 ? CS_MODE_16 : size == CodeSize::Bits32 ? CS_MODE_32 : CS_MODE_64;
}

} // namespace

std::string Words::text() const {
    if (!valid) return "(bad)";
    std::string out = std::to_string(length) + " bytes: " + mnemonic;
    for (usize i = 0; i < operands.size(); ++i) out += (i ? ", " : " ") + operands[i];
    return out;
}

Words words_of(const Insn& insn, DecodeResult result, CodeSize size) {
    Words words;
    words.valid = result == DecodeResult::Ok;
    if (!words.valid) return words;
    words.length = insn.length;
    words.mnemonic = mnemonic_text(insn);
    for (unsigned i = 0; i < insn.operand_count; ++i) words.operands.push_back(operand_text(insn, insn.op[i], size));
    if (row(insn.row).is_string()) add_string_operands(insn, words, size == CodeSize::Bits64);
    return words;
}

Capstone::Capstone(CodeSize size) : size_(size) {
    if (cs_open(CS_ARCH_X86, mode_of(size), &handle_) != CS_ERR_OK) std::abort();
    cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    insn_ = cs_malloc(handle_);
}

Capstone::~Capstone() {
    cs_free(insn_, 1);
    cs_close(&handle_);
}

Words Capstone::decode(std::span<const u8> bytes, const Insn& ours) {
    Words words;
    const u8* code = bytes.data();
    size_t left = bytes.size();
    u64 address = kDecodedAt;
    later_extension_ = false;
    words.valid = cs_disasm_iter(handle_, &code, &left, &address, insn_);
    if (!words.valid) return words;
    words.length = insn_->size;
    words.mnemonic = insn_->mnemonic;
    // "rep movsb", "lock add", "notrack jmp", "xacquire lock ...": the last word.
    words.mnemonic.erase(0, words.mnemonic.find_last_of(' ') + 1);
    const cs_detail& detail = *insn_->detail;
    for (unsigned i = 0; i < detail.groups_count; ++i) later_extension_ |= is_later_group(detail.groups[i]);
    const cs_x86& x86 = detail.x86;
    const auto name = [&](unsigned reg) {
        return reg == X86_REG_INVALID ? std::string() : std::string(cs_reg_name(handle_, reg));
    };
    unsigned immediates = 0;
    for (unsigned i = 0; i < x86.op_count; ++i) {
        const cs_x86_op& op = x86.operands[i];
        if (op.type == X86_OP_REG) {
            words.operands.push_back(name(op.reg) == "st" ? "st(0)" : name(op.reg));
        } else if (op.type == X86_OP_MEM) {
            std::string segment = name(op.mem.segment);
            const std::string base = name(op.mem.base);
            std::string index = name(op.mem.index);
            if (index == "riz" || index == "eiz") index.clear();
            if (default_segment(segment, base)) segment.clear();
            // ES, CS, SS and DS have no base in 64-bit mode (SDM Vol. 1, 3.4.2.1); only strings name ES.
            if (size_ == CodeSize::Bits64 && segment != "fs" && segment != "gs") segment.clear();
            words.operands.push_back(memory_text(op.size, segment, base, index, static_cast<unsigned>(op.mem.scale),
                                                 cut(static_cast<u64>(op.mem.disp), x86.addr_size)));
        } else if (op.type == X86_OP_IMM) {
            // Numbers have the width that ours has in that place.
            const u64 value = static_cast<u64>(op.imm);
            const Operand* mine = nullptr;
            unsigned seen = 0;
            for (unsigned n = 0; n < ours.operand_count; ++n) {
                const OperandKind kind = ours.op[n].kind;
                if (kind != OperandKind::Imm && kind != OperandKind::Imm2 && kind != OperandKind::Rel) continue;
                if (seen++ == immediates) mine = &ours.op[n];
            }
            ++immediates;
            if (mine && mine->kind == OperandKind::Rel)
                words.operands.push_back("to " + hex(cut(value, size_ == CodeSize::Bits64 ? 8 : ours.operand_size)));
            else
                words.operands.push_back("imm " + hex(cut(value, mine ? mine->width : 8)));
        } else {
            words.operands.push_back("?");
        }
    }
    if (ours.operand_count == 1 && ours.op[0].kind == OperandKind::FarPtr && x86.op_count == 2 &&
        x86.operands[0].type == X86_OP_IMM && x86.operands[1].type == X86_OP_IMM)
        words.operands = {"far " + hex(cut(static_cast<u64>(x86.operands[0].imm), 2)) + ":" +
                          hex(cut(static_cast<u64>(x86.operands[1].imm), ours.operand_size))};
    return words;
}

// ---- differences
// ----------------------------------------------------------------------------------------------------------------

usize Comparison::prefix_bytes() const {
    usize n = 0;
    for (; n < bytes.size(); ++n) {
        const u8 byte = bytes[n];
        const bool legacy = byte == 0x66 || byte == 0x67 || byte == 0xF0 || byte == 0xF2 || byte == 0xF3 ||
                            byte == 0x64 || byte == 0x65 || (byte & 0xE7) == 0x26;
        if (!legacy && !(bits64() && (byte & 0xF0) == 0x40)) break;
    }
    return n;
}

usize Comparison::prefix_count(std::initializer_list<u8> which) const {
    usize n = 0;
    for (const u8 byte : bytes.first(prefix_bytes())) n += std::find(which.begin(), which.end(), byte) != which.end();
    return n;
}

bool Comparison::opcode(std::initializer_list<u8> start) const {
    const usize at = prefix_bytes();
    return at + start.size() <= bytes.size() &&
           std::equal(start.begin(), start.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

bool Comparison::ours_is(std::initializer_list<std::string_view> mnemonics) const {
    return ours.valid && std::find(mnemonics.begin(), mnemonics.end(), ours.mnemonic) != mnemonics.end();
}

bool Comparison::theirs_is(std::initializer_list<std::string_view> mnemonics) const {
    return theirs.valid && std::find(mnemonics.begin(), mnemonics.end(), theirs.mnemonic) != mnemonics.end();
}

bool Comparison::rex_before_prefix() const {
    const usize count = prefix_bytes();
    for (usize i = 0; bits64() && i + 1 < count; ++i)
        if ((bytes[i] & 0xF0) == 0x40) return true;
    return false;
}

bool Comparison::simd_opcode() const {
    auto map = OpcodeMap::TwoByte;
    if (opcode({0x0F, 0x38})) map = OpcodeMap::ThreeByte38;
    if (opcode({0x0F, 0x3A})) map = OpcodeMap::ThreeByte3A;
    if (!opcode({0x0F})) return false;
    static const std::set<std::pair<OpcodeMap, u8>> simd = [] {
        std::set<std::pair<OpcodeMap, u8>> out;
        for (const OpcodeRow& candidate : all_rows())
            if (candidate.has(kSimd)) out.emplace(candidate.map, candidate.opcode);
        return out;
    }();
    return simd.count({map, insn.opcode}) != 0;
}

namespace {

const Difference kDifferences[] = {
#define R86_DIFFERENCE(name, condition, excuses, size, example, ours, citation)                                        \
    {name, [](const Comparison& c) -> bool { return condition; }, excuses, CodeSize::size, example, ours, citation},
#include "tests/cpu/capstone_differences.inc"
#undef R86_DIFFERENCE
};

/// Other spellings of the same instruction: Capstone's, ours.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {"lcall", "call"},        {"ljmp", "jmp"},
    {"wait", "fwait"},        {"xlatb", "xlat"},
    {"popal", "popad"},       {"popaw", "popa"},
    {"pushal", "pushad"},     {"pushaw", "pusha"},
    {"sal", "shl"},           {"retfq", "retf"},
    {"movabs", "mov"},        {"ud2b", "ud1"},
    {"fstpnce", "fstp"},      {"fdisi8087_nop", "fdisi"},
    {"feni8087_nop", "feni"}, {"movq", "movd"},
};

bool same_mnemonic(const std::string& ours, const std::string& theirs) {
    if (ours == theirs) return true;
    return std::any_of(std::begin(kSpellings), std::end(kSpellings), [&](const auto& pair) {
        return (theirs == pair.first && ours == pair.second) || (theirs == pair.second && ours == pair.first);
    });
}

/// CMPPS and its kin with a predicate are written as one word: cmpltps.
void join_predicate(const Insn& insn, Words& ours, const Words& theirs) {
    static constexpr const char* kPredicates[] = {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"};
    if (insn.operand_count != 3 || insn.imm > 7 || ours.mnemonic.size() != 5 || ours.mnemonic.rfind("cmp", 0) != 0)
        return;
    if (theirs.operands.size() != 2) return;
    ours.mnemonic = std::string("cmp") + kPredicates[insn.imm] + ours.mnemonic.substr(3);
    ours.operands.pop_back();
}

std::vector<std::string> without_width(std::vector<std::string> operands) {
    for (std::string& operand : operands)
        if (operand[0] == 'm' && operand.back() == ']') operand.erase(0, operand.find(' ') + 1);
    return operands;
}

/// x87: the top of the stack may be named or not. Where both name two registers their order counts.
bool same_x87(const Words& ours, const Words& theirs) {
    if (ours.operands.size() == theirs.operands.size()) return ours.operands == theirs.operands;
    const auto others = [](std::vector<std::string> operands) {
        operands.erase(std::remove(operands.begin(), operands.end(), "st(0)"), operands.end());
        return operands;
    };
    return others(ours.operands) == others(theirs.operands);
}

bool needs_no_width(const std::vector<std::string>& operands) {
    return std::any_of(operands.begin(), operands.end(), [](const std::string& o) { return o.rfind("m0 ", 0) == 0; });
}

unsigned disagreement(const Comparison& c) {
    if (c.ours.valid != c.theirs.valid) return kValidity;
    if (!c.ours.valid) return 0;
    Words ours = c.ours;
    join_predicate(c.insn, ours, c.theirs);
    unsigned out = 0;
    if (ours.length != c.theirs.length) out |= kLength;
    if (!same_mnemonic(ours.mnemonic, c.theirs.mnemonic)) out |= kMnemonic;
    const bool equal = c.what().has(kX87) ? same_x87(ours, c.theirs) : ours.operands == c.theirs.operands;
    if (equal) return out;
    if (without_width(ours.operands) != without_width(c.theirs.operands)) return out | kOperands;
    // Areas and mere addresses have no width of ours.
    return needs_no_width(ours.operands) ? out : out | kWidth;
}

} // namespace

std::span<const Difference> known_differences() { return kDifferences; }

unsigned unexplained(const Comparison& comparison, std::vector<const Difference*>* used) {
    unsigned left = disagreement(comparison);
    if (!left) return 0;
    for (const Difference& difference : kDifferences) {
        if (!(left & (difference.excuses | (difference.excuses & kOperands ? kWidth : 0)))) continue;
        if (!difference.applies(comparison)) continue;
        left &= ~difference.excuses;
        if (difference.excuses & kOperands) left &= ~unsigned{kWidth};
        if (used) used->push_back(&difference);
    }
    return left;
}

} // namespace r86::test
#endif
