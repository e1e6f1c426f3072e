#include "frontend/results.h"
#include "core/error.h"
#include <cerrno>
#include <cstring>

namespace r86 {

Results::~Results() {
    if (file_) std::fclose(file_);
}

void Results::use_file(const std::string& path) {
    file_ = std::fopen(path.c_str(), "w");
    if (!file_) throw UserError("'" + path + "' cannot be written: " + std::strerror(errno));
    out_ = file_;
}

void Results::line(const std::string& text) {
    if (std::fprintf(out_, "%s\n", text.c_str()) < 0 || std::fflush(out_)) failed_ = true;
}

void Results::message(const std::string& text) { std::fprintf(stderr, "rewind86: %s\n", text.c_str()); }

} // namespace r86
