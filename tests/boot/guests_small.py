"""Firmware, DOS, boot loaders and the default guest."""
import os
import resource
import subprocess
import sys

from harness import sha256


def _default_iso(test):
    return test.need(test.build / "guests/default.iso", "run tools/guest/make_default_guest.sh build")


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


def grub_cue_sheet(test):
    """The same CD in sectors of 2352 bytes, as a cue sheet made on DOS names them, with an audio track behind."""
    iso = (test.package("grub-rescue-pc") / "usr/lib/grub-rescue/grub-rescue-cdrom.iso").read_bytes()
    sectors = len(iso) // 2048
    header = b"\x00" + b"\xff" * 10 + b"\x00" + bytes(3) + b"\x01"
    data = b"".join(header + iso[at * 2048:][:2048] + bytes(288) for at in range(sectors))
    (test.scratch / "game.bin").write_bytes(data + bytes(300 * 2352))
    minutes, rest = divmod(sectors, 75 * 60)
    sheet = test.scratch / "game.cue"
    sheet.write_text(f'FILE "D:\\GAME.BIN" BINARY\r\n  TRACK 01 MODE1/2352\r\n    INDEX 01 00:00:00\r\n'
                     f'  TRACK 02 AUDIO\r\n    INDEX 01 {minutes:02}:{rest // 75:02}:{rest % 75:02}\r\n')
    test.run(["--memory", "128M", "--boot", "d", "--cdrom", sheet], '''
wait-screen "command-line" 60
''')


def grub_floppy(test):
    grub(test, "floppy.img")


def default_guest(test):
    out = test.run(["--memory", "128M", "--boot", "d", "--cdrom", _default_iso(test)], '''
wait-screen "rewind86:/# " 180
type "uname -m; expr 6 \\\\* 7\\n"
wait-screen /^42$/ 30
screen
type "poweroff\\n"
run-seconds 60
''')
    assert "i686" in out or "i586" in out or "i486" in out


def digest_under_load(test):
    """Linux at a tick: alone, beside busy processes, and in a window whose time runs by the wall clock."""
    tick = 900_000_000
    command = [test.program, "--cdrom", _default_iso(test), "--boot", "d", "--mips", "100", "--rtc", "2000-01-01T00:00:00",
               "--digest-at", str(tick // 3), "--digest-at", str(tick), "--until-instructions", str(tick)]

    def digests(*arguments, **environment):
        done = subprocess.run([*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                              env=os.environ | environment)
        lines = done.stdout.splitlines()
        assert len(lines) == 2, done.stdout + done.stderr
        return lines

    alone = digests("--headless")
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        assert digests("--headless", "--speed", "realtime") == alone, "the host's load changed the machine"
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert digests("--display", "sdl", "--speed", "300", SDL_VIDEODRIVER="dummy") == alone, "the window changed the machine"


def default_guest_idle(test):
    """The share of a host's processor that Linux at its prompt costs at normal speed."""
    state = test.scratch / "prompt.state"
    common = ["--memory", "128M", "--boot", "d", "--cdrom", _default_iso(test)]
    test.run(common, f'wait-screen "rewind86:/# " 180\nrun-seconds 5\nsavestate "{state}"\n')

    def seconds_of_processor(virtual):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        test.run([*common, "--speed", "realtime"], f'loadstate "{state}"\nrun-seconds {virtual}\n')
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    share = (seconds_of_processor(21) - seconds_of_processor(1)) / 20
    print(f"an idle guest costs {100 * share:.2f} % of a processor")
    assert share < 0.03, f"{100 * share:.2f} %"
