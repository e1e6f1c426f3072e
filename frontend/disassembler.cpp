#include "frontend/disassembler.h"
#ifdef R86_CAPSTONE
#include <capstone/capstone.h>
#else
#include "cpu/decoder/decoder.h"
#endif

namespace r86 {

#ifdef R86_CAPSTONE

Disassembled disassemble(std::span<const u8> bytes, u64 address, bool code32) {
    Disassembled out;
    csh handle = 0;
    if (cs_open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &handle) != CS_ERR_OK) return out;
    cs_insn* insn = nullptr;
    if (cs_disasm(handle, bytes.data(), bytes.size(), address, 1, &insn) == 1) {
        out.length = insn->size;
        out.text = insn->mnemonic;
        if (insn->op_str[0]) out.text += std::string(" ") + insn->op_str;
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return out;
}

#else

Disassembled disassemble(std::span<const u8> bytes, u64, bool code32) {
    static const Decoder decoder(find_cpu_model("max"));
    Insn insn;
    if (decoder.decode(bytes, code32 ? CodeSize::Bits32 : CodeSize::Bits16, insn) != DecodeResult::Ok) return {};
    return {insn.length, mnemonic_text(insn)};
}

#endif

} // namespace r86
