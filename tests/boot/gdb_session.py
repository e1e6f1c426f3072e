#!/usr/bin/env python3
"""Debian's gdb against the GDB server, on a firmware of a few instructions: break, step, watch, and all of it backwards.

usage: gdb_session.py PROGRAM     exit status 77: there is no gdb
"""
import pathlib
import subprocess
import sys
import tempfile

from gdb_harness import SKIP, firmware, have_gdb, session

# At F000:0000: MOV CX,100; 3: INC WORD [1000h]; 7: LOOP 3; 9: MOV AL,42h; B: OUT 80h,AL; D: MOV [2000h],AL; 10: JMP $
CODE = bytes.fromhex("b96400 ff060010 e2fa b042 e680 a20020 ebfe")
COMMANDS = """
target remote %s
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

# The same program from a recording of 1000 ticks, to its end and back.
REPLAY_COMMANDS = """
target remote %s
monitor timeline
break *0xf0009
continue
watch *(unsigned short*)0x1000
reverse-continue
x/hx 0x1000
delete
continue
monitor position
monitor seek 4
reverse-continue
monitor seek 1000
stepi
monitor position
kill
"""
REPLAY_EXPECTED = [
    r"ticks 0 to 1000",
    r"at 0 f000:0000fff0 in the past",
    r"Breakpoint 1, 0x000f0009",
    r"Old value = 100\s+New value = 99",
    r"0x1000:\s+0x0063",
    r"No more reverse-execution history",
    r"at 1000 f000:00000010",
    r"at 4 f000:",
    r"No more reverse-execution history",
    r"at 1000 f000:00000010",
    r"at 1001 f000:00000010",  # live from there
]


def main(program):
    if not have_gdb():
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        machine = ["--bios", firmware(folder, CODE), "--vgabios", "none", "--memory", "4M"]
        recording = pathlib.Path(folder, "session.r86")
        subprocess.run([program, "--headless", *map(str, machine), "--until-instructions", "1000", "--record", recording], check=True)
        return (session(program, folder, machine, COMMANDS, EXPECTED)
                or session(program, folder, ["replay", recording], REPLAY_COMMANDS, REPLAY_EXPECTED))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
