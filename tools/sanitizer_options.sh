# One sanitizer build serves the unit tests and the fuzz targets. Sourced by variant.sh and fuzz.sh.
# Sets sanitizer_options (for cmake) and have_libfuzzer (yes or no: then GCC's sanitizers do, without fuzz targets).
sanitizer_options=(-DR86_SANITIZE=ON -DR86_TESTS=ON -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -g1")
have_libfuzzer=no
fuzz_compiler=$(command -v clang++-14 || command -v clang++ || true)
if [ -n "$fuzz_compiler" ]; then
    probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
    if echo "$probe" | "$fuzz_compiler" -x c++ -fsanitize=fuzzer - -o /dev/null 2>/dev/null; then
        have_libfuzzer=yes
        sanitizer_options+=(-DR86_FUZZ=ON "-DCMAKE_CXX_COMPILER=$fuzz_compiler" "-DCMAKE_C_COMPILER=${fuzz_compiler/clang++/clang}")
    fi
fi
