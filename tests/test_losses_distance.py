"""The expected distance and the squared error: against loops, PyTorch and SciPy; edges and bad input."""
import math

import numpy as np
import pytest
from batches import NORMALIZATIONS, RANKS, by_loops, case, close, dtypes
from batches import expected_distance as one_sample
from conftest import peer
from scipy import optimize, stats

from nnnotes.losses import (
    expected_distance,
    expected_distance_value_and_grad,
    softmax,
    squared_error,
    squared_error_value_and_grad,
)
from nnnotes.proof import oracle, ulp_error

INF, NAN = np.inf, np.nan


def gradient(*args, **options):
    return expected_distance_value_and_grad(*args, **options)[1]


# Expected distance


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
@pytest.mark.parametrize("ignore_label", [None, 1, 255])
def test_expected_distance_of_any_shape(shape, axis, ignore_label, dtype):
    logits, labels, D = case(shape, axis, 6, dtype)
    labels = np.where(labels == 2, ignore_label or 2, labels)
    for normalization in NORMALIZATIONS:
        options = {"axis": axis, "ignore_label": ignore_label, "normalization": normalization}
        value, grad, _ = by_loops(one_sample, logits, labels, D, **options)
        found, slopes = expected_distance_value_and_grad(logits, labels, D, **options)
        assert found.dtype == slopes.dtype == dtype and slopes.shape == shape
        close(found, value, dtype, 10)
        close(slopes, grad, dtype, 2)
        assert expected_distance(logits, labels, D, **options) == found


@dtypes
def test_expected_distance_against_autograd(dtype):
    torch = peer("torch")
    for scale in (1, 100):
        logits, labels, D = case((2, 5, 3), 1, 4, dtype, scale=scale)
        Z = torch.tensor(logits, requires_grad=True)
        loss = (torch.softmax(Z, 1) * torch.tensor(np.moveaxis(D[labels], -1, 1))).sum(1).mean()
        loss.backward()
        value, grad = expected_distance_value_and_grad(logits, labels, D, axis=1)
        close(value, loss.item(), dtype, 4)
        close(grad, Z.grad.numpy(), dtype, 4)


def test_expected_distance_is_the_wasserstein_distance_to_the_label():
    rng = np.random.default_rng(0)
    for _ in range(20):
        places, logits = np.sort(rng.normal(size=5)), rng.normal(scale=3, size=(1, 5))
        D = np.abs(np.subtract.outer(places, places))
        for y in range(5):
            wanted = stats.wasserstein_distance(places, places[y : y + 1], softmax(logits)[0])
            np.testing.assert_allclose(expected_distance(logits, [y], D), wanted, rtol=1e-12, atol=1e-15)


def test_a_solver_that_may_choose_the_transport_finds_no_cheaper_one():
    rng = np.random.default_rng(0)
    D = np.abs(np.subtract.outer([0.0, 1, 2.5, 7], [0, 1, 2.5, 7]))
    leaves, arrives = np.kron(np.eye(4), np.ones(4)), np.kron(np.ones(4), np.eye(4))
    p = softmax(rng.normal(size=4))
    for y in range(4):
        sums = np.concatenate([p, np.eye(4)[y]])
        plan = optimize.linprog(D.ravel(), A_eq=np.vstack([leaves, arrives]), b_eq=sums)
        np.testing.assert_allclose(plan.x.reshape(4, 4), np.outer(p, np.eye(4)[y]), atol=1e-9)
        np.testing.assert_allclose(expected_distance(np.log([p]), [y], D), plan.fun, rtol=1e-9, atol=1e-9)


@dtypes
@pytest.mark.parametrize("lead", [0, 1, 5, 20, 50, 80])
def test_confident_rows_keep_their_digits(lead, dtype):
    rng, D = np.random.default_rng(lead), np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(dtype)
    for y in range(5):
        logits = rng.normal(size=5)
        logits[y] = logits.max() + lead
        arguments = logits.astype(dtype), y, D
        (value, grad), (true, slopes) = (f(*arguments) for f in (
            expected_distance_value_and_grad, lambda *a: oracle(expected_distance_value_and_grad, *a)
        ))  # fmt: skip
        for found, wanted in ((value, true), (grad[y], slopes[y])):
            off = abs(float((wanted - float(found)).number / wanted.number))
            assert off <= (3 + lead / 2) * np.finfo(dtype).eps


@dtypes
def test_a_part_that_all_distances_share_costs_a_mean_no_digits(dtype):
    D = np.array([[100_000, 100_001, 100_003]], dtype)
    logits = np.array([[0, 1, 2]] * 3, dtype)
    _, grad = expected_distance_value_and_grad(logits, [0] * 3, D)
    _, wanted = expected_distance_value_and_grad(logits, [0] * 3, D - 100_000, normalization="none")
    np.testing.assert_allclose(3 * grad, wanted, rtol=8 * np.finfo(dtype).eps)


@dtypes
@pytest.mark.parametrize("scale", [1, 10, 1e3, 1e5])
def test_expected_distance_in_ulp(scale, dtype):
    logits, labels, D = case((20, 7), 1, 5, dtype, scale=scale)
    greatest = np.abs(D).max(1)[labels]
    grad = ulp_error(gradient, logits, labels, D, scale=greatest[:, None], dtype=dtype, normalization="none")
    assert grad.max <= 5
    for i in range(0, 20, 4):
        assert ulp_error(expected_distance, logits[i], labels[i], D, scale=greatest[i], dtype=dtype).max <= 4


@dtypes
def test_masked_classes_cost_nothing(dtype):
    logits, D = np.array([[1.0, -INF, 2], [-INF, 3, -INF]], dtype), np.array([[0, 1, 2], [3, 4, 0]], dtype)
    value, grad = expected_distance_value_and_grad(logits, [0, 1], D, normalization="none")
    p = 1 / (1 + math.exp(-1))
    close(value, 2 * p + 4, dtype)
    close(grad, [[-p * (2 - 2 * p), 0, p * (2 - 2 * p)], [0, 0, 0]], dtype)
    assert grad[0, 1] == 0 == grad[1].any()


def test_nothing_to_add_up_is_zero():
    for normalization in NORMALIZATIONS:
        options = {"ignore_label": 7, "normalization": normalization}
        value, grad = expected_distance_value_and_grad([[NAN, 0], [1, 2]], [7, 7], np.eye(2), **options)
        assert value == 0 and not grad.any()
    for shape, axis in (((0, 3), 1), ((2, 3, 0), 1), ((0, 3, 2), 1)):
        labels = np.empty(np.delete(shape, axis), int)
        value, grad = expected_distance_value_and_grad(np.empty(shape, np.float32), labels, np.eye(3), axis=axis)
        assert value == 0 and value.dtype == np.float32 and grad.shape == shape


def test_distances_that_no_label_names_are_not_looked_at():
    value, grad = expected_distance_value_and_grad([[0, 0], [1, 0]], [1, 7], [[NAN, 0], [0, 1]], ignore_label=7)
    assert value == 0.5 and grad.tolist() == [[-0.25, 0.25], [0, 0]]


@dtypes
def test_distances_next_to_the_largest_number(dtype):
    """d - E overflows where d does not: the gradient is that of smaller distances, times what they are smaller."""
    Z, D = np.array([[0, -1, 0]], dtype), np.array([[0, -1, 1]], dtype)
    value, grad = expected_distance_value_and_grad(Z, [0], D)
    most = dtype(0.95) * np.finfo(dtype).max
    large, slopes = expected_distance_value_and_grad(Z, [0], D * most)
    np.testing.assert_allclose([large / most, *slopes[0] / most], [value, *grad[0]], rtol=8 * np.finfo(dtype).eps)
    assert expected_distance(np.zeros((3, 2)), [0] * 3, [[1e308, 1e308]], normalization="none") == INF
    assert expected_distance(np.zeros((4, 2)), [0] * 4, [[1e308, 1e308]]) == 1e308


FINITE = "D: expected finite distances whose differences are finite in float64, got the row"
REFUSED = [
    ([[0, 0, NAN]], [[0, 1, 2]], {}, "logits: expected finite numbers, or -inf for a masked class, got nan at [0, 2]"),
    ([[0, INF, 0]], [[0, 1, 2]], {}, "logits: expected finite numbers, or -inf for a masked class, got inf at [0, 1]"),
    ([[-INF] * 3], [[0, 1, 2]], {},
     "logits: expected at least one class along axis 1 that is not masked, got only -inf for the sample [0]"),
    ([[0, 0, 0]], [[1, NAN, 1]], {}, f"{FINITE} [ 1. nan  1.]"),
    ([[0, 0, 0]], [[INF, 0, 0]], {}, f"{FINITE} [inf  0.  0.]"),
    ([[0, 0, 0]], [[1e308, -1e308, 0]], {}, f"{FINITE} [ 1.e+308 -1.e+308  0.e+000]"),
    ([[0]] * 32, [[1.7e308], [-1.7e308]] * 16, {"normalization": "none"},
     "D: expected a matrix whose losses have a sum, got losses too large to add in float64"),
]  # fmt: skip


@pytest.mark.parametrize(("logits", "D", "options", "message"), REFUSED, ids=[entry[-1][:60] for entry in REFUSED])
def test_what_has_no_expected_distance_is_refused(logits, D, options, message):
    for function in (expected_distance, expected_distance_value_and_grad):
        with pytest.raises(ValueError) as raised:
            function(logits, np.arange(len(logits)), D, **options)
        assert str(raised.value) == message


# Squared error


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
def test_squared_error_of_any_shape(shape, axis, dtype):
    torch = peer("torch")
    outputs, targets = np.random.default_rng(4).normal(size=(2, *shape)).astype(dtype)
    samples, outer = math.prod(np.delete(shape, axis)), math.prod(shape[: axis % len(shape)])
    for normalization, n in zip(NORMALIZATIONS, (samples, samples, outer, 1), strict=True):
        given_outputs = torch.tensor(outputs, requires_grad=True)
        loss = torch.nn.functional.mse_loss(given_outputs, torch.tensor(targets), reduction="sum") / 2 / n
        loss.backward()
        options = {"axis": axis, "normalization": normalization}
        value, grad = squared_error_value_and_grad(outputs, targets, **options)
        assert value.dtype == grad.dtype == dtype and grad.shape == shape
        close(value, loss.item(), dtype)
        close(grad, given_outputs.grad.numpy(), dtype)
        assert squared_error(outputs, targets, **options) == value


@dtypes
def test_squared_error_in_ulp(dtype):
    rng = np.random.default_rng(5)
    for size, scale in ((1, 1), (7, 1e-3), (40, 1e6)):
        outputs = rng.normal(scale=scale, size=(2, size))
        targets = outputs + rng.normal(size=outputs.shape) * rng.choice([1, 1e-5], outputs.shape)
        for normalization in ("valid", "none"):
            options = {"dtype": dtype, "normalization": normalization}
            assert ulp_error(squared_error, outputs, targets, **options).max <= 8
            errors = ulp_error(squared_error_value_and_grad, outputs, targets, **options).errors
            assert errors[1:].max() <= 1


@dtypes
def test_squared_error_of_nothing_and_next_to_the_largest_number(dtype):
    for shape in ((0, 3), (3, 0), (0,)):
        value, grad = squared_error_value_and_grad(np.empty(shape, dtype), np.empty(shape, dtype))
        assert value == 0 and value.dtype == dtype and grad.shape == shape
    most = dtype(0.95) * np.finfo(dtype).max
    outputs, targets = np.array([[most], [3]], dtype), np.array([[-most], [0]], dtype)
    for normalization, slopes in (("valid", [[most], [1.5]]), ("none", [[INF], [3]])):
        value, grad = squared_error_value_and_grad(outputs, targets, normalization=normalization)
        assert value == INF and grad.tolist() == slopes


def test_one_dimension_is_one_sample():
    outputs, targets = np.array([1.0, 2, 3]), np.array([1.0, 2, 5])
    assert squared_error(outputs, targets) == 2 and squared_error(outputs[:, None], targets[:, None]) == 2 / 3


def test_squared_error_takes_the_type_of_the_outputs():
    assert squared_error([1, 2], [0, 0]).dtype == squared_error([1.0], np.float32([0.5])).dtype == np.float64
    assert squared_error(np.float32([1]), [0.5]).dtype == np.float32


SQUARED = [
    (ValueError, "outputs: expected at least one dimension, got a single number", 1.0, 1.0, {}),
    (ValueError, "targets: expected the shape of the outputs, (2, 1), got shape (2,)", [[1], [2]], [1, 2], {}),
    (ValueError, "targets: expected the shape of the outputs, (2,), got shape ()", [1, 2], 1, {}),
    (ValueError, "outputs: expected finite numbers, got nan at [1]", [1, NAN], [NAN, 1], {}),
    (ValueError, "outputs: expected finite numbers, got inf at [0]", [INF, 1], [1, 1], {}),
    (ValueError, "targets: expected finite numbers, got -inf at [1]", [1, 1], [1, -INF], {}),
    (ValueError, "targets: expected numbers that are finite in float32, got 1e+300", np.float32([1]), [1e300], {}),
    (TypeError, "outputs: expected float32, float64 or integers, got complex128", [1j], [1], {}),
    (TypeError, "targets: expected float32, float64 or integers, got bool", [1], [True], {}),
    (ValueError, "axis: expected an integer from -1 to 0, got 1", [1], [1], {"axis": 1}),
    (ValueError, "normalization: expected 'valid' or 'full'", [1], [1], {"normalization": "mean"}),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("error", "message", "outputs", "targets", "options"), SQUARED)
def test_bad_outputs_and_targets_are_named(error, message, outputs, targets, options):
    for function in (squared_error, squared_error_value_and_grad):
        with pytest.raises(error) as raised:
            function(outputs, targets, **options)
        assert str(raised.value).startswith(message)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["warn", "raise"])
def test_right_answers_come_without_warnings(state):
    extreme = np.array([[1e5, -1e5, -INF]], np.float32)
    with np.errstate(all=state):
        expected_distance_value_and_grad(extreme, [0], 1 - np.eye(3))
        expected_distance_value_and_grad(extreme, [1], [[1e300, 0, 0], [1, 0, 0]])  # the first row is inf in float32
        squared_error_value_and_grad([1e200, 5e-324], [0, 0])
        squared_error([1e308], [-1e308])
