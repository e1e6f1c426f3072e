#!/usr/bin/env python3
"""Boots one guest under rewind86 with a session script and judges it by its screen or serial line.

    boot_test.py PROGRAM BUILD_DIR NAME      runs the test NAME
    boot_test.py PROGRAM BUILD_DIR NAME --prove
                                             records each of its sessions as well, and replays the recordings with and
                                             without a history, with other block sizes, dropped caches, checkpoints and
                                             looks back: all have the digests of the session, every 40 million instructions
    boot_test.py --list                      names all tests

Exit status 77: what the test needs is not there (it says what); ctest shows it as skipped.
"""
import inspect
import os
import sys
import tempfile

import guests_debian
import guests_dos
import guests_firmware
import guests_folders
import guests_installer
import guests_kernels
import guests_loaders
import guests_power
import guests_small
import guests_tools
import guests_video
from harness import SKIP, Context, Skip

TESTS = {
    name: function
    for module in (guests_small, guests_dos, guests_installer, guests_folders, guests_tools, guests_debian, guests_power, guests_video,
                   guests_firmware, guests_kernels, guests_loaders)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_") and list(inspect.signature(function).parameters) == ["test"]
}


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(TESTS))
        return 0
    program, build, name = sys.argv[1:4]
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        try:
            test = Context(os.path.abspath(program), os.path.abspath(build), scratch, proves="--prove" in sys.argv)
            TESTS[name](test)
            if test.proves:
                print(f"{name}: {test.proofs} sessions proven")
                return 0 if test.proofs else SKIP
        except Skip as reason:
            print(f"skipped: {reason}")
            return SKIP
    return 0


if __name__ == "__main__":
    sys.exit(main())
