// A qcow2 file that somebody else made.
#include "tests/fuzz/fuzz_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    r86::fuzz_image(r86::open_qcow2, data, size);
    return 0;
}
