#!/usr/bin/env python3
"""Debian's gdb on Linux with symbols: an ELF made from the guest's own /proc/kallsyms (nokaslr) names what is stopped at,
walked through and gone back to.

usage: gdb_linux.py PROGRAM BUILD_DIR     exit status 77: there is no gdb, or no default guest
"""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from gdb_harness import SKIP, Server, check, free_port, have_gdb

WANTED = "schedule|vfs_write|vfs_read|ksys_write|ksys_read|do_sys_open|_do_fork|kernel_clone|do_exit|wake_up_process|" \
         "tty_write|n_tty_write|panic|printk|_printk|do_syscall_32_irqs_on|do_int80_syscall_32|do_fast_syscall_32|" \
         "__alloc_pages|handle_mm_fault|exc_page_fault|asm_exc_page_fault|default_idle|jiffies|jiffies_64|linux_banner"


def elf(symbols):
    """A 32-bit ELF with nothing but a symbol table and a .text section without contents over the kernel's code."""
    first = min(address for address, kind, _ in symbols if kind in "tT") & ~0xFFF
    size = (max(address for address, _, _ in symbols) - first + 0x1000) & 0xFFFFFFFF
    strings, table = bytearray(b"\0"), bytearray(16)
    ordered = sorted(symbols)
    for n, (address, kind, name) in enumerate(ordered):
        length = min(ordered[n + 1][0] - address, 0x1000) if n + 1 < len(ordered) else 16
        table += struct.pack("<IIIBBH", len(strings), address, length, 0x12 if kind in "tT" else 0x11, 0, 1)
        strings += name.encode() + b"\0"
    names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    at = 52
    places = []
    for part in (table, strings, names):
        places.append(at)
        at += len(part)
    sections = [
        struct.pack("<10I", *[0] * 10),
        struct.pack("<10I", 1, 8, 6, first, 52, size, 0, 0, 16, 0),  # NOBITS, ALLOC and EXECINSTR
        struct.pack("<10I", 7, 2, 0, 0, places[0], len(table), 3, 1, 4, 16),
        struct.pack("<10I", 15, 3, 0, 0, places[1], len(strings), 0, 0, 1, 0),
        struct.pack("<10I", 23, 3, 0, 0, places[2], len(names), 0, 0, 1, 0),
    ]
    head = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 0, at, 0, 52, 32, 0, 40, len(sections), 4)
    return head + table + strings + names + b"".join(sections)


COMMANDS = """
target remote %s
info registers eip cs
p/x $cr0 & 0x80000001
hbreak vfs_write
continue
info symbol $pc
backtrace 2
info registers cpl
x/i $pc
stepi
stepi
reverse-stepi
info symbol $pc
finish
info symbol $pc
delete
hbreak vfs_read
continue
info symbol $pc
monitor change prev cpl
info registers cpl
monitor change next cpl
monitor exception prev 0x80
info registers cpl
monitor exception prev 14
monitor position
delete
hbreak schedule
reverse-continue
info symbol $pc
p/x $esp > 0xc0000000
delete
x/s &linux_banner
p/x *(unsigned*)&jiffies
watch *(unsigned*)&jiffies
continue
continue
reverse-continue
delete
monitor last-write lin:%s 4
monitor last-map lin:%s
monitor last-out 0x3f8
monitor change prev cr3
monitor registers
monitor catch exception 14
continue
info symbol $pc
monitor catch clear
monitor timeline
detach
"""
EXPECTED = [
    r"eip\s+0x", r"= 0x80000001", r"Breakpoint 1, 0x[0-9a-f]+ in vfs_write", r"vfs_write in section .text", r"#0 .* vfs_write",
    r"cpl\s+0x0", r"=> 0x[0-9a-f]+ <vfs_write>", r"vfs_write\+|vfs_write in", r"in [a-z_]+",
    r"in section .text", r"Breakpoint 2, 0x[0-9a-f]+ in vfs_read", r"vfs_read in section .text",
    r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} cpl 3 -> 0", r"cpl\s+0x3", r"at \d+ .*cpl 3 -> 0", r"at \d+ .* 80", r"cpl\s+0x3",
    r"at \d+ .*exception 0e", r"at \d+", r"Breakpoint 3, 0x[0-9a-f]+ in schedule", r"schedule in section .text", r"= 0x1",
    r"Linux version", r"= 0x", r"atchpoint 4: ", r"New value = ", r"New value = ", r"New value = ",
    r"at \d+ [0-9a-f]{4}:c[0-9a-f]{7} write phys:", r"at \d+ .* map \d levels", r"at \d+ [0-9a-f]{4}:[0-9a-f]{8} out port 3f8",
    r"at \d+ .*cr3 [0-9a-f]+ -> [0-9a-f]+", r"eip=", r"caught: exception 0e", r"asm_exc_page_fault", r"nothing is caught", r"branch 0",
]


def main(program, build):
    if not have_gdb():
        return SKIP
    iso = pathlib.Path(build, "guests/default.iso")
    if not iso.exists() or not shutil.which("xorriso"):
        print(f"skipped: {iso} or xorriso is not there")
        return SKIP
    with tempfile.TemporaryDirectory(dir=build) as folder:
        files = [pathlib.Path(folder, name) for name in ("linux", "initrd.gz")]
        for file in files:
            subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", f"/isolinux/{file.name}", file], check=True,
                           capture_output=True)
        guest = ["--memory", "64M", "--kernel", files[0], "--initrd", files[1], "--append", "vga=normal nokaslr quiet"]
        serial = pathlib.Path(folder, "serial")
        script = pathlib.Path(folder, "kallsyms.script")
        script.write_text('wait-screen "rewind86:/# " 180\n'
                          f'type "grep -E \' ({WANTED})$\' /proc/kallsyms > /dev/ttyS0; echo done > /dev/ttyS0\\n"\n'
                          'wait-serial "done" 60\nquit 0\n')
        subprocess.run([program, "--headless", *map(str, guest), "--serial", f"file:{serial}", "--script", str(script)], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        symbols = [(int(address, 16), kind, name) for address, kind, name in
                   re.findall(r"([0-9a-f]{8}) (\w) (\w+)\r?\n", serial.read_text())]
        assert len(symbols) > 10 and min(symbols)[0] > 0xC0000000, symbols
        kernel = pathlib.Path(folder, "vmlinux")
        kernel.write_bytes(elf(symbols))
        # A session that shows a prompt and reads keys: it is interrupted after the boot.
        address = dict((name, f"0x{at:x}") for at, _, name in symbols)["jiffies"]
        machine = Server(program, free_port(), guest)
        try:
            boot = "target remote %s\nhbreak *0x%x\n" % (machine.target(), dict((n, a) for a, _, n in symbols)["vfs_write"])
            boot += "continue\n" + "ignore 1 400\ncontinue\ndelete\n"
            commands = boot + COMMANDS.replace("target remote %s\n", "", 1) % (address, address)
            answer = machine.talk(folder, commands, kernel, seconds=900)
        finally:
            machine.process.kill()
            machine.process.wait()
    return check(answer, EXPECTED)


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
