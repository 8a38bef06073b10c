"""Proofs of all branches and sizes of the losses: chapter 03 shows one of each kind."""
import formulas
import numpy as np
import pytest
import sympy as sp
from formulas import THRESHOLDS

from nnnotes.losses import (
    binary_cross_entropy,
    binary_cross_entropy_value_and_grad,
    expected_distance,
    expected_distance_value_and_grad,
    infogain,
    infogain_losses,
    infogain_value_and_grad,
    log_softmax,
    softmax,
    squared_error,
    squared_error_value_and_grad,
)
from nnnotes.proof import prove, symbols

BOTH = {
    formulas.infogain: (infogain, infogain_value_and_grad),
    formulas.expected_distance: (expected_distance, expected_distance_value_and_grad),
}
Z, W, LABELS = symbols("z", 3, 4), symbols("h", 2, 4), [1, 0, 1]
EVEN = np.arange(10.0, 18).reshape(2, 4)
LOGITS = np.random.default_rng(0).normal(size=(3, 4)).round(2)


@pytest.mark.parametrize("loss", BOTH, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize(("normalization", "n"), [("valid", 2), ("full", 3), ("batch_size", 1), ("none", 1)])
def test_another_axis_and_ignored_samples(loss, normalization, n, way):
    value, grad = formulas.batch(loss, Z, [1, 9, 0], W, n=n, ignored=9)
    options = {"axis": 0, "ignore_label": 9, "normalization": normalization, "thresholds": THRESHOLDS}
    alone, both = BOTH[loss]
    prove(both, (value, grad.T), Z.T, [1, 9, 0], W, **options)
    prove(alone, value, Z.T, [1, 9, 0], W, **options)


@pytest.mark.parametrize("rows", [1, 2])
def test_blocks_of_the_expected_distance(rows, monkeypatch):
    """Of one row and of two, with a remainder."""
    monkeypatch.setattr("nnnotes.losses.BLOCK_SIZE", 4 * rows)
    wanted = formulas.batch(formulas.expected_distance, Z, LABELS, W)
    prove(expected_distance_value_and_grad, wanted, Z, LABELS, W, thresholds=THRESHOLDS)


POINTS = {
    "negative weights": (LOGITS, -EVEN),
    "weights of both signs": (LOGITS, EVEN * [1, -1, 1, -1]),
    "a confident row and a shift": (LOGITS + 400 + [[0] * 4, [0, 40, 0, 0], [0] * 4], np.eye(2, 4) + 1e-3),
    **{f"largest at {top}": (LOGITS + 3 * np.eye(4)[top], EVEN) for top in range(4)},
}


@pytest.mark.parametrize("name", POINTS)
def test_points_of_the_infogain_loss(name, way):
    z, h = POINTS[name]
    wanted = formulas.batch(formulas.infogain, Z, LABELS, W)
    prove(infogain_value_and_grad, wanted, Z, LABELS, W, point={"z": z, "h": h}, thresholds=THRESHOLDS)


# Every position of the largest logit, at sizes that are pairwise different


def with_largest(N, K, top, lead=5):
    """Generic logits; in row i the one at top + i stands out."""
    values = np.random.default_rng(top).normal(size=(N, K)).round(2)
    values[np.arange(N), (top + np.arange(N)) % K] += lead
    return {"z": values}


def positions(*sizes):
    """For each of these sizes, the last of which is the number of classes, every position of the largest logit."""
    return [pytest.param(*size, top, id=f"{size}, {top}") for size in sizes for top in range(size[-1])]


LABELS_OF = {(2, 3): [2, 0], (3, 2): [1, 0, 0], (5, 2): [1, 0, 0, 1, 0]}


@pytest.mark.parametrize(("N", "K", "top"), positions((2, 3), (3, 5)))
def test_softmax_and_its_logarithm(N, K, top):
    Z, point = symbols("z", N, K), with_largest(N, K, top)
    prove(softmax, [formulas.softmax(row) for row in Z], Z, point=point)
    logarithms = [[z - sp.log(sum(map(sp.exp, row))) for z in row] for row in Z]
    prove(log_softmax, logarithms, Z, point=point)


@pytest.mark.parametrize(("N", "M", "K", "top"), positions((2, 3, 5), (5, 2, 4)))
def test_infogain(N, M, K, top, way):
    Z, W, labels = symbols("z", N, K), symbols("h", M, K), LABELS_OF[N, M]
    options = {"point": with_largest(N, K, top, lead=3), "thresholds": THRESHOLDS}
    prove(infogain_value_and_grad, formulas.batch(formulas.infogain, Z, labels, W), Z, labels, W, **options)
    prove(infogain_losses, formulas.losses(formulas.infogain, Z, labels, W), Z, labels, W, **options)


@pytest.mark.parametrize("rows", [1, 2])
def test_blocks_of_the_infogain_loss(rows, way, monkeypatch):
    """Of one row and of two, with a remainder."""
    for module in ("losses", "_fast_losses"):
        monkeypatch.setattr(f"nnnotes.{module}.BLOCK_SIZE", 4 * rows)
    Z, W, labels = symbols("z", 5, 4), symbols("h", 2, 4), LABELS_OF[5, 2]
    wanted = formulas.batch(formulas.infogain, Z, labels, W)
    prove(infogain_value_and_grad, wanted, Z, labels, W, thresholds=THRESHOLDS)


@pytest.mark.parametrize(("N", "M", "K", "top"), positions((2, 3, 5), (3, 2, 4)))
@pytest.mark.parametrize("normalization", ["valid", "none"])
def test_expected_distance(N, M, K, top, normalization):
    Z, W, labels = symbols("z", N, K), symbols("d", M, K), LABELS_OF[N, M]
    wanted = formulas.batch(formulas.expected_distance, Z, labels, W, n=N if normalization == "valid" else 1)
    options = {"point": with_largest(N, K, top), "normalization": normalization, "thresholds": THRESHOLDS}
    prove(expected_distance_value_and_grad, wanted, Z, labels, W, **options)


@pytest.mark.parametrize(("N", "K"), [(2, 3), (5, 4)])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("normalization", ["valid", "none"])
def test_squared_error(N, K, axis, normalization):
    o, t = symbols("o", N, K), symbols("t", N, K)
    n = {"valid": (K, N)[axis], "none": 1}[normalization]
    value, options = sum(sum((o - t) ** 2)) / 2 / n, {"axis": axis, "normalization": normalization}
    prove(squared_error, value, o, t, **options)
    prove(squared_error_value_and_grad, (value, (o - t) / n), o, t, **options)


SIGNS = [np.array([1, -1]), np.array([-1, 1])]  # of the logits, in turn: each of them is on both sides of 0


@pytest.mark.parametrize(("N", "K"), [(2, 3), (5, 4)])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("normalization", ["valid", "none"])
@pytest.mark.parametrize("signs", SIGNS, ids=str)
def test_binary_cross_entropy(N, K, axis, normalization, signs):
    rng = np.random.default_rng(N)
    Z, T = symbols("z", N, K), symbols("t", N, K, positive=True)
    z, t = np.resize(signs, N * K).reshape(N, K) * rng.uniform(0.1, 4, (N, K)).round(2), rng.uniform(0.1, 0.9, (N, K))
    n = {"valid": (K, N)[axis], "none": 1}[normalization]
    options = {"axis": axis, "normalization": normalization, "point": {"z": z, "t": t.round(2)}, "thresholds": (1,)}
    value, grad = formulas.batch(formulas.binary_cross_entropy, Z, range(N), T, n=n)
    prove(binary_cross_entropy, value, Z, T, **options)
    prove(binary_cross_entropy_value_and_grad, (value, grad), Z, T, **options)


# What the chapter says of the formulas


def test_the_form_without_probabilities_is_the_definition():
    z, h = symbols("z", 3), symbols("h", 3)
    definition = -sum(h * [sp.log(p) for p in formulas.softmax(z)])
    assert sp.simplify(sp.expand_log(definition - formulas.infogain(z, h))) == 0


def test_a_gradient_sums_to_zero_over_the_classes():
    z, h = symbols("z", 3), symbols("h", 3)
    assert sp.simplify(sum(formulas.infogain(z, h).diff(entry) for entry in z)) == 0


def test_the_gradient_is_zero_where_the_probabilities_are_the_row():
    """`prove` compares floats relative to the formula's value, so h is added to both sides."""

    def h_and_gradient(h):
        best = np.log(h / h.sum(1, keepdims=True))
        return h + infogain_value_and_grad(best, [0, 1], h, normalization="none")[1]

    W = symbols("h", 2, 5, positive=True)
    prove(h_and_gradient, W, W, thresholds=THRESHOLDS)


def test_the_price_of_a_certain_answer():
    """If class k leads by l, the loss grows as l (r - h_k)."""
    lead, h = sp.Symbol("l", positive=True), symbols("h", 3)
    loss = formulas.infogain(np.array([-lead, -lead, 0]), h)
    assert sp.limit(loss / lead, lead, sp.oo) == h[0] + h[1]
