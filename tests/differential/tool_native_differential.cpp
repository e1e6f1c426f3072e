// native_differential: random programs on the host's processor and in the emulator.
#include "tests/differential/case_file.h"
#include "tests/differential/coverage.h"
#include "tests/differential/emulated.h"
#include "tests/differential/flow.h"
#include "tests/differential/generator.h"
#include "tests/differential/makers.h"
#include "tests/differential/native.h"
#include "tests/differential/wild.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>

using namespace r86;
using namespace r86::differential;

namespace {

struct Options {
    u64 seed = 1;
    u64 instructions = 1'000'000;
    u32 stop_after = 3;
    bool undefined_flags = false;
    bool show = false;
    u64 coverage = 0;      ///< programs whose instructions are counted by groups, instead of a comparison
    std::string case_file; ///< what is found, or given with --code, is appended here
    std::string story = "found by native_differential";
    std::vector<u8> code;
    bool code16 = false;
};

class Runner {
public:
    explicit Runner(const Options& options) : options_(options) {}

    const std::string& why_not() const { return native_.why_not(); }

    /// Empty, or how the two differ.
    std::string difference(const Program& program) {
        const Outcome host = native_.run({&program, 1})[0];
        const Layout layout = lay_out(program);
        const Outcome ours = emulated_.run(program, layout, initial_memory(program, layout));
        std::string text = judge(program, layout, host, ours, options_.undefined_flags);
        if (text.empty()) return text;
        const Wild wild = follow_wild_jumps(program);
        not_compared_ = wild.reason;
        if (!wild.reason.empty()) return "";
        return judge(program, layout, host, ours, options_.undefined_flags, nullptr, wild.undefined);
    }

    /// Takes out pieces as long as the difference stays one of the same kind.
    Program shrink(Program program) {
        for (usize size = std::max<usize>(program.pieces.size() / 2, 1);; size = size / 2) {
            bool removed = false;
            for (usize at = 0; at < program.pieces.size();) {
                Program shorter = program;
                usize count = std::min(size, program.pieces.size() - at);
                while (at + count < program.pieces.size() && program.pieces[at + count].group &&
                       program.pieces[at + count].group == program.pieces[at + count - 1].group)
                    ++count;
                while (at > 0 && program.pieces[at].group && program.pieces[at].group == program.pieces[at - 1].group) {
                    --at;
                    ++count;
                }
                shorter.pieces.erase(shorter.pieces.begin() + static_cast<std::ptrdiff_t>(at),
                                     shorter.pieces.begin() + static_cast<std::ptrdiff_t>(at + count));
                for (Piece& piece : shorter.pieces) {
                    if (piece.target >= at + count)
                        piece.target -= static_cast<u32>(count);
                    else if (piece.target > at)
                        piece.target = static_cast<u32>(at);
                }
                if (follow_flags(shorter, lay_out(shorter)).defined && difference(shorter) != "") {
                    program = shorter;
                    removed = true;
                } else {
                    at += count;
                }
            }
            if (size == 1 && !removed) return program;
            if (size == 1) size = 2;
        }
    }

    /// One given piece of code, from the state that a seed gives: for looking closely.
    int run_code(const std::vector<u8>& code, bool code16) {
        Program program = generator_.program(options_.seed);
        for (u64 seed = options_.seed; program.code16 != code16 || program.based_code;)
            program = generator_.program(++seed);
        Piece piece;
        piece.bytes = code;
        program.pieces = {piece};
        const Outcome host = native_.run({&program, 1})[0];
        const Registers &a = program.start, &r = host.registers;
        for (unsigned i = 0; i < 8; ++i) std::printf("r%u %08x -> %08x\n", i, a.gpr[i], r.gpr[i]);
        std::printf("ss %04x eflags %x -> %x, ending %d vector %u error %x eip %x cr2 %x\n%s", a.selector[SS], a.eflags,
                    r.eflags, static_cast<int>(host.ending), host.vector, host.error, r.eip, host.fault_address,
                    difference(program).c_str());
        if (!options_.case_file.empty()) append_case(program, options_.story);
        return 0;
    }

    void append_case(const Program& program, const std::string& story) {
        const Layout layout = lay_out(program);
        Case out{story, program, 0, native_.run({&program, 1})[0]};
        out.undefined = mask_at(follow_flags(program, layout), program, layout, out.host).flags;
        std::ofstream file(options_.case_file, std::ios::app);
        write_case(file, out);
    }

    int run() {
        u64 executed = 0, programs = 0, unrepeatable = 0;
        u32 failures = 0;
        std::map<int, u64> endings;
        for (u64 seed = options_.seed; executed < options_.instructions && failures < options_.stop_after;) {
            std::vector<Program> batch;
            for (unsigned i = 0; i < 256; ++i) batch.push_back(generator_.program(seed++));
            const std::vector<Outcome> host = native_.run(batch);
            for (usize i = 0; i < batch.size(); ++i) {
                const Layout layout = lay_out(batch[i]);
                const Outcome ours = emulated_.run(batch[i], layout, initial_memory(batch[i], layout), &executed);
                ++programs;
                ++endings[host[i].ending == Ending::Fault ? host[i].vector : -1 - static_cast<int>(host[i].ending)];
                if (options_.show && host[i].ending == Ending::Fault) ++where_[fault_place(batch[i], layout, host[i])];
                const std::string text = judge(batch[i], layout, host[i], ours, options_.undefined_flags, &applied_);
                if (text.empty()) continue;
                // What the host itself does not repeat (another processor's number in a descriptor, a signal in
                // between) says nothing about us.
                not_compared_.clear();
                if (difference(batch[i]).empty()) {
                    ++(not_compared_.empty() ? unrepeatable : wild_);
                    if (options_.show && !not_compared_.empty())
                        std::printf("seed %llu: a wild jump %s\n", static_cast<unsigned long long>(batch[i].seed),
                                    not_compared_.c_str());
                    continue;
                }
                report(batch[i], text);
                if (++failures >= options_.stop_after) break;
            }
        }
        std::printf("%llu programs, %llu instructions, %u differences\n", static_cast<unsigned long long>(programs),
                    static_cast<unsigned long long>(executed), failures);
        if (unrepeatable)
            std::printf("%llu programs had results that the host did not repeat\n",
                        static_cast<unsigned long long>(unrepeatable));
        if (wild_)
            std::printf("%llu programs reached what is not compared by a jump into the middle of an instruction\n",
                        static_cast<unsigned long long>(wild_));
        if (options_.show)
            for (usize i = 0; i < maker_differences().size(); ++i)
                std::printf("difference %s | %lld | %s\n", maker_differences()[i].name,
                            static_cast<long long>(std::count(applied_.begin(), applied_.end(), i)),
                            maker_differences()[i].reason);
        if (options_.show)
            for (const auto& [ending, count] : endings)
                std::printf("  ending %d: %llu\n", ending, static_cast<unsigned long long>(count));
        if (options_.show)
            for (const auto& [place, count] : where_)
                std::printf("  %s: %llu\n", place.c_str(), static_cast<unsigned long long>(count));
        return failures ? 1 : 0;
    }

    /// Vector and mnemonic.
    static std::string fault_place(const Program& program, const Layout& layout, const Outcome& outcome) {
        const usize piece = piece_at(program, layout, outcome.registers.eip);
        if (piece >= program.pieces.size()) return std::to_string(outcome.vector) + " outside";
        static const CpuModel model = find_cpu_model("max");
        static const Decoder decoder(model);
        std::vector<u8> bytes(layout.code.begin() + layout.begin[piece], layout.code.begin() + layout.begin[piece + 1]);
        bytes.resize(15);
        Insn insn;
        (void)decoder.decode(bytes, program.code16 ? CodeSize::Bits16 : CodeSize::Bits32, insn);
        return std::to_string(outcome.vector) + " " + mnemonic_text(insn);
    }

    void report(const Program& program, const std::string& text) {
        std::printf("seed %llu: %s code\n%s", static_cast<unsigned long long>(program.seed),
                    program.code16 ? "16-bit" : "32-bit", text.c_str());
        const Program small = shrink(program);
        const std::string again = difference(small);
        if (!options_.case_file.empty()) append_case(small, options_.story + ", seed " + std::to_string(program.seed));
        const Outcome host = native_.run({&small, 1})[0];
        std::printf(" shrunk to %zu pieces, %s %u:\n%s%s", small.pieces.size(),
                    host.ending == Ending::Fault ? "fault" : "exit", host.vector, again.c_str(),
                    listing(small, lay_out(small)).c_str());
        const auto& r = small.start;
        std::printf(
            "  start eax %08x ecx %08x edx %08x ebx %08x esp %08x ebp %08x esi %08x edi %08x efl %x fcw %x fsw %x "
            "ftw %x mxcsr %x\n",
            r.gpr[0], r.gpr[1], r.gpr[2], r.gpr[3], r.gpr[4], r.gpr[5], r.gpr[6], r.gpr[7], r.eflags, r.fp.control,
            r.fp.status, r.fp.tag, r.fp.mxcsr);
        for (unsigned i = 0; i < 3; ++i) {
            std::printf("  st%u ", i);
            for (unsigned n = 10; n-- > 0;) std::printf("%02x", r.fp.st[i][n]);
        }
        std::printf("\n");
        std::fflush(stdout);
    }

private:
    Options options_;
    Native native_;
    Generator generator_;
    Emulated emulated_;
    std::map<std::string, u64> where_;
    std::string not_compared_; ///< why difference() was silent
    u64 wild_ = 0;
    std::vector<usize> applied_;
};

/// Rows of the instruction table by group: how many there are, are left out, were carried out in every form.
int show_coverage(const Options& options) {
    const Generator generator;
    Emulated emulated;
    Coverage coverage;
    emulated.observe([&](u32, const Insn& insn, bool completed) { coverage.add(insn, completed); });
    for (u64 seed = options.seed; seed < options.seed + options.coverage; ++seed) {
        const Program program = generator.program(seed);
        const Layout layout = lay_out(program);
        emulated.run(program, layout, initial_memory(program, layout));
    }
    for (const Coverage::Group& g : coverage.groups())
        std::printf("group %s | %u | %u | %u | %llu\n", g.name, g.rows, g.reached, g.explained,
                    static_cast<unsigned long long>(g.instructions));
    for (const std::string& line : coverage.unreached()) std::printf("not reached: %s\n", line.c_str());
    return coverage.unreached().empty() ? 0 : 1;
}

u64 number(const char* text) { return std::strtoull(text, nullptr, 0); }

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* const value = i + 1 < argc ? argv[i + 1] : "0";
        if (word == "--seed")
            options.seed = number(value), ++i;
        else if (word == "--instructions")
            options.instructions = number(value), ++i;
        else if (word == "--stop-after")
            options.stop_after = static_cast<u32>(number(value)), ++i;
        else if (word == "--write-case")
            options.case_file = value, ++i;
        else if (word == "--story")
            options.story = value, ++i;
        else if (word == "--undefined-flags")
            options.undefined_flags = true;
        else if (word == "--code16" || word == "--code32") {
            for (const char* at = value; *at; at += 2)
                options.code.push_back(static_cast<u8>(std::strtoul(std::string(at, 2).c_str(), nullptr, 16)));
            options.code16 = word == "--code16";
            ++i;
        } else if (word == "--coverage")
            options.coverage = number(value), ++i;
        else if (word == "--show")
            options.show = true;
        else {
            std::fprintf(stderr,
                         "usage: native_differential [--seed N] [--instructions N] [--stop-after N]\n"
                         "                           [--undefined-flags] [--show] [--write-case FILE] [--story TEXT]\n"
                         "                           [--code16 HEX | --code32 HEX] [--coverage PROGRAMS]\n");
            return 2;
        }
    }
    if (options.coverage) return show_coverage(options);
    Runner runner(options);
    if (!runner.why_not().empty()) {
        std::printf("skipped: %s\n", runner.why_not().c_str());
        return 0;
    }
    std::printf("host: %s\n", Native::processor().c_str());
    return options.code.empty() ? runner.run() : runner.run_code(options.code, options.code16);
}
