#!/usr/bin/env python3
"""Takes a ResNet-18 with torchvision's names from PyTorch to Cupel and back: its state_dict gives the same numbers there, is
fine-tuned with another head, frozen layers and groups as PyTorch would do it, and what comes out loads in PyTorch, strictly.

usage: tests/parity_weights.py [--seed N] [--device D] [--cupel PATH] [--keep DIR]
needs: PyTorch with NumPy and safetensors in the Python that runs it, build/cupel.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from parity_torch import ROOT, relative
from zoo_torch import NETWORKS

CLASSES, OTHER_CLASSES, SIDE, WIDTH = 4, 3, 16, 4
MEAN, STD = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2470, 0.2435, 0.2616])
FROZEN = ("conv1", "bn1", "layer1.", "layer2.0")
RATE, DECAY, STEPS = 0.02, 0.01, 6


class Work:
    """Runs of the program on one directory, and what has been compared."""

    def __init__(self, directory, options):
        self.directory, self.options, self.failed = directory, options, 0

    def settings(self, classes, *more):
        words = {"parameters.width": WIDTH, "parameters.classes": classes, "image_size": SIDE, "data.format": "npy",
                 "data.path": self.directory / "data", "data.class_names": "~", "train.schedule": "constant",
                 "train.warmup": 0, "train.optimizer": f"{{sgd: {{lr: {RATE}, momentum: 0.9, weight_decay: {DECAY}}}}}"}
        pairs = [f"{key}={value}" for key, value in words.items()] + list(more)
        return [word for pair in pairs for word in ("--set", pair)]

    def cupel(self, command, *words):
        run = subprocess.run([self.options.cupel, command, ROOT / "models/resnet18-cifar.yaml", "--device",
                              self.options.device, *map(str, words)], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"cupel {command} failed: {run.stderr}")
        return run.stdout + run.stderr

    def compare(self, what, ours, theirs, tolerance):
        error = relative(torch.as_tensor(ours), torch.as_tensor(theirs))
        self.failed += not error <= tolerance
        print(f"{'passed' if error <= tolerance else 'FAILED'}  {what}: {error:.1e}")

    def expect(self, what, good):
        self.failed += not good
        print(f"{'passed' if good else 'FAILED'}  {what}")

    def dump(self, weights, image, label, steps, *settings):
        save_file({"image": image, "label": label}, self.directory / "batch.safetensors")
        self.cupel("dump", "--weights", weights, "--batch", self.directory / "batch.safetensors", "--steps", steps, "--out",
                   self.directory / "out.safetensors", *settings)
        return load_file(self.directory / "out.safetensors")

    def compare_trained(self, net, weights, test, classes, what):
        """Logits, and loss and accuracy on the test split, in evaluation mode. All frozen but a bias, a training step's
        activations are those of evaluation."""
        net.eval()
        with torch.no_grad():
            logits = net(test[0])
        ours = self.dump(weights, test[0], test[1], 1, *self.settings(
            classes, "train.freeze=[conv1.*, bn1.*, layer?.*, fc.weight]"))
        self.compare(f"logits, {what}", ours["act/net.fc"], logits, 1e-5)
        text = self.cupel("eval", "--weights", weights, *self.settings(classes))
        loss, accuracy = (float(re.search(rf"\n{word} +([0-9.]+)", text)[1]) for word in ("loss", "accuracy"))
        self.expect(f"loss and accuracy of eval, {what}: {loss}, {accuracy} %",
                    abs(loss - F.cross_entropy(logits, test[1]).item()) < 1e-4
                    and abs(accuracy - 100 * (logits.argmax(1) == test[1]).float().mean().item()) < 0.01)


def make_data(directory, classes, name):
    """Images with a brightness that depends on their class, as NPY files, and as PyTorch sees them, normalised."""
    (directory / "data").mkdir(exist_ok=True)
    result = {}
    for split, count in (("", 60), ("test_", 41)):
        labels = torch.randint(0, classes, (count,))
        images = (torch.randint(0, 120, (count, 3, SIDE, SIDE)) + 40 * labels.reshape(-1, 1, 1, 1)).clamp(0, 255)
        numpy.save(directory / "data" / f"{split}images.npy", images.to(torch.uint8).numpy())
        numpy.save(directory / "data" / f"{split}labels.npy", labels.numpy())
        normalised = (images.float() / 255 - MEAN.reshape(3, 1, 1)) / STD.reshape(3, 1, 1)
        result[split] = normalised, labels
    return result[""], result["test_"]


def pretrained(train):
    net = NETWORKS["resnet18-cifar"](width=WIDTH, classes=CLASSES)
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(net(train[0]), train[1]).backward()
        optimizer.step()
    return net


def freeze(net):
    """PyTorch's way: no gradients, and norms in evaluation mode."""
    net.train()
    for name, module in net.named_modules():
        if name.startswith(FROZEN) and isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not name.startswith(FROZEN))


def fine_tune(net, image, label):
    """Some steps with groups; the losses."""
    freeze(net)
    trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    groups = {"norm": {"params": [], "weight_decay": 0}, "head": {"params": [], "lr": 5 * RATE}, "rest": {"params": []}}
    for name, parameter in trained:
        kind = "head" if name.startswith("fc.") else "norm" if ".bn" in name or "downsample.1" in name else "rest"
        groups[kind]["params"].append(parameter)
    optimizer = torch.optim.SGD(list(groups.values()), RATE, 0.9, weight_decay=DECAY)
    losses = []
    for _ in range(STEPS):
        loss = F.cross_entropy(net(image), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)


SETTINGS = ("train.freeze=[conv1.*, bn1.*, layer1.*, layer2.0*]",
            f"train.groups=[{{match: ['*.bn?.*', '*.downsample.1.*'], weight_decay: 0}}, {{match: fc.*, lr: {5 * RATE}}}]")


def compare_steps(work, net, train):
    """The same fine-tuning steps in PyTorch, which `net` is changed by, and in Cupel."""
    save_file(net.state_dict(), work.directory / "start.safetensors")
    image, label = train[0][:32], train[1][:32]
    ours = work.dump(work.directory / "start.safetensors", image, label, STEPS, *work.settings(CLASSES, *SETTINGS))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    work.compare("losses of fine-tuning", ours["loss/loss"], fine_tune(net, image, label), 1e-4)
    after = {name: value for name, value in net.state_dict().items() if "num_batches" not in name}
    for what, names in (("parameters", [n for n, p in net.named_parameters() if p.requires_grad]),
                        ("running statistics", [n for n in after if ".running_" in n and not n.startswith(FROZEN)])):
        work.compare(f"{what} of fine-tuning", torch.tensor(max(relative(ours[f"param/net.{n}"], after[n]) for n in names)) + 1,
                     torch.tensor(1.0), 1e-4)
    work.expect("frozen parameters and statistics keep their bits",
                all(torch.equal(ours[f"param/net.{n}"], before[n]) for n in after if n.startswith(FROZEN)))
    work.expect("frozen parameters have no gradient", not any(n[9:].startswith(FROZEN) for n in ours if n.startswith("grad/")))


def new_head(work, net):
    """Trains with a head for other classes, and takes the weights back to PyTorch."""
    save_file(net.state_dict(), work.directory / "start.safetensors")
    train, test = make_data(work.directory, OTHER_CLASSES, "other")
    text = work.cupel("train", "--init", work.directory / "start.safetensors", "--init-skip", "fc.*", "--out",
                      work.directory / "run", "--epochs", 4, "--batch", 20,
                      *work.settings(OTHER_CLASSES, *SETTINGS, "data.augment={flip: false}"))
    work.expect("a head that is left as initialised is told", "left as initialised: net.fc.weight, net.fc.bias" in text)
    back = NETWORKS["resnet18-cifar"](width=WIDTH, classes=OTHER_CLASSES)
    for name, prefix in (("best", ""), ("checkpoint", "net.")):
        path = work.directory / "run" / f"{name}.safetensors"
        held = {key.removeprefix("net."): value for key, value in load_file(path).items() if key.startswith(prefix)}
        back.load_state_dict(held, strict=True)
        work.expect(f"{name}.safetensors loads strictly, frozen weights as they were",
                    all(torch.equal(value, net.state_dict()[key]) for key, value in held.items() if key.startswith(FROZEN)))
        work.compare_trained(back, path, test, OTHER_CLASSES, f"{name}.safetensors of Cupel in PyTorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--keep", type=Path, help="leave the files in this directory")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        work = Work(options.keep or Path(temporary), options)
        work.directory.mkdir(parents=True, exist_ok=True)
        train, test = make_data(work.directory, CLASSES, "first")
        net = pretrained(train)
        save_file(net.state_dict(), work.directory / "torch.safetensors")
        work.compare_trained(net, work.directory / "torch.safetensors", test, CLASSES, "a state_dict in Cupel")
        half = {name: value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()}
        save_file(half, work.directory / "half.safetensors")
        net.load_state_dict(half)
        work.compare_trained(net, work.directory / "half.safetensors", test, CLASSES, "a state_dict of 16 bits in Cupel")
        compare_steps(work, net, train)
        new_head(work, net)
    print(f"{work.failed} failed")
    sys.exit(1 if work.failed else 0)


if __name__ == "__main__":
    main()
