"""Batches that the tests of the losses share, and losses written out naively: loops, float64, no shift, no clip."""
import math

import numpy as np
import pytest

RANKS = [((4,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((2, 3, 4), -1), ((2, 3, 4, 5), 1), ((2, 3, 4, 5), 2)]
NORMALIZATIONS = ("valid", "full", "batch_size", "none")
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def case(shape, axis, M, dtype, seed=0, scale=2.0):
    """Logits, labels and a matrix, none of them special."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=shape).astype(dtype)
    return logits, rng.integers(0, M, np.delete(shape, axis)), rng.normal(size=(M, shape[axis])).astype(dtype)


def infogain(z, h):
    """Loss and gradient of one sample."""
    p = np.exp(z) / np.exp(z).sum()
    return -sum(h[j] * math.log(p[j]) for j in range(len(p))), [p[k] * sum(h) - h[k] for k in range(len(p))]


def expected_distance(z, d):
    """Loss and gradient of one sample."""
    p = np.exp(z) / np.exp(z).sum()
    mean = sum(p[j] * d[j] for j in range(len(p)))
    return mean, [p[k] * (d[k] - mean) for k in range(len(p))]


def by_loops(sample, logits, labels, H, axis=-1, ignore_label=None, normalization="valid"):
    """Value and gradient, in Caffe's sense, and the losses of the samples."""
    Z, H = np.moveaxis(np.asarray(logits, np.float64), axis, -1), np.asarray(H, np.float64)
    grad, each = np.zeros_like(Z), np.zeros(labels.shape)
    kept = [place for place in np.ndindex(labels.shape) if labels[place] != ignore_label]
    for place in kept:
        each[place], grad[place] = sample(Z[place], H[labels[place]])
    outer = math.prod(np.shape(logits)[: axis % np.ndim(logits)])
    n = max(1, {"valid": len(kept), "full": labels.size, "batch_size": outer, "none": 1}[normalization])
    return each.sum() / n, np.moveaxis(grad, -1, axis) / n, each


def close(actual, wanted, dtype, scale=1.0):
    """Equal to 40 roundings at the given size."""
    np.testing.assert_allclose(actual, wanted, rtol=40 * np.finfo(dtype).eps, atol=40 * np.finfo(dtype).eps * scale)
