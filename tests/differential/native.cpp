// The host's side, for x86-64 Linux: entry and exit code, signals, the child process. Elsewhere: why not.
#include "tests/differential/native.h"

#if defined(__x86_64__) && defined(__linux__)
#include <algorithm>
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

namespace r86::differential {

namespace {

// What entry and exit code exchange with the rest, at a fixed low address behind the exit code.
constexpr u32 kArea = kExit + kPage;
constexpr u32 kTrampoline = kExit + 0x800;

struct Area {
    u64 gpr[8];                       // 00h: in and out, by register number
    u64 eflags;                       // 40h
    u64 eip;                          // 48h
    u64 selector[6];                  // 50h: ES CS SS DS FS GS
    u64 host_rsp;                     // 80h
    u64 host_fs;                      // 88h
    u64 ended;                        // 90h: 1 by the exit, 2 by a signal
    u64 running;                      // 98h
    u64 vector, error, address;       // A0h
    u64 scratch;                      // B8h
    u64 unused[6];                    // C0h
    u32 stack_offset, stack_selector; // F0h: far pointers for the trampoline
    u32 code_offset, code_selector;   // F8h
    u8 float_in[512];                 // 100h: FXRSTOR64's form
    u8 float_out[512];                // 300h
};
static_assert(offsetof(Area, host_rsp) == 0x80 && offsetof(Area, stack_offset) == 0xF0 &&
              offsetof(Area, float_in) == 0x100);
static_assert(kArea == 0x7A5C1000 && kTrampoline == 0x7A5C0800, "the assembler below has them as numbers");

Area& area() { return *reinterpret_cast<Area*>(static_cast<uintptr_t>(kArea)); }

// ---- entry and exit
// ---------------------------------------------------------------------------------------------------------------

extern "C" {
void r86_enter();
extern const u8 r86_exit_begin[], r86_exit_end[], r86_trampoline_begin[], r86_trampoline_end[];
void r86_signal_entry(int, siginfo_t*, void*);
}

asm(R"(
    .macro TAKE_DATA_SEGMENTS # the program's are kept, the host's loaded
    mov %es, %eax
    mov %rax, A+0x50
    mov %ds, %eax
    mov %rax, A+0x68
    mov %fs, %eax
    mov %rax, A+0x70
    mov %gs, %eax
    mov %rax, A+0x78
    mov $0x2b, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    .endm
    .macro HOST_FS_BASE # arch_prctl(ARCH_SET_FS)
    mov $158, %eax
    mov $0x1002, %edi
    mov A+0x88, %rsi
    syscall
    .endm

    .set A, 0x7A5C1000
    .text
    .globl r86_enter
r86_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, A+0x80
    fxrstor64 A+0x100
    pushq $0x2b
    pushq $0
    pushq A+0x40
    pushq $0x23
    pushq $0x7A5C0800
    movw A+0x50, %es
    movw A+0x68, %ds
    movw A+0x78, %gs
    movw A+0x70, %fs
    mov A+0x00, %rax
    mov A+0x08, %rcx
    mov A+0x10, %rdx
    mov A+0x18, %rbx
    mov A+0x28, %rbp
    mov A+0x30, %rsi
    mov A+0x38, %rdi
    movq $1, A+0x98
    iretq

    # Copied to the exit page: uses no address of its own.
    .globl r86_exit_begin
    .globl r86_exit_end
r86_exit_begin:
    mov %rax, A+0x00
    mov %rcx, A+0x08
    mov %rdx, A+0x10
    mov %rbx, A+0x18
    mov %rsp, A+0x20
    mov %rbp, A+0x28
    mov %rsi, A+0x30
    mov %rdi, A+0x38
    mov A+0x80, %rsp
    pushfq
    popq A+0x40
    pushq $2
    popfq
    mov %ss, %eax
    mov %rax, A+0x60
    TAKE_DATA_SEGMENTS
    xor %eax, %eax
    mov %eax, %gs
    movq $0, A+0x98
    movq $1, A+0x90
    fxsave64 A+0x300
    fninit
    movl $0x1f80, A+0xb8
    ldmxcsr A+0xb8
    HOST_FS_BASE
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
r86_exit_end:

    # Copied behind it, run as 32-bit code: IRETQ would leave bits 16 to 31 of ESP alone for a 16-bit stack.
    .globl r86_trampoline_begin
    .globl r86_trampoline_end
    .code32
r86_trampoline_begin:
    lss %cs:A+0xf0, %esp
    ljmp *%cs:A+0xf8
r86_trampoline_end:
    .code64

    # A signal arrives with the program's DS, ES, FS, GS and EFLAGS.AC still in force. Either it ends the program
    # (recorded by r86_on_signal, left by the same way as r86_enter was) or it was meant for the bench.
    .globl r86_signal_entry
r86_signal_entry:
    pushq $2
    popfq
    push %rdi
    push %rsi
    push %rdx
    TAKE_DATA_SEGMENTS
    HOST_FS_BASE
    pop %rdx
    pop %rsi
    pop %rdi
    cld
    sub $8, %rsp
    call r86_on_signal
    mov A+0x80, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

extern "C" void r86_on_signal(int number, siginfo_t*, void* context) {
    Area& a = area();
    if (!a.running) _exit(40 + number);
    const auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
    const auto reg = [&](int index) { return static_cast<u64>(machine.gregs[index]); };
    static constexpr int kOrder[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    for (unsigned i = 0; i < 8; ++i) a.gpr[i] = reg(kOrder[i]);
    a.eflags = reg(REG_EFL);
    a.eip = reg(REG_RIP);
    a.selector[CS] = reg(REG_CSGSFS) & 0xFFFF;
    a.selector[SS] = reg(REG_CSGSFS) >> 48;
    a.vector = number == SIGALRM ? 0xFF : reg(REG_TRAPNO);
    a.error = reg(REG_ERR);
    a.address = reg(REG_CR2);
    std::memcpy(a.float_out, machine.fpregs, 512);
    a.running = 0;
    a.ended = 2;
}

// ---- states
// -----------------------------------------------------------------------------------------------------------------------

void put_floats(const FloatState& from, u8* image) {
    std::memset(image, 0, 512);
    const auto put = [&](unsigned at, const auto& value) { std::memcpy(image + at, &value, sizeof value); };
    put(0, from.control);
    put(2, from.status);
    put(4, from.tag);
    put(8, u64{from.fip});
    put(24, from.mxcsr);
    for (unsigned i = 0; i < 8; ++i) {
        std::memcpy(image + 32 + 16 * i, from.st[i].data(), 10);
        std::memcpy(image + 160 + 16 * i, from.xmm[i].data(), 16);
    }
}

FloatState get_floats(const u8* image) {
    FloatState out;
    const auto get = [&](unsigned at, auto& value) { std::memcpy(&value, image + at, sizeof value); };
    get(0, out.control);
    get(2, out.status);
    get(4, out.tag);
    get(8, out.fip);
    get(24, out.mxcsr);
    for (unsigned i = 0; i < 8; ++i) {
        std::memcpy(out.st[i].data(), image + 32 + 16 * i, 10);
        std::memcpy(out.xmm[i].data(), image + 160 + 16 * i, 16);
    }
    return out;
}

// ---- the child
// --------------------------------------------------------------------------------------------------------------------

constexpr unsigned kBatch = 256;

std::string set_descriptor(unsigned n) {
    const LocalDescriptor& from = kLocalDescriptors[n];
    user_desc to{};
    to.entry_number = n;
    to.base_addr = from.base;
    to.limit = from.limit;
    to.seg_32bit = from.big;
    to.contents = from.contents;
    to.read_exec_only = from.limited;
    to.limit_in_pages = from.pages;
    to.seg_not_present = !from.present;
    to.useable = 0;
    if (syscall(SYS_modify_ldt, 0x11, &to, sizeof to) == 0) return "";
    return "the kernel refuses modify_ldt for the descriptor '" + std::string(from.name) + "'";
}

int protection(Rights rights) {
    switch (rights) {
    case Rights::None: return PROT_NONE;
    case Rights::ReadOnly: return PROT_READ;
    case Rights::ReadWrite: return PROT_READ | PROT_WRITE;
    case Rights::All: break;
    }
    return PROT_READ | PROT_WRITE | PROT_EXEC;
}

bool map_at(u32 base, u32 size, int rights) {
    void* const at = reinterpret_cast<void*>(static_cast<uintptr_t>(base));
    return mmap(at, size, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0) == at;
}

/// Everything a child needs before its first program. Empty, or what the host refuses.
std::string prepare() {
    for (const Region& region : kRegions)
        if (!map_at(region.base, region.size, protection(region.rights) | PROT_WRITE))
            return "the address space below 2 GiB is not free";
    if (!map_at(kExit, kExitPages * kPage, PROT_READ | PROT_WRITE | PROT_EXEC)) return "no memory for the exit code";
    std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(kExit)), r86_exit_begin,
                static_cast<size_t>(r86_exit_end - r86_exit_begin));
    std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(kTrampoline)), r86_trampoline_begin,
                static_cast<size_t>(r86_trampoline_end - r86_trampoline_begin));
    for (unsigned n = 0; n < kLocals; ++n)
        if (std::string why = set_descriptor(n); !why.empty()) return why;
    unsigned long fs = 0;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
    area().host_fs = fs;
    area().running = 0;
    constexpr size_t kSignalStack = 1 << 18;
    stack_t stack{};
    stack.ss_sp = std::malloc(kSignalStack);
    stack.ss_size = kSignalStack;
    if (sigaltstack(&stack, nullptr) != 0) return "no signal stack";
    struct sigaction action {};
    action.sa_sigaction = r86_signal_entry;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM}) sigaction(number, &action, nullptr);
    return "";
}

void copy_in(const std::vector<u8>& memory) {
    u32 at = 0;
    for (const Region& region : kRegions) {
        void* const base = reinterpret_cast<void*>(static_cast<uintptr_t>(region.base));
        if (region.rights == Rights::ReadOnly) mprotect(base, region.size, PROT_READ | PROT_WRITE);
        std::memcpy(base, memory.data() + at, region.size);
        if (region.rights == Rights::ReadOnly) mprotect(base, region.size, PROT_READ);
        at += region.size;
    }
}

void copy_out(u8* to) {
    for (const Region& region : kRegions) {
        std::memcpy(to, reinterpret_cast<const void*>(static_cast<uintptr_t>(region.base)), region.size);
        to += region.size;
    }
}

void set_alarm(int milliseconds) {
    itimerval timer{};
    timer.it_value.tv_usec = milliseconds * 1000;
    setitimer(ITIMER_REAL, &timer, nullptr);
}

struct Result {
    Area area;
    u8 memory[kImageSize];
};

/// Runs programs until one of them does not come back; `done` counts them.
void run_batch(std::span<const Program> programs, u32& done, Result* results) {
    for (u32 i = done; i < programs.size(); ++i) {
        const Program& program = programs[i];
        copy_in(initial_memory(program, lay_out(program)));
        Area& a = area();
        for (unsigned r = 0; r < 8; ++r) a.gpr[r] = program.start.gpr[r];
        a.eflags = program.start.eflags;
        a.eip = program.start.eip;
        for (unsigned seg = 0; seg < kSegments; ++seg) a.selector[seg] = program.start.selector[seg];
        a.stack_offset = program.start.gpr[RSP];
        a.stack_selector = program.start.selector[SS];
        a.code_offset = program.start.eip;
        a.code_selector = program.start.selector[CS];
        put_floats(program.start.fp, a.float_in);
        a.ended = 0;
        set_alarm(200);
        r86_enter();
        set_alarm(0);
        std::memcpy(&results[i].area, &a, sizeof(Area));
        copy_out(results[i].memory);
        done = i + 1;
    }
}

} // namespace

struct Native::Shared {
    u32 done; ///< programs finished in this batch
    char why_not[200];
    Result results[kBatch];
};

Native::Native() {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        why_not_ = "no shared memory";
        return;
    }
    shared_ = static_cast<Shared*>(memory);
    // A first child that only prepares says whether the host allows it.
    const pid_t pid = fork();
    if (pid == 0) {
        const std::string why = prepare();
        std::strncpy(shared_->why_not, why.c_str(), sizeof shared_->why_not - 1);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    why_not_ = shared_->why_not;
    if (why_not_.empty() && status != 0) why_not_ = "the child process ended while it prepared";
}

Native::~Native() {
    if (shared_) munmap(shared_, sizeof(Shared));
}

std::vector<Outcome> Native::run(std::span<const Program> programs) {
    std::vector<Outcome> out;
    for (usize first = 0; first < programs.size(); first += kBatch) {
        const auto batch = programs.subspan(first, std::min<usize>(kBatch, programs.size() - first));
        shared_->done = 0;
        while (shared_->done < batch.size()) {
            const pid_t pid = fork();
            if (pid == 0) {
                if (prepare().empty()) run_batch(batch, shared_->done, shared_->results);
                _exit(0);
            }
            int status = 0;
            waitpid(pid, &status, 0);
            if (shared_->done == batch.size()) break;
            // The next program took the child with it.
            shared_->results[shared_->done].area.ended = 0;
            ++shared_->done;
        }
        for (usize i = 0; i < batch.size(); ++i) {
            const Result& result = shared_->results[i];
            const Area& a = result.area;
            Outcome outcome;
            outcome.ending = a.ended == 1                       ? Ending::Exit
                             : a.ended == 2 && a.vector == 0xFF ? Ending::Timeout
                             : a.ended == 2                     ? Ending::Fault
                                                                : Ending::Broken;
            Registers& r = outcome.registers;
            for (unsigned n = 0; n < 8; ++n) r.gpr[n] = static_cast<u32>(a.gpr[n]);
            r.eip = outcome.ending == Ending::Exit ? kExit : static_cast<u32>(a.eip);
            r.eflags = static_cast<u32>(a.eflags);
            for (unsigned seg = 0; seg < kSegments; ++seg) r.selector[seg] = static_cast<u16>(a.selector[seg]);
            if (outcome.ending == Ending::Exit) r.selector[CS] = kExitSelector;
            r.fp = get_floats(a.float_out);
            if (outcome.ending == Ending::Fault) {
                outcome.vector = static_cast<u8>(a.vector);
                outcome.error = static_cast<u32>(a.error);
                if (a.vector == 14) outcome.fault_address = static_cast<u32>(a.address);
            }
            outcome.memory.assign(result.memory, result.memory + kImageSize);
            out.push_back(std::move(outcome));
        }
    }
    return out;
}

std::string Native::processor() {
    unsigned a = 0, regs[3] = {};
    char vendor[13] = {};
    __get_cpuid(0, &a, &regs[0], &regs[2], &regs[1]);
    std::memcpy(vendor, regs, 12);
    unsigned brand[12] = {};
    for (unsigned i = 0; i < 3; ++i)
        __get_cpuid(0x80000002 + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2], &brand[4 * i + 3]);
    char text[49] = {};
    std::memcpy(text, brand, 48);
    return std::string(vendor) + ", " + text;
}

} // namespace r86::differential

#else

namespace r86::differential {

struct Native::Shared {};
Native::Native() : why_not_("the host is no x86-64 Linux") {}
Native::~Native() = default;
std::vector<Outcome> Native::run(std::span<const Program>) { return {}; }
std::string Native::processor() { return "no x86"; }

} // namespace r86::differential

#endif
