"""Writes ops_norm.safetensors: normalisation, softmax and the losses of classification as PyTorch computes them, in double.

Of each configuration it holds the parameters (`arg` and `number`, as test_norm.c reads them), the inputs `in0`, `in1`, ...,
an upstream gradient `dy`, the result `y` and the inputs' gradients `d0`, `d1`, ... Batch normalisation then takes two steps
more, on `x1` and `x2`, and holds what the running statistics are after them. Run it in this folder; the values depend on
PyTorch's generator alone.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SOFTMAX, LOG_SOFTMAX, CROSS_ENTROPY, BCE, BATCHNORM, BATCHNORM_EVAL, LAYERNORM = range(7)
torch.manual_seed(11)
tensors = {}


def draw(*shape):
    return torch.randn(shape, dtype=torch.float32).double().requires_grad_()


def record(name, kind, function, inputs, arg=0, number=(), extra=()):
    y = function(*inputs)
    dy = torch.randn(y.shape, dtype=torch.float32).double()
    wanted = [x for x in inputs if x.requires_grad]
    gradients = iter(torch.autograd.grad(y, wanted, dy))
    found = {"arg": torch.tensor([kind, arg]), "number": torch.tensor([*number, 0, 0][:2], dtype=torch.float64)}
    for i, x in enumerate(inputs):
        found[f"in{i}"] = x
        if x.requires_grad:
            found[f"d{i}"] = next(gradients)
    found.update({"dy": dy, "y": y}, **dict(extra))
    for key, value in found.items():
        tensors[f"{name}/{key}"] = value.detach().clone().contiguous()


def softmax(name, shape, axis, factor=1):
    x = (draw(*shape) * factor).detach().requires_grad_()
    record(f"softmax-{name}", SOFTMAX, lambda x: F.softmax(x, axis), [x], axis)
    record(f"log-softmax-{name}", LOG_SOFTMAX, lambda x: F.log_softmax(x, axis), [x], axis)


def cross_entropy(name, shape, smoothing=0.0, ignore=-100, ignored=0, factor=1):
    logits = (draw(*shape) * factor).detach().requires_grad_()
    labels = torch.randint(shape[1], (shape[0], *shape[2:]), dtype=torch.int64)
    labels.view(-1)[:ignored] = ignore
    record(
        f"cross-entropy-{name}",
        CROSS_ENTROPY,
        lambda x, t: F.cross_entropy(x, t.long(), label_smoothing=smoothing, ignore_index=ignore),
        [logits, labels.int()],
        ignore,
        [smoothing],
    )


def bce(name, shape, factor=1):
    x = (draw(*shape) * factor).detach().requires_grad_()
    target = torch.rand(shape, dtype=torch.float32).double().requires_grad_()
    record(f"bce-{name}", BCE, F.binary_cross_entropy_with_logits, [x, target])


def batchnorm(name, shape, momentum=0.1, eps=1e-5):
    channels = shape[1]
    x, weight, bias = draw(*shape), draw(channels), draw(channels)
    mean, var = draw(channels).detach(), torch.rand(channels, dtype=torch.float32).double() + 0.5
    number = [momentum, eps]

    def evaluate(x, weight, bias, mean, var):
        return F.batch_norm(x, mean, var, weight, bias, False, momentum, eps)

    def train(x, weight, bias, mean, var):
        return F.batch_norm(x, mean.clone(), var.clone(), weight, bias, True, momentum, eps)

    record(f"batchnorm-eval-{name}", BATCHNORM_EVAL, evaluate, [x, weight, bias, mean, var], 0, number)
    steps = [x.detach(), 2 * draw(*shape).detach() + 1, draw(*shape).detach() - 3]
    running_mean, running_var = mean.clone(), var.clone()
    for step in steps:
        F.batch_norm(step, running_mean, running_var, weight, bias, True, momentum, eps)
    extra = {"x1": steps[1], "x2": steps[2], "running_mean": running_mean, "running_var": running_var}
    record(f"batchnorm-{name}", BATCHNORM, train, [x, weight, bias, mean, var], 0, number, extra)


def layernorm(name, shape, axes, eps=1e-5):
    normal = shape[-axes:]
    inputs = [draw(*shape), draw(*normal), draw(*normal)]
    record(f"layernorm-{name}", LAYERNORM, lambda x, w, b: F.layer_norm(x, normal, w, b, eps), inputs, 0, [0, eps])


softmax("rows", (5, 7), 1)
softmax("first", (5, 3), 0)
softmax("middle", (2, 5, 3), 1)
softmax("images", (2, 3, 2, 5), -3)
softmax("huge", (4, 5), 1, 1e4)
cross_entropy("rows", (9, 7))
cross_entropy("one", (1, 3))
cross_entropy("smooth", (9, 7), 0.1)
cross_entropy("ignore", (9, 4), ignored=4)
cross_entropy("ignore-class", (17, 4), ignore=2)
cross_entropy("ignore-smooth", (9, 4), 0.1, ignored=4)
cross_entropy("lonely", (5, 3), 0.2, ignored=4)
cross_entropy("sequence", (2, 3, 5), 0.1, ignored=2)
cross_entropy("images", (2, 3, 4, 3))
cross_entropy("images-smooth", (2, 5, 3, 3), 0.1, ignore=255, ignored=7)
cross_entropy("huge", (5, 4), factor=1e4)
cross_entropy("huge-smooth", (5, 4), 0.1, factor=1e4)
bce("rows", (5, 7))
bce("images", (2, 3, 3, 2))
bce("huge", (3, 5), 1e4)
batchnorm("rows", (5, 3))
batchnorm("sequence", (2, 3, 5), 0.3, 1e-3)
batchnorm("images", (3, 4, 3, 5))
batchnorm("one-image", (1, 2, 3, 3), 0.01, 0.1)
batchnorm("momentum-1", (4, 3), 1.0)
layernorm("rows", (5, 7), 1)
layernorm("sequence", (2, 3, 5), 1, 1e-3)
layernorm("images", (2, 3, 4, 3), 3)
layernorm("planes", (2, 3, 3, 5), 2, 0.1)
save_file(tensors, "ops_norm.safetensors")
