"""Free-standing tools: memtest86+, iPXE, and SYSLINUX with the Hardware Detection Tool."""
import re

import guest_media


def memtest_kernel(test):
    """One whole pass over 16 MiB without an error; processor, memory size and caches are found."""
    kernel = test.package("memtest86+") / "boot/memtest86+ia32.bin"
    out = test.run(["--memory", "16M", "--kernel", kernel], '''
wait-screen "Memtest86+" 30
wait-screen /Pass:  [1-9]/ 1200
screen
''')
    assert "Errors: 0" in out, out
    assert re.search(r"L1 Cache: +8KB", out) and re.search(r"Memory +: +1[56]", out), out


def memtest_iso(test):
    image = test.package("memtest86+") / "usr/lib/memtest86+/memtest86+ia32.iso"
    out = test.run(["--memory", "32M", "--cdrom", image], '''
wait-screen "Test #" 120
run-seconds 20
screen
''')
    assert "Errors: 0" in out and "Pentium" in out, out


def memtest_old(test):
    """Their ancestors, from Debian 11: 5.01 as the Linux image and as the Multiboot kernel linked at 0, and memtest86 4.3.7."""
    plus = test.package("memtest86+", release="bullseye") / "boot"
    for kernel in (plus / "memtest86+.bin", plus / "memtest86+_multiboot.bin"):
        out = test.run(["--memory", "16M", "--kernel", kernel], '''
wait-screen /Test #[2-9]/ 60
run-seconds 1
screen
''')
        assert re.search(r"Memtest86\+ 5.01 .*Pentium", out) and re.search("Errors: +0", out), out
        assert re.search(r"L1 Cache: +8K", out) and "Intel i440FX" in out, out
    out = test.run(["--memory", "16M", "--kernel", test.package("memtest86", release="bullseye") / "boot/memtest86.bin"], '''
wait-screen /Test #[2-9]/ 60
run-seconds 1
screen
''')
    assert "Memtest86 v4.3.7" in out and re.search("Errors: +0", out), out


def ipxe_kernel(test):
    ipxe(test, ["--kernel", test.package("ipxe") / "boot/ipxe.lkrn"])


def ipxe_iso(test):
    ipxe(test, ["--cdrom", test.package("ipxe") / "usr/lib/ipxe/ipxe.iso"])


def ipxe(test, medium):
    out = test.run(["--memory", "64M", *medium], '''
wait-screen "Ctrl-B" 60
key ctrl-b
wait-screen "iPXE>" 30
type "show version\\n"
wait-screen /version.*1\\.0\\.0/ 30
type "cpuid --ext 29 && echo long mode || echo no long mode\\n"
wait-screen "no long mode" 30
screen
''')
    assert "Open Source Network Boot Firmware" in out, out


def hdt(test):
    """SYSLINUX starts from a floppy; HDT shows what the firmware and the chips say of the machine."""
    floppy = guest_media.hdt_floppy(test)
    asked = {
        "show cpu": ["Intel(R) Pentium(R) 4"],
        "show pci": ["NB Devices   : 5"],
        "set mode pci": [],
        "show device 1": ["Vendor ID     : 8086", "Product ID    : 1237"],
        "show vesa": ["VESA"],
        "show acpi": ["DSDT v001 R86", "APIC v001 R86", "Local APIC at 0xfee00000"],
        "set mode dmi": [],
        "show system": ["rewind86"],
    }
    script = 'wait-screen "hdt>" 120\n'
    for command in asked:
        script += f'type "clear\\n"\nrun-seconds 1\ntype "{command}\\n"\nrun-seconds 4\nscreen\n'
    out = test.run(["--memory", "64M", floppy], script)
    for command, texts in asked.items():
        for text in texts:
            assert text in out, f"{command}: {text} is missing in\n{out}"
