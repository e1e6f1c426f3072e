#!/usr/bin/env bash
# Downloads Debian packages of any architecture into a folder and unpacks them, without touching the user's system:
# apt runs with its own state, cache and lists; nothing is installed, no root is needed.
#   fetch_packages.sh CACHE_DIR OUT_DIR PACKAGE[:ARCH]...
# Each package is unpacked into OUT_DIR/PACKAGE. Packages that were unpacked before are not fetched again.
set -euo pipefail

cache=$(mkdir -p "$1" && cd "$1" && pwd)
out=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2

missing=()
for package in "$@"; do
    [ -e "$out/${package%%:*}/.complete" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

mkdir -p "$cache"/state/lists/partial "$cache"/cache/archives/partial "$cache"/debs
touch "$cache/status"
cat >"$cache/apt.conf" <<EOF
Dir::State "$cache/state";
Dir::State::status "$cache/status";
Dir::Cache "$cache/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "i386"; "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
EOF
export APT_CONFIG="$cache/apt.conf"

# An index that cannot be fetched matters only if a package that is needed is missing afterwards. The lists are kept
# for a day.
if [ -z "$(find "$cache/updated" -mtime -1 2>/dev/null)" ]; then
    echo "guest: reading Debian's package lists" >&2
    apt-get -q update >"$cache/update.log" 2>&1 || true
    touch "$cache/updated"
fi
for package in "${missing[@]}"; do
    name=${package%%:*}
    echo "guest: fetching $package" >&2
    if ! (cd "$cache/debs" && apt-get -q download "$package" >"$cache/download.log" 2>&1); then
        rm -f "$cache/updated"
        echo "guest: cannot fetch the Debian package $package (no network?):" >&2
        tail -n 2 "$cache/download.log" >&2
        exit 3
    fi
    archive=$(ls -t "$cache/debs/${name}_"*.deb | head -n 1)
    rm -rf "${out:?}/$name"
    mkdir -p "$out/$name"
    dpkg-deb -x "$archive" "$out/$name"
    rm -f "$archive"
    touch "$out/$name/.complete"
done
