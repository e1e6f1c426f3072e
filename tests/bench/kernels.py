#!/usr/bin/env python3
"""Runs benchmark kernels on rewind86 and on the peers that this host has, and prints CPU time per unit as ratios.

    tests/bench/kernels.py --suite DIR [--runs 5] [--kernels alu,fib] [--rewind off|SIZE] [--out table.md]

DIR holds `bare/bench.img`: a 1.44 MB image that boots as a floppy disk and whose byte 512 starts a configuration block
`BNCHCFG1`, u32 kernel, u32 units, u32 output ports (1: COM1). It prints `BENCH name`, `START`, `DONE name check=...`
lines. Only the CPU time of all threads of the emulator between START and DONE counts (schedstat of every task), so a
guest's clock is never trusted and firmware does not count. Runs of the emulators are interleaved; the table holds
medians. Exit status 1 if an emulator failed or two of them disagree about a checksum.
"""
import argparse, os, shutil, statistics, struct, subprocess, sys, tempfile, threading

from emulator import cpu_seconds, read_until_done

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Kernel names by number, units of work for about half a second on an interpreter.
KERNELS = {'alu': 4000, 'sieve': 4, 'memwalk': 300, 'qsort': 30, 'fib': 400, 'string': 3000, 'sha256': 1500,
           'crc32': 600, 'x87mandel': 100, 'x87trans': 2000, 'dispatch': 4000, 'smc': 8000, 'jit': 15000,
           'sse2matmul': 100, 'sse2nbody': 1500, 'sse2int': 1500, 'syscall': 10000, 'segload': 20000, 'pgtable': 2000,
           'pgfault': 600, 'ctxsw': 10000, 'portio': 40000, 'vgamem': 1500, 'real16': 1500}
# What Debian's Bochs wants to be told; its debugger waits for one command.
BOCHSRC = '''memory: guest=64, host=64
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
floppya: 1_44={folder}/bench.img, status=inserted
boot: floppy
com1: enabled=1, mode=file, dev={folder}/serial
log: {folder}/log
panic: action=fatal
error: action=ignore
display_library: rfb, options="timeout=0"
clock: sync=none, time0=local
cpu: count=1, ips=100000000
'''
# QEMU translates again whenever code changes: it gets less work where that takes minutes.
SLOW = {'qemu': {'smc': 300, 'jit': 700, 'string': 200, 'ctxsw': 1000, 'memwalk': 150},
        'bochs': {'alu': 500, 'sieve': 1, 'qsort': 3, 'fib': 50, 'sha256': 100, 'crc32': 60, 'dispatch': 500}}


def peers(binary, rewind='off'):
    found = {'rewind86': [binary, '--headless', '--speed', 'max', '--rewind', rewind, '--memory', '64M', '--boot-menu',
                          'off', '--serial', 'stdio', '--floppy', '{image}']}
    qemu = shutil.which('qemu-system-i386')
    if qemu:
        found['qemu'] = [qemu, '-accel', 'tcg', '-m', '64', '-display', 'none', '-monitor', 'none', '-nic', 'none',
                         '-serial', 'stdio', '-drive', 'file={image},if=floppy,format=raw']
    bochs = shutil.which('bochs')
    if bochs and os.path.exists('/usr/share/bochs/BIOS-bochs-latest'):
        found['bochs'] = [bochs, '-q', '-f', '{folder}/bochsrc', '-rc', '{folder}/bochs-commands']
    return found


def run(command, image, kernel, units, limit=120):
    """CPU seconds for one unit and the checksum; None if the guest did not finish."""
    number = list(KERNELS).index(kernel)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'bench.img')
        content = bytearray(image)
        content[520:532] = struct.pack('<III', number, units, 1)
        with open(path, 'wb') as file:
            file.write(content)
        for name, text in (('bochsrc', BOCHSRC), ('bochs-commands', 'c\n')):
            with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
                file.write(text.format(folder=folder))
        fifo = os.path.join(folder, 'serial')
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDWR) # both ends, so that opening it waits for nobody
        through_fifo = any('bochsrc' in part for part in command)
        process = subprocess.Popen([part.format(image=path, folder=folder) for part in command],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL if through_fifo else
                                   subprocess.PIPE, stderr=subprocess.DEVNULL)
        output = os.fdopen(reader, 'rb') if through_fifo else process.stdout
        if through_fifo: # this end keeps the FIFO open, so the end of the program is told by a line
            threading.Thread(target=lambda: (process.wait(), os.write(reader, b'\nFAIL ended\n')), daemon=True).start()
        begin, result = None, None

        def on_line(line):
            nonlocal begin, result
            if line.endswith('START'):
                begin = cpu_seconds(process.pid)
            elif line.startswith('DONE') and begin is not None:
                used = cpu_seconds(process.pid) - begin
                result = (used / units, next(w for w in line.split() if w.startswith('check=')))
            return result or 'FAIL' in line or 'SKIP' in line

        read_until_done(process, output, limit, on_line)
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--suite', default=os.path.join(ROOT, os.pardir, 'shared', 'bench'))
    parser.add_argument('--binary', default=os.path.join(ROOT, 'build', 'rewind86'))
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--kernels', default=','.join(KERNELS))
    parser.add_argument('--emulators', help='of rewind86, qemu, bochs; default: all that are there')
    parser.add_argument('--rewind', default='off', help='the flight recorder of rewind86: off, or its memory')
    parser.add_argument('--out', default='bench-table.md')
    options = parser.parse_args()
    with open(os.path.join(options.suite, 'bare', 'bench.img'), 'rb') as file:
        image = file.read()
    commands = peers(options.binary, options.rewind)
    if options.emulators:
        commands = {name: commands[name] for name in options.emulators.split(',')}
    failed, rows = False, []
    for kernel in options.kernels.split(','):
        times = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, command in commands.items():
                units = SLOW.get(name, {}).get(kernel, KERNELS[kernel])
                result = run(command, image, kernel, units)
                if result is None:
                    print(f'{name} failed in {kernel}', file=sys.stderr)
                    failed = True
                    continue
                times[name].append(result[0])
        # Checksums depend on the number of units, so one run with a common number compares them.
        checks = {name: run(command, image, kernel, 3) for name, command in commands.items()}
        if len({check[1] for check in checks.values() if check}) > 1:
            print(f'{kernel}: checksums differ: {checks}', file=sys.stderr)
            failed = True
        median = {name: statistics.median(values) if values else None for name, values in times.items()}
        rows.append((kernel, median))
        print(kernel, {name: f'{value * 1e6:.1f} us' for name, value in median.items() if value}, flush=True)
    names = [name for name in commands if name != 'rewind86']
    lines = ['| kernel | rewind86, µs a unit |' + ''.join(f' rewind86 / {name} |' for name in names),
             '|---|---|' + '---|' * len(names)]
    for kernel, median in rows:
        ours = median.get('rewind86')
        ratios = [f'{ours / median[name]:.3f}' if ours and median[name] else '-' for name in names]
        lines.append(f'| {kernel} | {ours * 1e6:.1f} |' + ''.join(f' {ratio} |' for ratio in ratios) if ours
                     else f'| {kernel} | - |' + ' - |' * len(names))
    for name in names:
        both = [m['rewind86'] / m[name] for _, m in rows if m.get('rewind86') and m.get(name)]
        if both:
            lines.append(f'| geometric mean to {name} | {statistics.geometric_mean(both):.3f} |' + ' |' * len(names))
    with open(options.out, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
    print('\n'.join(lines))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
