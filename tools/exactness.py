#!/usr/bin/env python3
"""Runs the tests of the processor and writes docs/exactness.md from what they report.

usage: tools/exactness.py BUILD_DIR [--instructions N] [--vectors FOLDER]
       tools/exactness.py --check    only: are the cases there that tests/cpu/subjects.txt, tests/devices/paragraphs.txt and
                                     tests/machine/windows_checklist.txt name? Counts them for each section of the latter two.
"""
import argparse
import glob
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Group, test files of tests/cpu (without _test.cpp), oracle.
UNIT_GROUPS = [
    ("Arithmetic and logic, flags", ["alu"], "definitions bit by bit"),
    ("Integer, string, stack, branch instructions", ["integer"], "SDM Vol. 2"),
    ("x87 add, subtract, multiply, divide, square root, conversions", ["fpu_softfloat"], "the host's x87"),
    ("x87 instructions, stack, environments", ["fpu_x87"], "the host's x87; SDM Vol. 1, 8"),
    ("#MF, FERR# and IRQ 13, #NM", ["fpu_exceptions"], "SDM Vol. 1, 8.7"),
    ("x87 transcendental instructions", ["fpu_transcendental"], "MPFR, at most 1 ulp"),
    ("MMX, SSE, SSE2, SSE3, SSSE3", ["sse_host", "sse_lanes", "sse_state"], "the host's SSE; SDM Vol. 2"),
    ("Descriptor loads and checks", ["protected_load"], "SDM Vol. 3, 3 and 5"),
    ("Far transfers, call gates, returns", ["protected_transfer", "protected_return"], "SDM Vol. 3, 5.8"),
    ("Interrupts, exceptions, double and triple faults", ["protected_interrupt", "protected_pairs"], "SDM Vol. 3, 6"),
    ("Task switches", ["protected_task"], "SDM Vol. 3, 7"),
    ("Virtual-8086 mode, VME", ["protected_v86"], "SDM Vol. 3, 20"),
    ("Paging, control and debug registers, system instructions", ["protected_system", "protected_paging", "control_access"],
     "SDM Vol. 3, 2, 4 and 17"),
    ("Page faults in the middle of instructions and transfers, repeated strings",
     ["restart", "restart_system", "repeat"], "a run without the fault; SDM Vol. 3, 6.6"),
    ("Segment limits, wrap-around, A20, instruction length, LOCK", ["limits"], "SDM Vol. 3, 5.3 and 22.36"),
    ("Breakpoints and single-step", ["debug"], "SDM Vol. 3, 17 and 6.8.3; an Intel processor, recorded"),
    ("Data breakpoints of a hundred instructions", ["debug_access"], "an Intel processor, recorded"),
    ("Self-modifying code", ["self_modifying"], "SDM Vol. 3, 11.6"),
    ("System management mode", ["protected_smm"], "SDM Vol. 3, 34"),
    ("Processor models, CPUID, MSRs", ["model"], "SDM Vol. 2, CPUID"),
    ("Hostile descriptor tables, whole programs", ["protected_fuzz", "protected_program"], "invariants; SDM"),
]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return done.returncode, done.stdout


def unit_counts(program, files):
    """Test cases and assertions of these files, as Catch2 counts them."""
    tags = ",".join(f"[#{name}_test]" for name in files if (ROOT / f"tests/cpu/{name}_test.cpp").exists())
    if not tags:
        return 0, 0, "not run"
    status, text = run(program, "-#", tags)
    found = re.search(r"All tests passed \((\d+) assertions? in (\d+) test cases?\)", text)
    if not found:
        return 0, 0, "FAILED" if "failed" in text else "not run"
    return int(found[2]), int(found[1]), "passed"


def capstone_differences():
    text = (ROOT / "tests/cpu/capstone_differences.inc").read_text()
    for entry in text.split("R86_DIFFERENCE(")[1:]:
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', entry)
        mode = re.search(r"Bits(16|32|64),\s*\"([0-9A-F ]+)\",\s*\"([^\"]*)\",\s*\"([^\"]*)\"", entry)
        if strings and mode:
            yield strings[0], mode[1], mode[2], mode[3], mode[4]


CASE = re.compile(r'TEST_CASE(?:_METHOD)?\(\s*(?:\w+,\s*)?"((?:[^"\\]|\\.)*)"')
GUEST = re.compile(r"^def (\w+)\(test\)", re.M)
MISSING = "not implemented:"


def subjects(folder, name):
    """tests/FOLDER/NAME: section titles and (subject, file, case names); complains about cases that are not there.

    In a file of tests/boot guests are meant, which are functions of their names.
    A line may say "not implemented: reason" in place of a file and cases: it comes out as (subject, None, [reason]).
    """
    wrong = []
    out = []
    texts = {}
    for number, line in enumerate((ROOT / "tests" / folder / name).read_text().splitlines(), 1):
        if line.startswith("//") or not line:
            continue
        if line.startswith("== "):
            out.append(line[3:])
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 2 and parts[1].startswith(MISSING) and parts[1][len(MISSING):].strip():
            out.append((parts[0], None, [parts[1][len(MISSING):].strip()]))
            continue
        if len(parts) != 3 or not all(parts):
            wrong.append(f"line {number} has another form than SUBJECT | file | cases")
            continue
        subject, file, beginnings = parts
        path = ROOT / "tests" / (file if file.endswith(".py") else f"{file}.cpp" if "/" in file else f"{folder}/{file}.cpp")
        if path not in texts:
            pattern = GUEST if file.endswith(".py") else CASE
            texts[path] = pattern.findall(path.read_text()) if path.exists() else []
        cases = []
        for beginning in beginnings.split(";"):
            found = [name for name in texts[path] if name.startswith(beginning.strip())]
            cases += found
            if not found or not beginning.strip():
                wrong.append(f"{path.relative_to(ROOT)} has no case '{beginning.strip()}...'")
        out.append((subject, path.relative_to(ROOT / "tests"), cases))
    return out, wrong


def by_section(folder, name):
    """The same by section (a chip): its paragraphs, the different cases, the paragraphs that are not implemented."""
    entries, wrong = subjects(folder, name)
    rows = []
    for entry in entries:
        if isinstance(entry, str):
            rows.append((entry, [], set(), []))
            continue
        _, paragraphs, cases, missing = rows[-1]
        subject, path, names = entry
        paragraphs.append(subject)
        if path is None:
            missing.append(subject)
        else:
            cases.update((path, name) for name in names)
    return rows, wrong


def shown_where(where):
    out = ["", "## What is shown where", "", "From `tests/cpu/subjects.txt`; a name that is not there fails a test."]
    for entry in where:
        if isinstance(entry, str):
            out += ["", f"### {entry}", "", "| subject | file | cases |", "|---|---|---|"]
        else:
            subject, path, cases = entry
            out.append(f"| {subject} | `{path}` | {'<br>'.join(cases)} |")
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--instructions", type=int, default=10_000_000)
    parser.add_argument("--vectors", default=str(ROOT / "../shared/cputests"))
    options = parser.parse_args()
    where, wrong = subjects("cpu", "subjects.txt")
    if wrong:
        sys.exit("tests/cpu/subjects.txt: " + "; ".join(wrong))
    if options.check:
        for folder, name in (("devices", "paragraphs.txt"), ("machine", "windows_checklist.txt")):
            rows, wrong = by_section(folder, name)
            for section, paragraphs, cases, missing in rows:
                print(f"{section}: {len(paragraphs)} paragraphs, {len(cases)} cases, {len(missing)} not implemented")
            if wrong:
                sys.exit(f"tests/{folder}/{name}: " + "; ".join(wrong))
        return
    if not options.build:
        parser.error("which build?")
    tests = options.build / "tests"
    unit = tests / "unit_cpu"
    out = [
        "# How exact the processor is",
        "",
        "Written by `tools/exactness.py` from a run of the tests; the numbers are of that run. Do not edit.",
        "",
        "| group | test cases | checks | oracle | result |",
        "|---|---|---|---|---|",
    ]

    status, text = run(unit, "[capstone]", "-s")
    compared = sum(int(n) for n in re.findall(r"0 of (\d+) comparisons cannot be explained\s+.*?", text))
    compared //= 2  # said once for each of two checks
    cases = re.search(r"in (\d+) test cases?\)", text)
    out.append(f"| Decoder: length, validity, mnemonic, operands | {cases[1] if cases else 0} | {compared:,} byte strings | "
               f"Capstone; SDM where they differ | {'passed' if status == 0 and compared else 'not run'} |")
    for group, files, oracle in UNIT_GROUPS:
        count, checks, result = unit_counts(unit, files)
        if result != "not run":
            out.append(f"| {group} | {count} | {checks:,} | {oracle} | {result} |")

    files = sorted(glob.glob(options.vectors + "/**/*.MOO*", recursive=True))
    skips = []
    if files:
        status = subprocess.run([str(tests / "instruction_vectors"), *files], capture_output=True, text=True)
        total = re.search(r"^total passed (\d+) failed (\d+) skipped (\d+)", status.stdout, re.M)
        skips = re.findall(r"skipped (\d+) by rule ([\w-]+): (.*)", status.stdout + status.stderr)
        out.append(f"| Real-mode instructions, recorded on a Harris 80286 | {len(files)} files | {int(total[1]):,} passed, "
                   f"{total[2]} failed, {int(total[3]):,} skipped by rules | SingleStepTests/80286 | "
                   f"{'passed' if total[2] == '0' else 'FAILED'} |")

    status, native = run(tests / "native_differential", "--instructions", options.instructions, "--show")
    found = re.search(r"(\d+) programs, (\d+) instructions, (\d+) differences", native)
    host = re.search(r"host: (.*)", native)
    if found:
        out.append(f"| Random programs, 16 and 32 bits: integer, x87, MMX, SSE to SSSE3, faults | {int(found[1]):,} programs | "
                   f"{int(found[2]):,} instructions, {found[3]} differences | the host's processor ({host[1]}) | "
                   f"{'passed' if found[3] == '0' else 'FAILED'} |")
    else:
        out.append(f"| Random programs | | | the host's processor | {native.strip().splitlines()[-1] if native else 'not run'} |")
    longest = ROOT / "tests/differential/longest_run.txt"
    if longest.exists():
        text = longest.read_text()
        found = re.search(r"(\d+) programs, (\d+) instructions, (\d+) differences", text)
        host, note = re.search(r"host: (.*)", text), re.search(r"note: (.*)", text)
        out.append(f"| The same, longest run so far (not of today) | {int(found[1]):,} programs | "
                   f"{int(found[2]):,} instructions, {found[3]} differences | the host's processor ({host[1]}) | "
                   f"{note[1] if note else 'passed' if found[3] == '0' else 'FAILED'} |")
    status, text = run(tests / "unit_differential")
    found = re.search(r"\((\d+) assertions? in (\d+) test cases?\)", text)
    if found:
        out.append(f"| What random programs found; seven interpreter settings; one digest for all hosts | {found[2]} | "
                   f"{int(found[1]):,} | an Intel processor, recorded | {'passed' if status == 0 else 'FAILED'} |")

    out += shown_where(where)

    _, coverage = run(tests / "native_differential", "--coverage", 20_000)
    out += ["", "## Random programs: which instructions", "",
            "Rows of the instruction table that CPL 3 can reach outside of 64-bit mode, in every form: register and memory "
            "operands, 16 and 32 bits. `unit_differential` fails on one that 20,000 programs do not carry out.", "",
            "| group | rows | carried out in every form | left out (below) | instructions |", "|---|---|---|---|---|"]
    for group, rows, reached, left, count in re.findall(r"^group (.*?) \| (\d+) \| (\d+) \| (\d+) \| (\d+)$", coverage, re.M):
        out.append(f"| {group} | {rows} | {reached} | {left} | {int(count):,} |")

    out += ["", "## Random programs: where processors differ", "",
            "Each brings the comparison to the host's result in these fields only. Times it was needed in this run.", "",
            "| difference | times | reason |", "|---|---|---|"]
    for name, count, reason in re.findall(r"^difference (.*?) \| (\d+) \| (.*)$", native, re.M):
        out.append(f"| {name} | {count} | {reason} |")
    out += ["", "Undefined status flags are masked by the instruction table (`cpu/decoder/opcodes*.inc`), followed through jumps.",
            "", "A jump into the middle of an instruction is compared like everything else, unless it reaches what is left out "
            "below or reads an undefined flag; such programs are counted apart: "
            + (re.search(r"^(\d+) programs reached what is not compared", native, re.M) or ["", "0"])[1] + " in this run.",
            "", "Not taken out of the instruction table at random:", "", "| instruction | where | reason |", "|---|---|---|"]
    exclusions = (ROOT / "tests/differential/exclusions.inc").read_text()
    kinds = {"EXCLUDED": "not in random programs", "SPECIAL": "in pieces of their own",
             "MASKED": "in pieces that clear some of what they store"}
    for kind, name, reason in re.findall(r'^R86_(\w+)\((\w+),\s*"(.*)"\)', exclusions, re.M):
        out.append(f"| {name.rstrip('_').upper()} | {kinds[kind]} | {reason} |")
    if skips:
        out += ["", "## Recordings that are skipped", "", "| rule | tests | reason |", "|---|---|---|"]
        out += [f"| {rule} | {int(count):,} | {reason} |" for count, rule, reason in skips]
    out += ["", "## Decoder: where Capstone and the SDM differ", "",
            "| difference | bits | example | what the SDM makes of it | source |", "|---|---|---|---|---|"]
    for name, bits, example, ours, citation in capstone_differences():
        out.append(f"| {name} | {bits} | `{example}` | {ours} | {citation} |")
    (ROOT / "docs/exactness.md").write_text("\n".join(out) + "\n")
    print(f"docs/exactness.md: {len(out)} lines")


if __name__ == "__main__":
    main()
