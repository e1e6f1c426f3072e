# Debian packages that rewind86 needs, and how to install the missing ones. Sourced by ./start and ./test.

run_packages=(cmake ninja-build clang pkg-config libsdl2-dev libcli11-dev zlib1g-dev libzstd-dev nlohmann-json3-dev libcapstone-dev
    seabios nasm acpica-tools xorriso cpio)
test_packages=(catch2 libmpfr-dev g++ clang-format-14 ccache grub-rescue-pc mtools dosfstools qemu-user
    g++-aarch64-linux-gnu libc6-dev-arm64-cross g++-mingw-w64-x86-64-posix xvfb xdotool xclip imagemagick gdb
    qemu-utils e2fsprogs libclang-rt-14-dev syslinux)
long_packages=(mmdebstrap arch-test fakeroot openssl)

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}

# install_packages NAME...: installs what is missing, as root or with sudo; says what it does.
install_packages() {
    local missing sudo=()
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "This host has no apt-get. Please install these yourself (Debian's names): ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing: ${missing[*]}" >&2
            echo "Neither root nor sudo is at hand; ask for:  apt-get install ${missing[*]}" >&2
            return 1
        fi
        sudo=(sudo)
    fi
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${sudo[@]}" apt-get -q update >/dev/null 2>&1 || true # an old index may do
    if ! "${sudo[@]}" apt-get -qy install --no-install-recommends "${missing[@]}" >/dev/null; then
        # Once more, with the mentioned packages brought up to date: a cross compiler wants the very version of its host's.
        "${sudo[@]}" apt-get -qy install --no-install-recommends --fix-broken "${missing[@]}"
    fi
}
