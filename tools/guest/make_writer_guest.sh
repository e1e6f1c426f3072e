#!/usr/bin/env bash
# Makes a Linux guest from Debian packages: the i386 kernel, and an initial RAM disk that writes to an ext4 disk for ever, for
# power cuts, or reads whole media.
#   make_writer_guest.sh BUILD_DIR [KERNEL_PACKAGE]
# writes BUILD_DIR/guests/writer/{vmlinuz,initrd.gz}, or writer-KERNEL_PACKAGE for another kernel than linux-image-686 (kept
# until its files change).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(mkdir -p "$1/guests" && cd "$1" && pwd)
flavour=${2:-linux-image-686}
out="$build/guests/writer"
[ "$flavour" = linux-image-686 ] || out="$out-$flavour"
packages="$build/guests/packages"

version=$(cat "$here"/make_writer_guest.sh "$here"/writer/* | sha256sum | cut -c1-16)
if [ "$(cat "$out/version" 2>/dev/null)" = "$version" ]; then exit 0; fi

"$here/fetch_packages.sh" "$build/guests/apt" "$packages" busybox-static:i386 "$flavour:i386"
# The package of that name only points to the kernel of the day.
kernel=$(APT_CONFIG="$build/guests/apt/apt.conf" apt-cache depends "$flavour:i386" |
    sed -n 's/^ *Depends: \(linux-image-[^: ]*\).*/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "guest: which kernel $flavour means cannot be found out" >&2; exit 3; }
"$here/fetch_packages.sh" "$build/guests/apt" "$packages" "$kernel:i386"

release=${kernel#linux-image-}
modules="$packages/$kernel/lib/modules/$release"
[ -d "$modules" ] || modules="$packages/$kernel/usr/lib/modules/$release"
rm -rf "$out"
root="$out/root"
mkdir -p "$root"/{bin,dev,modules,proc}
cp "$packages/busybox-static/bin/busybox" "$root/bin/busybox"
for applet in sh cat cut dd echo find insmod md5sum mkdir mount mv poweroff rm sync tr umount usleep; do ln -s busybox "$root/bin/$applet"; done
cp "$here/writer/init" "$root/init"
chmod 755 "$root/init"
# Every module after those that it needs.
add() { # FILE_NAME
    local path needed
    grep -qx "$1" "$root/modules/order" 2>/dev/null && return
    path=$(find "$modules" -name "$1.ko" | head -n 1)
    [ -n "$path" ] || return 0 # built into the kernel
    for needed in $(tr '\0' '\n' <"$path" | sed -n 's/^depends=//p' | tr , ' '); do # the .modinfo section
        add "$needed"
        add "${needed//_/-}"
    done
    cp "$path" "$root/modules/$1.ko"
    echo "$1" >>"$root/modules/order"
}
for module in crc32c_generic ata_piix sd_mod sr_mod floppy ext4 isofs vfat nls_cp437 nls_iso8859-1 nls_ascii; do add "$module"; done
find "$root" -exec touch -h -d @1000000000 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) | gzip -9n >"$out/initrd.gz"
cp "$packages/$kernel/boot/vmlinuz-$release" "$out/vmlinuz"
rm -rf "$root"
echo "$version" >"$out/version"
echo "guest: $out is ready" >&2
