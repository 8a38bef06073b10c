"""Proofs of the ways through the losses that chapter 03 names but does not walk."""
import numpy as np
import pytest
import sympy as sp
from conftest import THRESHOLDS

from nnnotes import losses
from nnnotes.losses import expected_distance_value_and_grad, infogain_value_and_grad
from nnnotes.proof import prove, symbols

Z, W, LABELS = symbols("z", 2, 5), symbols("h", 3, 5), [2, 0]
EVEN = np.arange(10.0, 25).reshape(3, 5)


def peaked(height, top=0):
    """Logits; the one at top (in the next row, at top + 1) stands out by the height."""
    values = np.random.default_rng(top).normal(size=(2, 5)).round(2)
    values[[0, 1], [top, (top + 1) % 5]] += height
    return values


def certain(rows):
    """Weights that are nearly all on the class that stands out, for the samples named."""
    weights = EVEN.copy()
    for row in rows:
        weights[LABELS[row]] = 0.002
        weights[LABELS[row], row] = 1
    return weights


def done_over(point):
    """How many rows are done over, in float64."""
    rows = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "_careful", lambda z, *rest, f=losses._careful: rows.append(len(z)) or f(z, *rest))
        infogain_value_and_grad(point["z"], LABELS, point["h"])
    return sum(rows)


def infogain_is_proved(point, thresholds=THRESHOLDS):
    value, grad = 0, []
    for z, label in zip(Z, LABELS, strict=True):
        h, s = W[label], sum(map(sp.exp, z))
        value += (sum(h) * sp.log(s) - sum(h * z)) / 2
        grad.append([(sum(h) * sp.exp(z[k]) / s - h[k]) / 2 for k in range(5)])
    prove(infogain_value_and_grad, (value, grad), Z, LABELS, W, point=point, thresholds=thresholds)


@pytest.fixture
def limits_of_float32(monkeypatch):
    """Symbols have the size of a float64; this way they take the limits of float32."""
    for limits in (losses._RANGE, losses._LEAST, losses._FAINT):
        monkeypatch.setitem(limits, 8, limits[4])


@pytest.mark.parametrize("top", range(5))
@pytest.mark.parametrize("level", [0, 60, -80])
def test_limits_of_float32(limits_of_float32, level, top):
    """The short way, the careful way, and done over because the sum is too small."""
    point = {"z": level + peaked(3, top), "h": EVEN}
    assert done_over(point) == 2 * (level != 0)
    infogain_is_proved(point)


def test_negative_weights():
    """Their sum is not above the least r/s either, which takes a longer look."""
    point = {"z": peaked(3), "h": -EVEN}
    assert not done_over(point)
    infogain_is_proved(point)


def test_weights_too_small(monkeypatch):
    monkeypatch.setitem(losses._LEAST, 8, 4)
    monkeypatch.setitem(losses._LEAST, 4, 4)
    point = {"z": peaked(3), "h": EVEN}
    assert done_over(point)
    infogain_is_proved(point, [4, *THRESHOLDS])


@pytest.mark.parametrize("rows", [[0], [1], [0, 1]])
def test_rows_done_over_beside_others(rows):
    point = {"z": peaked(9), "h": certain(rows)}
    assert done_over(point) == len(rows)
    infogain_is_proved(point)


@pytest.mark.parametrize("long", [(512, 4096), (8, 4096), (8, 16)])
@pytest.mark.parametrize("rows", [[], [0, 1]])
def test_three_ways_to_add(long, rows, monkeypatch):
    monkeypatch.setattr(losses, "_LONG", long)
    infogain_is_proved({"z": peaked(9), "h": certain(rows)})


def test_groups_and_the_rest_of_a_row(monkeypatch):
    """The fourth way: rows of 17 in groups of 9, and 8 that are left."""
    monkeypatch.setattr(losses, "_LONG", (8, 4096))
    monkeypatch.setattr(losses, "_GROUP", {4: 9, 8: 9})
    rows = symbols("x", 2, 17)

    def sums(rows):
        ones = np.empty(17, rows.dtype)
        ones.fill(1)
        return losses._sums(rows, ones)

    prove(sums, rows.sum(1), rows)
    monkeypatch.setattr(losses, "_GROUP", {4: 10, 8: 10})
    prove(sums, rows.sum(1), rows)


@pytest.mark.parametrize("room", [4, 8])
def test_blocks_of_the_expected_distance(room, monkeypatch):
    """Of one row and of two; five rows leave a remainder."""
    monkeypatch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), room))
    logits, distances, labels = symbols("z", 5, 4), symbols("d", 2, 4), [1, 0, 0, 1, 0]
    value, grad = 0, []
    for z, label in zip(logits, labels, strict=True):
        d, s = distances[label], sum(map(sp.exp, z))
        mean = sum(d[k] * sp.exp(z[k]) for k in range(4)) / s
        value += mean / 5
        grad.append([sp.exp(z[k]) / s * (d[k] - mean) / 5 for k in range(4)])
    prove(expected_distance_value_and_grad, (value, grad), logits, labels, distances, thresholds=THRESHOLDS)
