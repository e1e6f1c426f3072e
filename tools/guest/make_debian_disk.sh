#!/usr/bin/env bash
# Makes an installed Debian i386 on a hard disk image, with systemd, an ext4 root and an X11 desktop, from Debian packages.
#   make_debian_disk.sh BUILD_DIR        writes BUILD_DIR/guests/debian.qcow2 (kept until this script changes)
# Layout: SYSLINUX's MBR; partition 1 FAT with SYSLINUX, kernel and initrd; partition 2 ext4, the root. Log in as root, password
# "root"; `systemctl start desktop` starts X11. Kernel lines by label at SYSLINUX's prompt: text (default, VGA console), serial.
# Needs mmdebstrap, fakeroot, e2fsprogs, dosfstools, mtools, syslinux, qemu-utils; nothing is installed into the host.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(mkdir -p "$1/guests" && cd "$1" && pwd)
disk="$build/guests/debian.qcow2"
work="$build/guests/debian-work"
tar="$build/guests/debian-root.tar"

version=$(cat "$here"/make_debian_disk.sh "$here"/debian/* | sha256sum | cut -c1-16)
if [ -f "$disk" ] && [ "$(cat "$disk.version" 2>/dev/null)" = "$version" ]; then exit 0; fi
for tool in mmdebstrap fakeroot mke2fs mkfs.vfat mcopy syslinux qemu-img; do
    command -v "$tool" >/dev/null || { echo "guest: $tool is not installed" >&2; exit 3; }
done

packages=systemd-sysv,udev,kmod,linux-image-686,initramfs-tools,e2fsprogs,login,procps,kbd
packages+=,xserver-xorg-core,xserver-xorg-input-libinput,xinit,icewm,xterm,x11-utils
if [ ! -f "$tar" ]; then
    echo "guest: installing Debian i386 into $tar (several minutes)" >&2
    # The mirror that this host uses itself.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    mmdebstrap --arch=i386 --variant=minbase --include="$packages" bookworm "$tar.part" "$mirror" >"$build/guests/debian.log" 2>&1 ||
        { tail -n 5 "$build/guests/debian.log" >&2; exit 3; }
    mv "$tar.part" "$tar"
fi

echo "guest: making $disk" >&2
rm -rf "$work"
mkdir -p "$work/root" "$work/boot"
root_uuid=52455749-4e44-3836-0000-000000000001
export here work tar root_uuid
fakeroot bash -euc '
    tar -C "$work/root" -xf "$tar"
    root="$work/root"
    cp -L "$root/vmlinuz" "$work/boot/vmlinuz"
    cp -L "$root/initrd.img" "$work/boot/initrd.img"
    echo rewind86 >"$root/etc/hostname"
    echo "UUID=$root_uuid / ext4 errors=remount-ro 0 1" >"$root/etc/fstab"
    # root:root, in the traditional form that every login knows.
    sed -i "s#^root:[^:]*:#root:$(openssl passwd -1 -salt rewind root):#" "$root/etc/shadow"
    install -m 755 "$here/debian/write-test" "$root/usr/local/bin/write-test"
    install -m 755 "$here/debian/check-test" "$root/usr/local/bin/check-test"
    install -m 644 "$here/debian/desktop.service" "$root/etc/systemd/system/desktop.service"
    install -m 755 "$here/debian/xinitrc" "$root/root/.xinitrc"
    rm -rf "$root"/var/cache/apt/* "$root"/usr/share/doc/* "$root"/usr/share/locale/*
    mke2fs -q -t ext4 -U "$root_uuid" -L root -d "$root" "$work/root.img" 1600M
'
kernel_line() { # LABEL ARGUMENTS
    printf 'LABEL %s\n  KERNEL vmlinuz\n  INITRD initrd.img\n  APPEND root=UUID=%s rw %s\n' "$1" "$root_uuid" "$2"
}
{
    printf 'DEFAULT text\nPROMPT 1\nTIMEOUT 30\n'
    kernel_line text "quiet"
    kernel_line serial "console=tty0 console=ttyS0,115200"
} >"$work/syslinux.cfg"

# Sectors: 1 MiB of room, 127 MiB of FAT, then the root.
fat_start=2048 fat_sectors=$((127 * 2048)) root_start=$((128 * 2048)) root_sectors=$((1600 * 2048))
mkfs.vfat -F 32 -n BOOT -h $fat_start -C "$work/fat.img" $((fat_sectors / 2)) >/dev/null
mcopy -i "$work/fat.img" "$work/boot/vmlinuz" "$work/boot/initrd.img" "$work/syslinux.cfg" ::
syslinux --install "$work/fat.img"
truncate -s $(((root_start + root_sectors) * 512)) "$work/disk.img"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk.img" conv=notrunc status=none 2>/dev/null ||
    dd if=/usr/lib/SYSLINUX/mbr.bin of="$work/disk.img" conv=notrunc status=none
entry() { # OFFSET STATUS TYPE START SECTORS: a partition table entry whose CHS fields say "use LBA"
    printf "$(printf '\\x%02x\\xfe\\xff\\xff\\x%02x\\xfe\\xff\\xff' "$2" "$3")" | dd of="$work/disk.img" bs=1 seek="$1" conv=notrunc status=none
    printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($4 & 255)) $(($4 >> 8 & 255)) $(($4 >> 16 & 255)) $(($4 >> 24)))" |
        dd of="$work/disk.img" bs=1 seek=$(($1 + 8)) conv=notrunc status=none
    printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($5 & 255)) $(($5 >> 8 & 255)) $(($5 >> 16 & 255)) $(($5 >> 24)))" |
        dd of="$work/disk.img" bs=1 seek=$(($1 + 12)) conv=notrunc status=none
}
entry 446 128 12 $fat_start $fat_sectors
entry 462 0 131 $root_start $root_sectors
printf '\x55\xaa' | dd of="$work/disk.img" bs=1 seek=510 conv=notrunc status=none
dd if="$work/fat.img" of="$work/disk.img" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.img" of="$work/disk.img" bs=1M seek=128 conv=notrunc,sparse status=none
qemu-img convert -O qcow2 "$work/disk.img" "$disk.part"
mv "$disk.part" "$disk"
echo "$version" >"$disk.version"
rm -rf "$work"
echo "guest: $disk is ready" >&2
