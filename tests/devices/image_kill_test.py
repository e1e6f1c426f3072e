#!/usr/bin/env python3
"""Kills a program that writes into an image, again and again, and looks at what it left behind.

usage: image_kill_test.py TOOL ROUNDS

In each round: the writer runs for a random time and gets SIGKILL; `qemu-img check` finds nothing or leaked clusters only;
every block that was flushed is there; opening the image again has freed the leaks. The log of all rounds is kept, so that
a later round may not lose what an earlier one flushed.
"""
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time


def check(image, allowed):
    status = subprocess.run(["qemu-img", "check", image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    if status not in allowed:
        sys.exit(f"qemu-img check says {status}")
    return status


def main():
    tool, rounds = sys.argv[1], int(sys.argv[2])
    if not shutil.which("qemu-img"):
        print("skipped: qemu-img is not installed")
        sys.exit(77)
    chance = random.Random(20)  # the same delays each time; where they hit is the host's choice
    leaks = flushes = 0
    with tempfile.TemporaryDirectory() as folder:
        base, image, log = (str(pathlib.Path(folder) / name) for name in ("base.raw", "disk.qcow2", "log"))
        for kind in ("plain", "overlay", "snapshots"):
            for path in (base, image, log):
                pathlib.Path(path).unlink(missing_ok=True)
            options = []
            if kind == "overlay":
                subprocess.run(["qemu-img", "create", "-q", "-f", "raw", base, "64M"], check=True)
                options = ["-b", "base.raw", "-F", "raw"]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=16k", *options, image, "64M"],
                           check=True)
            for number in range(1, rounds + 1):
                with open(log, "a") as out:
                    writer = subprocess.Popen([tool, "write", image, str(number)], stdout=out)
                    time.sleep(0.1 + chance.random() * 0.4)
                    if writer.poll() is not None:
                        sys.exit(f"the writer ended by itself with {writer.returncode}")
                    writer.kill()
                    writer.wait()
                leaks += check(image, (0, 3)) == 3
                subprocess.run([tool, "verify", image, log], check=True, stdout=subprocess.DEVNULL)
                check(image, (0,))
                if kind == "snapshots" and number % 5 == 1:
                    subprocess.run(["qemu-img", "snapshot", "-c", f"s{number}", image], check=True)
            flushes += pathlib.Path(log).read_text().count("f\n")
            print(f"{kind}: {rounds} kills survived")
    print(f"{flushes} flushes, none lost; {leaks} times there were leaks, and the next open freed them")
    if flushes == 0:
        sys.exit("nothing was flushed: the test did not test")


main()
