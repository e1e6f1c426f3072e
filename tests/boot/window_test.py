#!/usr/bin/env python3
"""Runs rewind86 in a window on a virtual X server, types with the X server's keyboard and looks at both ends.

    window_test.py PROGRAM BUILD_DIR

The guest's answer is what DOS writes to its floppy; the window's own doings are seen in what the
X server shows. Exit status 77: a tool or the guest is not there.
"""
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import display

SKIP = 77
# Key codes of the X server (evdev numbering), so that no keyboard layout stands in between.
RIGHT_CTRL, F, S, Q, V, M, R, DELETE = 105, 41, 39, 24, 55, 58, 27, 119


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


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, as large as an XEvent."""
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong), ("format", ctypes.c_int),
                ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24)]


def close_window(window):
    """Asks as a window manager does when its button is pressed: WM_DELETE_WINDOW."""
    xlib = ctypes.CDLL("libX11.so.6")
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(xlib.XOpenDisplay(None))
    protocols, delete = (xlib.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    event = ClientMessage(type=33, window=int(window), message_type=protocols, format=32)
    event.data[0] = delete
    xlib.XSendEvent(connection, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(event))
    xlib.XCloseDisplay(connection)


def size_of(window):
    shell = dict(line.split("=") for line in x("getwindowgeometry", "--shell", window).splitlines())
    return int(shell["WIDTH"]), int(shell["HEIGHT"])


def shown():
    """What the X server shows, as raw bytes."""
    return subprocess.run(["import", "-window", "root", "-depth", "8", "rgb:-"], capture_output=True, check=True).stdout


def changed(before, after):
    """How many bytes of two such pictures differ."""
    return sum(a != b for a, b in zip(before, after)) if before != after else 0


def dos_writes(image, command, answer, enter=lambda command: x("type", "--delay", "60", command)):
    """Enters a command until DOS has written its answer into the image: keys are lost while nobody reads them."""
    for _ in range(20):
        enter(command)
        x("key", "Return")
        for _ in range(12):
            time.sleep(0.5)
            if answer in image.read_bytes():
                return
    raise AssertionError(f"DOS did not write '{answer.decode()}' into {image.name}")


def clipboard(text):
    subprocess.run(["xclip", "-selection", "clipboard"], input=text.encode(), stdout=subprocess.DEVNULL, check=True)


def typing_and_pasting(floppy):
    dos_writes(floppy, "echo typed in a window > w.txt", b"typed in a window")
    clipboard('echo "Pasted: $5, {braces} ~more! (#1 @home)" > p.txt')
    dos_writes(floppy, "", b"Pasted: $5, {braces} ~more! (#1 @home)", enter=lambda _: (host(V), time.sleep(5)))


def media_by_list(floppy, other):
    """Host key, M: the drives; 1: drive A, its folder; twice down, past 'take out' and '..', to the first image."""
    before = shown()
    host(M)
    time.sleep(1)
    assert changed(before, shown()) > 20000, "no list on the screen"
    x("key", "1")
    time.sleep(1)
    x("key", "Down", "key", "Down", "key", "Return")
    time.sleep(1)
    dos_writes(other, "echo swapped > s.txt", b"swapped")
    assert b"swapped" not in floppy.read_bytes(), "DOS wrote to the floppy that was taken out"


def restart(other, code, name):
    """With the three keys or the reset button; what DOS keeps in memory is gone afterwards."""
    dos_writes(other, f"set mark={name}\recho %mark%thing > a.txt", f"{name}thing".encode(), enter=two_lines)
    host(code)
    time.sleep(3)
    dos_writes(other, f"echo {name}%mark%start > b.txt", f"{name}start".encode())


def two_lines(text):
    for number, line in enumerate(text.split("\r")):
        if number:
            x("key", "Return")
        x("type", "--delay", "60", line)


def full_screen_and_screenshot(window, scratch):
    small = size_of(window)
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


def mouse_grab(window):
    """A click gives the mouse to the guest and says how to get it back; the host key alone takes it."""
    before = shown()
    x("mousemove", "--window", window, 200, 200, "click", 1)
    time.sleep(1)
    assert changed(before, shown()) > 2000, "no hint"
    x("key", RIGHT_CTRL)
    time.sleep(1)
    x("mousemove", 5, 5)
    assert "x:5 y:5" in x("getmouselocation"), "the mouse is still the guest's"


def main_with_display(program, scratch):
    floppy, other = scratch / "dos.img", scratch / "another.img"
    with open(scratch / "stderr", "w") as log:
        guest = subprocess.Popen([program, floppy], stderr=log, stdin=subprocess.DEVNULL, cwd=scratch)
    try:
        wait_for(lambda: x("search", "--name", "rewind86"), 30, "the window")
        window = x("search", "--name", "rewind86").splitlines()[0]
        wait_for(lambda: x("getwindowname", window) == "dos.img - rewind86", 30, "a title that says what runs")
        typing_and_pasting(floppy)
        full_screen_and_screenshot(window, scratch)
        mouse_grab(window)
        media_by_list(floppy, other)
        wait_for(lambda: x("getwindowname", window) == "another.img - rewind86", 30, "a title that says what runs now")
        restart(other, DELETE, "keys")
        restart(other, R, "reset")
        close_window(window)
        assert guest.wait(60) == 0, guest.returncode
        assert "exit: " in (scratch / "stderr").read_text()
    finally:
        if guest.poll() is None:
            guest.kill()
            print((scratch / "stderr").read_text(), file=sys.stderr)


def destroyed(program, scratch):
    """Somebody else takes the window away (xkill): an X error, which must not end the program before its images."""
    with open(scratch / "stderr", "w") as log:
        guest = subprocess.Popen([program, scratch / "dos.img"], stderr=log, stdin=subprocess.DEVNULL, cwd=scratch)
    try:
        wait_for(lambda: x("search", "--name", "rewind86"), 30, "the window")
        x("windowclose", x("search", "--name", "rewind86").splitlines()[0])
        assert guest.wait(60) == 0, guest.returncode
        assert "exit: " in (scratch / "stderr").read_text()
    finally:
        if guest.poll() is None:
            guest.kill()


def main():
    program, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    image = pathlib.Path(__file__).resolve().parents[3] / "shared/guests/freedos-1440k.img"
    missing = display.MISSING + [tool for tool in ("xdotool", "xclip", "import") if not shutil.which(tool)]
    if missing or not image.exists():
        print(f"skipped: {missing or image} is not there")
        return SKIP
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        for name in ("dos.img", "another.img"):
            shutil.copyfile(image, pathlib.Path(scratch) / name)
        with display.virtual_display():
            main_with_display(program, pathlib.Path(scratch))
            destroyed(program, pathlib.Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
