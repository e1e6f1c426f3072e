"""Folders of the host as media: what DOS and Linux read from them."""
import hashlib
import re


def _folder(test):
    """Long and short names, folders, an empty file, and one that does not end with a sector."""
    folder = test.scratch / "folder"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "hello.txt").write_text("Hello from the host.\r\n")
    (folder / "A rather long name, with a comma.text").write_bytes(bytes(range(256)) * 300)
    (folder / "deep" / "deeper" / "odd.bin").write_bytes(b"R86" * 12345 + b".")
    (folder / "empty").write_bytes(b"")
    return folder


def dos_folder(test):
    """FreeDOS finds a folder as drive C: and another as drive B:."""
    floppy = test.copy(test.shared_guest("freedos-1440k.img"))
    folder = _folder(test)
    out = test.run(["--memory", "16M", "--boot", "a", "--floppy", floppy, "--disk-dir", folder, "--floppy-dir", folder / "deep"], r'''
wait-screen /^A:\\>$/ 60
type "dir c:\n"
wait-screen "HELLO" 20
screen
type "cls\n"
type "type c:\\hello.txt\n"
wait-screen "Hello from the host." 20
type "dir b:\\deeper\n"
wait-screen "37,036" 20
type "echo no > c:\\new.txt\n"
run-seconds 5
screen
''')
    assert re.search(r"HELLO +TXT +22", out), out
    assert not (folder / "new.txt").exists() and not (folder / "NEW.TXT").exists()


def linux_folder(test):
    """Linux reads the same folder from a CD, a FAT disk and a diskette: every byte of every file, by its long name."""
    (kernel, initrd), folder, log = test.debian_kernel(), _folder(test), test.scratch / "serial.log"
    test.run(["--memory", "64M", "--disk-dir", folder, "--cdrom-dir", folder, "--floppy-dir", folder, "--serial", f"file:{log}",
              "--kernel", kernel, "--initrd", initrd,
              "--append", "console=ttyS0 quiet cryptomgr.notests read=sr0:iso9660,sda1:vfat,fd0:vfat"], "run-seconds 180\n")
    text = log.read_text(errors="replace").replace("\r", "")
    expected = sorted(f"{hashlib.md5(path.read_bytes()).hexdigest()}  ./{path.relative_to(folder)}"
                      for path in folder.rglob("*") if path.is_file())
    found = [line for line in text.splitlines() if re.match("[0-9a-f]{32}  ", line)]
    for medium in range(3):
        assert sorted(found[medium * len(expected):(medium + 1) * len(expected)]) == expected, text
    assert "error" not in text, text
