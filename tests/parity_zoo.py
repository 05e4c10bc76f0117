#!/usr/bin/env python3
"""Trains the classic networks of models/, narrow and on small images, for some steps with `cupel dump` and with PyTorch, from
the same weights on the same batch, and compares losses, activations, gradients, parameters and running statistics by name. The
networks in full must have as many parameters as PyTorch's.

usage: tests/parity_zoo.py [--steps N] [--batch N] [--seed N] [--device D] [--cupel PATH] [--filter RE] [--keep DIR]
needs: PyTorch and safetensors in the Python that runs it, build/cupel.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from parity_torch import ROOT, Tally, compare, dump
from zoo_torch import NETWORKS, PIXEL_LOSSES

TOLERANCES = {"loss": 1e-4, "act": 1e-4, "grad": 1e-4, "param": 1e-4}
RATE = 0.01
# What makes each small. Sizes leave several places in the last maps: statistics of few numbers are ill-conditioned.
SMALL = {"alexnet": {"width": 4, "hidden": 20, "dropout": 0, "image_size": 95},
         "vgg16": {"width": 4, "hidden": 20, "dropout": 0, "image_size": 65},
         "zfnet": {"width": 6, "hidden": 20, "dropout": 0, "image_size": 95},
         "squeezenet": {"width": 2, "dropout": 0, "image_size": 68},
         "densenet121": {"growth": 4, "image_size": 96},
         "mobilenetv2": {"width": 8, "dropout": 0, "image_size": 96},
         "googlenet": {"width": 8, "dropout": 0, "head_dropout": 0, "image_size": 100},
         "unet": {"width": 4, "image_size": 32},
         "segnet": {"width": 4, "image_size": 96},
         "googlenet without heads": {"width": 8, "dropout": 0, "heads": 0, "image_size": 75}}
SMALL.update({f"resnet{depth}": {"width": 4, "image_size": 97} for depth in (18, 34, 50)})
SMALL.update({f"resnet{depth}-cifar": {"width": 4, "image_size": 24} for depth in (18, 34, 50)})
CLASSES = 10


def settings_of(small):
    words = {key if key == "image_size" else f"parameters.{key}": value for key, value in small.items()}
    words.update({"parameters.classes": CLASSES, "train.optimizer": f"{{sgd: {{lr: {RATE}}}}}",
                  "train.schedule": "constant", "train.warmup": 0})
    return [word for key, value in words.items() for word in ("--set", f"{key}={value}")]


def steady(net):
    """Statistics of few numbers, and rectifiers whose inputs lie near 0, turn the last bits of a sum into percents of a gradient.
    With these weights few inputs do: about one in a hundred is below."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 0.5)
            nn.init.ones_(module.bias)
    return net


def state(net):
    """Parameters and running statistics under the names that a model file's have."""
    return {f"net.{name}": value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def train(net, image, label, steps, loss_of=F.cross_entropy):
    """What `cupel dump` writes of it; activations are those of all modules."""
    result, losses, seen = {}, [], {}
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    hooks = [module.register_forward_hook(lambda _, __, made, name=name: seen.__setitem__(name, made))
             for name, module in net.named_modules() if name]
    for step in range(steps):
        logits = net(image)
        heads = logits[1:] if isinstance(logits, list) else []
        loss = loss_of(logits[0] if heads else logits, label) + sum(0.3 * F.cross_entropy(head, label) for head in heads)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            result.update({f"act/net.{name}": made.detach().clone() for name, made in seen.items()})
            result.update({f"grad/net.{name}": p.grad.clone() for name, p in net.named_parameters()})
        optimizer.step()
        losses.append(loss.item())
    for hook in hooks:
        hook.remove()
    result["loss/loss"] = torch.tensor(losses)
    result.update({f"param/{name}": value.clone() for name, value in state(net).items()})
    return result


def check_size(name, small, make, options):
    """The file's own size, as `cupel plan` prints it, against PyTorch's."""
    file = name.split()[0]
    heads = {key: value for key, value in small.items() if key == "heads"}
    with torch.device("meta"):
        wanted = sum(p.numel() for p in make(**heads).parameters())
    words = [word for key, value in heads.items() for word in ("--set", f"parameters.{key}={value}")]
    text = subprocess.run([options.cupel, "plan", ROOT / f"models/{file}.yaml", "--batch", "1", *words], capture_output=True,
                          text=True).stdout
    found = re.search(r": ([\d,]+) parameters", text)
    if found and int(found[1].replace(",", "")) == wanted:
        return []
    return [f"cupel plan prints {found[1] if found else 'no number of'} parameters, PyTorch has {wanted:,}"]


def try_network(directory, name, small, options):
    make = NETWORKS[name.split()[0]]
    directory.mkdir(parents=True, exist_ok=True)
    net = steady(make(**small, classes=CLASSES))
    weights = {key: value.clone() for key, value in state(net).items()}
    side = small["image_size"]
    pixels = name in PIXEL_LOSSES
    channels, loss_of = PIXEL_LOSSES.get(name, (3, F.cross_entropy))
    image = torch.randn(options.batch, channels, side, side)
    label = torch.randint(0, CLASSES, (options.batch, side, side) if pixels else (options.batch,))
    if pixels:
        label[torch.rand(label.shape) < 0.2] = 255
    ours, message = dump(directory, [ROOT / f"models/{name.split()[0]}.yaml", *settings_of(small)], weights,
                         {"image": image, "label": label}, options.steps, options)
    if not ours:
        return {}, [message]
    theirs = train(net, image, label, options.steps, loss_of)
    net = net.double()
    net.load_state_dict({key.removeprefix("net."): value for key, value in weights.items()}, strict=False)
    exact = train(net, image.double(), label, options.steps, loss_of)
    weighted = {f"act/{key.rpartition('.')[0]}" for key in weights}
    exact = {key: value for key, value in exact.items() if not key.startswith("act/") or key in ours or key in weighted}
    worst, failures = compare(ours, theirs, exact, TOLERANCES)
    failures += [f"{key} is not PyTorch's" for key in ours if key not in exact and not key.startswith("act/")]
    return worst, failures + check_size(name, small, make, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--filter", default="", help="only the networks whose name matches")
    parser.add_argument("--keep", type=Path, help="leave each network's files in this directory")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as temporary:
        for name, small in SMALL.items():
            if not re.search(options.filter, name):
                continue
            torch.manual_seed(options.seed)
            worst, failures = try_network((options.keep or Path(temporary)) / name.replace(" ", "-"), name, small, options)
            tally.tell(name, worst, failures[:20])
    tally.end()


if __name__ == "__main__":
    main()
