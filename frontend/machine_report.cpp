#include "frontend/machine_report.h"
#include "cpu/fpu/x87.h"
#include "frontend/disassembler.h"
#include <cstdio>

namespace r86 {

namespace {

std::string hex(u64 value, int digits) {
    char text[24];
    std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
    return text;
}

/// The most significant byte first, as one number.
std::string hex_number(const u8* bytes, usize count) {
    std::string text;
    while (count) text += hex(bytes[--count], 2);
    return text;
}

class Lines {
public:
    void add(const std::string& name, u64 value, int digits) { out.push_back(name + "=" + hex(value, digits)); }
    void add(const std::string& name, const std::string& value) { out.push_back(name + "=" + value); }
    void segment(const std::string& name, const Segment& segment) {
        add(name, segment.selector, 4);
        add(name + ".base", segment.base, 8);
        add(name + ".limit", segment.limit, 8);
        add(name + ".attributes", segment.attributes, 4);
    }
    std::vector<std::string> out;
};

void add_x87(Lines& lines, const X87State& x87) {
    lines.add("fcw", x87.control, 4);
    lines.add("fsw", x87.status, 4);
    lines.add("ftw", fpu::tag_word(x87), 4);
    lines.add("fop", x87.opcode, 4);
    lines.add("fcs", x87.instruction_selector, 4);
    lines.add("fip", x87.instruction_offset, 8);
    lines.add("fds", x87.operand_selector, 4);
    lines.add("fdp", x87.operand_offset, 8);
    const unsigned top = (x87.status >> 11) & 7;
    for (unsigned i = 0; i < 8; ++i) {
        const Float80& value = x87.st[(top + i) & 7];
        lines.add("st" + std::to_string(i), hex(value.sign_exponent, 4) + hex(value.significand, 16));
    }
    for (unsigned i = 0; i < 8; ++i) lines.add("mm" + std::to_string(i), x87.st[i].significand, 16);
}

} // namespace

std::vector<std::string> register_lines(const Machine& machine) {
    const Cpu& cpu = machine.cpu();
    const CpuState& s = cpu.s;
    Lines lines;
    static constexpr const char* kGeneral[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    for (unsigned i : {0u, 3u, 1u, 2u, 6u, 7u, 5u, 4u}) lines.add(kGeneral[i], s.gpr[i] & 0xFFFFFFFF, 8);
    lines.add("eip", s.rip & 0xFFFFFFFF, 8);
    lines.add("eflags", cpu.eflags(), 8);
    static constexpr std::pair<const char*, Seg> kSegmentNames[] = {{"cs", CS}, {"ss", SS}, {"ds", DS},
                                                                    {"es", ES}, {"fs", FS}, {"gs", GS}};
    for (const auto& [name, seg] : kSegmentNames) lines.segment(name, s.seg[seg]);
    lines.segment("ldtr", s.ldtr);
    lines.segment("tr", s.tr);
    lines.add("gdtr.base", s.gdtr.base, 8);
    lines.add("gdtr.limit", s.gdtr.limit, 4);
    lines.add("idtr.base", s.idtr.base, 8);
    lines.add("idtr.limit", s.idtr.limit, 4);
    lines.add("cr0", s.cr0, 8);
    lines.add("cr2", s.cr2, 8);
    lines.add("cr3", s.cr3, 8);
    lines.add("cr4", s.cr4, 8);
    for (unsigned i : {0u, 1u, 2u, 3u, 6u, 7u}) lines.add("dr" + std::to_string(i), s.dr[i], 8);
    lines.add("efer", s.msr.efer, 8);
    lines.add("sysenter_cs", s.msr.sysenter_cs, 8);
    lines.add("sysenter_esp", s.msr.sysenter_esp, 8);
    lines.add("sysenter_eip", s.msr.sysenter_eip, 8);
    lines.add("cpl", cpu.cpl(), 1);
    lines.add("a20", s.a20, 1);
    lines.add("smm", s.smm, 1);
    lines.add("halted", s.halted, 1);
    add_x87(lines, s.x87);
    for (unsigned i = 0; i < 8; ++i) lines.add("xmm" + std::to_string(i), hex_number(s.vector[i].bytes.data(), 16));
    lines.add("mxcsr", s.mxcsr, 8);
    return lines.out;
}

std::vector<std::string> hex_lines(const std::vector<u8>& bytes) {
    std::vector<std::string> lines;
    for (usize i = 0; i < bytes.size(); ++i) {
        if (i % 16 == 0)
            lines.emplace_back();
        else
            lines.back() += ' ';
        lines.back() += hex(bytes[i], 2);
    }
    return lines;
}

std::string cs_eip(const Machine& machine) {
    const CpuState& s = machine.cpu().s;
    return hex(s.seg[CS].selector, 4) + ":" + hex(s.rip & 0xFFFFFFFF, 8);
}

std::vector<std::string> code_lines(Machine& machine) {
    constexpr u64 kBack = 40, kForward = 16;
    constexpr usize kMostBefore = 8;
    const CpuState& s = machine.cpu().s;
    const u64 eip = s.rip & 0xFFFFFFFF;
    const bool code32 = s.seg[CS].db();
    // Instructions have no marks where they begin: of all starts whose instructions end exactly at EIP, the earliest.
    std::vector<std::string> lines;
    const auto bytes_at = [&](u64 offset, u64 count) {
        std::vector<u8> bytes;
        if (!machine.read_linear(s.seg[CS].base + offset, count, bytes)) bytes.clear();
        return bytes;
    };
    const u64 back = std::min(kBack, eip);
    const std::vector<u8> before = bytes_at(eip - back, back);
    const auto label = [&](u64 offset, const Disassembled& insn) {
        return hex(s.seg[CS].selector, 4) + ":" + hex(offset, 8) + "  " + insn.text;
    };
    for (u64 start = 0; start < before.size() && lines.empty(); ++start) {
        u64 at = start;
        while (at < before.size()) {
            const auto insn = disassemble(std::span(before).subspan(at), eip - back + at, code32);
            if (!insn.length) break;
            lines.push_back("   " + label(eip - back + at, insn));
            at += insn.length;
        }
        if (at != before.size()) lines.clear();
    }
    if (lines.size() > kMostBefore) lines.erase(lines.begin(), lines.end() - kMostBefore);
    const auto here = disassemble(bytes_at(eip, kForward), eip, code32);
    lines.push_back(
        "-> " + (here.length ? label(eip, here)
                             : hex(s.seg[CS].selector, 4) + ":" + hex(eip, 8) + "  (no instruction can be read here)"));
    return lines;
}

} // namespace r86
