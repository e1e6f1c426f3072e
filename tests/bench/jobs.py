#!/usr/bin/env python3
"""What a Linux guest's everyday work costs: CPU seconds of each job on rewind86 and on QEMU, as a table of ratios.

    tests/bench/jobs.py PROGRAM BUILD_DIR [--runs 3] [--jobs gzip,sort] [--rewind off|SIZE] [--out table.md]

The guest is the kernel of Debian's installer with an initial RAM disk of busybox and a script, made here; both packages
are those of the boot tests. The script says on the serial line where a job begins and ends, with a checksum of what it
made; the host's CPU time between the two, of all threads of the emulator, is what counts. Runs are interleaved, the
table holds medians. Exit status 1 if an emulator failed or two of them disagree about a checksum.
"""
import argparse
import gzip
import os
import pathlib
import shlex
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "boot"))
from harness import Context  # noqa: E402
from emulator import cpu_seconds, read_until_done  # noqa: E402

# Name: shell commands, whose output is the checksum's input. /t/data holds 20000 lines of text.
JOBS = {
    "sh loop": "i=0; s=0; while [ $i -lt 30000 ]; do s=$(((s * 3 + i) % 65521)); i=$((i + 1)); done; echo $s",
    "fork": "i=0; while [ $i -lt 150 ]; do busybox true; x=$(echo $i); i=$((i + 1)); done; echo $x",
    "gzip": "gzip -c /t/data > /t/data.gz; gzip -dc /t/data.gz",
    "md5sum": "for i in 1 2 3 4 5 6; do md5sum /t/data; done",
    "sort": "sort -k1,1n /t/data",
    "dd, gzip": "dd if=/dev/zero bs=64k count=64 2>/dev/null | gzip -c | md5sum",
    "find": "for i in 1 2 3 4 5; do find /proc/sys /sys/module /sys/bus -type f | wc -l; done > /dev/null; echo done",
    "awk": "awk '{ s += $1; c[$1 % 100]++ } END { print s; for (i = 0; i < 100; i++) print i, c[i] }' /t/data",
}

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /t /usr/bin /sbin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /t
awk 'BEGIN { x = 42; for (i = 0; i < 20000; i++) { x = (x * 1103 + 12345) % 65536
    printf "%d line %d of the input %x\\n", x, i, x * i % 9973 } }' > /t/data
job() {
    echo "JOB $1"
    sh -c "$2" > /t/out 2>&1
    echo "END $(md5sum < /t/out)"
}
"""


def cpio(files):
    """A "newc" archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def make_initrd(busybox, jobs, path):
    calls = [f"job {shlex.quote(name)} {shlex.quote(JOBS[name])}\n" for name in jobs]
    script = INIT + "".join(calls) + "echo ALL DONE\nsleep 1000\n" # an end of init would lose the line
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    path.write_bytes(gzip.compress(cpio([("bin", folder, b""), ("bin/busybox", program, busybox.read_bytes()),
                                         ("init", program, script.encode())]), 6))


def run(command, limit):
    """CPU seconds and checksum of each job that came to its end."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    results, name, begin = {}, None, 0.0

    def on_line(line):
        nonlocal name, begin
        if line.startswith("JOB "):
            name, begin = line[4:], cpu_seconds(process.pid)
        elif line.startswith("END ") and name:
            results[name] = (cpu_seconds(process.pid) - begin, line[4:])
        return line == "ALL DONE"

    read_until_done(process, process.stdout, limit, on_line)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", default=";".join(JOBS), help="names, separated by ; or ,")
    parser.add_argument("--rewind", default="off", help="the flight recorder: off, or its memory")
    parser.add_argument("--limit", type=int, default=300, help="seconds for one run")
    parser.add_argument("--out", default="bench-jobs.md")
    options = parser.parse_args()
    jobs = options.jobs.split(";" if ";" in options.jobs or options.jobs in JOBS else ",")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        test = Context(os.path.abspath(options.program), os.path.abspath(options.build), scratch)
        kernel = test.installer("text") / "linux"
        initrd = scratch / "initrd.gz"
        make_initrd(test.package("busybox-static") / "bin/busybox", jobs, initrd)
        append = "console=ttyS0 quiet cryptomgr.notests"
        commands = {"rewind86": [test.program, "--headless", "--speed", "max", "--rewind", options.rewind,
                                 "--memory", "256M", "--serial", "stdio",
                                 "--kernel", kernel, "--initrd", initrd, "--append", append]}
        qemu = shutil.which("qemu-system-i386")
        if qemu:
            commands["qemu"] = [qemu, "-accel", "tcg", "-m", "256", "-display", "none", "-monitor", "none",
                                "-nic", "none", "-serial", "stdio", "-no-reboot",
                                "-kernel", kernel, "-initrd", initrd, "-append", append]
        times = {name: {job: [] for job in jobs} for name in commands}
        checks = {job: set() for job in jobs}
        failed = False
        for _ in range(options.runs):
            for name, command in commands.items():
                results = run(list(map(str, command)), options.limit)
                for job in jobs:
                    if job not in results:
                        print(f"{name} failed in {job}", file=sys.stderr)
                        failed = True
                        continue
                    times[name][job].append(results[job][0])
                    checks[job].add(results[job][1])
                print(name, {job: round(seconds, 2) for job, (seconds, _) in results.items()}, flush=True)
    for job, sums in checks.items():
        if len(sums) > 1:
            print(f"{job}: checksums differ: {sums}", file=sys.stderr)
            failed = True
    lines = ["| job | rewind86, CPU seconds | rewind86 / qemu |", "|---|---|---|"]
    ratios = []
    for job in jobs:
        median = {name: statistics.median(times[name][job]) if times[name][job] else None for name in commands}
        ours, theirs = median["rewind86"], median.get("qemu")
        ratio = ours / theirs if ours and theirs else None
        ratios += [ratio] if ratio else []
        lines.append(f"| {job} | {ours:.2f} | {f'{ratio:.2f}' if ratio else '-'} |" if ours else f"| {job} | - | - |")
    if ratios:
        lines.append(f"| **geometric mean** | | **{statistics.geometric_mean(ratios):.2f}** |")
    pathlib.Path(options.out).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
