"""A virtual X server for tests that open the window."""
import contextlib
import os
import shutil
import subprocess

MISSING = [] if shutil.which("Xvfb") else ["Xvfb"]


@contextlib.contextmanager
def virtual_display():
    """DISPLAY names a server of its own meanwhile. The server takes a free number itself: xvfb-run looks for one first,
    and two that look at the same time find the same."""
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    before = os.environ.get("DISPLAY")
    try:
        with os.fdopen(read) as number:
            os.environ["DISPLAY"] = ":" + number.readline().strip()
        yield
    finally:
        os.environ.pop("DISPLAY")
        if before is not None:
            os.environ["DISPLAY"] = before
        server.terminate()
        server.wait()
