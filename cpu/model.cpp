/// Named processor models and CPUID: SDM Vol. 2, CPUID; Intel Processor Identification and the CPUID Instruction
/// (application note 485, order number 241618) for signatures and cache descriptors.
#include "cpu/model.h"
#include "core/error.h"
#include <algorithm>

namespace r86 {

namespace {

struct FeatureName {
    const char* name;
    Feature feature;
};

constexpr FeatureName kNames[] = {
    {"fpu", Feature::FPU},     {"vme", Feature::VME},     {"de", Feature::DE},         {"pse", Feature::PSE},
    {"tsc", Feature::TSC},     {"msr", Feature::MSR},     {"pae", Feature::PAE},       {"mce", Feature::MCE},
    {"cx8", Feature::CX8},     {"apic", Feature::APIC},   {"sep", Feature::SEP},       {"mtrr", Feature::MTRR},
    {"pge", Feature::PGE},     {"mca", Feature::MCA},     {"cmov", Feature::CMOV},     {"pat", Feature::PAT},
    {"pse36", Feature::PSE36}, {"clfsh", Feature::CLFSH}, {"mmx", Feature::MMX},       {"fxsr", Feature::FXSR},
    {"sse", Feature::SSE},     {"sse2", Feature::SSE2},   {"ss", Feature::SS},         {"sse3", Feature::SSE3},
    {"ssse3", Feature::SSSE3}, {"movbe", Feature::MOVBE}, {"popcnt", Feature::POPCNT}, {"nx", Feature::NX},
    {"cpuid", Feature::CPUID},
};

struct Dependency {
    Feature feature;
    Feature needs;
};

/// A feature bit that is set always works, so adding one adds what it rests on and removing one removes its users.
constexpr Dependency kDependencies[] = {
    {Feature::MMX, Feature::FPU},     {Feature::FXSR, Feature::FPU},     {Feature::SSE, Feature::FXSR},
    {Feature::SSE, Feature::MMX},     {Feature::SSE2, Feature::SSE},     {Feature::SSE3, Feature::SSE2},
    {Feature::SSSE3, Feature::SSE3},  {Feature::NX, Feature::PAE},       {Feature::NX, Feature::MSR},
    {Feature::SEP, Feature::MSR},     {Feature::MTRR, Feature::MSR},     {Feature::PAT, Feature::MTRR},
    {Feature::MCA, Feature::MCE},     {Feature::MCA, Feature::MSR},      {Feature::MCE, Feature::MSR},
    {Feature::APIC, Feature::MSR},    {Feature::PSE36, Feature::PSE},    {Feature::CMOV, Feature::FPU},
    {Feature::MSR, Feature::CPUID},   {Feature::TSC, Feature::CPUID},    {Feature::CX8, Feature::CPUID},
    {Feature::VME, Feature::CPUID},   {Feature::DE, Feature::CPUID},     {Feature::PSE, Feature::CPUID},
    {Feature::PAE, Feature::CPUID},   {Feature::PGE, Feature::CPUID},    {Feature::CMOV, Feature::CPUID},
    {Feature::CLFSH, Feature::CPUID}, {Feature::MMX, Feature::CPUID},    {Feature::FXSR, Feature::CPUID},
    {Feature::MOVBE, Feature::CPUID}, {Feature::POPCNT, Feature::CPUID},
};

void edit(CpuModel& model, Feature feature, bool on) {
    if (model.has(feature) == on) return;
    model.set(feature, on);
    for (const Dependency& dependency : kDependencies) {
        if (on && dependency.feature == feature) edit(model, dependency.needs, true);
        if (!on && dependency.needs == feature) edit(model, dependency.feature, false);
    }
    if (feature == Feature::CPUID && on) model.max_leaf = std::max(model.max_leaf, 1u);
}

using Features = std::vector<Feature>;

Features operator+(Features a, const Features& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// SDM Vol. 2, PAUSE leaves the length of the wait to the implementation. A loop that waits for a device or for time
/// then passes time and not instructions: 5 microseconds at 100 MIPS.
constexpr u16 kPauseTicks = 500;

CpuModel make(std::string name, std::string description, std::string brand, u32 signature, u32 max_leaf,
              const Features& features) {
    CpuModel model;
    model.name = std::move(name);
    model.description = std::move(description);
    model.vendor = "GenuineIntel";
    model.brand = std::move(brand);
    model.signature = signature;
    model.max_leaf = max_leaf;
    for (Feature feature : features) model.set(feature);
    if (model.has(Feature::PAE)) model.physical_bits = 36; // the P6 family's address bus
    if (model.has(Feature::SSE2)) model.pause_ticks = kPauseTicks;
    return model;
}

std::vector<CpuModel> make_models() {
    const Features i486{Feature::FPU, Feature::I486};
    const Features pentium = i486 + Features{Feature::CPUID, Feature::VME, Feature::DE,  Feature::PSE,  Feature::TSC,
                                             Feature::MSR,   Feature::MCE, Feature::CX8, Feature::APIC, Feature::MMX};
    const Features pentium3 =
        pentium + Features{Feature::PAE,  Feature::SEP, Feature::MTRR,  Feature::PGE,  Feature::MCA,
                           Feature::CMOV, Feature::PAT, Feature::PSE36, Feature::FXSR, Feature::SSE};
    const Features pentium4 = pentium3 + Features{Feature::SSE2, Feature::CLFSH, Feature::SS};
    const Features max =
        pentium4 + Features{Feature::SSE3, Feature::SSSE3, Feature::MOVBE, Feature::POPCNT, Feature::NX};
    std::vector<CpuModel> models;
    models.push_back(make("486", "i486DX: no CPUID, test registers", "", 0x0404, 0, i486));
    models.push_back(make("pentium", "Pentium with MMX", "", 0x0543, 1, pentium));
    models.push_back(make("pentium3", "Pentium III: PAE, SYSENTER, MTRRs, SSE", "", 0x0683, 2, pentium3));
    models.back().mxcsr_mask = 0xFFBF; // no denormals-are-zeros
    models.push_back(
        make("pentium4", "Pentium 4: SSE2 (the default)", "Intel(R) Pentium(R) 4 CPU 1.00GHz", 0x0F29, 2, pentium4));
    models.push_back(make("max", "every feature there is, as a family 6 processor",
                          "rewind86 virtual processor 1.00GHz", 0x06F6, 4, max));
    return models;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string list_models() {
    std::string out;
    for (const CpuModel& model : cpu_models()) out += (out.empty() ? "" : ", ") + model.name;
    return out;
}

std::string list_features() {
    std::string out;
    for (const FeatureName& entry : kNames) out += (out.empty() ? "" : " ") + std::string(entry.name);
    return out;
}

void apply(CpuModel& model, const std::string& item) {
    constexpr std::string_view kLimit = "cpuid-limit=";
    if (item.compare(0, kLimit.size(), kLimit) == 0) {
        const std::string number = item.substr(kLimit.size());
        if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos)
            throw UserError("--cpu: cpuid-limit wants a number, for example cpuid-limit=2, not '" + number + "'");
        model.max_leaf = std::min(model.max_leaf, static_cast<u32>(std::stoul(number)));
        return;
    }
    const bool on = !item.empty() && item[0] == '+';
    if (!on && (item.empty() || item[0] != '-'))
        throw UserError("--cpu: '" + item + "' is neither +FEATURE, -FEATURE nor cpuid-limit=N");
    const std::string name = item.substr(1);
    for (const FeatureName& entry : kNames)
        if (name == entry.name) return edit(model, entry.feature, on);
    throw UserError("--cpu: unknown feature '" + name + "'; there are: " + list_features());
}

u32 word(const std::string& text, usize at) {
    char bytes[4]{};
    for (usize i = 0; i < 4 && at + i < text.size(); ++i) bytes[i] = text[at + i];
    u32 out = 0;
    for (unsigned i = 0; i < 4; ++i) out |= u32{static_cast<u8>(bytes[i])} << (8 * i);
    return out;
}

/// Leaf 2: cache and TLB descriptors; AL = 1 says that one call gives them all.
std::array<u32, 4> descriptors(const CpuModel& model) {
    if (model.has(Feature::SSE3)) return {0x05B0B101, 0x005657F0, 0, 0x2CB4307D};
    if (model.has(Feature::SSE2)) return {0x665B5001, 0, 0, 0x007B7040};
    return {0x03020101, 0, 0, 0x0C040882};
}

/// Leaf 4: L1 data and instruction 32 KiB, L2 2 MiB, all 8-way with 64-byte lines.
std::array<u32, 4> cache_parameters(u32 subleaf) {
    constexpr u32 kWaysAndLine = 7u << 22 | 63;
    switch (subleaf) {
    case 0: return {0x121, kWaysAndLine, 63, 0};
    case 1: return {0x122, kWaysAndLine, 63, 0};
    case 2: return {0x143, kWaysAndLine, 4095, 0};
    default: return {0, 0, 0, 0};
    }
}

std::array<u32, 4> basic_leaf(const CpuModel& model, u32 leaf, u32 subleaf) {
    switch (leaf) {
    case 0: return {model.max_leaf, word(model.vendor, 0), word(model.vendor, 8), word(model.vendor, 4)};
    case 1: {
        const u32 line = model.has(Feature::CLFSH) ? 8u << 8 : 0; // CLFLUSH line in units of eight bytes
        return {model.signature, line, static_cast<u32>(model.features[0] >> 32), static_cast<u32>(model.features[0])};
    }
    case 2: return descriptors(model);
    case 4: return cache_parameters(subleaf);
    default: return {0, 0, 0, 0};
    }
}

} // namespace

const std::vector<CpuModel>& cpu_models() {
    static const std::vector<CpuModel> models = make_models();
    return models;
}

CpuModel find_cpu_model(std::string_view specification) {
    const std::string text = lower(specification);
    usize at = text.find(',');
    const std::string name = text.substr(0, at);
    const auto& models = cpu_models();
    const auto found = std::find_if(models.begin(), models.end(), [&](const CpuModel& m) { return m.name == name; });
    if (found == models.end()) throw UserError("--cpu: unknown model '" + name + "'; there are: " + list_models());
    CpuModel model = *found;
    while (at != std::string::npos) {
        const usize next = text.find(',', at + 1);
        const usize length = next == std::string::npos ? std::string::npos : next - at - 1;
        apply(model, text.substr(at + 1, length));
        at = next;
    }
    return model;
}

std::array<u32, 4> cpuid(const CpuModel& model, u32 leaf, u32 subleaf, u32 /*cr4: no XSAVE yet*/) {
    const u32 nx = model.has(Feature::NX) ? 1u << 20 : 0;
    const bool wide = model.has(Feature::SSE3);
    const u32 max_extended = wide ? 0x80000008 : !model.brand.empty() ? 0x80000004 : nx ? 0x80000001 : 0;
    if (max_extended && leaf >= 0x80000000 && leaf <= max_extended) {
        switch (leaf) {
        case 0x80000000: return {max_extended, 0, 0, 0};
        case 0x80000001: return {0, 0, 0, nx};
        case 0x80000002:
        case 0x80000003:
        case 0x80000004: {
            const usize at = (leaf - 0x80000002) * 16;
            return {word(model.brand, at), word(model.brand, at + 4), word(model.brand, at + 8),
                    word(model.brand, at + 12)};
        }
        case 0x80000006: return {0, 0, 2048u << 16 | 6u << 12 | 64, 0}; // L2: 2 MiB, 8-way, 64-byte lines
        case 0x80000008: return {32u << 8 | model.physical_bits, 0, 0, 0};
        default: return {0, 0, 0, 0};
        }
    }
    // SDM 2A, CPUID: 40000000h-4FFFFFFFh never hold information; hypervisors answer there, and the cache descriptors of
    // leaf 2 would look like a very large number of leaves of one (SeaBIOS 1.16.3 asked for each).
    if (leaf >= 0x40000000 && leaf <= 0x4FFFFFFF) return {};
    // Beyond the highest leaf Intel processors answer with the highest basic one.
    return basic_leaf(model, std::min(leaf, model.max_leaf), subleaf);
}

} // namespace r86
