#!/usr/bin/env python3
"""CPU seconds and instructions from power-on to a mark, for each guest of the boot tests, as a table.

    guests.py PROGRAM BUILD_DIR [NAME ...]

CPU seconds are those of the whole process, start included; the mark is a text, or in graphics a tick. Guests are the boot
tests' own (tests/boot/harness.py); those that are not there are left out with a word why.
"""
import os
import pathlib
import re
import resource
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "boot"))
import guest_media  # noqa: E402
import guests_debian  # noqa: E402
import guests_firmware  # noqa: E402
from harness import Context, Skip  # noqa: E402


def grub(test, kind):
    return test.package("grub-rescue-pc") / "usr/lib/grub-rescue" / f"grub-rescue-{kind}"


def installer(test, flavour, memory, append):
    folder = test.installer(flavour)
    return ["--memory", memory, "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append", append]


def freedos_disk(test):
    return ["--memory", "32M", "--disk", guest_media.freedos_disk(test), "--boot", "c"]


def linux(test):
    kernel, initrd = test.debian_kernel()
    return ["--memory", "64M", "--disk-dir", test.source / "docs", "--kernel", kernel, "--initrd", initrd, "--append",
            "console=ttyS0 quiet cryptomgr.notests read=sda1:vfat"]


def debian(memory):
    return lambda test: ["--memory", memory, "--disk", test.debian_overlay()[1]]


# Name: what it is, its arguments, the lines of a script that lead to its mark.
GUESTS = {
    "seabios": ("SeaBIOS alone, 'No bootable device'", lambda test: ["--memory", "32M"], 'wait-screen "No bootable device"'),
    "freedos": ("FreeDOS floppy, prompt", lambda test: ["--snapshot", test.shared_guest("freedos-1440k.img")],
                r"wait-screen /^A:\\>$/"),
    "grub_cdrom": ("GRUB rescue CD, menu", lambda test: ["--boot", "d", "--cdrom", grub(test, "cdrom.iso")],
                   'wait-screen "command-line"'),
    "grub_floppy": ("GRUB rescue floppy, menu", lambda test: ["--snapshot", "--floppy", grub(test, "floppy.img")],
                    'wait-screen "command-line"'),
    "default": ("default guest, shell prompt", lambda test: ["--boot", "d", "--cdrom", test.need(
        test.build / "guests/default.iso", "run tools/guest/make_default_guest.sh build")], 'wait-screen "rewind86:/# " 300'),
    "installer_shell": ("Debian 12 installer's kernel, shell", lambda test: installer(
        test, "text", "512M", "console=ttyS0 rdinit=/bin/sh"), 'wait-serial "# " 300'),
    "installer_serial": ("Debian 12 installer, serial line, language menu", lambda test: installer(
        test, "text", "512M", "console=ttyS0 TERM=vt102"), "wait-serial /Select a language/ 600"),
    "installer_vga": ("Debian 12 installer, screen, language menu", lambda test: installer(
        test, "text", "512M", "vga=normal fb=false"), 'wait-screen "Select a language" 600'),
    "installer_gtk": ("Debian 12 installer, graphical, stable picture", lambda test: installer(
        test, "gtk", "768M", "vga=788"), "run-seconds 170\nwait-stable 5 300"),
    "memtest": ("memtest86+ 6.10, one pass over 16 MiB", lambda test: [
        "--memory", "16M", "--kernel", test.package("memtest86+") / "boot/memtest86+ia32.bin"], "wait-screen /Pass:  [1-9]/ 1200"),
    "ipxe": ("iPXE, shell", lambda test: ["--memory", "64M", "--kernel", test.package("ipxe") / "boot/ipxe.lkrn"],
             'wait-screen "Ctrl-B" 60\nkey ctrl-b\nwait-screen "iPXE>" 30'),
    "hdt": ("SYSLINUX with HDT, prompt", lambda test: ["--memory", "64M", guest_media.hdt_floppy(test)],
            'wait-screen "hdt>" 120'),
    "freedos_disk": ("FreeDOS on its hard disk, C: prompt", freedos_disk, r'wait-screen "C:\>" 60'),
    "gnu_mach": ("GNU Mach 1.8, all drivers, waits for a first task", guest_media.gnu_mach,
                 'wait-screen "No bootstrap code loaded" 60'),
    "u_boot": ("U-Boot, prompt", lambda test: ["--memory", "128M", "--bios", guest_media.u_boot_rom(test)],
               guests_firmware.U_BOOT),
    "grub_legacy": ("GRUB 0.97 floppy, prompt", lambda test: ["--floppy", guest_media.grub_legacy_floppy(test)],
                    'wait-screen "grub>" 30'),
    "linux": ("Debian's 6.1 kernel with busybox, modules loaded, a disk read", linux, "wait-serial /[0-9a-f]{32}  .*md/ 200"),
    "debian": ("Debian 12 from its disk, systemd, shell", debian("256M"), guests_debian.start()),
    "debian_noapic": ("the same, `noapic`", debian("256M"), guests_debian.start("noapic")),
    "debian_nolapic": ("the same, `nolapic`", debian("256M"), guests_debian.start("nolapic")),
    "debian_acpi_off": ("the same, `acpi=off`", debian("256M"), guests_debian.start("acpi=off")),
    "debian_pio": ("the same, PIO", debian("256M"), guests_debian.start("libata.dma=0")),
    "debian_desktop": ("the same, then X11 with a window manager at 1024x768", debian("512M"),
                       guests_debian.start() + guests_debian.DESKTOP),
}


def main():
    program, build, *names = sys.argv[1:]
    print("| guest, mark | CPU seconds | instructions, millions | virtual seconds |\n|---|---|---|---|")
    for name in names or GUESTS:
        title, arguments, script = GUESTS[name]
        with tempfile.TemporaryDirectory(dir=build) as scratch:
            test = Context(os.path.abspath(program), os.path.abspath(build), scratch)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            try:
                out = test.run(["--mips", "100", *arguments(test)], script + "\nposition\n")
            except Skip as reason:
                print(f"{name}: {reason}", file=sys.stderr)
                continue
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        tick, retired = map(int, re.search(r"^at (\d+) .* (\d+) instructions retired", out, re.M).groups())
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {title} | {seconds:.2f} | {retired / 1e6:.0f} | {tick / 1e8:.1f} |", flush=True)


if __name__ == "__main__":
    main()
