#!/usr/bin/env python3
"""Recordings and states that are damaged, cut off or of another version, and disks that are full: one clear sentence.

    bad_files_test.py PROGRAM      exit status 77: nasm is not there
"""
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = ""
ECHO = 5  # an action of guests/boot.asm


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.guest = cls.folder / "echo.img"
        subprocess.run(["nasm", "-f", "bin", f"-DACTION={ECHO}", HERE / "guests/boot.asm", "-o", cls.guest], check=True)
        cls.recording = cls.folder / "whole.r86"
        done = cls.play(cls.recording)
        assert done.returncode == 0, done.stderr
        cls.whole = cls.recording.read_bytes()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def play(cls, recording, limit=None):
        script = cls.folder / "play.script"
        script.write_text('wait-screen "hello"\ntype "one two"\nrun-seconds 2\ntype "three"\nrun-seconds 1\ndigest\nquit 0\n')
        before = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        return subprocess.run([PROGRAM, "--headless", "--memory", "8M", "--script", script, "--record", recording, cls.guest],
                              capture_output=True, text=True, timeout=120, preexec_fn=before)

    def replay(self, content, *arguments):
        path = self.folder / "bad.r86"
        path.write_bytes(content)
        done = subprocess.run([PROGRAM, "replay", "--headless", path, *arguments], capture_output=True, text=True, timeout=120)
        self.assertNotIn(done.returncode, (-11, -6, 134, 139), done.stderr)
        return done, done.stderr.splitlines()

    def refused(self, content, sentence):
        done, lines = self.replay(content)
        self.assertEqual(done.returncode, 1, lines)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], "^rewind86: .*" + sentence)
        self.assertEqual(lines[1], "exit: error")

    def test_whole(self):
        done, lines = self.replay(self.whole)
        self.assertEqual((done.returncode, lines), (0, ["exit: the recording ended"]))

    def test_no_recording(self):
        self.refused(b"", "is empty")
        for content in (b"hello", bytes(1000), self.guest.read_bytes()):
            self.refused(content, "is no recording of this program")
        self.refused(self.whole[:20], "is no recording")

    def test_another_version(self):
        head = self.whole.index(b"\n") + 1
        content = self.whole[:head] + struct.pack("<I", 99) + self.whole[head + 4:]
        self.refused(content, "made by another version of this program")

    def test_cut_off(self):
        for share in (0.3, 0.6, 0.9):
            done, lines = self.replay(self.whole[: int(len(self.whole) * share)])
            self.assertIn(done.returncode, (0, 1), lines)
            self.assertEqual(len(lines), 2, lines)
            self.assertRegex(lines[0], "^rewind86: .*(cut off|damaged)")

    def test_wrong_checksum(self):
        content = bytearray(self.whole)
        content[len(content) // 2] ^= 0x10
        done, lines = self.replay(bytes(content))
        self.assertRegex(lines[0], "^rewind86: .*damaged or cut off; it is replayed up to its last whole section")
        content = bytearray(self.whole)
        content[self.whole.index(b"\n") + 5 + 16] ^= 1  # in the first section: which machine it is
        self.refused(bytes(content), "damaged: it does not say which machine it is of")

    def test_other_image(self):
        moved = self.guest.with_name("moved.img")
        self.guest.rename(moved)
        try:
            self.refused(self.whole, "no image has the content that .* had when the recording was made; give it with --image")
            done, lines = self.replay(self.whole, "--image", moved)
            self.assertEqual(done.returncode, 0, lines)
        finally:
            moved.rename(self.guest)

    def test_full_disk(self):
        """The recording ends with a sentence, the guest goes on to the same end; what was written replays."""
        wanted = self.play(self.folder / "again.r86").stdout
        self.assertIn("digest ", wanted)
        done = self.play("/dev/full")
        self.assertEqual((done.returncode, done.stdout), (0, wanted), done.stderr)
        self.assertIn("rewind86: recording '/dev/full' cannot be written any further and ends here", done.stderr)
        self.assertEqual(done.stderr.count("cannot be written"), 1)

        small = self.folder / "small.r86"
        done = self.play(small, limit=len(self.whole) * 2 // 3)
        self.assertEqual((done.returncode, done.stdout), (0, wanted), done.stderr)
        self.assertEqual(done.stderr.count("cannot be written any further and ends here"), 1)
        done, lines = self.replay(small.read_bytes())
        self.assertEqual(done.returncode, 0, lines)
        self.assertRegex(lines[0], "cut off|killed")

    def test_no_place_for_a_recording(self):
        done = self.play(self.folder / "nowhere" / "x.r86")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere/x.r86' cannot be written", done.stderr)

    def test_an_old_file_stays_if_the_new_one_does_not_fit(self):
        old, fresh, limit = self.folder / "old", self.folder / "fresh", 20000
        old.write_bytes(b"old")
        done = subprocess.run([PROGRAM, "--headless", "--memory", "8M", "--script", "-", self.guest],
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
                              input=f'wait-screen "hello"\nsavestate {old}\nsavestate {fresh}\n', capture_output=True, text=True, timeout=120)
        answers = done.stdout.splitlines()
        self.assertRegex(answers[1], "^error '.*old' cannot be written: ")
        self.assertRegex(answers[2], "^error '.*fresh' cannot be written: ")
        self.assertEqual(old.read_bytes(), b"old")
        self.assertEqual([path.name for path in self.folder.glob("old*")], ["old"])
        self.assertFalse(fresh.exists())

    def state(self, content):
        path = self.folder / "state"
        path.write_bytes(content)
        done = subprocess.run([PROGRAM, "--headless", "--memory", "8M", "--script", "-", self.guest], input=f"loadstate {path}\n",
                              capture_output=True, text=True, timeout=120)
        return done.stdout.splitlines()[0]

    def test_states(self):
        path = self.folder / "right"
        subprocess.run([PROGRAM, "--headless", "--memory", "8M", "--script", "-", self.guest],
                       input=f'wait-screen "hello"\nsavestate {path}\n', capture_output=True, text=True, timeout=120, check=True)
        right = path.read_bytes()
        self.assertRegex(self.state(right), "^at ")
        head = right.index(b"\n") + 1
        for content, sentence in {
            b"": "is empty",
            right[:40]: "no saved state",
            right[: len(right) // 2]: "damaged",
            right[:head] + struct.pack("<Q", 7) + right[head + 8:]: "another version",
            right[:-100] + bytes(100): "damaged",
            right[: head + 8] + struct.pack("<Q", 1 << 62) + right[head + 16:]: "damaged",
            self.whole: "no saved state",
        }.items():
            self.assertRegex(self.state(content), f"^error state '.*{sentence}")


def main():
    global PROGRAM
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    if not shutil.which("nasm"):
        print("skipped: nasm is not installed")
        return 77
    unittest.main()


if __name__ == "__main__":
    sys.exit(main())
