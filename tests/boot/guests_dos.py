"""FreeDOS on a hard disk made from the floppy: boots from C:, runs a protected-mode program and graphics demos."""
import struct

from png_reader import read_png

PARTITION = 63  # sectors before the volume, as FDISK leaves them
SECTORS = 64 * 2048


def _hard_disk(test):
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


def _expect(path, size, colour):
    """Every pixel of the picture is colour(x, y), given in the guest's own coordinates; pixels may be doubled."""
    width, height, pixels = read_png(path)
    across, down = width // size[0], height // size[1]
    assert (width, height) == (across * size[0], down * size[1]), f"the picture is {width}x{height}"
    for y in range(height):
        for x in range(width):
            want = colour(x // across, y // down)
            if tuple(pixels[y * width + x][:3]) != want:
                raise AssertionError(f"pixel {x},{y} is {tuple(pixels[y * width + x][:3])}, expected {want}")


def _wide(six):
    return six << 2 | six >> 4


def freedos_disk(test):
    disk = _hard_disk(test)
    mode13, modex = test.scratch / "mode13.png", test.scratch / "modex.png"
    test.run(["--memory", "32M", "--disk", disk, "--boot", "c"], rf'''
wait-screen "C:\\>" 60
type "protect\n"
wait-screen "protected mode: all is well" 20
type "echo kept > note.txt\n"
wait-screen /^C:\\>$/ 20
type "mode13\n"
wait-screen-size 640x400 20
run-seconds 2
screenshot {mode13}
key enter
wait-screen /^C:\\>$/ 20
type "modex\n"
wait-screen-size 640x480 20
run-seconds 2
screenshot {modex}
key enter
wait-screen /^C:\\>$/ 20
reset
wait-screen "C:\\>" 60
type "type note.txt\n"
wait-screen /^kept/ 20
''')
    palette = [(_wide(i // 4), _wide(63 - i // 4), _wide(i * 5 & 63)) for i in range(256)]
    _expect(mode13, (320, 200), lambda x, y: palette[(x ^ y) & 255])
    # Mode X keeps the BIOS's palette: compared by equality of colours, row by row, one row down.
    width, height, pixels = read_png(modex)
    assert (width, height) == (640, 480), f"mode X is {width}x{height}"
    colours = {}
    for y in range(240):
        for x in range(320):
            index = (x + 2 * (y + 1)) & 255
            seen = pixels[2 * y * width + 2 * x]
            assert seen == pixels[(2 * y + 1) * width + 2 * x + 1], f"pixel {x},{y} is not doubled"
            assert colours.setdefault(index, seen) == seen, f"pixel {x},{y} has the wrong colour"
    assert len(set(colours.values())) > 200
