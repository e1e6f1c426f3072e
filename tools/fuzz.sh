#!/usr/bin/env bash
# Builds every fuzz target with Clang's libFuzzer and the sanitizers, and lets each search for SECONDS.
#   fuzz.sh SOURCE_DIR BUILD_DIR SECONDS [TARGET...]
# Searches of a minute and more begin with the whole kept corpus; shorter ones, which it would fill, with the seeds and a
# handful of what was found.
# New inputs go to BUILD_DIR/fuzz/corpus; what crashes stays in BUILD_DIR/fuzz. Exit status 77: no libFuzzer here.
set -euo pipefail
source_dir=$1 build=$2/variants/sanitizers artifacts=$2/fuzz seconds=$3
shift 3
. "$source_dir/tools/sanitizer_options.sh"
[ "$have_libfuzzer" = yes ] || { echo "skipped: no libFuzzer (packages clang, libclang-rt-14-dev)"; exit 77; }
mkdir -p "$build" "$artifacts"
configure=(-S "$source_dir" -B "$build" -G Ninja -DR86_FRONTEND=OFF "${sanitizer_options[@]}")
. "$source_dir/tools/compiler_cache.sh"
configure+=("${compiler_cache[@]}")
cmake "${configure[@]}" >"$artifacts/configure.log" 2>&1 || { cat "$artifacts/configure.log"; exit 1; }
targets=("$@")
if [ $# = 0 ]; then
    for source in "$source_dir"/tests/fuzz/fuzz_*.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi
cmake --build "$build" -j 2 --target "${targets[@]}" >"$artifacts/build.log" 2>&1 || { tail -n 60 "$artifacts/build.log"; exit 1; }

failed=0
for name in "${targets[@]}"; do
    own="$artifacts/corpus/${name#fuzz_}"
    kept="$source_dir/tests/fuzz/corpus/${name#fuzz_}"
    mkdir -p "$own"
    begin=()
    if [ "$seconds" -ge 60 ] && [ -d "$kept" ]; then
        begin=("$kept")
    elif [ -d "$kept" ]; then
        inputs=$({ find "$kept" -maxdepth 1 -type f; find "$kept" -path '*/found/*' | shuf -n 20; } | paste -sd,)
        [ -z "$inputs" ] || begin=("-seed_inputs=$inputs")
    fi
    echo "== $name for $seconds s"
    nice -n 15 "$build/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$artifacts/$name-" "$own" "${begin[@]}" || failed=1
done
exit $failed
