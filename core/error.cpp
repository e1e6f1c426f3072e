#include "core/error.h"
#include <cstdio>
#include <cstdlib>

namespace r86 {

void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "rewind86: internal error: %s does not hold (%s:%d); please report it\n", condition, file,
                 line);
    std::abort();
}

} // namespace r86
