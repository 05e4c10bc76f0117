"""Writes quality.safetensors: the Frechet distance of sets of vectors, and how much of each the other covers, as NumPy
computes them in double. Of each case it holds the vectors `a` and `b` and, in double, `distance`, `precision` (the part of b
among a) and `recall`. Run it in this folder; the values depend on NumPy's generator alone.
"""

import numpy as np
import torch
from safetensors.torch import save_file

generator = np.random.default_rng(5)
tensors = {}


def root_trace(a, b):
    """The trace of (S1 S2)^(1/2) from the vectors themselves: no covariance needs to have full rank."""
    product = (a - a.mean(0)) @ (b - b.mean(0)).T
    return np.linalg.svd(product, compute_uv=False).sum() / np.sqrt((len(a) - 1) * (len(b) - 1))


def distance(a, b, full):
    first, second = (np.atleast_2d(np.cov(x.T)) for x in (a, b))
    trace = root_trace(a, b)
    if full:
        eigenvalues = np.linalg.eigvals(first @ second)
        assert abs(np.sqrt(eigenvalues.real).sum() - trace) < 1e-9 * trace
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * trace


def covered(vectors, others, k=3):
    between = lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    radii = np.sort(between(others, others), 1)[:, k]  # the first is a vector's own, 0
    return (between(vectors, others) <= radii).any(1).mean()


def record(name, a, b, full=True):
    a, b = a.astype(np.float32), b.astype(np.float32)
    tensors[f"{name}/a"], tensors[f"{name}/b"] = torch.from_numpy(a), torch.from_numpy(b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    for key, value in {"distance": distance(a, b, full), "precision": covered(b, a), "recall": covered(a, b)}.items():
        print(name, key, value)
        tensors[f"{name}/{key}"] = torch.tensor([value], dtype=torch.float64)


def draw(count, size, shift=0.0):
    return generator.standard_normal((count, size)) @ generator.standard_normal((size, size)) + shift


record("full", draw(60, 5), draw(50, 5, 0.7))
record("wide", draw(90, 24), draw(110, 24))
record("one", draw(20, 1), draw(30, 1, 2))
record("fewer vectors than features", draw(6, 9), draw(7, 9), full=False)
a, b = draw(40, 6), draw(40, 6)
a[:, 1] = b[:, 1] = 0.25
a[:, 4] = 0
b[:, 2] = -1
record("features that do not vary", a, b, full=False)
a, b = draw(40, 6), draw(40, 6)
a[:, 3] = b[:, 3] = a[:, 0]
b[:, 3] = b[:, 0]
record("the same feature twice", a, b, full=False)
scales = 10.0 ** np.arange(-3, 3)
record("scales apart", draw(50, 6) * scales, draw(50, 6) * scales)
record("a part of it", a := generator.standard_normal((80, 3)), 0.3 * a[:30] + 0.1)
save_file(tensors, "quality.safetensors")
