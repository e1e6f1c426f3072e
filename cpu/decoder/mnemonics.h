#pragma once
/// One Mnemonic per semantic function (all Jcc are `jcc`, CBW/CWDE/CDQE are `cbw`, MOV to and from segment registers is
/// `mov_sreg`). The text that a person reads comes from the instruction's row: mnemonic_text in cpu/decoder/decoder.h.
#include "core/types.h"

namespace r86 {

enum class Mnemonic : u16 {
    invalid, ///< never in a decoded instruction; an invalid opcode is `ud`
#define R86_SEMANTIC(name) name,
#include "cpu/decoder/semantic_list.inc"
#undef R86_SEMANTIC
    kCount
};

} // namespace r86
