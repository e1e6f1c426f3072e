#include "frontend/gdb/registers.h"
#include "cpu/fpu/x87.h"

namespace r86::gdb {

namespace {

struct Register {
    std::string name;
    unsigned bits;
    const char* type;
    const char* feature;
    std::string field; ///< of the processor's visit; empty: read-only here
};

constexpr const char* kCore = "org.gnu.gdb.i386.core";
constexpr const char* kSse = "org.gnu.gdb.i386.sse";
constexpr const char* kSystem = "org.rewind86.system";
constexpr usize kGeneral = 0, kEip = 8, kEflags = 9, kSegments_ = 10, kSt = 16, kFpuControl = 24, kXmm = 32,
                kMxcsr = 40, kSystemFirst = 41;
constexpr Seg kSegmentOrder[] = {CS, SS, DS, ES, FS, GS};

std::vector<Register> make_table() {
    std::vector<Register> all;
    const char* general[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    for (const char* name : general)
        all.push_back(
            {std::string("e") + name, 32, name[1] == 'p' ? "data_ptr" : "int32", kCore, std::string("r") + name});
    all.push_back({"eip", 32, "code_ptr", kCore, "rip"});
    all.push_back({"eflags", 32, "int32", kCore, "eflags"});
    for (const char* name : {"cs", "ss", "ds", "es", "fs", "gs"})
        all.push_back({name, 32, "int32", kCore, std::string(name) + ".selector"});
    for (int i = 0; i < 8; ++i) all.push_back({"st" + std::to_string(i), 80, "i387_ext", kCore, ""});
    for (const char* name : {"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"})
        all.push_back({name, 32, "int", kCore, ""});
    for (int i = 0; i < 8; ++i)
        all.push_back({"xmm" + std::to_string(i), 128, "uint128", kSse, "vector" + std::to_string(i)});
    all.push_back({"mxcsr", 32, "int", kSse, "mxcsr"});
    for (const char* name : {"cr0", "cr2", "cr3", "cr4"}) all.push_back({name, 32, "int32", kSystem, name});
    for (int i : {0, 1, 2, 3, 6, 7})
        all.push_back({"dr" + std::to_string(i), 32, "int32", kSystem, "dr[" + std::to_string(i) + "]"});
    for (const char* name : {"gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "ldtr", "tr", "efer", "cs_base",
                             "ss_base", "ds_base", "es_base", "fs_base", "gs_base", "offset_eip", "offset_esp", "cpl"})
        all.push_back({name, 32, "int32", kSystem, ""});
    return all;
}

const std::vector<Register>& table() {
    static const std::vector<Register> all = make_table();
    return all;
}

std::vector<u8> little(u64 value, unsigned bytes) {
    std::vector<u8> out(bytes);
    for (unsigned i = 0; i < bytes && i < 8; ++i) out[i] = static_cast<u8>(value >> (8 * i));
    return out;
}

u32 stack_base(const CpuState& s) { return static_cast<u32>(s.seg[SS].base); }

u64 system_register(const Machine& machine, usize n) {
    const CpuState& s = machine.cpu().s;
    constexpr usize kDebug[] = {0, 1, 2, 3, 6, 7};
    switch (n) {
    case 0: return s.cr0;
    case 1: return s.cr2;
    case 2: return s.cr3;
    case 3: return s.cr4;
    default: break;
    }
    if (n < 10) return s.dr[kDebug[n - 4]];
    switch (n - 10) {
    case 0: return s.gdtr.base;
    case 1: return s.gdtr.limit;
    case 2: return s.idtr.base;
    case 3: return s.idtr.limit;
    case 4: return s.ldtr.selector;
    case 5: return s.tr.selector;
    case 6: return s.msr.efer;
    default: break;
    }
    if (n - 17 < 6) return s.seg[kSegmentOrder[n - 17]].base;
    return n == 23 ? s.rip : n == 24 ? s.gpr[RSP] : machine.cpu().cpl();
}

} // namespace

usize register_count() { return table().size(); }

std::string target_description(const Machine& machine) {
    const bool wide = machine.cpu().code32();
    std::string xml = "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>";
    xml += wide ? "i386" : "i8086";
    xml += "</architecture>";
    const char* feature = "";
    for (usize i = 0; i < table().size(); ++i) {
        const Register& one = table()[i];
        if (std::string(feature) != one.feature) {
            if (*feature) xml += "</feature>";
            feature = one.feature;
            xml += std::string("<feature name=\"") + feature + "\">";
        }
        xml += "<reg name=\"" + one.name + "\" bitsize=\"" + std::to_string(one.bits) + "\" type=\"" + one.type +
               "\" regnum=\"" + std::to_string(i) + "\"/>";
    }
    return xml + "</feature></target>";
}

std::vector<u8> read_register(const Machine& machine, usize number) {
    if (number >= table().size()) return {};
    const Cpu& cpu = machine.cpu();
    const CpuState& s = cpu.s;
    const unsigned bytes = table()[number].bits / 8;
    if (number == RSP) return little(s.gpr[RSP] + stack_base(s), 4);
    if (number < kEip) return little(s.gpr[number - kGeneral], 4);
    if (number == kEip) return little(s.rip + s.seg[CS].base, 4);
    if (number == kEflags) return little(cpu.eflags(), 4);
    if (number < kSt) return little(s.seg[kSegmentOrder[number - kSegments_]].selector, 4);
    if (number < kFpuControl) {
        const Float80& value = s.x87.st[(((s.x87.status >> 11) & 7) + number - kSt) & 7];
        std::vector<u8> out = little(value.significand, 8);
        for (const u8 byte : little(value.sign_exponent, 2)) out.push_back(byte);
        return out;
    }
    if (number < kXmm) {
        const X87State& x = s.x87;
        const u64 values[] = {
            x.control,          x.status,         fpu::tag_word(x), x.instruction_selector, x.instruction_offset,
            x.operand_selector, x.operand_offset, x.opcode};
        return little(values[number - kFpuControl], 4);
    }
    if (number < kMxcsr) {
        const auto& value = s.vector[number - kXmm].bytes;
        return {value.begin(), value.begin() + bytes};
    }
    if (number == kMxcsr) return little(s.mxcsr, 4);
    return little(system_register(machine, number - kSystemFirst), 4);
}

namespace {

/// ST(i), which is a place among the physical registers, and the control registers. A register that is written is no
/// longer empty.
std::vector<HostInput> write_x87(const Machine& machine, usize number, const std::vector<u8>& value) {
    X87State x = machine.cpu().s.x87;
    const auto poke = [](const std::string& field, std::vector<u8> bytes) {
        return input::Poke{"x87." + field, 0, std::move(bytes)};
    };
    if (number < kFpuControl) {
        if (value.size() < 10) return {};
        const unsigned reg = ((x.status >> 11 & 7) + static_cast<unsigned>(number - kSt)) & 7;
        const std::string name = "r" + std::to_string(reg);
        fpu::set_full(x, reg);
        return {poke(name + ".significand", {value.begin(), value.begin() + 8}),
                poke(name + ".sign_exponent", {value.begin() + 8, value.begin() + 10}), poke("tag", little(x.tag, 2))};
    }
    u64 plain = 0;
    for (usize i = 0; i < std::min<usize>(4, value.size()); ++i) plain |= u64{value[i]} << (8 * i);
    static constexpr const char* kFields[] = {"control", "status", "tag", "fcs", "fip", "fds", "fdp", "fop"};
    static constexpr unsigned kBytes[] = {2, 2, 2, 2, 4, 2, 4, 2};
    const usize which = number - kFpuControl;
    if (which == 2) { // what the tag word says of contents follows from them
        fpu::set_tag_word(x, static_cast<u16>(plain));
        plain = x.tag;
    }
    return {poke(kFields[which], little(plain, kBytes[which]))};
}

} // namespace

std::vector<HostInput> write_register(const Machine& machine, usize number, const std::vector<u8>& value) {
    if (number >= kSt && number < kXmm) return write_x87(machine, number, value);
    if (number >= table().size() || table()[number].field.empty()) return {};
    const CpuState& s = machine.cpu().s;
    std::vector<u8> bytes = value;
    u64 plain = 0;
    for (usize i = 0; i < std::min<usize>(8, value.size()); ++i) plain |= u64{value[i]} << (8 * i);
    if (number == kEip) bytes = little(plain - s.seg[CS].base, 4);
    if (number == RSP) bytes = little(plain - stack_base(s), 4);
    std::vector<HostInput> inputs{input::Poke{table()[number].field, 0, bytes}};
    if (number >= kSegments_ && number < kSt) {
        // In protected mode the hidden part stays: GDB changes what it shows, no descriptor is loaded.
        if (!machine.cpu().real_or_v86()) return {};
        inputs.push_back(input::Poke{table()[number].name + ".base", 0, little((plain & 0xFFFF) << 4, 8)});
    }
    return inputs;
}

} // namespace r86::gdb
