#include "tests/differential/outcome.h"
#include "cpu/flags.h"
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace r86::differential {

namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* text, ...) {
    char buffer[256];
    va_list arguments;
    va_start(arguments, text);
    std::vsnprintf(buffer, sizeof buffer, text, arguments);
    va_end(arguments);
    return buffer;
}

template <size_t N>
std::string hex(const std::array<u8, N>& bytes) {
    std::string out;
    for (size_t i = N; i-- > 0;) out += format("%02x", bytes[i]);
    return out;
}

std::string ending_text(const Outcome& o) {
    switch (o.ending) {
    case Ending::Exit: return "exit";
    case Ending::Fault:
        return format("fault %u error %x at %x", o.vector, o.error, o.registers.eip) +
               (o.vector == 14 ? format(" of %x", o.fault_address) : "");
    case Ending::Timeout: return "timeout";
    case Ending::Broken: break;
    }
    return "broken";
}

} // namespace

std::string compare(const Outcome& native, const Outcome& emulated, const Mask& mask) {
    std::string out;
    const auto field = [&](const std::string& name, u64 a, u64 b) {
        if (a != b)
            out += name + format(": native %llx, emulated %llx\n", static_cast<unsigned long long>(a),
                                 static_cast<unsigned long long>(b));
    };
    if (native.ending != emulated.ending || native.vector != emulated.vector || native.error != emulated.error)
        return "ending: native " + ending_text(native) + ", emulated " + ending_text(emulated) + "\n";
    const Registers &a = native.registers, &b = emulated.registers;
    static constexpr const char* kNames[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static constexpr const char* kSegments_[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    for (unsigned i = 0; i < 8; ++i) field(kNames[i], a.gpr[i], b.gpr[i]);
    field("eip", a.eip, b.eip);
    field("eflags", a.eflags & ~mask.flags, b.eflags & ~mask.flags);
    // A return to an outer level clears null selectors altogether (Intel), and the host's kernel makes such returns.
    for (unsigned i = 0; i < kSegments; ++i)
        field(kSegments_[i], a.selector[i] < 4 ? 0 : a.selector[i], b.selector[i] < 4 ? 0 : b.selector[i]);
    if (native.vector == 14) field("cr2", native.fault_address, emulated.fault_address);
    field("fcw", a.fp.control, b.fp.control);
    field("fsw", a.fp.status, b.fp.status);
    field("ftw", a.fp.tag, b.fp.tag);
    field("fip", a.fp.fip, b.fp.fip);
    field("mxcsr", a.fp.mxcsr, b.fp.mxcsr);
    for (unsigned i = 0; i < 8; ++i) {
        if (a.fp.st[i] != b.fp.st[i])
            out += format("st%u: native %s, emulated %s\n", i, hex(a.fp.st[i]).c_str(), hex(b.fp.st[i]).c_str());
        if (a.fp.xmm[i] != b.fp.xmm[i])
            out += format("xmm%u: native %s, emulated %s\n", i, hex(a.fp.xmm[i]).c_str(), hex(b.fp.xmm[i]).c_str());
    }
    if (native.memory != emulated.memory) {
        u32 at = 0, shown = 0;
        for (const Region& region : kRegions)
            for (u32 i = 0; i < region.size; ++i, ++at)
                if (native.memory[at] != emulated.memory[at] && ++shown <= 16)
                    out += format("[%x]: native %02x, emulated %02x\n", region.base + i, native.memory[at],
                                  emulated.memory[at]);
        if (shown > 16) out += format("and %u more bytes\n", shown - 16);
    }
    return out;
}

} // namespace r86::differential
