"""Kernels that a boot loader of ours starts: GNU Mach with a task of the test's, and Debian's other Linux kernels."""
import re

import guest_media


def gnu_mach(test):
    """Its drivers find the CD drive, the disk's partitions, the diskette drive and the ports; it wants a first task."""
    out = test.run(guest_media.gnu_mach(test), '''
wait-screen "No bootstrap code loaded" 60
screen
''')
    for text in (r"hd0: rewind86 HARDDISK", r"hd2: rewind86 CD-ROM", r"Floppy drive\(s\): fd0 is 1.44M", r"hd0: hd0s1",
                 r"com0: at atbus0, port = 3f8", r"RTC time is 2000-01-01 00:00"):
        assert re.search(text, out), f"{text} is missing in\n{out}"


def gnu_mach_task(test):
    """A task in ring 3 with traps through call gates of its LDT, and the debugger behind its page fault."""
    kernel = test.package("gnumach-image-1.8-486-dbg", "i386") / "boot/gnumach-1.8-486-dbg.gz"
    task = test.scratch / "task"
    test.tool("nasm", "-f", "elf32", "-o", test.scratch / "task.o", test.source / "tests/boot/kernels/mach_task.asm")
    test.tool("ld", "-m", "elf_i386", "-Ttext", "0x8048000", "-o", task, test.scratch / "task.o")
    test.run(["--memory", "64M", "--kernel", kernel, "--module", f"{task} first $(task-create) $(task-resume)"], '''
wait-screen "a task of GNU Mach speaks" 60
wait-screen "a thousand traps are over" 5
''')


def _debian(test, package, arguments, marks, *machine):
    """A kernel with an initial RAM disk of busybox; it loads modules, reads a disk, and its log has no errors."""
    kernel, initrd = test.debian_kernel(package)
    log = test.scratch / "serial.log"
    test.run(["--memory", "192M", *machine, "--disk-dir", test.source / "docs", "--kernel", kernel, "--initrd", initrd, "--serial",
              f"file:{log}", "--append", f"console=ttyS0 cryptomgr.notests read=sda1:vfat {arguments}"], '''
wait-serial /[0-9a-f]{32}  .*architecture.md/ 200
''')
    text = log.read_text(errors="replace")
    for trouble in ("BUG:", "Oops", "Call Trace", "nobody cared", "lost interrupt", "frozen", "ACPI Error", "firmware bug"):
        assert trouble not in text, f"{trouble} in the log:\n{text}"
    for mark in marks:
        assert re.search(mark, text), f"{mark} is not in the log:\n{text}"


def linux_686(test):
    _debian(test, "linux-image-686", "", ["Using IOAPIC for interrupt routing", "ACPI: PM: "], "--cpu", "pentium3")


def linux_686_noapic(test):
    _debian(test, "linux-image-686", "noapic", ["ACPI: PM: "], "--cpu", "pentium3")


def linux_686_old(test):
    """Debian's kernel wants a 686; without the APIC and ACPI off it is the board of ten years before."""
    _debian(test, "linux-image-686", "acpi=off", [], "--cpu", "pentium3,-apic")


def linux_pae(test):
    _debian(test, "linux-image-686-pae", "", ["Using IOAPIC"], "--cpu", "pentium4")


def linux_pae_mptable(test):
    _debian(test, "linux-image-686-pae", "acpi=off", ["Intel MultiProcessor Specification"])


def linux_rt(test):
    _debian(test, "linux-image-rt-686-pae", "", ["PREEMPT_RT"])
