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
from harness import Context, Skip  # noqa: E402


def grub(test, kind):
    return test.package("grub-rescue-pc") / "usr/lib/grub-rescue" / f"grub-rescue-{kind}"


def installer(test, flavour, memory, append):
    folder = test.installer(flavour)
    return ["--memory", memory, "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append", append]


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
