#!/usr/bin/env bash
# Builds every fuzz target with Clang's libFuzzer and the sanitizers, and lets each search for SECONDS.
#   fuzz.sh SOURCE_DIR BUILD_DIR SECONDS [TARGET...]
# New inputs go to BUILD_DIR/fuzz/corpus; what crashes stays in BUILD_DIR/fuzz. Exit status 77: no libFuzzer here.
set -euo pipefail
source_dir=$1 build=$2/fuzz seconds=$3
shift 3
compiler=$(command -v clang++-14 || command -v clang++ || true)
[ -n "$compiler" ] || { echo "skipped: clang++ is not installed"; exit 77; }
mkdir -p "$build"
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
echo "$probe" | "$compiler" -x c++ -fsanitize=fuzzer - -o "$build/probe" 2>/dev/null ||
    { echo "skipped: no libFuzzer (package libclang-rt-14-dev)"; exit 77; }

configure=(-S "$source_dir" -B "$build" -G Ninja -DR86_FRONTEND=OFF -DR86_TESTS=OFF -DR86_FUZZ=ON -DR86_SANITIZE=ON
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -g1" -DCMAKE_CXX_COMPILER="$compiler"
    -DCMAKE_C_COMPILER="${compiler/clang++/clang}")
command -v ccache >/dev/null && configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake "${configure[@]}" >"$build/configure.log" 2>&1 || { cat "$build/configure.log"; exit 1; }
targets=("$@")
if [ $# = 0 ]; then
    for source in "$source_dir"/tests/fuzz/fuzz_*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi
cmake --build "$build" -j 2 --target "${targets[@]}"

failed=0
for name in "${targets[@]}"; do
    own="$build/corpus/${name#fuzz_}"
    kept="$source_dir/tests/fuzz/corpus/${name#fuzz_}"
    mkdir -p "$own"
    folders=("$own")
    [ -d "$kept" ] && folders+=("$kept")
    echo "== $name for $seconds s"
    nice -n 15 "$build/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$build/$name-" "${folders[@]}" || failed=1
done
exit $failed
