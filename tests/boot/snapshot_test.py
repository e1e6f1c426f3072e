#!/usr/bin/env python3
"""States saved at random instants of a boot, mid-transfer ones among them, loaded into a new process: ten million ticks
later that one has the digest of the session that was never interrupted.

    snapshot_test.py PROGRAM BUILD_DIR COUNT [SEED]     exit status 77: the guest is not there
"""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
ON = 10_000_000
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared/guests"
# Ports whose last write begins a transfer, and how long that may last in ticks.
TRANSFERS = {
    "FreeDOS": {"floppy": (0x3F5, 2_000_000), "DMA": (0x0A, 2_000_000), "PS/2": (0x60, 100_000), "video": (0x3D5, 10_000)},
    "Linux from CD": {"IDE": (0x177, 300_000), "PS/2": (0x60, 100_000), "timer": (0x40, 100_000)},
}
BOOTS = {
    "FreeDOS": (lambda build: SHARED / "freedos-1440k.img", ["--memory", "16M"], 'wait-screen "A:\\>" 60\ntype "dir\\n"\nrun-seconds 1'),
    "Linux from CD": (lambda build: build / "guests/default.iso", ["--memory", "48M"], "run-seconds 10"),
}


class Session:
    """rewind86 --script -, a command at a time."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, "--headless", "--snapshot", "--script", "-", *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, command):
        lines = []
        for one in command.split("\n"):
            self.process.stdin.write(one + "\n")
            self.process.stdin.flush()
            while (line := self.process.stdout.readline().rstrip("\n")) != "ok":
                assert line and not line.startswith("error"), (one, line, self.process.poll())
                lines.append(line)
        return lines

    def tick(self, command):
        """Of an answer "at N ..."; None for "none"."""
        found = re.match(r"at (\d+) ", self.ask(command)[0])
        return int(found[1]) if found else None

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def instants(session, name, end, count, source):
    """Half of them anywhere, half within a transfer of each kind in turn."""
    kinds = list(TRANSFERS[name].items())
    chosen = []
    while len(chosen) < count:
        tick = source.randrange(1000, end)
        if len(chosen) % 2 == 0:
            chosen.append((tick, "anywhere"))
            continue
        kind, (port, length) = kinds[len(chosen) // 2 % len(kinds)]
        session.ask(f"seek {tick}")
        began = session.tick(f"last-out {port}")
        if began is None:
            session.ask(f"seek {end}")
            began = session.tick(f"last-out {port}")
            assert began is not None, f"{name}: nothing is ever written to port {port:x}h"
        chosen.append((min(began + source.randrange(1, length), end), kind))
    return chosen


def check(program, name, image, options, script, count, source, scratch):
    session = Session(program, *options, image)
    session.ask(script)
    end = session.tick("position") - ON
    bad = []
    for tick, kind in instants(session, name, end, count, source):
        state = scratch / "state"
        session.ask(f"seek {tick}\nsavestate {state}\nseek {tick + ON}")
        wanted = session.ask("digest")
        fresh = Session(program, *options, image)
        got = fresh.ask(f"loadstate {state}\nrun-instructions {ON}\ndigest")
        fresh.close()
        if got[-1] != wanted[-1]:
            bad.append((tick, kind))
        state.unlink()
    session.close()
    print(f"{name}: {count - len(bad)} of {count} as expected")
    return bad


def main():
    program, build, count = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 86
    source = random.Random(seed)
    failed, ran = False, False
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        for name, (image, options, script) in BOOTS.items():
            path = image(build)
            if not path.exists():
                print(f"{name} is left out: {path} is not there")
                continue
            ran = True
            path = pathlib.Path(shutil.copy(path, scratch))  # somebody else may use it
            bad = check(program, name, path, options, script, count // len(BOOTS), source, pathlib.Path(scratch))
            for tick, kind in bad:
                failed = True
                print(f"{name}: another digest {ON} ticks after the state of tick {tick} ({kind}); seed {seed}")
    return 1 if failed else 0 if ran else SKIP


if __name__ == "__main__":
    sys.exit(main())
