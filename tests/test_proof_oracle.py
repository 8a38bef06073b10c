"""The oracle and the error in ulp: against mpmath, at the edges of the floats, for any structure of results."""
import math
from collections import namedtuple

import mpmath
import numpy as np
import pytest

from nnnotes.activations import logistic
from nnnotes.engine.checks import ProofError
from nnnotes.engine.trace import Traced
from nnnotes.proof import Leak, UlpError, Undecided, oracle, ulp_error

DTYPES = (np.float32, np.float64)


def logistic_slope(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)


def sech_squared(x, guard=True):
    e = np.exp(-2 * (abs(x) if guard else x))
    return 4 * e / (1 + e) ** 2


def digits(number):
    """A traced number as mpmath sees it."""
    return mpmath.mpf(number.number.str(60, radius=False))


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(2000):
        yield


@pytest.mark.parametrize("x", [0.1, -3.7, 40.0, 300.0, -800.0, 1e-20])
def test_fifty_digits(x):
    s = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
    true = s * (1 - s)
    assert abs(digits(oracle(logistic_slope, np.array([x]))[0]) / true - 1) < 1e-50


def test_more_digits():
    true = mpmath.exp(mpmath.mpf(0.1))
    number = oracle(np.exp, np.array([0.1]), digits=200)[0].number
    assert abs(mpmath.mpf(number.str(210, radius=False)) / true - 1) < mpmath.mpf(10) ** -200


def test_floats_enter_exactly():
    assert digits(oracle(lambda x: x, np.array([0.1]))[0]) == mpmath.mpf(0.1)
    assert digits(oracle(lambda x: x, np.array([0.1], np.float32))[0]) == mpmath.mpf(float(np.float32(0.1)))
    assert isinstance(oracle(lambda x: x, 0.1), Traced)


def test_what_is_handed_on():
    def function(values, labels, *, axis, options):
        assert labels.dtype == np.int64 and axis == 1 and options == {"mode": "sum", "n": 3}
        return values[0][labels].sum(axis=axis)

    values = [np.ones((2, 2)), (0.5, 1)]
    assert oracle(function, values, np.array([0, 1]), axis=1, options={"mode": "sum", "n": 3}).shape == (2,)


def test_arguments_are_left_alone():
    x = np.array([0.5, 2.0])
    kept = x.copy()
    for judge in (oracle, ulp_error):
        with pytest.raises(ProofError, match="writes to its arguments"):
            judge(lambda x: x.__setitem__(0, 3) or x, x)
        assert (x == kept).all()


def test_without_floats():
    with pytest.raises(TypeError, match="args: expected floats or float arrays"):
        oracle(np.exp, np.array([1, 2]))


def test_infinities_behave_as_in_floats():
    x = np.array([-np.inf, 0.0, np.inf])
    assert [float(value.number) for value in oracle(np.exp, x)] == [0, 1, math.inf]


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulp_of_known_errors(dtype):
    eps = np.finfo(dtype).eps
    x = np.array([1.0, 1.5, 2.0, -3.0, 0.0], dtype)
    off = np.array([3 * eps, -2 * eps, 2 * eps, 4 * eps, np.finfo(dtype).smallest_subnormal], dtype)
    result = ulp_error(lambda x: x + (off if x.dtype != object else 0), x, dtype=dtype)
    assert result.errors.tolist() == [3, 2, 1, 2, 1] and result.max == 3 and result.where == (0,)
    assert result.got == 1 + 3 * eps and result.true == 1 and result.dtype == dtype.__name__


def test_an_error_below_the_smallest_float_is_not_rounded_before_it_is_measured():
    for dtype in DTYPES:
        least = np.finfo(dtype).smallest_subnormal
        quarters = np.array([1, 2, 3, 5], dtype) * least
        assert ulp_error(lambda x: x / 4, quarters, dtype=dtype).errors.tolist() == [0.25, 0.5, 0.25, 0.25]
        assert ulp_error(lambda x: x / 4, quarters, dtype=dtype, scale=0).errors.tolist() == [0.25, 0.5, 0.25, 0.25]
    assert f"{ulp_error(logistic, np.array([-745.0])).max:.2f}" == "0.43"


def test_digits_that_a_difference_loses():
    assert ulp_error(logistic_slope, np.array([-2.0])).max < 4
    assert 7e12 < ulp_error(logistic_slope, np.array([30.0])).max < 8e12
    assert ulp_error(logistic_slope, np.array([36.8])).max > 2**52
    errors = ulp_error(sech_squared, np.linspace(-30, 30, 2001))
    counts, _ = errors.histogram(8)
    assert counts[0] > counts[-1]


def test_correct_rounding_is_half_an_ulp():
    x = np.random.default_rng(0).uniform(0.1, 10, 300)
    for dtype in DTYPES:
        error = ulp_error(np.sqrt, x, dtype=dtype)
        assert 0.4 < error.max <= 0.5 and error.errors.shape == x.shape


def test_scale():
    x = np.array([1.0, 1e-8])
    near = ulp_error(lambda x: np.exp(x) - 1, x)
    assert near.max > 1e6 and near.where == (1,)
    assert ulp_error(lambda x: np.exp(x) - 1, x, scale=1).max < 4
    assert ulp_error(lambda x: np.exp(x) - 1, x, scale=np.array([1, -1.0])).max < 4


def test_abs_forgotten():
    """True on paper, a NaN at -1000: only the oracle sees it."""
    x = np.array([-1000.0, -3.0, 2.0])
    with np.errstate(all="ignore"):
        bad = ulp_error(sech_squared, x, guard=False)
    assert bad.max == math.inf and bad.where == (0,) and math.isnan(bad.got) and bad.true == 0
    assert ulp_error(sech_squared, x).max < 8


def test_overflow_and_underflow():
    with np.errstate(all="ignore"):
        assert ulp_error(np.exp, np.array([800.0, -800.0, 200.0, -200.0]), dtype=np.float32).max < 1e-40
        assert ulp_error(lambda x: np.exp(x) / np.exp(x), np.array([100.0]), dtype=np.float32).max == math.inf
        assert ulp_error(lambda x: 0 * x if x.dtype != object else x, np.array([1e-40]), dtype=np.float32).max > 1e4


def test_several_results():
    error = ulp_error(lambda x: (x.sum(), [np.sqrt(x), 2.0]), np.array([[2.0, 3.0], [5.0, 7.0]]))
    assert error.errors.shape == (6,) and error.max <= 1
    scaled = ulp_error(lambda x: (np.exp(x) - 1, x), np.array([1e-8, 1.0]), scale=(1, None))
    assert scaled.max < 4


def test_dtype_of_the_arguments():
    seen = []
    ulp_error(lambda x, a, n: seen.append((x, a, n)) or x, np.array([0.1]), 0.5, np.array([1]), dtype=np.float32)
    x, a, n = seen[0]
    assert x.dtype == np.float32 and type(a) is np.float32 and n.dtype == np.int64


def test_histogram_and_text():
    error = ulp_error(lambda x: x, np.linspace(0, 1, 11))
    counts, edges = error.histogram(4)
    assert isinstance(error, UlpError) and counts.sum() == 11 and len(edges) == 5
    with np.errstate(all="ignore"):
        assert ulp_error(sech_squared, np.array([-1000.0, 1]), guard=False).histogram(2)[0].sum() == 1
    assert repr(error) == "largest error of 11: 0 ulp (float64), 0 where the oracle has 0"


def test_misuse():
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got float16"):
        ulp_error(np.exp, np.ones(2), dtype=np.float16)
    with pytest.raises(ValueError, match="the same shape both times"):
        ulp_error(lambda x: x if x.dtype == object else x[:1], np.ones(2))
    with pytest.raises(ValueError, match="a call with a result to judge"):
        ulp_error(np.exp, np.ones(0))
    with pytest.raises(ValueError, match="digits: expected a positive integer"):
        oracle(np.exp, 1.0, digits=0)


def test_tiny_numbers_are_no_ties():
    x = np.array([1e-60, -1e-300, 5e-324])
    for step in (lambda x: np.where((1 + x) - 1 > 0, 1.0, 0.0), lambda x: np.where(1 + x > 1, 1.0, 0.0)):
        assert [entry for entry in oracle(step, x)] == [1, 0, 1]
        assert ulp_error(step, x).max > 1e15


def test_what_cannot_be_told_is_not_guessed():
    for function, x in (
        (lambda x: np.where(1 + np.exp(-x) > 1, x, -x), np.array([1e4])),
        (lambda x: np.where(1 - np.tanh(x) > 0, 1.0, 2.0), np.array([5000.0])),
        (lambda x: 1 - np.tanh(x), 5000.0),
    ):
        with pytest.raises(Undecided):
            oracle(function, x)


def test_what_cancels_for_all_data_is_zero():
    assert oracle(lambda x: np.log(np.exp(x)) - x, np.array([0.3]))[0].number.is_zero()
    assert oracle(lambda z: np.exp(z) - np.exp(z).max(), np.array([0.3, 0.3]))[1].number.is_zero()


def test_literals_that_are_selected_have_all_digits():
    error = ulp_error(lambda x: np.exp(700 / np.maximum(x, 3)), np.array([1.0, 5.0]))
    assert 60 < error.errors[0] < 70
    for third in (lambda x: 1 / np.maximum(x, 3), lambda x: 1 / x.clip(3, None), lambda x: 1 / np.where(x > 2, x, 3)):
        value = oracle(third, np.array([1.0]))[0]
        assert (3 * value - 1).number.contains(0) and abs(float((3 * value - 1).number.rad())) < 1e-45


def test_floats_made_from_constants_are_no_result():
    def written(x):
        y = x.copy()
        y[0] = 3.0
        return 1 / y

    with pytest.raises(Undecided, match="is a float, computed from constants"):
        oracle(written, np.ones(2))


def test_dictionaries():
    wrong = lambda x: {"y": 1 - 1 / (1 + np.exp(-x))}  # noqa: E731
    assert oracle(wrong, 200.0)["y"].text().startswith("1.3838965267367")
    assert ulp_error(wrong, 20.0).max > 1e8


def test_the_result_has_the_dtype_that_is_judged():
    weights = np.array([0.1, 0.2, 0.3])
    with pytest.raises(TypeError, match="expected float32 from arguments of float32, got float64"):
        ulp_error(lambda x: x * weights, np.ones(3), dtype=np.float32)
    assert ulp_error(lambda x: x * weights, np.ones(3)).max <= 0.5


def test_questions_that_make_no_sense():
    x = np.ones(2)
    assert ulp_error(np.exp, x, dtype=x.dtype).dtype == "float64"
    assert oracle(np.exp, 1.0, digits=np.int64(60)).number.rel_accuracy_bits() > 190
    for message, ask in (
        ("scale: expected finite numbers", lambda: ulp_error(np.exp, x, scale=np.inf)),
        (r"scale: expected numbers that broadcast to shape \(2,\)", lambda: ulp_error(np.exp, x, scale=[1, 2, 3])),
        ("args: expected floats .* got none: write 1.0, not 1", lambda: ulp_error(np.exp, 1)),
        ("args: expected floats .* got none: write 1.0, not 1", lambda: oracle(np.exp, 1)),
        ("scale: expected one for each of 2 results, got 3", lambda: ulp_error(lambda x: (x, x), x, scale=[1, 2, 3])),
        ("got bool", lambda: ulp_error(lambda x: x > 0, x)),
        ("got None", lambda: ulp_error(lambda x: None, x)),
        ("got None", lambda: oracle(lambda x: None, x)),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            ask()


def test_numbers_that_are_equal_by_another_route_are_ties():
    assert oracle(lambda x: np.where(np.exp(x) * np.exp(-x) >= 1, 1.0, 0.0), np.array([0.3])) == [1]


def test_powers():
    base, exponent = np.array([-2.0, 0.0, 0.0, 4.0, 0.25]), np.array([2.0, 0.0, -1.0, 0.5, -1.5])
    with np.errstate(all="ignore"):
        assert ulp_error(lambda x, y: x**y, base, exponent).max <= 0.5


def test_an_exponential_of_any_size():
    assert oracle(lambda x: np.log(np.exp(x)), 1e300).text() == "1e+300"


def test_small_numbers_keep_their_exponent():
    assert repr(oracle(lambda x: x, 1e-300)) == "<1e-300>" and repr(oracle(lambda x: x, 1500.0)) == "<1500>"


def test_named_tuples():
    pair = namedtuple("pair", "low high")
    assert oracle(lambda p: p.low * p.high, pair(2.0, np.ones(2))).tolist() == [2, 2]
    assert ulp_error(lambda p: p.low * p.high, pair(2.0, np.ones(2))).max == 0


def test_reductions_of_patched_names():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for axis in (0, 1, -1, None):
        assert ulp_error(lambda x, axis=axis: np.logaddexp.reduce(x, axis), x).max < 2


def test_a_leak_that_is_swallowed_counts():
    def swallowing(x):
        try:
            return x * float(x)
        except BaseException:
            return x

    assert swallowing(0.5) == 0.25
    with pytest.raises(Leak):
        oracle(swallowing, 0.5)
