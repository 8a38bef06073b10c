"""Confident rows keep their digits, and so do rows on both sides of every threshold: against the oracle."""

import numpy as np
import pytest

from nnnotes import losses
from nnnotes.losses import infogain, infogain_grad, infogain_losses, infogain_value_and_grad
from nnnotes.proof import oracle, ulp_error

FLOATS = (np.float32, np.float64)
dtypes = pytest.mark.parametrize("dtype", FLOATS)
BEYOND = {np.float32: (87, 104), np.float64: (708, 746)}  # from here on e^-x is no normal number; from here on it is 0


def single(Z, y, H):
    """Loss of each row, and its whole gradient."""
    return infogain_losses(Z, y, H), infogain_grad(Z, y, H, normalization="none")


def at_label(Z, y, H):
    """Loss of each row, and its gradient at the label."""
    each, grad = single(Z, y, H)
    return each, grad[np.arange(len(y)), y]


def relative(function, Z, y, H):
    """Largest relative error of what a function returns, in eps."""
    found, true = function(Z, y, H), oracle(function, Z, y, H)
    worst = 0.0
    for ours, theirs in zip(found, true, strict=True):
        for got, exact in zip(ours.ravel(), theirs.ravel(), strict=True):
            worst = max(worst, abs(float(((exact - float(got)) / exact).number)))
    return worst / np.finfo(Z.dtype).eps


def check(Z, y, H, ulps=4):
    """Losses in ulp of themselves, gradients in ulp of the sum of the row's weights."""
    rows = np.abs(H).sum(1)[y]
    each = ulp_error(infogain_losses, Z, y, H, dtype=Z.dtype.type)
    grad = ulp_error(infogain_grad, Z, y, H, dtype=Z.dtype.type, scale=rows[:, None], normalization="none")
    assert each.max <= ulps and grad.max <= ulps, (each, grad)


@pytest.fixture
def careful(monkeypatch):
    """A list that grows by the number of rows that are done with care."""
    counts = []
    monkeypatch.setattr(losses, "_careful", lambda z, *rest, f=losses._careful: counts.append(len(z)) or f(z, *rest))
    return counts


# ---------------------------------------------------------------------------------------------------- confident rows


@dtypes
@pytest.mark.parametrize("K", [2, 3, 10, 600])
def test_a_row_whose_probability_is_one_less_1e_30(dtype, K):
    rng = np.random.default_rng(K)
    lead = np.log(1e30 * (K - 1))  # in float32 not a number that the difference hits: 64 eps, not 4
    Z = np.zeros((3, K)) + rng.normal(size=(3, 1))
    y = rng.integers(0, K, 3)
    Z[np.arange(3), y] += lead
    Z = Z.astype(dtype)
    assert relative(at_label, Z, y, np.eye(K, dtype=dtype)) <= 64
    each, slopes = at_label(Z, y, np.eye(K, dtype=dtype))
    np.testing.assert_allclose(each, 1e-30, rtol=1e-4)
    np.testing.assert_allclose(slopes, -1e-30, rtol=1e-4)


@dtypes
@pytest.mark.parametrize("lead", [0, 0.25, 0.5, 1, 2, 5, 9, 17, 36.5, 37, 50, 69, 80])
def test_leads(dtype, lead):
    Z = np.array([[0, lead, -1.5, 0.5], [1 + lead, 1, 0.25, -1]], dtype)
    y, H = np.array([1, 0]), np.diag(np.array([1, 2, 0.5, 1], dtype))
    assert relative(at_label, Z, y, H) <= 8
    assert relative(at_label, Z, y, -H) <= 8


@dtypes
def test_confident_rows_among_others(dtype):
    """Each row is as good alone as in a batch, whichever rows the others are."""
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(60, 6))
    y = rng.integers(0, 6, 60)
    Z[np.arange(60), y] += np.where(rng.uniform(size=60) < 0.4, rng.uniform(0, 75, 60), 0)
    Z, H = Z.astype(dtype), np.eye(6, dtype=dtype)
    assert relative(at_label, Z, y, H) <= 64
    alone = [at_label(Z[i : i + 1], y[i : i + 1], H) for i in range(60)]
    together = at_label(Z, y, H)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(together, np.concatenate(alone, 1), rtol=128 * eps)


@dtypes
def test_no_clamp_acts(dtype):
    """As long as the other terms are normal numbers, they are all there."""
    last = BEYOND[dtype][0]
    leads = np.arange(0, last, 0.5, dtype)
    Z = np.stack([leads, 0 * leads, 0 * leads], 1)
    assert relative(at_label, Z, np.zeros(len(Z), int), np.eye(3, dtype=dtype)) <= 4


@dtypes
@pytest.mark.parametrize("step", [-1, -0.25, 0, 0.25, 1])
def test_terms_below_the_smallest_normal_number(dtype, step):
    """They may lose digits or become 0; they do no harm."""
    tiny = np.finfo(dtype).tiny
    for border in BEYOND[dtype]:
        Z = np.array([[border + step, 0, 0], [border + step, 0, border - 60]], dtype)
        y, H = np.zeros(2, int), np.eye(3, dtype=dtype)
        found, true = at_label(Z, y, H), oracle(at_label, Z, y, H)
        for ours, theirs in zip(found, true, strict=True):
            for got, exact in zip(ours, theirs, strict=True):
                wanted = float(exact.number)
                assert abs(float(got) - wanted) <= max(4 * tiny, 64 * np.finfo(dtype).eps * abs(wanted))


@dtypes
def test_weights_on_several_classes(dtype):
    """A row of H with small weights beside the label: nothing is lost of the loss, which they make."""
    H = np.array([[1, 1e-6, 0], [1e-9, 2, 1e-12]], dtype)
    for lead in (5, 20, 60):
        Z = np.array([[lead, 0, 0.5], [0.25, lead, 0]], dtype)
        check(Z, np.array([0, 1]), H)


# -------------------------------------------------------------------------------- both sides of every threshold


def around(number, dtype):
    """Floats below, at and above a number, near and not so near."""
    number = dtype(number)
    near = [np.nextafter(number, dtype(-np.inf)), number, np.nextafter(number, dtype(np.inf))]
    return [number - dtype(0.5), *near, number + dtype(0.5)]


@dtypes
@pytest.mark.parametrize("K", [5, 40])
def test_the_largest_logit_of_the_first_block(dtype, K, monkeypatch, careful):
    """From the border on, all rows of all blocks go the careful way, below it none."""
    border = losses._RANGE[np.dtype(dtype).itemsize][1]
    rng = np.random.default_rng(0)
    monkeypatch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), 3 * K))
    counts = []
    for top in around(border, dtype):
        Z = (top - rng.uniform(0, 0.2, (4, K))).astype(dtype)
        Z[2, 3] = top
        Z[:, 0] = 8 * -abs(border)  # an unlikely class, which has most of the weight: no row is in doubt
        y, H = rng.integers(0, 3, 4), rng.uniform(0.1, 0.2, (3, K)).astype(dtype)
        H[:, 0] = K
        careful.clear()
        infogain(Z, y, H)
        counts.append(list(careful))
        check(Z, y, H)
    assert counts == [[], [], *[[3, 1]] * 3]


@dtypes
@pytest.mark.parametrize("K", [5, 40])
@pytest.mark.parametrize(
    "tops", [(0, 1), (0, 2.1), (0, 1e3), (2, 0), (1e3, 0), (2, 4.1), (1e3, 2e3), (0, -1e3), (0, 1e3, 0)]
)
def test_blocks_unlike_the_first(dtype, K, tops, monkeypatch):
    """The first block alone decides about the shift; where another needs another way, no digit is lost."""
    high = losses._RANGE[np.dtype(dtype).itemsize][1]
    rng = np.random.default_rng(0)
    Z = np.concatenate([top * high + 3 * rng.normal(size=(4, K)) for top in tops]).astype(dtype)
    y, H = rng.integers(0, 3, len(Z)), rng.uniform(0.1, 0.9, (3, K)).astype(dtype)
    monkeypatch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), 4 * K))
    check(Z, y, H)


@pytest.mark.parametrize("dtype, top, near", [
    (np.float64, 1325, (511.91567389729204, 511.90204574603894)),
    (np.float64, 813, (255.93944875792013, 255.89077977082)),
    (np.float32, 125, (31.894739, 31.890608)),
    (np.float32, 189, (63.859097, 63.920383)),
])
def test_two_logits_just_below_half_of_the_largest(dtype, top, near):
    """Less one number for all rows, each would be rounded by itself, and the gradient would lose digits."""
    Z, H = np.full((2, 40), -5, dtype), np.zeros((2, 40), dtype)
    Z[0, 0], Z[1, :2] = top, near
    H[0], H[1, 5] = 1, 1
    check(Z, np.array([0, 1]), H)


@dtypes
def test_rows_far_below_the_largest(dtype, careful):
    low, _ = losses._RANGE[np.dtype(dtype).itemsize]
    counts = []
    for log_s in around(low, dtype):
        x = np.float64(log_s) - np.log(3)
        Z = np.array([[0, -1, 1], [x, x, x]], dtype)
        H = np.array([[0.5, 0.5, 0.25], [-1, 1, 2]], dtype)  # the second loss is large: -1 + 1 + 2 times log 3 ...
        H[1] *= 100
        careful.clear()
        infogain(Z, [0, 1], H)
        counts.append(sum(careful))
        check(Z, np.array([0, 1]), H, 6)
    assert counts[0] == 1


@dtypes
def test_a_row_far_below_with_an_unlikely_label(dtype, careful):
    """Only the depth of the row speaks against it: its loss is much larger than its log-sum."""
    low, _ = losses._RANGE[np.dtype(dtype).itemsize]
    seen = []
    for depth in around(low, dtype):
        Z = np.array([[0, -1, 1], [depth, depth - 3, 8 * low]], dtype)
        careful.clear()
        infogain(Z, [0, 2], np.eye(3, dtype=dtype))
        seen.append(sum(careful))
        check(Z, np.array([0, 2]), np.eye(3, dtype=dtype))
    assert seen[0] == 1 and seen[-1] == 0


@dtypes
@pytest.mark.parametrize("offset", [0.25, 5.0, 30.0, -6.0])
def test_cancellation(dtype, offset, careful):
    """Losses around half of the log-sum, and around one half: done over on one side, right on both."""
    seen = []
    for loss in (0.2, 0.45, 0.499, 0.5, 0.501, 0.55, abs(offset) / 2 - 0.01, abs(offset) / 2 + 0.01, abs(offset)):
        if loss < 0.1:
            continue
        other = offset + np.log1p(-np.exp(-loss))  # so that log(e^(offset - loss) + e^other) = offset
        Z = np.array([[offset - loss, other]], dtype)
        careful.clear()
        check(Z, np.array([0]), np.eye(2, dtype=dtype))
        infogain(Z, [0], np.eye(2, dtype=dtype))
        seen.append(sum(careful) > 0)
    assert any(seen) and not all(seen)


@dtypes
@pytest.mark.parametrize("weak", [0, 9, 10, 11, 20])
def test_half_of_a_block_done_over(dtype, weak, monkeypatch, careful):
    """Up to one half the next block starts the short way, beyond it does not."""
    rng = np.random.default_rng(2)
    Z = (rng.integers(-4, 1, (40, 5)) / 4).astype(dtype)  # differences are exact
    Z[:weak, 0] = 12
    Z[20:, 1] = 0.5
    y, H = np.zeros(40, int), np.eye(5, dtype=dtype)
    monkeypatch.setattr(losses, "_BLOCK", dict.fromkeys((4, 8), 100))
    infogain(Z, y, H)
    assert sum(careful) == (weak if weak <= 10 else weak + 20)
    check(Z, y, H)
    assert relative(at_label, Z, y, H) <= 8


@dtypes
@pytest.mark.parametrize("K", [400, 401, 8191, 8192])
def test_rows_that_numpy_would_buffer(dtype, K):
    rng = np.random.default_rng(3)
    Z, H = rng.normal(size=(2, K)).astype(dtype), rng.uniform(size=(2, K)).astype(dtype)
    Z[1, 7] += 40
    check(Z, np.array([0, 1]), H)


@dtypes
@pytest.mark.parametrize("lead", [0, 40])
def test_masked_classes_in_confident_rows(dtype, lead):
    Z = np.array([[lead, 0, -np.inf, 1], [lead, 0, 0.5, 1]], dtype)
    found = at_label(Z, np.zeros(2, int), np.eye(4, dtype=dtype))
    wanted = at_label(Z[:, [0, 1, 3]][:1], np.zeros(1, int), np.eye(3, dtype=dtype))
    np.testing.assert_array_max_ulp(found[0][0], wanted[0][0], 2)
    np.testing.assert_array_max_ulp(found[1][0], wanted[1][0], 2)


# --------------------------------------------------------------------------- below the smallest normal number


@dtypes
@pytest.mark.parametrize("n", [1, 20])
def test_both_sides_of_the_smallest_normal_number(dtype, n):
    """In a mean over n samples: above it the gradient has all of its digits, below it is 0, and no other is touched."""
    border = losses._FAINT[np.dtype(dtype).itemsize] + np.ceil(np.log(n))
    depths = np.array(around(border, dtype))
    Z = np.tile(np.stack([0 * depths, depths, 0 * depths - 40], 1), (max(1, n // 5), 1)).astype(dtype)
    y, H = np.zeros(len(Z), int), np.eye(3, dtype=dtype)  # rows that the short way is not sure of
    faint = infogain_grad(Z, y, H, normalization="none" if n == 1 else "valid")[:5, 1]
    wanted = np.exp(np.float64(depths)) / n
    assert (faint[:3] == 0).all()
    np.testing.assert_allclose(faint[3:], wanted[3:], rtol=4 * np.finfo(dtype).eps)
    check(Z[:5], y[:5], H)


@dtypes
def test_few_gradients_are_subnormal(dtype):
    """They would be right, but slow."""
    tiny = np.finfo(dtype).tiny
    spread = -np.log(tiny) / 3
    Z = (spread * np.random.default_rng(0).normal(size=(200, 50))).astype(dtype)
    grad = infogain_grad(Z, np.arange(200) % 50, np.eye(50, dtype=dtype))
    below = (grad != 0) & (abs(grad) < tiny)
    assert below.mean() < 0.005 < 0.1 < (grad == 0).mean()


# -------------------------------------------------------------------------------------------------- huge weights


@dtypes
def test_a_loss_that_overflows_only_on_the_way(dtype):
    """r log s = 9 max/8 overflows; the loss, 1.2 max/8, does not."""
    huge = np.finfo(dtype).max / 8
    Z = np.array([[9, 9 + np.log(1 - np.exp(-1.2)) - 1.2, 9]], dtype)
    Z[0, 0] = 8.0
    each = infogain_losses(Z, [0], [[huge, 0, 0]])
    wanted = infogain_losses(Z.astype(np.float64), [0], [[1.0, 0, 0]])
    np.testing.assert_allclose(each / huge, wanted, rtol=8 * np.finfo(dtype).eps)
    grad = infogain_grad(Z, [0], [[huge, 0, 0]], normalization="none")
    wanted = infogain_grad(Z.astype(np.float64), [0], [[1.0, 0, 0]])
    np.testing.assert_allclose(grad / huge, wanted, atol=8 * np.finfo(dtype).eps)


@dtypes
def test_a_factor_that_overflows_on_the_way(dtype):
    """r / s overflows in a row that lies far below: it is done over."""
    low, _ = losses._RANGE[np.dtype(dtype).itemsize]
    weight = np.sqrt(np.finfo(dtype).max) * 8
    Z = np.array([[0, 1, 2], [low + 3, low + 2, 1.75 * low]], dtype)
    value, grad = infogain_value_and_grad(Z, [0, 1], [[1, 0, 0], [0, 0, weight]], normalization="none")
    wanted = infogain_value_and_grad((Z - Z.max(1, keepdims=True)).astype(np.float64), [0, 1], [[1, 0, 0], [0, 0, 1.0]],
                                     normalization="none")
    assert np.isfinite(value) and np.isfinite(grad).all()
    np.testing.assert_allclose(grad[1] / weight, wanted[1][1], atol=8 * np.finfo(dtype).eps)


# -------------------------------------------------------------------------------------------------- tiny weights


@dtypes
@pytest.mark.parametrize("sign", [1, -1])
def test_tiny_weights_have_the_gradient_of_others(dtype, sign):
    """r / s would underflow: the gradient, divided by the weight, is that of the weight 1."""
    top = losses._RANGE[np.dtype(dtype).itemsize][1] - 1
    Z = np.array([[top, top - 1, -top]], dtype)
    truth = infogain_grad(Z, [0], [[0, 0, 1]])
    for weight in np.geomspace(1, np.finfo(dtype).tiny / np.finfo(dtype).eps, 50).astype(dtype):
        grad = infogain_grad(Z, [0], [[0, 0, sign * weight]])
        np.testing.assert_allclose(sign * grad / weight, truth, rtol=4 * np.finfo(dtype).eps)


@dtypes
def test_both_sides_of_the_least_factor(dtype, careful):
    """r / s just under the border is done over, at it not; where r is 0 nothing is lost."""
    small = losses._LEAST[np.dtype(dtype).itemsize]
    assert small >= np.finfo(dtype).tiny / np.finfo(dtype).eps
    Z = np.array([[0, 0, 0, 0]], dtype)  # s = 4; the loss, r log 4, is larger than r
    seen = []
    for sign in (1, -1):
        for factor in (0.99 * small, np.nextafter(dtype(small), dtype(1)), 1.01 * small):
            h = np.full((1, 4), sign * factor, dtype)
            careful.clear()
            grad = infogain_grad(Z, [0], h)
            seen.append(sum(careful))
            np.testing.assert_allclose(grad, 0, atol=2 * small * np.finfo(dtype).eps)
    assert seen == [1, 0, 0] * 2
    careful.clear()
    assert infogain_grad([[0, 9, 1]], [0], [[0, -1, 1]]).tolist() == [[0, 1, -1]] and not careful
    assert infogain_grad([[0, 9, 1]], [0], [[0, 0, 0]]).tolist() == [[0, 0, 0]] and not careful


# ------------------------------------------------------------------------------------------- what the peers give


def test_the_usual_way_gives_nothing():
    """Why all this: log-softmax, as everybody computes it."""
    Z = np.array([[20, 0, 0]], np.float32)
    logs = Z - np.log(np.exp(Z - 20).sum(1, keepdims=True)) - 20
    assert logs[0, 0] == 0
    each, slopes = at_label(Z, np.array([0]), np.eye(3))
    assert each[0] > 4e-9 and slopes[0] < -4e-9
