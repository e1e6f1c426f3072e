#include "frontend/state_file.h"
#include "core/error.h"
#include "frontend/host/files.h"
#include <algorithm>
#include <string_view>
#include <zlib.h>

namespace r86 {

namespace {

// magic, version, size of the state, SHA-256 of the packed state, then the packed state; numbers are little-endian.
constexpr std::string_view kMagic = "rewind86 savestate\n";
constexpr u64 kVersion = 1;
constexpr usize kHeader = kMagic.size() + 8 + 8 + 32;
constexpr u64 kMostState = u64{8} << 30;

void put_u64(std::vector<u8>& out, u64 value) {
    for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

u64 get_u64(const u8* in) {
    u64 value = 0;
    for (unsigned i = 0; i < 8; ++i) value |= u64{in[i]} << (8 * i);
    return value;
}

std::array<u8, 32> checksum(std::span<const u8> bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

} // namespace

void save_state_file(Machine& machine, const std::string& path) {
    const std::vector<u8> state = machine.save();
    uLongf packed_size = compressBound(static_cast<uLong>(state.size()));
    std::vector<u8> packed(packed_size);
    if (compress2(packed.data(), &packed_size, state.data(), static_cast<uLong>(state.size()), 1) != Z_OK)
        throw UserError("the state could not be compressed");
    packed.resize(packed_size);
    std::vector<u8> file(kMagic.begin(), kMagic.end());
    put_u64(file, kVersion);
    put_u64(file, state.size());
    const auto sum = checksum(packed);
    file.insert(file.end(), sum.begin(), sum.end());
    file.insert(file.end(), packed.begin(), packed.end());
    write_host_file(path, file);
}

void load_state_file(Machine& machine, const std::string& path) {
    const std::vector<u8> file = read_host_file(path, "state", kMostState);
    const std::string subject = "state '" + path + "' ";
    if (file.size() < kHeader || !std::equal(kMagic.begin(), kMagic.end(), file.begin()))
        throw UserError(subject + "is no saved state of this program");
    const u8* header = file.data() + kMagic.size();
    if (get_u64(header) != kVersion) throw UserError(subject + "was made by another version of this program");
    const u64 size = get_u64(header + 8);
    const std::span<const u8> packed(file.data() + kHeader, file.size() - kHeader);
    const auto sum = checksum(packed);
    if (size > kMostState || !std::equal(sum.begin(), sum.end(), header + 16)) throw UserError(subject + "is damaged");
    std::vector<u8> state(size);
    uLongf unpacked = static_cast<uLongf>(size);
    if (uncompress(state.data(), &unpacked, packed.data(), static_cast<uLong>(packed.size())) != Z_OK ||
        unpacked != size)
        throw UserError(subject + "is damaged");
    const std::vector<u8> before = machine.save();
    try {
        machine.load(state);
    } catch (const UserError& error) {
        machine.load(before);
        throw UserError(subject + "belongs to another machine; start with the options it was made with. " +
                        error.what());
    }
}

} // namespace r86
