#!/usr/bin/env python3
"""What time travel costs on this host, as a table: the recorder's overhead, the size of a recording, the pause of a
checkpoint, the latency of a step backwards, and the time and size of a saved state.

    tests/bench/time_travel.py [--build DIR] [--runs 5] [--only overhead,kernels,log,...] [--kernels alu,fib,...] [--out FILE]

Overhead is CPU time from schedstat, of the emulation thread and of all threads, as medians of interleaved runs. Latencies
are the emulation thread's CPU time, which a busy host does not stretch; the wall clock's stand beside them.
"""
import argparse
import glob
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from kernels import KERNELS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPT = 'wait-screen "rewind86:/# " 180'


def thread_seconds(pid):
    """CPU time of the emulation thread, of all threads."""
    used = {os.path.basename(os.path.dirname(path)): int(open(path).read().split()[0]) / 1e9
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat")}
    return used[str(pid)], sum(used.values())


class Session:
    """rewind86 --script -, a command at a time."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, "--headless", "--script", "-", *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline().rstrip("\n")) != "ok":
            assert line and not line.startswith("error"), (command, line)
            lines.append(line)
        return lines

    def timed(self, command):
        """Milliseconds of the emulation thread, of the wall clock."""
        began, used = time.monotonic(), self.cpu()[0]
        self.ask(command)
        return (self.cpu()[0] - used) * 1000, (time.monotonic() - began) * 1000

    def timed_in_all(self, command):
        """Milliseconds of all threads, those that have ended among them, in steps of 10; of the wall clock."""
        def used():
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        began, before = time.monotonic(), used()
        self.ask(command)
        return (used() - before) * 1000, (time.monotonic() - began) * 1000

    def position(self):
        return int(self.ask("position")[0].split()[1])

    def cpu(self):
        return thread_seconds(self.process.pid)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def overhead(program, guest, runs):
    settings = {"off": ["--rewind", "off"], "default": []}
    used = {name: [] for name in settings}
    for _ in range(runs):
        for name, arguments in settings.items():
            session = Session(program, "--cdrom", guest, "--boot", "d", *arguments)
            session.ask(PROMPT)
            used[name].append(session.cpu())
            session.end()
    median = {name: [statistics.median(v[i] for v in values) for i in (0, 1)] for name, values in used.items()}
    rows = []
    for i, what in ((0, "emulation thread"), (1, "all threads")):
        share = (median["default"][i] / median["off"][i] - 1) * 100
        rows.append((f"recorder, boot of the default guest, {what}", f"{share:+.1f} %",
                     f"{median['off'][i]:.2f} s without, {median['default'][i]:.2f} s with; {runs} runs each"))
    return rows


def kernel_cpu(program, image, arguments):
    """Seconds of the emulation thread, of all threads, between START and DONE of a kernel of the benchmark's image."""
    process = subprocess.Popen([program, "--headless", "--memory", "64M", "--floppy", image, "--serial", "stdio", *arguments],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        begin = None
        for line in process.stdout:
            if line.strip().endswith(b"START"):
                begin = thread_seconds(process.pid)
            elif line.startswith(b"DONE") and begin:
                return [after - before for before, after in zip(begin, thread_seconds(process.pid))]
            assert b"FAIL" not in line, line
    finally:
        process.kill()
        process.wait()


def kernels(program, suite, runs, only):
    """The recorder's overhead on each kernel, and in the mean."""
    plain = (suite / "bare/bench.img").read_bytes()
    share, worst = {0: [], 1: []}, []
    with tempfile.TemporaryDirectory() as scratch:
        image = pathlib.Path(scratch, "bench.img")
        for number, (name, units) in enumerate(KERNELS.items()):
            if only and name not in only:
                continue
            image.write_bytes(plain[:520] + struct.pack("<III", number, units * 4, 1) + plain[532:])
            used = {False: [], True: []}
            for _ in range(runs):
                for on in used:
                    used[on].append(kernel_cpu(program, image, [] if on else ["--rewind", "off"]))
            median = {on: [statistics.median(v[i] for v in values) for i in (0, 1)] for on, values in used.items()}
            ratios = [median[True][i] / median[False][i] for i in (0, 1)]
            for i in (0, 1):
                share[i].append(ratios[i])
            worst.append((ratios[0], name))
            print(f"  {name}: {(ratios[0] - 1) * 100:+.1f} % / {(ratios[1] - 1) * 100:+.1f} % of {median[False][0]:.2f} s", file=sys.stderr, flush=True)
    means = [(statistics.geometric_mean(share[i]) - 1) * 100 for i in (0, 1)]
    return [(f"recorder, mean of {len(worst)} kernels of the benchmark, emulation thread / all threads", f"{means[0]:+.1f} % / {means[1]:+.1f} %",
             f"medians of {runs} interleaved runs; most in {max(worst)[1]}, {(max(worst)[0] - 1) * 100:+.1f} %")]


def log(program, build, runs):
    folder = build / "guests/packages/debian-installer-12-netboot-i386/usr/lib/debian-installer/images/12/i386/text/debian-installer/i386"
    if not folder.exists():
        return [("recording of the installer", "-", f"{folder} is not there")]
    with tempfile.TemporaryDirectory() as scratch:
        recording = pathlib.Path(scratch, "installer.r86")
        session = Session(program, "--memory", "512M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
                          "vga=normal fb=false cryptomgr.notests", "--record", recording)
        session.ask('wait-screen "Select a language" 600')
        before = recording.stat().st_size
        for _ in range(60):
            for key in ("down", "up"):
                session.ask(f"key {key}")
                session.ask("run-seconds 0.5")
        size = recording.stat().st_size - before
        session.end()
        whole = recording.stat().st_size
    return [("recording of 60 s of Debian's text installer driven by keys", f"{size / 1024:.0f} KiB",
             f"with a digest at each checkpoint; {whole / 1024:.0f} KiB since power-on")]


def pause(program, guest, build, runs):
    subprocess.run(["cmake", "--build", build, "--target", "tool_checkpoint_pause"], check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([build / "tests/tool_checkpoint_pause", guest], check=True, capture_output=True, text=True).stdout
    figures = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    return [("pause of a checkpoint at 128 MiB, median / 99 % / longest", " / ".join(figures["wall"]) + " ms",
             f"CPU time {' / '.join(figures['cpu'])} ms; up to {figures['pages'][0]} pages changed")]


def reverse(program, guest, instants):
    session = Session(program, "--cdrom", guest, "--boot", "d")
    session.ask(PROMPT)
    session.ask(f"run-instructions {max(0, 2_000_000_000 - session.position())}")
    end = session.position()
    source = random.Random(86)
    first, second = [], []
    for _ in range(instants):
        session.ask(f"seek {source.randrange(1, end)}")
        # Nothing was laid close to where this goes.
        first.append(session.timed(f"seek {source.randrange(1, end)}"))
        second.append(session.timed("reverse-step"))
    seeks = [session.timed("reverse-step 1000000")]
    session.end()
    def row(values, which=0):
        chosen = [value[which] for value in values]
        return f"{statistics.median(chosen):.0f} / {percentile(chosen, 0.9):.0f} / {max(chosen):.0f} ms"

    return [(f"a step back at a random instant of {end / 1e9:.1f}e9 ticks, median / 90 % / worst", row(first), f"{instants} instants, from anywhere; wall clock {row(first, 1)}"),
            ("the second step beside it", row(second), f"wall clock {row(second, 1)}; a million ticks more: {seeks[0][0]:.0f} ms")]


def search(program, guest):
    """A search for what never happened goes through the whole session; against replaying it without one."""
    session = Session(program, "--cdrom", guest, "--boot", "d")
    ran = session.timed("run-instructions 2000000000")[0]
    end = session.position()
    rows = []
    for what, word in (("a write to a page that changes", "last-write phys:0x46D 1"), ("a port", "last-out 0xFFFE"), ("an exception", "exception prev 0x77")):
        spent = session.timed(word)[0]
        rows.append((f"search through {end / 1e9:.1f}e9 ticks for {what}", f"{ran / spent:.2f} of the guest's own speed", f"{spent:.0f} ms; the session itself took {ran:.0f} ms"))
    session.end()
    return rows


def state(program, guest, runs):
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, "state")
        session = Session(program, "--cdrom", guest, "--boot", "d")
        session.ask(PROMPT)
        saved = [session.timed_in_all(f"savestate {path}") for _ in range(runs)]
        loaded = [session.timed_in_all(f"loadstate {path}") for _ in range(runs)]
        size = path.stat().st_size
        session.end()

    def middle(values):
        return f"{statistics.median(v[0] for v in values):.0f} ms of all threads (wall clock {statistics.median(v[1] for v in values):.0f})"

    return [("saving the state at the default guest's prompt, 128 MiB", middle(saved), f"{size / 2**20:.1f} MiB"),
            ("loading it", middle(loaded), "")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--instants", type=int, default=100)
    parser.add_argument("--only", default="overhead,kernels,log,pause,reverse,search,state")
    parser.add_argument("--kernels", type=lambda text: text.split(","), default=[], help="these alone")
    parser.add_argument("--suite", type=pathlib.Path, default=ROOT.parent / "shared/bench", help="where bare/bench.img is")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    program, guest = build / "rewind86", build / "guests/default.iso"
    makers = {"overhead": lambda: overhead(program, guest, options.runs), "log": lambda: log(program, build, options.runs),
              "pause": lambda: pause(program, guest, build, options.runs), "reverse": lambda: reverse(program, guest, options.instants),
              "state": lambda: state(program, guest, options.runs), "search": lambda: search(program, guest),
              "kernels": lambda: kernels(program, options.suite, options.runs, options.kernels)}
    lines = ["| what | figure | how |", "|---|---|---|"]
    for name in options.only.split(","):
        for row in makers[name]():
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
