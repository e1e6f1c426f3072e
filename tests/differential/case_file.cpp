#include "tests/differential/case_file.h"
#include <algorithm>
#include <istream>
#include <ostream>
#include <sstream>
#include <stdexcept>

namespace r86::differential {

namespace {

const char* const kGprNames[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
const char* const kSegmentNames[] = {"es", "cs", "ss", "ds", "fs", "gs"};

template <class Bytes>
std::string hex(const Bytes& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const u8 byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

template <class Bytes>
void from_hex(const std::string& text, Bytes& out) {
    if (text.size() != out.size() * 2) throw std::runtime_error("wrong number of bytes: " + text);
    for (usize i = 0; i < out.size(); ++i) out[i] = static_cast<u8>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
}

std::vector<u8> bytes_of(const std::string& text) {
    std::vector<u8> out(text.size() / 2);
    from_hex(text, out);
    return out;
}

void write_registers(std::ostream& out, const char* which, const Registers& r, const Registers* base) {
    const auto number = [&](const std::string& name, u64 value, u64 before) {
        if (!base || value != before) out << which << " " << name << " " << std::hex << value << std::dec << "\n";
    };
    const Registers zero;
    const Registers& b = base ? *base : zero;
    for (unsigned i = 0; i < 8; ++i) number(kGprNames[i], r.gpr[i], b.gpr[i]);
    for (unsigned i = 0; i < kSegments; ++i) number(kSegmentNames[i], r.selector[i], b.selector[i]);
    number("eip", r.eip, b.eip);
    number("eflags", r.eflags, b.eflags);
    number("fcw", r.fp.control, b.fp.control);
    number("fsw", r.fp.status, b.fp.status);
    number("ftw", r.fp.tag, b.fp.tag);
    number("fip", r.fp.fip, b.fp.fip);
    number("mxcsr", r.fp.mxcsr, b.fp.mxcsr);
    for (unsigned i = 0; i < 8; ++i) {
        if (!base || r.fp.st[i] != b.fp.st[i]) out << which << " st" << i << " " << hex(r.fp.st[i]) << "\n";
        if (!base || r.fp.xmm[i] != b.fp.xmm[i]) out << which << " xmm" << i << " " << hex(r.fp.xmm[i]) << "\n";
    }
}

void read_register(Registers& r, const std::string& name, const std::string& value) {
    for (unsigned i = 0; i < 8; ++i) {
        if (name == "st" + std::to_string(i)) return from_hex(value, r.fp.st[i]);
        if (name == "xmm" + std::to_string(i)) return from_hex(value, r.fp.xmm[i]);
    }
    const u32 number = static_cast<u32>(std::stoul(value, nullptr, 16));
    for (unsigned i = 0; i < 8; ++i)
        if (name == kGprNames[i]) {
            r.gpr[i] = number;
            return;
        }
    for (unsigned i = 0; i < kSegments; ++i)
        if (name == kSegmentNames[i]) {
            r.selector[i] = static_cast<u16>(number);
            return;
        }
    if (name == "eip")
        r.eip = number;
    else if (name == "eflags")
        r.eflags = number;
    else if (name == "fcw")
        r.fp.control = static_cast<u16>(number);
    else if (name == "fsw")
        r.fp.status = static_cast<u16>(number);
    else if (name == "ftw")
        r.fp.tag = static_cast<u8>(number);
    else if (name == "fip")
        r.fp.fip = number;
    else if (name == "mxcsr")
        r.fp.mxcsr = number;
    else
        throw std::runtime_error("no register " + name);
}

} // namespace

void write_case(std::ostream& out, const Case& from) {
    const Layout layout = lay_out(from.program);
    out << "case " << from.story << "\n" << std::hex;
    out << "code " << hex(std::vector<u8>(layout.code.begin(), layout.code.begin() + layout.begin.back())) << "\n";
    out << "bits " << std::dec << (from.program.code16 ? 16 : 32) << (from.program.based_code ? " based" : "") << "\n";
    out << "memory-seed " << std::hex << from.program.memory_seed << "\n" << std::dec;
    write_registers(out, "start", from.program.start, nullptr);
    const Outcome& host = from.host;
    if (host.ending == Ending::Fault)
        out << std::hex << "fault " << unsigned{host.vector} << " " << host.error << " " << host.fault_address << "\n"
            << std::dec;
    if (from.undefined) out << std::hex << "undefined " << from.undefined << "\n" << std::dec;
    write_registers(out, "end", host.registers, &from.program.start);
    const std::vector<u8> before = initial_memory(from.program, layout);
    u32 image = 0;
    for (const Region& region : kRegions)
        for (u32 i = 0; i < region.size; ++i, ++image)
            if (before[image] != host.memory[image]) {
                std::vector<u8> run;
                const u32 at = region.base + i;
                for (; i < region.size && before[image] != host.memory[image]; ++i, ++image)
                    run.push_back(host.memory[image]);
                --i, --image;
                out << "store " << std::hex << at << " " << hex(run) << "\n" << std::dec;
            }
    out << "\n";
}

std::vector<Case> read_cases(std::istream& in) {
    std::vector<Case> out;
    std::vector<std::pair<u32, std::vector<u8>>> stores;
    std::vector<std::pair<std::string, std::string>> ends;
    const auto finish = [&] {
        if (out.empty()) return;
        Case& c = out.back();
        const Layout layout = lay_out(c.program);
        c.host.registers = c.program.start;
        for (const auto& [name, value] : ends) read_register(c.host.registers, name, value);
        c.host.memory = initial_memory(c.program, layout);
        for (const auto& [at, bytes] : stores)
            std::copy(bytes.begin(), bytes.end(), c.host.memory.begin() + image_offset(at));
        stores.clear();
        ends.clear();
    };
    std::string line;
    for (unsigned number = 1; std::getline(in, line); ++number) {
        std::istringstream words(line);
        std::string word, first, second;
        if (!(words >> word) || word[0] == '#') continue;
        try {
            if (word == "case") {
                finish();
                out.emplace_back();
                out.back().host.ending = Ending::Exit;
                std::getline(words >> std::ws, out.back().story);
                continue;
            }
            if (out.empty()) throw std::runtime_error("a case begins with 'case'");
            Case& c = out.back();
            words >> first >> second;
            if (word == "code") {
                Piece piece;
                piece.bytes = bytes_of(first);
                c.program.pieces = {piece};
            } else if (word == "bits") {
                c.program.code16 = first == "16";
                c.program.based_code = second == "based";
            } else if (word == "memory-seed") {
                c.program.memory_seed = std::stoull(first, nullptr, 16);
            } else if (word == "start") {
                read_register(c.program.start, first, second);
            } else if (word == "end") {
                ends.emplace_back(first, second);
            } else if (word == "store") {
                stores.emplace_back(static_cast<u32>(std::stoul(first, nullptr, 16)), bytes_of(second));
            } else if (word == "undefined") {
                c.undefined = static_cast<u32>(std::stoul(first, nullptr, 16));
            } else if (word == "fault") {
                std::string third;
                words >> third;
                c.host.ending = Ending::Fault;
                c.host.vector = static_cast<u8>(std::stoul(first, nullptr, 16));
                c.host.error = static_cast<u32>(std::stoul(second, nullptr, 16));
                c.host.fault_address = static_cast<u32>(std::stoul(third, nullptr, 16));
            } else {
                throw std::runtime_error("no such word: " + word);
            }
        } catch (const std::exception& error) {
            throw std::runtime_error("line " + std::to_string(number) + ": " + error.what());
        }
    }
    finish();
    return out;
}

} // namespace r86::differential
