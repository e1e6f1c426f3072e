"""Sudden power cuts: a guest that writes and syncs for ever, SIGKILL at random moments, and a look at what is left."""
import hashlib
import random
import re
import shutil
import subprocess
import time

from guests_debian import check_disk, start
from harness import Skip

MEBIBYTES = 128


class Killed:
    """The program under the guest, with the serial line in a file."""

    def __init__(self, test, arguments, log):
        self.log = log
        log.write_bytes(b"")
        self.process = subprocess.Popen([test.program, "--headless", *map(str, arguments), "--serial", f"file:{log}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait_for(self, text, seconds):
        until = time.monotonic() + seconds
        while text not in self.log.read_bytes():
            self.alive()
            assert time.monotonic() < until, f"{text} did not come: {self.log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.1)

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the program ended by itself: {self.process.stderr.read().decode(errors='replace')}")

    def kill(self):
        self.alive()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        return self.log.read_text(errors="replace")


def _gone(number):
    """The files that writing file `number` takes away (tools/guest/writer/init)."""
    return {number - 150} | ({number - 6} if number % 8 == 0 else set())


def _check_image(image, allowed):
    if image.suffix == ".vhd":
        return 0  # QEMU has no check of it; converting it reads every table
    status = subprocess.run(["qemu-img", "check", "-q", image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    assert status in allowed, f"qemu-img check says {status}"
    return status


def _files_of(test, image):
    """The checksums of all files after the journal's replay; the file system has to be whole then."""
    raw, folder = test.scratch / "disk.raw", test.scratch / "files"
    test.tool("qemu-img", "convert", "-O", "raw", image, raw)
    replayed = subprocess.run(["e2fsck", "-p", raw], stdout=subprocess.PIPE, text=True)
    assert replayed.returncode in (0, 1), f"e2fsck -p: {replayed.stdout}"
    test.tool("e2fsck", "-fn", raw)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", raw], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {int(path.name[1:]): hashlib.md5(path.read_bytes()).hexdigest() for path in folder.glob("f[0-9]*")}


def _power_cuts(test, rounds, suffix="qcow2", options=("-O", "qcow2", "-o", "cluster_size=16k")):
    for tool in ("qemu-img", "mke2fs", "e2fsck", "debugfs"):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed")
    kernel, initrd = test.debian_kernel()
    empty, image, log = test.scratch / "empty.raw", test.scratch / f"disk.{suffix}", test.scratch / "serial.log"
    with open(empty, "wb") as file:
        file.truncate(MEBIBYTES << 20)
    test.tool("mke2fs", "-q", "-t", "ext4", empty)
    test.tool("qemu-img", "convert", *options, empty, image)

    chance = random.Random(3)  # the same delays each time; where they hit is the host's choice
    kept, number, leaks, journals, most_ahead = {}, 1, 0, 0, 0
    for turn in range(rounds):
        old = chance.sample(sorted(kept), min(3, len(kept)))
        guest_arguments = f"console=ttyS0 quiet cryptomgr.notests first={number} old={','.join(map(str, old))}"
        running = Killed(test, ["--memory", "64M", "--disk", image, "--kernel", kernel, "--initrd", initrd, "--append", guest_arguments], log)
        if turn % 8 != 7:  # now and then in the middle of booting, mounting or replaying the journal
            running.wait_for(b"writing from", 300)
        time.sleep(chance.uniform(0.5, 5))
        text = running.kill()
        assert "cannot be mounted" not in text and "ended" not in text, text
        for line in text.splitlines():
            if match := re.fullmatch(r"old (\d+) ([0-9a-f]{32})", line):
                assert kept[int(match[1])] == match[2], f"the guest reads {line}"
        told = re.findall(r"^kept (\d+) ([0-9a-f]{32})\r?$", text, re.MULTILINE)
        for which, digest in told:
            number = int(which)
            kept[number] = digest
            for gone in _gone(number):
                kept.pop(gone, None)
            number += 1
        leaks += _check_image(image, (0, 3)) == 3
        found = _files_of(test, image)
        # The serial line is slower than the disk: the guest may be files ahead of what it has told. Each of them takes others
        # away once it is there itself.
        newer = range(number, max(found, default=0) + 1)
        most_ahead = max(most_ahead, len(newer))
        taken_away = set().union(*map(_gone, newer))
        for which, digest in kept.items():
            if which in found or which not in taken_away:
                assert found.get(which) == digest, (f"round {turn}: file {which} was {digest}, is {found.get(which)}; "
                                                    f"the next to be told was {number}, the newest is {max(found, default=0)}")
        journals += bool(told)
    assert journals, "nothing was written: the test did not test"
    # A normal start and end frees what leaked.
    test.run(["--memory", "8M", "--disk", image, "--until-instructions", "1000000"])
    _check_image(image, (0,))
    print(f"{rounds} power cuts, {number - 1} files synced, none lost; {leaks} times there were leaks; "
          f"up to {most_ahead} files were on the disk before they were told")


def power_cuts(test):
    _power_cuts(test, 3)


def power_cuts_100(test):
    _power_cuts(test, 100)


def power_cuts_vmdk(test):
    _power_cuts(test, 5, "vmdk", ("-O", "vmdk"))


def power_cuts_vhd(test):
    _power_cuts(test, 5, "vhd", ("-O", "vpc", "-o", "force_size=on"))


def power_cut_debian(test):
    """The same once with an installed system: what it synced is there, its journal brings the rest in order."""
    disk, name = test.debian_overlay()
    session, log = test.scratch / "session.script", test.scratch / "serial.log"
    session.write_text(start() + '''
type-serial "write-test 16\\n"
wait-serial "files are on the disk" 600
type-serial "mkdir /root/more; cd /root/more; while :; do dd if=/dev/urandom of=x bs=64k count=9 conv=fsync; mv x $RANDOM; done\\n"
run-seconds 600
''')
    machine = ["--memory", "256M", "--disk", name]
    running = Killed(test, [*machine, "--script", session], log)
    running.wait_for(b"files are on the disk", 2000)
    time.sleep(random.Random(4).uniform(10, 20))
    running.kill()
    _check_image(disk, (0, 3))
    test.run([*machine, "--serial", f"file:{log}"], start() + '''
type-serial "check-test\\n"
wait-serial "files are whole" 300
type-serial "poweroff\\n"
run-seconds 200
''', timeout=3000)
    assert "recover" in log.read_text(errors="replace"), "the journal was not replayed: the cut came too late"
    check_disk(test, disk)
