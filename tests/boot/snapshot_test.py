#!/usr/bin/env python3
"""States saved at random instants of boots, half of them in the middle of a transfer, loaded into a new process: ten
million ticks later that one has the digest of the session that was never interrupted.

    snapshot_test.py PROGRAM BUILD_DIR COUNT [SEED]     exit status 77: the guests are not there

COUNT is shared out among the boots, 50 to each at least if it is 1000; a small one among the first three. That a
transfer of the wanted kind is under way is read in the saved state itself. The 8237 is aimed at in transfers.asm alone:
between the firmware's last write to it and the sector lies up to a turn of the disk, and the sector passes fast.
"""
import collections
import dataclasses
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import typing

import state_reader

SKIP = 77
ON = 10_000_000
TRIES = 400
HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared/guests"
MEMTEST = "guests/packages/memtest86+/usr/lib/memtest86+/memtest86+ia32.iso"
GRUB = "guests/packages/grub-rescue-pc/usr/lib/grub-rescue/grub-rescue-"

PIO = (2, 3)  # IdeDrive::Phase, PioIn and PioOut


def drive_moves_words(channel):
    def under_way(state):
        return any(value in PIO for name, value in state.items() if re.fullmatch(rf"{channel}\.drive\[\d\]\.phase", name))
    return under_way


def bus_master(state):
    return state["bus_master.primary.status"] & 1  # active


def dma_channel(state):
    """Channel 2 has moved some of its bytes, and not all of them."""
    return state["dma.byte.channel[2].count"] not in (state["dma.byte.channel[2].base_count"], 0xFFFF)


def keyboard(state):
    return state["keyboard.answer_count"] or state["keyboard.awaiting"] or state["kbc.awaiting"] or state["kbc.status"] & 3


def serial(state):
    return state["com1.shift_busy"] and state["com1.tx_count"]


@dataclasses.dataclass
class Aim:
    port: int  # the last write to it begins a transfer
    ticks: int  # that may last so long
    under_way: typing.Callable
    earliest: int = 1000  # before that nothing is ever written there


FLOPPY = Aim(0x3F5, 20_000_000, lambda state: state["floppy.phase"] == 1)
DMA_8237 = Aim(0x0A, 20_000_000, dma_channel)
PS2 = Aim(0x60, 100_000, keyboard)
IDE_PIO = Aim(0x1F7, 300_000, drive_moves_words("ide_primary"))
ATAPI_PIO = Aim(0x177, 300_000, drive_moves_words("ide_secondary"))


@dataclasses.dataclass
class Boot:
    image: typing.Callable  # of the build folder and a scratch folder: a path, or None
    options: list
    script: str
    aims: dict = dataclasses.field(default_factory=dict)


def transfers(build, scratch):
    image = scratch / "transfers.img"
    if not shutil.which("nasm"):
        return None
    subprocess.run(["nasm", "-f", "bin", "-o", image, HERE / "transfers.asm"], check=True)
    disk = scratch / "disk.img"
    disk.write_bytes(random.Random(1).randbytes(1 << 20))
    return image


BOOTS = {
    "transfers": Boot(transfers, ["--memory", "4M", "--disk", "SCRATCH/disk.img"], "run-seconds 8", {
        "floppy": FLOPPY, "IDE DMA": Aim(0, 200_000, bus_master), "8237 DMA": DMA_8237, "IDE PIO": IDE_PIO, "PS/2": PS2,
        "serial": Aim(0x3F8, 1_600_000, serial)}),
    "FreeDOS": Boot(lambda build, scratch: SHARED / "freedos-1440k.img", ["--memory", "16M"],
                    'wait-screen "A:\\>" 60\ntype "dir\\n"\nrun-seconds 1', {"floppy": FLOPPY}),
    "Linux from CD": Boot(lambda build, scratch: build / "guests/default.iso", ["--memory", "48M"], "run-seconds 10",
                          {"ATAPI PIO": ATAPI_PIO}),
    "GRUB from CD": Boot(lambda build, scratch: build / (GRUB + "cdrom.iso"), ["--memory", "16M", "--boot", "d"], "run-seconds 8",
                         {"ATAPI PIO": ATAPI_PIO}),
    "GRUB from floppy": Boot(lambda build, scratch: build / (GRUB + "floppy.img"), ["--memory", "16M", "--floppy"], "run-seconds 20",
                             {"floppy": FLOPPY}),
    "memtest86+": Boot(lambda build, scratch: build / MEMTEST, ["--memory", "8M"], "run-seconds 20"),
    "firmware alone": Boot(lambda build, scratch: pathlib.Path(shutil.which("true")), ["--memory", "2M"], "run-seconds 5", {"PS/2": PS2}),
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


def bus_master_port(session):
    """Where the firmware has put the engine; transfers.asm keeps it there."""
    low, high = session.ask("memory phys:0x7e00 2")[0].split()
    return int(high + low, 16)


def save_in_transfer(session, aim, end, state, source, undisturbed):
    """Saves the state at an instant within a transfer, and gives the tick. Of two writes to the port one after the other
    the first may begin the transfer and the second end it, or the second may begin one. Short and long after it are
    equally likely."""
    for attempt in range(TRIES):
        place = source.randrange(aim.earliest, end)
        session.ask(f"seek {place}")
        second = session.tick(f"last-out {aim.port}")
        if second is None:
            aim.earliest = place
            continue
        session.ask(f"seek {second}")
        first = session.tick(f"last-out {aim.port}") if attempt % 2 else None
        began, limit = (second, end) if first is None else (first, second)
        tick = began + int(math.exp(source.uniform(0, math.log(max(1, min(aim.ticks, limit - began))))))
        if not undisturbed(tick):
            continue
        session.ask(f"seek {tick}\nsavestate {state}")
        if aim.under_way(state_reader.fields(state)):
            return tick
    raise AssertionError(f"no transfer through port {aim.port:x}h is ever under way; the last was at {second}, {began} of {end}")


def check(program, name, boot, image, count, source, scratch):
    options = [str(option).replace("SCRATCH", str(scratch)) for option in boot.options]
    session = Session(program, *options, *([image] if image.suffix else []))
    typed = []  # from there to there the session gets keys, which the new process does not
    for line in boot.script.split("\n"):
        before = session.tick("position")
        session.ask(line)
        if line.startswith("type"):
            typed.append((before, session.tick("position")))
    end = session.tick("position") - ON

    def undisturbed(tick):
        return not any(first < tick + ON and tick <= last for first, last in typed)

    aims = {kind: dataclasses.replace(aim) for kind, aim in boot.aims.items()}
    if "IDE DMA" in aims:
        aims["IDE DMA"] = dataclasses.replace(aims["IDE DMA"], port=bus_master_port(session))
    bad, done = [], collections.Counter()
    for n in range(count):
        state = scratch / "state"
        kind = list(aims)[n // 2 % len(aims)] if aims and n % 2 else "anywhere"
        if kind == "anywhere":
            tick = next(tick for tick in iter(lambda: source.randrange(1000, end), None) if undisturbed(tick))
            session.ask(f"seek {tick}\nsavestate {state}")
        else:
            tick = save_in_transfer(session, aims[kind], end, state, source, undisturbed)
        session.ask(f"seek {tick + ON}")
        wanted = session.ask("digest")
        fresh = Session(program, *options, *([image] if image.suffix else []))
        got = fresh.ask(f"loadstate {state}\nrun-instructions {ON}\ndigest")
        fresh.close()
        done[kind] += 1
        if got[-1] != wanted[-1]:
            bad.append((tick, kind))
    session.close()
    print(f"{name}: {count - len(bad)} of {count} as expected: " + ", ".join(f"{n} {kind}" for kind, n in done.items()), flush=True)
    return bad


def main():
    program, build, count = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 86
    source = random.Random(seed)
    failed = False
    with tempfile.TemporaryDirectory(dir=build) as folder:
        scratch = pathlib.Path(folder)
        there = {}
        names = list(BOOTS)
        if count < 10 * len(names):
            names = names[:3]  # a short run does not begin with long ones
        for name in names:
            image = BOOTS[name].image(build, scratch)
            if image is None or not image.exists():
                print(f"{name} is left out: its image is not there")
            elif image.suffix and image.parent != scratch:
                there[name] = pathlib.Path(shutil.copy(image, scratch))  # somebody else may use it
            else:
                there[name] = image
        for n, (name, image) in enumerate(there.items()):
            share = (count + n) // len(there)
            for tick, kind in check(program, name, BOOTS[name], image, share, source, scratch):
                failed = True
                print(f"{name}: another digest {ON} ticks after the state of tick {tick} ({kind}); seed {seed}")
    return 1 if failed else 0 if there else SKIP


if __name__ == "__main__":
    sys.exit(main())
