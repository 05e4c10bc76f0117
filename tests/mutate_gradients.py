#!/usr/bin/env python3
"""Flips the sign of every gradient, one at a time, and sees whether a test fails.

Each assignment to dx[...] in src/ops/ is one mutant: a copy of the tree is built with that one gradient negated, and the gradient
judges of the case table are run, first on the op's own cases, then on all. Exits 1 when a mutant survives or an op that
has a gradient could not be tried.

usage: tests/mutate_gradients.py [--build DIR] [--filter REGEX] [--jobs N]
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_GRADIENT = {"grad_none", "grad_zero"}


def gradient_functions():
    """The grad column of ops.def: {function: [ops]}."""
    functions = {}
    for row in re.finditer(r"^OP(?:_VIEW)?\(([^)]*)\)", (ROOT / "src/graph/ops.def").read_text(), re.M):
        columns = [column.strip() for column in row.group(1).split(",")]
        if len(columns) == 9 and columns[7] not in NO_GRADIENT:
            functions.setdefault(columns[7], []).append(columns[0])
    return functions


HEAD = re.compile(r"^(?:static )?void (\w+)\([^)]*struct cupel_tensor \*\*dx\) \{", re.M)


def bodies(text):
    """(function, start, end) of each function in a source that fills dx."""
    for head in HEAD.finditer(text):
        yield head.group(1), head.end(), text.index("\n}", head.end())


def owners():
    """{function: grad columns that it works for}: itself, or those that call it."""
    columns = gradient_functions()
    result = {column: {column} for column in columns}
    for path in (ROOT / "src/ops").glob("*.c"):
        text = path.read_text()
        for function, start, end in bodies(text):
            for called in re.findall(r"\b(\w+)\(", text[start:end]):
                if function in columns and called not in columns:
                    result.setdefault(called, set()).add(function)
    return result


def mutants():
    """(grad columns, ops, file, mutated text, line) for each assignment to dx."""
    functions, owned = gradient_functions(), owners()
    for path in sorted((ROOT / "src/ops").glob("*.c")):
        text = path.read_text()
        for function, body, close in bodies(text):
            columns = sorted(owned.get(function, ()))
            ops = [op for column in columns for op in functions[column]]
            for found in re.finditer(r"dx\[[^\]]*\] =\s+", text[body:close]):
                start = body + found.end()
                end = text.index(";", start)
                mutated = f"{text[:start]}cupel_scale({text[start:end]}, -1, 0){text[end:]}"
                yield columns, ops, path.relative_to(ROOT), mutated, text.count("\n", 0, start) + 1


def copy_tree(tree):
    """Makes `tree` hold this one's sources. A file that differs gets a new time, so that it is built again."""
    for part in ("src", "include", "kernels", "models", "tests", "bench", "CMakeLists.txt"):
        for source in [ROOT / part, *(ROOT / part).rglob("*")]:
            target = tree / source.relative_to(ROOT)
            if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def build(tree, jobs):
    return subprocess.run(["cmake", "--build", tree / "build", "-j", str(jobs), "--target", "cupel-tests"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def tests_fail(tree, op):
    environment = dict(os.environ, CUPEL_CASES=op)
    run = subprocess.run([tree / "build/tests/cupel-tests", "--filter", "cases/*gradient*", "-j2"], env=environment,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return run.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build-mutants", help="where the copy of the tree goes")
    parser.add_argument("--filter", default="", help="only gradient functions that match")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    tree = options.build
    copy_tree(tree)
    subprocess.run(["cmake", "-S", tree, "-B", tree / "build", "-G", "Ninja", "-DCUPEL_CUDA=OFF"], check=True,
                   stdout=subprocess.DEVNULL)
    built = build(tree, options.jobs)
    if built.returncode:
        sys.exit(f"the tree does not build:\n{built.stdout}")
    if tests_fail(tree, ""):
        sys.exit("the tests fail without any mutation")

    survivors, tried, caught = [], set(), 0
    for columns, ops, path, mutated, line in mutants():
        if not any(re.search(options.filter, column) for column in columns):
            continue
        original = (tree / path).read_text()
        (tree / path).write_text(mutated)
        compiled = build(tree, options.jobs)
        place = f"{path}:{line} {', '.join(columns)}"
        if compiled.returncode:
            survivors.append(f"{place} (does not build)")
        elif any(tests_fail(tree, op) for op in ops) or tests_fail(tree, ""):
            caught += 1
            tried.update(columns)
            print(f"caught    {place}", flush=True)
        else:
            survivors.append(place)
        (tree / path).write_text(original)
    untried = [f for f in gradient_functions() if re.search(options.filter, f) and f not in tried]
    for survivor in survivors:
        print(f"SURVIVED  {survivor}")
    for function in untried:
        print(f"NOT TRIED {function}")
    print(f"{caught} passed, {len(survivors) + len(untried)} failed")
    sys.exit(1 if survivors or untried else 0)


if __name__ == "__main__":
    main()
