#!/usr/bin/env python3
"""What each kernel takes of a multiprocessor of sm_90, as ptxas tells it: registers, static shared memory, stack, spills.

Prints a Markdown table, one row a kernel; instances of a template are summed up as a range. Exits 1 when a kernel in elementwise, chain, batchnorm,
pool, lrn or optimizer uses a stack or spills.

usage: scripts/kernel_table.py [--write] [--build DIR]
  --write  also puts the table into docs/kernels.md
needs: a build of the CUDA module, build/ unless told otherwise, whose compilation leaves what ptxas said; c++filt
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "kernels"
PAGE = ROOT / "docs/kernels.md"
BEGIN, END = "<!-- kernel table: scripts/kernel_table.py --write -->\n", "<!-- end of kernel table -->\n"
# Kernels of these files move much and compute little: what they spill is time lost.
NO_STACK = ("elementwise", "chain", "batchnorm", "pool", "lrn", "optimizer")
ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_90'\n"
                   r".*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\n"
                   r".*?Used (\d+) registers([^\n]*)", re.S)


def short_names(mangled):
    """Names as in the source, without template arguments and parameters."""
    text = subprocess.run(["c++filt"], input="\n".join(mangled), stdout=subprocess.PIPE, text=True, check=True).stdout
    names = []
    for line in text.splitlines():
        line = line.replace("(anonymous namespace)::", "")
        names.append(re.split(r"[<(]", line)[0].split()[-1].split("::")[-1])
    return names


def spread(values):
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def rows_of(output):
    """{kernel: [(registers, shared, stack, spills) of each instance]}"""
    found = ENTRY.findall(output)
    result = {}
    for name, (_, stack, stores, loads, registers, rest) in zip(short_names([entry[0] for entry in found]), found):
        shared = re.search(r"(\d+) bytes smem", rest)
        values = (int(registers), int(shared.group(1)) if shared else 0, int(stack), int(stores) + int(loads))
        result.setdefault(name, []).append(values)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    options = parser.parse_args()

    files = sorted(KERNELS.glob("*.cu"))
    said = [options.build / "src/cuda" / f"{path.stem}.cu.o.txt" for path in files]
    missing = next((path for path in said if not path.exists()), None)
    if missing:
        sys.exit(f"kernel_table: there is no {missing}; build the CUDA module first: cmake --build --preset default")
    outputs = [path.read_text() for path in said]
    lines = ["| file | kernel | instances | registers | shared memory | stack | spills |", "|---|---|---|---|---|---|---|"]
    faults = []
    for path, output in zip(files, outputs):
        rows = rows_of(output)
        if not rows:
            faults.append(f"{path.name}: ptxas told of no kernel")
        for name, instances in sorted(rows.items()):
            registers, shared, stack, spills = (spread(values) for values in zip(*instances))
            lines.append(f"| {path.stem} | `{name}` | {len(instances)} | {registers} | {shared} | {stack} | {spills} |")
            if path.stem.startswith(NO_STACK) and (stack, spills) != ("0", "0"):
                faults.append(f"{path.name}: {name} uses {stack} bytes of stack and spills {spills}")
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if options.write:
        page = PAGE.read_text()
        if BEGIN not in page:
            sys.exit(f"{PAGE.name} has no place for the table: {BEGIN}")
        begin = page.index(BEGIN) + len(BEGIN)
        PAGE.write_text(page[:begin] + "\n" + table + "\n" + page[page.index(END):])
    for fault in faults:
        print(f"FAILED  {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
