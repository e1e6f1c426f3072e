"""An emulator under measurement: the CPU time of all its threads, and its output line by line until the guest is done."""
import glob
import threading


def cpu_seconds(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except (OSError, IndexError):
            pass
    return total / 1e9


def read_until_done(process, output, limit, on_line):
    """Passes each line of `output` to on_line until that returns True, the output ends or `limit` seconds are over; then the
    process is killed."""
    timer = threading.Timer(limit, process.kill)
    timer.start()
    try:
        for line in output:
            if on_line(line.decode("latin-1").strip()):
                break
    finally:
        timer.cancel()
        process.kill()
        process.wait()
