#!/usr/bin/env python3
"""One boot, many ways: with and without history, recorded and replayed, with other block sizes, dropped caches,
checkpoints at random instants and looks back, in a window, beside a busy process: the same digest at every interval.
tools/variant.sh compares a boot on AArch64 with one here.

    determinism_test.py PROGRAM BUILD_DIR      exit status 77: the guest is not there
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import display

SKIP = 77
TICKS, EVERY = 60_000_000, 5_000_000
KEYS = ["--keys", "3"]


def digests(text):
    """tick -> digest of lines "[digest] N HEX"."""
    return dict(re.findall(r"^(?:digest )?(\d+) ([0-9a-f]{64})$", text, re.M))


def run(*command, **how):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL, **how)
    assert done.returncode == 0, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return digests(done.stdout)


def same(name, wanted, got, least):
    common = [tick for tick in wanted if tick in got]
    assert len(common) >= least, f"{name}: only {len(common)} digests to compare"
    for tick in common:
        assert wanted[tick] == got[tick], f"{name}: another digest at tick {tick}"
    print(f"{name}: {len(common)} digests as expected")


def main():
    program, build = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    image = pathlib.Path(__file__).resolve().parents[3] / "shared/guests/freedos-1440k.img"
    tool = build / "tests/tool_boot_digests"
    if not image.exists():
        print(f"skipped: {image} is not there")
        return SKIP
    copies = tempfile.TemporaryDirectory(dir=build)
    image = shutil.copy(image, copies.name)  # somebody else may use it
    boot = ["--floppy", image, "--memory", "16", "--ticks", TICKS, "--every", EVERY]
    count = TICKS // EVERY

    # Without a front end, with keys and a mouse.
    wanted = run(tool, *boot, *KEYS)
    assert len(wanted) == count
    for name, settings in {
        "again": [],
        "blocks of one instruction": ["--block-size", 1],
        "blocks of seven": ["--block-size", 7],
        "caches dropped at random": ["--drop-caches", 5],
        "checkpoints and looks back at random": ["--checkpoints", 9],
        "all of it": ["--block-size", 3, "--drop-caches", 6, "--checkpoints", 10],
    }.items():
        same(name, wanted, run(tool, *boot, *KEYS, *settings), count)

    # The program, against the machine without one.
    wanted = run(tool, *boot)
    asked = [word for tick in range(EVERY, TICKS + 1, EVERY) for word in ("--digest-at", tick)]
    options = ["--floppy", image, "--snapshot", "--memory", "16M", "--until-instructions", TICKS, *asked]
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        recording = pathlib.Path(scratch, "boot.r86")
        same("program", wanted, run(program, "--headless", *options), count)
        same("without history", wanted, run(program, "--headless", "--rewind", "off", *options), count)
        same("recorded", wanted, run(program, "--headless", "--record", recording, *options), count)
        same("replayed", wanted, run(program, "replay", "--headless", recording), 1)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            same("beside busy processes", wanted, run(program, "--headless", *options), count)
        finally:
            for one in busy:
                one.kill()
        if display.MISSING:
            print("skipped: Xvfb is not there")
        else:
            window = ["--display", "sdl", "--mips", "100", "--speed", "max", "--rtc", "2000-01-01T00:00:00"]
            with display.virtual_display():
                same("in a window", wanted, run(program, *window, *options), count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
