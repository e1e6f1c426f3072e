/// instruction_vectors: runs what was recorded on real processors through the emulated one and compares registers and
/// memory.
///
///   instruction_vectors [--metadata FILE] [--cpu 8086|286|default] [--verbose] [--blocks N] [--no-chain] FILE[.gz]...
///
/// Prints `NAME passed P failed F skipped S` for each file and a total; exit status 0 only if nothing failed, 2 if a
/// file could not be read (the others are run all the same). Details of failures and the reasons of skips go to the
/// standard error output. `--cpu` says which processor's differences to expect (tests/cpu/tool_vector_rules.cpp); the
/// default is the one that each file names. `--blocks` and `--no-chain` are settings of the interpreter that change no
/// result: the most instructions in a decoded block (0: none is decoded), and whether blocks are linked.
#include "core/error.h"
#include "cpu/cpu.h"
#include "cpu/decoder/table.h"
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/moo.h"
#include "tests/cpu/vector_rules.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace r86::vectors {
namespace {

constexpr u64 kMemory = u64{16} << 20;
constexpr Tick kLongest = 400'000; ///< REP with a count of FFFF and its neighbours

/// Gpr number of each register of a vector.
constexpr std::pair<Register, Gpr> kGeneral[] = {{Eax, RAX}, {Ebx, RBX}, {Ecx, RCX}, {Edx, RDX},
                                                 {Esi, RSI}, {Edi, RDI}, {Ebp, RBP}, {Esp, RSP}};
constexpr std::pair<Register, Seg> kSegment[] = {{Cs, CS}, {Ds, DS}, {Es, ES}, {Fs, FS}, {Gs, GS}, {Ss, SS}};

/// Notices which exceptions are raised.
class ExceptionWatcher final : public CpuWatcher {
public:
    bool at_breakpoint(u64) override { return false; }
    void memory_write(PhysAddr, unsigned) override {}
    void memory_read(PhysAddr, unsigned) override {}
    void port_access(u16, unsigned, bool, u32) override {}
    void delivery(u8 vector, EventKind kind) override {
        if (kind == EventKind::Exception) vectors |= u32{1} << (vector & 31);
    }
    void mode_changed() override {}

    u32 vectors = 0;
};

/// A processor in 16 MB of RAM with nothing on its ports.
class Machine {
public:
    explicit Machine(const InterpreterSettings& settings)
        : memory_(kMemory, log_), io_(log_), model_(find_cpu_model("max")) {
        memory_.map_default({0}, kMemory);
        cpu_.emplace(model_, memory_, io_, clock_, log_);
        cpu_->interpreter().set_settings(settings);
        cpu_->set_watcher(&exceptions_);
        reset_ = cpu_->s;
    }

    const CpuModel& model() const { return model_; }
    CpuState& state() { return cpu_->s; }
    u8 byte(u32 address) { return static_cast<u8>(memory_.read(PhysAddr{address}, 1)); }
    void set_byte(u32 address, u8 value) { memory_.write(PhysAddr{address}, 1, value); }

    bool raised(unsigned vector) const { return exceptions_.vectors >> vector & 1; }

    void prepare(const Vector& test, Family family) {
        exceptions_.vectors = 0;
        const State& before = test.before;
        CpuState& s = cpu_->s;
        const Tick tick = s.tick;
        s = reset_;
        s.tick = tick;
        s.a20 = family != kI8086;
        s.cr0 = 0x60000010;
        for (const auto& [reg, gpr] : kGeneral) s.gpr[gpr] = before.regs[reg];
        for (const auto& [reg, seg] : kSegment) {
            s.seg[seg] = reset_.seg[DS];
            s.seg[seg].selector = static_cast<u16>(before.regs[reg]);
            s.seg[seg].base = u64{s.seg[seg].selector} << 4;
        }
        s.idtr = {0, 0x3FF};
        s.rip = before.regs[Eip];
        const u32 kept = family == kI386 ? 0xFFFFFFFF : 0xFFF;
        cpu_->set_eflags(before.regs[Eflags] & kept, ~(kVM | kTF));
        cpu_->update_mode();
        for (const auto& [address, value] : before.ram) set_byte(address, value);
        // A 286 reports a stack segment violation in real mode as #GP, its successors as #SS.
        if (family == kI286 && test.exception && test.exception_number == 13) redirect(12, 13, before);
    }

    /// Until HLT, or for one whole instruction where the set has no HLT; false if it never ends.
    bool run(bool until_halt, bool repeat) {
        CpuState& s = cpu_->s;
        const Tick end = s.tick + kLongest;
        const u64 start = s.rip;
        while (s.tick < end) {
            const RunStop stop = cpu_->run(until_halt ? end : s.tick + 1);
            if (stop == RunStop::Halted) return true;
            if (stop == RunStop::Shutdown) return false;
            if (!until_halt && !(repeat && s.rip == start)) return true;
        }
        return false;
    }

    u32 reg(Register which) const {
        const CpuState& s = cpu_->s;
        for (const auto& [reg, gpr] : kGeneral)
            if (reg == which) return static_cast<u32>(s.gpr[gpr]);
        for (const auto& [reg, seg] : kSegment)
            if (reg == which) return s.seg[seg].selector;
        switch (which) {
        case Cr0: return s.cr0;
        case Cr3: return static_cast<u32>(s.cr3);
        case Eip: return static_cast<u32>(s.rip);
        case Eflags: return cpu_->eflags();
        case Dr6: return static_cast<u32>(s.dr[6]);
        default: return static_cast<u32>(s.dr[7]);
        }
    }

private:
    /// Points interrupt vector `from` to the handler of `to` unless the test has a say in it.
    void redirect(unsigned from, unsigned to, const State& before) {
        for (const auto& entry : before.ram)
            if (entry.first / 4 == from) return;
        for (unsigned n = 0; n < 4; ++n) set_byte(from * 4 + n, byte(to * 4 + n));
    }

    Log log_;
    PhysicalMemory memory_;
    IoBus io_;
    VirtualClock clock_;
    CpuModel model_;
    ExceptionWatcher exceptions_;
    std::optional<Cpu> cpu_;
    CpuState reset_;
};

/// What metadata.json says about flags: by opcode ("C0") and ModRM.reg.
class Metadata {
public:
    void load(const std::string& path) {
        std::ifstream in(path);
        if (!in) throw std::runtime_error(path + ": cannot be opened");
        try {
            json_ = nlohmann::json::parse(in);
        } catch (const nlohmann::json::exception& error) {
            throw std::runtime_error(path + ": " + error.what());
        }
        loaded_ = true;
    }
    bool loaded() const { return loaded_; }

    u32 flags_mask(const Subject& subject) const {
        char key[8];
        std::snprintf(key, sizeof key, subject.opcode > 0xFF ? "%04X" : "%02X", subject.opcode);
        const auto& opcodes = json_.contains("opcodes") ? json_["opcodes"] : json_;
        if (!opcodes.contains(key)) return 0xFFFFFFFF;
        const nlohmann::json* entry = &opcodes[key];
        if (entry->contains("reg")) {
            const std::string reg = std::to_string(subject.reg());
            if (!(*entry)["reg"].contains(reg)) return 0xFFFFFFFF;
            entry = &(*entry)["reg"][reg];
        }
        return entry->value("flags-mask", 0xFFFFu) | 0xFFFF0000u;
    }

private:
    nlohmann::json json_ = nlohmann::json::object();
    bool loaded_ = false;
};

struct Counts {
    unsigned passed = 0, failed = 0, skipped = 0;
};

struct Options {
    std::string metadata;
    std::string cpu = "default";
    bool verbose = false;
    InterpreterSettings settings;
    std::vector<std::string> files;
};

class Runner {
public:
    explicit Runner(const Options& options)
        : options_(options), machine_(options.settings), decoder_(machine_.model()) {
        if (!options.metadata.empty()) metadata_.load(options.metadata);
    }

    Counts run_file(const std::string& path) {
        const File file = load(path);
        const Family family = family_of(file.cpu);
        if (options_.metadata.empty()) metadata_ = beside(path);
        Counts counts;
        for (const Vector& test : file.tests) {
            const Subject subject = examine(test, family, decoder_);
            if (const SkipRule* rule = skip(subject)) {
                ++counts.skipped;
                ++skipped_[rule];
                continue;
            }
            const std::string trouble = run_test(subject, file);
            if (const SkipRule* rule = skip_by_exception(family)) {
                ++counts.skipped;
                ++skipped_[rule];
                continue;
            }
            ++(trouble.empty() ? counts.passed : counts.failed);
            if (!trouble.empty() && (options_.verbose || counts.failed <= 3)) report(path, test, trouble);
        }
        return counts;
    }

    void report_skips() const {
        for (const auto& [rule, count] : skipped_)
            std::fprintf(stderr, "skipped %u by rule %s: %s\n", count, rule->name, rule->reason);
    }

private:
    Family family_of(const std::string& cpu) const {
        if (options_.cpu == "8086") return kI8086;
        if (options_.cpu == "286") return kI286;
        if (cpu.find("286") != std::string::npos) return kI286;
        return cpu.find("386") != std::string::npos || cpu.find("486") != std::string::npos ? kI386 : kI8086;
    }

    static Metadata beside(const std::string& path) {
        const usize slash = path.find_last_of('/');
        const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
        Metadata metadata;
        if (std::ifstream(folder + "metadata.json")) metadata.load(folder + "metadata.json");
        return metadata;
    }

    static const SkipRule* skip(const Subject& subject) {
        for (const SkipRule& rule : skip_rules())
            if ((rule.families & subject.family) && rule.matches(subject)) return &rule;
        return nullptr;
    }

    /// 8086 tests without a word about exceptions: what a later processor raises says where they part.
    const SkipRule* skip_by_exception(Family family) const {
        if (family != kI8086) return nullptr;
        if (machine_.raised(0)) return &kDivideErrorRule;
        return machine_.raised(12) || machine_.raised(13) ? &kWrapRule : nullptr;
    }

    /// Flag bits that both sides must agree on.
    u32 flags_mask(const Subject& subject) const {
        // Bits 12-15 exist since the 286 but cannot be changed in real mode there, and read as ones on the 8086.
        u32 mask = subject.test->mask[Eflags] & (subject.family == kI386 ? 0x0003FFFFu : 0x0FFFu);
        if (metadata_.loaded())
            mask &= metadata_.flags_mask(subject);
        else if (subject.decoded == DecodeResult::Ok)
            mask &= ~u32{row(subject.insn.row).flags_undefined};
        for (const FlagRule& rule : flag_rules())
            if ((rule.families & subject.family) && rule.matches(subject)) mask &= ~rule.undefined;
        return mask;
    }

    static u32 ignored_registers(const Subject& subject) {
        u32 ignored = 0;
        for (const RegisterRule& rule : register_rules())
            if ((rule.families & subject.family) && rule.matches(subject)) ignored |= rule.registers;
        return ignored;
    }

    /// Empty if everything agrees, else what does not.
    std::string run_test(const Subject& subject, const File& file) {
        const Vector& test = *subject.test;
        machine_.prepare(test, subject.family);
        const bool until_halt = subject.family != kI8086;
        if (!machine_.run(until_halt, subject.repeat)) return "  never reaches its HLT\n";

        std::string trouble;
        char line[128];
        const u32 flags = flags_mask(subject);
        const u32 ignored = ignored_registers(subject);
        for (unsigned n = 0; n < kRegisters; ++n) {
            if (!((test.before.present >> n) & 1)) continue;
            const bool changed = (test.after.present >> n) & 1;
            if (!changed && (n == Cr0 || n == Dr6 || n == Dr7 || n == Cr3)) continue;
            u32 mask = test.mask[n];
            if (n == Eflags) mask &= flags;
            if (ignored & (u32{1} << n)) mask = 0;
            if (!file.wide || (n >= Cs && n <= Ss)) mask &= 0xFFFF;
            const u32 expected = (changed ? test.after : test.before).regs[n];
            const u32 actual = machine_.reg(static_cast<Register>(n));
            if (((expected ^ actual) & mask) == 0) continue;
            std::snprintf(line, sizeof line, "  %s: expected %08X, is %08X (before %08X, mask %08X)\n",
                          register_name(n), expected, actual, test.before.regs[n], mask);
            trouble += line;
        }
        const u32 pushed_flags = pushed_flags_address(test);
        const bool ones = subject.family == kI8086 && stores_flags(subject); // in bits 12 to 15
        const u32 stored_flags = ones ? (subject.opcode == 0x9C ? pushed_flags - 4 : pushed_flags) : ~1u;
        std::map<u32, u8> ram(test.before.ram.begin(), test.before.ram.end());
        for (const auto& [address, value] : test.after.ram) ram[address] = value;
        for (const auto& [address, expected] : ram) {
            u32 mask = 0xFF;
            if (test.exception && address == pushed_flags) mask = flags & 0xFF;
            if (test.exception && address == pushed_flags + 1) mask = (flags >> 8) & 0xFF;
            if (address == stored_flags + 1) mask &= 0x0F;
            const u8 actual = machine_.byte(address);
            if (((expected ^ actual) & mask) == 0) continue;
            std::snprintf(line, sizeof line, "  [%06X]: expected %02X, is %02X\n", address, expected, actual);
            trouble += line;
        }
        return trouble;
    }

    /// Above the pushed IP and CS. The address in the file is off by one for odd stack pointers.
    static u32 pushed_flags_address(const Vector& test) {
        const auto after = [&](Register reg) {
            return ((test.after.present >> reg) & 1 ? test.after : test.before).regs[reg] & 0xFFFF;
        };
        return after(Ss) * 16 + ((after(Esp) + 4) & 0xFFFF);
    }

    static void report(const std::string& path, const Vector& test, const std::string& trouble) {
        std::string bytes;
        for (u8 byte : test.bytes) {
            char text[4];
            std::snprintf(text, sizeof text, "%02X ", byte);
            bytes += text;
        }
        std::fprintf(stderr, "%s test %u: %s [ %s]%s\n%s", path.c_str(), test.index, test.name.c_str(), bytes.c_str(),
                     test.exception ? (" exception " + std::to_string(test.exception_number)).c_str() : "",
                     trouble.c_str());
    }

    Options options_;
    Machine machine_;
    Decoder decoder_;
    Metadata metadata_;
    std::map<const SkipRule*, unsigned> skipped_;
};

/// The file's name without folder, .gz, .MOO and .json.
std::string display_name(std::string path) {
    const usize slash = path.find_last_of('/');
    if (slash != std::string::npos) path.erase(0, slash + 1);
    for (const std::string ending : {".gz", ".MOO", ".moo", ".json"})
        if (path.size() > ending.size() && path.ends_with(ending)) path.resize(path.size() - ending.size());
    return path;
}

unsigned block_size(const std::string& text) {
    if (text.empty() || text.size() > 2 || text.find_first_not_of("0123456789") != std::string::npos)
        throw UserError("--blocks needs a number of instructions, 0 to 32, not " + text);
    return static_cast<unsigned>(std::stoul(text));
}

Options parse(int argc, char** argv) {
    Options options;
    for (int n = 1; n < argc; ++n) {
        const std::string argument = argv[n];
        const auto value = [&] {
            if (n + 1 == argc) throw UserError(argument + " needs a value");
            return std::string(argv[++n]);
        };
        if (argument == "--metadata")
            options.metadata = value();
        else if (argument == "--cpu")
            options.cpu = value();
        else if (argument == "--verbose")
            options.verbose = true;
        else if (argument == "--blocks")
            options.settings.max_block = block_size(value());
        else if (argument == "--no-chain")
            options.settings.chain = false;
        else if (argument.starts_with("--"))
            throw UserError(argument + " is no option");
        else
            options.files.push_back(argument);
    }
    if (options.cpu != "8086" && options.cpu != "286" && options.cpu != "default")
        throw UserError("--cpu is 8086, 286 or default, not " + options.cpu);
    if (options.files.empty()) throw UserError("no file is given");
    return options;
}

int run(int argc, char** argv) {
    const Options options = parse(argc, argv);
    Runner runner(options);
    Counts total;
    bool unreadable = false;
    for (const std::string& path : options.files) {
        Counts counts;
        try {
            counts = runner.run_file(path);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "instruction_vectors: %s\n", error.what());
            unreadable = true;
            continue;
        }
        std::printf("%s passed %u failed %u skipped %u\n", display_name(path).c_str(), counts.passed, counts.failed,
                    counts.skipped);
        total.passed += counts.passed;
        total.failed += counts.failed;
        total.skipped += counts.skipped;
    }
    std::printf("total passed %u failed %u skipped %u\n", total.passed, total.failed, total.skipped);
    std::fflush(stdout);
    runner.report_skips();
    return unreadable ? 2 : total.failed ? 1 : 0;
}

} // namespace
} // namespace r86::vectors

int main(int argc, char** argv) {
    try {
        return r86::vectors::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "instruction_vectors: %s\n", error.what());
        return 2;
    }
}
