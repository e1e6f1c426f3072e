#!/usr/bin/env python3
"""Writes the inputs from which the chip fuzzers start: whole transfers, which chance alone would hardly find.

    make_seeds.py CORPUS_DIR      writes CORPUS_DIR/{floppy,ide}/seed_*

The encoding is that of fuzz_board.h: a byte that says what, then a port or an address, then a value.
"""
import pathlib
import struct
import sys

FLOPPY = [(0x3F0, 8), (0x00, 16), (0x80, 16), (0xC0, 32)]
IDE = [(0x1F0, 8), (0x3F6, 1), (0x170, 8), (0x376, 1), (0xC000, 16)]


class Seed:
    def __init__(self, ranges):
        self.ranges, self.bytes = ranges, b""

    def _port(self, port):
        for index, (first, count) in enumerate(self.ranges):
            if first <= port < first + count:
                return self._pick(index, port - first)
        raise ValueError(hex(port))

    def _pick(self, index, offset):
        # The low byte chooses the range, modulo their number, of the whole number; the high byte the offset.
        for low in range(256):
            pick = offset << 8 | low
            if pick % len(self.ranges) == index:
                return struct.pack("<H", pick)
        raise ValueError

    def out(self, port, value, size=1):
        self.bytes += bytes([0 | {1: 0, 2: 1, 4: 2}[size] << 3]) + self._port(port) + value.to_bytes(size, "little")
        return self

    def read(self, port, size=1):
        self.bytes += bytes([3 | {1: 0, 2: 1, 4: 2}[size] << 3]) + self._port(port)
        return self

    def fill(self, port, size=2):
        self.bytes += bytes([6 | {1: 0, 2: 1, 4: 2}[size] << 3]) + self._port(port)
        return self

    def memory(self, address, value):
        self.bytes += bytes([0x80 | 4 | 2 << 3]) + struct.pack("<II", address, value)
        return self

    def wait(self, power=19, times=1):
        self.bytes += bytes([7, power]) * times
        return self


def ide_command(seed, base, command, device=0xE0, count=1, lba=0, feature=0):
    for offset, value in enumerate((feature, count, lba & 255, lba >> 8 & 255, lba >> 16 & 255, device, command), 1):
        seed.out(base + offset, value)
    return seed


def prd(seed, channel, write_memory, regions):
    for index, (address, length) in enumerate(regions):
        seed.memory(0x1000 + 8 * index, address)
        seed.memory(0x1004 + 8 * index, length & 0xFFFF | (0x80000000 if index == len(regions) - 1 else 0))
    port = 0xC000 + 8 * channel
    return seed.out(port + 4, 0x1000, 4).out(port + 2, 6).out(port, 8 if write_memory else 0)


def packet(seed, data, dma=False, limit=0xFFFE):
    ide_command(seed, 0x170, 0xA0, device=0xA0, count=0, lba=limit << 8, feature=int(dma))
    data = bytes(data).ljust(12, b"\0")
    for at in range(0, 12, 2):
        seed.out(0x170, int.from_bytes(data[at:at + 2], "little"), 2)
    return seed.wait()


def ide_seeds():
    yield "identify", ide_command(Seed(IDE), 0x1F0, 0xEC).wait().read(0x1F7).read(0x1F0, 4).read(0x1F0, 2)
    yield "write_multiple", ide_command(Seed(IDE), 0x1F0, 0xC5, count=16, lba=5).fill(0x1F0).fill(0x1F0).wait().fill(0x1F0).wait()
    yield "write_long_address", ide_command(ide_command(Seed(IDE), 0x1F0, 0x00), 0x1F0, 0x34, count=2).fill(0x1F0).wait().fill(0x1F0).wait()
    for name, command, to_memory in (("read_dma", 0xC8, True), ("write_dma", 0xCA, False), ("read_dma_ext", 0x25, True)):
        seed = prd(Seed(IDE), 0, to_memory, [(0x20000, 512), (0x30002, 1024), (0xFFFFFFFE, 0)])
        ide_command(seed, 0x1F0, command, count=8, lba=7)
        yield name, seed.out(0xC000, 9 if to_memory else 1).wait(19, 4).read(0xC002).read(0x1F7).out(0xC000, 0)
    yield "reset", ide_command(Seed(IDE), 0x1F0, 0x20, count=4).out(0x3F6, 4).out(0x3F6, 0).wait().read(0x1F2).read(0x1F4)
    for name, data in (("inquiry", [0x12, 0, 0, 0, 36]), ("toc", [0x43, 2, 0, 0, 0, 0, 0, 1, 0]), ("mode_sense", [0x5A, 0, 0x3F, 0, 0, 0, 0, 1, 0]),
                       ("configuration", [0x46, 0, 0, 0, 0, 0, 0, 0, 8]), ("read_cd", [0xBE, 0, 0, 0, 0, 1, 0, 0, 2, 0xF8])):
        seed = packet(packet(Seed(IDE), [0x00]), [0x03, 0, 0, 0, 18])
        yield name, packet(seed, data).read(0x170, 4).read(0x170, 2).read(0x174)
    seed = packet(packet(prd(Seed(IDE), 1, True, [(0x40000, 4096)]), [0x00]), [0x28, 0, 0, 0, 0, 3, 0, 0, 2], dma=True)
    yield "packet_dma", seed.out(0xC008, 9).wait(19, 3).read(0xC00A)
    yield "mode_select", packet(Seed(IDE), [0x55, 0x10, 0, 0, 0, 0, 0, 0, 24]).fill(0x170).wait()


def floppy_seed(command, mode=0x46, channel_set_up=True):
    seed = Seed(FLOPPY).out(0x3F2, 0x00).out(0x3F2, 0x1C).wait().out(0x3F7, 0)
    for _ in range(4):
        seed.out(0x3F5, 8).read(0x3F5).read(0x3F5)
    for byte in (0x03, 0xDF, 0x02):
        seed.out(0x3F5, byte)
    if channel_set_up:
        seed.out(0x0A, 6).out(0x0C, 0).out(0x0B, mode).out(0x04, 0).out(0x04, 0x40).out(0x05, 0xFF).out(0x05, 0x03)
        seed.out(0x81, 1).out(0xD6, 0xC0).out(0xD4, 0).out(0x0A, 2)
    for byte in command:
        seed.out(0x3F5, byte)
    seed.wait(19, 6)
    for _ in range(7):
        seed.read(0x3F5)
    return seed


def floppy_seeds():
    yield "seek", floppy_seed([0x0F, 0, 40], channel_set_up=False).wait(19, 20).out(0x3F5, 8)
    yield "recalibrate", floppy_seed([0x07, 0], channel_set_up=False).wait(19, 20).out(0x3F5, 8)
    yield "read", floppy_seed([0xE6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])
    yield "write", floppy_seed([0xC5, 4, 0, 1, 3, 2, 18, 0x1B, 0xFF], mode=0x4A)
    yield "write_deleted", floppy_seed([0x49, 0, 0, 0, 1, 2, 9, 0x1B, 0xFF], mode=0x4A)
    yield "format", floppy_seed([0x4D, 0, 2, 18, 0x54, 0xF6], mode=0x4A)
    yield "read_track", floppy_seed([0x42, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])
    yield "verify", floppy_seed([0xF6, 0x80, 0, 0, 1, 2, 18, 0x1B, 5])
    yield "scan", floppy_seed([0x51, 0, 0, 0, 1, 2, 18, 0x1B, 1], mode=0x4A)
    yield "read_id", floppy_seed([0x4A, 0])
    yield "configure", floppy_seed([0x13, 0, 0x57, 0, 0x94, 0x12, 0xFC, 0x0E])
    pio = Seed(FLOPPY).out(0x3F2, 0x1C).wait()
    for byte in (0x03, 0xDF, 0x03, 0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF):
        pio.out(0x3F5, byte)
    yield "read_without_dma", pio.wait(19, 3).read(0x3F4).read(0x3F5).read(0x3F5).wait().read(0x3F5)


def main():
    for kind, seeds in (("ide", ide_seeds()), ("floppy", floppy_seeds())):
        folder = pathlib.Path(sys.argv[1]) / kind
        folder.mkdir(parents=True, exist_ok=True)
        for name, seed in seeds:
            (folder / f"seed_{name}").write_bytes(seed.bytes)


main()
