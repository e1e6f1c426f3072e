#!/usr/bin/env python3
"""Goes through a session's history in the window: backwards, by frames, on the slider, and on as a new branch.

    window_rewind_test.py PROGRAM BUILD_DIR [PICTURES]

DOS writes files to its floppy; after going back and on from there, only those of the new branch are on it. What the
guest's screen shows is seen in the window's own screenshots. Then a recording is replayed in the window.
PICTURES: a folder for pictures of the whole screen.
Exit status 77: a tool or the guest is not there.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import display
from png_reader import read_png
from window_test import RIGHT_CTRL, S, Q, close_window, host, wait_for, x

SKIP = 77
H, P, BACKSPACE, COMMA, PERIOD, RETURN, END, LEFT, ESCAPE = 43, 33, 22, 59, 60, 36, 115, 113, 9
CELL = 16


class Window:
    def __init__(self, program, scratch, arguments, pictures=None):
        self.scratch, self.pictures = scratch, pictures
        self.log = open(scratch / "stderr", "a")
        self.guest = subprocess.Popen([program, *arguments], stderr=self.log, stdout=self.log, stdin=subprocess.DEVNULL, cwd=scratch)
        wait_for(lambda: x("search", "--name", "rewind86"), 60, "the window")
        self.id = x("search", "--name", "rewind86").splitlines()[0]

    def shot(self):
        """The guest's screen: a list of pixel rows."""
        known = set(self.scratch.glob("rewind86-*.png"))
        host(S)
        wait_for(lambda: set(self.scratch.glob("rewind86-*.png")) - known, 20, "a screenshot")
        time.sleep(0.3)
        (path,) = set(self.scratch.glob("rewind86-*.png")) - known
        width, height, pixels = read_png(path)
        path.unlink()
        return [pixels[y * width:(y + 1) * width] for y in range(height)]

    def rows(self):
        """How many text rows have more than a cursor in them."""
        picture = self.shot()
        count = 0
        for top in range(0, len(picture) - CELL + 1, CELL):
            band = picture[top:top + CELL]
            count += sum(len(set(row)) > 1 for row in band) > 3
        return count

    def root(self, name):
        if self.pictures:
            subprocess.run(["import", "-window", "root", pathlib.Path(self.pictures) / f"{name}.png"], check=False)

    def type(self, text):
        x("type", "--delay", "60", text)
        x("key", "Return")

    def hold(self, code, seconds):
        x("keydown", RIGHT_CTRL, "keydown", code)
        time.sleep(seconds)
        x("keyup", code, "keyup", RIGHT_CTRL)

    def back_to(self, rows):
        """Until so few are left."""
        for _ in range(60):
            self.hold(BACKSPACE, 0.7)
            time.sleep(0.5)
            if (left := self.rows()) <= rows:
                assert left == rows, "too far back"
                return
        raise AssertionError("running backwards leads nowhere")

    def close(self):
        if self.guest.poll() is None:
            self.guest.kill()
        self.log.close()


def dos(program, scratch, pictures):
    floppy = scratch / "dos.img"
    window = Window(program, scratch, [floppy], pictures)
    try:
        # Until DOS is up, keys are lost.
        for _ in range(30):
            time.sleep(2)
            x("key", "Return")
            if window.rows() > 6:
                break
        time.sleep(3)
        window.type("cls")
        time.sleep(2)
        window.type("echo first branch > a.txt")
        time.sleep(10)
        before = window.rows()
        window.type("echo lost future > b.txt")
        time.sleep(3)
        window.type("dir /w")
        time.sleep(4)
        after = window.rows()
        assert after > before + 3, (before, after)

        # Backwards while the key is held; then it stands still in the past.
        host(H)
        time.sleep(1)
        window.root("slider")
        host(H)
        window.back_to(before)
        there = window.rows()
        assert "(paused)" in x("getwindowname", window.id), "not paused after running backwards"
        window.root("past")
        time.sleep(2)
        assert window.rows() == there, "the past does not stand still"

        # The present is still there; then back again, by frames as well.
        host(END)
        wait_for(lambda: window.rows() == after, 20, "the present")
        window.back_to(before)
        host(H)
        time.sleep(1)
        for _ in range(4): # seconds: to where nothing of the lost command is typed, which Enter would carry out
            x("key", LEFT)
        time.sleep(2)
        x("key", ESCAPE)
        for _ in range(3):
            host(COMMA)
        host(PERIOD)
        # Keys do not reach the past.
        window.type("x")
        time.sleep(1)
        window.root("held")
        assert window.rows() <= before

        # On as a new branch.
        host(RETURN)
        time.sleep(2)
        window.type("")
        window.type("cls")
        time.sleep(1)
        window.type("echo second branch > c.txt")
        time.sleep(4)
        host(H)
        time.sleep(1)
        window.root("branches")
        x("key", LEFT)
        x("key", LEFT)
        time.sleep(2)
        window.root("two_seconds_back")
        x("key", ESCAPE)
        host(END)
        time.sleep(1)
        host(P)
        time.sleep(1)
        host(Q)
        assert window.guest.wait(60) == 0, window.guest.returncode
        disk = floppy.read_bytes()
        assert b"second branch" in disk, "the new branch is not on the floppy"
        assert b"first branch" in disk, "what both branches have in common is not on the floppy"
        assert b"lost future" not in disk, "the old future is on the floppy"
    finally:
        window.close()
        if sys.exc_info()[0]:
            window.root("failed")
            print((scratch / "stderr").read_text(), file=sys.stderr)


RECORDED = """wait-screen "A:\\>" 60
type "cls\\recho recorded > r.txt\\r"
run-seconds 3
type "dir /w\\r"
run-seconds 2
"""


def replay(program, scratch, pictures):
    """A recording: results for a program that reads them; in the window it stands still at its end, can be gone back in
    and on from; images stay as they are."""
    floppy, script = scratch / "replayed.img", scratch / "script"
    shutil.copyfile(scratch / "dos.img", floppy)
    script.write_text(RECORDED)
    subprocess.run([program, "--headless", "--record", "session.r86", "--script", script, floppy], cwd=scratch, check=True, timeout=300)
    content = floppy.read_bytes()
    done = subprocess.run([program, "replay", "session.r86"], cwd=scratch, capture_output=True, text=True, check=True, timeout=300)
    (digest,) = done.stdout.splitlines()
    assert digest.startswith("digest "), digest
    log = scratch / "stderr"
    log.write_text("")
    window = Window(program, scratch, ["replay", "--display", "sdl", "session.r86"], pictures)
    try:
        wait_for(lambda: x("getwindowname", window.id) == "session.r86 - rewind86 (paused)", 300, "the recording's end")
        assert digest in log.read_text().splitlines(), "another end than without a display"
        after = window.rows()
        host(H)
        for _ in range(3):
            x("key", LEFT)
        wait_for(lambda: window.rows() < after, 60, "three seconds back")
        x("key", END)
        wait_for(lambda: window.rows() == after, 60, "the recording's end again")
        x("key", LEFT)
        x("key", RETURN)
        wait_for(lambda: "(paused)" not in x("getwindowname", window.id), 60, "a new branch")
        window.type("echo a branch > n.txt")
        time.sleep(5)
        window.root("replay")
        close_window(window.id)
        assert window.guest.wait(60) == 0, window.guest.returncode
        assert "exit: the user quit" in log.read_text()
        assert floppy.read_bytes() == content, "a replay has written to an image"
    finally:
        window.close()
        if sys.exc_info()[0]:
            window.root("failed")
            print(log.read_text(), file=sys.stderr)


def main():
    program, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    image = pathlib.Path(__file__).resolve().parents[3] / "shared/guests/freedos-1440k.img"
    missing = display.MISSING + [tool for tool in ("xdotool",) if not shutil.which(tool)]
    if missing or not image.exists():
        print(f"skipped: {missing or image} is not there")
        return SKIP
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        shutil.copyfile(image, pathlib.Path(scratch) / "dos.img")
        os.chmod(pathlib.Path(scratch) / "dos.img", 0o644)
        pictures = sys.argv[3] if len(sys.argv) > 3 else None
        with display.virtual_display():
            dos(program, pathlib.Path(scratch), pictures)
            replay(program, pathlib.Path(scratch), pictures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
