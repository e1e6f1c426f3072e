#!/usr/bin/env bash
# Builds the libraries and unit tests in another way and runs the tests.
#   variant.sh gcc|sanitizers|aarch64|mingw SOURCE_DIR BUILD_DIR
# Exit status 77: the host lacks what it needs (ctest shows it as skipped).
set -euo pipefail
variant=$1
source_dir=$2
build=$3/variants/$variant
packages=$3/guests/packages

# The fuzz targets are Clang's already in the sanitizers' build, and have nothing of their own for another processor.
configure=(-S "$source_dir" -B "$build" -G Ninja -DR86_FRONTEND=OFF -DR86_FUZZ_REPLAY=OFF)
. "$source_dir/tools/compiler_cache.sh"
configure+=("${compiler_cache[@]}")
need() { command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; exit 77; }; }

emulator=()
case $variant in
    gcc)
        need g++
        configure+=(-DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++) ;;
    sanitizers) # the same build as tools/fuzz.sh
        . "$source_dir/tools/sanitizer_options.sh"
        configure+=("${sanitizer_options[@]}") ;;
    aarch64)
        need aarch64-linux-gnu-g++
        need qemu-aarch64
        # zlib for the target, unpacked beside the build: nothing is installed into the host.
        "$source_dir/tools/guest/fetch_packages.sh" "$3/guests/apt" "$packages" zlib1g-dev:arm64 zlib1g:arm64 || exit 77
        mkdir -p "$build/include"
        ln -sfn /usr/include/catch2 "$build/include/catch2"
        [ -d /usr/include/nlohmann ] && ln -sfn /usr/include/nlohmann "$build/include/nlohmann"
        zlib="$packages/zlib1g-dev/usr"
        configure+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64
            -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++
            -DCMAKE_CXX_FLAGS="-isystem $build/include -isystem $zlib/include"
            -DCMAKE_EXE_LINKER_FLAGS="-static -L$zlib/lib/aarch64-linux-gnu"
            -DZLIB_LIBRARY="$zlib/lib/aarch64-linux-gnu/libz.a" -DZLIB_INCLUDE_DIR="$zlib/include")
        emulator=(qemu-aarch64) ;;
    mingw)
        need x86_64-w64-mingw32-g++-posix
        configure+=(-DCMAKE_SYSTEM_NAME=Windows -DR86_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix
            -DCMAKE_CXX_COMPILER=x86_64-w64-mingw32-g++-posix) ;;
    *) echo "unknown variant $variant" >&2; exit 2 ;;
esac

log=$3/variants-$variant.log
mkdir -p "$3"
cmake "${configure[@]}" >"$log" 2>&1 || { cat "$log"; exit 1; }
cmake --build "$build" -j 2 >>"$log" 2>&1 || { tail -n 60 "$log"; exit 1; }
if grep -q 'warning:' "$log"; then
    grep -A 5 'warning:' "$log" | head -n 60
    echo "the build is to be free of warnings"
    exit 1
fi
[ "$variant" = mingw ] && exit 0
failed=0
for program in "$build"/tests/unit_*; do
    [ -x "$program" ] || continue
    echo "== $variant: $(basename "$program")"
    "${emulator[@]}" "$program" '~[host]~[.]' || failed=1
done

# One boot on this processor and on the other: SeaBIOS, a boot loader, a kernel that unpacks itself; equal digests.
native=$3/tests/tool_boot_digests guest=$3/guests/default.iso
if [ "$variant" = aarch64 ] && [ -x "$native" ] && [ -f "$guest" ]; then
    boot=(--cdrom "$guest" --memory 64 --ticks 150000000 --every 10000000 --keys 3)
    "$native" "${boot[@]}" >"$build/digests.native"
    "${emulator[@]}" "$build/tests/tool_boot_digests" "${boot[@]}" >"$build/digests.aarch64" || failed=1
    if cmp "$build/digests.native" "$build/digests.aarch64"; then
        echo "== $variant: $(wc -l <"$build/digests.native") digests of a boot as on the native processor"
    else
        failed=1
    fi
fi
exit $failed
