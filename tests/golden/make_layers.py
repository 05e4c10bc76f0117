"""Writes ops_layers.safetensors: embedding, enlarging, instance normalisation, minibatch deviation, spectral normalisation, adaptive
pools, local response normalisation, padding and unpooling as PyTorch computes them, in double.

Of each configuration it holds the parameters (`arg`, as test_layers.c reads them), the inputs `in0`, `in1`, ..., an upstream
gradient `dy`, the result `y` and the inputs' gradients `d0`, `d1`, ...; of spectral normalisation in training mode also the
vectors `u` and `v` after two steps. Run it in this folder; the values depend on PyTorch's generator alone.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

EMBEDDING, NEAREST, BILINEAR, PIXEL_SHUFFLE, INSTANCENORM, MINIBATCH_STD, SPECTRAL_NORM, ADAPTIVE_MAXPOOL, \
    ADAPTIVE_AVGPOOL, LRN, PAD, UNPOOL = range(12)
torch.manual_seed(13)
tensors = {}


def draw(*shape):
    return torch.randn(shape, dtype=torch.float32).double().requires_grad_()


def record(name, arg, function, inputs, extra=()):
    y = function(*inputs)
    dy = torch.randn(y.shape, dtype=torch.float32).double()
    wanted = [x for x in inputs if x.requires_grad]
    gradients = iter(torch.autograd.grad(y, wanted, dy))
    found = {"arg": torch.tensor(arg), "dy": dy, "y": y, **dict(extra)}
    for i, x in enumerate(inputs):
        found[f"in{i}"] = x
        if x.requires_grad:
            found[f"d{i}"] = next(gradients)
    for key, value in found.items():
        tensors[f"{name}/{key}"] = value.detach().clone().contiguous()


def embedding(name, classes, out, count):
    labels = torch.randint(classes, (count,), dtype=torch.int32)
    record(f"embedding-{name}", [EMBEDDING], lambda w, l: F.embedding(l, w), [draw(classes, out), labels])


def upsample(name, shape, factor):
    def function(mode, **how):
        return lambda x: F.interpolate(x, scale_factor=factor, mode=mode, **how)

    record(f"nearest-{name}", [NEAREST, *factor], function("nearest"), [draw(*shape)])
    record(f"bilinear-{name}", [BILINEAR, *factor], function("bilinear", align_corners=False), [draw(*shape)])


def minibatch_std(x, group):
    """As Karras et al. (2018) compute it."""
    group = min(group, len(x))
    deviation = (x.reshape(group, -1, *x.shape[1:]).var(0, unbiased=False) + 1e-8).sqrt()
    mean = deviation.flatten(1).mean(1)
    channel = mean.repeat(group).reshape(-1, *[1] * (x.dim() - 1)).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel], 1)


def spectral_norm(name, shape, axis):
    """Through a layer of the weight's shape that gives the weight back, as torch.nn.utils.spectral_norm has it."""
    module = {2: nn.Linear, 4: nn.ConvTranspose2d if axis else nn.Conv2d}[len(shape)]
    module = module(shape[1 - axis], shape[axis], *shape[2:3], bias=False).double()
    module.weight.data = draw(*shape).data
    nn.utils.spectral_norm(module)
    (hook,) = module._forward_pre_hooks.values()

    def run(weight, u, v, training):
        return hook.compute_weight(module, do_power_iteration=training)

    for training in (False, True):
        weight, u, v = module.weight_orig, module.weight_u.clone(), module.weight_v.clone()
        extra = {}
        if training:
            for _ in range(2):
                hook.compute_weight(module, do_power_iteration=True)
            extra = {"u": module.weight_u.clone(), "v": module.weight_v.clone()}
            module.weight_u.copy_(u), module.weight_v.copy_(v)
        record(f"spectral-norm-{name}{'-training' * training}", [SPECTRAL_NORM, axis, training],
               lambda weight, u, v: run(weight, u, v, training), [weight, u, v], extra)


embedding("few", 5, 3, 4)
embedding("many", 3, 7, 9)
upsample("x2", (2, 3, 4, 5), (2, 2))
upsample("x3-by-1", (1, 2, 3, 5), (3, 1))
upsample("x5-by-4", (1, 2, 3, 1), (5, 4))
record("pixel-shuffle-x2", [PIXEL_SHUFFLE, 2], lambda x: F.pixel_shuffle(x, 2), [draw(2, 12, 3, 5)])
record("pixel-shuffle-x3", [PIXEL_SHUFFLE, 3], lambda x: F.pixel_shuffle(x, 3), [draw(1, 9, 2, 3)])
record("instancenorm-plain", [INSTANCENORM], F.instance_norm, [draw(2, 3, 4, 5)])
record("instancenorm-affine", [INSTANCENORM], lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
       [draw(3, 2, 3, 3), draw(2), draw(2)])
record("instancenorm-sequence", [INSTANCENORM], F.instance_norm, [draw(2, 3, 7)])
record("minibatch-std-groups", [MINIBATCH_STD, 4], lambda x: minibatch_std(x, 4), [draw(8, 3, 2, 3)])
record("minibatch-std-small", [MINIBATCH_STD, 4], lambda x: minibatch_std(x, 4), [draw(3, 2, 3, 2)])
record("minibatch-std-vectors", [MINIBATCH_STD, 2], lambda x: minibatch_std(x, 2), [draw(4, 5)])
spectral_norm("linear", (5, 7), 0)
spectral_norm("conv", (4, 3, 3, 3), 0)
spectral_norm("deconv", (4, 3, 2, 2), 1)
for shape, size in (((2, 3, 7, 5), (3, 2)), ((1, 2, 3, 4), (5, 6)), ((2, 2, 4, 6), (2, 3)), ((2, 2, 5, 6), (1, 1))):
    name = "x".join(map(str, (*shape[2:], *size)))
    record(f"adaptive-maxpool-{name}", [ADAPTIVE_MAXPOOL, *size], lambda x: F.adaptive_max_pool2d(x, size), [draw(*shape)])
    record(f"adaptive-avgpool-{name}", [ADAPTIVE_AVGPOOL, *size], lambda x: F.adaptive_avg_pool2d(x, size), [draw(*shape)])
for size in (1, 4, 5, 9):
    record(f"lrn-{size}", [LRN, size], lambda x: F.local_response_norm(x, size, 3, 0.75, 2), [draw(2, 7, 2, 3)])
for mode in ("constant", "reflect", "replicate"):
    for top, bottom, left, right in ((1, 2, 3, 0), (0, 0, 2, 4), (2, 1, 1, 1)):
        record(f"pad-{mode}-{top}{bottom}{left}{right}",
               [PAD, top, bottom, left, right, ("constant", "reflect", "replicate").index(mode)],
               lambda x: F.pad(x, (left, right, top, bottom), mode), [draw(2, 3, 4, 5)])


def unpool(x, image, kernel, stride, pad):
    _, where = F.max_pool2d(image, kernel, stride, pad, return_indices=True)
    return F.max_unpool2d(x, where, kernel, stride, pad, image.shape[2:])


for kernel, stride, pad, size in (((2, 2), (2, 2), (0, 0), (2, 2)), ((2, 3), (3, 3), (0, 1), (2, 2))):
    record(f"unpool-{kernel[0]}{kernel[1]}", [UNPOOL, *kernel, *stride, *pad],
           lambda x, image: unpool(x, image.detach(), kernel, stride, pad) + 0 * image.sum(),
           [draw(2, 3, *size), draw(2, 3, 5, 5)])
save_file(tensors, "ops_layers.safetensors")
