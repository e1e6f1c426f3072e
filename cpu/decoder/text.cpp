// Mnemonics as people read them.
#include "cpu/decoder/decoder.h"

namespace r86 {

namespace {

/// One of three names by size: 2, 4 or 8 bytes.
const char* by_size(unsigned size, const char* word, const char* dword, const char* qword) {
    return size == 2 ? word : size == 4 ? dword : qword;
}

} // namespace

std::string mnemonic_text(const Insn& insn) {
    const OpcodeRow& what = row(insn.row);
    const unsigned size = insn.operand_size;
    if (what.is_string()) {
        const unsigned width = insn.op[0].width;
        return std::string(what.text) + (width == 1 ? "b" : by_size(width, "w", "d", "q"));
    }
    switch (insn.mnemonic) {
    case Mnemonic::cbw: return by_size(size, "cbw", "cwde", "cdqe");
    case Mnemonic::cwd: return by_size(size, "cwd", "cdq", "cqo");
    case Mnemonic::pusha: return by_size(size, "pusha", "pushad", "");
    case Mnemonic::popa: return by_size(size, "popa", "popad", "");
    case Mnemonic::pushf: return by_size(size, "pushf", "pushfd", "pushfq");
    case Mnemonic::popf: return by_size(size, "popf", "popfd", "popfq");
    case Mnemonic::iret: return by_size(size, "iret", "iretd", "iretq");
    case Mnemonic::jcxz: return by_size(insn.address_size, "jcxz", "jecxz", "jrcxz");
    case Mnemonic::movd: return insn.rex & 8 ? "movq" : "movd";
    case Mnemonic::cmpxchg8b: return insn.rex & 8 ? "cmpxchg16b" : "cmpxchg8b";
    case Mnemonic::fxsave: return insn.rex & 8 ? "fxsave64" : "fxsave";
    case Mnemonic::fxrstor: return insn.rex & 8 ? "fxrstor64" : "fxrstor";
    default: return what.text;
    }
}

} // namespace r86
