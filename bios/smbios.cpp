#include "bios/smbios.h"
#include "bios/byte_writer.h"
#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <string_view>

namespace r86 {

namespace {

/// Structures one after another: a header, formatted bytes, strings that end with an empty one (DSP0134, 6.1).
class Structures {
public:
    ByteWriter out;
    u16 count = 0;
    usize largest = 0;

    void begin(u8 type, u16 handle) {
        start_ = out.size();
        out.number(type, 1).number(0, 1).number(handle, 2);
    }
    void end(std::initializer_list<std::string_view> strings = {}) {
        out.patch(start_ + 1, out.size() - start_, 1);
        for (const std::string_view text : strings) out.text(text, text.size() + 1);
        out.zeros(strings.size() == 0 ? 2 : 1);
        largest = std::max(largest, out.size() - start_);
        ++count;
    }

private:
    usize start_ = 0;
};

u8 balance(const std::vector<u8>& bytes, usize from, usize length) {
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(from);
    return static_cast<u8>(-std::accumulate(first, first + static_cast<std::ptrdiff_t>(length), 0));
}

} // namespace

SmbiosFiles build_smbios(const SmbiosConfig& config) {
    Structures s;
    const u64 megabytes = config.ram_bytes >> 20;
    const u32 last_kilobyte = config.ram_bytes ? static_cast<u32>((config.ram_bytes >> 10) - 1) : 0;

    s.begin(0, 0x0000); // 7.1 BIOS information
    s.out.number(1, 1).number(2, 1).number(0xE800, 2).number(3, 1).number(0, 1);
    s.out.number(u64{1} << 3, 8)
        .number(0, 1)
        .number(0x10, 1); // characteristics: none; bit 4 of the last extension byte: a virtual machine
    s.out.number(1, 1).number(0, 1).number(0xFF, 1).number(0xFF, 1);
    s.end({"SeaBIOS", "bundled", "04/01/2014"});

    s.begin(1, 0x0100); // 7.2 system information
    s.out.number(1, 1).number(2, 1).number(3, 1).number(0, 1).zeros(16).number(6, 1).number(0, 1).number(0, 1);
    s.end({"rewind86", "i440FX PC", "1"});

    s.begin(3, 0x0300); // 7.4 enclosure
    s.out.number(1, 1).number(1, 1).number(0, 1).number(0, 1).number(0, 1);
    s.out.number(3, 1).number(3, 1).number(3, 1).number(2, 1).number(0, 4);
    s.out.number(0, 1).number(0, 1).number(0, 1).number(0, 1).number(0, 1);
    s.end({"rewind86"});

    s.begin(4, 0x0400);                                        // 7.5 processor information
    s.out.number(1, 1).number(3, 1).number(1, 1).number(2, 1); // socket, CPU, family other, manufacturer
    s.out.number(config.processor_signature, 4).number(config.processor_features, 4).number(0, 1).number(0, 1);
    s.out.number(0, 2).number(config.processor_mhz, 2).number(config.processor_mhz, 2).number(0x41, 1).number(1, 1);
    s.out.number(0xFFFF, 2).number(0xFFFF, 2).number(0xFFFF, 2).zeros(3);
    s.out.number(1, 1).number(1, 1).number(1, 1).number(2, 2).number(1, 2);
    s.end({"CPU 0", "rewind86"});

    s.begin(16, 0x1000); // 7.17 physical memory array
    s.out.number(3, 1).number(3, 1).number(6, 1).number(config.ram_bytes >> 10, 4).number(0xFFFE, 2).number(1, 2);
    s.end();

    s.begin(17, 0x1100); // 7.18 memory device
    s.out.number(0x1000, 2).number(0xFFFE, 2).number(0xFFFF, 2).number(0xFFFF, 2);
    if (megabytes < 0x7FFF && megabytes > 0)
        s.out.number(megabytes, 2);
    else
        s.out.number(0x8000 | (megabytes ? 0x7FFF : (config.ram_bytes >> 10) & 0x7FFF), 2); // kilobytes
    s.out.number(9, 1).number(0, 1).number(1, 1).number(0, 1).number(7, 1).number(2, 2).number(0, 2);
    s.out.number(2, 1).number(0, 1).number(0, 1).number(0, 1).number(0, 1);
    s.end({"DIMM 0", "rewind86"});

    s.begin(19, 0x1300); // 7.20 memory array mapped address
    s.out.number(0, 4).number(last_kilobyte, 4).number(0x1000, 2).number(1, 1);
    s.end();

    s.begin(32, 0x2000); // 7.33 system boot information
    s.out.zeros(6).number(0, 1);
    s.end();

    s.begin(127, 0x7F00); // 7.45 end of table
    s.end();

    // 5.2.1: the 32-bit entry point. Firmware puts in the address and corrects both checksums.
    ByteWriter anchor;
    anchor.text("_SM_", 4).number(0, 1).number(0x1F, 1).number(2, 1).number(8, 1).number(s.largest, 2);
    anchor.number(0, 1).zeros(5).text("_DMI_", 5).number(0, 1);
    anchor.number(s.out.size(), 2).number(0, 4).number(s.count, 2).number(0x28, 1);
    anchor.patch(0x15, balance(anchor.bytes, 0x10, 0x0F), 1);
    anchor.patch(0x04, balance(anchor.bytes, 0, 0x1F), 1);
    return {std::move(anchor.bytes), std::move(s.out.bytes)};
}

} // namespace r86
