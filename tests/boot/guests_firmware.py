"""Other firmware and boot loaders than SeaBIOS and its like: U-Boot, the LGPL VGA BIOS, GRUB Legacy."""
import guest_media
from png_reader import read_png

U_BOOT = '''
wait-serial "Hit any key" 30
type-serial " "
wait-serial "=> " 5
'''


def u_boot(test):
    """Firmware without a BIOS: it finds disk and CD drive, reads a FAT partition by PIO, draws on the VBE screen."""
    text = test.scratch / "hello.txt"
    text.write_text("U-Boot reads this.\n")
    log = test.scratch / "serial.log"
    test.run(["--memory", "128M", *guest_media.u_boot_firmware(test), "--disk", test.partitioned_disk(32, text), "--serial", f"file:{log}"],
             U_BOOT + '''
wait-screen-size 1024x768 5
wait-screen "Hit any key" 5
type-serial "ide reset\\n"
wait-serial /Device 0: Model: rewind8/ 10
wait-serial /Device 2: Model: rewind8/ 10
type-serial "load ide 0:1 1000000 hello.txt\\n"
wait-serial "19 bytes read" 10
type-serial "crc32 1000000 13\\n"
wait-serial /==> [0-9a-f]{8}/ 10
type-serial "pci\\n"
wait-serial /01\\.01 .*0x8086 .*0x7010/ 10
type-serial "reset\\n"
''' + U_BOOT)
    assert log.read_text(errors="replace").count("DRAM:  128 MiB") == 2, "it did not start again after its reset"


def u_boot_linux(test):
    """U-Boot loads Debian's kernel and RAM disk from the partition and starts them without any BIOS service."""
    kernel, initrd = test.debian_kernel()
    disk = test.partitioned_disk(32, kernel, initrd)
    test.run(["--memory", "192M", *guest_media.u_boot_firmware(test), "--disk", disk], U_BOOT + '''
type-serial "ide reset\\n"
wait-serial "=> " 30
type-serial "load ide 0:1 1000000 vmlinuz\\n"
wait-serial "bytes read" 60
type-serial "load ide 0:1 4000000 initrd.gz\\n"
wait-serial "bytes read" 60
type-serial "setenv bootargs console=ttyS0 read=sda1:vfat cryptomgr.notests\\n"
wait-serial "=> " 5
type-serial "zboot 1000000 0 4000000 ${filesize}\\n"
wait-serial /[0-9a-f]{32}  .*initrd.gz/ 200
''')


def seabios_others(test):
    """SeaBIOS as Debian 11 and 13 have it, 128 and 256 KiB."""
    for release in ("bullseye", "trixie"):
        for file in ("bios.bin", "bios-256k.bin"):
            rom = test.package("seabios", release=release) / "usr/share/seabios" / file
            test.run(["--memory", "32M", "--bios", rom, "--snapshot", test.shared_guest("freedos-1440k.img")],
                     r'wait-screen /^A:\\>$/ 10')


def uefi_firmware(test):
    parts = test.package("ovmf-ia32", release="trixie") / "usr/share/OVMF"
    rom = test.scratch / "ovmf32.fd"
    rom.write_bytes((parts / "OVMF32_VARS_4M.fd").read_bytes() + (parts / "OVMF32_CODE_4M.fd").read_bytes())
    return ["--memory", "256M", "--bios", rom]


UEFI_SHELL = r"""
wait-serial "Press ESC" 120
type-serial "\x1b"
wait-serial "Shell> " 20
wait-screen-size 1024x768 1
type "fs0:\n"
wait-serial /FS0:.> / 20
"""


def uefi_shell(test):
    """EDK II's 32-bit UEFI firmware from Debian 13: its shell on the serial line and in a graphics mode finds the disk's
    file and reads it, told by either keyboard."""
    text, shell = test.scratch / "hello.txt", test.scratch / "shell.png"
    text.write_text("The UEFI shell reads this.\n")
    test.run([*uefi_firmware(test), "--disk", test.partitioned_disk(32, text)], UEFI_SHELL + rf"""
type-serial "type hello.txt\r"
wait-serial "The UEFI shell reads this." 20
type-serial "mem 0 10\r"
wait-serial "Memory Address" 20
run-seconds 1
screenshot {shell}
type-serial "reset -s\r"
run-seconds 20
""")
    width, height, pixels = read_png(shell)
    yellow = sum(pixel[0] > 200 and pixel[1] > 200 and pixel[2] < 100 for pixel in pixels)
    assert (width, height) == (1024, 768) and yellow > 300, f"no prompt in yellow: {yellow} pixels"


def uefi_linux(test):
    """Debian's kernel as a UEFI application: the firmware's frame buffer, and ACPI ports where this firmware puts them."""
    kernel, initrd = test.debian_kernel()
    log = test.scratch / "serial.log"
    test.run([*uefi_firmware(test), "--disk", test.partitioned_disk(64, kernel, initrd), "--serial", f"file:{log}"], UEFI_SHELL + r"""
type-serial "vmlinuz initrd=\\initrd.gz console=ttyS0 read=sda1:vfat cryptomgr.notests\r"
wait-serial /[0-9a-f]{32}  .*initrd.gz/ 200
wait-screen-size 1024x768 1
""")
    text = log.read_text(errors="replace")
    assert "efifb: mode is 1024x768x32" in text
    for trouble in ("PM-Timer failed", "ACPI Error", "ACPI Warning"):
        assert trouble not in text, f"{trouble} in the log of the guest"


def lgpl_vgabios(test):
    """Bochs's VGA BIOS in the place of SeaVGABIOS."""
    rom = test.package("vgabios") / "usr/share/vgabios/vgabios.bin"
    out = test.run(["--memory", "16M", "--vgabios", rom, "--snapshot", test.shared_guest("freedos-1440k.img")], r'''
wait-screen /^A:\\>$/ 60
type "dir\n"
wait-screen "1,337,344 bytes free" 20
screen
''')
    assert "KERNEL" in out


def grub_legacy(test):
    """GRUB 0.97 from its stages on a floppy: memory map, APM, VBE modes; it reads a disk and loads a Multiboot kernel from it."""
    mach = test.copy(test.package("gnumach-image-1.8-486", "i386") / "boot/gnumach-1.8-486.gz")
    mach = mach.rename(test.scratch / "mach.gz")
    test.run(["--memory", "64M", "--boot", "a", "--floppy", guest_media.grub_legacy_floppy(test), "--disk", test.partitioned_disk(32, mach)], '''
wait-screen "grub>" 30
type "displaymem\\n"
wait-screen "0x100000," 5
wait-screen "0x3eff000 bytes" 5
type "displayapm\\n"
wait-screen "32-bit CS:        0xf000" 5
type "vbeprobe 0x118\\n"
wait-screen "1024x768x24" 5
type "root (hd0,0)\\n"
wait-screen "partition type 0xe" 5
type "kernel /mach.gz\\n"
wait-screen "Multiboot-elf" 10
type "boot\\n"
wait-screen "No bootstrap code loaded" 60
''')
