#pragma once
/// SHA-256 as FIPS 180-4, section 6.2, defines it. Digests of machines and of firmware files are made with it.
#include "core/types.h"
#include <array>
#include <span>
#include <string>

namespace r86 {

class Sha256 {
public:
    using Digest = std::array<u8, 32>;

    void update(std::span<const u8> data);
    /// Little-endian, so that every host hashes the same bytes.
    void update_u64(u64 value);
    /// Ends the message; the object must not be used afterwards.
    Digest finish();

    static Digest of(std::span<const u8> data);
    /// 64 lower-case hex digits.
    static std::string hex(const Digest& digest);

private:
    void block(const u8* bytes);

    std::array<u32, 8> h_{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                          0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    std::array<u8, 64> pending_{};
    usize pending_size_ = 0;
    u64 length_ = 0; // bytes
};

} // namespace r86
