#!/usr/bin/env python3
"""Debian's gdb on Linux: symbols from an ELF made of the guest's own /proc/kallsyms, breakpoints, watchpoints,
catchpoints, system calls, and all of it backwards; who wrote what.

usage: gdb_linux.py PROGRAM BUILD_DIR     exit status 77: there is no gdb, no default guest or no xorriso
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import elf_symbols
from gdb_harness import SKIP, Server, check, count_commands, free_port, have_gdb

ARGUMENTS = "nokaslr loglevel=4 cryptomgr.notests"
SYMBOLS = '''
wait-screen "rewind86:/# " 180
type "stty -F /dev/ttyS0 115200; cat /proc/kallsyms >/dev/ttyS0; echo all\\n"
wait-screen /^all$/ 400
'''
# The functions of this kernel take their first arguments in EAX, EDX and ECX. It lists no data in kallsyms: where jiffies
# are stands in the function that reads them, as the operand of MOV EAX,[moffs32].
COMMANDS = """
target remote %s
hbreak start_kernel
continue
info symbol $pc
p $pc == (unsigned)start_kernel
p/x $cr0 & 0x80000001
p/x $cs
p $cpl
x/2i $pc
backtrace 1
stepi
stepi
reverse-stepi
reverse-stepi
p $pc == (unsigned)start_kernel
monitor position
monitor linear ds:c1000000
delete
hbreak kernel_execve
continue
x/s $eax
backtrace 2
p/x *(unsigned *)$esp > 0xc1000000
finish
p $eax
reverse-finish
info symbol $pc
reverse-stepi
p $pc != (unsigned)kernel_execve
delete
set $p = (unsigned)jiffies_read
while *(unsigned char *)$p != 0xa1
  set $p = $p + 1
end
set $jiffies = *(unsigned *)($p + 1)
p $jiffies > 0xc1000000
watch -l *(unsigned *)$jiffies
continue
set $first = *(unsigned *)$jiffies
continue
p *(unsigned *)$jiffies == $first + 1
backtrace 1
reverse-continue
p *(unsigned *)$jiffies == $first
reverse-continue
p *(unsigned *)$jiffies == $first - 1
eval "monitor last-write lin:0x%%x 4", $jiffies
delete
monitor catch exception 0x80
continue
p $cpl
info symbol $pc
p/x $cs
reverse-stepi
p $cpl
p $pc < 0xc0000000
x/i $pc
stepi
p $cpl
monitor catch clear
hbreak ksys_write
continue
p $ecx < 65536
x/s $edx
backtrace 3
monitor change prev cpl
maintenance flush register-cache
p $cpl
monitor exception prev 14
monitor last-map lin:0xc1000000
monitor timeline
delete
hbreak schedule
reverse-continue
info symbol $pc
info breakpoints
kill
"""
EXPECTED = [
    r"Breakpoint 1, 0xc1[0-9a-f]+ in start_kernel \(\)", r"start_kernel in section \.text", r"\$1 = 1\b", r"\$2 = 0x80000001",
    r"\$3 = 0x60\b", r"\$4 = 0\b", r"=> 0xc1[0-9a-f]+ <start_kernel>:\s+call .*<__fentry__>", r"#0  0xc1[0-9a-f]+ in start_kernel",
    r"in __fentry__", r"in start_kernel", r"in __fentry__", r"in start_kernel", r"\$5 = 1\b", r"at \d+ 0060:c1[0-9a-f]{6}",
    r"linear 0xc1000000",
    r"Breakpoint 2, 0xc1[0-9a-f]+ in kernel_execve \(\)", r'"/(init|sbin/modprobe)"', r"#0  0xc1[0-9a-f]+ in kernel_execve",
    r"#1  0xc1[0-9a-f]+ in \w+", r"= 0x1\b", r"^0xc1[0-9a-f]+ in \w+ \(\)", r"= (0|-2)\b",
    r"Breakpoint 2, 0xc1[0-9a-f]+ in kernel_execve", r"kernel_execve in section \.text", r"^0xc1[0-9a-f]+ in \w+", r"= 1\b",
    r"= 1\b", r"[Ww]atchpoint \d+: -location", r"Old value = \d+\s+New value = \d+", r"Old value = \d+\s+New value = \d+", r"= 1\b",
    r"#0  0xc1[0-9a-f]+ in \w*(timer|jiffies|tick)\w*", r"Old value = \d+\s+New value = \d+", r"= 1\b",
    r"Old value = \d+\s+New value = \d+", r"= 1\b", r"at \d+ 0060:c1[0-9a-f]{6} write phys:[0-9a-f]+ 4",
    r"caught: deliveries of vector 0x80", r"caught: software interrupt 80", r"= 0\b", r"entry_INT80_32 in section \.text", r"= 0x60\b",
    r"0x[0-9a-f]+ in \?\? \(\)", r"= 3\b", r"= 1\b", r"=> 0x[0-9a-f]+:\s+int\s+\$0x80", r"in entry_INT80_32", r"= 0\b",
    r"nothing is caught", r"Breakpoint \d+, 0xc1[0-9a-f]+ in ksys_write \(\)", r"= 1\b", r"0x[0-9a-f]+:\s+\"",
    r"#0  0xc1[0-9a-f]+ in ksys_write", r"#1  0xc1[0-9a-f]+ in \w*sys_write", r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} cpl 3 -> 0", r"= 3\b",
    r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} exception 0e", r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} map \d levels?, write phys:",
    r"branch 0 \(current\)", r"Breakpoint \d+, 0xc1[0-9a-f]+ in schedule \(\)", r"schedule in section \.text",
    r"hw breakpoint\s+keep y\s+0xc1[0-9a-f]+ <schedule",
]


def main(program, build):
    iso = pathlib.Path(build, "guests/default.iso")
    if not have_gdb():
        return SKIP
    if not iso.exists() or not shutil.which("xorriso"):
        print("skipped: the default guest or xorriso is not there")
        return SKIP
    assert count_commands(COMMANDS) >= 40
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        linux, initrd, listing = folder / "linux", folder / "initrd.gz", folder / "kallsyms"
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/isolinux/linux", linux, "-extract", "/isolinux/initrd.gz", initrd],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        machine = ["--memory", "64M", "--kernel", linux, "--initrd", initrd, "--append", ARGUMENTS]
        script = folder / "symbols.script"
        script.write_text(SYMBOLS)
        subprocess.run([program, "--headless", "--rewind", "off", "--serial", f"file:{listing}", "--script", script, *machine], check=True,
                       stdin=subprocess.DEVNULL)
        symbols = elf_symbols.parse(listing.read_text(errors="replace"))
        print(f"{len(symbols)} symbols")
        elf_symbols.write(folder / "vmlinux", symbols)
        server = Server(program, free_port(), machine)
        try:
            answer = server.talk(folder, COMMANDS % server.target(), folder / "vmlinux", 1200)
        finally:
            status = server.end()
    return check(answer, EXPECTED) or status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
