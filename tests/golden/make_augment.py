"""Writes augment.safetensors: images with colours changed and rotated, in double.

Of each configuration it holds the parameters (`arg`, as test_augment.c reads them), the images `in0`, further inputs `in1`, ..., and
the result `y`. Colours are changed by the formulas of torchvision's ColorJitter, hues by way of Python's colorsys, which
torchvision's follow; images are rotated and scaled by torch.nn.functional.grid_sample, as torchvision's affine() does.
Run it in this folder; the values depend on PyTorch's generator alone.
"""

import colorsys
import math

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

JITTER, AFFINE = range(2)
torch.manual_seed(29)
tensors = {}


def record(name, arg, inputs, y):
    found = {"arg": torch.tensor(arg), "y": y}
    for i, x in enumerate(inputs):
        found[f"in{i}"] = x
    for key, value in found.items():
        tensors[f"{name}/{key}"] = value.clone().contiguous()


def grey(images):
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)).sum(1, keepdim=True)


def blend(images, other, factor):
    return (factor * images + (1 - factor) * other).clamp(0, 1)


def turn(pixel, hue):
    h, s, v = colorsys.rgb_to_hsv(*pixel.tolist())
    return torch.tensor(colorsys.hsv_to_rgb((h + hue) % 1, s, v), dtype=torch.float64)


def jitter(name, shape, brightness, contrast, saturation, hue):
    """Factors in hundredths."""
    pixels = torch.rand(shape).double()
    pixels[0, :, 0, 0] = 0.5  # a grey, which has no hue
    channels = shape[1]
    mean, deviation = torch.rand(channels).double(), (torch.rand(channels) + 0.25).double()
    per_channel = [x.view(channels, 1, 1) for x in (mean, deviation)]
    y = blend(pixels, 0, brightness / 100)
    y = blend(y, grey(y).mean((2, 3), keepdim=True), contrast / 100)
    if channels == 3:
        y = blend(y, grey(y), saturation / 100)
        y = torch.stack([turn(p, hue / 100) for p in y.permute(0, 2, 3, 1).reshape(-1, 3)])
        y = y.view(shape[0], *shape[2:], 3).permute(0, 3, 1, 2)
    normalised = [(x - per_channel[0]) / per_channel[1] for x in (pixels, y)]
    record(f"jitter-{name}", [JITTER, brightness, contrast, saturation, hue], [normalised[0], mean, deviation],
           normalised[1])


def affine(name, shape, angle, scale):
    """Degrees clockwise, and a scale in hundredths. The grid is that of the result's pixels, brought back to the image."""
    images, fill = torch.randn(shape).double(), torch.randn(shape[1]).double()
    height, width = shape[2:]
    cosine, sine = (f(math.radians(angle)) * 100 / scale for f in (math.cos, math.sin))
    theta = torch.tensor([[cosine, sine * height / width, 0], [-sine * width / height, cosine, 0]], dtype=torch.float64)
    grid = F.affine_grid(theta.expand(shape[0], 2, 3), shape, align_corners=False)
    beyond = fill.view(1, -1, 1, 1)
    y = F.grid_sample(images - beyond, grid, "bilinear", "zeros", align_corners=False) + beyond
    record(f"affine-{name}", [AFFINE, angle, scale], [images, fill], y)


jitter("brighter", (2, 3, 4, 5), 150, 100, 100, 0)
jitter("darker", (1, 3, 3, 4), 40, 100, 100, 0)
jitter("contrast", (2, 3, 4, 5), 100, 160, 100, 0)
jitter("less-contrast", (2, 3, 4, 5), 100, 30, 100, 0)
jitter("saturation", (2, 3, 4, 5), 100, 100, 170, 0)
jitter("black-and-white", (1, 3, 3, 4), 100, 100, 0, 0)
jitter("hue", (3, 3, 4, 5), 100, 100, 100, 17)
jitter("hue-back", (3, 3, 4, 5), 100, 100, 100, -50)
jitter("all", (2, 3, 5, 7), 120, 70, 140, -20)
jitter("one-channel", (2, 1, 4, 5), 130, 60, 100, 0)
affine("quarter", (1, 2, 5, 5), 90, 100)
affine("little", (2, 3, 6, 7), 10, 100)
affine("far", (2, 1, 7, 4), -135, 100)
affine("larger", (2, 2, 5, 6), 0, 150)
affine("smaller", (2, 2, 6, 5), 0, 45)
affine("both", (3, 3, 9, 8), 33, 80)
save_file(tensors, "augment.safetensors")
