"""Firmware, DOS, boot loaders and the default guest."""
from harness import sha256


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
wait-screen "command-line" 60
key c
wait-screen "grub>" 30
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
