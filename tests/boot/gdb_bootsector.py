#!/usr/bin/env python3
"""Debian's gdb on a boot sector in real mode, started by SeaBIOS: linear addresses for seg:off, steps into and over
calls and interrupts, watchpoints on the counter and the screen, ports, the FPU, and all of it backwards.

usage: gdb_bootsector.py PROGRAM     exit status 77: there is no gdb or no nasm
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from gdb_harness import SKIP, count_commands, have_gdb, session

SOURCE = pathlib.Path(__file__).with_name("gdb_bootsector.asm")
COMMANDS = """
set architecture i8086
target remote %s
break *0x7c00
continue
x/i $pc
p/x $cs
p/x $offset_eip
monitor linear 7c0:0
monitor linear f000:fff0
break *@entry@
continue
p/x $sp
stepi
p/x $ax
stepi
p/x $sp
x/hx 0x7bfe
stepi
p $pc == @sub@
stepi
x/bx 0x610
stepi
p $pc == @back@
reverse-stepi
reverse-stepi
x/bx 0x610
delete
break *@counted@
continue
x/2hx 0x600
p $cx
delete
watch *(unsigned short *)0x600
reverse-continue
reverse-continue
x/hx 0x600
p $cx
delete
watch *(unsigned short *)0xb80a0
continue
monitor memory phys:0xb80a0 2
monitor last-write phys:0xb80a0 2
p/x $es
p/x $es_base
p $pc == @drawn@
delete
tbreak *@shown@
continue
monitor screen
monitor exception prev 0x10
maintenance flush register-cache
p/x $ax
monitor catch out 0x80
continue
monitor catch clear
monitor last-out 0x80
delete
monitor step-over-interrupts on
stepi
stepi
stepi
stepi
info registers st0
stepi
stepi
monitor linear fs:10
rwatch *(unsigned int *)0x80010
continue
p/x $eax
delete
reverse-stepi
reverse-stepi
set *(unsigned char *)0x610 = 9
monitor timeline
monitor branch 0
kill
"""
EXPECTED = [
    r"Breakpoint 1, 0x00007c00", r"=> 0x7c00:\s+xor\s+%ax,%ax", r"= 0x0\b", r"= 0x7c00\b", r"linear 0x00007c00", r"linear 0x000ffff0",
    r"Breakpoint 2, 0x00007c", r"= 0x7c00\b", r"= 0x1234\b", r"= 0x7bfe\b", r"0x7bfe:\s+0x1234", r"= 1\b", r"0x610:\s+0x01", r"= 1\b",
    r"0x610:\s+0x00", r"Breakpoint 3, 0x00007c", r"0x600:\s+0x0005\s+0x000f", r"= 0\b",
    r"Old value = 5\s+New value = 4", r"Old value = 4\s+New value = 3", r"0x600:\s+0x0003", r"= 2\b",
    r"atchpoint \d+: \*\(unsigned short \*\)0xb80a0", r"New value = 8001\b", r"^411f", r"at \d+ 0000:00007c[0-9a-f]{2} write phys:000b80a0 2",
    r"= 0xb800\b", r"= 0xb8000\b", r"= 1\b", r"Temporary breakpoint \d+, 0x00007c", r"^A$", r"Booting from Floppy\.\.\.B?$", r"at \d+ 0000:00007c[0-9a-f]{2} software interrupt 10", r"= 0xe42\b",
    r"caught: out port 0x80", r"caught: out port 080 5a", r"nothing is caught", r"^at \d+ .*out port 080 5a", r"steps go over interrupts", r"st0\s+4\.14159", r"linear 0x00080010",
    r"Value = 3735928559|Value = -559038737", r"= 0xdeadbeef\b", r"branch 1 \(current\)", r"at \d+ .* branch 0",
]


def main(program):
    if not have_gdb():
        return SKIP
    if not shutil.which("nasm"):
        print("skipped: nasm is not installed")
        return SKIP
    assert count_commands(COMMANDS) >= 40
    with tempfile.TemporaryDirectory() as folder:
        image, listing = pathlib.Path(folder, "boot.img"), pathlib.Path(folder, "boot.map")
        source = pathlib.Path(folder, "boot.asm")
        source.write_text(f"[map symbols {listing}]\n" + SOURCE.read_text())
        subprocess.run(["nasm", "-f", "bin", "-o", image, source], check=True)
        labels = {name: address for address, name in re.findall(r"^\s*[0-9A-F]+\s+([0-9A-F]+)\s+(\w+)$", listing.read_text(), re.M)}
        commands = re.sub("@(\\w+)@", lambda found: "0x" + labels[found[1]], COMMANDS)
        return session(program, folder, ["--memory", "4M", "--floppy", image], commands, EXPECTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
