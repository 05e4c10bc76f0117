#!/usr/bin/env python3
"""Trains the same networks on the same data with Cupel and with PyTorch, in turn, and prints both speeds.

Every round runs all programs in fresh processes, A B A B ..., so that a drift of the machine's speed meets all. Images per second
are counted after a warm-up; peak memory is the process's largest resident set, as the kernel reports it.

On the CPU, PyTorch trains eagerly with both layouts of images, as it comes and with channels last, and under torch.compile with
channels last; where the processor has AVX512_BF16, both programs also train in bf16. With --device cuda, Cupel trains in f32,
tf32 and bf16, and PyTorch in several modes, its data resident on the GPU as Cupel's is:

  eager     f32 as PyTorch comes
  bf16      autocast to bf16, channels last, fused Adam
  compiled  the same under torch.compile with CUDA graphs (mode reduce-overhead)
  captured  the same compiled, and the whole step with its optimizer captured in one CUDA graph

usage: bench/compare_torch.py [--device cpu|cuda] [--rounds N] [--steps N] [--batch N] [--threads N]
                              [--data DIR] [--out FILE.md] [--json FILE] [MODEL ...]
needs: PyTorch in the Python that runs it, build/cupel, Fashion-MNIST.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = Path("/usr/share/datasets/fashion-mnist")
# The model file, the batch, the steps of a round after the warm-up, and for those of which there is no data set the shape of random
# images, which cost as much as others, and settings.
CLASSES = ("--set", "parameters.classes=10", "--set", "train.optimizer.sgd.lr=0.001")
MODELS = {
    "lenet5": ("models/lenet5.yaml", 128, 400, (), ()),
    "dcgan28": ("models/dcgan28.yaml", 128, 30, (), ()),
    "dcgan64": ("models/dcgan64.yaml", 32, 8, (3, 64, 64), ()),
    "resnet18": ("models/resnet18-cifar.yaml", 32, 12, (3, 32, 32), CLASSES),
    "vgg16": ("models/vgg16.yaml", 4, 4, (3, 224, 224),
              ("--set", "parameters.dropout=0", "--set", "data.resize=false", *CLASSES)),
    "unet": ("models/unet.yaml", 4, 4, (1, 128, 128), ("--set", "image_size=128", "--set", "data.resize=false")),
}
CPU_MODES = ("eager", "channels_last", "compiled", "bf16")
CPU_PRECISIONS = ("f32", "bf16")
CUDA_MODES = ("eager", "bf16", "compiled", "captured")
CUDA_PRECISIONS = ("f32", "tf32", "bf16")


# ---- running all ----

def run_child(command, environment):
    """Runs a program; returns its output and the largest memory it used, in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, **environment), cwd=ROOT)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nfailed:\n{errors}")
    return output, usage.ru_maxrss / 1024


class Work:
    """What one program does in a round."""

    def __init__(self, model, options, directory):
        self.model, self.options = model, options
        self.file, batch, steps, shape, settings = MODELS[model]
        self.batch, self.steps = options.batch or batch, options.steps or steps
        self.warm_up = options.warm_up or min(50, self.steps // 4)
        self.data, self.settings = options.data, []
        if shape:
            import numpy
            self.data, random, count = str(directory), numpy.random.default_rng(0), max(128, 16 * self.batch)
            numpy.save(directory / "images.npy", random.integers(0, 256, (count, *shape), dtype=numpy.uint8))
            pixels = random.integers(0, 2, (count, *shape[1:]), dtype=numpy.uint8)
            numpy.save(directory / "labels.npy", pixels if model == "unet" else numpy.arange(count) % 10)
            self.settings = ["--set", "data.format=npy", *settings]
            if "augment:" in (ROOT / self.file).read_text():  # PyTorch's side has none
                self.settings += ["--set", "data.augment="]

    def torch(self, mode):
        call = (f"train({self.model!r}, {self.data!r}, {self.options.device!r}, {mode!r}, {self.steps}, {self.warm_up}, "
                f"{self.batch}, {self.options.threads})")
        output, memory = run_child([sys.executable, "-c", f"import torch_training as t; t.{call}"],
                                   {"PYTHONPATH": f"{ROOT}/bench:{ROOT}/tests"})
        result = json.loads(output.splitlines()[-1])
        return result["img_per_s"], memory, result["version"]

    def cupel(self, precision="f32"):
        options, steps = self.options, self.warm_up + self.steps
        with tempfile.TemporaryDirectory() as out:
            command = [options.cupel, "train", self.file, "--device", options.device, "--threads", str(options.threads),
                       "--batch", str(self.batch), "--steps", str(steps), "--out", out, "--data", self.data,
                       "--epochs", str(1 + steps // 8), "--precision", precision, *self.settings]
            _, memory = run_child(command, {"LD_LIBRARY_PATH": options.libraries} if options.libraries else {})
            lines = [json.loads(line) for line in open(Path(out) / "metrics.jsonl")]
        # Lines before the warm-up's end are left out. Each line's own speed leaves evaluations and checkpoints out.
        speeds = [(line["step"], line["img_per_s"]) for line in lines if "img_per_s" in line]
        done, seconds, last = 0, 0.0, self.warm_up
        for step, speed in speeds:
            if step > self.warm_up:
                done += step - last
                seconds += (step - last) * self.batch / speed
                last = step
        return done * self.batch / seconds, memory, None


def spread(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def multiplies_bf16():
    return "avx512_bf16" in Path("/proc/cpuinfo").read_text().split()


def commit():
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return os.environ.get("CUPEL_COMMIT") or found.stdout.strip() or "unknown"


def conditions(options, version, machine):
    return (f"{datetime.date.today()}, commit {commit()}, {machine}, PyTorch {version}, {options.rounds} rounds; "
            f"median (least to most)")


def measure(work, ways, rounds):
    """Speeds, memory and version of every way, round by round. A way that fails is reported, and left out."""
    speeds, memory, version = {way: [] for way in ways}, {way: [] for way in ways}, None
    for way in [way for _ in range(rounds) for way in ways]:
        if speeds[way] is None:
            continue
        try:
            speed, used, found = getattr(work, way[0])(way[1])
            version = found or version
            speeds[way].append(speed)
            memory[way].append(used)
        except SystemExit as failure:
            print(f"FAILED  {work.model} {way[0]} {way[1]}: {failure}", file=sys.stderr)
            speeds[way] = None
    return speeds, memory, version


def compare(options):
    cuda = options.device == "cuda"
    version, rows, results = None, [], []
    ways = [("cupel", precision) for precision in (CUDA_PRECISIONS if cuda else CPU_PRECISIONS)]
    ways += [("torch", mode) for mode in (CUDA_MODES if cuda else CPU_MODES)]
    if not cuda and not multiplies_bf16():
        ways = [way for way in ways if way[1] != "bf16"]
    for model in options.models:
        with tempfile.TemporaryDirectory() as directory:
            work = Work(model, options, Path(directory))
            speeds, memory, found = measure(work, ways, options.rounds)
        version = found or version
        middle = {way: statistics.median(values) for way, values in speeds.items() if values}
        best = max((speed, way) for way, speed in middle.items() if way[0] == "torch")[1]
        for way in middle:
            against = []
            for other in (("torch", "eager"), best):
                ratios = [a / b for a, b in zip(speeds[way], speeds[other] or [])]
                against.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "-")
            rows.append(f"| {model}, batch {work.batch} | {'Cupel' if way[0] == 'cupel' else 'PyTorch'} {way[1]} | "
                        f"{spread(speeds[way])} | {1e6 * work.batch / middle[way]:.0f} | {' | '.join(against)} | "
                        f"{statistics.median(memory[way]):.0f} |")
        results += [{"model": model, "batch": work.batch, "program": way[0], "mode": way[1], "img_per_s": values}
                    for way, values in speeds.items()]
    machine = os.environ.get("CUPEL_GPU", "GPU") if cuda else f"{processor()}, {options.threads} threads"
    table = "\n".join([
        conditions(options, version, machine), "",
        "| training | program | img/s | us a step | against PyTorch eager | against its best | peak MiB |",
        "|---|---|---|---|---|---|---|", *rows])
    return table, results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of a round, after the warm-up; each model has its own default")
    parser.add_argument("--warm-up", type=int, help="steps before them; a quarter of them, at most 50")
    parser.add_argument("--batch", type=int, help="each model has its own default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--libraries", help="a folder of shared libraries for Cupel alone")
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file")
    parser.add_argument("--json", type=Path, help="also write all speeds to this file")
    options = parser.parse_args()

    table, results = compare(options)
    print(table)
    if options.out:
        arguments = " ".join(argument for argument in sys.argv[1:])
        options.out.write_text(f"`bench/compare_torch.py {arguments}`\n\n{table}\n")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    missing = [result for result in results if result.get("img_per_s", True) is None]
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
