"""Writes ops_conv.safetensors: convolution, pooling, linear layers and matrix products as PyTorch computes them, in double.

Of each configuration it holds the parameters (`arg`, as test_conv.c reads them), inputs, an upstream gradient `dy`, the
output `y` and the gradients. Run it in this folder; the values depend on PyTorch's generator alone.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

CONV, DECONV, MAXPOOL, AVGPOOL, GLOBAL_AVGPOOL, LINEAR, MATMUL = range(7)
torch.manual_seed(7)
tensors = {}


def draw(*shape):
    return torch.randn(shape, dtype=torch.float32).double().requires_grad_()


def record(name, arg, function, **inputs):
    y = function(*inputs.values())
    dy = torch.randn_like(y)
    gradients = torch.autograd.grad(y, list(inputs.values()), dy)
    found = {"arg": torch.tensor(arg), **inputs, "dy": dy, "y": y}
    found.update({f"d{key}": gradient for key, gradient in zip(inputs, gradients)})
    for key, value in found.items():
        tensors[f"{name}/{key}"] = value.detach().contiguous()


def conv(name, x, weight, bias=True, stride=(1, 1), pad=(0, 0), dilation=(1, 1), groups=1, output_pad=None):
    inputs = {"x": draw(*x), "weight": draw(*weight)}
    outputs = weight[0] if output_pad is None else weight[1] * groups
    if bias:
        inputs["bias"] = draw(outputs)
    arg = [CONV if output_pad is None else DECONV, *stride, *pad, *dilation, *(output_pad or (0, 0)), groups]

    def function(x, weight, bias=None):
        if output_pad is None:
            return F.conv2d(x, weight, bias, stride, pad, dilation, groups)
        return F.conv_transpose2d(x, weight, bias, stride, pad, output_pad, groups, dilation)

    record(name, arg, function, **inputs)


def pool(name, kind, x, kernel, stride, pad=(0, 0), ceil=False, exclude=False):
    def function(x):
        if kind == MAXPOOL:
            return F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil)
        return F.avg_pool2d(x, kernel, stride, pad, ceil, not exclude)

    record(name, [kind, *stride, *pad, *kernel, int(ceil), int(exclude)], function, x=draw(*x))


def matmul(name, a, b, transpose_a=False, transpose_b=False):
    def function(x, weight):
        return (x.mT if transpose_a else x) @ (weight.mT if transpose_b else weight)

    record(name, [MATMUL, int(transpose_a), int(transpose_b)], function, x=draw(*a), weight=draw(*b))


conv("conv-plain", (2, 3, 5, 6), (4, 3, 3, 2), bias=False)
conv("conv-k5-pad2", (2, 1, 8, 9), (6, 1, 5, 5), pad=(2, 2))
conv("conv-k4-stride2-pad1", (2, 3, 8, 6), (5, 3, 4, 4), stride=(2, 2), pad=(1, 1), bias=False)
conv("conv-uneven", (1, 2, 9, 10), (3, 2, 3, 4), stride=(3, 2), pad=(0, 3))
conv("conv-dilation", (1, 2, 9, 11), (3, 2, 3, 2), stride=(1, 2), pad=(2, 1), dilation=(2, 3))
conv("conv-groups", (2, 6, 5, 4), (4, 3, 2, 3), pad=(1, 0), groups=2)
conv("conv-depthwise", (1, 5, 6, 7), (10, 1, 3, 3), stride=(2, 1), pad=(1, 1), groups=5)
conv("conv-k1", (2, 7, 3, 5), (3, 7, 1, 1))
conv("deconv-plain", (2, 3, 3, 4), (3, 2, 3, 2), output_pad=(0, 0), bias=False)
conv("deconv-k4-stride2-pad1", (2, 4, 3, 4), (4, 3, 4, 4), stride=(2, 2), pad=(1, 1), output_pad=(0, 0))
conv("deconv-from-one-pixel", (3, 5, 1, 1), (5, 4, 4, 3), output_pad=(0, 0), bias=False)
conv("deconv-output-pad", (1, 2, 3, 4), (2, 3, 3, 5), stride=(2, 3), pad=(1, 2), output_pad=(1, 2))
conv("deconv-output-pad-over-stride", (1, 2, 4, 3), (2, 3, 2, 3), stride=(1, 2), pad=(1, 2), dilation=(3, 4),
     output_pad=(2, 3))
conv("deconv-groups", (2, 4, 3, 2), (4, 3, 3, 2), stride=(2, 1), pad=(1, 0), groups=2, output_pad=(1, 0))
pool("maxpool-k2", MAXPOOL, (2, 3, 5, 6), (2, 2), (2, 2))
pool("maxpool-k3-stride2-pad1", MAXPOOL, (1, 3, 7, 8), (3, 3), (2, 2), (1, 1))
pool("maxpool-uneven", MAXPOOL, (1, 2, 8, 9), (2, 5), (3, 1), (1, 2))
pool("maxpool-ceil", MAXPOOL, (1, 2, 6, 7), (3, 2), (2, 2), (0, 1), ceil=True)
pool("maxpool-ceil-over-image", MAXPOOL, (1, 2, 2, 5), (3, 3), (3, 3), ceil=True)
pool("avgpool-k2", AVGPOOL, (2, 3, 5, 6), (2, 2), (2, 2))
pool("avgpool-pad", AVGPOOL, (1, 2, 7, 8), (3, 5), (2, 1), (1, 2))
pool("avgpool-pad-excluded", AVGPOOL, (1, 2, 7, 8), (3, 5), (2, 1), (1, 2), exclude=True)
pool("avgpool-ceil", AVGPOOL, (1, 2, 6, 8), (3, 4), (2, 3), (1, 2), ceil=True)
pool("avgpool-ceil-last-dropped", AVGPOOL, (1, 2, 4, 5), (2, 3), (3, 3), (1, 1), ceil=True)
pool("avgpool-ceil-excluded", AVGPOOL, (1, 2, 6, 8), (3, 4), (2, 3), (1, 2), ceil=True, exclude=True)
record("global-avgpool", [GLOBAL_AVGPOOL], lambda x: F.adaptive_avg_pool2d(x, 1), x=draw(2, 5, 4, 3))
record("linear", [LINEAR], F.linear, x=draw(3, 7), weight=draw(5, 7), bias=draw(5))
record("linear-no-bias", [LINEAR], F.linear, x=draw(4, 1), weight=draw(3, 1))

matmul("matmul-stack", (2, 3, 4, 5), (2, 3, 5, 2))
matmul("matmul-stack-transposed-a", (3, 5, 4), (3, 5, 2), transpose_a=True)
matmul("matmul-stack-transposed-both", (3, 5, 4), (3, 2, 5), transpose_a=True, transpose_b=True)
matmul("matmul-one-for-a-stack", (2, 3, 4, 5), (2, 5), transpose_b=True)
matmul("matmul-one-for-a-stack-transposed-a", (3, 5, 4), (5, 2), transpose_a=True)
save_file(tensors, "ops_conv.safetensors")
