#!/usr/bin/env python3
"""What each kernel takes of a multiprocessor of sm_90, as ptxas tells it: registers, static shared memory, stack, spills.

Prints a Markdown table, one row a kernel; instances of a template are summed up as a range. Exits 1 when a kernel in elementwise, chain, batchnorm,
pool or optimizer uses a stack or spills. Files that have not changed since the last time are not compiled again.

usage: scripts/kernel_table.py [--write] [--jobs N]
  --write  also puts the table into docs/kernels.md
needs: nvcc on the PATH, in $CUDA_PATH/bin or in /usr/local/cuda/bin; c++filt
"""
import argparse
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "kernels"
PAGE = ROOT / "docs/kernels.md"
BEGIN, END = "<!-- kernel table: scripts/kernel_table.py --write -->\n", "<!-- end of kernel table -->\n"
# Kernels of these files move much and compute little: what they spill is time lost.
NO_STACK = ("elementwise", "chain", "batchnorm", "pool", "optimizer")
FLAGS = ["-std=c++17", "-O3", "-arch=sm_90", "-lineinfo", f"-I{KERNELS}", f"-I{ROOT}/src", "-cubin", "-o", "/dev/null", "-Xptxas", "-v"]


def find_nvcc():
    places = [os.environ.get("CUDA_PATH", "") + "/bin", "/usr/local/cuda/bin"]
    return shutil.which("nvcc") or next((f"{place}/nvcc" for place in places if Path(place, "nvcc").exists()), None)


def with_headers(path, seen):
    """The file and the headers of this repository that it includes, directly or not."""
    if path not in seen:
        seen.add(path)
        for name in re.findall(r'#\s*include "([^"]+)"', path.read_text()):
            for folder in (path.parent, ROOT / "src"):
                if (folder / name).is_file():
                    with_headers(folder / name, seen)
                    break
    return seen


def usage(nvcc, path):
    """What ptxas says of a file, from the last time if nothing has changed."""
    key = hashlib.sha256(" ".join([nvcc, *FLAGS]).encode())
    for header in sorted(with_headers(path, set())):
        key.update(header.read_bytes())
    kept = ROOT / "build/kernel_table" / f"{path.stem}.{key.hexdigest()[:16]}.txt"
    if kept.exists():
        return kept.read_text()
    made = subprocess.run([nvcc, *FLAGS, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        sys.exit(f"{path} does not compile:\n{made.stdout}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob(f"{path.stem}.*.txt"):
        old.unlink()
    kept.write_text(made.stdout)
    return made.stdout


ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_\w+'\n"
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
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    options = parser.parse_args()
    nvcc = find_nvcc()
    if not nvcc:
        sys.exit("kernel_table: there is no nvcc")

    files = sorted(KERNELS.glob("*.cu"))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        outputs = list(pool.map(lambda path: usage(nvcc, path), files))
    lines = ["| file | kernel | instances | registers | shared memory | stack | spills |", "|---|---|---|---|---|---|---|"]
    faults = []
    for path, output in zip(files, outputs):
        for name, instances in sorted(rows_of(output).items()):
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
