"""Debian i386 on its own disk (tools/guest/make_debian_disk.sh): systemd, ext4 over IDE DMA, X11."""
import re

from png_reader import read_png

# Without the ciphers' self-tests, 3.7e9 instructions at each boot.
START = "serial cryptomgr.notests"

LOGIN = '''
wait-serial "login: " 400
type-serial "root\\n"
wait-serial "Password: " 30
type-serial "root\\n"
wait-serial "# " 60
type-serial "stty -echo; PS1='> '\\n"
wait-serial "> " 30
'''


# Bash echoes what is typed: the text that is waited for must not stand in the command.
DESKTOP = '''
type-serial "systemctl start desktop; while ! pidof icewm; do sleep 1; done; sleep 20; echo desktop i''s up\\n"
wait-serial "desktop is up" 600
wait-screen-size 1024x768 10
'''


def start(arguments=""):
    """From SYSLINUX's prompt to a shell on the serial line."""
    return f'''
wait-screen "boot:" 60
type "{START} {arguments}\\n"
''' + LOGIN


def check_disk(test, overlay):
    """The image is sound, and so is the file system in it."""
    test.tool("qemu-img", "check", "-q", overlay)
    raw = test.scratch / "disk.raw"
    test.tool("qemu-img", "convert", "-O", "raw", overlay, raw)
    root = test.scratch / "root.raw"
    test.tool("dd", f"if={raw}", f"of={root}", "bs=1M", "skip=128", "conv=sparse", "status=none")
    raw.unlink()
    test.tool("e2fsck", "-fn", root)
    root.unlink()


def debian(test, arguments="", cpu="pentium4", megabytes=64):
    """Boots, writes and syncs, reboots, finds everything again, powers off; then the disk is checked from outside."""
    overlay, name = test.debian_overlay()
    log = test.scratch / "serial.log"
    test.run(["--memory", "256M", "--cpu", cpu, "--disk", name, "--serial", f"file:{log}"], start(arguments) + f'''
type-serial "write-test {megabytes}\\n"
wait-serial "files are on the disk" 900
type-serial "reboot\\n"
''' + start(arguments) + '''
type-serial "check-test\\n"
wait-serial "files are whole" 300
type-serial "dmesg --level=emerg,alert,crit,err\\n"
wait-serial "> " 60
type-serial "poweroff\\n"
run-seconds 200
''', timeout=3000)
    text = log.read_text(errors="replace")
    for trouble in ("BUG:", "Oops", "Call Trace", "irq.*nobody cared", "lost interrupt", "frozen"):
        assert not re.search(trouble, text), f"{trouble} in the log of the guest"
    check_disk(test, overlay)


def debian_disk(test):
    debian(test)


def debian_noapic(test):
    debian(test, "noapic", megabytes=8)


def debian_nolapic(test):
    debian(test, "nolapic", megabytes=8)


def debian_acpi_off(test):
    debian(test, "acpi=off", megabytes=8)


def debian_pio(test):
    debian(test, "libata.dma=0", megabytes=8)


def debian_desktop(test):
    """X11 with a window manager on the frame buffer at 1024x768; the pointer follows the mouse, keys reach a terminal."""
    _, name = test.debian_overlay()
    first, second = test.scratch / "first.png", test.scratch / "second.png"
    test.run(["--memory", "512M", "--disk", name], start() + DESKTOP + f'''
screenshot {first}
mouse -60 -40
run-seconds 1
mouse -60 -40
run-seconds 2
type "touch /root/typed\\n"
run-seconds 3
screenshot {second}
type-serial "ls /root/typed\\n"
wait-serial "/root/typed" 30
''', timeout=3000)
    width, height, pixels = read_png(first)
    assert (width, height) == (1024, 768)
    assert len(set(pixels)) > 100, f"only {len(set(pixels))} colours"
    assert pixels != read_png(second)[2], "the picture did not change"
