#include "tests/cpu/moo.h"
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <zlib.h>

namespace r86::vectors {

namespace {

constexpr const char* kNames[kRegisters] = {"cr0", "cr3", "eax", "ebx", "ecx", "edx", "esi", "edi",    "ebp", "esp",
                                            "cs",  "ds",  "es",  "fs",  "gs",  "ss",  "eip", "eflags", "dr6", "dr7"};
/// Order of a REGS chunk.
constexpr Register kOrder16[] = {Eax, Ebx, Ecx, Edx, Cs, Ss, Ds, Es, Esp, Ebp, Esi, Edi, Eip, Eflags};

/// gzread passes files through that are not compressed.
std::vector<u8> read_file(const std::string& path) {
    gzFile file = gzopen(path.c_str(), "rb");
    if (!file) throw std::runtime_error(path + ": cannot be opened");
    std::vector<u8> data;
    u8 buffer[65536];
    int n;
    while ((n = gzread(file, buffer, sizeof buffer)) > 0) data.insert(data.end(), buffer, buffer + n);
    gzclose(file);
    if (n < 0) throw std::runtime_error(path + ": damaged gzip data");
    return data;
}

/// Little-endian fields one after the other; running over the end throws.
class Reader {
public:
    explicit Reader(std::span<const u8> data) : data_(data) {}
    bool empty() const { return data_.empty(); }
    u32 number(unsigned bytes) {
        u32 value = 0;
        const std::span<const u8> field = take(bytes);
        for (unsigned i = 0; i < bytes; ++i) value |= u32{field[i]} << (8 * i);
        return value;
    }
    std::span<const u8> take(usize n) {
        if (n > data_.size()) throw std::runtime_error("a chunk is shorter than its contents");
        const std::span<const u8> field = data_.first(n);
        data_ = data_.subspan(n);
        return field;
    }
    std::string text(usize n) {
        const std::span<const u8> field = take(n);
        return {field.begin(), field.end()};
    }
    /// The next chunk's type; `payload` reads its contents.
    std::string chunk(Reader& payload) {
        std::string type = text(4);
        payload = Reader(take(number(4)));
        return type;
    }

private:
    std::span<const u8> data_;
};

/// REGS, RMSK (16-bit) and RG32, RM32: a bit mask, then a value for each set bit.
template <class F>
void read_registers(Reader payload, bool wide, F set) {
    const u32 present = payload.number(wide ? 4 : 2);
    for (unsigned n = 0; n < (wide ? 32 : 16); ++n) {
        if (!((present >> n) & 1)) continue;
        const u32 value = payload.number(wide ? 4 : 2);
        if (wide && n < kRegisters) set(n, value);
        if (!wide && n < std::size(kOrder16)) set(kOrder16[n], value);
    }
}

using Mask = std::array<u32, kRegisters>;

void read_mask(Reader payload, bool wide, Mask& mask) {
    read_registers(payload, wide, [&](unsigned reg, u32 value) { mask[reg] &= wide ? value : value | 0xFFFF0000; });
}

void read_state(Reader reader, State& state, Mask& mask, bool& wide_file) {
    while (!reader.empty()) {
        Reader payload{{}};
        const std::string type = reader.chunk(payload);
        if (type == "REGS" || type == "RG32") {
            const bool wide = type == "RG32";
            wide_file |= wide;
            read_registers(payload, wide, [&](unsigned reg, u32 value) {
                state.present |= u32{1} << reg;
                state.regs[reg] = value;
            });
        } else if (type == "RMSK" || type == "RM32") {
            read_mask(payload, type == "RM32", mask);
        } else if (type == "RAM ") {
            for (u32 n = payload.number(4); n; --n) {
                const u32 address = payload.number(4);
                state.ram.emplace_back(address, static_cast<u8>(payload.number(1)));
            }
        }
    }
}

Vector read_test(Reader reader, const Mask& file_mask, bool& wide) {
    Vector test;
    test.mask = file_mask;
    test.index = reader.number(4);
    while (!reader.empty()) {
        Reader payload{{}};
        const std::string type = reader.chunk(payload);
        if (type == "NAME") {
            test.name = payload.text(payload.number(4));
        } else if (type == "BYTS") {
            const std::span<const u8> bytes = payload.take(payload.number(4));
            test.bytes.assign(bytes.begin(), bytes.end());
        } else if (type == "INIT") {
            read_state(payload, test.before, test.mask, wide);
        } else if (type == "FINA") {
            read_state(payload, test.after, test.mask, wide);
        } else if (type == "EXCP") {
            test.exception = true;
            test.exception_number = static_cast<u8>(payload.number(1));
            test.flags_address = payload.number(4);
        }
    }
    return test;
}

File read_moo(Reader reader) {
    File file;
    Mask mask;
    mask.fill(0xFFFFFFFF);
    while (!reader.empty()) {
        Reader payload{{}};
        const std::string type = reader.chunk(payload);
        if (type == "MOO ") {
            payload.take(8);
            file.cpu = payload.text(4);
            while (!file.cpu.empty() && file.cpu.back() == ' ') file.cpu.pop_back();
        } else if (type == "RMSK" || type == "RM32") {
            read_mask(payload, type == "RM32", mask);
        } else if (type == "TEST") {
            file.tests.push_back(read_test(payload, mask, file.wide));
        }
    }
    return file;
}

void read_json_state(const nlohmann::json& json, State& state) {
    static constexpr const char* kNames16[] = {"ax", "bx", "cx", "dx", "cs", "ss", "ds",
                                               "es", "sp", "bp", "si", "di", "ip", "flags"};
    const nlohmann::json& regs = json.at("regs");
    for (unsigned n = 0; n < std::size(kOrder16); ++n) {
        if (!regs.contains(kNames16[n])) continue;
        state.present |= u32{1} << kOrder16[n];
        state.regs[kOrder16[n]] = regs.at(kNames16[n]).get<u32>();
    }
    for (const nlohmann::json& entry : json.at("ram"))
        state.ram.emplace_back(entry.at(0).get<u32>(), static_cast<u8>(entry.at(1).get<u32>()));
}

/// An array of {name, bytes, initial {regs, ram}, final {regs, ram}}: the first 8088 and 8086 sets.
File read_json(std::span<const u8> data) {
    File file;
    file.cpu = "8086";
    for (const nlohmann::json& json : nlohmann::json::parse(data.begin(), data.end())) {
        Vector test;
        test.mask.fill(0xFFFFFFFF);
        test.index = static_cast<u32>(file.tests.size());
        test.name = json.value("name", "");
        for (const nlohmann::json& byte : json.at("bytes")) test.bytes.push_back(static_cast<u8>(byte.get<u32>()));
        read_json_state(json.at("initial"), test.before);
        read_json_state(json.at("final"), test.after);
        file.tests.push_back(std::move(test));
    }
    return file;
}

} // namespace

const char* register_name(unsigned reg) { return kNames[reg]; }

File load(const std::string& path) {
    const std::vector<u8> data = read_file(path);
    try {
        if (data.size() >= 4 && std::memcmp(data.data(), "MOO ", 4) == 0) return read_moo(Reader(data));
        if (!data.empty() && data[0] == '[') return read_json(data);
    } catch (const std::exception& error) {
        throw std::runtime_error(path + ": " + error.what());
    }
    throw std::runtime_error(path + ": neither a MOO file nor a JSON array");
}

} // namespace r86::vectors
