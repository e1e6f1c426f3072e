#!/usr/bin/env python3
"""Writes the inputs from which the chip fuzzers start: whole transfers, which chance alone would hardly find.

    make_seeds.py CORPUS_DIR      writes CORPUS_DIR/{floppy,ide,vga,small_chips,pci,fw_cfg,state_file,cd}/seed_*

The encoding is that of fuzz_board.h: a byte that says what, then a port or an address, then a value; of files of states,
that of fuzz_state_file.cpp.
"""
import pathlib
import struct
import sys
import zlib

FLOPPY = [(0x3F0, 8), (0x00, 16), (0x80, 16), (0xC0, 32)]
IDE = [(0x1F0, 8), (0x3F6, 1), (0x170, 8), (0x376, 1), (0xC000, 16)]
VGA = [(0x3B0, 48), (0x1CE, 3)]
VGA_MEMORY = [(0xA0000, 0x20000), (0xE0000000, 0x1000000), (0xE1000000, 0x610)]
SMALL_CHIPS = [(0x20, 2), (0xA0, 2), (0x4D0, 2), (0x40, 4), (0x60, 5), (0x70, 4), (0x92, 1), (0x3F8, 8), (0x2F8, 8), (0x378, 3), (0xB2, 2),
               (0xB000, 64)]
APICS = [(0xFEE00000, 0x1000), (0xFEC00000, 0x1000)]
PCI = [(0xCF8, 8), (0xB000, 64), (0xC000, 16)]
FW_CFG = [(0x510, 12)]


class Seed:
    def __init__(self, ranges, memory=()):
        self.ranges, self.aimed, self.bytes = ranges, memory, b""

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

    def chip(self, address, value):
        """A dword at a place that the target aims at; the address has to be a multiple of 16."""
        for index, (first, count) in enumerate(self.aimed):
            if first <= address < first + count:
                for low in range(16):
                    pick = (address - first) << 4 | low
                    if pick % len(self.aimed) == index:
                        self.bytes += bytes([4 | 2 << 3]) + struct.pack("<II", pick, value)
                        return self
        raise ValueError(hex(address))

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


def vga_mode(seed, misc, sequencer, crtc, graphics, attribute):
    seed.out(0x3C2, misc)
    for index, value in enumerate(sequencer):
        seed.out(0x3C4, index).out(0x3C5, value)
    seed.out(0x3D4, 0x11).out(0x3D5, 0)
    for index, value in enumerate(crtc):
        seed.out(0x3D4, index).out(0x3D5, value)
    for index, value in enumerate(graphics):
        seed.out(0x3CE, index).out(0x3CF, value)
    seed.read(0x3DA)
    for index, value in enumerate(attribute):
        seed.out(0x3C0, index).out(0x3C0, value)
    return seed.out(0x3C0, 0x20)


def vga_seeds():
    attribute = [*range(16), 0x41, 0, 0x0F, 0, 0]
    low = [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF]
    chain = vga_mode(Seed(VGA, VGA_MEMORY), 0x63, [3, 1, 15, 0, 14], low, [0, 0, 0, 0, 0, 0x40, 5, 15, 0xFF], attribute)
    yield "chain4", chain.chip(0xA0000, 0x04030201).chip(0xA1000, 0xFFFFFFFF).wait(19, 4).read(0x3DA)
    text = [0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0, 0x4F, 13, 14, 0, 0, 0, 5, 0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0x80]
    seed = vga_mode(Seed(VGA, VGA_MEMORY), 0x67, [3, 0, 3, 0x04, 2], text, [0, 0, 0, 0, 0, 0x10, 14, 0, 0xFF], [*range(16), 0x0C, 0, 15, 8, 0])
    yield "text_split", seed.chip(0xB8000, 0x1F411E42).wait(19, 8)
    planar = vga_mode(Seed(VGA, VGA_MEMORY), 0xE3, [3, 1, 15, 0, 6], low, [5, 15, 3, 0x18, 0, 3, 5, 15, 0x3C], attribute)
    yield "planar_mode_3", planar.chip(0xA0100, 0xAA55AA55).out(0x3CE, 5).out(0x3CF, 0x0A).chip(0xA0200, 0x12345678).wait(19, 4)
    for depth in (4, 8, 16, 24, 32):
        seed = Seed(VGA, VGA_MEMORY)
        for index, value in ((4, 0), (1, 320), (2, 200), (3, depth), (4, 0x41), (6, 640), (8, 3), (9, 5), (5, 1)):
            seed.out(0x1CE, index, 2).out(0x1CF, value, 2)
        seed.read(0x3DA).out(0x3C0, 0x20)
        yield f"vbe_{depth}", seed.chip(0xE0001000, 0x00FF8040).chip(0xA0000, 0x01020304).wait(19, 4)
    seed = Seed(VGA, VGA_MEMORY)
    for number in (0, 1, 3, 4, 0x41, 9):  # dwords at a multiple of 16 alone: ID and XRES, X_OFFSET and Y_OFFSET
        seed.chip(0xE1000500, number << 16 | 0xB0C5).chip(0xE1000510, number << 16 | number).chip(0xE1000400, 0x2021)
    yield "registers_in_memory", seed.wait(19, 2)
    seed = Seed(VGA, VGA_MEMORY).out(0x1CE, 0x0B, 2).out(0x1CF, 0x83, 2)
    wires = [3, 1, 0]  # START
    for byte in (0xA1, 0xFF):
        for bit in (*(byte >> n & 1 for n in range(7, -1, -1)), 1):
            wires += [bit << 1, bit << 1 | 1, bit << 1]
    for level in wires + [0, 1, 3]:
        seed.out(0x1CF, 0x80 | level)
    yield "ddc", seed.read(0x1CF, 2)


def small_chip_seeds():
    seed = Seed(SMALL_CHIPS, APICS)
    for port, values in ((0x20, (0x11,)), (0x21, (8, 4, 0x11, 0)), (0xA0, (0x11,)), (0xA1, (0x70, 2, 1, 0)), (0x4D1, (0x0E,)), (0x20, (0x68, 0x0B, 0x0C))):
        for value in values:
            seed.out(port, value)
    yield "interrupts", seed.out(0x43, 0x34).out(0x40, 0x10).out(0x40, 0).wait(16).read(0x20).out(0x20, 0xA0).read(0x20).wait(16).out(0xA0, 0x63)
    seed = Seed(SMALL_CHIPS, APICS).out(0x43, 0xB7).out(0x42, 0x35).out(0x42, 0x12).out(0x61, 3).wait(18, 3)
    yield "speaker", seed.out(0x43, 0xE8).read(0x42).read(0x42).read(0x42).out(0x43, 0x92).out(0x42, 1).out(0x61, 0).out(0x61, 1).wait(18, 3)
    seed = Seed(SMALL_CHIPS, APICS).out(0x70, 0x0A).out(0x71, 0x23).out(0x70, 0x0B).out(0x71, 0x73).wait(19, 4)
    yield "clock", seed.out(0x70, 0x0C).read(0x71).out(0x70, 0x0A).out(0x71, 0x70).out(0x71, 0x20).wait(19, 8)
    seed = Seed(SMALL_CHIPS, APICS).out(0x64, 0xAA).read(0x60).out(0x64, 0x60).out(0x60, 0x47).wait()
    for command in ((0xED, 7), (0xF0, 3), (0xFB, 0x1C), (0xF3, 0), (0xF2,), (0xEE,), (0xFF,)):
        for byte in command:
            seed.out(0x60, byte).wait().read(0x60).wait().read(0x60)
    for byte in (0xFF, 0xF3, 200, 0xF3, 100, 0xF3, 80, 0xF2, 0xF4, 0xE7, 0xE9, 0xEE, 0x55, 0xEC, 0xF0, 0xEB):
        seed.out(0x64, 0xD4).out(0x60, byte).wait().read(0x60).wait().read(0x60)
    yield "keyboard_and_mouse", seed
    seed = Seed(SMALL_CHIPS, APICS)
    for port, value in ((3, 0x83), (0, 1), (1, 0), (3, 3), (2, 0xC7), (1, 15), (4, 0x1F)):
        seed.out(0x3F8 + port, value)
    yield "serial_loopback", seed.fill(0x3F8, 1).wait(19, 2).read(0x3FA).read(0x3FD).read(0x3F8).read(0x3FE).out(0x3FB, 0x43).wait(18).out(0x3FA, 0)
    seed = Seed(SMALL_CHIPS, APICS)
    for address, value in ((0xF0, 0x1FF), (0xD0, 1 << 24), (0xE0, 0xFFFFFFFF), (0x3E0, 11), (0x320, 0x20040), (0x380, 1000), (0x350, 0x700), (0x360, 0x400)):
        seed.chip(0xFEE00000 + address, value)
    for register, value in ((0x14, 0xA031), (0x15, 0), (0x22, 0x0051), (0x23, 0)):
        seed.chip(0xFEC00000, register).chip(0xFEC00010, value)
    yield "apics", seed.wait(14, 2).chip(0xFEE000B0, 0).chip(0xFEE00310, 0).chip(0xFEE00300, 0x40055).wait(14).chip(0xFEE000B0, 0).chip(0xFEE00280, 0)


def pci_seeds():
    def set_register(seed, function, register, value):
        return seed.out(0xCF8, 0x80000000 | function << 8 | register, 4).out(0xCFC, value, 4)

    seed = Seed(PCI)
    for value in (0xFFFFFFFF, 0xF0000000, 0xE0000000, 0x000A0000):
        set_register(seed, 0x10, 0x10, value).read(0xCFC, 4)
    set_register(seed, 0x10, 0x30, 0xE1000001)
    yield "bars", set_register(set_register(seed, 0x09, 0x20, 0xCF9), 0x09, 0x04, 7).wait(10)
    seed = Seed(PCI)
    for register in range(0x58, 0x60, 4):
        set_register(seed, 0x00, register, 0x33333333)
    yield "shadow_and_smram", set_register(set_register(seed, 0x00, 0x70, 0x4A0000), 0x00, 0x70, 0x1A0000).wait(10)
    seed = Seed(PCI).out(0xB002, 0x0101, 2).out(0xB004, 1, 2).out(0xB028, 1).read(0xB008, 4)
    yield "power_management", set_register(seed, 0x0B, 0x58, 0x02000000).wait(19, 2).out(0xB000, 0xFFFF, 2).out(0xB004, 0x2000, 2).wait(4)


def fw_cfg_dma(seed, control, length, target, at=0x1000):
    """A descriptor in memory and its address, all big endian."""
    for offset, value in enumerate((control, length, target >> 32, target & 0xFFFFFFFF)):
        seed.memory(at + 4 * offset, int.from_bytes(value.to_bytes(4, "big"), "little"))
    return seed.out(0x514, 0, 4).out(0x518, int.from_bytes(at.to_bytes(4, "big"), "little"), 4)


def fw_cfg_seeds():
    seed = Seed(FW_CFG).out(0x510, 0x00, 2).read(0x511).read(0x511).read(0x511).read(0x511).read(0x511)
    yield "signature", seed.out(0x510, 0x01, 2).read(0x511).read(0x514, 4).read(0x518, 4)
    seed = Seed(FW_CFG).out(0x510, 0x19, 2)
    for _ in range(12):
        seed.read(0x511)
    yield "directory", fw_cfg_dma(seed, 0x02, 64, 0x2000)
    select, read, skip, write = 0x19 << 16 | 8, 2, 4, 16
    yield "dma_read", fw_cfg_dma(Seed(FW_CFG), select | read, 4096, 0x2000)
    yield "dma_skip", fw_cfg_dma(fw_cfg_dma(Seed(FW_CFG), select | skip, 4, 0), read, 64, 0x3000)
    yield "dma_past_the_end", fw_cfg_dma(fw_cfg_dma(Seed(FW_CFG), select | skip, 0xFFFFFFF0, 0), read, 0xFFFFFFFF, 0x1FFFF0)
    yield "dma_write", fw_cfg_dma(Seed(FW_CFG), select | write, 16, 0x2000)
    yield "dma_over_its_descriptor", fw_cfg_dma(Seed(FW_CFG), 0x20 << 16 | 8 | read, 64, 0x0FF8)
    seed = fw_cfg_dma(Seed(FW_CFG), 0x21 << 16 | 8 | read, 256, 0xFFFFFFFFFFFFFF80)
    yield "dma_nowhere", seed.out(0x514, 0xFFFFFFFF, 4).out(0x518, 0xF8FFFFFF, 4).read(0x511)
    seed = Seed(FW_CFG)
    for item in (0x8000, 0x8002, 0x4019, 0xFFFF, 0x3FFF):
        fw_cfg_dma(seed.out(0x510, item, 2).read(0x511), item << 16 | 8 | read, 32, 0x4000)
    yield "items_that_are_not_there", seed


def cd_seeds():
    """A cue sheet, a zero byte, and the file `part`."""
    track = b"INDEX 01 00:00:00\n"
    yield "data_and_audio", (b"FILE part BINARY\nTRACK 01 MODE1/2352\n" + track + b"TRACK 02 AUDIO\nPREGAP 00:00:02\n"
                             b"INDEX 00 00:00:02\nINDEX 01 00:00:03\nPOSTGAP 00:00:01\nFILE sound BINARY\nTRACK 03 AUDIO\n" + track + b"\0"
                             + bytes(5 * 2352))
    yield "small_sectors", b"FILE part BINARY\nTRACK 01 MODE1/2048\n" + track + b"TRACK 02 MODE2/2336\nINDEX 01 00:00:01\n\0" + bytes(2048 + 2336)
    yield "motorola", b"FILE part MOTOROLA\nTRACK 07 AUDIO\n" + track + b"TRACK 08 MODE2/2352\nINDEX 01 00:00:01\n\0" + bytes(2 * 2352)
    wave = b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 2, 44100, 176400, 4, 16) + b"data\0\x10\0\0" + bytes(4096)
    yield "wave", b"FILE part WAVE\nTRACK 01 AUDIO\n" + track + b"\0" + wave
    yield "words", b"REM x\nCATALOG 1\nTITLE \"a b\"\nFILE \"C:\\part\" binary\r\n  TRACK 1 AUDIO\r\n FLAGS DCP\n ISRC X\n INDEX 1 0:0:0\0" + bytes(2352)


def state_file(version=4, sections=(), count=None, size=None):
    """A whole file; sections are (name, version, content)."""
    body = b""
    for name, section_version, content in sections:
        summed = struct.pack("<I", section_version) + name + content
        body += struct.pack("<BIII", len(name), len(content), len(content), zlib.crc32(summed)) + summed
    head = struct.pack("<QQQ", version, len(sections) if count is None else count, len(body) if size is None else size)
    return b"\xff" + b"rewind86 savestate\n" + head + body


def state_file_seeds():
    # Steps: what, section, then what belongs to it.
    yield "untouched", b""
    for what, name, more in ((3, "drop", b""), (4, "double", b""), (5, "rename", b"\x00v"), (6, "version", struct.pack("<I", 9)),
                             (7, "short", struct.pack("<H", 3)), (8, "long", b"\x05extra"), (9, "swap", b"\x07")):
        for section in (0, 1, 12, 255):
            yield f"{name}_{section}", bytes([what, section]) + more
    # Names and lengths of fields stand at the beginning of each part: their first bytes, one after the other.
    for section in range(0, 48, 3):
        yield f"fields_{section}", b"".join(bytes([0, section]) + struct.pack("<HB", place, 1) + b"\x80" for place in (1, 2, 9, 10, 40))
    # Pages of memories stand last: numbers that do not ascend, and one beyond the end.
    for section in range(250, 256):
        yield f"page_{section}", bytes([0, section]) + struct.pack("<HB", 0, 4) + struct.pack("<I", 0xFFFFFFFF)
        yield f"first_page_{section}", bytes([4, section, 0, section]) + struct.pack("<HB", 0, 4) + struct.pack("<I", 0)
    yield "no_sections", state_file()
    yield "other_version", state_file(version=2)
    yield "many_sections", state_file(count=1 << 60)
    yield "long_body", state_file(size=1 << 63)
    yield "strange_name", state_file(sections=[(b"cp\nu", 1, b"")])
    yield "no_name", state_file(sections=[(b"", 1, b"x")])
    yield "pages_only", state_file(sections=[(b"ram", 1, struct.pack("<I", 1) + bytes(4096)), (b"ram", 1, struct.pack("<I", 0) + bytes(4096))])


def main():
    for kind, seeds in (("ide", ide_seeds()), ("floppy", floppy_seeds()), ("vga", vga_seeds()), ("small_chips", small_chip_seeds()),
                        ("pci", pci_seeds()), ("fw_cfg", fw_cfg_seeds()),
                        ("state_file", state_file_seeds()), ("cd", cd_seeds())):
        folder = pathlib.Path(sys.argv[1]) / kind
        folder.mkdir(parents=True, exist_ok=True)
        for name, seed in seeds:
            (folder / f"seed_{name}").write_bytes(seed if isinstance(seed, bytes) else seed.bytes)


main()
