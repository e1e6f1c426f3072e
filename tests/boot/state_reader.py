"""Reads files of `savestate` (machine/state_file.h): what each chip says of itself, by the names of its fields."""
import struct
import zlib

HEAD = 19 + 24  # magic; version, sections, bytes


def parts(path):
    """The content of each part but the memories, by name."""
    data = path.read_bytes()
    found, at = {}, HEAD
    while at < len(data):
        name_size, size, stored = struct.unpack_from("<BII", data, at)
        name = data[at + 17:at + 17 + name_size].decode()
        content = data[at + 17 + name_size:at + 17 + name_size + stored]
        at += 17 + name_size + stored
        if name not in ("ram", "video_memory"):
            found[name] = found.get(name, b"") + (content if stored == size else zlib.decompress(content, -15))
    return found


def fields(path):
    """Numbers as numbers, everything else as bytes: {"pit.counter[0].ce": 7}."""
    found = {}
    for content in parts(path).values():
        at, names = 0, []
        while at < len(content):
            kind, name_size = content[at:at + 1], content[at + 1]
            name = content[at + 2:at + 2 + name_size].decode()
            size, = struct.unpack_from("<Q", content, at + 2 + name_size)
            value = content[at + 10 + name_size:at + 10 + name_size + size]
            at += 10 + name_size + size
            if kind == b"{":
                names.append(name)
            elif kind == b"}":
                names.pop()
            else:
                found[".".join([*names, name])] = int.from_bytes(value, "little") if kind == b"n" else value
    return found
