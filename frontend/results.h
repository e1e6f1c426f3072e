#pragma once
/// The one place that results go to: standard output, or standard error while the guest's bytes have standard output,
/// or the file of --script-output. Messages for the user go to standard error.
#include <cstdio>
#include <string>

namespace r86 {

class Results {
public:
    Results() = default;
    ~Results();
    Results(const Results&) = delete;
    Results& operator=(const Results&) = delete;

    void use_stderr() { out_ = stderr; }
    /// Throws UserError.
    void use_file(const std::string& path);
    /// Whole lines; flushed, because somebody may wait for them.
    void line(const std::string& text);
    bool failed() const { return failed_; }

    /// `rewind86: TEXT` on standard error.
    static void message(const std::string& text);

private:
    std::FILE* out_ = stdout;
    std::FILE* file_ = nullptr;
    bool failed_ = false;
};

} // namespace r86
