"""Matrices for the infogain loss, and what is said of them: against PyTorch, SciPy and loops."""

import functools
import math
import warnings

import numpy as np
import pytest
from batches import case, close, dtypes
from conftest import peer
from scipy import special, stats
from scipy.spatial.distance import cdist

from nnnotes.losses import (
    SimilarityWarning,
    infogain,
    infogain_from_probabilities_value_and_grad,
    infogain_losses,
    infogain_value_and_grad,
    softmax,
)
from nnnotes.proof import ulp_error
from nnnotes.similarity import (
    check_similarity,
    class_weight_matrix,
    identity_matrix,
    ignore_labels,
    infogain_floor,
    label_smoothing_matrix,
    similarity_from_distance,
    similarity_from_tree,
)

INF, NAN, I0 = np.inf, np.nan, np.empty((0, 3))


# Matrices: PyTorch


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


# Matrices: distances and trees


@pytest.mark.parametrize("scale", [1e-300, 0.3, 1, 7, 1e300])
def test_similarities_from_distances(scale):
    for K in range(1, 7):
        D = np.random.default_rng(K).exponential(size=(K, K))
        np.fill_diagonal(D, 0)
        H = similarity_from_distance(D, scale=scale)
        np.testing.assert_allclose(H, [[math.exp(-d / scale) for d in row] for row in D], rtol=1e-15)
        rows = similarity_from_distance(D, scale=scale, normalize=True)
        np.testing.assert_allclose(rows, special.softmax(-D / scale, axis=1), rtol=1e-14, atol=1e-300)
        assert (np.diagonal(H) == H.max(1)).all() and (abs(rows.sum(1) - 1) < 1e-15).all()


E = np.random.default_rng(7).normal(size=(40, 5))
NEAR = np.array([[1, -1, 1e9], [-1, 0, 1e9], [1e9, 1e9, -2]])
ROUNDED = {
    "cosine": cdist(E, E, "cosine"),
    "correlation": 1 - np.corrcoef(E),
    "float32": 1 - np.corrcoef(E, dtype=np.float32),
    "below 0": NEAR * 1e-9,
    "below 0, far": NEAR,
    "below 0, float32": np.float32(NEAR * 1e-9) * np.float32(100),
}


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("normalize", [False, True])
def test_what_rounding_leaves_of_a_distance_of_zero_is_zero(name, normalize):
    D = ROUNDED[name]
    assert np.diagonal(D).any()
    H = similarity_from_distance(D, scale=D.max(), normalize=normalize)
    wanted = np.exp(-np.maximum(D.astype(float), 0) / D.max())
    np.testing.assert_allclose(H, wanted / wanted.sum(1, keepdims=True) if normalize else wanted, rtol=1e-6)
    assert (np.diagonal(H) == H.max(1)).all()


def test_what_is_no_rounding_is_refused():
    for D, message in (
        ([[0.01, 1], [1, 0]], "D: expected 0 on the diagonal, from each label to itself, got 0.01 for label 0"),
        ([[0, 1], [1, 1e-7]], "D: expected 0 on the diagonal, from each label to itself, got 1e-07 for label 1"),
        ([[0, -1e-7], [1, 0]], "D: expected numbers in [0, inf], got -1e-07 at [0, 1]"),
    ):
        with pytest.raises(ValueError) as raised:
            similarity_from_distance(D)
        assert str(raised.value) == message


def test_the_smallest_scale_gives_the_cross_entropy_and_infinite_distances_give_nothing():
    D = 1 - np.eye(3)
    np.testing.assert_array_equal(similarity_from_distance(D, scale=1e-3), np.eye(3))
    np.testing.assert_array_equal(similarity_from_distance([[0, INF], [1, 0]]), [[1, 0], [math.exp(-1), 1]])
    far = np.array([[0, 1, INF], [1, 0, 2], [INF, 2, 0]])
    np.testing.assert_allclose(similarity_from_distance(far, normalize=True), special.softmax(-far, 1), rtol=1e-15)


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


@pytest.mark.parametrize("K", range(1, 10))
def test_similarities_from_trees(K):
    for seed in range(8):
        tree = grown(K, np.random.default_rng(seed))
        H = similarity_from_tree(tree)
        np.testing.assert_array_equal(H, by_hand(tree))
        assert (H == H.T).all() and (np.diagonal(H) == 1).all() and (H >= 0).all() and (H <= 1).all()
        assert (H[~np.eye(K, dtype=bool)] < 1).all()


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
    with pytest.raises(ValueError, match="once, got 0 twice$"):
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
        with pytest.raises(TypeError, match="dtype: expected float32 or float64, got float16"):
            make(dtype=np.float16)


REFUSED = [
    (ValueError, "count: expected at least one class, got 0", lambda: identity_matrix(0)),
    (TypeError, "count: expected an integer, got 2.0", lambda: identity_matrix(2.0)),
    (ValueError, "count: expected at least one class, got -1", lambda: label_smoothing_matrix(-1, 0.1)),
    (ValueError, "weight: expected at least one number, got none", lambda: class_weight_matrix([])),
    (ValueError, "weight: expected numbers in [0, inf), got -1.0 at [1]", lambda: class_weight_matrix([1, -1])),
    (ValueError, "weight: expected numbers in [0, inf), got nan at [0]", lambda: class_weight_matrix([NAN, 1])),
    (ValueError, "weight: expected numbers in [0, inf), got inf at [0]", lambda: class_weight_matrix([INF, 1])),
    (ValueError, "weight: expected an array with 1 dimension, got shape (1, 2)", lambda: class_weight_matrix([[1, 2]])),
    (TypeError, "weight: expected float32, float64 or integers, got bool: write np.asarray(weight, dtype=float)",
     lambda: class_weight_matrix([True])),
    (ValueError, "weight: expected numbers that float32 can hold, got 1e+300 at [0]",
     lambda: class_weight_matrix([1e300, 1], dtype=np.float32)),
    (ValueError, "weight: expected numbers that float32 can hold, got 1e-300 at [1]",
     lambda: label_smoothing_matrix(2, 0.1, weight=[1, 1e-300], dtype=np.float32)),
    (TypeError, "dtype: expected float32 or float64, got None", lambda: identity_matrix(2, dtype=None)),
    (TypeError, "normalize: expected True or False, got 'no'", lambda: similarity_from_distance([[0]], normalize="no")),
    (ValueError, "smoothing: expected numbers in [0, 1], got 1.1", lambda: label_smoothing_matrix(3, 1.1)),
    (ValueError, "smoothing: expected numbers in [0, 1], got -0.1", lambda: label_smoothing_matrix(3, -0.1)),
    (ValueError, "smoothing: expected numbers in [0, 1], got nan", lambda: label_smoothing_matrix(3, NAN)),
    (ValueError, "smoothing: expected a single number, got shape (1,)", lambda: label_smoothing_matrix(3, [0.1])),
    (ValueError, "weight: expected one number for each of 3 classes, got shape (2,)",
     lambda: label_smoothing_matrix(3, 0, weight=[1, 2])),
    (ValueError, "D: expected numbers in [0, inf], got -1.0 at [0, 1]",
     lambda: similarity_from_distance([[0, -1], [1, 0]])),
    (ValueError, "D: expected numbers in [0, inf], got nan at [1, 0]",
     lambda: similarity_from_distance([[0, 1], [NAN, 0]])),
    (ValueError, "D: expected a square matrix with at least one row, got shape (1, 2)",
     lambda: similarity_from_distance([[0, 1]])),
    (ValueError, "D: expected a square matrix with at least one row, got shape (0, 0)",
     lambda: similarity_from_distance(np.empty((0, 0)))),
    (ValueError, "D: expected a matrix (2 dimensions), got shape (2,)", lambda: similarity_from_distance([0, 1])),
    (ValueError, "D: expected 0 on the diagonal, from each label to itself, got 1.0 for label 0: if these are "
     "similarities, write 1 - D",
     lambda: similarity_from_distance(np.eye(3))),
    (ValueError, "D: expected 0 on the diagonal, from each label to itself, got inf for label 1",
     lambda: similarity_from_distance([[0, 1], [1, INF]])),
    (ValueError, "scale: expected a positive finite number, got 0.0", lambda: similarity_from_distance([[0]], scale=0)),
    (ValueError, "scale: expected a positive finite number, got nan",
     lambda: similarity_from_distance([[0]], scale=NAN)),
    (ValueError, "scale: expected a positive finite number, got inf",
     lambda: similarity_from_distance([[0]], scale=INF)),
    (TypeError, "tree: expected nested tuples or lists, got 0", lambda: similarity_from_tree(0)),
    (TypeError, "tree: expected nested tuples or lists of integers, got 'cat': number the labels 0, 1, 2, ...",
     lambda: similarity_from_tree((("cat", "dog"), "car"))),
    (ValueError, "tree: expected the labels 0, 1, 2, ..., each once, got -1", lambda: similarity_from_tree((-1, 0))),
    (TypeError, "tree: expected an integer, got False", lambda: similarity_from_tree((False, True))),
    (ValueError, "tree: expected the labels 0, 1, 2, ..., each once, got 0 twice",
     lambda: similarity_from_tree((0, (0, 1)))),
    (ValueError, "tree: expected the labels 0, 1, 2, ..., each once, got no 0",
     lambda: similarity_from_tree((1, 2))),
    (ValueError, "tree: expected the labels 0, 1, 2, ..., each once, got none", lambda: similarity_from_tree(((), ()))),
    (ValueError, "labels: expected integers from 0 to 1, got 2 at [1]", lambda: ignore_labels(np.eye(2), [0, 2])),
    (ValueError, "labels: expected integers from 0 to 1, got -1", lambda: ignore_labels(np.eye(2), -1)),
    (TypeError, "labels: expected integers, got bool: write np.flatnonzero(labels)",
     lambda: ignore_labels(np.eye(2), [True, False])),
    (ValueError, "H: expected finite numbers, got nan at [0, 0]", lambda: ignore_labels([[NAN]], 0)),
    (ValueError, "H: expected a matrix (2 dimensions), got shape (2,)", lambda: ignore_labels([1, 2], 0)),
    (ValueError, "H: expected finite numbers, got inf at [0, 0]", lambda: check_similarity([[INF]])),
    (ValueError, "ignored: expected integers from 0 to 1, got 2", lambda: check_similarity(np.eye(2), ignored=2)),
    (ValueError, "H: expected numbers in [0, inf), got -1.0 at [0, 1]", lambda: infogain_floor([[1, -1]])),
    (ValueError, "H: expected at least one label and one class, got shape (0, 3)", lambda: infogain_floor(I0)),
    (ValueError, "H: expected at least one label and one class, got shape (3, 0)", lambda: infogain_floor(I0.T)),
    (ValueError, "H: expected numbers in [0, inf), got nan at [0, 0]", lambda: infogain_floor([[NAN, 1]])),
    (ValueError, "H: expected a matrix (2 dimensions), got shape (2,)", lambda: infogain_floor([1, 2])),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "call"), REFUSED, ids=[entry[1][:60] for entry in REFUSED])
def test_what_makes_no_sense_is_refused(error, message, call):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message


# What is learned


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ([1, math.exp(-1), math.exp(-4)], [0.72, 0.27, 0.01]),
        ([2, 2 * math.exp(-1), 2 * math.exp(-4)], [0.72, 0.27, 0.01]),
        ([1, -0.5, 0], [1, 0, 0]),
        ([0, 0, 0], [1 / 3] * 3),
        ([0.5, 1, 0], [1 / 3, 2 / 3, 0]),
        ([0, 1, 4], [0, 0.2, 0.8]),
    ],
)
def test_descent_arrives_at_the_shape_of_the_row(row, answer):
    logits = np.zeros((1, 3))
    for _ in range(2000):
        logits -= 0.1 * infogain_value_and_grad(logits, [0], [row])[1]
    np.testing.assert_allclose(softmax(logits)[0], answer, atol=0.006)


def test_a_negative_entry_lets_the_loss_fall_without_end():
    np.testing.assert_allclose(infogain([[0.0, -1000]], [0], [[1, -0.5], [0, 1]]), -500)


# Warnings


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


@pytest.mark.parametrize("K", range(2, 7))
def test_what_the_constructors_make_is_not_warned_of(K):
    for seed in range(6):
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


@pytest.mark.parametrize("H", [np.eye(2), np.eye(2, dtype=np.float32), np.asfortranarray([[1.0, 0], [0, 2]]), [[1, 0]]])
def test_checking_returns_an_array_of_its_own(H):
    checked = check_similarity(H)
    checked[0] = 7
    assert np.array_equal(H, np.asarray(H)) and np.asarray(H)[0, 0] == 1 and checked[0, 0] == 7
    assert checked.dtype == getattr(H, "dtype", np.float64)


# Distances handed to the loss

X, DISTANCES, FEW = np.zeros((2, 3)) + 0.5, 1 - np.eye(3), [0, 0]
CALLS = {
    "infogain": lambda H, y: infogain(X, y, H),
    "infogain_losses": lambda H, y: infogain_losses(X, y, H),
    "infogain_value_and_grad": lambda H, y: infogain_value_and_grad(X, y, H),
    "from probabilities": lambda H, y: infogain_from_probabilities_value_and_grad(X, y, H),
    "partial": lambda H, y: functools.partial(infogain, H=H, normalization="none")(X, y),
}


@pytest.mark.parametrize("name", CALLS)
def test_distances_for_similarities_are_warned_of_where_the_loss_is_called(name, way):
    with pytest.warns(SimilarityWarning, match="^H: it looks like distances, .* use expected_distance") as caught:
        CALLS[name](DISTANCES, FEW)
    here = CALLS[name].__code__
    assert [(each.filename, each.lineno) for each in caught] == [(here.co_filename, here.co_firstlineno)]


UNSUSPECTED = {
    "a row for each sample": (DISTANCES, [0, 1]),
    "not square": (DISTANCES[:2], FEW),
    "a diagonal": (DISTANCES + np.eye(3) * [0, 0, 1e-9], FEW),
    "a zero beside it": (DISTANCES - np.eye(3)[[1, 2, 2]] * [[1], [0], [0]], FEW),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_said_without_suspicion(name):
    for H, labels in UNSUSPECTED.values():
        CALLS[name](H, labels)
    assert infogain(np.zeros((2, 1)), FEW, [[0.0]]) == 0


@pytest.mark.filterwarnings("error")
def test_the_warning_is_silenced_as_it_says():
    with pytest.raises(SimilarityWarning) as said:
        infogain(X, FEW, DISTANCES)
    advice = str(said.value).rpartition("To keep H without this warning: ")[2]
    with warnings.catch_warnings():
        exec(advice, {"warnings": warnings, "nnnotes": __import__("nnnotes.losses")})
        infogain(X, FEW, DISTANCES)


# The least loss


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


def test_a_loss_exceeds_its_floor_by_the_divergence():
    rng = np.random.default_rng(1)
    H, logits = rng.uniform(size=(50, 4)), rng.normal(scale=2, size=(50, 4))
    excess = infogain_losses(logits, np.arange(50), H) - infogain_floor(H)
    np.testing.assert_allclose(excess, H.sum(1) * stats.entropy(H, softmax(logits), axis=1), rtol=1e-12)


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
