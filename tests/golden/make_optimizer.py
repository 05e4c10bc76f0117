"""Writes optimizer.safetensors: ten steps of every optimizer as torch.optim does them, in double.

All start from the same `parameter` and see the same `gradient` (one row a step, with zeros, tiny and huge values among them).
Of each variant it holds `option` (kind and hyperparameters, as test_optimizer.c reads them), `parameter` after
each step and `moment1`, `moment2` after the last. Run it in this folder.
"""

import torch
from safetensors.torch import save_file

STEPS, COUNT, RATE = 10, 23, 0.0625
SGD, ADAM, RMSPROP, ADAGRAD = range(4)

torch.manual_seed(5)
start = torch.randn(COUNT, dtype=torch.float32).double()
gradient = torch.randn(STEPS, COUNT, dtype=torch.float32).double()
gradient[:, 0] = 0
gradient[::2, 1] = 0
gradient[:, 2] *= 2.0**-20
gradient[:, 3] *= 2.0**12
tensors = {"parameter": start, "gradient": gradient, "rate": torch.tensor([RATE], dtype=torch.float64)}


def record(name, kind, make, option=(), moments=(), limit=0):
    """option: up to five numbers after kind and limit; moments: names in the optimizer's state."""
    parameter = torch.nn.Parameter(start.clone())
    optimizer = make([parameter])
    path = []
    for step in range(STEPS):
        parameter.grad = gradient[step].clone()
        if limit:
            torch.nn.utils.clip_grad_norm_([parameter], limit)
        optimizer.step()
        path.append(parameter.detach().clone())
    padded = [kind, limit, *option] + [0] * (5 - len(option))
    tensors[f"{name}/option"] = torch.tensor(padded, dtype=torch.float64)
    tensors[f"{name}/parameter"] = torch.stack(path)
    for i, moment in enumerate(moments):
        tensors[f"{name}/moment{i + 1}"] = optimizer.state[parameter][moment]


def sgd(name, momentum=0.0, decay=0.0, nesterov=False, limit=0):
    def make(p):
        return torch.optim.SGD(p, RATE, momentum, weight_decay=decay, nesterov=nesterov, foreach=False)

    moments = ["momentum_buffer"] if momentum else []
    record(name, SGD, make, [momentum, decay, int(nesterov)], moments, limit)


def adam(name, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0, decoupled=False):
    def make(p):
        kind = torch.optim.AdamW if decoupled else torch.optim.Adam
        return kind(p, RATE, (beta1, beta2), eps, decay, foreach=False)

    record(name, ADAM, make, [beta1, beta2, eps, decay, int(decoupled)], ["exp_avg", "exp_avg_sq"])


def rmsprop(name, alpha=0.99, eps=1e-8, decay=0.0):
    def make(p):
        return torch.optim.RMSprop(p, RATE, alpha, eps, decay, foreach=False)

    record(name, RMSPROP, make, [alpha, eps, decay], ["square_avg"])


def adagrad(name, eps=1e-10, decay=0.0):
    def make(p):
        return torch.optim.Adagrad(p, RATE, weight_decay=decay, eps=eps, foreach=False)

    record(name, ADAGRAD, make, [eps, decay], ["sum"])


sgd("sgd")
sgd("sgd-decay", decay=0.25)
sgd("momentum", momentum=0.9)
sgd("momentum-decay", momentum=0.75, decay=0.25)
sgd("nesterov", momentum=0.9, nesterov=True)
sgd("nesterov-decay", momentum=0.75, decay=0.25, nesterov=True)
sgd("clipped", limit=1.5)
adam("adam")
adam("adam-gan", beta1=0.5, beta2=0.9)
adam("adam-eps", eps=0.125)
adam("adam-decay", decay=0.25)
adam("adamw", decay=0.25, decoupled=True)
adam("adam-no-moments", beta1=0.0, beta2=0.0)
rmsprop("rmsprop")
rmsprop("rmsprop-decay", alpha=0.75, eps=0.125, decay=0.25)
adagrad("adagrad")
adagrad("adagrad-decay", eps=0.125, decay=0.25)
save_file({name: value.contiguous() for name, value in tensors.items()}, "optimizer.safetensors")
