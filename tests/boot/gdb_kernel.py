#!/usr/bin/env python3
"""Debian's gdb on a small 32-bit kernel with paging and debugging information: source lines, frames, watchpoints, and all
of it backwards; who mapped a page.

usage: gdb_kernel.py PROGRAM     exit status 77: there is no gdb or no compiler for 32-bit code
"""
import pathlib
import subprocess
import sys
import tempfile

from gdb_harness import SKIP, Server, check, free_port, have_gdb

SOURCE = pathlib.Path(__file__).with_name("gdb_kernel.c")
COMMANDS = """
target remote %s
hbreak kernel
continue
info registers eip cs
backtrace
next
next
info line
p/x $cr0
step
backtrace
p count
hbreak store
continue
p value
backtrace
up
p i
down
delete 2
finish
watch counter
continue
continue
p counter
reverse-continue
reverse-continue
p counter
reverse-finish
frame
reverse-step
frame
delete
tbreak map_late
continue
x/i $pc
next
next
p *mapped
p/x late[0]
monitor last-map lin:0x40000010
monitor last-write lin:0x40000010 4
set var counter = 1000
p counter
monitor timeline
tbreak work
continue
finish
info registers eax
p/x *(unsigned char *)0x100000@4
monitor memory phys:0x100000 4
rwatch counter
reverse-continue
delete
reverse-stepi
stepi
kill
"""
EXPECTED = [
    r"Breakpoint 1, kernel \(\) at .*gdb_kernel.c:", r"cs\s+0x", r"#0\s+kernel \(\)",
    r"work\(5\)", r"Line \d+ of", r"= 0x80000011", r"work \(count=5\)", r"#0\s+work \(count=5\)",
    r"#1\s+0x[0-9a-f]+ in kernel", r"= 5\b",
    r"Breakpoint 2, store \(value=3\)", r"= 3\b", r"#0\s+store \(value=3\)", r"#1\s+0x[0-9a-f]+ in work", r"#1\s", r"= 1\b", r"#0\s",
    r"in work \(count=5\)", r"store\(i \* 3\)",
    r"atchpoint 3: counter", r"Old value = 3\s+New value = 6", r"Old value = 6\s+New value = 9", r"= 9\b",
    r"Old value = 9\s+New value = 6", r"Old value = 6\s+New value = 3", r"= 3\b",
    r"in work \(count=5\)", r"store\(i \* 3\)", r"#0\s+work \(count=5\)",
    r"map_late \(\) at", r"=> 0x[0-9a-f]+ <map_late", r"= 42\b", r"= 0x10[0-9a-f]063\b",
    r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} map 2 levels, write phys:", r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} write phys:[0-9a-f]+ 4",
    r"= 1000\b", r"branch 0 \(current\)", r"work \(count=2\)", r"Value returned is \$\d+ = 9\b", r"eax\s+0x9\b",
    r"read watchpoint \d+: counter", r"Value = 6", r"sum \+= counter", r"store\(i \* 3\)", r"sum \+= counter",
]


def main(program):
    if not have_gdb():
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        kernel = pathlib.Path(folder, "kernel")
        made = subprocess.run(
            ["gcc", "-m32", "-g", "-O0", "-ffreestanding", "-fno-pic", "-no-pie", "-fno-stack-protector", "-nostdlib", "-static",
             "-fcf-protection=none", "-Wl,-N,-Ttext=0x100000,--build-id=none,-estart", "-o", kernel, SOURCE], capture_output=True, text=True)
        if made.returncode:
            print("skipped: no compiler for 32-bit code\n" + made.stderr)
            return SKIP
        machine = Server(program, free_port(), ["--kernel", kernel, "--memory", "16M"])
        try:
            answer = machine.talk(folder, COMMANDS % machine.target(), kernel)
        finally:
            status = machine.end()
    return check(answer, EXPECTED) or status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
