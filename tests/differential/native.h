#pragma once
/// Programs on the host's own processor: in a child process, in compatibility-mode segments of its local descriptor
/// table. A whole batch runs without a system call in between, except where a program faults.
///
/// NOT IMPLEMENTED: hosts other than x86-64 Linux; there `why_not` says so.
#include "tests/differential/outcome.h"
#include "tests/differential/program.h"
#include <span>
#include <string>

namespace r86::differential {

class Native {
public:
    Native();
    ~Native();
    Native(const Native&) = delete;
    Native& operator=(const Native&) = delete;

    /// Empty if programs can run here.
    const std::string& why_not() const { return why_not_; }
    /// Maker and model, as CPUID has them.
    static std::string processor();

    std::vector<Outcome> run(std::span<const Program> programs);

private:
    struct Shared;
    Shared* shared_ = nullptr;
    std::string why_not_;
};

} // namespace r86::differential
