"""Debian's gdb against the program's GDB server: commands in, a transcript out, which is checked line by line in order."""
import pathlib
import re
import shutil
import socket
import subprocess

SKIP = 77


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def firmware(folder, code):
    """64 KiB that begin with the code and start it at F000:0000."""
    bios = bytearray(b"\xf4" * 0x10000)
    bios[: len(code)] = code
    bios[0xFFF0:0xFFF5] = bytes.fromhex("ea000000f0")
    path = pathlib.Path(folder, "bios.bin")
    path.write_bytes(bios)
    return path


class Server:
    """The program, waiting for a debugger at `address`: a port or unix:PATH. `arguments` may begin with "replay"."""

    def __init__(self, program, address, arguments):
        self.address = str(address)
        how = [] if arguments[0] == "replay" else ["--headless"]
        self.process = subprocess.Popen([program, *how, *map(str, arguments), "--gdb", self.address],
                                        stderr=subprocess.PIPE, text=True)
        self.process.stderr.readline()  # it listens

    def target(self):
        return self.address[5:] if self.address.startswith("unix:") else f"127.0.0.1:{self.address}"

    def talk(self, folder, commands, program=None, seconds=120):
        """One gdb from its start to its end; what it printed."""
        script = pathlib.Path(folder, "session.gdb")
        script.write_text("set pagination off\nset confirm off\nset width 0\n" + commands)
        try:
            return subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", str(script), *([str(program)] if program else [])],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,  # where answers of `monitor` go
                                  text=True, stdin=subprocess.DEVNULL, timeout=seconds).stdout
        except subprocess.TimeoutExpired as late:
            print((late.stdout or b"").decode(errors="replace"))
            raise

    def end(self, seconds=30):
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            print("the program did not end with gdb")
            return 1
        finally:
            self.process.kill()


def count_commands(text):
    """Lines that do something; what is between `while` and `end` counts once."""
    return sum(bool(line.strip()) and not line.startswith(" ") and line.strip() != "end" for line in text.splitlines())


def session(program, folder, arguments, commands, expected):
    """One machine and one gdb from start to end; `%s` in the commands is where the machine waits. The exit status."""
    machine = Server(program, free_port(), arguments)
    try:
        answer = machine.talk(folder, commands % machine.target())
    finally:
        status = machine.end()
    return check(answer, expected) or status


def have_gdb():
    if shutil.which("gdb"):
        return True
    print("skipped: gdb is not installed")
    return False


def check(answer, expected):
    """Each pattern behind the one before it; 0 if all are there."""
    at = 0
    for wanted in expected:
        found = re.compile(wanted, re.M).search(answer, at)
        if not found:
            print(answer)
            print("not found behind the one before:", wanted)
            return 1
        at = found.end()
    print(f"{len(expected)} answers as expected")
    return 0
