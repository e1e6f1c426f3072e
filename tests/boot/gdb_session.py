#!/usr/bin/env python3
"""Debian's gdb against the GDB server, on a firmware of a few instructions: break, step, watch, and all of it backwards.

usage: gdb_session.py PROGRAM     exit status 77: there is no gdb
"""
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

# At F000:0000: MOV CX,100; 3: INC WORD [1000h]; 7: LOOP 3; 9: MOV AL,42h; B: OUT 80h,AL; D: MOV [2000h],AL; 10: JMP $
CODE = bytes.fromhex("b96400 ff060010 e2fa b042 e680 a20020 ebfe")
COMMANDS = """
set pagination off
set confirm off
target remote 127.0.0.1:%d
break *0xf0009
continue
x/hx 0x1000
stepi
stepi
reverse-stepi
info registers eip offset_eip cs
watch *(unsigned char*)0x2000
continue
delete
watch *(unsigned short*)0x1000
reverse-continue
x/hx 0x1000
info registers offset_eip
reverse-continue
x/hx 0x1000
monitor position
monitor last-out 0x80
monitor timeline
set *(unsigned short*)0x1000 = 7
x/hx 0x1000
monitor timeline
delete
reverse-continue
kill
"""
EXPECTED = [
    r"Breakpoint 1, 0x000f0009",
    r"0x1000:\s+0x0064",
    r"0x000f000b",
    r"0x000f000d",
    r"0x000f000b",
    r"eip\s+0xf000b",
    r"offset_eip\s+0xb",
    r"cs\s+0xf000",
    r"watchpoint 2: \*\(unsigned char\*\)0x2000",
    r"New value = 66 'B'",
    r"watchpoint 3: \*\(unsigned short\*\)0x1000",
    r"Old value = 100\s+New value = 99",
    r"0x1000:\s+0x0063",
    r"offset_eip\s+0x3",
    r"New value = 98",
    r"0x1000:\s+0x0062",
    r"at \d+ f000:00000003",
    r"none",  # nothing was written to the port before here
    r"branch 0 \(current\)",
    r"0x1000:\s+0x0007",
    r"branch 1 \(current\)",
    r"No more reverse-execution history",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(program):
    gdb = shutil.which("gdb")
    if not gdb:
        print("skipped: gdb is not installed")
        return 77
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        bios = bytearray(b"\xf4" * 0x10000)
        bios[: len(CODE)] = CODE
        bios[0xFFF0:0xFFF5] = bytes.fromhex("ea000000f0")
        firmware = pathlib.Path(folder, "bios.bin")
        firmware.write_bytes(bios)
        script = pathlib.Path(folder, "session.gdb")
        script.write_text(COMMANDS % port)
        machine = subprocess.Popen(
            [program, "--headless", "--bios", firmware, "--vgabios", "none", "--memory", "4M", "--gdb", str(port)],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            machine.stderr.readline()  # it listens
            answer = subprocess.run(
                [gdb, "-q", "-nx", "-batch", "-x", str(script)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,  # where answers of `monitor` go
                text=True,
                timeout=120,
            ).stdout
            status = machine.wait(timeout=30)
        finally:
            machine.kill()
    at = 0
    for wanted in EXPECTED:
        found = re.compile(wanted).search(answer, at)
        if not found:
            print(answer)
            print("not found behind the one before:", wanted)
            return 1
        at = found.end()
    print(f"{len(EXPECTED)} answers as expected")
    return 0 if status == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
