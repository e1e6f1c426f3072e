#!/usr/bin/env python3
"""Runs rewind86 in a window on a virtual X server, types with the X server's keyboard and looks at both ends.

    window_test.py PROGRAM BUILD_DIR

The guest's answer is what DOS writes to its floppy; the window's own doings are seen in what the
X server shows. Exit status 77: a tool or the guest is not there.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SKIP = 77
# Key codes of the X server (evdev numbering), so that no keyboard layout stands in between.
RIGHT_CTRL, F, S, Q = 105, 41, 39, 24


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def x(*arguments):
    return subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True).stdout.strip()


def host(code):
    x("keydown", RIGHT_CTRL, "key", code, "keyup", RIGHT_CTRL)


def size_of(window):
    shell = dict(line.split("=") for line in x("getwindowgeometry", "--shell", window).splitlines())
    return int(shell["WIDTH"]), int(shell["HEIGHT"])


def main_with_display(program, scratch):
    floppy = scratch / "dos.img"
    with open(scratch / "stderr", "w") as log:
        guest = subprocess.Popen([program, floppy], stderr=log, stdin=subprocess.DEVNULL, cwd=scratch)
    try:
        wait_for(lambda: x("search", "--name", "rewind86"), 30, "the window")
        window = x("search", "--name", "rewind86").splitlines()[0]
        wait_for(lambda: x("getwindowname", window) == "dos.img - rewind86", 30, "a title that says what runs")
        small = size_of(window)

        # The guest takes keys from the X server: DOS writes what was typed to its floppy, which is looked at in the end.
        # Until DOS is up, keys are lost, so they are typed a few times.
        for _ in range(5):
            time.sleep(6)
            x("type", "--delay", "60", "echo typed in a window > w.txt")
            x("key", "Return")
        time.sleep(8)

        host(F)
        wait_for(lambda: size_of(window) != small, 20, "full screen")
        host(F)
        wait_for(lambda: size_of(window) == small, 20, "the way back from full screen")

        host(S)
        wait_for(lambda: list(scratch.glob("rewind86-*.png")), 20, "a screenshot")
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
        from png_reader import read_png
        time.sleep(1)
        width, height, pixels = read_png(next(scratch.glob("rewind86-*.png")))
        assert (width, height) == (720, 400), (width, height)
        assert len(set(pixels)) > 1, "an empty picture"

        host(Q)
        assert guest.wait(60) == 0, guest.returncode
        assert b"typed in a window" in floppy.read_bytes(), "DOS wrote nothing: typing or the flush at the end failed"
        assert "exit: " in (scratch / "stderr").read_text()
    finally:
        if guest.poll() is None:
            guest.kill()
            print((scratch / "stderr").read_text(), file=sys.stderr)


def main():
    program, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if os.environ.get("REWIND86_WINDOW_TEST") == "inside":
        main_with_display(program, pathlib.Path(build))
        return 0
    image = pathlib.Path(__file__).resolve().parents[3] / "shared/guests/freedos-1440k.img"
    missing = [tool for tool in ("xvfb-run", "xdotool") if not shutil.which(tool)]
    if missing or not image.exists():
        print(f"skipped: {missing or image} is not there")
        return SKIP
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        shutil.copyfile(image, pathlib.Path(scratch) / "dos.img")
        os.chmod(pathlib.Path(scratch) / "dos.img", 0o644)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24", sys.executable, __file__, program, scratch]
        return subprocess.run(command, env=os.environ | {"REWIND86_WINDOW_TEST": "inside"}).returncode


if __name__ == "__main__":
    sys.exit(main())
