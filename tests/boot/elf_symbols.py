"""An ELF file for a debugger that holds nothing but the names of functions, made from what /proc/kallsyms printed."""
import struct

HEADER, SECTION_HEADER = 52, 40
NULL, PROGBITS, SYMTAB, STRTAB, NOBITS = 0, 1, 2, 3, 8
ALLOC, EXEC = 2, 4
GLOBAL_FUNCTION, LOCAL_FUNCTION = 1 << 4 | 2, 2


def parse(text):
    """(address, kind, name) of each line, without those of modules and what is no line."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and len(words[0]) == 8 and len(words[1]) == 1:
            try:
                found.append((int(words[0], 16), words[1], words[2]))
            except ValueError:
                pass
    return found


def write(path, symbols):
    """A 32-bit file whose .text spans the functions and has no content: the debugger reads the guest's memory."""
    functions = sorted(s for s in symbols if s[1] in "tTW")
    first, last = functions[0][0] & ~0xFFF, (functions[-1][0] | 0xFFF) + 1
    names, table = b"\0", bytes(16)
    for info, kinds in ((LOCAL_FUNCTION, "t"), (GLOBAL_FUNCTION, "TW")):  # local symbols come first
        if info == GLOBAL_FUNCTION:
            globals_from = len(table) // 16
        for n, (address, kind, name) in enumerate(functions):
            if kind in kinds:
                after = functions[n + 1][0] if n + 1 < len(functions) else last
                table += struct.pack("<IIIBBH", len(names), address, after - address, info, 0, 1)
                names += name.encode() + b"\0"
    section_names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    at_table = HEADER
    at_names = at_table + len(table)
    at_section_names = at_names + len(names)
    at_headers = at_section_names + len(section_names) + 3 & ~3

    def header(name, kind, flags=0, address=0, offset=0, size=0, link=0, info=0, align=1, entry=0):
        return struct.pack("<10I", section_names.index(name) if name else 0, kind, flags, address, offset, size, link, info, align, entry)

    headers = b"".join((
        header(b"", NULL), header(b".text\0", NOBITS, ALLOC | EXEC, first, HEADER, last - first),
        header(b".symtab\0", SYMTAB, 0, 0, at_table, len(table), 3, globals_from, 4, 16),
        header(b".strtab\0", STRTAB, 0, 0, at_names, len(names)), header(b".shstrtab\0", STRTAB, 0, 0, at_section_names, len(section_names))))
    ident = b"\x7fELF\1\1\1".ljust(16, b"\0")
    head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, first, 0, at_headers, 0, HEADER, 32, 0, SECTION_HEADER, 5, 4)
    content = head + table + names + section_names
    path.write_bytes(content.ljust(at_headers, b"\0") + headers)
