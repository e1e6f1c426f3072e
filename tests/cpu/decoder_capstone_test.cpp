// The decoder against Capstone: every opcode with the prefixes that matter and every ModRM and SIB byte, in the three
// code sizes, and random byte strings. VEX, EVEX and XOP encodings are #UD in this decoder and excused as later
// extensions. The long forms run as `unit_cpu "[capstone-long]"`.
#ifdef R86_HAVE_CAPSTONE
#include "tests/catch.h"
#include "tests/cpu/capstone_compare.h"
#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>

namespace r86::test {

namespace {

constexpr CodeSize kSizes[] = {CodeSize::Bits16, CodeSize::Bits32, CodeSize::Bits64};
constexpr const char* kSizeNames[] = {"16", "32", "64"};

/// Everything that the table has, whether or not the models offer it.
CpuModel whole_model() {
    CpuModel model = find_cpu_model("max");
    for (const OpcodeRow& row : all_rows())
        if (row.feature != Feature::Count) model.set(row.feature);
    return model;
}

std::string hex_bytes(std::span<const u8> bytes) {
    std::string out;
    for (const u8 byte : bytes) {
        char text[4];
        std::snprintf(text, sizeof text, "%02X ", byte);
        out += text;
    }
    return out;
}

class Bench {
public:
    /// Compares one byte string; remembers what cannot be explained.
    void compare(std::span<const u8> bytes, CodeSize size) {
        Comparison c;
        c.size = size;
        c.bytes = bytes;
        const DecodeResult result = decoder_.decode(bytes, size, c.insn);
        Capstone& capstone = capstones_[static_cast<usize>(size)];
        c.ours = words_of(c.insn, result, size);
        c.theirs = capstone.decode(bytes, c.insn);
        c.later_extension = capstone.later_extension();
        ++count_;
        used_.clear();
        const unsigned left = unexplained(c, &used_);
        for (const Difference* difference : used_) ++uses_[difference];
        if (!left) return;
        if (++failures_ <= 20)
            UNSCOPED_INFO(kSizeNames[static_cast<usize>(size)] << " bits, " << hex_bytes(bytes) << ": ours "
                                                               << c.ours.text() << ", Capstone's " << c.theirs.text());
    }
    void compare(std::span<const u8> bytes) {
        for (const CodeSize size : kSizes) compare(bytes, size);
    }

    const Decoder& decoder() const { return decoder_; }
    u64 count() const { return count_; }
    u64 failures() const { return failures_; }
    u64 uses(const Difference& difference) const {
        const auto found = uses_.find(&difference);
        return found == uses_.end() ? 0 : found->second;
    }

private:
    CpuModel model_ = whole_model();
    Decoder decoder_{model_};
    std::array<Capstone, 3> capstones_{Capstone(kSizes[0]), Capstone(kSizes[1]), Capstone(kSizes[2])};
    std::vector<const Difference*> used_;
    std::map<const Difference*, u64> uses_;
    u64 count_ = 0;
    u64 failures_ = 0;
};

using Prefixes = std::vector<u8>;

/// One of each kind, and the pairs that change each other's meaning.
const std::vector<Prefixes>& prefix_sets(CodeSize size) {
    static const std::vector<Prefixes> plain = {{},           {0x66},       {0x67},       {0xF2}, {0xF3}, {0xF0},
                                                {0x66, 0x67}, {0x66, 0xF2}, {0x66, 0xF3}, {0x26}, {0x64}, {0x2E},
                                                {0xF0, 0x66}, {0xF3, 0x67}, {0xF2, 0xF3}, {0x36}, {0x3E}, {0x65}};
    static const std::vector<Prefixes> with_rex = [] {
        std::vector<Prefixes> out = plain;
        for (const Prefixes& before : {Prefixes{}, Prefixes{0x66}, Prefixes{0xF2}, Prefixes{0xF3}, Prefixes{0xF0}})
            for (const u8 rex : {0x40, 0x41, 0x42, 0x44, 0x48, 0x4F}) {
                Prefixes both = before;
                both.push_back(rex);
                out.push_back(both);
            }
        return out;
    }();
    return size == CodeSize::Bits64 ? with_rex : plain;
}

struct OpcodeBytes {
    std::array<u8, 3> bytes{};
    usize count = 1;
};

std::vector<OpcodeBytes> all_opcodes() {
    std::vector<OpcodeBytes> out;
    for (unsigned n = 0; n < 256; ++n) {
        const u8 op = static_cast<u8>(n);
        out.push_back({{op}, 1});
        out.push_back({{0x0F, op}, 2});
        out.push_back({{0x0F, 0x38, op}, 3});
        out.push_back({{0x0F, 0x3A, op}, 3});
    }
    return out;
}

/// Bytes behind an opcode that tell operands and lengths apart.
constexpr std::array<u8, 16> kTail = {0x81, 0x72, 0x63, 0x54, 0x45, 0x36, 0x27, 0x18,
                                      0x89, 0x7A, 0x6B, 0x5C, 0x4D, 0x3E, 0x2F, 0x10};

/// All opcodes; `every` 1 takes each ModRM byte under each prefix set, more takes a share of them under all but the
/// first five sets (with the share moving on, so that every byte meets every set somewhere).
void sweep(Bench& bench, CodeSize size, unsigned every) {
    unsigned turn = 0;
    for (const OpcodeBytes& opcode : all_opcodes()) {
        bool simple = false; // no ModRM byte seen under any prefix: one tail is enough
        const auto& sets = prefix_sets(size);
        for (usize n = 0; n < sets.size(); ++n) {
            std::array<u8, 24> bytes{};
            usize at = 0;
            for (const u8 prefix : sets[n]) bytes[at++] = prefix;
            for (usize i = 0; i < opcode.count; ++i) bytes[at++] = opcode.bytes[i];
            std::copy(kTail.begin(), kTail.begin() + 8, bytes.begin() + static_cast<std::ptrdiff_t>(at));
            const std::span<const u8> code(bytes.data(), 15);
            bench.compare(code, size);
            Insn insn;
            const DecodeResult result = bench.decoder().decode(code, size, insn);
            // Without a ModRM byte in our table the rest of the byte strings says nothing new, save for groups.
            if (n == 0) simple = result == DecodeResult::Ok && !row(insn.row).form.modrm;
            if (simple) continue;
            const unsigned step = n < 5 ? 1 : every;
            for (unsigned modrm = step > 1 ? turn++ % step : 0; modrm < 256; modrm += step) {
                bytes[at] = static_cast<u8>(modrm);
                bytes[at + 1] = static_cast<u8>(modrm * 37 + n);
                bench.compare(code, size);
            }
        }
    }
}

/// Every SIB byte under the three values of ModRM.mod, with and without 67 and REX, on one instruction of each kind of
/// operand.
void sweep_sib(Bench& bench) {
    for (const CodeSize size : kSizes)
        for (const Prefixes& prefixes : prefix_sets(size))
            for (const u8 opcode : {0x03, 0x88, 0x8D, 0xC7, 0xD9, 0xFF})
                for (const u8 modrm : {0x04, 0x44, 0x84})
                    for (unsigned sib = 0; sib < 256; ++sib) {
                        std::array<u8, 24> bytes{};
                        usize at = 0;
                        for (const u8 prefix : prefixes) bytes[at++] = prefix;
                        bytes[at++] = opcode;
                        bytes[at++] = modrm;
                        bytes[at++] = static_cast<u8>(sib);
                        std::copy(kTail.begin(), kTail.begin() + 8, bytes.begin() + static_cast<std::ptrdiff_t>(at));
                        bench.compare(std::span<const u8>(bytes.data(), 15), size);
                    }
}

/// Random strings: half of them with a prefix or an escape in front, so that all maps are met.
void random_strings(Bench& bench, u64 count, u64 seed) {
    static constexpr u8 kPrefixes[] = {0x66, 0x67, 0xF2, 0xF3, 0xF0, 0x2E, 0x64, 0x48, 0x41, 0x4F};
    std::mt19937_64 random(seed);
    for (u64 n = 0; n < count; ++n) {
        std::array<u8, 16> bytes{};
        const u64 low = random(), high = random();
        std::memcpy(bytes.data(), &low, 8);
        std::memcpy(bytes.data() + 8, &high, 8);
        u64 choice = random();
        const auto pick = [&](unsigned limit) {
            const auto value = static_cast<unsigned>(choice % limit);
            choice /= limit;
            return value;
        };
        usize at = 0;
        for (unsigned i = pick(4); i >= 2; --i) bytes[at++] = kPrefixes[pick(10)];
        switch (pick(8)) {
        case 0:
        case 1:
        case 2: bytes[at] = 0x0F; break;
        case 3:
            bytes[at] = 0x0F;
            bytes[at + 1] = pick(2) ? 0x38 : 0x3A;
            bytes[at + 2] &= 0x1F;
            break;
        case 4: bytes[at] = static_cast<u8>(0xD8 + pick(8)); break;
        default: break;
        }
        bench.compare(std::span<const u8>(bytes.data(), 15));
    }
}

void check(const Bench& bench, u64 at_least) {
    INFO(bench.failures() << " of " << bench.count() << " comparisons cannot be explained");
    CHECK(bench.failures() == 0);
    CHECK(bench.count() >= at_least);
}

} // namespace

TEST_CASE("decoder: the SDM's answer where Capstone differs", "[capstone]") {
    Bench bench;
    for (const Difference& difference : known_differences()) {
        std::vector<u8> bytes;
        for (const char* at = difference.example; *at; at += at[2] ? 3 : 2)
            bytes.push_back(static_cast<u8>(std::strtoul(std::string(at, 2).c_str(), nullptr, 16)));
        bytes.resize(15, 0);
        Insn insn;
        const DecodeResult result = bench.decoder().decode(bytes, difference.size, insn);
        INFO(difference.name << ": " << difference.example);
        CHECK(words_of(insn, result, difference.size).text() == difference.ours);
        bench.compare(bytes, difference.size);
        CHECK(bench.failures() == 0);
        // An entry that its own example does not need is no entry. Later versions of Capstone differ less.
        if (cs_version(nullptr, nullptr) >> 8 == 4) CHECK(bench.uses(difference) > 0);
    }
}

TEST_CASE("decoder: every opcode, prefix and ModRM byte as Capstone reads it", "[capstone]") {
    Bench bench;
    for (const CodeSize size : kSizes) sweep(bench, size, 16);
    check(bench, 1'000'000);
}

TEST_CASE("decoder: every SIB byte as Capstone reads it", "[capstone]") {
    Bench bench;
    sweep_sib(bench);
    check(bench, 300'000);
}

TEST_CASE("decoder: random bytes as Capstone reads them", "[capstone]") {
    Bench bench;
    random_strings(bench, 1'000'000 / 3 + 1, 86);
    check(bench, 1'000'000);
}

TEST_CASE("decoder: every opcode under every prefix with every ModRM byte", "[.][capstone-long]") {
    Bench bench;
    for (const CodeSize size : kSizes) sweep(bench, size, 1);
    check(bench, 10'000'000);
}

TEST_CASE("decoder: a hundred million random byte strings", "[.][capstone-long]") {
    Bench bench;
    random_strings(bench, 100'000'000 / 3 + 1, 8086);
    check(bench, 100'000'000);
}

} // namespace r86::test
#endif
