"""Every small mistake that mutate_kernels.py can make in the kernels: list_mutants() enumerates them.

Kinds, each a way in which kernels go wrong:

  barrier     a barrier or a wait for copies is dropped, or waits for one group less
  index       a subscript, or a pointer handed on, is one too far
  bound       < and <=, > and >= change places
  guard       a test is dropped: an early return is not taken, a condition or a part of it always holds
  accumulate  a sum is overwritten instead of added to, or is rounded to 16 bits at every step
  swap        two operands, subscripts or strides change places; a maximum is a minimum
  sign        + and - change places, a minus is dropped
"""
import re
from dataclasses import dataclass
from pathlib import Path

from kernel_source import KERNELS, closing, functions, without_comments, without_nvcc

# What the emulator has a twin of is tested by its own tests.
NOT_MUTATED = {"common.cuh"}


@dataclass(frozen=True)
class Mutant:
    path: Path
    source: str  # the file's text
    kind: str
    function: str
    start: int
    end: int
    text: str  # what source[start:end] becomes

    def apply(self):
        return self.source[:self.start] + self.text + self.source[self.end:]


def files():
    paths = [*KERNELS.glob("*.cu"), *KERNELS.glob("*.cuh"), *KERNELS.glob("*.def")]
    return [path for path in sorted(paths) if path.name not in NOT_MUTATED]


def regions(path, source):
    """(source with everything blank that is no code, [(function, start, end)])"""
    code = without_comments(source)
    if path.suffix != ".def":
        return without_nvcc(code), [(f.name, f.start, f.end) for f in functions(source) if f.emulated]
    rows = [(row.group(1), row.end() - 1, closing(code, code.index("(", row.start())) + 1)
            for row in re.finditer(r"^\w+\((\w+),", code, re.M)]
    return code, rows


def skipped(code, start, end):
    """Where nothing is mutated: assertions and constants of the compiler, declarations of shared memory."""
    spans = []
    for found in re.finditer(r"\b(?:static_assert|SHARED|DYN_SHARED|if constexpr) ?\(|\bconstexpr \w+ [^;(]*=[^;]*;", code[start:end]):
        last = start + found.end()
        if code[last - 1] == "(":
            last = closing(code, last - 1) + 1
        spans.append((start + found.start(), last))
    return spans


def loop_steps(code, start, end):
    """The third parts of for (a; b; c)."""
    spans = []
    for found in re.finditer(r"\bfor \(", code[start:end]):
        last = closing(code, start + found.end() - 1)
        spans.append((code.rindex(";", start, last), last))
    return spans


def operand(code, at, step, stops):
    """The far end of the expression that begins at `at` and goes on in direction `step`, up to one of `stops`."""
    opens, closes = ("([{", ")]}") if step > 0 else (")]}", "([{")
    depth = 0
    while 0 <= at < len(code):
        if depth == 0 and (code[at] in closes or any(code.startswith(stop, at) for stop in stops)):
            return at
        depth += (code[at] in opens) - (code[at] in closes)
        at += step
    return at


def barriers(code, start, end):
    calls = r"\b(__syncthreads\(\)|__syncwarp\([^;]*\)|cp_async_wait<[^;]*>\(\)|cp_async_commit\(\));"
    for found in re.finditer(calls, code[start:end]):
        yield found.start(1), found.end(1), ""
    for found in re.finditer(r"\bcp_async_wait<([^;]*)>\(\)", code[start:end]):
        yield found.start(1), found.end(1), f"({found.group(1)}) + 1"


def subscripts(code, start, end):
    """(start, end) of what stands in each subscript; declarations are left out."""
    for found in re.finditer(r"(?<=[\w\])])\[(?!\[)", code[start:end]):
        at = start + found.start()
        last = closing(code, at)
        head = re.search(r"([\w>*&]*)(\s*)((?:\w+|\))(?:\[[^\[\]]*\])*)$", code[:at])
        before, gap, name = head.groups() if head else ("", "", "")
        declared = gap and re.search(r"[\w>]$", before) and before not in ("return", "else", "case", "in")
        if declared or name.startswith(")") and code[:at].rstrip(name).endswith("&"):
            continue
        if code[at + 1:last].strip():
            yield at + 1, last


def indices(code, start, end):
    for first, last in subscripts(code, start, end):
        yield first - start, last - start, f"({code[first:last]}) + 1"
    calls = r"\b(?:load_\w+|store_\w+|cp_async|ldmatrix)(?:<[^;()]*>)?\("
    for found in re.finditer(calls, code[start:end]):
        first = start + found.end()
        last = operand(code, first, 1, [","])
        if " + " in code[first:last]:
            yield first - start, last - start, f"{code[first:last]} + 1"


def bounds(code, start, end):
    other = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
    for found in re.finditer(r" (<=?|>=?) ", code[start:end]):
        yield found.start(1), found.end(1), other[found.group(1)]


def guards(code, start, end):
    for found in re.finditer(r"\bif \(", code[start:end]):
        first = start + found.end()
        last = closing(code, first - 1)
        leaves = re.match(r"\)\s*(?:\{\s*)?(return|continue|break)\b", code[last:])
        yield first - start, last - start, "false" if leaves else "true"
    for found in re.finditer(r" && ", code[start:end]):
        at = start + found.start()
        first = at + 4
        last = operand(code, first, 1, [" && ", " || ", ";", ",", " ? "])
        yield first - start, last - start, "true"
        first = operand(code, at - 1, -1, ["&& ", "|| ", ";", ",", "= ", "return ", "? ", ": "])
        while first < at and not re.match(r"[\w!(*-]", code[first]) or code[first:at].startswith("return "):
            first += 7 if code[first:at].startswith("return ") else 1
        yield first - start, at - start, "true"
    for found in re.finditer(r" \? ", code[start:end]):
        at = start + found.start()
        first = operand(code, at - 1, -1, [",", ";", "= ", "return ", ": ", "{"])
        while first < at and (code[first] in ",;=:( \n[{" or code.startswith("return ", first)):
            first += 7 if code.startswith("return ", first) else 1
        if " && " not in code[first:at]:
            yield first - start, at - start, "true"


def accumulations(code, start, end):
    floats = set(re.findall(r"\bfloat (?:&|\(&)?(\w+)", code[start:end]))
    for names in re.findall(r"\bfloat (\w[^;()]*);", code[start:end]):
        floats.update(re.findall(r"(?:^|, )(\w+)", names))
    for found in re.finditer(r"([\w.\[\] +*/-]*?\w[\w.\]]*) (\+=) ", code[start:end]):
        yield found.start(2), found.end(2), "="
    for found in re.finditer(r"(\b(\w+)(?:\[[^\[\]]*\])*) \+= ([^;{}]*);", code[start:end]):
        if found.group(2) in floats:
            sum_, value = found.group(1), found.group(3)
            yield (found.start(), found.end(),
                   f"{sum_} = to_float(from_float<__nv_bfloat16>({sum_} + ({value})));")


def swaps(code, start, end):
    one = r"((?:\w+(?:\.|->|::))*\w+(?:\[[^\[\]]*\])*)"
    for found in re.finditer(rf"(?<![\w.\])] [*/%] )\b{one} ([-/%]) {one}(?![\w(<\[.])", code[start:end]):
        a, sign, b = found.groups()
        if a not in ("return", "case"):
            yield found.start(1), found.end(3), f"{b} {sign} {a}"
    for found in re.finditer(rf"\* {one} \+ ([^;,?&|]*?) \* {one}(?![\w(\[.])", code[start:end]):
        a, middle, b = found.groups()
        if a != b:
            yield found.start(), found.end(), f"* {b} + {middle} * {a}"
    for found in re.finditer(r"(\[[^\[\]]+\])(\[[^\[\]]+\])", code[start:end]):
        if found.group(1) != found.group(2) and not re.search(r"\b(?:SHARED\([^\[]*|\w[\w:<>]* \w+)$",
                                                                code[start:start + found.start()][-60:]):
            yield found.start(), found.end(), found.group(2) + found.group(1)
    for found in re.finditer(r"\bfmaf\(", code[start:end]):
        first = start + found.end()
        comma = operand(code, first, 1, [","])
        next_ = operand(code, comma + 1, 1, [","])
        last = closing(code, first - 1)
        yield comma + 2 - start, last - start, f"{code[next_ + 1:last].strip()}, {code[comma + 1:next_].strip()}"
    other = {"min": "max", "max": "min"}
    for found in re.finditer(r"\b(?:f|__h|atomic)?(min|max|Min|Max)f?\(", code[start:end]):
        word = found.group(1)
        yield found.start(1), found.end(1), other.get(word) or other[word.lower()].capitalize()


def signs(code, start, end):
    for found in re.finditer(r" ([+-])=? ", code[start:end]):
        yield found.start(1), found.start(1) + 1, "-" if found.group(1) == "+" else "+"
    for found in re.finditer(r"(?<=[(,=?:*/+-] )-(?=[\w(])|(?<=[([])-(?=[A-Za-z_(])|(?<=return )-(?=[\w(])", code[start:end]):
        yield found.start(), found.end(), ""


KINDS = {"barrier": barriers, "index": indices, "bound": bounds, "guard": guards, "accumulate": accumulations,
         "swap": swaps, "sign": signs}


def list_mutants():
    """All mutants, in the order of files, functions, kinds and places; no two make the same text."""
    result = []
    for path in files():
        source = path.read_text()
        code, functions_ = regions(path, source)
        seen = set()
        for function, start, end in functions_:
            never = skipped(code, start, end)
            steps = loop_steps(code, start, end)
            for kind, find in KINDS.items():
                spans = never + (steps if kind in ("accumulate", "sign") else [])
                for first, last, text in find(code, start, end):
                    first, last = first + start, last + start
                    if any(a <= first < b for a, b in spans) or (first, last, text) in seen:
                        continue
                    seen.add((first, last, text))
                    result.append(Mutant(path, source, kind, function, first, last, text))
    return result
