"""What every guest boot needs: running the program with a session script, guests from packages, clear skips."""
import hashlib
import pathlib
import shutil
import struct
import subprocess
import sys

SKIP = 77


class Skip(Exception):
    pass


class Context:
    def __init__(self, program, build, scratch, proves=False):
        self.program = program
        self.proves = proves  # that each session replays to the same digests, whatever the settings
        self.proofs = 0
        self.build = pathlib.Path(build)
        self.source = pathlib.Path(__file__).resolve().parents[2]
        self.scratch = pathlib.Path(scratch)

    def run(self, arguments, script="", expect=0, timeout=2900):
        """Runs the program headless; returns its standard output. ctest has the limits that count."""
        script_file = self.scratch / "session.script"
        script_file.write_text(script)
        command = [self.program, "--headless", *map(str, arguments)]
        if script:
            command += ["--script", str(script_file)]
        recording = self.scratch / "session.r86"
        recorded = self.proves and not {"--rewind", "--record"} & set(command)
        if recorded:
            command += ["--record", str(recording)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              errors="replace")
        if done.returncode != expect:
            sys.stderr.write(done.stdout[-6000:])
            sys.stderr.write(done.stderr[-6000:])
            raise AssertionError(f"exit status {done.returncode}, expected {expect}: {' '.join(command)}")
        if recorded:
            self.prove(recording, [str(word) for word in arguments])
        return done.stdout

    def prove(self, recording, arguments):
        """The recording replays to every digest in it: by the program, and with other settings of the machine."""
        places = [part.split("=", 1)[-1] for word in arguments for part in word.split(",")]
        images = [word for place in places if place and pathlib.Path(place).exists() for word in ("--image", place)]
        for command in ([self.program, "replay", "--headless", recording], [self.build / "tests/tool_replay_settings", recording]):
            done = subprocess.run([*map(str, command), *images], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            print(done.stdout, end="", flush=True)
            if done.returncode:
                sys.stderr.write(done.stderr[-2000:])
                raise AssertionError(f"the recording of {' '.join(arguments)} does not replay")
        self.proofs += 1

    def need(self, path, why):
        path = pathlib.Path(path)
        if not path.exists():
            raise Skip(f"{path} is not there: {why}")
        return path

    def package(self, name, architecture=None, release=None):
        """A Debian package unpacked under the build folder, fetched if need be; of another release than the host's if named."""
        script = self.source / "tools/guest/fetch_packages.sh"
        folder = self.build / "guests/packages" / (f"{name}-{release}" if release else name)
        wanted = name + (f":{architecture}" if architecture else "") + (f"/{release}" if release else "")
        if subprocess.run([script, self.build / "guests/apt", self.build / "guests/packages", wanted]).returncode:
            raise Skip(f"the Debian package {wanted} cannot be fetched")
        return folder

    def installer(self, flavour):
        return (self.package("debian-installer-12-netboot-i386") /
                f"usr/lib/debian-installer/images/12/i386/{flavour}/debian-installer/i386")

    def debian_kernel(self, package="linux-image-686"):
        """A kernel of Debian's and an initial RAM disk for it (tools/guest/writer/init says what it does)."""
        if subprocess.run([self.source / "tools/guest/make_writer_guest.sh", self.build, package]).returncode:
            raise Skip("the guest cannot be made (see above)")
        folder = self.build / ("guests/writer" if package == "linux-image-686" else f"guests/writer-{package}")
        return folder / "vmlinuz", folder / "initrd.gz"

    def partitioned_disk(self, mebibytes, *files):
        """A raw disk with one FAT16 partition, which begins at 1 MiB and holds the files."""
        disk, volume, first = self.scratch / "disk.img", self.scratch / "volume.img", 2048
        self.tool("mkfs.vfat", "-F", "16", "-h", first, "-C", volume, (mebibytes - 1) * 1024)
        if files:
            self.tool("mcopy", "-i", volume, *files, "::")
        content = bytearray(first * 512) + volume.read_bytes()
        content[446:462] = struct.pack("<B3sB3sII", 0x80, b"\x20\x21\x00", 0x0E, b"\xfe\xff\xff", first, (mebibytes - 1) * 2048)
        content[510:512] = b"\x55\xaa"
        disk.write_bytes(content)
        volume.unlink()
        return disk

    def shared_guest(self, name):
        return self.need(self.source.parent / "shared/guests" / name, "a guest image of the developers")

    def debian_overlay(self):
        """A fresh overlay over the installed Debian, and how --disk names it."""
        if subprocess.run([self.source / "tools/guest/make_debian_disk.sh", self.build]).returncode:
            raise Skip("the Debian disk cannot be made (see above)")
        overlay = self.scratch / "overlay.qcow2"
        base = self.build / "guests/debian.qcow2"
        self.tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
        return overlay, f"{overlay},backing={base}"

    def tool(self, *command):
        """Runs a tool of the host; the test is skipped where it is not installed."""
        if not shutil.which(command[0]):
            raise Skip(f"{command[0]} is not installed")
        return subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def copy(self, path):
        target = self.scratch / pathlib.Path(path).name
        shutil.copyfile(path, target)
        return target


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
