"""Proofs of ways through the losses that chapter 03 and the appendix name but do not walk."""
import formulas
import numpy as np
import pytest
from formulas import THRESHOLDS

from nnnotes.losses import expected_distance, expected_distance_value_and_grad, infogain, infogain_value_and_grad
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
