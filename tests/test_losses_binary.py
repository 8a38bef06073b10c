"""The binary cross-entropy: against PyTorch, SciPy and the oracle; what it says of infinite logits and bad targets."""
import math

import numpy as np
import pytest
from batches import NORMALIZATIONS, RANKS, close, dtypes
from conftest import peer

from nnnotes.losses import binary_cross_entropy, binary_cross_entropy_value_and_grad, infogain_value_and_grad
from nnnotes.proof import oracle, ulp_error

INF, NAN = np.inf, np.nan
LAST = {np.float32: 87, np.float64: 708}  # e^-x is a normal number up to here


def single(z, t):
    """Loss and derivative of each output."""
    both = [binary_cross_entropy_value_and_grad([[one]], [[goal]]) for one, goal in zip(z, t, strict=True)]
    return np.stack([value for value, _ in both]), np.stack([grad[0, 0] for _, grad in both])


# Against others


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
def test_any_shape_against_pytorch(shape, axis, dtype):
    torch = peer("torch")
    rng = np.random.default_rng(4)
    logits, targets = rng.normal(scale=3, size=shape).astype(dtype), rng.uniform(size=shape).astype(dtype)
    targets[..., 0] = 1
    samples, outer = math.prod(np.delete(shape, axis)), math.prod(shape[: axis % len(shape)])
    for normalization, n in zip(NORMALIZATIONS, (samples, samples, outer, 1), strict=True):
        given = torch.tensor(logits, requires_grad=True)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(given, torch.tensor(targets), reduction="sum") / n
        loss.backward()
        options = {"axis": axis, "normalization": normalization}
        value, grad = binary_cross_entropy_value_and_grad(logits, targets, **options)
        assert value.dtype == grad.dtype == dtype and grad.shape == shape
        close(value, loss.item(), dtype)
        close(grad, given.grad.numpy(), dtype)
        assert binary_cross_entropy(logits, targets, **options) == value


@dtypes
def test_the_formula_of_optax(dtype):
    """-t log_sigmoid(z) - (1 - t) log_sigmoid(-z), by SciPy."""
    log_sigmoid = peer("scipy.special").log_expit
    rng = np.random.default_rng(5)
    z, t = rng.normal(scale=20, size=(40, 3)).astype(dtype), rng.choice([0, 0.25, 1], (40, 3)).astype(dtype)
    wanted = -(t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)).sum() / 40
    close(binary_cross_entropy(z, t), wanted, dtype)


@dtypes
def test_one_output_is_a_softmax_of_two_classes(dtype):
    """One of which has the logit 0."""
    z = np.linspace(-30, 30, 25).astype(dtype)
    for label in (0, 1):
        value, grad = binary_cross_entropy_value_and_grad(z[:, None], np.full((25, 1), label))
        pairs = np.stack([0 * z, z], 1)
        wanted, slopes = infogain_value_and_grad(pairs, np.full(25, label), np.eye(2))
        close(value, wanted, dtype)
        np.testing.assert_allclose(grad[:, 0], slopes[:, 1], rtol=8 * np.finfo(dtype).eps)


# Digits


@dtypes
@pytest.mark.parametrize("target", [0, 1])
def test_targets_of_0_and_1_keep_all_digits(dtype, target):
    """However sure the output is, right or wrong, as long as its doubt is a normal number."""
    z = np.concatenate([np.linspace(-LAST[dtype], LAST[dtype], 301), np.linspace(-2, 2, 100), [0.0, 1e-30, -1e-30]])
    assert ulp_error(single, z.astype(dtype), np.full(len(z), target), dtype=dtype).max <= 4


@dtypes
def test_a_confident_right_answer_is_not_0(dtype):
    value, grad = binary_cross_entropy_value_and_grad(np.array([[40, -40]], dtype), [[1, 0]])
    doubt = np.exp(-40.0) / (1 + np.exp(-40.0))
    np.testing.assert_allclose(value, 2 * np.exp(-40.0), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(grad, [[-doubt, doubt]], rtol=4 * np.finfo(dtype).eps)


@dtypes
def test_targets_in_between(dtype):
    """The loss is right in its last digits, the derivative in those of the greater of p and t or of 1 - p and 1 - t."""
    rng = np.random.default_rng(6)
    z = rng.normal(scale=rng.choice([0.1, 3, 30], 300), size=300).astype(dtype)
    t = np.where(rng.random(300) < 0.5, rng.uniform(size=300), 10 ** rng.uniform(-6, 0, 300)).astype(dtype)
    p = 1 / (1 + np.exp(-z.astype(float)))
    scale = np.where(z > 0, np.maximum(1 - p, 1 - t), np.maximum(p, t)).astype(dtype)
    assert ulp_error(single, z, t, dtype=dtype, scale=(None, scale)).max <= 4


@dtypes
@pytest.mark.parametrize("step", [-1, -0.25, 0.25, 1])
def test_doubts_below_the_smallest_normal_number(dtype, step):
    """They may lose digits or become 0; they do no harm."""
    tiny = np.finfo(dtype).tiny
    for border in (LAST[dtype], LAST[dtype] + {np.float32: 17, np.float64: 38}[dtype]):
        z = np.array([border + step], dtype)
        for found, true in zip(single(z, [1]), oracle(single, z, [1]), strict=True):
            assert abs(found[0] - float(true[0].number)) <= tiny


def test_no_gradient_is_a_negative_zero():
    grad = binary_cross_entropy_value_and_grad([[0.0, 1000, -1000, INF, -INF]], [[0.5, 1, 0, 1, 0]])[1]
    assert not grad.any() and not np.signbit(grad).any()


# Ends


@dtypes
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["warn", "raise"])
def test_infinite_logits_that_agree_cost_nothing(dtype, state):
    with np.errstate(all=state):
        value, grad = binary_cross_entropy_value_and_grad(np.array([[INF, -INF], [0, -INF]], dtype), [[1, 0], [1, 0]])
    np.testing.assert_allclose(value, np.log(2) / 2, rtol=4 * np.finfo(dtype).eps)
    assert grad.tolist() == [[0, 0], [-0.25, 0]]


@dtypes
@pytest.mark.filterwarnings("error")
def test_nothing_and_the_largest_number(dtype):
    for shape in ((0, 3), (3, 0), (0,)):
        value, grad = binary_cross_entropy_value_and_grad(np.empty(shape, dtype), np.empty(shape, dtype))
        assert value == 0 and value.dtype == dtype and grad.shape == shape
    most = np.finfo(dtype).max
    for logits, wanted in (([[most], [most]], most), ([[most, most]], INF)):  # the mean of two samples, and a sum
        value, grad = binary_cross_entropy_value_and_grad(np.array(logits, dtype), np.zeros_like(logits))
        assert value == wanted and (grad == 1 / len(logits)).all()


def test_dtypes():
    for targets in ([0, 0], np.float32([0.5, 1])):
        assert binary_cross_entropy([1, 2], targets).dtype == np.float64
    assert binary_cross_entropy(np.float32([1]), [0.5]).dtype == np.float32


def test_one_dimension_is_one_sample():
    logits, targets = np.array([0.0, 0, 0]), np.array([1.0, 0, 1])
    assert binary_cross_entropy(logits, targets) == pytest.approx(3 * np.log(2))
    assert binary_cross_entropy(logits[:, None], targets[:, None]) == pytest.approx(np.log(2))


UNIT, SIDES = "targets: expected numbers from 0 to 1, got ", "inf where the target is 1 and -inf where it is 0, got "
BAD = [
    (ValueError, "logits: expected at least one dimension, got a single number", 1.0, 1.0, {}),
    (ValueError, "targets: expected the shape of the logits, (2, 1), got shape (2,)", [[1], [2]], [1, 0], {}),
    (ValueError, UNIT + "-1.0 at [1]: for labels from -1 to 1 write (targets + 1) / 2", [1, 2], [1, -1], {}),
    (ValueError, UNIT + "1.00001 at [1]: if rounding made it, write np.clip(targets, 0, 1)", [1, 2], [0, 1.00001], {}),
    (ValueError, UNIT + "2.0 at [0, 1]", [[1, 2]], [[0, 2]], {}),
    (ValueError, UNIT + "nan at [0]", [NAN, 1], [NAN, 1], {}),
    (ValueError, UNIT + "inf at [1]", [1, 1], [1, INF], {}),
    (ValueError, "logits: expected finite numbers, or " + SIDES + "nan at [1]", [1, NAN], [0, 1], {}),
    (ValueError, "logits: expected finite numbers, or " + SIDES + "-inf at [1]", [INF, -INF], [1, 1], {}),
    (ValueError, "logits: expected finite numbers, or " + SIDES + "inf at [0]", [INF, 0], [0.5, 1], {}),
    (TypeError, "logits: expected float32, float64 or integers, got complex128", [1j], [1], {}),
    (TypeError, "targets: expected float32, float64 or integers, got bool: write np.asarray(targets, dtype=float)", [1],
     [True], {}),
    (ValueError, "axis: expected an integer from -1 to 0, got 1", [1], [1], {"axis": 1}),
    (ValueError, "normalization: expected 'valid' or 'full' or 'batch_size' or 'none', got 'mean'", [1], [1],
     {"normalization": "mean"}),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("error", "message", "logits", "targets", "options"), BAD)
def test_bad_logits_and_targets_are_named(error, message, logits, targets, options):
    for function in (binary_cross_entropy, binary_cross_entropy_value_and_grad):
        with pytest.raises(error) as raised:
            function(logits, targets, **options)
        assert str(raised.value) == message


def test_what_the_error_says_to_write_is_accepted():
    for targets in ([-1.0, 1], [0, 1 + 1e-12]):
        with pytest.raises(ValueError) as raised:
            binary_cross_entropy([1, 2], targets)
        way = str(raised.value).rpartition(" write ")[2]
        written = eval(way, {"targets": np.array(targets), "np": np})
        assert binary_cross_entropy([1, 2], written) == binary_cross_entropy([1, 2], [0, 1])
