"""Writes gan.safetensors: five steps of narrow variants of the GANs in models/, with each loss, as PyTorch computes them in double.

The initial weights and the batch come from a hash that test_gan_golden.c computes too. Each case, called after its model and
the overrides, has its `losses` [networks, steps] and `values` [tensors, 2]: of every activation and gradient of the first step
and every parameter and statistic after the last the norm, and the product with the numbers of the hash, in which a difference
of any element shows. Both are in the order of the names that `cupel dump` gives them. Run it in this folder; the values depend
on nothing but this text, gan_torch.py and parity_torch.py.
"""

import sys

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, "..")
from gan_torch import Trainer, model_gan  # noqa: E402

STEPS, BATCH = 5, 6
LOSSES = ("nonsaturating", "minimax", "least_squares", "hinge", "wasserstein")


def numbers(stream, shape, bound):
    """Uniform in [-bound, bound), by element, exact in f32 before the product: a hash of stream and place."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(stream << 20)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    units = (x >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return torch.from_numpy((units * np.float32(bound)).reshape(shape))


def initial(gan):
    """Small weights, of normalisations around 1, and no running statistics yet. Those of down3 are larger: a loss that bends shows
    only where outputs are."""
    weights = {}
    for network, net in enumerate(gan.networks):
        weights.update({name: torch.full_like(value, name.endswith("var")) for name, value in net.buffers()})
        for place, (name, parameter) in enumerate(net.parameters()):
            value = numbers(100 * network + place, tuple(parameter.shape), 0.2 if "down3" in name else 0.05)
            scale = name.endswith("weight") and ("bn" in name or "ln" in name)
            weights[name] = value + 1 if scale else value
    return weights


def batch(gan):
    noise = numbers(1001, gan.batch["noise"].shape, 1.7)
    if gan.has_code:
        noise[:, gan.noise : gan.noise + 10] = 0
        for i in range(BATCH):
            noise[i, gan.noise + i * 7 % 10] = 1
    found = {"image": numbers(1000, gan.batch["image"].shape, 1), "noise": noise}
    if gan.classes:
        found["label"] = torch.arange(BATCH) * 7 % 10
    return found


def summary(tensor):
    flat = tensor.detach().double().flatten()
    return torch.stack([flat.norm(), flat @ numbers(2000, (len(flat),), 1).double()])


tensors = {}
cases = [(name, {"loss": loss}) for name in ("dcgan28", "dcgan64") for loss in LOSSES]
cases += [("cgan28", {}), ("wgan-gp28", {}), ("infogan28", {}), ("dcgan28", {"noisy_labels": 0.3, "label_smoothing": 0.1}),
          ("dcgan28", {"loss": "wasserstein", "clip_weights": 0.04, "clip_norm": 0.5, "discriminator_steps": 2})]
for name, settings in cases:
    gan, overrides = model_gan(name, 0, batch=BATCH, **settings)
    for net in gan.networks:
        net.restored(initial(gan))
    gan.batch = batch(gan)
    found = sorted(Trainer(gan, torch.float64).train(STEPS).items())
    case = " ".join([name, *overrides])
    tensors[f"{case}/losses"] = torch.stack([value for key, value in found if key.startswith("loss/")]).float()
    tensors[f"{case}/values"] = torch.stack([summary(value) for key, value in found if not key.startswith("loss/")]).float()
save_file(tensors, "gan.safetensors")
