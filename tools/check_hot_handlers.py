#!/usr/bin/env python3
"""Disassembles the interpreter's handlers: none may call another, and the hottest have no push, no call, no stack frame.

    tools/check_hot_handlers.py OBJECT...

A handler that keeps a frame turns its tail call into a call or saves registers for each guest instruction, and nothing
but a slower program would show it. Checked are 32-bit moves, loads, stores, address arithmetic, stack operations and
arithmetic without flags in flat segments, and the exits of flat code inside a page. A handler that calls another instead
of jumping to it leaves a frame behind each time, until the stack is full. Exit status 77 (skipped) without objdump.
"""
import re, shutil, subprocess, sys

PLAIN = re.compile(r'Move<r86::Fixed|Load<unsigned int, r86::Flat(Plain|Base<.u>)?, r86::Fixed|Store<unsigned int, r86::Flat'
                   r'|Lea(Row|Fixed)<|Push<unsigned int, r86::FlatStack|Pop<unsigned int, r86::FlatStack|Dead<'
                   r'|OnRegister<[^<]*(Add|Sub|And|Or|Xor|Inc|Dec|Neg)<false>, unsigned int')
EXIT = re.compile(r'(Conditional|TestBranch)<\d+u(, unsigned int.*)?>::run<true, true>|CompareBranch<([2-7]|1[2-5])u, unsigned int.*>::run<true, true>|jump<true, true>'
                  r'|fall_through<true>|push_run<|pop_run<|access_run<2u|call<unsigned int, r86::FlatStack, true, true>')
HEAD = re.compile(r'^[0-9a-f]+ <(.*)>:$')
SIGNATURE = '(r86::Cpu*, r86::Op const*, long, r86::TlbTable*, unsigned long, unsigned long)'
# What goes on with the next operation, and so must be jumped to.
JUMPS = re.compile(re.escape(SIGNATURE) + r'|go_on\(')
# This calls semantic functions through a pointer, which are no handlers.
CALLS_SEMANTICS = re.compile(r'run_semantic<(true|false)>\(')
BAD = re.compile(r'\t(push|call|sub +\$0x[0-9a-f]+,%rsp)')


def calls_handler(name, line, behind):
    """`behind`: the line below, which holds the relocation that names a call's target."""
    if '\tcall' not in line:
        return False
    if re.search(r'\tcall +\*', line):
        return not CALLS_SEMANTICS.search(name)
    if 'R_X86_64' in behind:
        return JUMPS.search(behind)
    return JUMPS.search(line) and not re.search(r'\+0x[0-9a-f]+>$', line)


def main():
    if not shutil.which('objdump'):
        return 77
    seen, wrong = 0, []
    for path in sys.argv[1:]:
        lines = subprocess.run(['objdump', '-drC', '--no-show-raw-insn', path], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        name, handler, checked = '', False, False
        for line, behind in zip(lines, lines[1:] + ['']):
            head = HEAD.match(line)
            if head:
                name = head[1]
                handler = SIGNATURE in name
                checked = handler and bool(PLAIN.search(name) if 'hot<' in name else EXIT.search(name))
                seen += checked
            elif (checked and BAD.search(line)) or (handler and calls_handler(name, line, behind)):
                wrong.append((name, line.split('\t')[1].strip()))
    for name, instruction in wrong[:20]:
        print(f'{name}: {instruction}')
    print(f'{seen} hot handlers, {len(wrong)} frames or calls')
    return 1 if wrong or seen < 100 else 0


if __name__ == '__main__':
    sys.exit(main())
