"""The losses against Caffe's semantics written out naively, SciPy and PyTorch; edges, and bad input."""

import math

import numpy as np
import pytest
from conftest import peer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from nnnotes import losses
from nnnotes.losses import (
    infogain,
    infogain_from_probabilities,
    infogain_from_probabilities_grad,
    infogain_grad,
    infogain_losses,
    infogain_value_and_grad,
    log_softmax,
    softmax,
)

FLOATS = (np.float32, np.float64)
NORMALIZATIONS = ("valid", "full", "batch_size", "none")
dtypes = pytest.mark.parametrize("dtype", FLOATS)


def caffe(logits, labels, H, axis=-1, ignore_label=None, normalization="valid"):
    """Value, gradient and losses as Caffe's layer defines them: loops, float64, no shift, no clip."""
    Z, H = np.moveaxis(np.asarray(logits, np.float64), axis, -1), np.asarray(H, np.float64)
    labels, grad, each = np.asarray(labels), np.zeros_like(Z), np.zeros(np.shape(labels))
    valid = 0
    for place in np.ndindex(labels.shape):
        if labels[place] == ignore_label:
            continue
        valid += 1
        p = np.exp(Z[place]) / np.exp(Z[place]).sum()
        for k in range(len(p)):
            each[place] -= H[labels[place], k] * math.log(p[k])
            grad[place][k] = p[k] * sum(H[labels[place]]) - H[labels[place], k]
    outer = math.prod(np.shape(logits)[: axis % np.ndim(logits)])
    n = max(1, {"valid": valid, "full": labels.size, "batch_size": outer, "none": 1}[normalization])
    return each.sum() / n, np.moveaxis(grad, -1, axis) / n, each


def case(shape, axis, M, dtype, seed=0, scale=2.0):
    """Logits, labels and weights, none of them special."""
    rng = np.random.default_rng(seed)
    places = np.delete(shape, axis)
    logits = rng.normal(scale=scale, size=shape).astype(dtype)
    return logits, rng.integers(0, M, places), rng.normal(size=(M, shape[axis])).astype(dtype)


def close(actual, wanted, dtype, scale=1.0):
    """Equal to 40 roundings at the given size."""
    np.testing.assert_allclose(actual, wanted, rtol=40 * np.finfo(dtype).eps, atol=40 * np.finfo(dtype).eps * scale)


# ---------------------------------------------------------------------------------------------- Caffe's semantics

RANKS = [
    ((4,), 0),
    ((3, 5), 1),
    ((3, 5), 0),
    ((2, 3, 4), 1),
    ((2, 3, 4), -1),
    ((2, 3, 4), 0),
    ((2, 3, 4, 5), 1),
    ((2, 3, 4, 5), 2),
]


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("ignore_label", [None, 1, 255])
def test_caffe(shape, axis, normalization, ignore_label, dtype):
    logits, labels, H = case(shape, axis, 6, dtype)
    if ignore_label == 255:
        labels = np.where(labels == 2, 255, labels)
    options = {"axis": axis, "ignore_label": ignore_label}
    value, grad, each = caffe(logits, labels, H, normalization=normalization, **options)
    actual, actual_grad = infogain_value_and_grad(logits, labels, H, normalization=normalization, **options)
    assert actual.dtype == actual_grad.dtype == dtype and actual_grad.shape == shape
    close(actual, value, dtype, 10 * max(1, abs(each).sum()))
    close(actual_grad, grad, dtype, 10)
    assert infogain(logits, labels, H, normalization=normalization, **options) == actual
    np.testing.assert_array_equal(infogain_grad(logits, labels, H, normalization=normalization, **options), actual_grad)
    actual_each = infogain_losses(logits, labels, H, **options)
    assert actual_each.dtype == dtype and actual_each.shape == labels.shape
    close(actual_each, each, dtype, 10)


@dtypes
def test_all_ignored_is_zero(dtype):
    logits, _, H = case((3, 5), 1, 2, dtype)
    for normalization in NORMALIZATIONS:
        value, grad = infogain_value_and_grad(logits, [7, 7, 7], H, ignore_label=7, normalization=normalization)
        assert value == 0 and not grad.any()


def test_ignored_samples_are_not_looked_at():
    logits = np.array([[1.0, 2.0], [np.nan, np.inf], [-np.inf, -np.inf]])
    value, grad = infogain_value_and_grad(logits, [0, 9, 9], np.eye(2), ignore_label=9)
    wanted, wanted_grad = infogain_value_and_grad(logits[:1], [0], np.eye(2))
    close(value, wanted, np.float64)
    close(grad, np.vstack([wanted_grad, np.zeros((2, 2))]), np.float64)


def test_soft_targets_are_one_row_per_sample():
    logits, _, H = case((4, 3), 1, 4, np.float64)
    direct = -(H * log_softmax(logits)).sum(1)
    np.testing.assert_allclose(infogain_losses(logits, range(4), H), direct, rtol=1e-13, atol=1e-13)


@dtypes
def test_empty_batches(dtype):
    for shape, axis in (((0, 3), 1), ((2, 3, 0), 1), ((0, 3, 2), 1)):
        value, grad = infogain_value_and_grad(
            np.empty(shape, dtype), np.empty(np.delete(shape, axis), int), np.eye(3), axis=axis
        )
        assert value == 0 and value.dtype == dtype and grad.shape == shape
    assert softmax(np.empty((0, 3), dtype)).shape == log_softmax(np.empty((0, 3), dtype)).shape == (0, 3)


def test_lists_and_integers_become_float64():
    value, grad = infogain_value_and_grad([[1, 2, 3]], [0], [[1, 0, 0]])
    assert value.dtype == grad.dtype == np.float64
    assert softmax([1, 2]).dtype == np.float64
    assert infogain(np.float32([[1, 2]]), [0], np.eye(2)).dtype == np.float32  # H takes the dtype of the logits
    assert infogain(np.float64([[1, 2]]), [0], np.eye(2, dtype=np.float32)).dtype == np.float64


@dtypes
def test_inputs_are_not_written_to(dtype):
    for scale in (1, 30, 1e3):
        logits, labels, H = case((6, 3), 1, 6, dtype, scale=scale)
        H = np.abs(H)
        labels = np.arange(6)
        p = softmax(logits)
        for array in (logits, labels, H, p):
            array.flags.writeable = False
        infogain_value_and_grad(logits, labels, H, ignore_label=2)
        infogain_losses(logits.T, labels, H, axis=0)
        log_softmax(logits)
        infogain_from_probabilities(p, labels, H, ignore_label=2)
        infogain_from_probabilities_grad(p, labels, H, ignore_label=2)


def test_memory_layout_does_not_matter():
    logits, labels, H = case((4, 6), 1, 3, np.float64)
    value, grad = infogain_value_and_grad(logits, labels, H)
    for same in (np.asfortranarray(logits), np.repeat(logits, 2, 1)[:, ::2]):
        actual, actual_grad = infogain_value_and_grad(same, labels.astype(np.uint8), np.asfortranarray(H))
        assert actual == value
        np.testing.assert_array_equal(actual_grad, grad)


@dtypes
@pytest.mark.parametrize("room", [1, 5, 10, 15, 20, 1000])
def test_border_of_blocks(room, dtype, monkeypatch):
    for scale in (1, 400):
        logits, labels, H = case((7, 5), 1, 3, dtype, scale=scale)
        whole = [infogain_losses(logits, labels, abs(H)), infogain_grad(logits, labels, abs(H))]
        with monkeypatch.context() as patch:
            patch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), room))
            close(infogain_losses(logits, labels, abs(H)), whole[0], dtype)
            close(infogain_grad(logits, labels, abs(H)), whole[1], dtype)


def test_many_confident_rows_change_the_way_but_not_the_answer(monkeypatch):
    logits, labels, _ = case((40, 5), 1, 5, np.float64)
    logits[np.arange(40), labels] += 12
    whole = infogain_losses(logits, labels, np.eye(5))
    monkeypatch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), 20))
    calls = []
    monkeypatch.setattr(losses, "_direct", lambda *a, f=losses._direct: calls.append(a) or f(*a))
    np.testing.assert_allclose(infogain_losses(logits, labels, np.eye(5)), whole, rtol=1e-14)
    assert len(calls) == 1


# ---------------------------------------------------------------------------------------------------------- peers


@dtypes
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_against_scipy(axis, dtype):
    for scale in (1, 30, 1e5):
        logits = case((3, 4, 5), axis, 2, dtype, scale=scale)[0]
        close(softmax(logits, axis=axis), special.softmax(logits, axis=axis), dtype, 0.1)
        close(log_softmax(logits, axis=axis), special.log_softmax(logits, axis=axis), dtype)


@dtypes
@pytest.mark.parametrize("scale", [1, 30, 1e3])
def test_against_torch(scale, dtype):
    torch = peer("torch")
    logits, labels, H = case((6, 5), 1, 4, dtype, scale=scale)  # H: rows of both signs that do not sum to 1
    x = torch.tensor(logits, requires_grad=True)
    value = torch.nn.functional.cross_entropy(x, torch.tensor(H[labels]))
    value.backward()
    actual, grad = infogain_value_and_grad(logits, labels, H)
    close(actual, value.item(), dtype, 10 * scale)
    close(grad, x.grad.numpy(), dtype, 10)


@dtypes
def test_pixels_against_torch(dtype):
    torch = peer("torch")
    logits, labels, _ = case((2, 3, 4, 5), 1, 3, dtype)
    labels[0, 1] = 255
    weights = np.array([1, 2, 0.5], dtype)
    x = torch.tensor(logits, requires_grad=True)
    value = torch.nn.functional.cross_entropy(
        x, torch.tensor(labels), weight=torch.tensor(weights), ignore_index=255, reduction="sum"
    )
    value.backward()
    options = {"axis": 1, "ignore_label": 255, "normalization": "none"}
    actual, grad = infogain_value_and_grad(logits, labels, np.diag(weights), **options)
    close(actual, value.item(), dtype, 100)
    close(grad, x.grad.numpy(), dtype, 10)


# ---------------------------------------------------------------------------------------------------------- edges


@dtypes
def test_huge_logits(dtype):
    logits = np.array([[1e5, -1e5, 0], [-1e5, -1e5, -1e5], [1e5, 1e5, 0]], dtype)
    value, grad = infogain_value_and_grad(logits, [1, 0, 0], np.eye(3), normalization="none")
    close(value, 2e5 + math.log(3) + math.log(2), dtype)
    close(grad, [[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [-0.5, 0.5, 0]], dtype)


@dtypes
def test_masked_classes(dtype):
    logits, labels, H = case((5, 3), 1, 4, dtype)
    wide = np.concatenate([logits, np.full((5, 2), -np.inf, dtype)], 1)
    masked_H = np.concatenate([H, np.zeros((4, 2), dtype)], 1)
    for array in (wide, wide + dtype(1000)):
        value, grad = infogain_value_and_grad(array, labels, masked_H)
        wanted, wanted_grad = infogain_value_and_grad(array[:, :3], labels, H)
        close(value, wanted, dtype, 10)
        close(grad[:, :3], wanted_grad, dtype, 10)
        assert not grad[:, 3:].any()
        assert not softmax(array)[:, 3:].any()


@dtypes
def test_masked_class_with_positive_weight_has_infinite_loss(dtype):
    logits = np.array([[0, 1, -np.inf], [0, 1, 2]], dtype)
    value, grad = infogain_value_and_grad(logits, [2, 2], np.eye(3), normalization="none")
    assert value == np.inf
    assert infogain_losses(logits, [2, 2], np.eye(3))[0] == np.inf
    close(grad[0], [1 / (1 + math.e), math.e / (1 + math.e), -1], dtype)
    assert infogain(logits, [2, 2], -np.eye(3)) == -np.inf


def test_spread_beyond_the_largest_float_needs_no_weight():
    largest = np.finfo(np.float32).max
    logits = np.array([[largest, -largest]], np.float32)
    assert softmax(logits).tolist() == [[1, 0]]
    value, grad = infogain_value_and_grad(logits, [0], np.eye(2))
    assert value == 0 and not grad.any()


@dtypes
def test_huge_weights(dtype):
    huge = np.finfo(dtype).max / 8
    logits = np.array([[-30, -30, -30], [-20, -30, -30]], dtype)
    each = infogain_losses(logits, [0, 0], [[huge, 0, 0]])
    close(each, infogain_losses(logits.astype(float), [0, 0], [[1, 0, 0]]) * huge, dtype)
    grad = infogain_grad(logits, [0, 0], [[huge, 0, 0]], normalization="none")
    close(grad, infogain_grad(logits.astype(float), [0, 0], [[1, 0, 0]], normalization="none") * huge, dtype, huge)


@dtypes
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_adding_to_all_logits_changes_nothing(dtype, data):
    logits, labels, H = case((4, 3), 1, 3, dtype, seed=data.draw(st.integers(0, 1000)))
    shift = dtype(2 ** data.draw(st.integers(-3, 8)))
    exact = np.round(logits * 64) / dtype(64)  # so that the sum is exact
    value, grad = infogain_value_and_grad(exact, labels, H)
    shifted, shifted_grad = infogain_value_and_grad(exact + shift, labels, H)
    close(shifted, value, dtype, 10 * float(shift))
    close(shifted_grad, grad, dtype, 10)


@dtypes
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1, 30, 300, 1e4]))
@settings(max_examples=80, deadline=None)
def test_properties(dtype, seed, scale):
    logits, labels, H = case((5, 4), 1, 3, dtype, seed=seed, scale=scale)
    H = abs(H)
    each, grad = infogain_losses(logits, labels, H), infogain_grad(logits, labels, H, normalization="none")
    weight = H.sum(1)[labels].max()
    assert (each >= 0).all()
    assert np.abs(grad.sum(1)).max() <= 20 * np.finfo(dtype).eps * weight
    assert (np.abs(grad) <= weight * (1 + 4 * np.finfo(dtype).eps)).all()
    p = H / H.sum(1, keepdims=True)
    floor = -(H * np.log(p)).sum(1)[labels]
    assert (each >= floor * (1 - 20 * np.finfo(dtype).eps) - np.finfo(dtype).eps).all()


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 1, 5]))
@settings(max_examples=40, deadline=None)
def test_value_and_gradient_agree(seed, scale):
    logits, labels, H = case((3, 4), 1, 2, np.float64, seed=seed, scale=scale)
    step = np.random.default_rng(seed).normal(size=logits.shape)
    h = 1e-5
    slope = (infogain(logits + h * step, labels, H) - infogain(logits - h * step, labels, H)) / (2 * h)
    np.testing.assert_allclose(slope, np.sum(infogain_grad(logits, labels, H) * step), rtol=1e-6, atol=1e-7)


@dtypes
def test_from_probabilities(dtype):
    for shape, axis in RANKS:
        logits, labels, H = case(shape, axis, 6, dtype)
        p = softmax(logits, axis=axis)
        for normalization in NORMALIZATIONS:
            options = {"axis": axis, "ignore_label": 1, "normalization": normalization}
            value, grad, each = caffe(logits, labels, H, **options)
            close(infogain_from_probabilities(p, labels, H, **options), value, dtype, 10 * max(1, abs(each).sum()))
            dP = infogain_from_probabilities_grad(p, labels, H, **options)
            assert dP.shape == shape and dP.dtype == dtype
            close(p * (dP - (p * dP).sum(axis, keepdims=True)), grad, dtype, 10)


@dtypes
@pytest.mark.parametrize("height", [1, 8, 16, 34])
def test_negative_weights_mirror_positive_ones(height, dtype):
    """A confident row keeps its digits whichever sign its weights have."""
    logits, H = np.array([[height, 0, 0]], dtype), np.array([[1, 0, 0]], dtype)
    value, grad = infogain_value_and_grad(logits, [0], -H)
    wanted, wanted_grad = infogain_value_and_grad(logits, [0], H)
    assert value == -wanted and (grad == -wanted_grad).all()
    np.testing.assert_allclose(value, -math.log1p(2 * math.exp(-height)), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [0, 1])
def test_many_classes_are_added_well_along_any_axis(axis, order):
    logits = np.full((1_000_000, 2), -math.log(10) - 0.01, np.float32)
    logits[0] = 0
    wanted = special.log_softmax(logits[:, 0].astype(float))
    logits = np.array(logits if axis == 0 else logits.T, order=order)
    for row in np.moveaxis(softmax(logits, axis=axis), axis, -1):
        np.testing.assert_allclose(row[:2], np.exp(wanted[:2]), rtol=2e-6)
    for row in np.moveaxis(log_softmax(logits, axis=axis), axis, -1):
        np.testing.assert_allclose(row[:2], wanted[:2], rtol=4e-7)


LARGEST = 2**64 - 1
IGNORED = [(np.uint64([1, LARGEST]), LARGEST), (np.uint64([1, LARGEST]), np.uint64(LARGEST)), ([1, -1], np.int8(-1))]


@pytest.mark.parametrize(("labels", "ignored"), IGNORED)
def test_labels_are_compared_as_they_came(labels, ignored):
    logits = [[0.0, 3.0], [3.0, 0.0]]
    value, grad = infogain_value_and_grad(logits, labels, np.eye(2), ignore_label=ignored)
    assert value == infogain(logits[:1], [1], np.eye(2)) and not grad[1].any()
    assert infogain(logits, [0, 1], np.eye(2), ignore_label=2**70) == infogain(logits, [0, 1], np.eye(2))


def test_losses_stand_where_their_sum_does_not_exist():
    logits, H = [[0, -np.inf], [0, -np.inf]], np.array([[0.0, 1], [0, -1]])
    assert infogain_losses(logits, [0, 1], H).tolist() == [np.inf, -np.inf]
    np.testing.assert_array_equal(infogain_grad(logits, [0, 1], H, normalization="none"), [[1, -1], [-1, 1]])


def test_rows_of_H_that_no_label_names_are_not_looked_at():
    H = np.array([[np.nan, 0], [0, 1]])
    assert infogain([[0, -np.inf]], [1], H) == np.inf
    assert infogain([[0, -np.inf], [0, 0]], [1, 7], H, ignore_label=7) == np.inf
    assert infogain([[0, -np.inf]] * 2, [0, 0], [[1e308, 1e308]]) == np.inf  # a mean of two: no sum overflows
    assert infogain_from_probabilities([[1, 0]], [1], H) == np.inf
    assert infogain_from_probabilities_grad([[1, 0.5]], [1], H).tolist() == [[0, -2]]


@pytest.mark.parametrize("bad", [[np.inf, 1], [np.nan, 1], [1, np.nan], [-np.inf, -np.inf]])
@pytest.mark.parametrize("others", [0, 1, 40])
def test_logits_without_a_softmax_are_refused_whatever_they_weigh(bad, others):
    logits = np.array([[1.0, 2.0]] * others + [bad])
    for function in (infogain, infogain_grad, infogain_losses):
        with pytest.raises(ValueError, match="logits: expected"):
            function(logits, [0] * others + [1], [[1, 0], [0, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_lone_class_is_looked_at(bad):
    with pytest.raises(ValueError, match="logits: expected"):
        infogain([[bad]], [0], [[0.0]])


def test_probabilities_of_ignored_samples_are_not_looked_at():
    P = np.array([[0.25, 0.75], [np.nan, -1]])
    assert infogain_from_probabilities(P, [0, 9], np.eye(2), ignore_label=9) == math.log(4)
    assert infogain_from_probabilities_grad(P, [0, 9], np.eye(2), ignore_label=9).tolist() == [[-4, 0], [0, 0]]


def test_from_probabilities_does_not_overflow_on_the_way():
    huge = np.full((4, 1), 1e308)
    assert infogain_from_probabilities_grad(huge, [0] * 4, [[1e308]]).tolist() == [[-0.25]] * 4
    value = infogain_from_probabilities(np.full((4, 1), math.exp(-1)), [0] * 4, [[1e308]])
    np.testing.assert_allclose(value, 1e308, rtol=1e-15)


def test_from_probabilities_at_zero():
    p = np.array([[0.0, 1.0, 0.0]])
    assert infogain_from_probabilities(p, [0], [[0, 1, 0]]) == 0
    assert infogain_from_probabilities_grad(p, [0], [[0, 1, 0]]).tolist() == [[0, -1, 0]]
    assert infogain_from_probabilities(p, [0], [[0, 1, 2]]) == np.inf
    assert infogain_from_probabilities_grad(p, [0], [[0, 1, 2]]).tolist() == [[0, -1, -np.inf]]


# ------------------------------------------------------------------------------------------------------ bad input

X, Y, I3 = np.zeros((2, 3)), np.array([0, 1]), np.eye(3)
NAN, INF = float("nan"), float("inf")
BAD = [
    (TypeError, "logits: expected float32, float64 or integers, got bool", [[True, False]], [0], np.eye(2), {}),
    (TypeError, "logits: expected float32, float64 or integers, got complex128", X + 1j, Y, I3, {}),
    (TypeError, "logits: expected a plain array, got a masked array", np.ma.masked_array(X), Y, I3, {}),
    (ValueError, "logits: expected at least one dimension, the classes, got a single number", 3.0, 0, I3, {}),
    (
        ValueError,
        "logits: expected at least one class along axis 1, got shape (2, 0)",
        np.empty((2, 0)),
        Y,
        np.empty((1, 0)),
        {},
    ),
    (ValueError, "logits: expected numbers below +inf, got nan at [1, 2]", [[0, 0, 0], [0, 0, NAN]], Y, I3, {}),
    (ValueError, "logits: expected numbers below +inf, got inf at [0, 1]", [[0, INF, 0], [0, 0, 0]], Y, I3, {}),
    (
        ValueError,
        "logits: expected a number above -inf along axis 1, got -inf at [1]",
        [[0] * 3, [-INF] * 3],
        Y,
        I3,
        {},
    ),
    (ValueError, "axis: expected an integer from -2 to 1, got 2", X, Y, I3, {"axis": 2}),
    (TypeError, "axis: expected an integer, got 1.0", X, Y, I3, {"axis": 1.0}),
    (TypeError, "labels: expected integers, got float64", X, [0.0, 1.0], I3, {}),
    (ValueError, "labels: expected shape (2,), got shape (3,)", X, [0, 1, 2], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got 3 at [1]", X, [0, 3], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got -1 at [0]", X, [-1, 0], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got 9 at [1]", X, [8, 9], I3, {"ignore_label": 8}),
    (ValueError, "H: expected 2 dimensions, got shape (3,)", X, Y, np.ones(3), {}),
    (
        ValueError,
        "H: expected a row per label and a column for each of the 3 classes, got shape (2, 2)",
        X,
        Y,
        np.eye(2),
        {},
    ),
    (
        ValueError,
        "H: expected a row per label and a column for each of the 3 classes, got shape (0, 3)",
        X,
        Y,
        I3[:0],
        {},
    ),
    (ValueError, "H: expected finite numbers, got nan at [1, 1]", X, Y, np.diag([1, NAN, 1]), {}),
    (ValueError, "H: expected finite numbers, got inf at [0, 0]", X, Y, np.diag([INF, 1, 1]), {}),
    (
        ValueError,
        "H: expected rows whose absolute values have a finite sum in float64, got the row [1.7e+308 1.7e+308",
        X,
        Y,
        np.full((3, 3), 1.7e308),
        {"normalization": "none"},
    ),
    (
        ValueError,
        "H: expected rows whose absolute values have a finite sum in float64, got the row [ 1.e+308  1.e+308 -1.e",
        X[:1],
        Y[:1],
        [[1e308, 1e308, -1e308]],
        {},
    ),
    (
        ValueError,
        "H: expected rows whose absolute values have a finite sum in float64, got the row [-1.7e+308",
        [[0, -1, -200]],
        Y[:1],
        [[-1.7e308, 1.7e308, 1.7e308]],
        {},
    ),
    (TypeError, "labels: expected a plain array, got a masked array", X, np.ma.masked_array(Y, [0, 1]), I3, {}),
    (TypeError, "ignore_label: expected an integer, got 'a'", X, Y, I3, {"ignore_label": "a"}),
    (TypeError, "ignore_label: expected an integer, got nan", X, Y, I3, {"ignore_label": NAN}),
    (TypeError, "ignore_label: expected an integer, got 1.0", X, Y, I3, {"ignore_label": 1.0}),
    (TypeError, "ignore_label: expected an integer, got True", X, Y, I3, {"ignore_label": True}),
    (TypeError, "ignore_label: expected an integer, got [0, 1]", X, Y, I3, {"ignore_label": [0, 1]}),
    (
        ValueError,
        "logits: expected an array, or lists that make one, got lists of different lengths",
        [[1, 2], [3]],
        Y,
        I3,
        {},
    ),
    (
        ValueError,
        "labels: expected an array, or lists that make one, got lists of different lengths",
        X,
        [[0], 1],
        I3,
        {},
    ),
    (
        ValueError,
        "H: expected weights of one sign, or 0, where terms of the loss are infinite (else it is inf - inf), "
        "got the row [ 1. -1.  0.]",
        [[-INF, -INF, 0]],
        [0],
        [[1.0, -1.0, 0.0]],
        {},
    ),
    (
        ValueError,
        "normalization: expected 'valid' or 'full' or 'batch_size' or 'none', got 'mean'",
        X,
        Y,
        I3,
        {"normalization": "mean"},
    ),
]


@pytest.mark.parametrize(
    ("error", "message", "logits", "labels", "H", "options"), BAD, ids=[bad[1][:60] for bad in BAD]
)
def test_bad_input_is_named(error, message, logits, labels, H, options):
    calls = [infogain, infogain_grad, infogain_value_and_grad]
    if "normalization" not in options:
        calls.append(infogain_losses)
    for function in calls:
        with pytest.raises(error) as raised:
            function(logits, labels, H, **options)
        assert str(raised.value).startswith(message)


def test_a_total_that_does_not_exist_is_refused():
    H = [[0, 1.0], [0, -1]]
    message = "H: expected weights with which the losses have a sum, got a sum of inf - inf"
    for function in (infogain, infogain_value_and_grad):
        with pytest.raises(ValueError) as raised:
            function([[0, -INF]] * 2, [0, 1], H)
        assert str(raised.value) == message
    with pytest.raises(ValueError) as raised:
        infogain_from_probabilities([[1, 0]] * 2, [0, 1], H)
    assert str(raised.value) == message
    message = "H: expected weights of one sign, or 0, where terms of the loss are infinite (else it is inf - inf)"
    with pytest.raises(ValueError) as raised:
        infogain_from_probabilities([[0.0, 0]], [0], [[1.0, -1]])
    assert str(raised.value) == f"{message}, got the row [ 1. -1.]"


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_bad_logits_are_named(function):
    for logits, message in (
        ([[0, NAN]], "logits: expected numbers below +inf, got nan at [0, 1]"),
        ([[INF, 0]], "logits: expected numbers below +inf, got inf at [0, 0]"),
        ([[0, 1], [-INF, -INF]], "logits: expected a number above -inf along axis 1, got -inf at [1]"),
        (1.0, "logits: expected at least one dimension, the classes, got a single number"),
        (np.empty((2, 0)), "logits: expected at least one class along axis 1, got shape (2, 0)"),
        ([[1, 2], [3]], "logits: expected an array, or lists that make one, got lists of different lengths"),
    ):
        with pytest.raises(ValueError) as raised:
            function(logits)
        assert str(raised.value) == message


def test_bad_probabilities_are_named():
    for p, message in (([[-0.5, 1.5]], "-0.5 at [0, 0]"), ([[NAN, 1]], "nan at [0, 0]"), ([[0, INF]], "inf at [0, 1]")):
        for function in (infogain_from_probabilities, infogain_from_probabilities_grad):
            with pytest.raises(ValueError) as raised:
                function(p, [0], np.eye(2))
            assert str(raised.value) == f"probabilities: expected numbers in [0, inf), got {message}"
    with pytest.raises(ValueError, match="H: expected finite numbers"):
        infogain_from_probabilities([[0, 1]], [0], [[NAN, 1]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["warn", "raise"])
def test_right_answers_come_without_warnings(state):
    extreme = np.array([[1e5, -1e5, -np.inf]], np.float32)
    with np.errstate(all=state):
        infogain_value_and_grad(extreme, [0], np.eye(3))
        infogain_value_and_grad(extreme, [2], np.eye(3))
        infogain_value_and_grad(extreme, [1], [[1e300, 0, 0], [1, 0, 0]])  # H becomes float32, and the first row inf
        assert infogain_losses([[1e308, 0]] * 2, [1, 1], np.eye(2)).tolist() == [1e308, 1e308]
        softmax(extreme)
        log_softmax(extreme)
        assert softmax([1e308, -1e308]).tolist() == [1, 0]
        assert log_softmax([1e308, -1e308]).tolist() == [0, -np.inf]
        infogain_from_probabilities([[0, 1]], [0], np.eye(2))
        infogain_from_probabilities_grad([[0, 1]], [0], np.eye(2))
        assert infogain_from_probabilities([[5e-324, 1]], [0], [[1e308, 0]]) == np.inf
        assert infogain_from_probabilities_grad([[1e-308, 1]], [0], [[1e308, 0]]).tolist() == [[-np.inf, 0]]
        assert infogain_from_probabilities_grad([[1e308, 1]], [0], [[1e-308, 0]]).tolist() == [[0, 0]]


def test_numpy_buffer_is_left_as_it_was():
    before = np.getbufsize()
    infogain(np.zeros((2, 1000)), [0, 1], np.ones((2, 1000)))
    assert np.getbufsize() == before


def test_small_print_of_the_door():
    """Byte order is no question for a caller; -0.0 is 0; an option that is an array is an error that names it."""
    Z, H = np.array([[1.0, 2.0]]), np.eye(2)
    assert infogain(Z.astype(">f8"), np.array([0], ">i4"), H.astype(">f4")) == infogain(Z, [0], H)
    assert infogain(Z.astype(">f4"), [0], H).dtype == np.float32
    assert infogain_from_probabilities_grad([[-0.0, 1.0]], [0], H).tolist() == [[-np.inf, 0]]
    with pytest.raises(ValueError, match="normalization: expected 'valid' or .*, got array"):
        infogain(Z, [0], H, normalization=np.array([1, 2]))
    wide = np.array([[0, 0], [1e300, 1]])
    with pytest.raises(ValueError, match=r"H: expected numbers that are finite in float32, got 1e\+300 at \[1, 0\]"):
        infogain(Z.astype(np.float32), [1], wide)
    assert infogain(Z.astype(np.float32), [0], wide) == 0


@dtypes
def test_logits_farther_apart_than_the_largest_number(dtype):
    """The loss is finite wherever its exact value is: divided by 2, this one is."""
    big, H = np.finfo(dtype).max / 2, np.eye(2, dtype=dtype)
    Z = np.array([[1.2 * big, -1.2 * big], [1, 1]], dtype)
    assert infogain(Z, [1, 1], H) == dtype(1.2 * big)
    assert infogain(-Z, [1, 1], H) == dtype(np.log(2) / 2)
    assert infogain(Z, [1, 1], H, normalization="none") == np.inf
    assert infogain(Z[:1], [1], -H / 2) == -dtype(1.2 * big)
    value, grad = losses.infogain_value_and_grad(Z, [1, 1], H)
    assert value == dtype(1.2 * big) and grad.tolist() == [[0.5, -0.5], [0.25, -0.25]]
