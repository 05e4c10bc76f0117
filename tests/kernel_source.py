"""Reads CUDA sources as kernel_coverage.py and mutate_kernels.py need them: which functions run on the device, and where."""
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "kernels"

# Behind these the emulator sees nothing.
NVCC_ONLY = re.compile(r"\s*#\s*(?:ifdef\s+__CUDA(?:CC__|_ARCH__)|if\s+(?:defined\s*\(?\s*)?__CUDA(?:CC__|_ARCH__))")
NOT_NVCC = re.compile(r"\s*#\s*(?:ifndef\s+__CUDACC__|if\s+!\s*defined\s*\(?\s*__CUDACC__)")


@dataclass
class Function:
    """A __global__ or __device__ function: text[start:end] is its body, braces included."""
    name: str
    is_kernel: bool
    start: int
    end: int
    emulated: bool


def spaces(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The text with comments and what stands in quotes as spaces, so that offsets stay."""
    pattern = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<![\w'])'(?:\\.|[^'\\\n])+'"
    return re.sub(pattern, lambda found: spaces(found.group()), text, flags=re.S)


def without_nvcc(text):
    """The text as the emulator compiles it: what only nvcc sees, and all directives, as spaces."""
    lines, stack, directive = [], [], False
    for line in text.split("\n"):
        is_directive = directive or line.lstrip().startswith("#")
        if is_directive and not directive:
            if NVCC_ONLY.match(line):
                stack.append(False)
            elif NOT_NVCC.match(line) or re.match(r"\s*#\s*if", line):
                stack.append(True if NOT_NVCC.match(line) else None)
            elif re.match(r"\s*#\s*el", line) and stack and stack[-1] is not None:
                stack[-1] = not stack[-1]
            elif re.match(r"\s*#\s*endif", line) and stack:
                stack.pop()
        directive = is_directive and line.endswith("\\")
        lines.append(" " * len(line) if is_directive or False in stack else line)
    return "\n".join(lines)


def closing(text, at):
    """The index of the bracket that closes the one at `at`."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    stack = []
    for i in range(at, len(text)):
        if text[i] in pairs:
            stack.append(pairs[text[i]])
        elif stack and text[i] == stack[-1]:
            stack.pop()
            if not stack:
                return i
    raise ValueError(f"no bracket closes the one at {at}: {text[at:at + 40]!r}")


HEAD = re.compile(r"\b__(global|device)__\b")
NAME = re.compile(r"(operator\s*\(\)|operator\s*[^\s\w(]+|\w+)\s*\(")


def functions(text):
    """All functions with a body that run on the device, in the order of the source."""
    code = without_comments(text)
    emulated = without_nvcc(code)
    found, last = [], 0
    for head in HEAD.finditer(code):
        at = head.end()
        if at < last:  # `__host__ __device__`, or a lambda within a function
            continue
        while True:
            name = NAME.search(code, at)
            if not name or not name.group(1).startswith("__launch_bounds__"):
                break
            at = closing(code, name.end() - 1) + 1
        stop = re.compile(r"[;{}]").search(code, at)
        if not name or (stop and stop.start() < name.start()):
            continue
        after = closing(code, name.end() - 1) + 1
        brace = re.compile(r"[;{]").search(code, after)
        if not brace or brace.group() == ";":
            continue
        last = closing(code, brace.start()) + 1
        found.append(Function(re.sub(r"\s", "", name.group(1)), head.group(1) == "global", brace.start(), last,
                              bool(emulated[brace.start()].strip())))
    return found


def sources():
    """The kernels' files: .cu and the headers that hold device code, by path."""
    return sorted(KERNELS.glob("*.cu")) + sorted(KERNELS.glob("*.cuh"))


@dataclass(frozen=True)
class Launch:
    """One line of CUPEL_EMU_TRACE."""
    kernel: str  # without template arguments and namespaces
    grid: str
    block: str
    op: str  # "" outside of the case table
    case: str
    shapes: tuple
    arguments: str


LINE = re.compile(r"(.+?) (\d+,\d+,\d+) (\d+,\d+,\d+) (\d+)(?: (\S+?)/(\S+)((?: [\dx]+)*) :(.*))?")


def read_trace(path):
    """The distinct launches in a trace, with how often each was. A line that is no launch is an error."""
    launches = {}
    for line in Path(path).read_text().splitlines():
        found = LINE.fullmatch(line)
        if not found:
            raise SystemExit(f"not a line of a trace: {line!r}")
        name, grid, block, _, op, case, shapes, arguments = found.groups()
        kernel = name.split("<")[0].split("::")[-1].strip("( ")
        launch = Launch(kernel, grid, block, op or "", case or "", tuple((shapes or "").split()),
                        (arguments or "").strip())
        launches[launch] = launches.get(launch, 0) + 1
    return launches
