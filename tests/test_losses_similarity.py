"""Matrices for the infogain loss, the expected distance and the squared error: against PyTorch, SciPy and loops."""

import math
import warnings

import numpy as np
import pytest
import sympy as sp
from conftest import peer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from nnnotes import losses
from nnnotes.losses import (
    SimilarityWarning,
    check_similarity,
    class_weight_matrix,
    expected_distance,
    expected_distance_grad,
    expected_distance_value_and_grad,
    identity_matrix,
    ignore_labels,
    infogain,
    infogain_floor,
    infogain_losses,
    infogain_value_and_grad,
    label_smoothing_matrix,
    similarity_from_distance,
    similarity_from_tree,
    softmax,
    squared_error,
    squared_error_grad,
    squared_error_value_and_grad,
)
from nnnotes.proof import oracle, prove, symbols, ulp_error

FLOATS = (np.float32, np.float64)
NORMALIZATIONS = ("valid", "full", "batch_size", "none")
INF, NAN, I0 = np.inf, np.nan, np.empty((0, 3))
dtypes = pytest.mark.parametrize("dtype", FLOATS)
RANKS = [((4,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((2, 3, 4), -1), ((2, 3, 4), 0), ((2, 3, 4, 5), 2)]


def case(shape, axis, M, dtype, seed=0, scale=2.0):
    """Logits, labels and a matrix, none of them special."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=shape).astype(dtype)
    return logits, rng.integers(0, M, np.delete(shape, axis)), rng.normal(size=(M, shape[axis])).astype(dtype)


def divisor(normalization, labels, axis, ignored):
    """What the sum of the losses is divided by."""
    outer = math.prod(labels.shape[:axis])
    sizes = {"valid": labels.size - ignored, "full": labels.size, "batch_size": outer, "none": 1}
    return max(1, sizes[normalization])


def close(actual, wanted, dtype, scale=1.0):
    """Equal to 40 roundings at the given size."""
    np.testing.assert_allclose(actual, wanted, rtol=40 * np.finfo(dtype).eps, atol=40 * np.finfo(dtype).eps * scale)


# ------------------------------------------------------------------------------------------------ matrices: PyTorch


@dtypes
@pytest.mark.parametrize("smoothing", [0, 0.1, 0.5, 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 3), (4, 7, 2, 3)])
def test_cross_entropy_as_pytorch_weighs_and_smoothes(shape, weighted, smoothing, dtype):
    torch = peer("torch")
    rng, K = np.random.default_rng(1), shape[1]
    logits = rng.normal(scale=3, size=shape).astype(dtype)
    labels = rng.integers(0, K, (shape[0], *shape[2:]))
    labels.flat[1] = -100
    weight = rng.uniform(0, 3, K).astype(dtype) if weighted else np.ones(K, dtype)
    Z = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        Z, torch.tensor(labels), weight=torch.tensor(weight), label_smoothing=smoothing, ignore_index=-100
    )
    loss.backward()
    H = label_smoothing_matrix(K, smoothing, weight=weight if weighted else None)
    if not smoothing:
        np.testing.assert_array_equal(H, class_weight_matrix(weight) if weighted else identity_matrix(K))
    value, grad = infogain_value_and_grad(logits, labels, H, axis=1, ignore_label=-100, normalization="none")
    total = weight[labels[labels >= 0]].sum()
    close(value / total, loss.item(), dtype)
    close(grad / total, Z.grad.numpy(), dtype)


def test_a_weight_of_zero_ignores_the_class():
    logits, labels, _ = case((5, 3), 1, 3, float)
    value = infogain(logits, labels, class_weight_matrix([1, 0, 1]), normalization="none")
    close(value, infogain(logits, labels, np.eye(3), ignore_label=1, normalization="none"), float)


@dtypes
def test_ignored_rows_are_ignored_labels_in_a_full_mean(dtype):
    logits, labels, H = case((2, 3, 4), 1, 5, dtype)
    for normalization in ("full", "batch_size", "none"):
        options = {"axis": 1, "normalization": normalization}
        actual = infogain_value_and_grad(logits, labels, ignore_labels(H, [[1], [3]]), **options)
        kept = np.where((labels == 1) | (labels == 3), 9, labels)
        wanted = infogain_value_and_grad(logits, kept, H, ignore_label=9, **options)
        assert actual[0] == wanted[0]
        np.testing.assert_array_equal(actual[1], wanted[1])


def test_ignoring_copies_and_keeps_the_type():
    H = np.eye(3, dtype=np.float32)
    H.flags.writeable = False
    assert ignore_labels(H, 1).dtype == np.float32 and ignore_labels(H, []).tolist() == H.tolist()
    assert ignore_labels([[1, 2]], 0).tolist() == [[0, 0]]


# ------------------------------------------------------------------------------------- matrices: distances and trees


@given(seed=st.integers(0, 999), K=st.integers(1, 6), scale=st.sampled_from([1e-300, 0.3, 1, 7, 1e300]))
@settings(max_examples=60, deadline=None)
def test_similarities_from_distances(seed, K, scale):
    D = np.random.default_rng(seed).exponential(size=(K, K))
    np.fill_diagonal(D, 0)
    H = similarity_from_distance(D, scale=scale)
    np.testing.assert_allclose(H, [[math.exp(-d / scale) for d in row] for row in D], rtol=1e-15)
    rows = similarity_from_distance(D, scale=scale, normalize=True)
    np.testing.assert_allclose(rows, special.softmax(-D / scale, axis=1), rtol=1e-14, atol=1e-300)
    assert (np.diagonal(H) == H.max(1)).all() and (abs(rows.sum(1) - 1) < 1e-15).all()


def test_the_smallest_scale_gives_the_cross_entropy_and_infinite_distances_give_nothing():
    D = 1 - np.eye(3)
    np.testing.assert_array_equal(similarity_from_distance(D, scale=1e-3), np.eye(3))
    np.testing.assert_array_equal(similarity_from_distance([[0, INF], [1, 0]]), [[1, 0], [math.exp(-1), 1]])


def leaves(tree, above=()):
    """Paths from the outside in, by recursion."""
    if isinstance(tree, int):
        return {tree: above}
    return {label: path for i, part in enumerate(tree) for label, path in leaves(part, (*above, i)).items()}


def by_hand(tree):
    """Similarities label by label: groups in common, twice, over those of both."""
    paths = leaves(tree)
    H = np.zeros((len(paths), len(paths)))
    for a, one in paths.items():
        for b, other in paths.items():
            shared = 0
            while shared < min(len(one), len(other)) and one[shared] == other[shared]:
                shared += 1
            H[a, b] = 2 * shared / (len(one) + len(other))
    return H


def grown(K, rng):
    """A random tree with the leaves 0 to K - 1: groups are merged until one is left."""
    parts = list(map(int, rng.permutation(K)))
    while len(parts) > 1:
        taken = [parts.pop(rng.integers(len(parts))) for _ in range(rng.integers(1, min(4, len(parts)) + 1))]
        parts.append(tuple(taken) if rng.random() < 0.5 else list(taken))
    return parts


@given(seed=st.integers(0, 999), K=st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_similarities_from_trees(seed, K):
    tree = grown(K, np.random.default_rng(seed))
    H = similarity_from_tree(tree)
    np.testing.assert_array_equal(H, by_hand(tree))
    assert (H == H.T).all() and (np.diagonal(H) == 1).all() and (H >= 0).all() and (H <= 1).all()
    off = H[~np.eye(K, dtype=bool)]
    assert (off < 1).all()
    np.testing.assert_array_equal(similarity_from_distance(1 - H, scale=1e-6) > 0.5, np.eye(K))


def test_trees_by_example():
    np.testing.assert_array_equal(similarity_from_tree((0,)), [[1]])
    np.testing.assert_array_equal(similarity_from_tree((2, 0, 1)), np.eye(3))
    H = similarity_from_tree((((0, 1), 2), (np.int64(3), [4])))
    np.testing.assert_allclose(H[0], [1, 4 / 6, 2 / 5, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(H[3], [0, 0, 0, 1, 2 * 1 / (2 + 3)], rtol=1e-15)


def test_trees_that_are_deep_or_hold_themselves():
    deep = 0
    for _ in range(3000):
        deep = [deep]
    np.testing.assert_array_equal(similarity_from_tree([deep, 1]), np.eye(2))
    deep.append(deep)
    with pytest.raises(ValueError, match="tree: expected groups that do not hold themselves"):
        similarity_from_tree(deep)
    twice = [0]
    with pytest.raises(ValueError, match="once, got 0 in the place of 1$"):
        similarity_from_tree([twice, twice])


def test_matrices_are_float64_unless_asked():
    D, w = np.float32([[0, 1], [2, 0]]), np.float32([0.1, 2])
    makers = (
        lambda **o: identity_matrix(2, **o),
        lambda **o: class_weight_matrix(w, **o),
        lambda **o: label_smoothing_matrix(2, np.float32(0.1), weight=w, **o),
        lambda **o: similarity_from_distance(D, **o),
        lambda **o: similarity_from_distance(D, normalize=True, **o),
        lambda **o: similarity_from_tree((0, 1), **o),
    )
    for make in makers:
        assert make().dtype == np.float64
        assert make(dtype=np.float32).dtype == make(dtype="float32").dtype == np.float32
        np.testing.assert_array_equal(make(dtype=np.float32), make().astype(np.float32))
        with pytest.raises(TypeError, match="dtype: expected float32 or float64, got <class 'numpy.float16'>"):
            make(dtype=np.float16)


REFUSED = [
    (ValueError, "count: expected at least one class, got 0", lambda: identity_matrix(0)),
    (TypeError, "count: expected an integer, got 2.0", lambda: identity_matrix(2.0)),
    (ValueError, "count: expected at least one class, got -1", lambda: label_smoothing_matrix(-1, 0.1)),
    (ValueError, "weight: expected at least one number, got none", lambda: class_weight_matrix([])),
    (ValueError, "weight: expected numbers in [0, inf), got -1.0 at [1]", lambda: class_weight_matrix([1, -1])),
    (ValueError, "weight: expected numbers in [0, inf), got nan at [0]", lambda: class_weight_matrix([NAN, 1])),
    (ValueError, "weight: expected numbers in [0, inf), got inf at [0]", lambda: class_weight_matrix([INF, 1])),
    (ValueError, "weight: expected 1 dimension, got shape (1, 2)", lambda: class_weight_matrix([[1, 2]])),
    (TypeError, "weight: expected float32, float64 or integers, got bool", lambda: class_weight_matrix([True])),
    (
        ValueError,
        "weight: expected numbers that float32 can hold, got 1e+300 at [0]",
        lambda: class_weight_matrix([1e300, 1], dtype=np.float32),
    ),
    (
        ValueError,
        "weight: expected numbers that float32 can hold, got 1e-300 at [1]",
        lambda: label_smoothing_matrix(2, 0.1, weight=[1, 1e-300], dtype=np.float32),
    ),
    (TypeError, "dtype: expected float32 or float64, got None", lambda: identity_matrix(2, dtype=None)),
    (
        TypeError,
        "normalize: expected True or False, got 'no'",
        lambda: similarity_from_distance([[0]], normalize="no"),
    ),
    (ValueError, "smoothing: expected numbers in [0, 1], got 1.1", lambda: label_smoothing_matrix(3, 1.1)),
    (ValueError, "smoothing: expected numbers in [0, 1], got -0.1", lambda: label_smoothing_matrix(3, -0.1)),
    (ValueError, "smoothing: expected numbers in [0, 1], got nan", lambda: label_smoothing_matrix(3, NAN)),
    (ValueError, "smoothing: expected 0 dimensions, got shape (1,)", lambda: label_smoothing_matrix(3, [0.1])),
    (
        ValueError,
        "weight: expected one number for each of 3 classes, got shape (2,)",
        lambda: label_smoothing_matrix(3, 0, weight=[1, 2]),
    ),
    (
        ValueError,
        "D: expected numbers in [0, inf], got -1.0 at [0, 1]",
        lambda: similarity_from_distance([[0, -1], [1, 0]]),
    ),
    (
        ValueError,
        "D: expected numbers in [0, inf], got nan at [1, 0]",
        lambda: similarity_from_distance([[0, 1], [NAN, 0]]),
    ),
    (
        ValueError,
        "D: expected as many rows as columns, at least one, got shape (1, 2)",
        lambda: similarity_from_distance([[0, 1]]),
    ),
    (
        ValueError,
        "D: expected as many rows as columns, at least one, got shape (0, 0)",
        lambda: similarity_from_distance(np.empty((0, 0))),
    ),
    (ValueError, "D: expected 2 dimensions, got shape (2,)", lambda: similarity_from_distance([0, 1])),
    (
        ValueError,
        "D: expected 0 from each label to itself, got 1.0 for label 0",
        lambda: similarity_from_distance(np.eye(3)),
    ),
    (
        ValueError,
        "D: expected 0 from each label to itself, got inf for label 1",
        lambda: similarity_from_distance([[0, 1], [1, INF]]),
    ),
    (ValueError, "scale: expected a positive finite number, got 0.0", lambda: similarity_from_distance([[0]], scale=0)),
    (
        ValueError,
        "scale: expected a positive finite number, got nan",
        lambda: similarity_from_distance([[0]], scale=NAN),
    ),
    (
        ValueError,
        "scale: expected a positive finite number, got inf",
        lambda: similarity_from_distance([[0]], scale=INF),
    ),
    (TypeError, "tree: expected nested tuples or lists, got 0", lambda: similarity_from_tree(0)),
    (TypeError, "tree: expected an integer, got 'cat'", lambda: similarity_from_tree(("cat", "dog"))),
    (TypeError, "tree: expected an integer, got False", lambda: similarity_from_tree((False, True))),
    (
        ValueError,
        "tree: expected each label from 0 on once, got 0 in the place of 1",
        lambda: similarity_from_tree((0, (0, 1))),
    ),
    (
        ValueError,
        "tree: expected each label from 0 on once, got 1 in the place of 0",
        lambda: similarity_from_tree((1, 2)),
    ),
    (ValueError, "tree: expected each label from 0 on once, got none", lambda: similarity_from_tree(((), ()))),
    (ValueError, "labels: expected integers from 0 to 1, got 2 at [1]", lambda: ignore_labels(np.eye(2), [0, 2])),
    (ValueError, "labels: expected integers from 0 to 1, got -1", lambda: ignore_labels(np.eye(2), -1)),
    (TypeError, "labels: expected integers, got bool", lambda: ignore_labels(np.eye(2), [True, False])),
    (ValueError, "H: expected finite numbers, got nan at [0, 0]", lambda: ignore_labels([[NAN]], 0)),
    (ValueError, "H: expected 2 dimensions, got shape (2,)", lambda: ignore_labels([1, 2], 0)),
    (
        ValueError,
        "labels: expected an array, or lists that make one, got lists of different lengths",
        lambda: ignore_labels(np.eye(2), [[0], 1]),
    ),
    (
        ValueError,
        "ignored: expected an array, or lists that make one, got lists of different lengths",
        lambda: check_similarity(np.eye(2), ignored=[[0], 1]),
    ),
    (ValueError, "H: expected finite numbers, got inf at [0, 0]", lambda: check_similarity([[INF]])),
    (ValueError, "ignored: expected integers from 0 to 1, got 2", lambda: check_similarity(np.eye(2), ignored=2)),
    (ValueError, "H: expected numbers in [0, inf), got -1.0 at [0, 1]", lambda: infogain_floor([[1, -1]])),
    (ValueError, "H: expected at least one label and one class, got shape (0, 3)", lambda: infogain_floor(I0)),
    (ValueError, "H: expected at least one label and one class, got shape (3, 0)", lambda: infogain_floor(I0.T)),
    (ValueError, "H: expected numbers in [0, inf), got nan at [0, 0]", lambda: infogain_floor([[NAN, 1]])),
    (ValueError, "H: expected 2 dimensions, got shape (2,)", lambda: infogain_floor([1, 2])),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED, ids=[entry[1][:60] for entry in REFUSED])
def test_what_makes_no_sense_is_refused(error, message, call):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message


# ---------------------------------------------------------------------------------------------------- warnings, floor


def warned(H, **options):
    """The warnings that a matrix gets."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        returned = check_similarity(H, **options)
    np.testing.assert_array_equal(returned, H)
    assert all(warning.category is SimilarityWarning and warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


FINDINGS = [
    ([[1, -0.5, 0], [0, 1, 0], [-1, 0, 2]], ["H: negative weights (rows 0, 2)"]),
    ([[1, 0], [0, 0]], ["H: no positive sum (row 1)"]),
    ([[1, -1], [0, 1]], ["H: negative weights (row 0)", "H: no positive sum (row 0)"]),
    ([[1, -3], [0, 1]], ["H: negative weights (row 0)", "H: no positive sum (row 0)"]),
    ([[1, 2], [0, 1]], ["H: another class weighs more than the label (row 0)"]),
    ([[0, 1], [1, 0]], ["H: it looks like distances (rows 0, 1)"]),
    ([[0, 1], [1, 1]], ["H: another class weighs more than the label (row 0)"]),
    ([[-1, 2], [0, 1]], ["H: negative weights (row 0)", "H: another class weighs more than the label (row 0)"]),
    (np.ones((9, 9)) - np.eye(9), ["H: it looks like distances (rows 0, 1, 2, 3, 4 and 4 more)"]),
    ([[0, 0], [0, 0]], ["H: no positive sum (rows 0, 1)"]),
    ([[1, 1], [1, 1]], []),
    ([[0, 1, 2]], []),
    ([[0.0]], ["H: no positive sum (row 0)"]),
    ([[1, 5], [2, 0], [0, 0]], ["H: no positive sum (row 2)"]),
    (np.empty((0, 3)), []),
    (np.float32([[1e-45, 0], [0, 3e38]]), []),
    (np.full((2, 2), 1.7e308), ["H: a sum that overflows (rows 0, 1)"]),
    (np.full((2, 2), 0.8e308), []),
    ([[-1.7e308, -1.7e308], [0, 1]], ["H: negative weights (row 0)", "H: a sum that overflows (row 0)"]),
]


@pytest.mark.parametrize(("H", "wanted"), FINDINGS)
def test_findings(H, wanted):
    found = warned(np.array(H))
    assert [text[: text.index(":", 3)] for text in found] == wanted


def test_ignored_rows_have_no_say():
    assert warned([[1, 0], [0, 0]], ignored=[1]) == []
    assert warned([[1, 0], [0, 0]], ignored=1) == []
    assert warned([[-1, 5], [0, 1]], ignored=[0]) == []
    (text,) = warned([[0, 1, 2], [0, 0, 0], [3, 1, 0]], ignored=[1])
    assert text.startswith("H: it looks like distances (rows 0, 2)")
    assert warned(np.zeros((2, 2)), ignored=[0, 1]) == []


@given(seed=st.integers(0, 999), K=st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_what_the_constructors_make_is_not_warned_of(seed, K):
    rng = np.random.default_rng(seed)
    D = np.abs(np.subtract.outer(*[rng.normal(size=K)] * 2))
    for H in (
        identity_matrix(K),
        class_weight_matrix(rng.uniform(0.1, 5, K)),
        label_smoothing_matrix(K, rng.uniform(0, 0.9)),
        similarity_from_distance(D, scale=rng.uniform(0.1, 9), normalize=bool(seed % 2)),
        similarity_from_tree(grown(K, rng)),
    ):
        assert warned(H) == []
    assert "looks like distances" in warned(D)[0]


@dtypes
def test_the_floor_is_reached_and_is_the_floor(dtype):
    rng = np.random.default_rng(0)
    H = (rng.uniform(size=(5, 4)) * rng.integers(0, 2, (5, 4)) + [0.125, 0, 0, 0]).astype(dtype)
    floor = infogain_floor(H)
    assert floor.dtype == dtype and floor.shape == (5,)
    wide = H.astype(float)
    np.testing.assert_allclose(
        floor, wide.sum(1) * stats.entropy(wide, axis=1), rtol=8 * np.finfo(dtype).eps, atol=1e-30
    )
    for y in range(5):
        each = infogain_losses(rng.normal(scale=4, size=(500, 4)).astype(dtype), np.full(500, y), H)
        assert (each >= floor[y] * (1 - 8 * np.finfo(dtype).eps)).all()


@dtypes
def test_the_floor_of_rows_that_are_nearly_one_hot(dtype):
    H = np.array([[1, 1e-30, 0], [1e-30, 2, 1e-20], [0, 0, 3], [0, 0, 0]], dtype)
    wanted = [0.0] * 4
    for row, (largest, *small) in enumerate(([1, 1e-30], [2, 1e-30, 1e-20])):
        wanted[row] = sum(
            h * (math.log(largest) - math.log(h)) + h for h in small
        )  # r log(r / largest) is about sum(h)
    np.testing.assert_allclose(infogain_floor(H), wanted, rtol=16 * np.finfo(dtype).eps)


@dtypes
def test_the_floor_in_ulp(dtype):
    H = np.random.default_rng(2).uniform(size=(9, 6)) ** 4
    assert ulp_error(infogain_floor, H, dtype=dtype).max <= 4


# -------------------------------------------------------------------------------------------------- expected distance


def slowly(logits, labels, D, axis, ignore_label, normalization):
    """Expected distance and gradient by loops, in float64."""
    Z, D = np.moveaxis(np.asarray(logits, np.float64), axis, -1), np.asarray(D, np.float64)
    grad, each = np.zeros_like(Z), np.zeros(labels.shape)
    for place in np.ndindex(labels.shape):
        if labels[place] == ignore_label:
            continue
        p = np.exp(Z[place]) / np.exp(Z[place]).sum()
        each[place] = sum(p[k] * D[labels[place], k] for k in range(len(p)))
        grad[place] = [p[k] * (D[labels[place], k] - each[place]) for k in range(len(p))]
    n = divisor(normalization, labels, axis % np.ndim(logits), np.count_nonzero(labels == ignore_label))
    return each.sum() / n, np.moveaxis(grad, -1, axis) / n


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("ignore_label", [None, 1, 255])
def test_expected_distance_of_any_shape(shape, axis, normalization, ignore_label, dtype):
    logits, labels, D = case(shape, axis, 6, dtype)
    if ignore_label == 255:
        labels = np.where(labels == 2, 255, labels)
    options = {"axis": axis, "ignore_label": ignore_label, "normalization": normalization}
    value, grad = slowly(logits, labels, D, **options)
    actual, actual_grad = expected_distance_value_and_grad(logits, labels, D, **options)
    assert actual.dtype == actual_grad.dtype == dtype and actual_grad.shape == shape
    close(actual, value, dtype, 10)
    close(actual_grad, grad, dtype, 2)
    assert expected_distance(logits, labels, D, **options) == actual
    np.testing.assert_array_equal(expected_distance_grad(logits, labels, D, **options), actual_grad)


@dtypes
@pytest.mark.parametrize("scale", [1, 10, 100])
def test_expected_distance_against_autograd(scale, dtype):
    torch = peer("torch")
    logits, labels, D = case((2, 5, 3), 1, 4, dtype, scale=scale)
    Z = torch.tensor(logits, requires_grad=True)
    loss = (torch.softmax(Z, 1) * torch.tensor(np.moveaxis(D[labels], -1, 1))).sum(1).mean()
    loss.backward()
    value, grad = expected_distance_value_and_grad(logits, labels, D, axis=1)
    close(value, loss.item(), dtype, 4)
    close(grad, Z.grad.numpy(), dtype, 4)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_another_axis_and_ignored_samples_are_proved(normalization):
    Z, D = symbols("z", 4, 3), symbols("d", 2, 4)
    n = {"valid": 2, "full": 3, "batch_size": 1, "none": 1}[normalization]
    wanted, value = np.zeros((4, 3), object), 0
    for i, label in ((0, 1), (2, 0)):
        p = np.array([sp.exp(z) for z in Z[:, i]]) / sum(sp.exp(z) for z in Z[:, i])
        mean = (p * D[label]).sum()
        value += mean / n
        wanted[:, i] = p * (D[label] - mean) / n
    options = {"axis": 0, "ignore_label": 9, "normalization": normalization, "thresholds": (708, -708)}
    prove(expected_distance_value_and_grad, (value, wanted), Z, [1, 9, 0], D, **options)
    prove(expected_distance, value, Z, [1, 9, 0], D, **options)
    prove(expected_distance_grad, wanted, Z, [1, 9, 0], D, **options)


@given(seed=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_expected_distance_is_the_wasserstein_distance_to_the_label(seed):
    rng = np.random.default_rng(seed)
    places, logits = np.sort(rng.normal(size=5)), rng.normal(scale=3, size=(1, 5))
    D = np.abs(np.subtract.outer(places, places))
    for y in range(5):
        wanted = stats.wasserstein_distance(places, places[y : y + 1], softmax(logits)[0])
        np.testing.assert_allclose(expected_distance(logits, [y], D), wanted, rtol=1e-12, atol=1e-15)


@dtypes
@given(seed=st.integers(0, 9999), scale=st.sampled_from([1e-3, 1, 30, 1e4]))
@settings(max_examples=60, deadline=None)
def test_properties_of_the_expected_distance(dtype, seed, scale):
    logits, labels, D = case((5, 4), 1, 3, dtype, seed=seed, scale=scale)
    eps = np.finfo(dtype).eps
    grad = expected_distance_grad(logits, labels, D, normalization="none")
    size = np.ptp(D[labels], axis=1)
    assert (np.abs(grad.sum(1)) <= 20 * eps * size).all()
    assert (np.abs(grad) <= size[:, None] * (1 + 8 * eps)).all()
    for i in range(5):
        value = expected_distance(logits[i], labels[i], D)
        row = D[labels[i]]
        assert row.min() - 8 * eps * abs(row).max() <= value <= row.max() + 8 * eps * abs(row).max()
    shifted = expected_distance_grad(logits + dtype(64), labels, D, normalization="none")
    assert np.abs(shifted - grad).max() <= 200 * eps * max(1, scale) * size.max()


@given(seed=st.integers(0, 9999), scale=st.sampled_from([0.1, 1, 5]))
@settings(max_examples=40, deadline=None)
def test_the_slope_of_the_expected_distance(seed, scale):
    logits, labels, D = case((3, 4), 1, 2, np.float64, seed=seed, scale=scale)
    step, h = np.random.default_rng(seed).normal(size=logits.shape), 1e-5
    ends = [expected_distance(logits + sign * h * step, labels, D) for sign in (1, -1)]
    slope = np.sum(expected_distance_grad(logits, labels, D) * step)
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), slope, rtol=1e-6, atol=1e-8)


def relative(function, *arrays, label, dtype):
    """Largest relative error of the number, or of the component at the label, in roundings (eps)."""
    got, true = (np.ravel(np.array(part)) for part in (function(*arrays), oracle(function, *arrays)))
    place = label if len(got) > 1 else 0
    return abs(float((true[place] - float(got[place])).number / true[place].number)) / np.finfo(dtype).eps


@dtypes
@pytest.mark.parametrize("lead", [0, 1, 5, 20, 50, 80])
def test_confident_rows_keep_their_digits(lead, dtype):
    D = np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(dtype)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        logits, y = rng.normal(size=5), rng.integers(5)
        logits[y] = logits.max() + lead
        for function in (expected_distance, expected_distance_grad):
            assert relative(function, logits.astype(dtype), y, D, label=y, dtype=dtype) <= 3 + lead / 2


@dtypes
@pytest.mark.parametrize("scale", [1, 3, 10, 30, 100, 1e3, 1e5])
def test_expected_distance_in_ulp(scale, dtype):
    logits, labels, D = case((40, 7), 1, 5, dtype, scale=scale)
    greatest = np.abs(D).max(1)[labels][:, None]
    options = {"dtype": dtype, "normalization": "none"}
    assert ulp_error(expected_distance_grad, logits, labels, D, scale=greatest, **options).max <= 5
    for i in range(0, 40, 4):
        assert ulp_error(expected_distance, logits[i], labels[i], D, scale=greatest[i, 0], **options).max <= 4


@dtypes
def test_masked_classes_cost_nothing(dtype):
    logits, D = np.array([[1.0, -INF, 2], [-INF, 3, -INF]], dtype), np.array([[0, 1, 2], [3, 4, 0]], dtype)
    value, grad = expected_distance_value_and_grad(logits, [0, 1], D, normalization="none")
    p = 1 / (1 + math.exp(-1))
    close(value, 2 * p + 4, dtype)
    assert grad[0, 1] == 0 and (grad[1] == 0).all()
    close(grad[0, 2], p * (2 - 2 * p), dtype)


@dtypes
def test_all_ignored_or_empty_is_zero(dtype):
    logits, _, D = case((3, 5), 1, 2, dtype)
    logits[0] = NAN
    for normalization in NORMALIZATIONS:
        options = {"ignore_label": 7, "normalization": normalization}
        value, grad = expected_distance_value_and_grad(logits, [7, 7, 7], D, **options)
        assert value == 0 and value.dtype == dtype and not grad.any()
    for shape, axis in (((0, 3), 1), ((2, 3, 0), 1), ((0, 3, 2), 1)):
        labels = np.empty(np.delete(shape, axis), int)
        value, grad = expected_distance_value_and_grad(np.empty(shape, dtype), labels, np.eye(3), axis=axis)
        assert value == 0 and value.dtype == dtype and grad.shape == shape


@dtypes
def test_arguments_are_not_written_to(dtype):
    logits, labels, D = case((6, 3), 1, 6, dtype)
    outputs, targets = logits[:4], np.asfortranarray(logits[2:])
    w, distances = np.abs(logits[0]), 1 - np.eye(3, dtype=dtype)
    for array in (logits, labels, D, outputs, targets, w, distances):
        array.flags.writeable = False
    value, grad = expected_distance_value_and_grad(logits, labels, D, ignore_label=2)
    same = expected_distance_value_and_grad(
        np.asfortranarray(logits), labels.astype(np.uint8), D[::-1][::-1], ignore_label=2
    )
    assert value == same[0] and (grad == same[1]).all()
    squared_error_value_and_grad(outputs, targets)
    label_smoothing_matrix(3, 0.1, weight=w)
    similarity_from_distance(distances, normalize=True)
    infogain_floor(np.abs(D))
    check_similarity(1 + np.eye(3, dtype=dtype))


X, Y, D3 = np.zeros((2, 3)), np.array([0, 1]), 1 - np.eye(3)
BAD = [
    (TypeError, "logits: expected float32, float64 or integers, got bool", [[True, False]], [0], np.eye(2), {}),
    (TypeError, "logits: expected a plain array, got a masked array", np.ma.masked_array(X), Y, D3, {}),
    (ValueError, "logits: expected at least one dimension, the classes, got a single number", 3.0, 0, D3, {}),
    (ValueError, "logits: expected numbers below +inf, got nan at [1, 2]", [[0, 0, 0], [0, 0, NAN]], Y, D3, {}),
    (ValueError, "logits: expected numbers below +inf, got inf at [0, 1]", [[0, INF, 0], [0, 0, 0]], Y, D3, {}),
    (ValueError, "logits: expected a number above -inf along axis 1, got -inf", [[0] * 3, [-INF] * 3], Y, D3, {}),
    (ValueError, "axis: expected an integer from -2 to 1, got 2", X, Y, D3, {"axis": 2}),
    (TypeError, "labels: expected integers, got float64", X, [0.0, 1.0], D3, {}),
    (ValueError, "labels: expected shape (2,), got shape (3,)", X, [0, 1, 2], D3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got 3 at [1]", X, [0, 3], D3, {}),
    (TypeError, "ignore_label: expected an integer, got 1.0", X, Y, D3, {"ignore_label": 1.0}),
    (ValueError, "D: expected 2 dimensions, got shape (3,)", X, Y, np.ones(3), {}),
    (ValueError, "D: expected a row per label and a column for each of the 3 classes", X, Y, np.eye(2), {}),
    (TypeError, "D: expected float32, float64 or integers, got bool", X, Y, np.eye(3, dtype=bool), {}),
    (ValueError, "D: expected finite numbers, got nan at [1, 1]", X, Y, np.diag([1, NAN, 1]), {}),
    (ValueError, "D: expected finite numbers, got inf at [0, 0]", X, Y, np.diag([INF, 1, 1]), {}),
    (
        ValueError,
        "D: expected rows whose differences do not overflow in float64, got the row [ 1.e+308 -1.e+308  0.e+000]",
        X[:1],
        Y[:1],
        [[1e308, -1e308, 0]],
        {},
    ),
    (
        ValueError,
        "D: expected distances with which the losses have a sum, got a sum of inf - inf",
        np.zeros((32, 1)),
        np.arange(32) % 2,
        [[1.7e308], [-1.7e308]],
        {"normalization": "none"},
    ),
    (ValueError, "normalization: expected 'valid' or 'full'", X, Y, D3, {"normalization": "mean"}),
]


@pytest.mark.parametrize(
    ("error", "message", "logits", "labels", "D", "options"), BAD, ids=[bad[1][:60] for bad in BAD]
)
def test_bad_input_is_named(error, message, logits, labels, D, options):
    for function in (expected_distance, expected_distance_grad, expected_distance_value_and_grad):
        with pytest.raises(error) as raised:
            function(logits, labels, D, **options)
        assert str(raised.value).startswith(message)


def test_rows_that_no_label_names_are_not_looked_at():
    value, grad = expected_distance_value_and_grad([[0, 0], [1, 0]], [1, 7], [[NAN, 0], [0, 1]], ignore_label=7)
    assert value == 0.5 and grad.tolist() == [[-0.25, 0.25], [0, 0]]


def test_a_total_beyond_the_largest_number_is_infinite():
    assert expected_distance(np.zeros((3, 2)), [0, 0, 0], [[1e308, 1e308]], normalization="none") == INF
    assert expected_distance(np.zeros((4, 2)), [0, 0, 0, 0], [[1e308, 1e308]]) == 1e308


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["warn", "raise"])
def test_right_answers_come_without_warnings(state):
    extreme = np.array([[1e5, -1e5, -INF]], np.float32)
    with np.errstate(all=state):
        expected_distance_value_and_grad(extreme, [0], D3)
        expected_distance_value_and_grad(extreme, [1], [[1e300, 0, 0], [1, 0, 0]])  # the first row is inf in float32
        similarity_from_distance([[0, 1e308, INF]] + [[0, 0, 0]] * 2, scale=1e-300)
        infogain_floor([[1, 0], [0, 0]])
        squared_error_value_and_grad([1e200, 5e-324], [0, 0])
        squared_error([1e308], [-1e308])
        check_similarity(np.full((2, 2), 0.8e308))


# ------------------------------------------------------------------------------------------------------ squared error


@dtypes
@pytest.mark.parametrize(("shape", "axis"), RANKS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_squared_error_of_any_shape(shape, axis, normalization, dtype):
    torch = peer("torch")
    rng = np.random.default_rng(4)
    outputs, targets = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    given_outputs = torch.tensor(outputs, requires_grad=True)
    samples = np.empty(np.delete(shape, axis))
    n = divisor(normalization, samples, axis % len(shape), 0)
    loss = torch.nn.functional.mse_loss(given_outputs, torch.tensor(targets), reduction="sum") / 2 / n
    loss.backward()
    options = {"axis": axis, "normalization": normalization}
    value, grad = squared_error_value_and_grad(outputs, targets, **options)
    assert value.dtype == grad.dtype == dtype and grad.shape == shape
    close(value, loss.item(), dtype)
    close(grad, given_outputs.grad.numpy(), dtype)
    assert squared_error(outputs, targets, **options) == value
    np.testing.assert_array_equal(squared_error_grad(outputs, targets, **options), grad)


@dtypes
@given(seed=st.integers(0, 9999), size=st.integers(1, 40), scale=st.sampled_from([1e-3, 1, 1e6]))
@settings(max_examples=40, deadline=None)
def test_squared_error_in_ulp(dtype, seed, size, scale):
    rng = np.random.default_rng(seed)
    outputs = rng.normal(scale=scale, size=(2, size))
    targets = outputs + rng.normal(size=outputs.shape) * rng.choice([1, 1e-5], outputs.shape)
    for normalization in ("valid", "none"):
        options = {"dtype": dtype, "normalization": normalization}
        assert ulp_error(squared_error, outputs, targets, **options).max <= 8
        assert ulp_error(squared_error_grad, outputs, targets, **options).max <= 1


def test_a_million_outputs_are_added_well_along_any_axis():
    outputs = np.full((1_000_000, 2), 0.1, np.float32)
    wanted = 2e6 * float(np.float32(0.1)) ** 2 / 2
    for array in (outputs, outputs.T, np.asfortranarray(outputs)):
        for axis in (0, 1):
            value = squared_error(array, np.zeros_like(array), axis=axis, normalization="none")
            np.testing.assert_allclose(value, wanted, rtol=1e-6)


@dtypes
def test_squared_error_of_nothing_and_of_the_smallest(dtype):
    for shape in ((0, 3), (3, 0), (0,)):
        value, grad = squared_error_value_and_grad(np.empty(shape, dtype), np.empty(shape, dtype))
        assert value == 0 and value.dtype == dtype and grad.shape == shape
    big = dtype(np.finfo(dtype).max) / 4
    value, grad = squared_error_value_and_grad(np.array([[big, -big]]), np.array([[-big, big]]))
    assert value == INF and (grad == [[2 * big, -2 * big]]).all()


def test_squared_error_of_lists_and_mixed_types():
    value, grad = squared_error_value_and_grad([1, 2], [0, 0])
    assert value == 2.5 and value.dtype == grad.dtype == np.float64
    assert squared_error(np.float32([1]), [0.5]).dtype == np.float32
    assert squared_error([1.0], np.float32([0.5])).dtype == np.float64


SQUARED_BAD = [
    (ValueError, "outputs: expected at least one dimension, got a single number", 1.0, 1.0, {}),
    (ValueError, "targets: expected the shape of the outputs, (2, 1), got shape (2,)", [[1], [2]], [1, 2], {}),
    (ValueError, "targets: expected the shape of the outputs, (2,), got shape ()", [1, 2], 1, {}),
    (ValueError, "outputs: expected finite numbers, got nan at [1]", [1, NAN], [NAN, 1], {}),
    (ValueError, "outputs: expected finite numbers, got inf at [0]", [INF, 1], [1, 1], {}),
    (ValueError, "targets: expected finite numbers, got -inf at [1]", [1, 1], [1, -INF], {}),
    (ValueError, "targets: expected finite numbers, got inf at [0]", np.float32([1]), [INF], {}),
    (ValueError, "targets: expected numbers that are finite in float32, got 1e+300", np.float32([1]), [1e300], {}),
    (TypeError, "outputs: expected float32, float64 or integers, got complex128", [1j], [1], {}),
    (TypeError, "targets: expected float32, float64 or integers, got bool", [1], [True], {}),
    (TypeError, "targets: expected a plain array, got a masked array", [1], np.ma.masked_array([1]), {}),
    (ValueError, "axis: expected an integer from -1 to 0, got 1", [1], [1], {"axis": 1}),
    (ValueError, "normalization: expected 'valid' or 'full'", [1], [1], {"normalization": "mean"}),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("error", "message", "outputs", "targets", "options"), SQUARED_BAD)
def test_bad_outputs_and_targets_are_named(error, message, outputs, targets, options):
    for function in (squared_error, squared_error_grad, squared_error_value_and_grad):
        with pytest.raises(error) as raised:
            function(outputs, targets, **options)
        assert str(raised.value).startswith(message)


def test_all_public_names_are_tested_here_or_beside():
    assert {name for name in losses.__all__ if name.startswith(("expected", "squared", "similarity"))} <= set(globals())


# ------------------------------------------------------------------------------------------------ next to the limits


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_of_the_expected_distance_next_to_the_largest_number(dtype):
    """d - E overflows where d does not: the gradient is that of smaller distances, times what they are smaller."""
    Z, D = np.array([[0, -1, 0]], dtype), np.array([[0, -1, 1]], dtype)
    value, grad = expected_distance_value_and_grad(Z, [0], D)
    most = dtype(0.95) * np.finfo(dtype).max
    large, large_grad = expected_distance_value_and_grad(Z, [0], D * most)
    np.testing.assert_allclose([large / most, *large_grad[0] / most], [value, *grad[0]], rtol=8 * np.finfo(dtype).eps)
    with pytest.raises(ValueError, match="D: expected rows whose differences do not overflow"):
        expected_distance_value_and_grad([[0, 1, 0]], [0], D.astype(float) * 1.7e308)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_of_the_squared_error_where_a_difference_overflows(dtype):
    most = dtype(0.95) * np.finfo(dtype).max
    outputs, targets = np.array([[most], [3]], dtype), np.array([[-most], [0]], dtype)
    value, grad = squared_error_value_and_grad(outputs, targets)
    assert value == INF and grad.tolist() == [[most], [1.5]]
    np.testing.assert_array_equal(squared_error_grad(outputs, targets), grad)
    assert squared_error_grad(outputs, targets, normalization="none").tolist() == [[INF], [3]]


def test_one_dimension_is_one_sample():
    outputs, targets = np.array([1.0, 2, 3]), np.array([1.0, 2, 5])
    assert squared_error(outputs, targets) == 2
    assert squared_error(outputs[:, None], targets[:, None]) == 2 / 3
