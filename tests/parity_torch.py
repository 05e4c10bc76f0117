#!/usr/bin/env python3
"""Trains networks for some steps with `cupel dump` and with PyTorch, from the same weights on the same batch, and compares
losses, activations, gradients and parameters.

The networks are models/lenet5.yaml and random ones: branches, residual sums, every layer type, every optimizer, frozen layers and
groups of parameters with settings of their own.

usage: tests/parity_torch.py [--networks N] [--seed N] [--steps N] [--device D] [--cupel PATH] [--keep DIR]
needs: PyTorch and safetensors in the Python that runs it, build/cupel.
"""
import argparse
import random
import re
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent

ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus,
               "gelu": F.gelu, "selu": F.selu}


class Layer:
    """One layer: its line in the model file, its parameters as a PyTorch module (or None), and its function."""

    def __init__(self, name, word, arguments, apply, module=None, inputs=None):
        self.name, self.word, self.arguments, self.apply, self.module = name, word, arguments, apply, module
        self.inputs = inputs

    def line(self):
        arguments = {"name": self.name, **self.arguments}
        if self.inputs:
            arguments["from"] = self.inputs if len(self.inputs) > 1 else self.inputs[0]
        return f"      - {self.word}: {flow(arguments)}"


def flow(value):
    """YAML flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


class Network:
    """A list of layers, as text for Cupel and as a function for PyTorch; grows layer by layer with a sample batch."""

    def __init__(self, sample, name="net", label=None):
        self.name, self.layers = name, []
        self.values, self.last = {"input": sample, "label": label}, "input"
        self.frozen, self.groups = [], []  # names of layers; pairs of a pattern and what it sets

    def value(self, name=None):
        return self.values[name or self.last]

    def add(self, word, arguments=None, apply=None, module=None, inputs=None, name=None):
        name = name or f"{word}{len(self.layers)}"
        layer = Layer(name, word, arguments or {}, apply or module, module, inputs)
        self.values[name] = layer.apply(*[self.values[source] for source in inputs or [self.last]]).detach()
        self.layers.append(layer)
        self.last = name
        return name

    def run(self, x, label=None):
        """The last layer's result, and each layer's."""
        values, last = {"input": x, "label": label}, "input"
        for layer in self.layers:
            values[layer.name] = layer.apply(*[values[source] for source in layer.inputs or [last]])
            last = layer.name
        return values[last], {layer.name: values[layer.name] for layer in self.layers}

    def restored(self, weights):
        """This network in f64 with the weights that it had."""
        for layer in self.layers:
            if layer.module:
                layer.module.double()
        with torch.no_grad():
            for name, value in (*self.parameters(), *self.buffers()):
                value.copy_(weights[name])
        return self

    def parameters(self):
        for layer in self.layers:
            for name, parameter in (layer.module.named_parameters() if layer.module else []):
                yield f"{self.name}.{layer.name}.{name}", parameter

    def parameter_groups(self):
        """One for each parameter, for an optimizer; frozen layers have none, and work as in evaluation."""
        for layer in self.layers:
            if layer.name in self.frozen:
                layer.module.eval().requires_grad_(False)
        for name, parameter in self.parameters():
            settings = {}
            for pattern, values in self.groups:
                settings.update(values if fnmatchcase(name, pattern) else {})
            if parameter.requires_grad:
                yield {"params": [parameter], **settings}

    def buffers(self):
        for layer in self.layers:
            for name, buffer in (layer.module.named_buffers() if layer.module else []):
                if name != "num_batches_tracked":
                    yield f"{self.name}.{layer.name}.{name}", buffer


def lenet5(sample):
    net = Network(sample)
    net.add("conv", module=nn.Conv2d(1, 6, 5, padding=2), name="conv1")
    net.add("relu", apply=F.relu)
    net.add("maxpool", apply=lambda x: F.max_pool2d(x, 2))
    net.add("conv", module=nn.Conv2d(6, 16, 5), name="conv2")
    net.add("relu", apply=F.relu)
    net.add("maxpool", apply=lambda x: F.max_pool2d(x, 2))
    net.add("flatten", apply=lambda x: x.flatten(1))
    for name, inputs, outputs in (("fc1", 400, 120), ("fc2", 120, 84), ("fc3", 84, 10)):
        net.add("linear", module=nn.Linear(inputs, outputs), name=name)
        if name != "fc3":
            net.add("relu", apply=F.relu)
    return net


def add_linear(net, r, width):
    module, arguments = nn.Linear(net.value().shape[1], width), {"out": width}
    net.add("linear", *with_spectral_norm(module, arguments, r))


def with_spectral_norm(module, arguments, r):
    """Arguments of Network.add, one time in five with the weight divided by its largest singular value."""
    if r.random() < 0.2:
        module, arguments = nn.utils.spectral_norm(module), {**arguments, "spectral_norm": True}
    return arguments, module, module


def add_convolution(net, r):
    x = net.value()
    channels, height, width = x.shape[1:]
    transposed = r.random() < 0.3
    kernel = [r.randint(1, min(5, height)), r.randint(1, min(5, width))]
    stride, pad = [r.randint(1, 2), r.randint(1, 2)], [r.randint(0, (k - 1) // 2) for k in kernel]
    groups = r.choice([g for g in (1, 1, 1, 2, 3, channels) if channels % g == 0])
    out, bias = groups * r.randint(1, 5), r.random() < 0.7
    arguments = {"out": out, "kernel": kernel, "stride": stride, "pad": pad, "groups": groups, "bias": bias}
    if transposed:
        extra = [r.randint(0, s - 1) for s in stride]
        arguments["output_pad"] = extra
        module = nn.ConvTranspose2d(channels, out, kernel, stride, pad, extra, groups, bias)
        net.add("deconv", *with_spectral_norm(module, arguments, r))
    else:
        dilation = [r.randint(1, 2) if k > 1 and s + 2 * p > 2 * (k - 1) else 1
                    for k, s, p in zip(kernel, (height, width), pad)]
        arguments["dilation"] = dilation
        module = nn.Conv2d(channels, out, kernel, stride, pad, dilation, groups, bias)
        net.add("conv", *with_spectral_norm(module, arguments, r))


def add_activation(net, r):
    word = r.choice(["leaky_relu", "elu", *ACTIVATIONS])
    if word == "leaky_relu":
        slope = round(r.uniform(0.01, 0.3), 3)
        net.add(word, {"slope": slope}, apply=lambda x: F.leaky_relu(x, slope))
    elif word == "elu":
        alpha = round(r.uniform(0.5, 1.5), 3)
        net.add(word, {"alpha": alpha}, apply=lambda x: F.elu(x, alpha))
    else:
        net.add(word, apply=ACTIVATIONS[word])


def add_pool(net, r):
    x = net.value()
    if min(x.shape[2:]) < 3:
        return
    kernel, stride = r.randint(2, 3), r.randint(1, 2)
    pad, ceil = r.randint(0, kernel // 2), r.random() < 0.5
    arguments = {"kernel": kernel, "stride": stride, "pad": pad, "ceil_mode": ceil}
    if r.random() < 0.5:
        net.add("maxpool", arguments, apply=lambda x: F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil))
    else:
        whole = r.random() < 0.5
        net.add("avgpool", {**arguments, "count_include_pad": whole},
                apply=lambda x: F.avg_pool2d(x, kernel, stride, pad, ceil, whole))


def add_adaptive_pool(net, r):
    size = [r.randint(1, s + 1) for s in net.value().shape[2:]]
    if r.random() < 0.5:
        net.add("adaptive_maxpool", {"size": size}, apply=lambda x: F.adaptive_max_pool2d(x, size))
    else:
        net.add("adaptive_avgpool", {"size": size}, apply=lambda x: F.adaptive_avg_pool2d(x, size))


def add_unpool(net, r):
    """A pool, something between, and back."""
    channels, height, width = net.value().shape[1:]
    if min(height, width) < 3:
        return
    kernel = [r.randint(1, 2), r.randint(2, 3)]
    stride, seen = [k + r.randint(0, 1) for k in kernel], {}

    def pool(x):
        y, seen["where"] = F.max_pool2d(x, kernel, stride, return_indices=True)
        seen["size"] = x.shape
        return y

    pooled = net.add("maxpool", {"kernel": kernel, "stride": stride}, apply=pool)
    net.add("conv", {"out": channels, "kernel": 1}, module=nn.Conv2d(channels, channels, 1))
    net.add("unpool", inputs=[net.last, pooled],
            apply=lambda x, _: F.max_unpool2d(x, seen["where"], kernel, stride, output_size=seen["size"]))


def add_margins(net, r):
    height, width = net.value().shape[2:]
    if r.random() < 0.5:
        top, left = (r.randint(0, max(0, (size - 2) // 2)) for size in (height, width))
        size = [height - 2 * top - (top > 0), width - 2 * left - (left > 0)]
        net.add("crop", {"size": size}, apply=lambda x: x[:, :, top:top + size[0], left:left + size[1]])
    else:
        top, bottom = (r.randint(0, min(2, height - 1)) for _ in range(2))
        left, right = (r.randint(0, min(2, width - 1)) for _ in range(2))
        mode = r.choice(["constant", "reflect", "replicate"])
        value = r.choice([0, 0.5]) if mode == "constant" else 0
        net.add("pad", {"pad": [top, bottom, left, right], "mode": mode, "value": value},
                apply=lambda x: F.pad(x, (left, right, top, bottom), mode, value))


def add_norm(net, r):
    x = net.value()
    if x.dim() == 4 and x.shape[2] * x.shape[3] >= 9 and r.random() < 0.3:
        affine = r.random() < 0.5
        net.add("instancenorm", {"affine": affine}, module=nn.InstanceNorm2d(x.shape[1], affine=affine))
    elif r.random() < 0.7:
        momentum = round(r.uniform(0.05, 0.5), 3)
        net.add("batchnorm", {"momentum": momentum},
                module=(nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d)(x.shape[1], momentum=momentum))
    else:
        net.add("layernorm", module=nn.LayerNorm(list(x.shape[1:])))


def add_lrn(net, r):
    size, alpha, k = r.randint(1, 7), round(r.uniform(1e-4, 1), 4), round(r.uniform(0.5, 2), 3)
    net.add("lrn", {"size": size, "alpha": alpha, "k": k},
            apply=lambda x: F.local_response_norm(x, size, alpha, 0.75, k))


def add_enlarging(net, r):
    """At most as large as the images were."""
    channels, height, width = net.value().shape[1:]
    factor = [r.randint(1, 3), r.randint(1, 3)]
    if factor[0] * height > 17 or factor[1] * width > 17:
        return
    how = r.choice(["nearest", "bilinear", "shuffle"])
    if how == "shuffle" and channels % 4 == 0:
        net.add("pixel_shuffle", {"factor": 2}, apply=lambda x: F.pixel_shuffle(x, 2))
    elif how != "shuffle":
        net.add("upsample", {"factor": factor, "mode": how},
                apply=lambda x: F.interpolate(x, scale_factor=tuple(factor), mode=how,
                                              **({"align_corners": False} if how == "bilinear" else {})))


def add_minibatch_std(net, r):
    batch = len(net.value())
    group = r.choice([g for g in range(2, 2 * batch) if g > batch or batch % g == 0])

    def apply(x):
        members = x.reshape(min(group, batch), -1, *x.shape[1:])
        deviation = (members.var(0, unbiased=False) + 1e-8).sqrt().flatten(1).mean(1)
        channel = deviation.repeat(len(members)).reshape(-1, *[1] * (x.dim() - 1))
        return torch.cat([x, channel.expand(-1, 1, *x.shape[2:])], 1)

    net.add("minibatch_std", {"group": group}, apply=apply)


def add_branch(net, r):
    start, channels = net.last, net.value().shape[1]
    if start == "input":
        return
    kernel = r.choice([1, 3])
    left = net.add("conv", {"out": channels, "kernel": kernel, "pad": kernel // 2},
                   module=nn.Conv2d(channels, channels, kernel, padding=kernel // 2))
    add_activation(net, r)
    left = net.last
    if r.random() < 0.5:
        net.add("add", inputs=[left, start], apply=lambda a, b: a + b)
    else:
        net.add("concat", inputs=[start, left], apply=lambda a, b: torch.cat([a, b], 1))


def random_network(sample, classes, r):
    net = Network(sample)
    add_convolution(net, r)
    for _ in range(r.randint(2, 6)):
        r.choice([add_convolution, add_activation, add_activation, add_pool, add_adaptive_pool, add_unpool,
                  add_margins, add_norm, add_lrn, add_branch, add_enlarging, add_minibatch_std])(net, r)
    if r.random() < 0.3:
        net.add("global_avgpool", apply=lambda x: x.mean((2, 3), keepdim=True))
    net.add("flatten", apply=lambda x: x.flatten(1))
    for _ in range(r.randint(0, 2)):
        width = r.randint(3, 40)
        add_linear(net, r, width)
        r.choice([add_activation, add_norm])(net, r)
    add_linear(net, r, classes)
    return net


def random_optimizer(r):
    rate = round(r.uniform(1e-4, 1e-3), 6)
    decay = r.choice([0, 0.01])
    kind = r.choice(["sgd", "adam", "adamw", "rmsprop", "adagrad"])
    if kind == "sgd":
        momentum = r.choice([0, 0.9])
        nesterov = bool(momentum) and r.random() < 0.5
        return kind, {"lr": rate, "momentum": momentum, "nesterov": nesterov, "weight_decay": decay}, \
            lambda p: torch.optim.SGD(p, rate, momentum, nesterov=nesterov, weight_decay=decay)
    make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop,
            "adagrad": torch.optim.Adagrad}[kind]
    return kind, {"lr": rate, "weight_decay": decay}, lambda p: make(p, rate, weight_decay=decay)


def tune(net, r, rate):
    """Freezes some layers but the last, and makes groups."""
    trained = [layer.name for layer in net.layers if layer.module and list(layer.module.parameters())]
    net.frozen = [name for name in trained[:-1] if r.random() < 0.2]
    if r.random() < 0.5:
        net.groups.append(("*.bias", {"weight_decay": 0}))
    for name in trained:
        if r.random() < 0.2:
            net.groups.append((f"net.{name}.*", {"lr": rate * r.choice([0.3, 2])}))


def model_text(net, shape, classes, optimizer, smoothing, clip):
    lines = ["task: classify", "data:", "  format: idx", "  path: /nowhere", f"  shape: {flow(shape)}",
             f"  classes: {classes}", "networks:", "  net:", "    input: image", "    layers:",
             *(layer.line() for layer in net.layers), "train:", "  loss: cross_entropy",
             f"  label_smoothing: {smoothing}", f"  optimizer: {flow({optimizer[0]: optimizer[1]})}", "  batch: 8",
             "  epochs: 1"]
    if clip:
        lines.append(f"  clip_norm: {clip}")
    if net.frozen:
        lines.append(f"  freeze: {flow([f'net.{name}.*' for name in net.frozen])}")
    if net.groups:
        lines.append(f"  groups: {flow([{'match': repr(pattern), **values} for pattern, values in net.groups])}")
    return "\n".join(lines) + "\n"


def train_torch(net, optimizer, image, label, steps, smoothing, clip):
    parameters = dict(net.parameters())
    made, result = optimizer[2](list(net.parameter_groups())), {}
    losses = []
    for step in range(steps):
        logits, values = net.run(image)
        loss = F.cross_entropy(logits, label, label_smoothing=smoothing)
        made.zero_grad()
        loss.backward()
        if step == 0:
            result.update({f"act/net.{name}": value.detach().clone() for name, value in values.items()})
            result.update({f"grad/{name}": p.grad.clone() for name, p in parameters.items() if p.requires_grad})
        if clip:
            nn.utils.clip_grad_norm_(list(parameters.values()), clip)
        made.step()
        losses.append(loss.item())
    result["loss/loss"] = torch.tensor(losses)
    result.update({f"param/{name}": p.detach().clone() for name, p in parameters.items()})
    result.update({f"param/{name}": b.clone() for name, b in net.buffers()})
    return result


class Tally:
    """Tells how each network did, and counts."""

    def __init__(self):
        self.passed = self.failed = 0

    def tell(self, name, worst, failures):
        print(f"{'FAILED' if failures else 'passed'}  {name}: "
              + ", ".join(f"{kind} {error:.1e}" for kind, error in worst.items()), flush=True)
        for failure in failures:
            print(f"        {failure}")
        self.passed, self.failed = self.passed + (not failures), self.failed + bool(failures)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def relative(ours, theirs):
    norm = theirs.double().norm().item()
    return (ours.double().reshape(theirs.shape) - theirs.double()).norm().item() / max(norm, 1e-6)


def rounding_noise(theirs):
    """Names that cannot be compared: a bias before a normalisation has no gradient but rounding errors, which an adaptive optimizer
    blows up to steps of full size; the running means follow it."""
    gradients = {name[5:]: value.norm().item() for name, value in theirs.items() if name.startswith("grad/")}
    noise = [name for name, norm in gradients.items() if norm < 1e-4 * max(gradients.values())]
    names = {prefix + name for name in noise for prefix in ("grad/", "param/")}
    return names | {name for name in theirs if noise and name.endswith("running_mean")}


def compare(ours, theirs, exact, tolerances):
    """The worst error of each kind against PyTorch in f64, and what is beyond its tolerance. Where PyTorch's own f32 result is
    hardly better, the problem is ill-conditioned and nobody's fault."""
    worst, failures = {}, []
    skipped = rounding_noise(exact)
    for name, expected in exact.items():
        kind = name.split("/")[0]
        if name in skipped:
            continue
        if name not in ours:
            failures.append(f"{name} is missing")
            continue
        error = relative(ours[name], expected)
        worst[kind] = max(worst.get(kind, 0), error)
        if not error <= max(tolerances[kind], 4 * relative(theirs[name], expected)):
            failures.append(f"{name}: relative error {error:.2e} over {tolerances[kind]:.0e}")
    return worst, failures


def dump(directory, model, weights, batch, steps, options):
    """What `cupel dump` writes, and its message where it fails; `model` begins with the file."""
    save_file(weights, directory / "weights.safetensors")
    save_file(batch, directory / "batch.safetensors")
    run = subprocess.run([options.cupel, "dump", *model, "--weights", directory / "weights.safetensors", "--batch",
                          directory / "batch.safetensors", "--steps", str(steps), "--out",
                          directory / "out.safetensors", "--device", options.device], capture_output=True, text=True)
    return (None, run.stderr.strip()) if run.returncode else (load_file(directory / "out.safetensors"), "")


def try_network(directory, net, model, optimizer, image, label, smoothing, clip, tolerances, steps, options):
    weights = {name: value.detach().clone() for name, value in (*net.parameters(), *net.buffers())}
    ours, message = dump(directory, [model], weights, {"image": image, "label": label}, steps, options)
    if not ours:
        return {}, [message]
    theirs = train_torch(net, optimizer, image, label, steps, smoothing, clip)
    exact = train_torch(net.restored(weights), optimizer, image.double(), label, steps, smoothing, clip)
    if model.name == "lenet5.yaml":
        exact = {name: value for name, value in exact.items() if re.match("act/net.(conv|fc)|[^a]", name)}
    return compare(ours, theirs, exact, tolerances)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20, help="number of random networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20, help="of lenet5; random networks, which may be chaotic, take 5")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cupel", default=str(ROOT / "build/cupel"))
    parser.add_argument("--keep", type=Path, help="leave each network's files in this directory")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    r = random.Random(options.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as temporary:
        for index in range(-1, options.networks):
            directory = (options.keep or Path(temporary)) / f"network{index}"
            directory.mkdir(parents=True, exist_ok=True)
            if index < 0:
                image, label, smoothing, clip = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,)), 0, 0
                net, model = lenet5(image), ROOT / "models/lenet5.yaml"
                optimizer = ("adam", {}, lambda p: torch.optim.Adam(p, 1e-3))
                tolerances = {"loss": 1e-5, "act": 1e-5, "grad": 1e-5, "param": 1e-4}
            else:
                shape, classes = [r.randint(1, 5), r.randint(7, 17), r.randint(7, 17)], r.randint(2, 12)
                batch = r.randint(6, 12)  # batch statistics of fewer are ill-conditioned
                image, label = torch.randn(batch, *shape), torch.randint(0, classes, (batch,))
                net, optimizer = random_network(image, classes, r), random_optimizer(r)
                tune(net, r, optimizer[1]["lr"])
                smoothing, clip = r.choice([0, 0.1]), r.choice([0, 0.5])
                model = directory / "model.yaml"
                model.write_text(model_text(net, shape, classes, optimizer, smoothing, clip))
                # An adaptive optimizer makes a step of full size even of a gradient that is only rounding noise.
                tolerances = {"loss": 1e-4, "act": 1e-5, "grad": 1e-4, "param": 1e-3 if optimizer[0] == "sgd" else 5e-2}
            worst, failures = try_network(directory, net, model, optimizer, image, label, smoothing, clip, tolerances,
                                          options.steps if index < 0 else 5, options)
            name = "lenet5" if index < 0 else f"random network {index} ({len(net.layers)} layers, {optimizer[0]}, " \
                f"{len(net.frozen)} frozen, {len(net.groups)} groups)"
            tally.tell(name, worst, failures)
    tally.end()


if __name__ == "__main__":
    main()
