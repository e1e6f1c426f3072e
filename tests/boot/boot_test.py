#!/usr/bin/env python3
"""Boots one guest under rewind86 with a session script and judges it by its screen or serial line.

    boot_test.py PROGRAM BUILD_DIR NAME

Exit status 77: what the test needs is not there (it says what); ctest shows it as skipped.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77


class Skip(Exception):
    pass


class Context:
    def __init__(self, program, build, scratch):
        self.program = program
        self.build = pathlib.Path(build)
        self.source = pathlib.Path(__file__).resolve().parents[2]
        self.scratch = pathlib.Path(scratch)

    def run(self, arguments, script="", expect=0, timeout=900):
        """Runs the program headless; returns its standard output."""
        script_file = self.scratch / "session.script"
        script_file.write_text(script)
        command = [self.program, "--headless", *map(str, arguments)]
        if script:
            command += ["--script", str(script_file)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              errors="replace")
        if done.returncode != expect:
            sys.stderr.write(done.stdout[-6000:])
            sys.stderr.write(done.stderr[-6000:])
            raise AssertionError(f"exit status {done.returncode}, expected {expect}: {' '.join(command)}")
        return done.stdout

    def need(self, path, why):
        path = pathlib.Path(path)
        if not path.exists():
            raise Skip(f"{path} is not there: {why}")
        return path

    def package(self, name):
        """A Debian package unpacked under the build folder, fetched if need be."""
        script = self.source / "tools/guest/fetch_packages.sh"
        folder = self.build / "guests/packages" / name
        if subprocess.run([script, self.build / "guests/apt", self.build / "guests/packages", name]).returncode:
            raise Skip(f"the Debian package {name} cannot be fetched")
        return folder

    def installer(self, flavour):
        return (self.package("debian-installer-12-netboot-i386") /
                f"usr/lib/debian-installer/images/12/i386/{flavour}/debian-installer/i386")

    def shared_guest(self, name):
        return self.need(self.source.parent / "shared/guests" / name, "a guest image of the developers")

    def copy(self, path):
        target = self.scratch / pathlib.Path(path).name
        shutil.copyfile(path, target)
        return target


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def seabios(test):
    out = test.run(["--memory", "32M"], '''
wait-screen "SeaBIOS (version" 20
wait-screen "Press ESC for boot menu" 20
key esc
wait-screen "Select boot device:" 20
key 1
wait-screen "No bootable device" 60
screen
''')
    assert "No bootable device" in out


def freedos(test):
    image = test.copy(test.shared_guest("freedos-1440k.img"))
    test.run([image], r'''
wait-screen /^A:\\>$/ 60
type "ver /r\n"
wait-screen "FreeDOS kernel version 0.0.40" 20
type "dir\n"
wait-screen "1,337,344 bytes free" 20
type "echo kept > note.txt\n"
wait-screen /^A:\\>$/ 20
run-seconds 3
reset
wait-screen /^A:\\>$/ 60
type "type note.txt\n"
wait-screen /^kept/ 20
''')
    before = sha256(image)
    test.run(["--snapshot", image], r'''
wait-screen /^A:\\>$/ 60
type "echo lost > note2.txt\n"
run-seconds 4
''')
    assert sha256(image) == before, "--snapshot changed the image"


def grub(test, kind):
    image = test.copy(test.package("grub-rescue-pc") / f"usr/lib/grub-rescue/grub-rescue-{kind}")
    letter = ["--boot", "d", "--cdrom", image] if kind == "cdrom.iso" else ["--floppy", image]
    out = test.run(["--memory", "128M", *letter], '''
wait-screen "grub>" 120
type "ls\\n"
wait-screen /\\((cd|fd)0\\)/ 30
screen
type "halt\\n"
run-seconds 60
''')
    assert "(cd" in out or "(fd" in out


def grub_cdrom(test):
    grub(test, "cdrom.iso")


def grub_floppy(test):
    grub(test, "floppy.img")


def default_guest(test):
    iso = test.need(test.build / "guests/default.iso", "run tools/guest/make_default_guest.sh build")
    out = test.run(["--memory", "128M", "--boot", "d", "--cdrom", iso], '''
wait-screen "rewind86:/# " 180
type "uname -m; expr 6 \\\\* 7\\n"
wait-screen /^42$/ 30
screen
type "poweroff\\n"
run-seconds 60
''')
    assert "i686" in out or "i586" in out or "i486" in out


def installer_shell(test):
    folder = test.installer("text")
    test.run(["--memory", "256M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
              "console=ttyS0 rdinit=/bin/sh", "--serial", "null"], '''
wait-serial "# " 300
type-serial "echo $((6*7))x\\n"
wait-serial "42x" 30
''')


def installer_text(test):
    folder = test.installer("text")
    test.run(["--memory", "256M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
              "console=ttyS0 TERM=vt102", "--serial", "null"], '''
wait-serial /Select a language/ 600
run-seconds 3
type-serial "\\r"
wait-serial /Select your location/ 120
run-seconds 3
type-serial "\\r"
wait-serial /(keymap|keyboard)/ 120
''')


def installer_vga(test):
    folder = test.installer("text")
    out = test.run(["--memory", "256M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
                    "vga=normal"], '''
wait-screen "Select a language" 600
run-seconds 3
key enter
wait-screen "Select your location" 120
run-seconds 3
key enter
wait-screen /(keymap|keyboard)/ 120
screen
''')
    assert "Configure the keyboard" in out or "keymap" in out


def installer_graphical(test):
    folder = test.installer("gtk")
    first, second = test.scratch / "first.png", test.scratch / "second.png"
    test.run(["--memory", "512M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append", "vga=788"],
             f'''
wait-screen-size 800x600 300
wait-stable 20 900
screenshot {first}
mouse 60 40
run-seconds 1
mouse 60 40
run-seconds 3
screenshot {second}
''', timeout=3000)
    from png_reader import read_png
    width, height, pixels = read_png(first)
    assert width >= 800 and height >= 600
    assert len(set(pixels)) > 1000, f"only {len(set(pixels))} colours"
    assert pixels != read_png(second)[2], "the pointer did not move"


TESTS = {f.__name__: f for f in (seabios, freedos, grub_cdrom, grub_floppy, default_guest, installer_shell,
                                 installer_text, installer_vga, installer_graphical)}


def main():
    program, build, name = sys.argv[1:4]
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        try:
            TESTS[name](Context(os.path.abspath(program), os.path.abspath(build), scratch))
        except Skip as reason:
            print(f"skipped: {reason}")
            return SKIP
    return 0


if __name__ == "__main__":
    sys.exit(main())
