#!/usr/bin/env python3
"""Trains the same network on the same data with Cupel and with PyTorch, in turn, and prints both speeds.

Every round runs all programs in fresh processes, A B A B ..., so that a drift of the machine's speed meets all. Images per second
are counted after a warm-up; peak memory is the process's largest resident set, as the kernel reports it.

With --device cuda, Cupel trains in f32, tf32 and bf16, and PyTorch in several modes, its data resident on the GPU as Cupel's is:

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
MODELS = {"lenet5": "models/lenet5.yaml"}
CUDA_MODES = ("eager", "bf16", "compiled", "captured")
CUDA_PRECISIONS = ("f32", "tf32", "bf16")


# ---- the PyTorch side, run as a child process: torch_train(...) prints one JSON line ----

def lenet5(nn):
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def read_idx(torch, data, name):
    import gzip
    raw = bytearray(gzip.open(Path(data) / f"{name}.gz").read())
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return torch.frombuffer(raw, dtype=torch.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def torch_train(model, data, steps, warm_up, batch, threads):
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = {"lenet5": lenet5}[model](nn)
    images = read_idx(torch, data, "train-images-idx3-ubyte").unsqueeze(1)
    labels = read_idx(torch, data, "train-labels-idx1-ubyte").long()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    order = torch.randperm(len(images))
    for step in range(warm_up + steps):
        if step == warm_up:
            start = time.perf_counter()
        at = step * batch % (len(images) - batch + 1)
        rows = order[at:at + batch]
        x = (images[rows].float() / 255 - 0.2860) / 0.3530
        loss = criterion(net(x), labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - start
    print(json.dumps({"img_per_s": steps * batch / seconds, "loss": loss.item(), "version": torch.__version__}))


class CudaStep:
    """One training step in a mode: step(rows) trains on those rows of the data and returns the loss."""

    def __init__(self, torch, model, data, mode, batch, device):
        self.torch, self.mode, self.device = torch, mode, device
        self.net = {"lenet5": lenet5}[model](torch.nn).to(device)
        self.images = read_idx(torch, data, "train-images-idx3-ubyte").unsqueeze(1).to(device)
        self.labels = read_idx(torch, data, "train-labels-idx1-ubyte").long().to(device)
        self.fast = mode != "eager"
        if self.fast:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=self.fast, capturable=mode == "captured")
        self.forward = self.loss
        if mode in ("compiled", "captured"):
            self.forward = torch.compile(self.loss, mode="reduce-overhead" if mode == "compiled" else "default")
        self.rows = torch.zeros(batch, dtype=torch.int64, device=device)
        self.graph = None

    def loss(self, images, labels):
        x = (images.float() / 255 - 0.2860) / 0.3530
        if self.fast:
            x = x.to(memory_format=self.torch.channels_last)
        with self.torch.autocast(self.device, dtype=self.torch.bfloat16, enabled=self.fast):
            return self.torch.nn.functional.cross_entropy(self.net(x), labels)

    def work(self, rows):
        if self.mode == "compiled":
            self.torch.compiler.cudagraph_mark_step_begin()
        loss = self.forward(self.images[rows], self.labels[rows])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def capture(self):
        torch = self.torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.work(self.rows)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.captured_loss = self.work(self.rows)

    def __call__(self, rows):
        if self.mode != "captured":
            return self.work(rows)
        self.rows.copy_(rows)
        if not self.graph:
            self.capture()
        self.graph.replay()
        return self.captured_loss


def torch_train_cuda(model, data, mode, steps, warm_up, batch, device="cuda"):
    import torch
    torch.manual_seed(0)
    step = CudaStep(torch, model, data, mode, batch, device)
    order = torch.randperm(len(step.images), device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for number in range(warm_up + steps):
        if number == warm_up:
            wait()
            start = time.perf_counter()
        at = number * batch % (len(order) - batch + 1)
        loss = step(order[at:at + batch])
    wait()
    seconds = time.perf_counter() - start
    print(json.dumps({"img_per_s": steps * batch / seconds, "loss": loss.item(), "version": torch.__version__}))


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


def run_torch(model, options, mode=None):
    call = f"torch_train({model!r}, {options.data!r}, {options.steps}, {options.warm_up}, {options.batch}, {options.threads})"
    if mode:
        call = f"torch_train_cuda({model!r}, {options.data!r}, {mode!r}, {options.steps}, {options.warm_up}, {options.batch})"
    output, memory = run_child([sys.executable, "-c", f"import compare_torch as c; c.{call}"],
                               {"PYTHONPATH": str(ROOT / "bench")})
    result = json.loads(output.splitlines()[-1])
    return result["img_per_s"], memory, result["version"]


def run_cupel(model, options, precision="f32"):
    steps = options.warm_up + options.steps
    with tempfile.TemporaryDirectory() as out:
        command = [options.cupel, "train", MODELS[model], "--device", options.device, "--threads", str(options.threads),
                   "--batch", str(options.batch), "--steps", str(steps), "--out", out, "--data", options.data]
        if options.device == "cuda":
            command += ["--precision", precision, "--epochs", str(1 + steps * options.batch // 10000)]
        _, memory = run_child(command, {"LD_LIBRARY_PATH": options.libraries} if options.libraries else {})
        lines = [json.loads(line) for line in open(Path(out) / "metrics.jsonl")]
    # Training lines come every 50 steps; those before the warm-up's end are left out, and so is the evaluation at the end.
    steps = [line for line in lines if "img_per_s" in line and line["step"] >= options.warm_up]
    if options.device == "cuda":  # many epochs, each with an evaluation that the lines' own speeds leave out
        return statistics.harmonic_mean([line["img_per_s"] for line in steps[1:]]), memory, None
    first, last = steps[0], steps[-1]
    return (last["step"] - first["step"]) * options.batch / (last["time_s"] - first["time_s"]), memory, None


def spread(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commit():
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return os.environ.get("CUPEL_COMMIT") or found.stdout.strip() or "unknown"


def conditions(options, version, machine):
    return (f"{datetime.date.today()}, commit {commit()}, {machine}, PyTorch {version}, "
            f"{options.rounds} rounds of {options.steps} steps after {options.warm_up}; median (least to most)")


def compare_cpu(options):
    version = None
    rows, results = [], []
    for model in options.models:
        ours, theirs, our_memory, their_memory = [], [], [], []
        for _ in range(options.rounds):
            speed, memory, _ = run_cupel(model, options)
            ours.append(speed)
            our_memory.append(memory)
            speed, memory, version = run_torch(model, options)
            theirs.append(speed)
            their_memory.append(memory)
        ratios = [a / b for a, b in zip(ours, theirs)]
        rows.append(f"| {model}, batch {options.batch} | {spread(ours)} | {spread(theirs)} | "
                    f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
                    f"{statistics.median(our_memory):.0f} | {statistics.median(their_memory):.0f} | "
                    f"{statistics.median(our_memory) / statistics.median(their_memory):.2f} |")
        results.append({"model": model, "batch": options.batch, "cupel": ours, "torch": theirs})
    table = "\n".join([
        conditions(options, f"{version} eager", f"{processor()}, {options.threads} threads"), "",
        "| training | Cupel img/s | PyTorch img/s | ratio | Cupel MiB | PyTorch MiB | ratio |",
        "|---|---|---|---|---|---|---|", *rows])
    return table, results


def compare_cuda(options):
    """Every way in turn, round by round. A way that fails is reported, and left out of the table."""
    version, gpu = None, os.environ.get("CUPEL_GPU", "GPU")
    rows, results = [], []
    for model in options.models:
        ways = [("cupel", precision) for precision in CUDA_PRECISIONS] + [("torch", mode) for mode in CUDA_MODES]
        speeds = {way: [] for way in ways}
        for way in [way for _ in range(options.rounds) for way in ways]:
            if speeds[way] is None:
                continue
            try:
                run = run_cupel if way[0] == "cupel" else run_torch
                speed, _, found = run(model, options, way[1])
                version = found or version
                speeds[way].append(speed)
            except SystemExit as failure:
                print(f"FAILED  {way[0]} {way[1]}: {failure}", file=sys.stderr)
                speeds[way] = None
        middle = {way: statistics.median(values) for way, values in speeds.items() if values}
        eager = middle.get(("torch", "eager"))
        best = max((speed for (side, _), speed in middle.items() if side == "torch"), default=None)
        for way in middle:
            against = " | ".join(f"{middle[way] / other:.2f}" if other else "-" for other in (eager, best))
            rows.append(f"| {model}, batch {options.batch} | {'Cupel' if way[0] == 'cupel' else 'PyTorch'} {way[1]} | "
                        f"{spread(speeds[way])} | {1e6 * options.batch / middle[way]:.1f} | {against} |")
        results += [{"model": model, "batch": options.batch, "program": way[0], "mode": way[1], "img_per_s": values}
                    for way, values in speeds.items()]
    table = "\n".join([
        conditions(options, version, gpu), "",
        "| training | program | img/s | us a step | against PyTorch eager | against its best |",
        "|---|---|---|---|---|---|", *rows])
    return table, results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--warm-up", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--libraries", help="a folder of shared libraries for Cupel alone")
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file")
    parser.add_argument("--json", type=Path, help="also write all speeds to this file")
    options = parser.parse_args()

    table, results = (compare_cuda if options.device == "cuda" else compare_cpu)(options)
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
