#include "frontend/gdb/segments.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <charconv>

namespace r86::gdb {

namespace {

constexpr std::array<std::string_view, 6> kNames = {"es", "cs", "ss", "ds", "fs", "gs"};
constexpr u64 kNone = ~u64{0};

std::optional<u64> hex_number(std::string_view text) {
    if (text.substr(0, 2) == "0x") text.remove_prefix(2);
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// SDM Vol. 3, 3.4.5 "Segment Descriptors".
u64 descriptor_base(Machine& machine, u16 selector) {
    const CpuState& s = machine.cpu().s;
    const bool local = selector & 4;
    const u64 table = local ? s.ldtr.base : s.gdtr.base, limit = local ? s.ldtr.limit : s.gdtr.limit;
    const u64 offset = selector & ~7u;
    std::vector<u8> bytes;
    if ((!local && offset == 0) || offset + 7 > limit || !machine.read_linear(table + offset, 8, bytes))
        throw UserError("there is no segment with that selector");
    if (!(bytes[5] & 0x10)) throw UserError("that selector is a gate's or a system segment's");
    return u64{bytes[2]} | u64{bytes[3]} << 8 | u64{bytes[4]} << 16 | u64{bytes[7]} << 24;
}

} // namespace

u64 linear_of(Machine& machine, const std::string& text) {
    const usize colon = std::min(text.find(':'), text.size());
    const std::string segment = text.substr(0, colon);
    const u64 offset = hex_number(std::string_view(text).substr(std::min(colon + 1, text.size()))).value_or(kNone);
    const u64 selector = hex_number(segment).value_or(kNone);
    const auto named = std::find(kNames.begin(), kNames.end(), segment);
    if (offset > 0xFFFFFFFF || (named == kNames.end() && selector > 0xFFFF))
        throw UserError("an address such as f000:fff0 or ds:10, in hexadecimal, please");
    const Cpu& cpu = machine.cpu();
    u64 base = 0;
    if (named != kNames.end())
        base = cpu.s.seg[static_cast<usize>(named - kNames.begin())].base;
    else if (!cpu.protected_mode() || cpu.v86())
        base = selector << 4;
    else
        base = descriptor_base(machine, static_cast<u16>(selector));
    return (base + offset) & 0xFFFFFFFF;
}

} // namespace r86::gdb
