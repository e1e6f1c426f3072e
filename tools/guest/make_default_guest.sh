#!/usr/bin/env bash
# Makes the default guest, a bootable CD with Linux and busybox, from Debian packages alone.
#   make_default_guest.sh BUILD_DIR      writes BUILD_DIR/guests/default.iso (kept until this script or its files change)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(mkdir -p "$1" && cd "$1" && pwd)
iso="$build/guests/default.iso"
work="$build/guests/work"
packages="$build/guests/packages"

version=$(cat "$here"/make_default_guest.sh "$here"/default/* | sha256sum | cut -c1-16)
if [ -f "$iso" ] && [ "$(cat "$iso.version" 2>/dev/null)" = "$version" ]; then
    exit 0
fi

"$here/fetch_packages.sh" "$build/guests/apt" "$packages" \
    debian-installer-12-netboot-i386 busybox-static:i386 libc6:i386 libtinfo6:i386 libncurses6:i386 \
    bsdgames:i386 isolinux syslinux-common

echo "guest: building the default guest" >&2
rm -rf "$work"
root="$work/root"
mkdir -p "$root"/{bin,dev,etc,lib,proc,root,sys,tmp,usr/games,usr/share/terminfo/l,var/games} "$work/cd/isolinux"

busybox="$packages/busybox-static/bin/busybox"
cp "$busybox" "$root/bin/busybox"
# Only the applets that this busybox was built with, so that no link leads nowhere.
for applet in sh ash ls cat cp mv rm mkdir rmdir mount umount dmesg echo printf vi more less head tail grep sed awk sort \
    uniq wc cut tr df du free ps top kill uname date sleep clear reset hexdump hostname chmod ln touch find xargs dd \
    sync stty setsid getty cttyhack poweroff reboot halt fbset fbsplash loadkmap setfont mknod test true false expr seq \
    md5sum sha256sum gzip gunzip tar od env id which tee yes usleep vmstat uptime lsmod lspci bc dc cal; do
    if grep -qa "\b$applet\b" "$busybox"; then ln -sf busybox "$root/bin/$applet"; fi
done
for library in libc6/lib/i386-linux-gnu/{libc.so.6,libm.so.6,ld-linux.so.2} \
    libtinfo6/lib/i386-linux-gnu/libtinfo.so.6 libncurses6/lib/i386-linux-gnu/libncurses.so.6; do
    cp -L "$packages/$library" "$root/lib/"
done
cp "$packages/libtinfo6/lib/terminfo/l/linux" "$root/usr/share/terminfo/l/" 2>/dev/null ||
    cp /lib/terminfo/l/linux "$root/usr/share/terminfo/l/"
for game in tetris-bsd worm hangman; do
    cp "$packages/bsdgames/usr/games/$game" "$root/usr/games/" 2>/dev/null || true
done

cp "$here/default/init" "$root/init"
cp "$here/default/profile" "$root/etc/profile"
cp "$here/default/banner" "$root/etc/banner"
cp "$here/default/picture" "$root/bin/picture"
chmod 755 "$root/init" "$root/bin/picture"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"

# Reproducible: the same packages give the same bytes, so recordings of the default guest replay elsewhere.
find "$root" -exec touch -h -d @1000000000 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) | gzip -9n >"$work/cd/isolinux/initrd.gz"

installer="$packages/debian-installer-12-netboot-i386/usr/lib/debian-installer/images/12/i386/text/debian-installer/i386"
cp "$installer/linux" "$work/cd/isolinux/linux"
cp "$packages/isolinux/usr/lib/ISOLINUX/isolinux.bin" "$work/cd/isolinux/"
cp "$packages/syslinux-common/usr/lib/syslinux/modules/bios/ldlinux.c32" "$work/cd/isolinux/"
cp "$here/default/isolinux.cfg" "$work/cd/isolinux/"
cp "$here/default/boot.msg" "$work/cd/isolinux/"
find "$work/cd" -exec touch -d @1000000000 {} +
SOURCE_DATE_EPOCH=1000000000 xorriso -as mkisofs -quiet -V REWIND86 -r -o "$iso.part" \
    -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/cd" 2>"$work/xorriso.log" ||
    { cat "$work/xorriso.log" >&2; exit 1; }
mv "$iso.part" "$iso"
echo "$version" >"$iso.version"
rm -rf "$work"
echo "guest: $iso is ready" >&2
