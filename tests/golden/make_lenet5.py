"""Writes lenet5.safetensors: 20 Adam steps of LeNet-5 on one batch of 8 images, as PyTorch computes them, in double.

The initial weights and the batch come from a hash that test_train_golden.c computes too, so that the file need not hold
them. Of long tensors it holds every k-th row (k divides the number of rows): enough to find any difference. Run it in
this folder; the values depend on nothing but this text.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

STEPS, BATCH, MAX_ELEMENTS = 20, 8, 10200


def numbers(stream, shape, bound):
    """Uniform in [-bound, bound), by element, exact in f32 before the product: a hash of stream and place."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(stream << 20)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    units = (x >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return torch.from_numpy((units * np.float32(bound)).reshape(shape)).double()


network = nn.ModuleDict(
    {
        "conv1": nn.Conv2d(1, 6, 5, padding=2),
        "conv2": nn.Conv2d(6, 16, 5),
        "fc1": nn.Linear(400, 120),
        "fc2": nn.Linear(120, 84),
        "fc3": nn.Linear(84, 10),
    }
).double()
order = ["conv1", "relu1", "maxpool1", "conv2", "relu2", "maxpool2", "flatten1", "fc1", "relu3", "fc2", "relu4", "fc3"]

for stream, (name, parameter) in enumerate(network.named_parameters()):
    weight = network[name.split(".")[0]].weight
    parameter.data = numbers(stream, tuple(parameter.shape), float(np.float32(weight[0].numel() ** -0.5)))
image = numbers(100, (BATCH, 1, 28, 28), 2)
label = torch.arange(BATCH) * 7 % 10


def forward(x):
    found = {}
    for name in order:
        if name in network:
            x = network[name](x)
        elif name.startswith("relu"):
            x = F.relu(x)
        elif name.startswith("maxpool"):
            x = F.max_pool2d(x, 2)
        else:
            x = x.flatten(1)
        found[f"act/net.{name}"] = x
    return x, found


tensors = {}
losses = []
optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
for step in range(STEPS):
    logits, found = forward(image)
    loss = F.cross_entropy(logits, label)
    optimizer.zero_grad()
    loss.backward()
    if step == 0:
        tensors.update(found)
        tensors.update({f"grad/net.{name}": p.grad.clone() for name, p in network.named_parameters()})
    optimizer.step()
    losses.append(loss.item())
tensors.update({f"param/net.{name}": p for name, p in network.named_parameters()})
tensors["loss/loss"] = torch.tensor(losses)


def thinned(tensor):
    rows = tensor.shape[0]
    step = next(k for k in range(1, rows + 1) if rows % k == 0 and tensor.numel() // k <= MAX_ELEMENTS)
    return tensor.detach()[::step].float().contiguous()


save_file({name: thinned(tensor) for name, tensor in tensors.items()}, "lenet5.safetensors")
