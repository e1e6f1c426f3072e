"""What boot sectors see of the VGA BIOS: every pixel of every mode that INT 10h sets, and the monitor's EDID."""
from png_reader import read_png


def _wide(six):
    return six << 2 | six >> 4


CGA = [tuple(_wide(0x15 * (2 * (colour >> bit & 1) + (colour >> 3))) for bit in (2, 1, 0)) for colour in range(16)]
CGA[6] = (_wide(0x2A), _wide(0x15), 0)  # brown is no dark yellow
PALETTE_1 = [CGA[0], CGA[11], CGA[13], CGA[15]]
MONOCHROME = [CGA[0], CGA[15]]
TEXT = (0x01, 0x03)
GRAPHICS = {  # mode: colours, width, height, size of the picture
    0x04: (PALETTE_1, 320, 200, (640, 400)),
    0x06: (MONOCHROME, 640, 200, (640, 400)),
    0x0D: (CGA, 320, 200, (640, 400)),
    0x0E: (CGA, 640, 200, (640, 400)),
    0x10: (CGA, 640, 350, (640, 350)),
    0x11: (MONOCHROME, 640, 480, (640, 480)),
    0x12: (CGA, 640, 480, (640, 480)),
    0x13: (CGA, 320, 200, (640, 400)),
}


def _compare(path, name, size, colour):
    width, height, pixels = read_png(path)
    assert (width, height) == size, f"mode {name}: the picture is {width}x{height}"
    for y in range(height):
        for x in range(width):
            seen = tuple(pixels[y * width + x][:3])
            assert seen == colour(x, y), f"mode {name}: pixel {x},{y} is {seen}, expected {colour(x, y)}"


def int10_modes(test):
    floppy = test.scratch / "int10.img"
    test.tool("nasm", "-f", "bin", "-o", floppy, test.source / "tests/boot/dos/int10.asm")
    with open(floppy, "r+b") as file:
        file.truncate(1440 * 1024)
    script = ""
    for mode in TEXT:
        script += f'wait-screen /^mode {mode:02X}/ 20\nkey enter\n'
    for mode, (_, _, _, size) in GRAPHICS.items():
        script += f'wait-screen-size {size[0]}x{size[1]} 20\nrun-seconds 8\nscreenshot {test.scratch}/{mode:02X}.png\nkey enter\n'
    script += f'wait-screen-size 640x480 20\nrun-seconds 5\nscreenshot {test.scratch}/vbe.png\nkey enter\nwait-screen /^mode ED/ 20\n'
    test.run(["--memory", "16M", "--floppy", floppy], script)
    for mode, (colours, width, height, size) in GRAPHICS.items():
        across, down = size[0] // width, size[1] // height
        _compare(test.scratch / f"{mode:02X}.png", f"{mode:02X}h", size,
                 lambda x, y: colours[(x // across ^ y // down) & (len(colours) - 1)])
    own = [(_wide(i // 4), _wide(63 - i // 4), _wide(i * 5 & 63)) for i in range(256)]
    _compare(test.scratch / "vbe.png", "101h", (640, 480), lambda x, y: own[(640 * y + x & 255) ^ (640 * y + x) >> 16])


def vbe_ddc(test):
    """Function 4F15h: SeaVGABIOS reads the EDID from memory, Bochs's VGA BIOS moves the wires of the DDC for it."""
    floppy = test.scratch / "edid.img"
    test.tool("nasm", "-f", "bin", "-o", floppy, test.source / "tests/boot/dos/edid.asm")
    with open(floppy, "r+b") as file:
        file.truncate(1440 * 1024)
    bochs = test.package("vgabios") / "usr/share/vgabios/vgabios.bin"
    answers = []
    for options in ([], ["--vgabios", bochs]):
        line = test.scratch / "serial.txt"
        test.run(["--memory", "16M", "--floppy", floppy, "--serial", f"file:{line}", *options], 'wait-serial "." 20')
        answers.append(line.read_text())
    assert answers[0] == answers[1], f"two firmwares, two answers: {answers}"
    result, edid = answers[0][:4], bytes.fromhex(answers[0][4:-1])
    assert result == "004F", f"the function failed: {result}"
    assert edid[:8] == bytes.fromhex("00FFFFFFFFFFFF00") and sum(edid) % 256 == 0 and b"rewind86" in edid, edid.hex()
