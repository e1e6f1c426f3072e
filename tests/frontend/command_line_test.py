#!/usr/bin/env python3
"""The contract of the command line: exit statuses, streams, sentences for mistakes, the script protocol.

    command_line_test.py PROGRAM [unittest options]

Guests are boot sectors made from guests/boot.asm. Exit status 77: nasm is not there.
"""
import fcntl
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ACTIONS = ["halt", "triple_fault", "power_off", "reset", "debug_exit", "echo", "spin", "idle", "junk", "write", "write_far"]
PROGRAM = ""


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        for number, name in enumerate(ACTIONS):
            subprocess.run(["nasm", "-f", "bin", f"-DACTION={number}", HERE / "guests/boot.asm", "-o",
                            cls.folder / f"{name}.img"], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def guest(self, name):
        return str(self.folder / f"{name}.img")

    def run_program(self, *arguments, stdin="", headless=True, timeout=120, **how):
        command = [PROGRAM] + (["--headless"] if headless else []) + [str(a) for a in arguments]
        return subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=timeout, **how)

    def run_script(self, script, *arguments, status=0):
        path = self.folder / "case.script"
        path.write_text(script)
        done = self.run_program("--script", path, *arguments)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done

    def ends(self, done, status, reason):
        """Exit status, and the last line of standard error."""
        lines = done.stderr.decode(errors="replace").splitlines()
        self.assertEqual(done.returncode, status, lines)
        self.assertRegex(lines[-1], "^exit: .*" + reason)

    def refused(self, *arguments, sentence, headless=True, **how):
        """A mistake: status 1, one clear sentence, nothing on standard output."""
        done = self.run_program(*arguments, headless=headless, **how)
        lines = done.stderr.decode(errors="replace").splitlines()
        self.assertEqual(done.returncode, 1, (arguments, lines))
        self.assertEqual(done.stdout, b"")
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], "^rewind86: .*" + sentence)
        self.assertRegex(lines[1], "^exit: ")


class ExitStatus(Case):
    def test_power_off(self):
        self.ends(self.run_program(self.guest("power_off")), 0, "powered off")

    def test_dead_halt(self):
        done = self.run_program(self.guest("halt"))
        self.ends(done, 4, "halted")
        self.assertIn(b"hello screen", done.stderr)
        self.assertRegex(done.stderr, rb"(?m)^eip=[0-9a-f]{8}$")
        self.assertRegex(done.stderr, rb"7c[0-9a-f]{2}  hlt")

    def test_dead_halt_during_a_wait(self):
        self.run_script('wait-screen "never"', self.guest("halt"), status=4)

    def test_a_stop_that_was_asked_for_lies_behind_a_dead_halt(self):
        done = self.run_program(self.guest("halt"), "--until-instructions", 10**9, "--digest-at", 10**9)
        self.ends(done, 0, "stopped at tick 1000000000$")
        self.assertRegex(done.stdout, rb"^digest 1000000000 [0-9a-f]{64}\n$")

    def test_triple_fault(self):
        done = self.run_program(self.guest("triple_fault"), "--no-reboot")
        self.ends(done, 4, "triple fault")
        self.assertIn(b"int3", done.stderr)

    def test_triple_fault_resets(self):
        self.run_script('run-seconds 3\nwait-screen "hello"', self.guest("triple_fault"))

    def test_reset(self):
        self.ends(self.run_program(self.guest("reset"), "--no-reboot"), 0, "reset")

    def test_debug_exit(self):
        self.ends(self.run_program(self.guest("debug_exit"), "--isa-debug-exit"), 0x15 * 2 + 1, "isa-debug-exit")

    def test_debug_exit_is_nothing_unless_asked_for(self):
        done = self.run_program(self.guest("debug_exit"), "--post-port", "0x80")
        self.ends(done, 4, "halted")
        self.assertIn(b"post 77\n", done.stderr)

    def test_wait_runs_out(self):
        done = self.run_script('wait-screen "hello screen"\nwait-screen "never" 1\n', self.guest("spin"), status=3)
        self.ends(done, 3, r"line 2: wait-screen \"never\"")
        self.assertIn("hello screen £", done.stderr.decode())
        self.assertIn(b"hello serial", done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_guest_ends_during_a_wait(self):
        self.run_script('wait-screen "never"\n', self.guest("power_off"), status=3)

    def test_guest_ends_during_run(self):
        self.run_script("run-seconds 60\nquit 9\n", self.guest("power_off"), status=0)
        self.run_script("run-seconds 60\nquit 9\n", self.guest("debug_exit"), "--isa-debug-exit", status=43)

    def test_quit(self):
        self.run_script("quit 7", self.guest("spin"), status=7)
        self.run_script("run-seconds 1", self.guest("spin"), status=0)

    def test_signal(self):
        image = self.folder / "signal.img"
        shutil.copy(self.guest("spin"), image)
        for number in (signal.SIGTERM, signal.SIGINT):
            process = subprocess.Popen([PROGRAM, "--headless", image], stderr=subprocess.PIPE)
            time.sleep(0.5)
            process.send_signal(number)
            error = process.communicate(timeout=20)[1].decode()
            self.assertEqual(process.returncode, 0)
            self.assertTrue(error.endswith(f"exit: stopped by {number.name}\n"), error)

    def test_signal_while_a_script_is_awaited(self):
        process = subprocess.Popen([PROGRAM, "--headless", "--script", "-", self.guest("spin")],
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=20), 0)
        process.communicate()

    def test_a_write_is_in_the_image_after_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            image = self.folder / "written.img"
            shutil.copy(self.guest("write"), image)
            process = subprocess.Popen([PROGRAM, "--headless", "--serial", "stdio", image], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while process.stdout.read(1) != b"W":
                pass
            process.send_signal(number)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0)
            content = image.read_bytes()
            self.assertEqual(content[512:1024], content[:512])

    def test_closed_window(self):
        image = self.folder / "closed.img"
        shutil.copy(self.guest("write"), image)
        process = subprocess.Popen([PROGRAM, "--serial", "stdio", image], env=os.environ | {"SDL_VIDEODRIVER": "dummy"},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.stdout.read(1) != b"W":
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        content = image.read_bytes()
        self.assertEqual(content[512:1024], content[:512])

    def test_jump_into_nothing(self):
        self.ends(self.run_program(self.guest("junk"), "--until-instructions", 300_000_000), 0, "stopped")


class Streams(Case):
    def test_digests(self):
        arguments = ["--digest-at", 60_000_000, "--digest-at", 20_000_000, "--until-instructions", 70_000_000]
        first = self.run_program(self.guest("echo"), *arguments)
        second = self.run_program(self.guest("echo"), *arguments, "--speed", "400")
        self.assertRegex(first.stdout, rb"^digest 20000000 [0-9a-f]{64}\ndigest 60000000 [0-9a-f]{64}\n$")
        self.assertEqual(first.stdout, second.stdout)

    def test_serial_has_standard_output_for_itself(self):
        done = self.run_program(self.guest("halt"), "--serial", "stdio", "--digest-at", 1000)
        self.assertEqual(done.stdout, b"\x1b[1mhello\x1b[0m serial\r\n")
        self.assertRegex(done.stderr, rb"(?m)^digest 1000 [0-9a-f]{64}$")

    def test_debugcon_has_standard_output_for_itself(self):
        done = self.run_program(self.guest("spin"), "--debugcon", "stdio", "--until-instructions", 20_000_000)
        self.assertIn(b"SeaBIOS (version", done.stdout)

    def test_script_output(self):
        out = self.folder / "results"
        done = self.run_program("--serial", "stdio", "--digest-at", 1000, "--script-output", out,
                                self.guest("halt"))
        self.assertTrue(done.stdout.endswith(b"serial\r\n"))
        self.assertRegex(out.read_bytes(), rb"^digest 1000 [0-9a-f]{64}\n$")

    def test_serial_file(self):
        out = self.folder / "com1"
        self.run_program(self.guest("halt"), "--serial", "null", "--serial", f"file:{self.folder}/com2")
        self.run_program(self.guest("halt"), "--serial", f"file:{out}")
        self.assertEqual(out.read_bytes(), b"\x1b[1mhello\x1b[0m serial\r\n")
        self.assertEqual((self.folder / "com2").read_bytes(), b"")

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_serial_file_that_cannot_be_written(self):
        self.ends(self.run_program(self.guest("halt"), "--serial", "file:/dev/full"), 1, "/dev/full.*cannot be written")

    def test_serial_standard_input(self):
        script = self.folder / "case.script"
        script.write_text('wait-screen "hello"\nwait-screen "typed outside" 600\n')
        process = subprocess.Popen([PROGRAM, "--headless", "--serial", "stdio", "--script", script,
                                    self.guest("echo")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertTrue(process.stdout.readline().endswith(b"serial\r\n"))
        process.stdin.write(b"typed outside")
        process.stdin.flush()
        self.assertEqual(process.wait(timeout=100), 0)
        process.communicate()

    def test_serial_tcp(self):
        process = subprocess.Popen([PROGRAM, "--headless", "--serial", "tcp:0", "--speed", "realtime",
                                    self.guest("echo")], stderr=subprocess.PIPE)
        line = process.stderr.readline().decode()
        port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
        self.refused("--serial", f"tcp:{port}", self.guest("spin"), sentence=f"TCP port {port}")
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.settimeout(20)
            got = b""
            while b"serial\r\n" not in got:
                got += line.recv(100)
            self.assertIn(b"hello", got)
        process.terminate()
        process.communicate(timeout=20)

    def test_serial_pty(self):
        process = subprocess.Popen([PROGRAM, "--headless", "--serial", "pty", "--speed", "realtime",
                                    self.guest("echo")], stderr=subprocess.PIPE)
        name = re.search(r"/dev/\S+", process.stderr.readline().decode())[0]
        with open(name, "rb", buffering=0) as line:
            got = b""
            while b"serial\r\n" not in got:
                got += line.read(100)
        process.terminate()
        process.communicate(timeout=20)

    def test_end_of_standard_input_changes_nothing(self):
        self.ends(self.run_program(self.guest("power_off"), "--serial", "stdio"), 0, "powered off")

    def test_idle_guest_costs_nothing(self):
        before = os.times()
        self.run_program(self.guest("idle"), "--speed", "realtime", "--until-instructions", 800_000_000)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        self.assertLess(used, 1.5, "eight virtual seconds at real-time speed, most of them halted")


class Display(Case):
    @staticmethod
    def without_display():
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR")
        return {name: value for name, value in os.environ.items() if name not in hidden} | {"TERM": "xterm"}

    @unittest.skipIf(os.path.exists("/dev/dri/card0"), "this host's console is a display")
    def test_no_display_and_no_terminal(self):
        for arguments in ([], ["--display", "sdl"]):
            self.refused(*arguments, self.guest("spin"), sentence="no display.*--headless", headless=False,
                         env=self.without_display())

    @unittest.skipIf(os.path.exists("/dev/dri/card0"), "this host's console is a display")
    def test_the_terminal_is_the_display(self):
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        process = subprocess.Popen([PROGRAM, self.guest("echo")], stdin=terminal, stdout=terminal, env=self.without_display(),
                                   stderr=subprocess.PIPE)
        shown = b""

        def await_text(text):
            nonlocal shown
            while text not in shown:
                shown += os.read(controller, 4096)

        await_text("n £".encode())  # what changed on the screen comes in pieces
        os.write(controller, b"Q")
        await_text(b"Q")
        os.write(controller, b"\x01x")  # Ctrl-A X
        error = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 0, error)
        self.assertRegex(error, "exit: ")
        os.close(controller)
        os.close(terminal)


class Script(Case):
    def talk(self, lines, *arguments, status=0):
        done = self.run_program("--script", "-", *arguments, stdin="\n".join(lines) + "\n")
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done.stdout.decode().splitlines()

    def test_protocol(self):
        out = self.talk(['wait-screen "hello screen"', "# a comment", "", "nonsense", "key nokey", "digest",
                         "type", 'screenshot /nonexistent/x.png'], self.guest("echo"))
        self.assertEqual(out[0:3], ["ok", "ok", "ok"])
        self.assertRegex(out[3], "^error .*nonsense")
        self.assertRegex(out[4], "^error .*nokey")
        self.assertRegex(out[5], "^digest [0-9]+ [0-9a-f]{64}$")
        self.assertEqual(out[6], "ok")
        self.assertRegex(out[7], "^error ")
        self.assertRegex(out[8], "^error .*/nonexistent/x.png")
        self.assertEqual(len(out), 9)

    def test_a_wait_that_ran_out_is_the_exit_status(self):
        out = self.talk(['wait-screen "never" 1', "position"], self.guest("echo"), status=3)
        self.assertRegex(out[0], "^error wait-screen")
        self.assertRegex(out[1], "^at [0-9]+ [0-9a-f]{4}:[0-9a-f]{8} ")
        self.talk(['wait-screen "never" 1', "quit 0"], self.guest("echo"), status=0)

    def test_machine_stands_still_between_commands(self):
        process = subprocess.Popen([PROGRAM, "--headless", "--script", "-", self.guest("spin")], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        positions = []
        for _ in range(2):
            process.stdin.write("position\n")
            process.stdin.flush()
            positions.append(process.stdout.readline())
            self.assertEqual(process.stdout.readline(), "ok\n")
            time.sleep(0.2)
        process.communicate()
        self.assertEqual(positions[0], positions[1])
        self.assertEqual(process.returncode, 0)

    def test_typing_faster_than_the_bios_buffer(self):
        text = "The quick brown fox jumps over 13 lazy dogs: !@#$%^&*()_+{}|<>?~ and so on"
        out = self.run_script(f'wait-screen "hello"\ntype "{text}\\n"\nscreen\nwait-serial "{text}"\n',
                              self.guest("echo")).stdout.decode().splitlines()
        self.assertEqual(len(out), 25)
        self.assertEqual(out[1], text)

    def test_serial(self):
        out = self.run_script('wait-serial "hello serial"\nwait-screen "hello"\ntype-serial "to the guest"\nscreen\n',
                              self.guest("echo")).stdout.decode().splitlines()
        self.assertEqual(out[1], "to the guest")

    def test_serial_matches_are_consumed(self):
        self.run_script('wait-serial /^hello serial$/\nwait-serial "hello" 1\n', self.guest("spin"), status=3)

    def test_escapes(self):
        out = self.talk(['wait-screen "hello screen \\xc2\\xa3"', 'wait-screen /^hello\\s[s]creen .$/',
                         r'type "A:\>\x41\"\\ \q"', 'screen'], self.guest("echo"))
        self.assertEqual(out[:3], ["ok", "ok", "ok"])
        self.assertEqual(out[4], 'A:\\>A"\\ \\q')

    def test_blanks_behind_a_prompt(self):
        self.run_script('wait-screen "screen £ "\nwait-screen /£$/\nwait-serial "hello serial"\n'
                        'type "C:\\> "\nwait-screen "C:\\> " 5\nwait-screen /^C:.>$/ 5\nwait-screen /^C:.> $/ 5\n',
                        self.guest("echo"))

    def test_run(self):
        out = self.talk(["position", "run-instructions 12345", "position", "run-seconds 0.5", "position"],
                        self.guest("spin"))
        at = [int(line.split()[1]) for line in out if line.startswith("at ")]
        self.assertEqual(at, [0, 12345, 12345 + 50_000_000])

    def test_registers_and_memory(self):
        out = self.talk(['wait-screen "hello"', "registers", "memory phys:0x7DFE 2", "memory lin:0x7DFE 2"],
                        self.guest("spin"))
        names = dict(line.split("=") for line in out if "=" in line)
        for name in ("eax", "eip", "eflags", "cs", "cr0", "mxcsr"):
            self.assertIn(name, names)
        for number in range(8):
            self.assertEqual(len(names[f"st{number}"]), 20)
            self.assertEqual(len(names[f"mm{number}"]), 16)
            self.assertEqual(len(names[f"xmm{number}"]), 32)
        self.assertEqual(out.count("55 aa"), 2)

    def test_screenshot(self):
        path = self.folder / "shot.png"
        self.run_script(f'wait-screen "hello"\nscreenshot "{path}"\n', self.guest("spin"))
        content = path.read_bytes()
        self.assertEqual(content[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", content[16:24]), (720, 400))
        start = content.index(b"IDAT")
        length, = struct.unpack(">I", content[start - 4:start])
        self.assertEqual(len(zlib.decompress(content[start + 4:start + 4 + length])), 400 * (1 + 3 * 720))

    def test_screen_size_and_stability(self):
        self.run_script("wait-screen-size 720x400\nwait-stable 2\nwait-screen-size 640x480 1\n", self.guest("spin"),
                        status=3)

    def test_states(self):
        state = self.folder / "state"
        out = self.talk(['wait-screen "hello"', f"savestate {state}", 'type "one"', "digest", f"loadstate {state}",
                         'type "one"', "digest", f"loadstate {self.guest('spin')}"], self.guest("echo"))
        digests = [line for line in out if line.startswith("digest")]
        self.assertEqual(digests[0], digests[1])
        self.assertRegex(out[-1], "^error .*no saved state")
        damaged = bytearray(state.read_bytes())
        damaged[-10] ^= 1
        state.write_bytes(damaged)
        self.assertRegex(self.talk([f"loadstate {state}"], self.guest("echo"))[0], "^error .*damaged")

    def test_recording_from_a_state(self):
        """Whoever loads a state goes on being recorded; the recording is replayed, and looked into by a script."""
        state, streamed, saved = (self.folder / name for name in ("state", "streamed.r86", "saved.r86"))
        out = self.talk(['wait-screen "hello"', f"savestate {state}", 'type "before"', f"loadstate {state}", 'type "after"',
                         "run-seconds 5", "first-text after", f"save-recording {saved} 1", "digest"], self.guest("echo"),
                        "--record", streamed, "--record-checkpoints", "1")
        begin = int(re.search(r"^at (\d+) .* loaded$", "\n".join(out), re.M)[1])
        digest = next(line for line in out if line.startswith("digest"))
        for recording in (streamed, saved):
            done = subprocess.run([PROGRAM, "replay", "--headless", recording], capture_output=True, text=True, timeout=120)
            self.assertEqual((done.returncode, done.stdout), (0, digest + "\n"), done.stderr)
            words = ["position", f"seek {digest.split()[1]}", "digest", "first-text after", "seek 0", "position"]
            done = subprocess.run([PROGRAM, "replay", recording, "--script", "-"], input="\n".join(words), capture_output=True,
                                  text=True, timeout=120)
            lines = [line for line in done.stdout.splitlines() if line != "ok"]
            self.assertRegex(lines[0], f"^at {begin} ")
            self.assertEqual(lines[2], digest)
            self.assertEqual(lines[3], next(line for line in out if "first" in line))
            self.assertRegex(lines[5], f"^at {begin} ")  # there is nothing before
        self.assertGreater(streamed.stat().st_size, 3 * state.stat().st_size)  # the first state, and some more

    def test_state_of_another_machine(self):
        state = self.folder / "state"
        self.talk([f"savestate {state}"], self.guest("echo"))
        out = self.talk(["run-seconds 1", "digest", f"loadstate {state}", "digest"], self.guest("echo"), "--memory",
                        "64M")
        self.assertRegex(out[3], "^error .*another machine.* it differs at '[a-z]")
        self.assertEqual(out[1], out[4])

    def test_media(self):
        image = self.folder / "other.img"
        image.write_bytes(bytes(1474560))
        out = self.talk([f"insert floppy0 {image}", "eject floppy0", "eject cdrom0", "insert disk0 x", "insert a: x",
                         f"insert floppy0 {self.folder}"], self.guest("spin"))
        self.assertEqual(out[:3], ["ok"] * 3)
        for line in out[3:]:
            self.assertRegex(line, "^error ")

    def test_going_back(self):
        out = self.talk(["run-instructions 100000", "digest", "run-instructions 5000", "reverse-step", "seek 100000", "digest",
                         "seek 5", "position"], self.guest("spin"))
        lines = [line for line in out if line != "ok"]
        self.assertRegex(lines[0], "^digest 100000 ")
        self.assertRegex(lines[1], "^at 104999 ")
        self.assertRegex(lines[2], "^at 100000 ")
        self.assertEqual(lines[0], lines[3])
        self.assertRegex(lines[4], "^at 5 ")
        self.assertRegex(lines[5], "^at 5 ")

    def test_no_history_without_the_recorder(self):
        for command in ("reverse-step", "seek 5"):
            self.assertRegex(self.talk([command], self.guest("spin"), "--rewind", "off")[0], "^error .*rewind")

    def test_wrong_lines_are_named(self):
        for line, sentence in (("bogus", "bogus"), ("wait-screen", "missing"), ('type "x', "closing"),
                               ("wait-screen /(/", "regular expression"), ("run-seconds fast", "seconds"),
                               ("key ctrl-nokey", "key"), ("memory 5 5", "address"), ("screen 1", "no arguments"),
                               ("mouse 1 2 x", "buttons"), ("wait-screen-size 640", "size")):
            path = self.folder / "wrong.script"
            path.write_text(f"# first\n\n{line}\n")
            self.refused("--script", path, self.guest("spin"), sentence=f"line 3: .*{sentence}")


class Mistakes(Case):
    def make(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_images(self):
        self.refused(self.make("empty.img", b""), sentence="empty")
        self.refused(self.folder, sentence="directory")
        self.refused(self.folder / "missing.img", sentence="missing.img")
        self.refused("--disk", self.make("cut.img", bytes(3 << 20 | 100)), sentence="cut inside a sector")
        self.refused("--cdrom", self.make("cut.iso", bytes(100 << 10 | 100)), sentence="cut inside a sector")
        self.refused("--floppy", self.make("large.img", bytes(4 << 20)), sentence="2.88")
        self.refused("--disk", f"{self.guest('spin')},format=zip", sentence="zip")
        self.refused(*["--floppy", self.guest("spin")] * 3, sentence="floppy")

    def test_random_image(self):
        image = self.make("random.img", os.urandom(1474560))
        self.ends(self.run_program("--snapshot", image, "--until-instructions", 300_000_000), 0, "stopped")

    def as_ordinary_user(self):
        """Permissions mean nothing to root."""
        if os.getuid() != 0:
            return {}
        how = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            self.run_program("--version", **how)
        except PermissionError:
            self.skipTest("an ordinary user may not run the program where it stands")
        return how

    def for_everyone(self, image, mode):
        self.folder.chmod(0o755)
        image.chmod(mode)
        return image

    def test_read_only_image(self):
        how = self.as_ordinary_user()
        image = self.for_everyone(self.make("readonly.img", pathlib.Path(self.guest("spin")).read_bytes()), 0o444)
        self.refused(image, sentence="may not be written.*--snapshot", **how)
        self.refused("--disk", image, sentence="may not be written.*--snapshot", **how)
        self.ends(self.run_program("--snapshot", image, "--until-instructions", 1000, **how), 0, "stopped")
        disc = self.for_everyone(self.make("readonly.iso", bytes(1 << 20)), 0o444)
        self.ends(self.run_program("--cdrom", disc, "--until-instructions", 1000, **how), 0, "stopped")

    def test_unreadable_files(self):
        how = self.as_ordinary_user()
        image = self.for_everyone(self.make("unreadable.img", pathlib.Path(self.guest("spin")).read_bytes()), 0o000)
        for arguments in ([image], ["--snapshot", image], ["--cdrom", image], ["--kernel", image], ["--bios", image],
                          ["--vgabios", image], ["--script", image]):
            self.refused(*arguments, sentence="unreadable.img' (may not be opened|cannot be read)", **how)

    def test_full_disk(self):
        """A limit on the size of files is a host's disk that is full: the guest and the user are told, and it goes on."""
        image = self.make("full.img", pathlib.Path(self.guest("write_far")).read_bytes())
        os.truncate(image, 200 << 20)
        script = self.make("full.script", b'wait-serial "F" 60\nrun-seconds 1\n')
        limit = 64 << 20  # the machine's memory is a file, too
        done = self.run_program("--script", script, "--memory", "16M", "--disk", image,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertRegex(done.stderr, rb"(?m)^rewind86: .*full.img' cannot be written")
        self.ends(done, 0, "script ended")

    def test_garbage_as_boot_sector(self):
        """Random bytes that are run, on every kind of medium: the guest may do as it likes, the program ends as asked."""
        noise = random.Random(86)
        for number, kind in enumerate(("--floppy", "--disk") * 2):
            content = bytearray(noise.randbytes(1474560))
            content[510:512] = b"\x55\xaa"
            image = self.make(f"noise{number}.img", content)
            done = self.run_program("--snapshot", "--boot-menu", "off", kind, image, "--until-instructions", 100_000_000)
            self.ends(done, 0, "stopped|powered off")

    def test_image_of_a_running_machine(self):
        process = subprocess.Popen([PROGRAM, "--headless", "--script", "-", self.guest("echo")],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdin.write(b"position\n")
        process.stdin.flush()
        process.stdout.readline()
        self.refused(self.guest("echo"), sentence="in use|locked|another")
        process.communicate()

    def test_kernels(self):
        self.refused("--kernel", self.make("kernel", os.urandom(100_000)), sentence="kernel")
        self.refused("--kernel", self.folder, sentence="directory")
        self.refused("--initrd", self.guest("spin"), sentence="--kernel")

    def test_memory(self):
        for size in ("0", "1", "1B", "1T", "1TiB", "64", "4G", "-1", "lots", "128X", ""):
            self.refused(f"--memory={size}", sentence="(memory|size|--memory)")

    def test_ports_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused("--serial", f"tcp:{port}", self.guest("spin"), sentence=f"{port}.*in use")
            self.ends(self.run_program("--gdb", port, self.guest("spin")), 1, f"{port}.*in use")

    def test_values(self):
        self.refused("--cpu", "z80", sentence="z80")
        self.refused("--cpu", "pentium,+nonsense", sentence="nonsense")
        self.refused("--bios", self.make("bios", bytes(1000)), sentence="64 KiB")
        self.refused("--vgabios", self.make("vga", bytes(1000)), sentence="(?i:rom)")
        self.refused("--boot", "x", sentence="boot")
        self.refused("--mips", "0", sentence="mips")
        self.refused("--speed", "warp", sentence="speed")
        self.refused("--rtc", "2001-02-29T00:00:00", sentence="rtc")
        self.refused("--serial", "modem", sentence="modem")
        self.refused("--serial", "tcp:99999", sentence="99999")
        self.refused("--serial", "file:/nonexistent/x", sentence="/nonexistent/x")
        self.refused("--trace", "everything", sentence="everything")
        self.refused("--post-port", "0x1F0", self.guest("spin"), sentence="port")
        self.refused("--script", self.folder / "no.script", sentence="no.script")
        self.refused("--script-output", "/nonexistent/x", sentence="/nonexistent/x")
        self.refused("--screenshot", "/nonexistent/x.png", self.guest("halt"), sentence="/nonexistent")
        self.refused("--list", "friends", sentence="friends")
        self.refused("--nonsense", sentence="nonsense")
        self.refused("--digest-at", "soon", sentence="digest-at")
        self.refused("--display", "hologram", headless=False, sentence="hologram")

    def test_nothing_is_written(self):
        out = self.folder / "not.written"
        self.refused("--serial", f"file:{out}", "--memory", "0", sentence="memory")
        self.refused("--serial", f"file:{out}", self.folder / "missing.img", sentence="missing")
        self.assertFalse(out.exists())

    def test_later_issues(self):
        self.refused("replay", "x", headless=False, sentence=".")


class Information(Case):
    def test_help(self):
        done = self.run_program("--help", headless=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"Examples:", done.stdout)
        self.assertEqual(done.stderr, b"")

    def test_version(self):
        done = self.run_program("--version", headless=False)
        self.assertRegex(done.stdout, rb"(?s)rewind86 \d.*[0-9a-f]{64}.*[0-9a-f]{64}")

    def test_lists(self):
        for what, word in (("cpus", b"pentium4"), ("devices", b"8254"), ("keys", b"enter")):
            self.assertIn(word, self.run_program("--list", what, headless=False).stdout)

    def test_trace(self):
        done = self.run_program("--trace", "input,disk", "--until-instructions", 50_000_000, self.guest("spin"))
        self.assertRegex(done.stderr, rb"(?m)^input: ")

    def test_rewind_is_accepted(self):
        for value in ("off", "512M"):
            self.ends(self.run_program("--rewind", value, "--until-instructions", 1000), 0, "stopped")

    def test_append_may_begin_with_a_dash(self):
        self.refused("--append", "-v", sentence="--kernel")


if __name__ == "__main__":
    if not shutil.which("nasm"):
        print("skipped: nasm is not installed")
        sys.exit(77)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
