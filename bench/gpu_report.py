#!/usr/bin/env python3
"""Writes what scripts/gpu.sh measured to DATE-gpu.md and DATE-gpu.json in a folder. What was not measured is left out.

usage: bench/gpu_report.py WORK_FOLDER RESULTS_FOLDER      (called by scripts/gpu.sh)
"""
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

# The parts of the speed of a copy that kernels aim at.
AIMS = {"batchnorm": 0.8, "batchnorm_grad": 0.8}
AIM = 0.9


def command(*words):
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def measure_copy():
    """GB/s of a copy on the device, read and written bytes counted, by PyTorch; None without one."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    source = torch.ones(1 << 28, device="cuda")
    target = torch.empty_like(source)
    times = []
    for _ in range(12):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        target.copy_(source)
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return 2 * source.numel() * 4 / sorted(times[2:])[5] / 1e9


def read(path, lines=False):
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_text().splitlines()] if lines else json.loads(path.read_text())


def trainings(work):
    """The last evaluation of each training, and the speed of its last line."""
    found = []
    for folder in sorted(work.glob("train-*")):
        lines = read(folder / "metrics.jsonl", lines=True) or []
        tested = [line for line in lines if "test_accuracy" in line]
        speeds = [line for line in lines if "img_per_s" in line]
        if tested and speeds:
            found.append({"precision": folder.name[len("train-"):], "epochs": tested[-1]["epoch"],
                          "test_loss": tested[-1]["test_loss"], "test_accuracy": tested[-1]["test_accuracy"],
                          "img_per_s": speeds[-1]["img_per_s"]})
    return found


def table(heads, rows):
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    work, out = Path(sys.argv[1]), Path(sys.argv[2])
    query = "--query-gpu=name,driver_version,memory.total"
    steps = [line.split("\t") for line in (work / "steps.tsv").read_text().splitlines()]
    report = {
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "commit": os.environ.get("CUPEL_COMMIT") or "unknown",
        "gpu": command("nvidia-smi", query, "--format=csv,noheader"),
        "doctor": (work / "doctor.txt").read_text().splitlines(),
        "steps": [dict(zip(("name", "result", "seconds", "detail"), step)) for step in steps],
        "training": trainings(work),
        "torch": read(work / "torch.json"),
        "bandwidth": read(work / "bandwidth.jsonl", lines=True),
        "bench": read(work / "bench.json"),
    }
    if report["bandwidth"]:
        report["copy_gb_per_s"] = measure_copy()

    page = [f"# Cupel on {report['gpu']}", f"{report['date']}, commit {report['commit']}, by `scripts/gpu.sh`.",
            table(("step", "result", "s", ""), steps)]
    if report["training"]:
        page += ["## LeNet-5 on Fashion-MNIST", table(
            ("precision", "epochs", "test loss", "test accuracy", "img/s"),
            [(run["precision"], run["epochs"], f"{run['test_loss']:.4f}", run["test_accuracy"], f"{run['img_per_s']:.0f}")
             for run in report["training"]])]
    if report["torch"]:
        page += ["## Training against PyTorch", (work / "torch.md").read_text().strip()]
    if report["bandwidth"]:
        copy = report["copy_gb_per_s"]
        rows = []
        for row in report["bandwidth"]:
            share = row["gb_per_s"] / copy if copy else None
            aim = AIMS.get(row["kernel"], AIM)
            rows.append((row["kernel"], row["type"], f"{1e6 * row['seconds']:.1f}", f"{row['gb_per_s']:.0f}",
                         f"{share:.2f}" if share else "-", f"{aim} {'met' if share >= aim else 'missed'}" if share else aim))
        page += ["## Kernels that move memory",
                 f"A copy on the device by PyTorch: {f'{copy:.0f} GB/s' if copy else 'not measured'}, bytes read and written counted.",
                 table(("kernel", "type", "us", "GB/s", "of a copy", "aim"), rows)]
    if report["bench"]:
        page += ["## Kernels of known models, by `cupel bench ops`", table(
            ("row", "shape", "engine", "cold us", "hot us", "GFLOP/s", "GB/s", "roof", "bound"),
            [(row["name"], row["shape"], row["engine"], f"{1e6 * row['cold']['median']:.1f}",
              f"{1e6 * row['hot']['median']:.1f}", f"{row['gflops']:.0f}", f"{row['gbytes']:.0f}", f"{row['roof']:.2f}",
              row["bound"] or row["note"]) for row in report["bench"]["rows"]])]
    page += ["## The machine", "```\n" + "\n".join(report["doctor"]) + "\n```"]

    out.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.date.today()}-gpu"
    number = 2
    while (out / f"{name}.md").exists():
        name = f"{datetime.date.today()}-gpu-{number}"
        number += 1
    (out / f"{name}.md").write_text("\n\n".join(page) + "\n")
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {out / name}.md and .json")


if __name__ == "__main__":
    main()
