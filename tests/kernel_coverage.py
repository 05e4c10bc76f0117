#!/usr/bin/env python3
"""Lists every __global__ function in kernels/ and by how many cases of the case table the emulator executed it.

A kernel passes when cases of at least three different shapes execute it, one of them ragged: some dimension above 1 is
odd. Shapes are those of a case's inputs. A kernel that is always one thread sees no shape: three cases do. What only
nvcc compiles is listed, and not counted.

usage: tests/kernel_coverage.py [--build DIR] [--trace FILE] [--jobs N]
  --trace  read this trace (CUPEL_EMU_TRACE) instead of running the cases
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from kernel_source import ROOT, functions, read_trace, sources

SHAPES = 3


def record(build, trace, jobs):
    """Runs the case table in the emulator. A case that fails is reported by the tests, not here."""
    environment = dict(os.environ, CUPEL_EMU_TRACE=str(trace), GOMP_SPINCOUNT="2000")
    environment.pop("CUPEL_EMU_CHECK", None)
    subprocess.run([build / "tests/cupel-tests", "--filter", "cases/emu*", f"-j{jobs}"], env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shape_of(launch):
    """What tells a case's shape from another's: its inputs' dimensions, or its arguments where it has no inputs."""
    return launch.shapes or (launch.arguments,)


def is_ragged(launch):
    numbers = [int(number) for part in shape_of(launch) for number in re.findall(r"\d+", part)]
    return any(number > 1 and number % 2 for number in numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        trace = options.trace or Path(folder) / "trace"
        if not options.trace:
            record(options.build, trace, options.jobs)
        if not trace.exists():
            sys.exit("no kernel ran: is there a libcupel-emu.so in the build?")
        launches = read_trace(trace)

    kernels = [(path, function) for path in sources() for function in functions(path.read_text()) if function.is_kernel]
    passed, problems = 0, []
    print(f"{'kernel':44} {'file':20} {'cases':>5} {'shapes':>6} {'ragged':>6} {'launch shapes':>13}")
    for path, kernel in kernels:
        row = f"{kernel.name:44} {path.name:20}"
        if not kernel.emulated:
            print(f"{row} only under nvcc")
            continue
        mine = [launch for launch in launches if launch.kernel == kernel.name and launch.op]
        shapes = {shape_of(launch) for launch in mine}
        ragged = {shape_of(launch) for launch in mine if is_ragged(launch)}
        cases = {(launch.op, launch.case) for launch in mine}
        print(f"{row} {len(cases):5} {len(shapes):6} {len(ragged):6} {len({(x.grid, x.block) for x in mine}):13}")
        single = all((launch.grid, launch.block) == ("1,1,1", "1,1,1") for launch in mine)
        if len(shapes) >= SHAPES and ragged or single and len(cases) >= SHAPES:
            passed += 1
        else:
            problems.append(f"{path.name}: {kernel.name} is executed by {len(shapes)} different shapes, {len(ragged)} of "
                            f"them ragged; {SHAPES} and 1 are wanted")
    known = {kernel.name for _, kernel in kernels}
    for name in sorted({launch.kernel for launch in launches} - known):
        problems.append(f"{name} was launched, but is no __global__ function in kernels/: LAUNCH must name the kernel")
    for problem in problems:
        print(f"FAILED  {problem}")
    print(f"{passed} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
