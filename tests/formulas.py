"""Losses in SymPy, for proofs: one sample as it is defined, a batch of them, and the gradient as SymPy derives it."""
import numpy as np
import sympy as sp

# What the losses compare with, in float64 and for up to 7 samples: `prove` wants such numbers declared.
THRESHOLDS = [300, 1e-290, *(sign * (708 - up) for sign in (1, -1) for up in range(3))]


def softmax(z):
    return np.array([sp.exp(entry) for entry in z]) / sum(map(sp.exp, z))


def infogain(z, h):
    return sum(h) * sp.log(sum(map(sp.exp, z))) - sum(h * z)


def infogain_from_probabilities(p, h):
    return -sum(entry * sp.log(q) for entry, q in zip(h, p, strict=True))


def expected_distance(z, d):
    return sum(softmax(z) * d)


def squared_error(o, t):
    return sum((o - t) ** 2) / 2


def binary_cross_entropy(z, t):
    """As it is defined, from the probabilities."""
    p = 1 / (1 + np.array([sp.exp(-entry) for entry in z]))
    return -sum(goal * sp.log(q) + (1 - goal) * sp.log(1 - q) for q, goal in zip(p, t, strict=True))


def losses(loss, Z, labels, H):
    """The loss of each sample."""
    return [loss(z, H[label]) for z, label in zip(Z, labels, strict=True)]


def batch(loss, Z, labels, H, *, n=None, ignored=None):
    """Value and gradient: the sum over the samples not ignored, divided by n, which is their number if not given."""
    kept = [i for i, label in enumerate(labels) if label != ignored]
    each = losses(loss, Z[kept], [labels[i] for i in kept], H)
    n, grad = n or len(kept), np.zeros(Z.shape, object)
    for i, one in zip(kept, each, strict=True):
        grad[i] = [one.diff(entry) / n for entry in Z[i]]
    return sum(each) / n, grad
