"""FreeDOS on a hard disk made from the floppy: boots from C:, runs a protected-mode program and graphics demos."""
import guest_media
from png_reader import read_png


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
    disk = guest_media.freedos_disk(test)
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
