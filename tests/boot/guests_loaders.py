"""What starts systems in other ways than the firmware does: ISOLINUX with memdisk, loadlin, and a Multiboot game."""
import gzip

from png_reader import read_png


def isolinux(test):
    """A hybrid image, as CD and as disk: a menu in a VESA mode, from which memdisk starts a floppy out of memory."""
    floppy = test.shared_guest("freedos-1440k.img")
    modules = test.package("syslinux-common") / "usr/lib/syslinux"
    loader = test.package("isolinux") / "usr/lib/ISOLINUX"
    folder, image, picture = test.scratch / "iso/isolinux", test.scratch / "hybrid.iso", test.scratch / "menu.png"
    folder.mkdir(parents=True)
    for file in (loader / "isolinux.bin", modules / "memdisk", floppy,
                 *(modules / f"modules/bios/{name}.c32" for name in ("ldlinux", "vesamenu", "libcom32", "libutil"))):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "isolinux.cfg").write_text(f"UI vesamenu.c32\nTIMEOUT 600\nLABEL dos\nKERNEL memdisk\nAPPEND initrd={floppy.name}\n")
    test.tool("xorriso", "-as", "mkisofs", "-quiet", "-o", image, "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
              "-no-emul-boot", "-boot-load-size", 4, "-boot-info-table", "-isohybrid-mbr", loader / "isohdpfx.bin", folder.parent)
    for medium in (["--boot", "d", "--cdrom", image], ["--boot", "c", "--snapshot", "--disk", image]):
        test.run(["--memory", "64M", *medium], rf'''
run-seconds 7
screenshot {picture}
key enter
wait-screen /^A:\\>$/ 60
type "dir\n"
wait-screen "1,337,344 bytes free" 30
''')
        width, height, pixels = read_png(picture)
        assert (width, height) == (640, 480), f"the menu is {width}x{height}"
        assert len({bytes(pixel) for pixel in pixels}) > 64, "the menu has no picture behind it"


def loadlin(test):
    """A DOS program takes the machine over and starts Linux."""
    floppy = test.copy(test.shared_guest("freedos-1440k.img"))
    kernel, initrd = test.debian_kernel()
    folder = test.scratch / "dos"
    folder.mkdir()
    packed = test.package("loadlin", "i386") / "usr/lib/loadlin/loadlin.exe.gz"
    (folder / "loadlin.exe").write_bytes(gzip.decompress(packed.read_bytes()))
    (folder / "kernel").write_bytes(kernel.read_bytes())
    (folder / "initrd.gz").write_bytes(initrd.read_bytes())
    log = test.scratch / "serial.log"
    test.run(["--memory", "128M", "--boot", "a", "--floppy", floppy, "--disk-dir", folder, "--serial", f"file:{log}"], r'''
wait-screen /^A:\\>$/ 60
type "c:\nloadlin kernel initrd=initrd.gz root=/dev/ram0 console=ttyS0 quiet cryptomgr.notests read=sda1:vfat\n"
wait-serial "loadlin.exe" 200
run-seconds 60
''')
    assert "powering" not in log.read_text() and "/initrd.gz" in log.read_text().lower(), log.read_text()


def grub_invaders(test):
    """A game as a Multiboot kernel: it draws by itself and takes keys from the 8042 by itself."""
    out = test.run(["--kernel", test.package("grub-invaders") / "boot/invaders.exec"], '''
wait-screen "-*-" 20
screen
key-down left
run-seconds 2
key-up left
screen
''')
    rows = [line.index("/") for line in out.splitlines() if "/ \\" in line]
    assert len(rows) == 2 and rows[1] < rows[0] - 5, f"the ship went from column {rows}:\n{out}"
