#!/usr/bin/env python3
"""Trains the same network on the same data with Cupel and with PyTorch, in turn, and prints both speeds.

Every round runs both programs in fresh processes, A B A B ..., so that a drift of the machine's speed meets both. Images per second
are counted after a warm-up; peak memory is the process's largest resident set, as the kernel reports it.

usage: bench/compare_torch.py [--rounds N] [--steps N] [--batch N] [--threads N] [--out FILE.md] [MODEL ...]
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


# ---- the PyTorch side, run as a child process: torch_train(...) prints one JSON line ----

def lenet5(nn):
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def read_idx(torch, name):
    import gzip
    raw = bytearray(gzip.open(DATA / f"{name}.gz").read())
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return torch.frombuffer(raw, dtype=torch.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def torch_train(model, steps, warm_up, batch, threads):
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = {"lenet5": lenet5}[model](nn)
    images = read_idx(torch, "train-images-idx3-ubyte").unsqueeze(1)
    labels = read_idx(torch, "train-labels-idx1-ubyte").long()
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


# ---- running both ----

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


def run_torch(model, options):
    code = f"import compare_torch as c; c.torch_train({model!r}, {options.steps}, {options.warm_up}, {options.batch}, {options.threads})"
    output, memory = run_child([sys.executable, "-c", code], {"PYTHONPATH": str(ROOT / "bench")})
    result = json.loads(output.splitlines()[-1])
    return result["img_per_s"], memory, result["version"]


def run_cupel(model, options):
    with tempfile.TemporaryDirectory() as out:
        command = [options.cupel, "train", MODELS[model], "--device", "cpu", "--threads", str(options.threads), "--batch",
                   str(options.batch), "--steps", str(options.warm_up + options.steps), "--out", out]
        _, memory = run_child(command, {})
        lines = [json.loads(line) for line in open(Path(out) / "metrics.jsonl")]
    # Training lines come every 50 steps; those before the warm-up's end are left out, and so is the evaluation at the end.
    steps = [line for line in lines if "img_per_s" in line and line["step"] >= options.warm_up]
    first, last = steps[0], steps[-1]
    return (last["step"] - first["step"]) * options.batch / (last["time_s"] - first["time_s"]), memory, None


def spread(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--warm-up", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--out", type=Path, help="also write the table to this Markdown file")
    options = parser.parse_args()

    version = None
    rows = []
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
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    table = "\n".join([
        f"{datetime.date.today()}, commit {commit or 'unknown'}, {processor()}, {options.threads} threads, PyTorch {version} eager, "
        f"{options.rounds} rounds of {options.steps} steps after {options.warm_up}; median (least to most)",
        "",
        "| training | Cupel img/s | PyTorch img/s | ratio | Cupel MiB | PyTorch MiB | ratio |",
        "|---|---|---|---|---|---|---|", *rows])
    print(table)
    if options.out:
        arguments = " ".join(argument for argument in sys.argv[1:])
        options.out.write_text(f"`bench/compare_torch.py {arguments}`\n\n{table}\n")


if __name__ == "__main__":
    main()
