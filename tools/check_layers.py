#!/usr/bin/env python3
"""Checks that includes only point down, that everything below the machine is blind to the host, and that chips compute
with integers: the host's floating point unit belongs to the guest while they are called (cpu/sse/host_float.h).

    frontend -> machine -> {bios, devices, cpu} -> core

    check_layers.py [FOLDER]    (without it: the tree that this file is part of)
"""
import pathlib
import re
import sys

ALLOWED = {
    "core": {"core"},
    "cpu": {"core", "cpu"},
    "devices": {"core", "devices"},
    "bios": {"core", "bios"},
    "machine": {"core", "cpu", "devices", "bios", "machine", "roms"},
    "frontend": {"core", "cpu", "devices", "bios", "machine", "frontend", "roms"},
}

# What would make a run depend on the host. Files that are the one door to a host facility are named with the reason.
HOST = re.compile(
    r"\b(std::chrono|std::random_device|\bs?rand\(|\btime\(|gettimeofday|clock_gettime|std::thread|std::mutex|"
    r"std::async|getenv|std::fstream|std::ifstream|std::ofstream|fopen|unordered_(map|set))\b"
)
DOORS = {
    "core/host_memory.cpp": "asks the host for memory",
    "devices/host_file.cpp": "reads and writes image files",
    "devices/host_file.h": "reads and writes image files",
    "machine/content_store.cpp": "packs old content on a thread of its own; no result depends on its timing",
    "machine/share_out.cpp": "packs and checks the pieces of a state on a few threads; no result depends on their timing",
}
INTEGERS = ("core", "devices", "bios")
FLOATING = re.compile(r"\b(float|double)\b")
BLIND = ("core", "cpu", "devices", "bios", "machine")


def main(root: pathlib.Path) -> int:
    wrong = 0
    for folder in ALLOWED:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".inc"):
                continue
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^/"]+)/', line)
                if found and found[1] in ALLOWED and found[1] not in ALLOWED[folder]:
                    print(f"{name}:{number}: {folder} must not include {found[1]}")
                    wrong += 1
                code = line.split("//")[0]
                if folder in BLIND and name not in DOORS and HOST.search(code):
                    print(f"{name}:{number}: depends on the host: {line.strip()}")
                    wrong += 1
                if folder in INTEGERS and FLOATING.search(code):
                    print(f"{name}:{number}: floating point: {line.strip()}")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    own = pathlib.Path(__file__).resolve().parent.parent
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else own))
