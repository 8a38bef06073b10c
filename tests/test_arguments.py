"""What people hand over: taken where nothing is lost, otherwise an error that says what to write instead."""
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
from conftest import ROOT, peer

from nnnotes.activations import relu, tanh

ONES = np.ones(2)


class Refuses:
    """An array of another library that will not become one of NumPy's."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't convert this. Use this.host() first.\nMore words.")


# Masks


MASKED = np.ma.array([0.0, 0.0, 99.0], mask=[0, 0, 1])


@pytest.mark.parametrize("value", [
    MASKED, [MASKED], (MASKED, MASKED), [[MASKED]], [[0.0, 1.0], (0.0, np.ma.masked)], [np.ones(3), MASKED],
    np.ma.masked,
], ids=range(7))  # fmt: skip
def test_a_mask_is_never_dropped(value):
    with pytest.raises(TypeError, match="^x: expected a plain array, got a masked array, whose mask would be lost"):
        tanh(value)


def test_looking_for_a_mask_does_not_import_numpy_ma():
    code = "import sys, nnnotes; nnnotes.activations.tanh([[1.0], (2.0,)]); print('numpy.ma' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said.split() == ["False"]


# What is taken


@pytest.mark.parametrize("value", [
    1, 1.0, np.float64(1), np.int8(1), np.array(1.0), range(3), [ONES, ONES], ((1, 2), [3, 4.5]), np.ones(2, ">f8"),
], ids=repr)  # fmt: skip
def test_numbers_of_many_kinds(value):
    answer = tanh(value)
    assert answer.dtype == np.float64 and np.array_equal(answer, np.tanh(np.asarray(value, float)))


def test_float32_stays_in_lists_and_big_endian_arrays():
    for value in ([np.float32(1)], np.ones(2, ">f4"), [np.ones(2, np.float32)], np.float32(1)):
        assert tanh(value).dtype == np.float32


@pytest.mark.parametrize("kind", ["Float64", "Int64", "int8", "category"])
def test_columns_of_pandas(kind):
    pandas = peer("pandas")
    assert relu(pandas.Series([1, 2]).astype(kind)).tolist() == [1, 2]


def test_tables_of_pandas():
    pandas = peer("pandas")
    table = pandas.DataFrame({"a": [1.5, 2.0], "b": [1, 2]})
    for each in (table, table.convert_dtypes()):
        assert relu(each).tolist() == [[1.5, 1], [2, 2]]
    assert relu(table["a"].astype("Float32")).dtype == np.float32
    with pytest.raises(TypeError, match=r"^x: expected numbers, got <NA> at \[1, 0\]: fill or drop what is missing"):
        relu(pandas.DataFrame({"a": [1.5, None], "b": [1, 2]}).convert_dtypes())
    with pytest.raises(TypeError, match=r"^x: expected numbers, got True at \[0, 1\]$"):
        relu(pandas.DataFrame({"a": [1.5, 2.0], "b": [True, False]}))
    with pytest.raises(TypeError, match=r"^x: expected numbers, got 'cat' at \[0\]$"):
        relu(pandas.Series(["cat", "dog"]))


# What is not


WORDS = "float32, float64 or integers"
SAID = [
    ({"cat": 1.0}, "x: expected an array, got a dict: write [x[key] for key in sorted(x)]"),
    ({1.0}, "x: expected an array, got a set: write list(x)"),
    (iter([1.0]), "x: expected an array, got a list_iterator: write list(x)"),
    (None, "x: expected an array, got None"),
    (len, "x: expected an array, got a builtin_function_or_method"),
    (Decimal("1.5"), "x: expected an array, got a Decimal: write float(x)"),
    (2**100, "x: expected an array, got an int: write float(x)"),
    ([1.0, None], "x: expected numbers, got None at [1]: fill or drop what is missing first"),
    ([[1.0], [Decimal("1.5")]], "x: expected numbers, got Decimal('1.5') at [1, 0]"),
    ([{"a": 1.0, "b": 2.0, "c": 3.0}], "x: expected numbers, got a dict at [0]"),
    (np.array([1, 2.5], object), "x: expected numbers, got objects: write np.asarray(x, dtype=float)"),
    ([2**100], "x: expected numbers, got objects: write np.asarray(x, dtype=float)"),
    ("1", f"x: expected {WORDS}, got text (<U1): write np.asarray(x, dtype=float)"),
    (["1", "2"], f"x: expected {WORDS}, got text (<U1): write np.asarray(x, dtype=float)"),
    (np.float16([1]), f"x: expected {WORDS}, got float16: write np.asarray(x, dtype=float)"),
    ([True], f"x: expected {WORDS}, got bool: write np.asarray(x, dtype=float)"),
    (np.datetime64("2020"), f"x: expected {WORDS}, got datetime64[Y]"),
    (Refuses(), "x: expected an array, got a Refuses: Can't convert this. Use this.host() first."),
]


@pytest.mark.parametrize("value, message", SAID, ids=[message for _, message in SAID])
def test_an_error_says_what_to_write(value, message):
    with pytest.raises(TypeError) as error:
        relu(value)
    assert str(error.value) == message


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_array"])
def test_sparse_matrices(kind):
    sparse = getattr(peer("scipy.sparse"), kind)(np.eye(2))
    with pytest.raises(TypeError) as error:
        relu(sparse)
    assert str(error.value) == f"x: expected an array, got a {kind}: write x.toarray()"


def test_tensors():
    torch = peer("torch")
    assert relu(torch.ones(2)).tolist() == relu([torch.ones(2)])[0].tolist() == [1, 1]
    for tensor, way in (
        (torch.ones(2, requires_grad=True), "tensor.detach().numpy()"),
        ([torch.ones(2, requires_grad=True)], "tensor.detach().numpy()"),
        (torch.ones(2, device="meta"), "Tensor.cpu()"),
        (torch.eye(2).to_sparse(), "Tensor.to_dense()"),
    ):
        with pytest.raises(TypeError, match="x: expected an array, got a ") as error:
            relu(tensor)
        assert way in str(error.value)
