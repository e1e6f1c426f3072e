#pragma once
/// Every instruction's semantic function, named by its mnemonic. See cpu/cpu.h for the convention.
#include "cpu/fault.h"
#include "cpu/insn.h"

namespace r86 {

class Cpu;
using Semantic = Fault (*)(Cpu&, const Insn&);

/// Declarations come from the instruction table: cpu/decoder/semantic_list.inc names each function once.
namespace exec {
#define R86_SEMANTIC(name) Fault name(Cpu&, const Insn&);
#include "cpu/decoder/semantic_list.inc"
#undef R86_SEMANTIC
} // namespace exec

} // namespace r86
