"""Every NumPy name that is patched during a proof answers as the real routine does."""
import numpy as np
import pytest

from nnnotes.engine.field import Field
from nnnotes.engine.trace import Trace, Traced, _patches, exact_numpy

BETWEEN = [-0.75, -0.125, 0.5, 0.875]
ABOVE = [0.25, 1.0, 2.5, 40.0]
PAIRS = ([-2.0, 3.0, 0.5], [1.5, -4.0, 0.5])
SQUARE = [[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.5, 1.0, 4.0]]
TALL = [[2.0, 1.0], [1.0, 3.0], [0.0, 1.0]]
SAMPLES = {
    **dict.fromkeys(("isfinite", "isnan", "isinf", "exp", "tanh", "expm1", "sinh", "cosh"), (ABOVE,)),
    **dict.fromkeys(("signbit", "fabs"), ([-2.0, 3.0, 0.5],)),
    **dict.fromkeys(("log", "sqrt", "log1p"), (ABOVE,)),
    "arctanh": (BETWEEN,),
    **dict.fromkeys(("logaddexp", "copysign"), PAIRS),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), ([0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 3.0, 4.0])),
    "logical_not": ([0.0, 1.0, -2.0],),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin", "append"), ([-2.0, 3.0], [1.5, -4.0])),
    **dict.fromkeys(("array", "concatenate", "stack", "hstack", "vstack"), (SQUARE,)),
    **dict.fromkeys(("zeros_like", "ones_like", "sign"), ([-2.0, 3.0, 0.5],)),
    "where": ([0.0, 1.0, 2.0], *PAIRS),
    "clip": (PAIRS[0], [-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]),
    "full_like": (ABOVE, 3.0),
    "solve": (SQUARE, [1.0, -2.0, 0.5]),
    "inv": (SQUARE,),
    "pinv": (TALL,),
    "lstsq": (TALL, [1.0, 2.0, 4.0]),
}
PATCHED = [(home, name) for home, name, _ in _patches() if name != "select"]


def number(value):
    """A traced number or a NumPy scalar as a float."""
    return float(value.number) if isinstance(value, Traced) else float(value)


def close(exact, real):
    """Same kind, same shape, same numbers up to rounding."""
    assert np.shape(exact) == np.shape(real)
    if np.asarray(real).dtype == bool:
        assert np.asarray(exact).dtype == bool
    numbers = np.reshape([number(value) for value in np.asarray(exact, object).flat], np.shape(real))
    np.testing.assert_allclose(numbers, np.asarray(real, float), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("engine", [None, Field], ids=["oracle", "proof"])
@pytest.mark.parametrize(("home", "name"), PATCHED, ids=[name for _, name in PATCHED])
def test_patched_name_answers_as_the_real_one(home, name, engine):
    arguments = [np.array(argument) for argument in SAMPLES[name]]
    real = getattr(home, name)(*arguments)
    trace = Trace(engine and engine())
    traced = [np.where(argument == 0, 0, trace.array(f"v{i}", argument)) for i, argument in enumerate(arguments)]
    with exact_numpy():
        exact = getattr(home, name)(*traced)
        floats = getattr(home, name)(*arguments)
    if name == "lstsq":  # singular values have no exact path
        assert exact[2] == real[2] and len(exact[3]) == len(real[3])
        exact, real, floats = exact[:2], real[:2], floats[:2]
    parts = zip(exact, real, floats, strict=True) if isinstance(real, tuple) else [(exact, real, floats)]
    for one, other, plain in parts:
        close(one, other)
        np.testing.assert_array_equal(plain, other)


def test_names_are_restored():
    before = [getattr(home, name) for home, name in PATCHED]
    with pytest.raises(ZeroDivisionError), exact_numpy():
        raise ZeroDivisionError
    assert all(getattr(home, name) is one for (home, name), one in zip(PATCHED, before, strict=True))


def test_unlike_numbers_are_told_apart():
    trace = Trace()
    x = trace.array("x", [1.0, -np.inf, np.inf, np.nan, 0.0])
    with exact_numpy():
        assert np.isfinite(x).tolist() == [True, False, False, False, True]
        assert np.isinf(x).tolist() == [False, True, True, False, False]
        assert np.isnan(x).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("engine", [None, Field], ids=["oracle", "proof"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.maximum(x, 3),
        lambda x: np.maximum(x, 3, out=np.zeros_like(x)),
        lambda x: np.select([x > 1, x < 0], [x, 3], 3),
        lambda x: np.where(x > 1, x, 3.0),
        lambda x: x.clip(3, 7),
        lambda x: x.clip(3, None),
        lambda x: np.append(x, 3),
        lambda x: np.array([x[0], 3]),
        lambda x: np.full_like(x, 3),
        lambda x: 2 + np.sign(x - 0.25),
    ],
)
def test_plain_numbers_among_traced_ones_are_lifted(function, engine):
    x = Trace(engine and engine()).array("x", [-1.5, 0.5, 5.0])
    with exact_numpy():
        result = function(x)
    assert all(isinstance(entry, Traced) for entry in result)
    thirds = [entry for entry in 1 / result if (3 * entry - 1).number.contains(0)]
    assert thirds and all(entry.number.rel_accuracy_bits() > 150 for entry in thirds)


def test_infinities_are_no_constants_of_a_proof():
    x = Trace(Field()).array("x", [-1.5, 0.5])
    with exact_numpy():
        assert np.where(x > 0, x, -np.inf)[0] == -np.inf
