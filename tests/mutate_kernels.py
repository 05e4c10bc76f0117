#!/usr/bin/env python3
"""Makes small mistakes in the kernels, one at a time, and sees whether the cases of the table or the emulator notice.

Each mutant is one mistake of kernel_mutants.py in device code of kernels/. Its file alone is compiled, linked with the other
objects of the build into a libcupel-emu.so of its own, and judged by the cases of those ops that execute the mutated
function: in order, under race checking, in the other orders, until one fails. A mutant that compiles to the same
machine code as the original is no mutant.

Survivors must be explained in tests/mutants_explained.txt, as mistakes that change nothing that is promised: exits 1 when
one is not, when fewer than 95 % of the others are caught, or when an explanation belongs to no mutant any more.

usage: tests/mutate_kernels.py [--count N] [--seed N] [--all] [--list] [--file REGEX] [--kind REGEX] [--build DIR] [--jobs N]
  --count  how many to try, drawn evenly over files and kinds (120)
  --all    all there are
  --list   print them instead
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from kernel_mutants import KINDS, list_mutants
from kernel_source import KERNELS, ROOT, functions, read_trace

EXPLAINED = ROOT / "tests/mutants_explained.txt"
WANTED = 0.95
# (name, module, order of the emulator), the cheapest first; a dropped barrier is found by race checking soonest. The module
# emu-ub is what the build with sanitizers has, as far as that sees a thread's own arrays.
STAGES = [("plain", "emu", "forward"), ("race", "emu-race", "forward"), ("undefined", "emu-ub", "forward"),
          ("reversed", "emu", "reversed"), ("random", "emu", "random"), ("depth-first", "emu", "depth-first"),
          ("race, reversed", "emu-race", "reversed")]
UNDEFINED = ["-fsanitize=undefined", "-fno-sanitize=vptr", "-fsanitize-undefined-trap-on-error"]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          **options)


class Build:
    """What a mutant is compiled and linked with."""

    def __init__(self, folder):
        self.folder = folder
        self.compile, self.link, self.object = {}, {}, {}
        for entry in json.loads((folder / "compile_commands.json").read_text()):
            path, command = Path(entry["file"]), shlex.split(entry["command"])
            for module in ("emu", "emu-race"):
                target = command[command.index("-o") + 1]
                if path.suffix == ".cu" and f"module-{module}-kernels.dir" in target:
                    at = next(i for i, word in enumerate(command) if word.endswith(("c++", "g++")))
                    drop = {"-Werror", "-g", "-O2", "-c", "-o", entry["file"], target}
                    words = [word for word in command[at:] if word not in drop]
                    # Optimised little, and without debug information: many are compiled, each runs for a moment.
                    self.compile[module, path.name] = words + ["-O1", "-g0", "-w"]
                    self.object[module, path.name] = target
        for module in ("emu", "emu-race"):
            command = run(["ninja", "-C", folder, "-t", "commands", f"libcupel-{module}.so"]).stdout.splitlines()[-1]
            self.link[module] = shlex.split(command.split("&&")[1])
        self.link["emu-ub"] = self.link["emu"]
        for (module, unit), words in list(self.compile.items()):
            if module == "emu":
                self.compile["emu-ub", unit] = words + UNDEFINED
                self.object["emu-ub", unit] = self.object["emu", unit]
        # Headers' text counts for every file that includes them, directly or not.
        self.text = {path.name: path.read_text() for path in KERNELS.iterdir() if path.is_file()}
        self.includes = {name: self.closure(name, self.text) for name in self.text}

    @staticmethod
    def closure(name, text):
        seen, todo = set(), [name]
        while todo:
            name = todo.pop()
            if name not in seen and name in text:
                seen.add(name)
                todo += re.findall(r'#\s*include "([^"]+)"', text[name])
        return seen

    def users(self, name):
        """The .cu files that a file's text goes into."""
        return sorted(unit for unit in self.includes if unit.endswith(".cu") and name in self.includes[unit])

    def make_object(self, module, unit, tree):
        """Compiles kernels/UNIT of a copy of the sources; returns the object, or None when it does not compile."""
        target = tree / f"{module}-{unit}.o"
        compiled = run(self.compile[module, unit] + ["-c", f"kernels/{unit}", "-o", target.name], cwd=tree)
        return None if compiled.returncode else target

    def make_module(self, module, unit, tree):
        """Links the module with the copy's object in place of the build's. It stands first: what is inline and in
        several objects is taken from there."""
        new = tree / f"{module}-{unit}.o"
        words = list(self.link[module])
        words.remove(self.object[module, unit])
        at = words.index("-o")
        words[at + 1] = str(tree / f"libcupel-{module}.so")
        words.insert(at + 2, str(new))
        linked = run(words, cwd=self.folder)
        if linked.returncode:
            sys.exit(f"a mutant does not link:\n{linked.stdout}")


class Judge:
    """Runs the cases of ops with a module."""

    def __init__(self, build, limit):
        self.tests = build.folder / "tests/cupel-tests"
        self.limit = limit

    def fails(self, modules, stage, ops):
        """None when all cases pass, else what happened."""
        name, module, order = stage
        environment = dict(os.environ, CUPEL_CASES=",".join(sorted(ops)), CUPEL_MODULES=str(modules), CUPEL_EMU_ORDER=order,
                           CUPEL_EMU_SEED="1", GOMP_SPINCOUNT="2000", OMP_NUM_THREADS="1")
        environment["CUPEL_EMU_CHECK"] = module[len("emu-"):]
        command = [str(self.tests), "--filter", "cases/emu*", "-j1", "--fail-fast"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", start_new_session=True)
        try:
            output, _ = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return f"{name}: no end within {self.limit} s"
        if process.returncode == 0:
            return None
        said = re.findall(r"\] +(\w+/[^\n:]+: .*)", output) + re.findall(r"CRASH.*|.*\bcrash.*", output)
        return f"{name}: {said[0] if said else output.strip()[-200:]}"


def ops_of(build, launches):
    """{(unit, function): ops that execute it}, from a trace and the text: a device function is executed by the kernels
    whose bodies, and the bodies of what they call, name it."""
    result = {}
    for unit in build.users("kernel.h"):
        bodies, kernels = {}, set()
        for name in build.includes[unit]:
            text = build.text[name]
            for function in functions(text) if name.endswith((".cu", ".cuh")) else []:
                words = set(re.findall(r"\w+", text[function.start:function.end]))
                bodies[function.name] = bodies.get(function.name, set()) | words
                if function.is_kernel:
                    kernels.add(function.name)
        for kernel in kernels:
            ops = {launch.op for launch in launches if launch.kernel == kernel and launch.op}
            todo, seen = [kernel], set()
            while todo:
                function = todo.pop()
                if function not in seen:
                    seen.add(function)
                    todo += [word for word in bodies[function] if word in bodies]
            for function in seen:
                result.setdefault((unit, function), set()).update(ops)
        everything = {launch.op for launch in launches if launch.kernel in kernels and launch.op}
        result[unit, None] = everything
    return result


def choose(mutants, seed):
    """The mutants in an order that goes round the files and kinds, and that an edit elsewhere leaves as it is."""
    buckets = {}
    for mutant in mutants:
        before, _ = changed_lines(mutant)
        key = hashlib.sha256(f"{seed} {before} {mutant.text}".encode()).hexdigest()
        buckets.setdefault((mutant.path.name, mutant.kind), []).append((key, mutant.start, mutant))
    for bucket in buckets.values():
        bucket.sort(key=lambda entry: entry[:2])
    order = []
    for round_ in range(max(map(len, buckets.values()), default=0)):
        turn = [bucket[round_] for bucket in buckets.values() if round_ < len(bucket)]
        order += [mutant for _, _, mutant in sorted(turn, key=lambda entry: entry[0])]
    return order


def changed_lines(mutant):
    """What the mutant changes, as lines without their indentation: before and after."""
    source = mutant.source
    first = source.rfind("\n", 0, mutant.start) + 1
    last = source.find("\n", mutant.end)
    before = source[first:last]
    after = source[first:mutant.start] + mutant.text + source[mutant.end:last]
    return tuple(" ".join(text.split()) for text in (before, after))


def place(mutant):
    line = mutant.source.count("\n", 0, mutant.start) + 1
    return f"{mutant.path.relative_to(ROOT)}:{line} {mutant.function} {mutant.kind}"


def read_explained():
    """{(file, before, after): why}; the file "*" is any."""
    result = {}
    for block in re.split(r"\n\s*\n", EXPLAINED.read_text() if EXPLAINED.exists() else ""):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        if len(lines) < 4 or not lines[1].startswith("- ") or not lines[2].startswith("+ "):
            sys.exit(f"{EXPLAINED.name}: a block is FILE, - BEFORE, + AFTER and why:\n{block}")
        result[lines[0].strip(), lines[1][2:].strip(), lines[2][2:].strip()] = " ".join(lines[3:])
    return result


class Trial:
    def __init__(self, build, judge, ops, folder):
        self.build, self.judge, self.ops, self.folder = build, judge, ops, folder
        self.original, self.sound, self.lock = {}, set(), threading.Lock()

    def tree(self, name):
        """A copy of the kernels' sources as they were at the start, to be mutated."""
        tree = self.folder / name
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "kernels").mkdir(parents=True)
        for file, text in self.build.text.items():
            (tree / "kernels" / file).write_text(text)
        return tree

    def unchanged(self, unit):
        """The bytes of the unit's object without a mutation."""
        with self.lock:
            if unit not in self.original:
                made = self.build.make_object("emu", unit, self.tree(f"original-{unit}"))
                if not made:
                    sys.exit(f"kernels/{unit} does not compile without any mutation")
                self.original[unit] = made.read_bytes()
            return self.original[unit]

    def __call__(self, mutant):
        """(verdict, what is known of it): caught, survived, same, invalid, or unjudged when no case that passes without it
        executes it."""
        tree = self.tree(f"mutant-{threading.get_ident()}")
        (tree / "kernels" / mutant.path.name).write_text(mutant.apply())
        judged, same = False, True
        for unit in self.build.users(mutant.path.name):
            ops = self.ops.get((unit, mutant.function)) or self.ops.get((unit, None))
            if mutant.path.suffix == ".def":
                ops = self.ops[unit, None]
            if not ops:
                continue
            judged = True
            made = self.build.make_object("emu", unit, tree)
            if not made:
                return "invalid", ""
            if made.read_bytes() == self.unchanged(unit):
                continue
            same = False
            caught = self.judged(mutant, unit, tree, ops)
            if caught:
                return "caught", caught
        if not judged:
            return "unjudged", ""
        return ("same" if same else "survived"), ""

    def judged(self, mutant, unit, tree, ops):
        stages, made = list(STAGES), set()
        if mutant.kind == "barrier":
            stages.sort(key=lambda stage: stage[0] != "race")
        for stage in stages:
            if stage[1] not in made:
                if stage[1] != "emu" and not self.build.make_object(stage[1], unit, tree):
                    return None
                self.build.make_module(stage[1], unit, tree)
                made.add(stage[1])
            caught = self.judge.fails(tree, stage, ops)
            if caught:
                self.check_original(stage, unit, frozenset(ops))
                return caught
        return None

    def check_original(self, stage, unit, ops):
        """Stops everything when the cases fail at this stage without any mutation too."""
        with self.lock:
            if (stage, unit, ops) in self.sound:
                return
            self.sound.add((stage, unit, ops))
            tree = self.tree(f"original-{unit}")
            self.build.make_object(stage[1], unit, tree)
            self.build.make_module(stage[1], unit, tree)
            failed = self.judge.fails(tree, stage, ops)
        if failed:
            sys.exit(f"the cases fail without any mutation: {failed}")


def record(build, folder):
    """Runs all cases without a mutation; returns their launches."""
    trace = folder / "trace"
    environment = dict(os.environ, CUPEL_EMU_TRACE=str(trace), GOMP_SPINCOUNT="2000", CUPEL_EMU_CHECK="")
    tested = run([build.folder / "tests/cupel-tests", "--filter", "cases/emu*", "-j2"], env=environment)
    if tested.returncode:
        print("warning: some cases fail without any mutation; their ops are left out", file=sys.stderr)
    failing = set(re.findall(r"\] +(\w+)/[^\n:]+: ", tested.stdout))
    return {launch for launch in read_trace(trace) if launch.op not in failing}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--file", default="")
    parser.add_argument("--kind", default="")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--limit", type=int, default=120, help="seconds for one run of the cases")
    options = parser.parse_args()

    everything = list_mutants()
    mutants = [mutant for mutant in choose(everything, options.seed)
               if re.search(options.file, mutant.path.name) and re.search(options.kind, mutant.kind)]
    if options.list:
        for mutant in mutants:
            print(place(mutant), *changed_lines(mutant), sep="\n    ")
        print(f"{len(mutants)} mutants")
        return
    explained = read_explained()
    known = {(name, *changed_lines(mutant)) for mutant in everything for name in (mutant.path.name, "*")}
    stale = [entry for entry in explained if entry not in known]

    start, count = time.time(), len(mutants) if options.all else options.count
    build = Build(options.build.resolve())
    verdicts = dict.fromkeys(("caught", "survived", "same", "invalid", "unjudged"), 0)
    per_kind = {kind: [0, 0] for kind in KINDS}
    unexplained, equivalent, notes = [], 0, []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        folder = Path(folder)
        trial = Trial(build, Judge(build, options.limit), ops_of(build, record(build, folder)), folder)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            queue, waiting = iter(mutants), {}
            while True:
                while len(waiting) < options.jobs and verdicts["caught"] + verdicts["survived"] + len(waiting) < count:
                    mutant = next(queue, None)
                    if not mutant:
                        break
                    waiting[pool.submit(trial, mutant)] = mutant
                if not waiting:
                    break
                done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    mutant = waiting.pop(future)
                    verdict, what = future.result()
                    verdicts[verdict] += 1
                    before, after = changed_lines(mutant)
                    why = explained.get((mutant.path.name, before, after)) or explained.get(("*", before, after))
                    if verdict in ("caught", "survived"):
                        per_kind[mutant.kind][1] += 1
                        per_kind[mutant.kind][0] += verdict == "caught"
                    if verdict == "caught":
                        print(f"caught    {place(mutant)}: {what[:150]}", flush=True)
                        if why:
                            notes.append(f"{place(mutant)} is explained, but caught")
                    elif verdict == "survived":
                        text = f"{place(mutant)} {what}\n    - {before}\n    + {after}"
                        print(f"{'explained' if why else 'SURVIVED '} {text}", flush=True)
                        if why:
                            equivalent += 1
                            print(f"      {why}")
                        else:
                            unexplained.append(text)

    tried, caught = verdicts["caught"] + verdicts["survived"], verdicts["caught"]
    print()
    for kind, (hit, of) in per_kind.items():
        print(f"{kind:11} {hit} of {of}")
    for note in notes:
        print(f"note: {note}")
    for text in unexplained:
        print(f"SURVIVED  {text}")
    for entry in stale:
        print(f"STALE     {EXPLAINED.name}: {entry[0]}: - {entry[1]}")
    rate = caught / max(1, tried - equivalent)
    print(f"{tried} mutants of {len(everything)} in {len({m.path for m in everything})} files, seed {options.seed}, "
          f"{time.time() - start:.0f} s: {caught} caught, {equivalent} survived and are explained, {len(unexplained)} survived; "
          f"{100 * caught / max(1, tried):.1f} % of all, {100 * rate:.1f} % of those that are not explained; "
          f"left out: {verdicts['same']} compile to the same code, {verdicts['invalid']} do not compile, {verdicts['unjudged']} no passing case executes")
    failed = len(unexplained) + len(stale) + (rate < WANTED and not unexplained)
    print(f"{caught + equivalent} passed, {failed} failed")
    sys.exit(1 if failed or not tried else 0)


if __name__ == "__main__":
    main()
