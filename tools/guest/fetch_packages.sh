#!/usr/bin/env bash
# Downloads Debian packages of any architecture into a folder and unpacks them, without touching the user's system:
# apt runs with its own state, cache and lists; nothing is installed, no root is needed.
#   fetch_packages.sh CACHE_DIR OUT_DIR PACKAGE[:ARCH][/RELEASE]...
# Each package is unpacked into OUT_DIR/PACKAGE, or OUT_DIR/PACKAGE-RELEASE if it comes from another release of Debian than the
# host's. Packages that were unpacked before are not fetched again.
set -euo pipefail

cache=$(mkdir -p "$1" && cd "$1" && pwd)
out=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2

release_of() { case $1 in */*) echo "${1#*/}" ;; esac; }
name_of() { local package=${1%%/*}; echo "${package%%:*}"; }
folder_of() { local release; release=$(release_of "$1"); echo "$out/$(name_of "$1")${release:+-$release}"; }

missing=()
for package in "$@"; do
    [ -e "$(folder_of "$package")/.complete" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# apt with a state of its own, for each release: the host's sources, or the release on the host's mirror.
use_release() { # RELEASE or nothing
    local at="$cache${1:+/$1}"
    mkdir -p "$at"/state/lists/partial "$at"/cache/archives/partial "$at"/debs
    touch "$at/status"
    cat >"$at/apt.conf" <<EOF
Dir::State "$at/state";
Dir::State::status "$at/status";
Dir::Cache "$at/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "i386"; "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
EOF
    if [ -n "$1" ]; then
        local mirror
        mirror=$(env -u APT_CONFIG apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
        echo "deb [arch=amd64,i386 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$at/sources.list"
        printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "-";\n' "$at/sources.list" >>"$at/apt.conf"
    fi
    export APT_CONFIG="$at/apt.conf"
    # An index that cannot be fetched matters only if a package that is needed is missing afterwards. The lists are kept
    # for a day.
    if [ -z "$(find "$at/updated" -mtime -1 2>/dev/null)" ]; then
        echo "guest: reading Debian's package lists${1:+ of $1}" >&2
        apt-get -q update >"$at/update.log" 2>&1 || true
        touch "$at/updated"
    fi
    state=$at
}

for package in "${missing[@]}"; do
    use_release "$(release_of "$package")"
    name=$(name_of "$package") folder=$(folder_of "$package")
    echo "guest: fetching $package" >&2
    if ! (cd "$state/debs" && apt-get -q download "${package%%/*}" >"$state/download.log" 2>&1); then
        rm -f "$state/updated"
        echo "guest: cannot fetch the Debian package $package (no network?):" >&2
        tail -n 2 "$state/download.log" >&2
        exit 3
    fi
    archive=$(ls -t "$state/debs/${name}_"*.deb | head -n 1)
    rm -rf "$folder"
    mkdir -p "$folder"
    dpkg-deb -x "$archive" "$folder"
    rm -f "$archive"
    touch "$folder/.complete"
done
