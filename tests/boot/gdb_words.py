#!/usr/bin/env python3
"""Debian's gdb over a unix socket: catchpoints by monitor command, registers of the FPU, steps over interrupts, and
several connections one after another.

usage: gdb_words.py PROGRAM     exit status 77: there is no gdb
"""
import pathlib
import sys
import tempfile

from gdb_harness import SKIP, Server, check, firmware, have_gdb

# At F000:0000: MOV AL,34h; 2: OUT 80h,AL; 4: IN AL,61h; 6: FNINIT; 8: FLD1; A: FADD ST,ST; C: FSTP DWORD [600h];
# 10: vector 20h to F000:0060; 1C: INT 20h; NOP; 1F: vector 8 as well; 2B: interrupt controller and a fast timer; STI;
# 48: NOPs and a jump back to them.
# 60h, the handler: INC WORD [700h]; MOV AL,20h; OUT 20h,AL; IRET
CODE = bytes.fromhex(
    "b034 e680 e461 dbe3 d9e8 d8c0 d91e0006"
    "c70680006000 c706820000f0 cd20 90"
    "c70620006000 c706220000f0"
    "b013e620 b008e621 b001e621 b0fee621 b034e643 b018e640 b000e640 fb"
    "909090909090 ebf8"
)
HANDLER = bytes.fromhex("ff060007 b020 e620 cf")
LOOP = """
set $i = 0
set $outside = 0
while $i < 1000
  stepi
  if $pc < 0xf0048 || $pc > 0xf004f
    set $outside = $outside + 1
  end
  set $i = $i + 1
end
"""

FIRST = """
target remote %s
monitor catch out 0x80
continue
info registers offset_eip
monitor catch clear
monitor catch in 0x61
continue
info registers offset_eip
reverse-continue
monitor catch clear
monitor catch in 70000
monitor catch fire 1
break *0xf000a
continue
print $st0
set var $st0 = 2.5
print $st0
print/x $fctrl
set var $fctrl = 0x27f
print/x $fctrl
break *0xf000c
continue
print $st0
stepi
x/fw 0x600
delete
monitor catch exception 0x20
continue
info registers offset_eip
monitor last-map lin:0x1000
monitor catch clear
break *0xf0048
continue
delete
x/hx 0x700
detach
"""
FIRST_EXPECTED = [
    r"caught: out port 0x80", r"caught: out port 080 34", r"offset_eip\s+0x4\b",
    r"nothing is caught", r"caught: in port 0x61", r"caught: in port 061", r"offset_eip\s+0x6\b",
    r"No more reverse-execution history|caught: in port 061",
    r"error catch in: a port is a number", r"error catch in PORT, out PORT",
    r"Breakpoint 1, 0x000f000a", r"\$1 = 1\b", r"\$2 = 2\.5\b", r"\$3 = 0x37f", r"\$4 = 0x27f",
    r"Breakpoint 2, 0x000f000c", r"\$5 = 5\b", r"0x600:\s+5\b",
    r"caught: deliveries of vector 0x20", r"caught: software interrupt 20", r"none",
    r"Breakpoint 3, 0x000f0048", r"0x700:\s+0x000[0-9]",
]
SECOND = """
target remote %s
monitor position
info breakpoints
monitor step-over-interrupts maybe
monitor step-over-interrupts on
@LOOP@print $outside
monitor step-over-interrupts off
@LOOP@print $outside > 0
monitor timeline
kill
""".replace("@LOOP@", LOOP)
SECOND_EXPECTED = [
    r"at \d+ f000:", r"No breakpoints", r"error step-over-interrupts on or off", r"steps go over interrupts",
    r"\$1 = 0\b", r"steps go into interrupts", r"\$2 = 1\b", r"branch 0 \(current\)",
]


def main(program):
    if not have_gdb():
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        code = CODE + bytes(0x60 - len(CODE)) + HANDLER
        socket = pathlib.Path(folder, "gdb.socket")
        arguments = ["--bios", firmware(folder, code), "--vgabios", "none", "--memory", "4M", "--mips", "10"]
        machine = Server(program, f"unix:{socket}", arguments)
        try:
            first = machine.talk(folder, FIRST % machine.target())
            # A debugger that goes away without a word takes its breakpoints with it.
            machine.talk(folder, "target remote %s\nmonitor catch out 0x20\nhbreak *0xf0048\n"
                         "python import os; os._exit(0)\n" % machine.target())
            second = machine.talk(folder, SECOND % machine.target())
        finally:
            status = machine.end()
        if socket.exists():
            print("the socket is still there")
            return 1
    return check(first, FIRST_EXPECTED) or check(second, SECOND_EXPECTED) or status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
