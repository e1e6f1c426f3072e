"""Disks, diskettes and files that start a guest, made for the tests and for tests/bench/guests.py."""
import struct

PARTITION = 63  # sectors before the DOS volume, as FDISK leaves them
SECTORS = 64 * 2048


def freedos_disk(test):
    """A partitioned disk with the floppy's files and the test's programs on a FAT16 volume."""
    floppy = test.shared_guest("freedos-1440k.img")
    mbr = test.package("syslinux-common") / "usr/lib/syslinux/mbr/mbr.bin"
    volume = test.scratch / "volume.img"
    test.tool("mkfs.vfat", "-F", "16", "-s", "4", "-h", PARTITION, "-C", volume, SECTORS // 2)
    for name in ("KERNEL.SYS", "COMMAND.COM"):
        test.tool("mcopy", "-i", floppy, f"::{name}", test.scratch / name)
        test.tool("mcopy", "-i", volume, test.scratch / name, f"::{name}")
    config = test.scratch / "CONFIG.SYS"
    config.write_bytes(b"FILES=20\r\nSHELL=C:\\COMMAND.COM C:\\ /E:512 /P\r\n")
    test.tool("mcopy", "-i", volume, config, "::")
    start = test.scratch / "AUTOEXEC.BAT"  # without it COMMAND.COM asks for date and time
    start.write_bytes(b"PATH C:\\\r\n")
    test.tool("mcopy", "-i", volume, start, "::")
    for name in ("protect", "mode13", "modex"):
        program = test.scratch / f"{name}.com"
        test.tool("nasm", "-f", "bin", "-o", program, test.source / f"tests/boot/dos/{name}.asm")
        test.tool("mcopy", "-i", volume, program, "::")
    boot = test.scratch / "boot.bin"
    test.tool("nasm", "-f", "bin", "-o", boot, test.source / "tests/boot/dos/volume_boot.asm")

    content = bytearray(volume.read_bytes())
    made = bytearray(boot.read_bytes())
    made[3:0x3E] = content[3:0x3E]
    reserved, fats, roots, per_fat = struct.unpack_from("<H", content, 14)[0], content[16], struct.unpack_from(
        "<H", content, 17)[0], struct.unpack_from("<H", content, 22)[0]
    data = reserved + fats * per_fat + roots // 16  # KERNEL.SYS came first: it begins in the first cluster
    length = (test.scratch / "KERNEL.SYS").stat().st_size
    struct.pack_into("<I", made, 498, PARTITION + data)
    struct.pack_into("<H", made, 508, (length + 511) // 512)
    content[:512] = made

    disk = bytearray(PARTITION * 512) + content
    disk[:440] = mbr.read_bytes().ljust(440, b"\0")[:440]
    disk[446:462] = struct.pack("<B3sB3sII", 0x80, b"\x01\x01\x00", 0x0E, b"\xfe\xff\xff", PARTITION, SECTORS)
    disk[510:512] = b"\x55\xaa"
    path = test.scratch / "freedos.img"
    path.write_bytes(disk)
    return path


def hdt_floppy(test):
    """A diskette that starts SYSLINUX and HDT."""
    modules = test.package("syslinux-common") / "usr/lib/syslinux/modules/bios"
    floppy = test.scratch / "hdt.img"
    floppy.write_bytes(bytes(1440 * 1024))
    config = test.scratch / "syslinux.cfg"
    config.write_text("DEFAULT hdt\nPROMPT 0\nLABEL hdt\n  COM32 hdt.c32\n  APPEND nomenu\n")
    files = [modules / name for name in ("hdt.c32", "libcom32.c32", "libutil.c32", "libmenu.c32", "libgpl.c32")]
    test.tool("mkfs.vfat", floppy)
    test.tool("mcopy", "-i", floppy, *files, config, "::")
    test.tool("syslinux", "--install", floppy)
    return floppy


def grub_legacy_floppy(test):
    stages = test.package("grub-legacy") / "usr/lib/grub/x86_64-pc"
    floppy = test.scratch / "grub.img"
    floppy.write_bytes(((stages / "stage1").read_bytes() + (stages / "stage2").read_bytes()).ljust(1440 * 1024, b"\0"))
    return floppy


def u_boot_firmware(test):
    """With Bochs's VGA BIOS: U-Boot starts option ROMs with limits of 64 KiB, where SeaVGABIOS reads the adapter's
    registers in memory and gets a general protection fault. QEMU's TCG checks no limits in real mode."""
    return ["--bios", test.package("u-boot-qemu") / "usr/lib/u-boot/qemu-x86/u-boot.rom",
            "--vgabios", test.package("vgabios") / "usr/share/vgabios/vgabios.bin"]


def gnu_mach(test):
    kernel = test.package("gnumach-image-1.8-486", "i386") / "boot/gnumach-1.8-486.gz"
    return ["--memory", "64M", "--kernel", kernel, "--disk", test.partitioned_disk(32)]
