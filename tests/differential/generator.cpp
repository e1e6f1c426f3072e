#include "tests/differential/generator.h"
#include "cpu/flags.h"
#include "tests/differential/piece_builder.h"
#include "tests/differential/random.h"
#include <algorithm>

namespace r86::differential {

namespace {

constexpr Exclusion kExclusions[] = {
#define R86_EXCLUDED(mnemonic, reason) {Mnemonic::mnemonic, reason, Exclusion::Absent},
#define R86_SPECIAL(mnemonic, reason)  {Mnemonic::mnemonic, reason, Exclusion::Special},
#define R86_MASKED(mnemonic, reason)   {Mnemonic::mnemonic, reason, Exclusion::Masked},
#include "tests/differential/exclusions.inc"
#undef R86_EXCLUDED
#undef R86_SPECIAL
#undef R86_MASKED
};

template <class T>
const T& pick(Random& random, const std::vector<T>& list) {
    return list[random.below(static_cast<u32>(list.size()))];
}

/// Floating-point bytes worth trying, for x87 registers: any class of number.
std::array<u8, 10> random_float80(Random& random) {
    u64 significand = random.next() | u64{1} << 63;
    u32 exponent = 0x3FFF - 40 + random.below(80);
    switch (random.below(12)) {
    case 0: exponent = 0; break;
    case 1: exponent = 0x7FFF; break;
    case 2: exponent = random.below(0x8000); break;
    case 3: exponent = 0x3FFF + 60 + random.below(8); break;
    case 4: exponent = random.below(2) ? 0x7FFE - random.below(3) : random.below(3); break;
    case 5: exponent = 0x3FFF - 1080 + random.below(120); break;
    case 6: exponent = 0x3FFF - 160 + random.below(40); break;
    default: break;
    }
    switch (random.below(6)) {
    case 0: significand = u64{1} << 63; break;
    case 1: significand &= ~u64{0} << random.below(64); break;
    case 2:
        if (!random.below(8)) significand &= ~(u64{1} << 63);
        break;
    default: break;
    }
    if (exponent == 0) significand = random.below(3) ? significand >> random.below(64) : 0;
    std::array<u8, 10> out{};
    for (unsigned i = 0; i < 8; ++i) out[i] = static_cast<u8>(significand >> (8 * i));
    out[8] = static_cast<u8>(exponent);
    out[9] = static_cast<u8>(exponent >> 8 | (random.next() & 0x80));
    return out;
}

void start_floats(Random& random, FloatState& fp) {
    static constexpr u16 kPrecision[] = {0x000, 0x200, 0x300, 0x300, 0x300};
    const u16 masks = random.chance(88) ? 0x3F : static_cast<u16>(random.below(64));
    fp.control = static_cast<u16>(0x40 | kPrecision[random.below(5)] | masks);
    fp.control |= static_cast<u16>(random.below(4) << 10);
    const u16 top = static_cast<u16>(random.below(8));
    // Flags that are set are masked, so that nothing is pending at the start (mostly).
    const u16 wanted = static_cast<u16>(random.below(64));
    const u16 flags = random.chance(95) ? wanted & masks : wanted;
    fp.status = static_cast<u16>(top << 11 | (random.next() & 0x4700) | flags);
    if (flags & ~masks) fp.status |= 0x8080;
    fp.tag = random.chance(60) ? static_cast<u8>(random.next()) : static_cast<u8>(random.chance(50) ? 0xFF : 0);
    for (auto& value : fp.st) value = random_float80(random);
    static constexpr u32 kModes[] = {0x1F80, 0x1F80, 0x1F80, 0x9FC0, 0x9F80, 0x1FC0};
    fp.mxcsr = kModes[random.below(6)];
    fp.mxcsr |= random.below(4) << 13;
    if (random.chance(12)) fp.mxcsr = (fp.mxcsr & ~0x1F80u) | random.below(64) << 7;
    fp.mxcsr |= random.below(64) & (fp.mxcsr >> 7);
    for (auto& reg : fp.xmm)
        for (unsigned i = 0; i < 16; i += 8) {
            const u64 value = interesting_data(random);
            for (unsigned n = 0; n < 8; ++n) reg[i + n] = static_cast<u8>(value >> (8 * n));
        }
}

/// Picks segments; says how data is addressed.
void start_segments(Random& random, Program& program, Context& context) {
    auto& selector = program.start.selector;
    program.code16 = random.chance(35);
    program.based_code = !program.code16 && random.chance(15);
    selector[CS] = selector_of(program.code16 ? kCode16 : program.based_code ? kCode32Based : kCode32);
    context.code16 = program.code16;
    context.flat_data = !program.code16 && random.chance(65);
    static constexpr Local kBasedOnes[] = {kBased, kBased, kBased, kBasedBig, kShort, kConstant, kDown, kDownBig};
    const auto data = [&]() -> u16 {
        if (context.flat_data) return selector_of(random.chance(90) ? kFlat : kStackFlat16);
        return selector_of(random.pick(kBasedOnes));
    };
    selector[DS] = context.flat_data ? selector_of(kFlat) : selector_of(random.chance(80) ? kBased : kBasedBig);
    selector[ES] = random.chance(80) ? selector[DS] : data();
    selector[FS] = random.chance(85) ? data() : 0;
    selector[GS] = random.chance(85) ? data() : 0;
    if (program.code16)
        selector[SS] = selector_of(random.chance(80) ? kStack16 : kStack32);
    else
        selector[SS] = selector_of(random.chance(70) ? kFlat : random.chance(50) ? kStack32 : kStack16);
    context.flat_stack = selector[SS] == selector_of(kFlat);
    context.stack_middle = (context.flat_stack ? kStack : 0) + kPage + random.below(64) * 4;
    // The first page border of the stack is where pushes run into nothing.
    if (random.chance(4)) context.stack_middle = (context.flat_stack ? kStack : 0) + random.below(40);
}

} // namespace

const Exclusion* exclusion_of(const OpcodeRow& what) {
    const auto found = std::find_if(std::begin(kExclusions), std::end(kExclusions),
                                    [&](const Exclusion& e) { return e.mnemonic == what.mnemonic; });
    return found == std::end(kExclusions) ? nullptr : found;
}

Generator::Generator() {
    const CpuModel model = find_cpu_model("max");
    const auto all = all_rows();
    for (u16 i = 1; i < all.size(); ++i) {
        const OpcodeRow& what = all[i];
        if (exclusion_of(what) || what.has(kOnly64) || what.has(kBefore586)) continue;
        if (what.feature != Feature::Count && !model.has(what.feature)) continue;
        (what.has(kX87) ? x87_ : what.has(kSimd) ? simd_ : integer_).push_back(i);
        rows_.push_back(i);
    }
}

Program Generator::program(u64 seed) const {
    Random random(seed);
    Program out;
    out.seed = seed;
    out.memory_seed = random.next();
    Context context{.random = random, .program = out, .joins = {}, .loops = {}};
    start_segments(random, out, context);
    start_floats(random, out.start.fp);
    for (unsigned i = 0; i < 8; ++i) out.start.gpr[i] = interesting32(random);
    out.start.gpr[RSP] = context.stack_middle;
    out.start.gpr[RBP] = context.stack_middle + 64;
    out.start.eflags = 0x202 | (static_cast<u32>(random.next()) & 0x8D5);
    if (random.chance(20)) out.start.eflags |= kDF;
    if (random.chance(2)) out.start.eflags |= kAC;
    out.start.eip = out.code16 || out.based_code ? 0 : kCode;
    for (const u8 reg : {RBX, RSI, RDI}) context.point(reg);

    // Each program has its own mixture.
    const u32 x87_share = random.chance(50) ? random.below(60) : random.below(5);
    const u32 simd_share = random.chance(50) ? random.below(60) : random.below(5);
    const u32 length = 50 + random.below(random.chance(30) ? 350 : 80);
    PieceBuilder builder(context);
    while (out.pieces.size() < length) {
        const u32 choice = random.below(100);
        if (choice < 9)
            builder.control_flow();
        else if (choice < 12)
            builder.special();
        else {
            const u32 kind = random.below(130);
            builder.instruction(pick(random, kind < x87_share                ? x87_
                                             : kind < x87_share + simd_share ? simd_
                                                                             : integer_));
        }
    }
    builder.finish();
    return out;
}

} // namespace r86::differential
