"""The infogain loss and softmax: against loops, SciPy and PyTorch; edges, and answers that do not exist."""
import math

import numpy as np
import pytest
from batches import NORMALIZATIONS, RANKS, by_loops, case, close, dtypes
from batches import infogain as one_sample
from conftest import peer
from scipy import special

from nnnotes.losses import (
    infogain,
    infogain_from_probabilities_value_and_grad,
    infogain_losses,
    infogain_value_and_grad,
    log_softmax,
    softmax,
)

INF, NAN = np.inf, np.nan


# Against others


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
@pytest.mark.parametrize("ignore_label", [None, 1, 255])
def test_batches_of_any_shape(shape, axis, ignore_label, dtype, way):
    logits, labels, H = case(shape, axis, 6, dtype)
    labels = np.where(labels == 2, ignore_label or 2, labels)
    options = {"axis": axis, "ignore_label": ignore_label}
    p = softmax(logits, axis=axis)
    for normalization in NORMALIZATIONS:
        value, grad, each = by_loops(one_sample, logits, labels, H, normalization=normalization, **options)
        size = 10 * max(1, abs(each).sum())
        found, slopes = infogain_value_and_grad(logits, labels, H, normalization=normalization, **options)
        assert found.dtype == slopes.dtype == dtype and slopes.shape == shape
        close(found, value, dtype, size)
        close(slopes, grad, dtype, 10)
        assert infogain(logits, labels, H, normalization=normalization, **options) == found
        found, slopes = infogain_from_probabilities_value_and_grad(
            p, labels, H, normalization=normalization, **options
        )
        assert found.dtype == slopes.dtype == dtype and slopes.shape == shape
        close(found, value, dtype, size)
        close(p * (slopes - (p * slopes).sum(axis, keepdims=True)), grad, dtype, 10)
    found = infogain_losses(logits, labels, H, **options)
    assert found.dtype == dtype and found.shape == labels.shape
    close(found, each, dtype, 10)


@dtypes
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_against_scipy(axis, dtype):
    for scale in (1, 30, 1e5):
        logits = case((3, 4, 5), axis, 2, dtype, scale=scale)[0]
        close(softmax(logits, axis=axis), special.softmax(logits, axis=axis), dtype, 0.1)
        close(log_softmax(logits, axis=axis), special.log_softmax(logits, axis=axis), dtype)


@dtypes
@pytest.mark.parametrize("scale", [1, 30, 1e3])
def test_soft_targets_against_torch(scale, dtype, way):
    torch = peer("torch")
    logits, _, H = case((6, 5), 1, 6, dtype, scale=scale)  # H: rows of both signs that do not sum to 1
    x = torch.tensor(logits, requires_grad=True)
    value = torch.nn.functional.cross_entropy(x, torch.tensor(H))
    value.backward()
    found, grad = infogain_value_and_grad(logits, np.arange(6), H)
    close(found, value.item(), dtype, 10 * scale)
    close(grad, x.grad.numpy(), dtype, 10)


# Edges


def test_nothing_to_add_up_is_zero(way):
    logits, labels = [[NAN, 2.0], [-INF, -INF]], [7, 7]
    for normalization in NORMALIZATIONS:
        options = {"ignore_label": 7, "normalization": normalization}
        for function in (infogain_value_and_grad, infogain_from_probabilities_value_and_grad):
            value, grad = function(logits, labels, np.eye(2), **options)
            assert value == 0 and not grad.any()
    for shape, axis in (((0, 3), 1), ((2, 3, 0), 1), ((0, 3, 2), 1)):
        Z = np.empty(shape, np.float32)
        value, grad = infogain_value_and_grad(Z, np.empty(np.delete(shape, axis), int), np.eye(3), axis=axis)
        assert value == 0 and value.dtype == np.float32 and grad.shape == shape == softmax(Z, axis=axis).shape


def test_ignored_samples_are_not_looked_at(way):
    logits = np.array([[1.0, 2.0], [NAN, INF], [-INF, -INF]])
    value, grad = infogain_value_and_grad(logits, [0, 9, 9], np.eye(2), ignore_label=9)
    wanted, slopes = infogain_value_and_grad(logits[:1], [0], np.eye(2))
    close(value, wanted, np.float64)
    close(grad, np.vstack([slopes, np.zeros((2, 2))]), np.float64)
    assert not grad[1:].any()


@dtypes
def test_huge_logits(dtype, way):
    logits = np.array([[1e5, -1e5, 0], [-1e5, -1e5, -1e5], [1e5, 1e5, 0]], dtype)
    value, grad = infogain_value_and_grad(logits, [1, 0, 0], np.eye(3), normalization="none")
    close(value, 2e5 + math.log(3) + math.log(2), dtype)
    close(grad, [[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [-0.5, 0.5, 0]], dtype)


@dtypes
def test_logits_farther_apart_than_the_largest_number(dtype, way):
    """The loss is infinite where the difference has a weight; the gradient is right in any case."""
    big, H = np.finfo(dtype).max, np.eye(2, dtype=dtype)
    Z = np.array([[big, -big], [1, 1]], dtype)
    for label, value, grad in ((1, INF, [0.5, -0.5]), (0, np.log(2) / 2, [0, 0])):
        found, slopes = infogain_value_and_grad(Z, [label, 1], H)
        assert found == dtype(value) and slopes.tolist() == [grad, [0.25, -0.25]]
    assert infogain_losses(Z, [1, 1], -H)[0] == -INF and softmax(Z)[0].tolist() == [1, 0]


@dtypes
@pytest.mark.parametrize("shift", [0, 1000])
def test_masked_classes(shift, dtype, way):
    """A class that is masked out and weighs nothing is as good as not there."""
    logits, labels, H = case((5, 3), 1, 4, dtype)
    wide = np.concatenate([logits, np.full((5, 2), -INF, dtype)], 1) + dtype(shift)
    value, grad = infogain_value_and_grad(wide, labels, np.concatenate([H, np.zeros((4, 2), dtype)], 1))
    wanted, slopes = infogain_value_and_grad(wide[:, :3], labels, H)
    close(value, wanted, dtype, 10)
    close(grad[:, :3], slopes, dtype, 10)
    assert not grad[:, 3:].any() and not softmax(wide)[:, 3:].any()


@dtypes
def test_masked_classes_that_have_a_weight(dtype, way):
    logits = np.array([[0, 1, -INF], [0, 1, 2]], dtype)
    value, grad = infogain_value_and_grad(logits, [2, 2], np.eye(3), normalization="none")
    assert value == INF and infogain(logits, [2, 2], -np.eye(3)) == -INF
    close(grad[0], [1 / (1 + math.e), math.e / (1 + math.e), -1], dtype)
    both = np.array([[0.0, 1], [0, -1]])
    assert infogain_losses([[0, -INF]] * 2, [0, 1], both).tolist() == [INF, -INF]
    with pytest.raises(ValueError, match="^H: .* inf and -inf: .* masked classes need the same sign$"):
        infogain([[0, -INF]] * 2, [0, 1], both)


def test_probabilities_of_zero():
    p, function = np.array([[0.0, 1.0, -0.0]]), infogain_from_probabilities_value_and_grad
    for row, value, slopes in (([0, 1, 0], 0, [0, -1, 0]), ([0, 1, 2], INF, [0, -1, -INF]), ([-1, 1, 0], -INF, None)):
        found, grad = function(p, [0], [row])
        assert found == value and (slopes is None or grad.tolist() == [slopes])
    assert function([[0.25, 0.75], [NAN, -1]], [0, 9], np.eye(2), ignore_label=9)[0] == math.log(4)
    for P, row, what in (
        ([[0, 0]], [[1, -1]], "finite weights with a finite sum in float64, and of one sign on classes of prob.*, got"),
        ([[0, 1]], [[NAN, 1]], "finite weights"),
        ([[1, 0], [0, 1]], [[0, 1], [-1, 0]], ".* losses of inf and -inf: .* on classes of probability 0 need"),
    ):
        with pytest.raises(ValueError, match=f"^H: expected {what}"):
            function(P, range(len(P)), row)
    for P, got in (([[-0.5, 1.5]], "-0.5 at [0, 0]"), ([[NAN, 1]], "nan at [0, 0]"), ([[0, INF]], "inf at [0, 1]")):
        with pytest.raises(ValueError) as raised:
            function(P, [0], np.eye(2))
        assert str(raised.value) == f"probabilities: expected numbers in [0, inf), got {got}"


def test_from_probabilities_overflows_only_where_the_answer_does():
    function = infogain_from_probabilities_value_and_grad
    assert function(np.full((4, 1), 1e308), [0] * 4, [[1e308]])[1].tolist() == [[-0.25]] * 4
    value, _ = function(np.full((4, 1), math.exp(-1)), [0] * 4, [[1e308]])
    np.testing.assert_allclose(value, 1e308, rtol=1e-15)
    assert function([[5e-324, 1]], [0], [[1e308, 0]])[0] == INF
    assert function([[1e-308, 1]], [0], [[1e308, 0]])[1].tolist() == [[-INF, 0]]


def test_rows_of_H_that_no_label_names_are_not_looked_at(way):
    H = np.array([[NAN, 0], [0, 1]])
    assert infogain([[0, -INF]], [1], H) == INF
    assert infogain([[0, -INF], [0, 0]], [1, 7], H, ignore_label=7) == INF
    assert infogain(np.zeros((1, 2), np.float32), [1], [[1e300, 0], [0, 0]]) == 0  # the first is inf in float32
    assert infogain_from_probabilities_value_and_grad([[1, 0.5]], [1], H)[1].tolist() == [[0, -2]]


# Answers that do not exist


@pytest.mark.parametrize("bad", [[INF, 1], [NAN, 1], [1, NAN], [-INF, -INF]])
@pytest.mark.parametrize("others", [0, 40])
def test_logits_without_a_softmax_are_refused_whatever_they_weigh(bad, others, way):
    logits = np.array([[1.0, 2.0]] * others + [bad])
    low = bad == [-INF, -INF]
    wanted = "finite numbers, or -inf for a masked class, got (nan|inf) at"
    if low:
        wanted = "at least one class along axis 1 that is not masked, got only -inf for the sample"
    for function in (infogain, infogain_losses, infogain_value_and_grad):
        with pytest.raises(ValueError, match=rf"^logits: expected {wanted} \[{others}"):
            function(logits, [0] * others + [1], [[1, 0], [0, 0]])
    for function in (softmax, log_softmax):
        with pytest.raises(ValueError, match=rf"^logits: expected {wanted} \[{others}"):
            function(logits)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_lone_class_is_looked_at(bad, way):
    with pytest.raises(ValueError, match="^logits: expected"):
        infogain([[bad]], [0], [[0.0]])


WEIGHTS = [
    ([[0, 0]], [[NAN, 1]], "[nan  1.]"),
    ([[0, 0]], [[INF, 1]], "[inf  1.]"),
    ([[0, 0]], [[1.7e308, 1.7e308]], "[1.7e+308 1.7e+308]"),
    ([[0, -1, -200]], [[-1.7e308, 1.7e308, 1.7e308]], "[-1.7e+308  1.7e+308  1.7e+308]"),
    ([[-INF, -INF, 0]], [[1, -1, 0]], "[ 1. -1.  0.]"),
]


@pytest.mark.parametrize(("logits", "H", "row"), WEIGHTS, ids=[row for *_, row in WEIGHTS])
def test_weights_without_a_loss_are_refused(logits, H, row, way):
    wanted = "H: expected finite weights with a finite sum in float64, and of one sign on masked classes, got"
    for function in (infogain, infogain_losses, infogain_value_and_grad):
        with pytest.raises(ValueError) as raised:
            function(logits, [0], H)
        assert str(raised.value) == f"{wanted} the row {row}"


def test_weights_beyond_float32_are_shown_as_they_came(way):
    with pytest.raises(ValueError, match=r"in float32, .*got the row \[1\.e\+300 1\.e\+000\]"):
        infogain(np.zeros((1, 2), np.float32), [1], [[0, 0], [1e300, 1]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["warn", "raise"])
def test_right_answers_come_without_warnings(state, way):
    extreme = np.array([[1e5, -1e5, -INF]], np.float32)
    with np.errstate(all=state):
        infogain_value_and_grad(extreme, [0], np.eye(3))
        infogain_value_and_grad(extreme, [2], np.eye(3))
        infogain_value_and_grad(extreme, [1], [[1e300, 0, 0], [1, 0, 0]])  # the first row is inf in float32
        assert infogain_losses([[1e308, 0]] * 2, [1, 1], np.eye(2)).tolist() == [1e308, 1e308]
        softmax(extreme), log_softmax(extreme)
        assert softmax([1e308, -1e308]).tolist() == [1, 0] and log_softmax([1e308, -1e308]).tolist() == [0, -INF]
        infogain_from_probabilities_value_and_grad([[0, 1]], [0], np.eye(2))
        infogain_from_probabilities_value_and_grad([[1e308, 1]], [0], [[1e-308, 0]])
