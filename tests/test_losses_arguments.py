"""What the losses are handed: any layout and number type gives the same digits; an error says what to write instead."""
import numpy as np
import pytest
from batches import case, close
from conftest import peer

from nnnotes import losses, similarity
from nnnotes.losses import (
    binary_cross_entropy_value_and_grad,
    expected_distance,
    expected_distance_value_and_grad,
    infogain,
    infogain_from_probabilities_value_and_grad,
    infogain_losses,
    infogain_value_and_grad,
    softmax,
    squared_error_value_and_grad,
)
from nnnotes.similarity import (
    check_similarity,
    class_weight_matrix,
    ignore_labels,
    infogain_floor,
    label_smoothing_matrix,
    similarity_from_distance,
)

# Layouts: long sums, in which one number added after the other would cost digits

LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every other column": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "every other row": lambda a: np.repeat(a, 2, 0)[::2],
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "first axis last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}
RNG = np.random.default_rng(0)
EVEN = (0.1 + 1e-5 * RNG.random((5, 40_000))).astype(np.float32)  # added one by one, they lose digits
Z, D = RNG.normal(size=EVEN.shape).astype(np.float32), 1 + RNG.random(EVEN.shape).astype(np.float32)
SQUARE = np.triu(RNG.uniform(1, 2, (300, 300)), 1).astype(np.float32)
Y = np.array([1, 0, 1, 1, 0])  # fewer rows in the matrix than samples, as usual
CALLS = {
    "softmax": (EVEN,),
    "log_softmax": (EVEN,),
    "infogain": (Z, Y, EVEN[:2]),
    "infogain_losses": (Z, Y, EVEN[:2]),
    "infogain_value_and_grad": (Z, Y, EVEN[:2]),
    "infogain_from_probabilities_value_and_grad": (EVEN / 4000, Y, EVEN[:2]),
    "infogain_floor": (EVEN,),
    "expected_distance": (EVEN, Y, D[:2]),
    "expected_distance_value_and_grad": (EVEN, Y, D[:2]),
    "squared_error": (EVEN, -EVEN),
    "squared_error_value_and_grad": (EVEN, -EVEN),
    "binary_cross_entropy": (Z, 8 * EVEN),
    "binary_cross_entropy_value_and_grad": (Z, 8 * EVEN),
    "check_similarity": (EVEN,),
    "ignore_labels": (EVEN, Y[:3]),
    "similarity_from_distance": (SQUARE + SQUARE.T,),
    "class_weight_matrix": (Z[0, :300] ** 2,),
}

PUBLIC = {name: getattr(module, name) for module in (losses, similarity) for name in module.__all__}


def parts(result):
    """What a function returns, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def test_every_function_that_takes_arrays_is_called():
    others = {"SimilarityWarning", "identity_matrix", "similarity_from_tree", "label_smoothing_matrix"}
    assert CALLS.keys() | others == PUBLIC.keys()


@pytest.mark.parametrize("name", CALLS)
def test_the_layout_of_no_argument_matters(name, way):
    """What comes is what the same numbers give in float64, to a few roundings of float32."""
    function, arguments = PUBLIC[name], CALLS[name]
    wanted = parts(function(*(a.astype(float) if a.dtype.kind == "f" else a for a in arguments)))
    for place, argument in enumerate(arguments):
        for layout, change in {"C": np.array, **LAYOUTS}.items():
            changed = change(argument)
            assert np.array_equal(changed, argument)
            found = parts(function(*arguments[:place], changed, *arguments[place + 1 :]))
            for got, true in zip(found, wanted, strict=True):
                off = np.abs(got - true).max() / np.abs(true).max()
                assert off <= 8 * np.finfo(np.float32).eps, (layout, place, off)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "infogain_value_and_grad", "squared_error_value_and_grad",
                                  "binary_cross_entropy_value_and_grad"])  # fmt: skip
def test_the_axis_of_the_classes_does_not_matter(name, way):
    function, (first, *others) = PUBLIC[name], CALLS[name]
    wanted = parts(function(first, *others))
    turn = name.startswith(("squared", "binary"))
    for layout in (np.ascontiguousarray, np.asfortranarray):
        rest = [layout(other.T) for other in others] if turn else others
        for got, true in zip(parts(function(layout(first.T), *rest, axis=0)), wanted, strict=True):
            assert np.abs(got.T - true).max() <= 8 * np.finfo(np.float32).eps * np.abs(true).max()


def test_a_matrix_in_fortran_order_costs_no_digits(way):
    H = np.full((2, 40_000), 0.1, np.float32)
    value = infogain(np.zeros((4, 40_000), np.float32), [0, 1, 0, 1], np.asfortranarray(H))
    np.testing.assert_allclose(value, 42386.5396, rtol=4 * np.finfo(np.float32).eps)


# Types


def test_lists_and_integers_become_float64():
    value, grad = infogain_value_and_grad([[1, 2, 3]], [0], [[1, 0, 0]])
    assert value.dtype == grad.dtype == softmax([1, 2]).dtype == np.float64


def test_a_matrix_takes_the_type_of_the_logits():
    for kind, other in ((np.float32, np.float64), (np.float64, np.float32)):
        Z, H = np.array([[1, 2]], kind), np.eye(2, dtype=other)
        assert infogain(Z, [0], H).dtype == expected_distance(Z, [0], H).dtype == infogain(Z, [0], H.tolist()).dtype
        assert infogain(Z, [0], H).dtype == kind


def test_no_argument_is_written_to(way):
    for scale in (1, 30, 1e3):
        logits, labels, H = case((6, 3), 1, 6, np.float64, scale=scale)
        H, p = abs(H), softmax(logits)
        for array in (logits, labels, H, p):
            array.flags.writeable = False
        infogain_value_and_grad(logits, labels, H, ignore_label=2)
        infogain_losses(logits.T, labels, H, axis=0)
        expected_distance_value_and_grad(logits, labels, H, ignore_label=2)
        infogain_from_probabilities_value_and_grad(p, labels, H, ignore_label=2)
        squared_error_value_and_grad(logits, p)
        binary_cross_entropy_value_and_grad(logits, p)
        label_smoothing_matrix(3, 0.1, weight=H[0])
        check_similarity(H), infogain_floor(H), ignore_labels(H, labels)


# Labels


Z2 = np.array([[0.0, 3.0], [3.0, 0.0]])
LARGEST = 2**64 - 1


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int64", "uint64"])
@pytest.mark.parametrize("ignored", [-1, 255, 256, 300, -129, 2**63, LARGEST, 2**70, -(2**70), np.int8(-1)])
def test_any_integer_can_be_the_label_to_ignore(kind, ignored):
    """Also one that the type of the labels cannot hold: then no label is ignored."""
    fits = np.iinfo(kind).min <= int(ignored) <= np.iinfo(kind).max
    for function in (infogain_value_and_grad, expected_distance_value_and_grad):
        wanted = function(Z2, [0, 1], np.eye(2))
        value, grad = function(Z2, np.array([0, 1], kind), np.eye(2), ignore_label=ignored)
        assert value == wanted[0] and (grad == wanted[1]).all()
        with pytest.raises(ValueError, match=r"^labels: expected integers from 0 to 1, got 2 at \[1\]"):
            function(Z2, np.array([0, 2], kind), np.eye(2), ignore_label=ignored)
        if fits:
            labels = np.array([1, 0], kind)
            labels[1] = ignored
            value, grad = function(Z2, labels, np.eye(2), ignore_label=ignored)
            assert value == function(Z2[:1], [1], np.eye(2))[0] and not grad[1].any()


def test_a_label_is_not_rounded_before_it_is_compared():
    with pytest.raises(ValueError, match=f"got {LARGEST - 1} at "):
        infogain(Z2, np.array([0, LARGEST - 1], np.uint64), np.eye(2), ignore_label=LARGEST)


SOFT = np.full((2, 2), 0.5)


@pytest.mark.parametrize("labels", [SOFT, SOFT.tolist(), np.eye(2), np.eye(2, dtype=int), [[0, 1], [1, 0]]], ids=str)
def test_soft_targets_are_no_labels_and_the_error_says_where_they_go(labels):
    for function, matrix in ((infogain, "H"), (expected_distance, "D")):
        with pytest.raises((TypeError, ValueError), match="^labels: expected ") as raised:
            function(Z2, labels, np.eye(2))
        advice = f"{matrix}=targets @ {matrix}, labels=np.arange(len(targets))"
        assert str(raised.value).endswith(f": for soft targets or one-hot rows write {advice}")


@pytest.mark.parametrize("function, matrix", [(infogain, "H"), (expected_distance, "D")])
def test_the_advice_for_soft_targets_gives_their_mean_loss(function, matrix):
    """For each sample, the losses of all labels, weighted with the targets."""
    rng = np.random.default_rng(0)
    Z, M, targets = rng.normal(size=(4, 3)), 1 - np.eye(3) / 2, rng.dirichlet(np.ones(3), 4)
    with pytest.raises((TypeError, ValueError)) as raised:
        function(Z, targets, M)
    advice = str(raised.value).rpartition(": for soft targets or one-hot rows write ")[2]
    given = eval(f"dict({advice})", {"targets": targets, "np": np, matrix: M})
    each = [[function(z[None], [y], M) for y in range(3)] for z in Z]
    assert function(Z, **given) == pytest.approx((targets * each).sum() / 4, rel=1e-14)


def told_to_write(function, *arguments):
    """What the error of a call says to write."""
    with pytest.raises((TypeError, ValueError)) as raised:
        function(*arguments)
    return str(raised.value).rpartition(" write ")[2]


def test_class_weights_of_a_dictionary_come_in_the_order_of_the_labels():
    weights = {1: 5.0, 0: 1.0}
    assert told_to_write(infogain, Z2, [0, 1], weights) == "class_weight_matrix([H[key] for key in sorted(H)])"
    way = told_to_write(class_weight_matrix, weights)
    assert eval(way, {"weight": weights}) == [1.0, 5.0]


def test_class_weights_without_a_matrix_are_told_of_one():
    assert told_to_write(infogain, Z2, [0, 1], [1.0, 2.0]) == "class_weight_matrix(H)"
    assert "write" not in told_to_write(expected_distance, Z2, [0, 1], [1.0, 2.0])


@pytest.mark.parametrize("labels, way", [
    ([[0], [1]], "np.squeeze(labels, -1)"),
    ([[0.0], [1.0]], "np.squeeze(labels, -1)"),
    ([False, True], "np.asarray(labels, dtype=int)"),
    ([0.0, 1.0], "np.asarray(labels, dtype=int)"),
    ([0, -100], "ignore_label=-100"),
    (np.uint8([255, 1]), "ignore_label=255"),
], ids=str)  # fmt: skip
def test_labels_that_are_almost_right_are_told_how(labels, way):
    assert told_to_write(infogain, Z2, labels, SOFT) == way


def test_no_class_is_called_one_to_ignore():
    for labels, ignore_label in (([1, 2], None), ([0, -1], -100)):
        with pytest.raises(ValueError, match=r"^labels: expected integers from 0 to 1, got -?\d at \[1\]$"):
            infogain(Z2, labels, SOFT, ignore_label=ignore_label)


def test_rows_are_ignored_by_their_numbers():
    """Names are numbered in the order of all rows, not of those given; a mask is not cast to the numbers 0 and 1."""
    for function in (lambda rows: check_similarity(SOFT, ignored=rows), lambda rows: ignore_labels(SOFT, rows)):
        way, _, order = told_to_write(function, ["b"]).partition(", with ")
        argument = way.removesuffix("]").rpartition(" ")[2]
        assert order == "names in the order of the rows"
        assert eval(way, {"names": ["a", "b"], argument: ["b"]}) == [1]
        assert told_to_write(function, [False, True]).startswith("np.flatnonzero(")


# Tables, matrices and masks of other libraries


def test_tables_of_pandas():
    pandas = peer("pandas")
    H = [[1, 0.5], [0.5, 1]]
    wanted = infogain(Z2, [0, 1], H)
    for change in (lambda table: table, lambda table: table.convert_dtypes()):
        table, labels = (change(kind(data)) for kind, data in ((pandas.DataFrame, H), (pandas.Series, [0, 1])))
        assert infogain(change(pandas.DataFrame(Z2)), labels, table) == wanted
    gap = pandas.DataFrame([[1, None], [0.5, 1]]).convert_dtypes()
    with pytest.raises(TypeError, match=r"^H: expected numbers, got <NA> at \[0, 1\]: fill or drop what is missing"):
        infogain(Z2, [0, 1], gap)


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "coo_array"])
def test_sparse_matrices(kind):
    sparse = getattr(peer("scipy.sparse"), kind)(np.eye(2))
    with pytest.raises(TypeError, match=f"^H: expected an array, got a {kind}: write H.toarray") as raised:
        infogain(Z2, [0, 1], sparse)
    written = eval(str(raised.value).partition("write ")[2], {"H": sparse})
    assert infogain(Z2, [0, 1], written) == infogain(Z2, [0, 1], np.eye(2))


def test_weights_by_class_in_a_dict():
    weight = {0: 1.0, 1: 2.0}
    with pytest.raises(TypeError, match="^weight: expected an array, got a dict: write ") as raised:
        class_weight_matrix(weight)
    written = eval(str(raised.value).partition("write ")[2], {"weight": weight, "list": list})
    assert class_weight_matrix(written).tolist() == [[1, 0], [0, 2]]
    with pytest.raises(TypeError, match="^H: expected an array, got a dict"):
        infogain(Z2, [0, 1], weight)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: list(m), lambda m: [list(row) for row in m]], ids="012")
def test_a_mask_is_never_dropped(wrap):
    masked = np.ma.array(SOFT, mask=[[0, 0], [0, 1]])
    where = {
        "logits": lambda m: (softmax(m), infogain(m, [0, 1], SOFT)),
        "H": lambda m: infogain(Z2, [0, 1], m),
        "D": lambda m: similarity_from_distance(m),
        "targets": lambda m: squared_error_value_and_grad(Z2, m),
        "labels": lambda m: infogain(Z2, np.ma.array([0, 1], mask=[0, 1]), SOFT),
    }
    for name, call in where.items():
        with pytest.raises(TypeError, match=f"^{name}: expected a plain array, got a masked array"):
            call(wrap(masked))
    with pytest.raises(TypeError, match="^logits: expected a plain array, got a masked array"):
        softmax([np.ma.array([0.0, 0.0, 99.0], mask=[0, 0, 1])])


# What is no argument. {V} stands for the name of the values, {M} for that of the matrix

X, I3, NAN = np.zeros((2, 3)), np.eye(3), np.nan
SHAPE = "a row for each label and 3 columns, one for each class along axis 1 of the {V}, got shape"
DOOR = [
    (TypeError, "{V}: expected float32, float64 or integers, got bool", [[True, False]], [0], np.eye(2), {}),
    (TypeError, "{V}: expected float32, float64 or integers, got complex128", X + 1j, [0, 1], I3, {}),
    (ValueError, "{V}: expected at least one dimension, the classes, got a single number", 3.0, 0, I3, {}),
    (ValueError, "{V}: expected at least one class along axis 1, got shape (2, 0)", X[:, :0], [0, 1], I3[:, :0], {}),
    (ValueError, "{V}: expected an array, or lists that make one, got lists of different", [[1, 2], [3]], [0], I3, {}),
    (ValueError, "axis: expected an integer from -2 to 1, got 2", X, [0, 1], I3, {"axis": 2}),
    (TypeError, "axis: expected an integer, got 1.0", X, [0, 1], I3, {"axis": 1.0}),
    (TypeError, "labels: expected integers, got float64", X, [0.0, 1.0], I3, {}),
    (TypeError, "labels: expected integers, got text (<U3): write [names.index(name) for name in labels], with ", X,
     ["cat", "dog"], I3, {}),
    (ValueError, "labels: expected shape (2,), got shape (3,)", X, [0, 1, 2], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got 3 at [1]", X, [0, 3], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got -1 at [0]", X, [-1, 0], I3, {}),
    (ValueError, "labels: expected integers from 0 to 2, got 9 at [1]", X, [8, 9], I3, {"ignore_label": 8}),
    (ValueError, "labels: expected an array, or lists that make one, got lists of different", X, [[0], 1], I3, {}),
    (ValueError, "{M}: expected a matrix", X, [0, 1], np.ones(3), {}),
    (ValueError, "{M}: expected a matrix (2 dimensions), got shape (1, 2, 3)", X, [0, 1], np.ones((1, 2, 3)), {}),
    (ValueError, "{M}: expected " + SHAPE + " (2, 2)", X, [0, 1], np.eye(2), {}),
    (ValueError, "{M}: expected " + SHAPE + " (0, 3)", X, [0, 1], I3[:0], {}),
    (TypeError, "{M}: expected float32, float64 or integers, got bool", X, [0, 1], I3 == 1, {}),
    (TypeError, "ignore_label: expected an integer, got 'a'", X, [0, 1], I3, {"ignore_label": "a"}),
    (TypeError, "ignore_label: expected an integer, got nan", X, [0, 1], I3, {"ignore_label": NAN}),
    (TypeError, "ignore_label: expected an integer, got True", X, [0, 1], I3, {"ignore_label": True}),
    (TypeError, "ignore_label: expected an integer, got [0, 1]", X, [0, 1], I3, {"ignore_label": [0, 1]}),
    (ValueError, "normalization: expected 'valid' or 'full' or 'batch_size' or 'none', got 'mean'", X, [0, 1], I3,
     {"normalization": "mean"}),
    (ValueError, "normalization: expected 'valid' or 'full' or 'batch_size' or 'none', got array", X, [0, 1], I3,
     {"normalization": np.array([1, 2])}),
]  # fmt: skip
NAMES = {
    infogain: ("logits", "H"),
    infogain_losses: ("logits", "H"),
    infogain_value_and_grad: ("logits", "H"),
    infogain_from_probabilities_value_and_grad: ("probabilities", "H"),
    expected_distance: ("logits", "D"),
    expected_distance_value_and_grad: ("logits", "D"),
}


@pytest.mark.parametrize(("error", "message", "values", "labels", "H", "options"), DOOR, ids=[d[1] for d in DOOR])
def test_bad_arguments_are_named(error, message, values, labels, H, options):
    for function, (first, matrix) in NAMES.items():
        if function is infogain_losses and "normalization" in options:
            continue
        with pytest.raises(error) as raised:
            function(values, labels, H, **options)
        assert str(raised.value).startswith(message.replace("{V}", first).replace("{M}", matrix))


def test_soft_targets_are_one_row_per_sample():
    logits, _, H = case((4, 3), 1, 4, np.float64)
    close(infogain_losses(logits, range(4), H), -(H * losses.log_softmax(logits)).sum(1), np.float64)
