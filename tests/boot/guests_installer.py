"""The Debian 12 i386 installer: shell, text on serial line and screen, graphical."""
from png_reader import read_png


def installer_shell(test):
    folder = test.installer("text")
    test.run(["--memory", "512M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
              "console=ttyS0 rdinit=/bin/sh", "--serial", "null"], '''
wait-serial "# " 300
type-serial "echo $((6*7))x\\n"
wait-serial "42x" 30
''')


def installer_text(test):
    folder = test.installer("text")
    test.run(["--memory", "512M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
              "console=ttyS0 TERM=vt102", "--serial", "null"], '''
wait-serial /Select a language/ 600
run-seconds 3
type-serial "\\r"
wait-serial /Select your location/ 120
run-seconds 3
type-serial "\\r"
wait-serial /(keymap|keyboard)/ 120
''')


def installer_vga(test):
    """fb=false: on a frame buffer the installer would draw with a font of its own, which no reader of consoles knows."""
    folder = test.installer("text")
    out = test.run(["--memory", "512M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append",
                    "vga=normal fb=false"], '''
wait-screen "Select a language" 600
run-seconds 3
key enter
wait-screen "Select your location" 120
run-seconds 3
key enter
wait-screen /(keymap|keyboard)/ 120
screen
''')
    assert "Configure the keyboard" in out or "keymap" in out


def installer_graphical(test):
    """The installer itself turns to text below 534 MiB (its S60frontend), so 512M would not show its pictures."""
    folder = test.installer("gtk")
    first, second = test.scratch / "first.png", test.scratch / "second.png"
    test.run(["--memory", "768M", "--kernel", folder / "linux", "--initrd", folder / "initrd.gz", "--append", "vga=788"],
             f'''
wait-screen-size 800x600 300
run-seconds 240
wait-stable 10 900
screenshot {first}
mouse 60 40
run-seconds 1
mouse 60 40
run-seconds 3
screenshot {second}
''')
    width, height, pixels = read_png(first)
    assert width >= 800 and height >= 600
    assert len(set(pixels)) > 1000, f"only {len(set(pixels))} colours"
    assert pixels != read_png(second)[2], "the pointer did not move"
