"""How exact the infogain loss is, on both of its ways: against the oracle, which runs the same code on 50 digits."""
import numpy as np
import pytest
from batches import dtypes

from nnnotes.losses import infogain, infogain_losses, infogain_value_and_grad, log_softmax
from nnnotes.proof import oracle, ulp_error
from nnnotes.similarity import label_smoothing_matrix

pytestmark = pytest.mark.usefixtures("way")
LAST = {np.float32: 87, np.float64: 708}  # e^-x is a normal number up to here
SAFE = {np.float32: 60, np.float64: 300}  # from this logit on, the fast way shifts
DEEP = {np.float32: -69, np.float64: -667}  # from this log-sum down, the fast way does not trust itself


def single(Z, y, H):
    """Loss of each row, and its gradient."""
    return infogain_losses(Z, y, H), infogain_value_and_grad(Z, y, H, normalization="none")[1]


def check(Z, y, H, ulps=4):
    """Losses in ulp of themselves, gradients in ulp of the sum of the row's weights."""
    rows = np.abs(H).sum(1)[y][:, None]
    error = ulp_error(single, Z, np.asarray(y), H, dtype=Z.dtype.type, scale=(None, rows))
    assert error.max <= ulps, error


def errors(Z, y, H):
    """Relative errors of each row's loss and of its gradient at the label, in eps: one row of two numbers."""
    i = np.arange(len(Z))
    (losses, grad), (true, slopes) = single(Z, y, H), oracle(single, Z, y, H)
    found, wanted = np.stack([losses, grad[i, y]], 1), np.stack([true, slopes[i, y]], 1)
    off = [abs(float(((w - float(f)) / w).number)) for f, w in zip(found.flat, wanted.flat, strict=True)]
    return np.reshape(off, (-1, 2)) / np.finfo(Z.dtype).eps


@pytest.fixture(params=[1, 4, 1 << 15])
def blocks(request, monkeypatch):
    """Blocks of so many numbers: of one row, of a few rows, or of all."""
    for module in ("losses", "_fast_losses"):
        monkeypatch.setattr(f"nnnotes.{module}.BLOCK_SIZE", 5 * request.param)


# Confident rows


@dtypes
@pytest.mark.parametrize("sign", [1, -1])
def test_leads_that_are_exact(dtype, sign):
    """As long as the other terms are normal numbers they are all there, whatever the sign of the weights."""
    leads = np.arange(0, LAST[dtype], LAST[dtype] // 58 + 0.25, dtype)
    Z = np.stack([0 * leads, leads, 0 * leads], 1)
    assert errors(Z, np.ones(len(Z), int), sign * np.diag(np.array([1, 2, 0.5], dtype))).max() <= 4


@dtypes
@pytest.mark.parametrize("K", [2, 10, 40])
def test_leads_that_are_rounded(dtype, K):
    """Half a unit of the lead is an error of the exponent. Confident rows and others, mixed."""
    rng, y = np.random.default_rng(K), np.arange(24) % K
    leads = np.where(rng.random(24) < 0.6, rng.uniform(0, 0.9 * LAST[dtype], 24), 0)
    Z = rng.normal(size=(24, K))
    Z[np.arange(24), y] += leads
    off = errors(Z.astype(dtype), y, np.eye(K, dtype=dtype))
    assert (off.max(1) <= 8 + leads).all()


def test_single_losses_to_all_digits(way):
    """Many small weights add up to a part of the row sum; a loss is nearly the smallest normal number."""
    for Z, H, wanted, ulps in (
        (np.zeros((1, 47)), label_smoothing_matrix(47, 0.1), 3.85014760171005848, {"plain": 1, "fast": 4}[way]),
        ([[64.67821844922975, -629.8843645308136]], np.eye(2), 2.26622421265000185e-302, 4 + 694.6 / 2),
    ):
        assert abs(infogain(Z, [0], H) - wanted) <= ulps * np.finfo(float).eps * wanted


def test_a_mean_of_losses_that_nearly_vanish():
    Z = np.zeros((8, 10), np.float32)
    Z[:, 3] = 85
    value, grad = infogain_value_and_grad(Z, [3] * 8, np.eye(10))
    np.testing.assert_allclose(value, 9 * np.exp(-85.0), rtol=1e-6)
    np.testing.assert_allclose(grad[:, 3], -9 * np.exp(-85.0) / 8, rtol=1e-6)


@dtypes
@pytest.mark.parametrize("step", [-1, -0.25, 0, 0.25, 1])
def test_terms_below_the_smallest_normal_number(dtype, step):
    """They may lose digits or become 0; they do no harm."""
    tiny, eps = np.finfo(dtype).tiny, np.finfo(dtype).eps
    for border in (LAST[dtype], LAST[dtype] + {np.float32: 17, np.float64: 38}[dtype]):
        Z = np.array([[border + step, 0, 0], [border + step, 0, border - 60]], dtype)
        for found, true in zip(single(Z, [0, 0], np.eye(3)), oracle(single, Z, [0, 0], np.eye(3)), strict=True):
            wanted = np.array([float(exact.number) for exact in true.flat])
            assert (abs(found.ravel() - wanted) <= np.maximum(4 * tiny, 64 * eps * abs(wanted))).all()


@dtypes
def test_few_gradients_are_subnormal(dtype):
    """They would be right, but slow."""
    tiny = np.finfo(dtype).tiny
    Z = (-np.log(tiny) / 3 * np.random.default_rng(0).normal(size=(200, 50))).astype(dtype)
    _, grad = single(Z, np.arange(200) % 50, np.eye(50, dtype=dtype))
    assert np.mean((grad != 0) & (abs(grad) < tiny)) < 0.005 < 0.1 < np.mean(grad == 0)


@dtypes
@pytest.mark.parametrize("normalization", ["valid", "none"])
def test_only_classes_of_tiny_probability_count_as_impossible(dtype, normalization, way):
    """The limit is 4 times the smallest normal number, after the division by the number of samples."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    Z = rng.choice([-50, -3, 0, 2, 50], (500, 1)) + rng.normal(size=(500, 40))
    Z[:, 20:] += np.log(info.tiny) + rng.uniform(0, 14, (500, 20))
    Z = Z.astype(dtype)
    _, grad = infogain_value_and_grad(Z, np.arange(500) % 40, np.eye(40), normalization=normalization)
    share = np.exp(log_softmax(Z.astype(float)))[:, 20:] / (500 if normalization == "valid" else 1)
    possible = share >= 4 * info.tiny
    assert 0.2 < possible.mean() < 0.9 and grad[:, 20:][possible].all()


@dtypes
def test_masked_classes_in_confident_rows(dtype):
    Z = np.array([[0, 0, -np.inf, 1], [40, 0, -np.inf, 1], [40, 0, 0.5, 1]], dtype)
    (losses, grad), y = single(Z, [0] * 3, np.eye(4)), [0] * 2
    wanted, slopes = single(Z[:2, [0, 1, 3]], y, np.eye(3))
    np.testing.assert_array_max_ulp(losses[:2], wanted, 2)
    np.testing.assert_array_max_ulp(grad[:2, 0], slopes[:, 0], 2)


# Levels, and differences that cancel


@dtypes
@pytest.mark.parametrize("tops", [(0, 1), (2, 0), (0, 2.1, 0), (0, -1e3), (2, 1e3, 4.1), (-1e3, -1e3)], ids=str)
def test_blocks_at_different_levels(dtype, tops, blocks):
    rng = np.random.default_rng(0)
    Z = np.concatenate([top * SAFE[dtype] + 3 * rng.normal(size=(4, 5)) for top in tops]).astype(dtype)
    check(Z, rng.integers(0, 3, len(Z)), rng.uniform(0.1, 0.9, (3, 5)).astype(dtype))


@dtypes
@pytest.mark.parametrize("border", [SAFE, LAST], ids=["where a shift begins", "where e^z overflows"])
def test_the_largest_logit_at_a_border(dtype, border):
    border, rng = dtype(border[dtype]), np.random.default_rng(1)
    for top in (border - 1, np.nextafter(border, dtype(0)), border, border + 1, border + 2):
        Z = (top - rng.uniform(0, 3, (4, 5))).astype(dtype)
        Z[1, 2] = top
        Z[2] -= 2 * border
        check(Z, [0, 1, 2, 3], rng.uniform(0.1, 0.9, (4, 5)).astype(dtype))


@dtypes
@pytest.mark.parametrize("step", [-0.5, 0, 0.5])
def test_rows_far_below_the_others(dtype, step):
    deep = DEEP[dtype] + step
    Z = np.array([[0, -1, 1], [deep, deep, deep], [deep, deep - 3, 8 * DEEP[dtype]]], dtype)
    H = np.array([[0.5, 0.5, 0.25], [-100, 100, 200], [0, 0, 1]], dtype)
    check(Z, [0, 1, 2], H, 6)


def test_unlikely_classes_of_low_rows_have_a_gradient(way):
    logits = np.tile(np.float32([-59, -78, -90]), (10_000, 1))
    _, grad = infogain_value_and_grad(logits, np.full(10_000, 2), np.eye(3))
    np.testing.assert_allclose(grad[:, 1], np.exp(-19) / 10_000, rtol=1e-6)


def test_low_rows_with_huge_weights(way):
    logits, H = np.tile(np.float32([-59, -90]), (10_000, 1)), np.float32(1e13) * np.eye(2)
    _, grad = infogain_value_and_grad(logits, np.ones(10_000, int), H, normalization="none")
    np.testing.assert_allclose(grad, np.float32([[1e13, -1e13]]).repeat(10_000, 0), rtol=1e-6)


@dtypes
@pytest.mark.parametrize("offset", [0.25, 5.0, 30.0, -6.0])
def test_losses_that_are_small_differences(dtype, offset):
    """Around half of the log-sum, and around one half."""
    half = abs(offset) / 2
    loss = np.array([0.2, 0.45, 0.499, 0.5, 0.501, 0.55, half - 0.01, half + 0.01, abs(offset)])
    other = offset + np.log1p(-np.exp(-loss))  # so that log(e^(offset - loss) + e^other) = offset
    Z = np.stack([offset - loss, other], 1).astype(dtype)
    check(Z, np.zeros(len(Z), int), np.eye(2, dtype=dtype))


# Weights


@dtypes
def test_weights_on_several_classes(dtype):
    """Small weights beside the label: nothing is lost of the loss, which they make."""
    H = np.array([[1, 1e-6, 0], [1e-9, 2, 1e-12]], dtype)
    for lead in (5, 20, 60):
        check(np.array([[lead, 0, 0.5], [0.25, lead, 0]], dtype), [0, 1], H)


@dtypes
@pytest.mark.parametrize("level", [0, -1, 1])
def test_huge_weights(dtype, level):
    """r log s, or r / s, may overflow; the loss and the gradient do not."""
    huge, level = np.finfo(dtype).max / 8, level * SAFE[dtype]
    Z = level + np.array([[9, 9, 8 + np.log1p(-np.exp(-1.2))], [0, 0.5, 0.25]], dtype)
    y, H = np.array([0, 0]), np.array([[1, 0, 0]], dtype)
    for found, wanted in zip(single(Z, y, H * huge), single(Z.astype(float), y, H), strict=True):
        np.testing.assert_allclose(found / huge, wanted, rtol=0, atol=8 * np.finfo(dtype).eps)


@dtypes
@pytest.mark.parametrize("sign", [1, -1])
def test_tiny_weights_have_the_gradient_of_others(dtype, sign):
    """r / s may underflow: the gradient, divided by the weight, is that of the weight 1."""
    top = SAFE[dtype] - 1
    Z = np.array([[top, top - 1, -top], [0, 0, 0]], dtype)
    weights = np.geomspace(1, np.finfo(dtype).tiny / np.finfo(dtype).eps, 50).astype(dtype)
    wanted = single(Z, [0, 0], np.array([[0, 0, 1]], dtype))[1]
    for weight in weights:
        grad = single(Z, [0, 0], np.array([[0, 0, sign * weight]]))[1]
        np.testing.assert_allclose(sign * grad / weight, wanted, rtol=4 * np.finfo(dtype).eps)


def test_weights_that_sum_to_zero():
    for h, wanted in (([0, -1, 1], [0, 1, -1]), ([0, 0, 0], [0, 0, 0])):
        assert single([[0, 9, 1.0]], [0], [h])[1].tolist() == [wanted]


# Alone, as in a batch


def random_batch(seed, dtype):
    """Logits of many widths and heights, labels, and matrices of many kinds."""
    rng = np.random.default_rng(seed)
    N, K = rng.integers(2, 30), rng.choice([2, 3, 10, 47, 300])
    H = (np.eye(K), rng.random((K, K)), label_smoothing_matrix(K, 0.1))[seed % 3]
    Z, y = 10 ** rng.uniform(-1, 3) * rng.normal(size=(N, K)), rng.integers(0, K, N)
    Z[np.arange(N), y] += rng.choice([0, 5, 20, 80])
    return (Z + rng.choice([0, 0, -400, 50, 500])).astype(dtype), y, H.astype(dtype)


@dtypes
def test_a_row_alone_is_what_it_is_in_a_batch(dtype, way):
    eps = {"plain": 2, "fast": 16}[way] * np.finfo(dtype).eps
    for seed in range(40):
        Z, y, H = random_batch(seed, dtype)
        losses, grad = single(Z, y, H)
        for i in range(len(Z)):
            (loss,), (slopes,) = single(Z[i : i + 1], y[i : i + 1], H)
            assert abs(losses[i] - loss) <= eps * abs(loss)
            assert (abs(grad[i] - slopes) <= eps * H[y[i]].sum()).all()
