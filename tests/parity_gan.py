#!/usr/bin/env python3
"""Trains GANs for some steps with `cupel dump` and with PyTorch, from the same weights on the same batch, and compares losses,
activations, gradients, parameters and running statistics of all networks.

Every loss and every setting has networks like DCGAN's of 28 and of 64 pixels; then come random ones.

usage: tests/parity_gan.py [--networks N] [--seed N] [--steps N] [--device D] [--cupel PATH] [--filter RE] [--keep DIR]
needs: PyTorch and safetensors in the Python that runs it, build/cupel.
"""
import argparse
import random
import re
import sys
import tempfile
from pathlib import Path

import torch

from gan_torch import Gan, Trainer, like_dcgan, model_gan
from parity_torch import ROOT, Tally, compare, dump, random_optimizer

LOSSES = ("nonsaturating", "minimax", "least_squares", "hinge", "wasserstein")
TOLERANCES = {"loss": 1e-4, "act": 1e-5, "grad": 1e-4, "param": 1e-4}
# Adaptive optimizers make a step of full size even of a gradient that is only rounding noise, which random networks may have.
RANDOM_TOLERANCES = {**TOLERANCES, "param": 1e-2}


def try_gan(directory, gan, model, tolerances, options):
    """`model`: the arguments that name it, or None for what the experiment itself writes."""
    weights = gan.weights()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "model.yaml"
    path.write_text(gan.model())
    ours, message = dump(directory, model or [path], weights, gan.batch, options.steps, options)
    if not ours:
        return {}, [message]
    theirs = Trainer(gan, torch.float32).train(options.steps)
    for net in gan.networks:
        net.restored(weights)
    exact = Trainer(gan, torch.float64).train(options.steps)
    worst, failures = compare(ours, theirs, exact, tolerances)
    return worst, failures + [f"{name} is not PyTorch's" for name in ours if name not in exact]


# ---- which ----

def of_file(name, seed, **settings):
    gan, overrides = model_gan(name, seed, **settings)
    return gan, [ROOT / f"models/{name}.yaml", *(word for one in overrides for word in ("--set", one))]


def of_setting(seed, norm="batchnorm", **settings):
    """Networks like DCGAN's with one setting or another."""
    layers, infogan = like_dcgan(28, 7, 1, 4, norm, settings.get("classes", 0)), settings.get("infogan")
    if infogan:
        layers["code"] = f"flatten; linear 9; batchnorm; leaky_relu 0.1; linear {sum(infogan.values())} bias"
    return Gan(layers, [1, 28, 28], seed, source="leaky_relu2", **settings), None


def of_chance(seed):
    """Any networks with any settings."""
    r = random.Random(seed)
    base, doublings, channels = r.choice([2, 3, 4, 5, 7]), r.randint(1, 3), r.randint(1, 3)
    side, classes, loss, code = base << doublings, r.choice([0, 0, 3, 5]), r.choice(LOSSES), r.choice([0, 0, 1, 2, 3])
    targets, penalty = loss not in ("hinge", "wasserstein"), r.choice([0, 0, 1, 10])
    norms = ["", "layernorm", "instancenorm"] + ([] if penalty else ["batchnorm"])
    layers = like_dcgan(side, base, channels, r.randint(2, 5), r.choice(norms), classes,
                        ("deconv", "pixel_shuffle", "nearest", "bilinear"), r.choice(["", "spectral"]), r.random() < 0.3, r)
    settings = {"loss": loss, "label_smoothing": r.choice([0, 0.1, 0.3]) if targets else 0,
                "noisy_labels": r.choice([0, 0.3]) if targets else 0, "gradient_penalty": penalty,
                "clip_weights": r.choice([0, 0, 0.05]), "clip_norm": r.choice([0, 0, 0.5]),
                "discriminator_steps": r.choice([1, 1, 2, 3]), "ema": r.choice([0, 0.9]),
                "instance_noise": r.choice([None, {"std": 0.1, "steps": 100}])}
    if code:
        settings["infogan"] = {"categories": 5 if code & 1 else 0, "continuous": 2 if code & 2 else 0, "continuous_weight": 0.5}
        layers["code"] = f"flatten; linear 9; batchnorm; leaky_relu 0.1; linear {5 * (code & 1) + (code & 2)} bias"
    if r.random() < 0.5:
        settings["optimizers"] = {name: random_optimizer(r) for name in layers}
    return Gan(layers, [channels, side, side], seed, r.randint(3, 6) * 2, r.randint(1, 12), classes, f"leaky_relu{doublings}",
               **settings), None


def experiments(count):
    """Names, and functions of a seed."""
    for loss in LOSSES:
        for name in ("dcgan28", "dcgan64"):
            yield f"{name} {loss}", lambda seed, name=name, loss=loss: of_file(name, seed, loss=loss)
    for name in ("cgan28", "wgan-gp28", "infogan28"):
        yield name, lambda seed, name=name: of_file(name, seed)
    settings = [{"loss": "wasserstein", "norm": norm, "gradient_penalty": 10, "discriminator_steps": 2}
                for norm in ("", "layernorm", "instancenorm")]
    settings += [{"label_smoothing": 0.1, "noisy_labels": 0.25, "instance_noise": {"std": 0.1, "steps": 9}},
                 {"loss": "wasserstein", "clip_weights": 0.04, "clip_norm": 0.5, "discriminator_steps": 2},
                 {"classes": 10, "discriminator_steps": 2, "ema": 0.9}]
    settings += [{"infogan": {"categories": some, "continuous": others}, "discriminator_steps": 2}
                 for some, others in ((10, 2), (10, 0), (0, 3))]
    for one in settings:
        yield ", ".join(f"{key} {value}" for key, value in one.items()), lambda seed, one=one: of_setting(seed, **one)
    for index in range(count):
        yield f"random {index}", of_chance


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20, help="number of random GANs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--filter", default="", help="only the GANs whose name matches")
    parser.add_argument("--keep", type=Path, help="leave each GAN's files in this directory")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as temporary:
        for index, (name, make) in enumerate(experiments(options.networks)):
            if not re.search(options.filter, name):
                continue
            gan, model = make(1000 * options.seed + index)
            tolerances = RANDOM_TOLERANCES if make is of_chance else TOLERANCES
            worst, failures = try_gan((options.keep or Path(temporary)) / f"gan{index}", gan, model, tolerances, options)
            tally.tell(name, worst, failures)
    tally.end()


if __name__ == "__main__":
    main()
