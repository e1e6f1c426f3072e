#!/usr/bin/env bash
# Runs every test with the label "long", remembers what passed for this very program, and ends with a table.
#   long_tests.sh BUILD_DIR [ctest options]
set -uo pipefail
build=$(cd "$1" && pwd)
shift
program=$(cat "$build/rewind86" "$build"/tests/unit_* 2>/dev/null | sha256sum | cut -c1-16)
done_dir="$build/long/$program"
mkdir -p "$done_dir"
mapfile -t names < <(ctest --test-dir "$build" -N -L long "$@" | sed -n 's/^ *Test *#[0-9]*: //p')
failed=0
for name in "${names[@]}"; do
    [ -e "$done_dir/$name" ] && continue
    if ctest --test-dir "$build" --output-on-failure -R "^$name\$"; then touch "$done_dir/$name"; else failed=1; fi
done
echo
for name in "${names[@]}"; do
    if [ -e "$done_dir/$name" ]; then state=passed; else state=FAILED; fi
    printf '%-50s %s\n' "$name" "$state"
done
ctest --test-dir "$build" --output-on-failure -j "$(nproc)" -LE long || failed=1
exit $failed
