"""Activations: float error over the whole range in both dtypes, edges, bad input, peers."""
import copy
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import peer
from flint import acb, arb, ctx

from nnnotes import activations
from nnnotes.activations import Activation, identity, leaky_relu, logistic, relu, scaled_tanh, softplus, tanh

FLOATS = (np.float32, np.float64)
EXACT_PAIR = scaled_tanh(3**0.5, np.arctanh(3**-0.5))
ALL = (tanh, scaled_tanh(), EXACT_PAIR, scaled_tanh(0.01, 30), logistic, softplus, relu, leaky_relu(0.01), identity)
SMOOTH = tuple(f for f in ALL if f.analytic)


@pytest.fixture(autouse=True)
def precision():
    with ctx.workprec(400):
        yield


def curve(f, dtype=np.float64):
    """Value, slope and bend of an `arb` or `acb` number, by the textbook formulas."""
    if f is identity:
        return lambda x: x, lambda x: arb(1), lambda x: arb(0)
    sigma = (
        lambda x: 1 / (1 + (-x).exp()),
        lambda x: 1 / (2 + x.exp() + (-x).exp()),
        lambda x: -(x / 2).tanh() / (2 + x.exp() + (-x).exp()),
    )
    if f in (logistic, softplus):
        return sigma if f is logistic else (lambda x: x.exp().log1p(), *sigma[:2])
    a, b = (arb(float(dtype(getattr(f, parameter, 1)))) for parameter in "ab")
    return (
        lambda x: a * (b * x).tanh(),
        lambda x: a * b / (b * x).cosh() ** 2,
        lambda x: -2 * a * b**2 * (b * x).tanh() / (b * x).cosh() ** 2,
    )


def exactly(x):
    """The elements of a float array as `arb` numbers."""
    return [arb(float(v)) for v in x]


def ulps(got, true):
    """Errors in units of the float spacing at the true values."""
    spacings = [np.spacing(np.abs(got.dtype.type(float(t)))) for t in true]
    return np.array([abs(float((arb(float(g)) - t) / float(s))) for g, t, s in zip(got, true, spacings, strict=True)])


def spread(dtype, end, count=3000, seed=0):
    """Both signs; all magnitudes from the smallest float to `end`, and many near `end`."""
    rng = np.random.default_rng(seed)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    logs = rng.uniform(np.log(tiny), np.log(end), count // 4), rng.uniform(np.log(1e-4), np.log(end), count // 2)
    magnitudes = np.concatenate([np.exp(np.concatenate(logs)), rng.uniform(0.9 * end, end, count // 4)])
    return (magnitudes * rng.choice([-1, 1], magnitudes.size)).astype(dtype)


# The bars


def every_float32(low, high, size=1 << 21):
    start, stop = (int(np.float32(end).view(np.int32)) for end in (low, high))
    for first in range(start, stop, size):
        yield np.arange(first, min(first + size, stop), dtype=np.int32).view(np.float32)


@pytest.mark.parametrize("f, width, end", [(tanh, 2, 53), (logistic, 1, 105)], ids=["tanh", "logistic"])
def test_derivative_of_every_float32_is_within_4_ulp(f, width, end):
    """All floats from 2^-13 to where the derivative is 0; the textbook form in float64 is good to 1e-7 ulp."""
    worst = 0.0
    for x in every_float32(2.0**-13, end):
        e = np.exp(-width * x.astype(np.float64))
        true = width**2 * e / (1 + e) ** 2
        error = np.abs(f.derivative(x) - true) / np.spacing(true.astype(np.float32))
        worst = max(worst, float(error.max()))
    assert 1 < worst <= 4


@pytest.mark.parametrize("f, top", [(tanh, 1.0), (logistic, 0.25)], ids=["tanh", "logistic"])
def test_derivative_of_the_other_float32(f, top):
    """Below 2^-13 the derivative is the one at 0 to within one spacing; beyond the threshold it is 0."""
    small = np.arange(0, int(np.float32(2.0**-13).view(np.int32)), 997, dtype=np.int32).view(np.float32)
    assert np.abs(f.derivative(small) / np.float32(top) - 1).max() <= np.finfo(np.float32).eps
    start, stop = (int(np.float32(end).view(np.int32)) for end in (f.saturation(np.float32).derivative[1], np.inf))
    large = np.arange(start, stop + 1, 997, dtype=np.int32).view(np.float32)
    assert not f.derivative(large).any() and not f.derivative(-large).any()


@pytest.mark.parametrize("f", [tanh, logistic], ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_derivative_is_within_4_ulp(f, dtype):
    x = spread(dtype, f.saturation(dtype).derivative[1])
    got = f.derivative(x)
    assert got.dtype == dtype and (got[got > 0].min() < np.finfo(dtype).tiny)
    assert ulps(got, [curve(f)[1](v) for v in exactly(x)]).max() <= 4


@pytest.mark.parametrize("dtype", FLOATS)
def test_derivative_of_the_scaled_tanh(dtype):
    """Within 6 + 2 b |x| ulp for 150 pairs from e^-5 to e^5, at the parameters as the dtype holds them."""
    rng = np.random.default_rng(0)
    for a, b in [(1.7159, 2 / 3), (EXACT_PAIR.a, EXACT_PAIR.b), *np.exp(rng.uniform(-5, 5, (150, 2)))]:
        f = scaled_tanh(a, b)
        x = spread(dtype, f.saturation(dtype).derivative[1], count=200, seed=rng)
        errors = ulps(f.derivative(x), [curve(f, dtype)[1](v) for v in exactly(x)])
        assert (errors <= 6 + 2 * b * np.abs(x)).all()


def test_rounding_the_parameters_to_float32_costs_at_most_one_more_b_x():
    """Measured against the default parameters as they are in float64."""
    f = scaled_tanh()
    x = spread(np.float32, f.saturation(np.float32).derivative[1])
    errors = ulps(f.derivative(x), [curve(f)[1](v) for v in exactly(x)])
    assert (errors <= 6 + 3 * f.b * np.abs(x)).all()


@pytest.mark.parametrize("f", SMOOTH, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_value_and_second_derivative(f, dtype):
    x = spread(dtype, min(f.saturation(dtype).derivative[1], 700), count=1000)
    value, _, bend = curve(f, dtype)
    growth = 2 * getattr(f, "b", 0) * np.abs(x)
    assert (ulps(f(x), [value(v) for v in exactly(x)]) <= 6).all()
    assert (ulps(f.second_derivative(x), [bend(v) for v in exactly(x)]) <= 14 + 2 * growth).all()


@pytest.mark.parametrize("f", SMOOTH, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_derivative_from_output_at_the_given_output(f, dtype):
    gap = np.exp(np.random.default_rng(0).uniform(np.log(np.finfo(dtype).eps), 0, 500))
    low, high = (max(f.range.lower, 0), min(f.range.upper, 20))
    y = np.concatenate([high - gap * (high - low), low + gap * (high - low), gap * (high - low) - high]).astype(dtype)
    y = y[f.range.contains(y)]
    a, b = (arb(float(dtype(getattr(f, parameter, 1)))) for parameter in "ab")
    exact = {logistic: lambda y: y * (1 - y), softplus: lambda y: 1 - (-y).exp(), identity: lambda y: arb(1)}
    formula = exact.get(f, lambda y: b / a * (a - y) * (a + y))
    assert ulps(f.derivative_from_output(y), [formula(v) for v in exactly(y)]).max() <= 5


# Inverses


@pytest.mark.parametrize("f", [tanh, scaled_tanh(), EXACT_PAIR, scaled_tanh(30, 0.05), leaky_relu(0.01)], ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_inverse_is_right_to_the_last_digits(f, dtype):
    """At the given output, up to the last float inside of the range."""
    top = dtype(min(f.range.upper, 1e30))
    gap = np.exp(np.random.default_rng(0).uniform(np.log(np.finfo(dtype).eps), 0, 500)).astype(dtype)
    y = np.concatenate([top - top * gap, top * gap, [np.nextafter(top, dtype(0)), np.nextafter(dtype(0), top)]])
    y = np.concatenate([y, -y]).astype(dtype)
    y = y[f.range.contains(y)]
    a, b, slope = (arb(float(dtype(getattr(f, parameter, 1)))) for parameter in ("a", "b", "slope"))
    true = (lambda y: y / slope if y < 0 else y) if f.kinks else (lambda y: (y / a).atanh() / b)
    assert ulps(f.inverse(y), [true(v) for v in exactly(y)]).max() <= 6


@pytest.mark.parametrize("f, middle", [(logistic, 0.5), (softplus, np.log(2))], ids=["logistic", "softplus"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_inverse_keeps_its_digits_through_its_zero(f, middle, dtype):
    """Over the whole range, as near to the zero as floats come, and next to the ends of the middle piece."""
    limits = np.finfo(dtype)
    rng = np.random.default_rng(0)
    near = np.exp(rng.uniform(np.log(limits.eps / 4), np.log(0.49), 2000))
    low = np.exp(rng.uniform(np.log(float(limits.smallest_subnormal)), 0, 2000))
    y = np.concatenate([low, middle - near, middle + near, 1 - near, rng.uniform(0.2, 0.8, 1000)]).astype(dtype)
    ends = np.array([0.25, 0.75, 1.25, middle], dtype)
    y = np.concatenate([y, ends, np.nextafter(ends, dtype(0)), np.nextafter(ends, dtype(2))])
    y = np.concatenate([y, np.linspace(1, 200, 500, dtype=dtype)])
    y = y[f.range.contains(y)]
    exact = {logistic: lambda y: (y / (1 - y)).log(), softplus: lambda y: y.expm1().log()}[f]
    assert ulps(f.inverse(y), [exact(v) for v in exactly(y)]).max() <= 4


def test_known_digits_of_inverses_near_their_zero():
    assert repr(float(logistic.inverse(0.4999999999999))) == "-3.999023334699814e-13"
    assert repr(float(softplus.inverse(0.6931471805599453))) == "-4.638093627692599e-17"
    assert logistic.inverse(0.5) == 0 and not np.signbit(logistic.inverse(0.5))


@pytest.mark.parametrize("f, zero", [(logistic, 0.5), (softplus, np.log(2))], ids=["logistic", "softplus"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_inverse_keeps_its_digits_near_its_zero(f, zero, dtype):
    rng = np.random.default_rng(0)
    eps = np.finfo(dtype).eps
    y = zero + np.exp(rng.uniform(np.log(eps), -1, 500) + 1j * rng.uniform(-np.pi, np.pi, 500))
    y = y.astype(dtype)
    exact = {logistic: lambda y: (y / (1 - y)).log(), softplus: lambda y: y.expm1().log()}[f]
    assert relative(f.inverse(y), [exact(acb(float(v.real), float(v.imag))) for v in y]).max() <= 6 * eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_softplus_is_the_identity_far_out(dtype):
    y = np.array([100, 1e5, np.finfo(dtype).max], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert (softplus(y) == y).all() and (softplus.inverse(y) == y).all()


@pytest.mark.parametrize("f", [f for f in ALL if f is not relu], ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_there_and_back(f, dtype):
    """One rounding of y moves x by eps y / f'(x): no inverse can do better, and this one is not much worse."""
    x = np.linspace(-3, 3, 101, dtype=dtype) / dtype(getattr(f, "b", 1))
    y = f(x)
    allowed = 8 * np.finfo(dtype).eps * (np.abs(y) / f.derivative(x) + np.abs(x) + 1)
    assert (np.abs(f.inverse(y) - x) <= allowed).all()
    lower, upper = f.preimage(y)
    assert (lower == upper).all()


def test_preimage_of_relu():
    lower, upper = relu.preimage(np.array([0, 0.5, 3], np.float32))
    assert lower.dtype == upper.dtype == np.float32
    assert lower.tolist() == [-np.inf, 0.5, 3] and upper.tolist() == [0, 0.5, 3]


# Saturation


def nearest(x, dtype):
    """The float nearest to an `arb` number, found among the neighbours of a guess."""
    guess = dtype(float(x))
    candidates = [np.nextafter(guess, dtype(-np.inf)), guess, np.nextafter(guess, dtype(np.inf))]
    return min(candidates, key=lambda c: abs(arb(float(c)) - x).mid())


@pytest.mark.parametrize("f", [*(f for f in SMOOTH if f is not identity), scaled_tanh(300, 7)], ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_saturation_is_the_first_float_that_rounds_to_the_limit(f, dtype):
    value, slope, _ = curve(f, dtype)
    found, limits = f.saturation(dtype), (f.range.lower, f.range.upper)
    with ctx.workprec(2400):
        for function, ends, expected in ((value, found.value, limits), (slope, found.derivative, (0, 0))):
            for end, limit, inward in zip(ends, expected, (np.inf, -np.inf), strict=True):
                if np.isfinite(end):
                    before = float(np.nextafter(dtype(end), dtype(inward)))
                    assert float(dtype(end)) == end
                    assert nearest(function(arb(end)), dtype) == dtype(limit) != nearest(function(arb(before)), dtype)


def test_what_never_saturates():
    assert identity.saturation() == leaky_relu(0.1).saturation() == ((-np.inf, np.inf), (-np.inf, np.inf))
    assert relu.saturation(np.float32) == ((0, np.inf), (0, np.inf))
    assert softplus.saturation().value[1] == softplus.saturation().derivative[1] == np.inf


# Input checks


@pytest.mark.parametrize("f", ALL, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_extremes_give_no_warning_and_the_limits(f, dtype):
    """NumPy may report underflow, which is what an exponential does; nothing else."""
    biggest = np.finfo(dtype).max
    x = np.array([-np.inf, -biggest, -1000, -0.0, 0, np.finfo(dtype).smallest_subnormal, 1000, biggest, np.inf], dtype)
    x.flags.writeable = False
    with np.errstate(all="raise", under="ignore"):
        y, d, d2 = f(x), f.derivative(x), f.second_derivative(x)
        again = f.derivative_from_output(y)
    assert y.dtype == d.dtype == d2.dtype == again.dtype == dtype
    assert not np.isnan([y, d, d2, again]).any() and (d >= 0).all() and (again >= 0).all()
    if np.isfinite([f.range.lower, f.range.upper]).all():
        assert (y[0], y[-1], d[0], d[-1]) == (dtype(f.range.lower), dtype(f.range.upper), 0, 0)


@pytest.mark.parametrize("f", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3, 5)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_shape_and_dtype_stay(f, shape, dtype):
    x = np.full(shape, 0.005, dtype)
    before = x.copy()
    inverse = f.preimage if f is relu else f.inverse
    for method in (f, f.derivative, f.derivative_from_output, f.second_derivative, inverse):
        for result in method(x) if method == relu.preimage else [method(x)]:
            assert result.dtype == dtype and result.shape == shape and not np.shares_memory(result, x)
    assert (x == before).all()
    assert f([1, 2]).dtype == np.float64


def test_kinks():
    assert [f.kinks for f in ALL if f.kinks] == [(0.0,), (0.0,)]
    for zero in (0.0, -0.0):
        assert relu.derivative(zero) == 0 and leaky_relu(0.25).derivative(zero) == 0.25
        assert relu.second_derivative(zero) == leaky_relu(0.25).second_derivative(zero) == 0


COMPLEX_TOO = "float32, float64, complex64, complex128"
RAGGED = "expected an array, or lists that make one, got lists of different lengths"
SAID = [
    (lambda: tanh([0.0, np.nan]), ValueError, "x: expected numbers without NaN, got nan at [1]"),
    (lambda: tanh.derivative(np.nan), ValueError, "x: expected numbers without NaN, got nan"),
    (lambda: logistic.second_derivative([[np.nan]]), ValueError, "x: expected numbers without NaN, got nan at [0, 0]"),
    (lambda: tanh("1"), TypeError,
     f"x: expected {COMPLEX_TOO} or integers, got text (<U1): write np.asarray(x, dtype=float)"),
    (lambda: relu(1j), TypeError, "x: expected float32, float64 or integers, got complex128"),
    (lambda: leaky_relu(0.1).inverse([1j]), TypeError, "y: expected float32, float64 or integers, got complex128"),
    (lambda: tanh(complex(np.inf, 0)), ValueError, "x: expected finite numbers, got (inf+0j)"),
    (lambda: softplus(-4j), ValueError, f"imaginary part of x: expected numbers in ({-np.pi}, {np.pi}), got -4.0"),
    (lambda: tanh.inverse([0, 1]), ValueError, "y: expected numbers in (-1, 1), got 1.0 at [1]"),
    (lambda: tanh.inverse(np.nan), ValueError, "y: expected numbers in (-1, 1), got nan"),
    (lambda: scaled_tanh(2).inverse([-3]), ValueError, "y: expected numbers in (-2.0, 2.0), got -3.0 at [0]"),
    (lambda: logistic.inverse(0), ValueError, "y: expected numbers in (0, 1), got 0.0"),
    (lambda: softplus.inverse(-1), ValueError, "y: expected numbers in (0, inf), got -1.0"),
    (lambda: identity.inverse(np.inf), ValueError, "y: expected numbers in (-inf, inf), got inf"),
    (lambda: relu.preimage([-1]), ValueError, "y: expected numbers in [0, inf), got -1.0 at [0]"),
    (lambda: relu.inverse(2), ValueError,
     "relu has no inverse, since it is 0 for every x <= 0: write relu.preimage(y)"),
    (lambda: tanh.derivative_from_output(1.5), ValueError, "y: expected numbers in [-1, 1], got 1.5"),
    (lambda: logistic.derivative_from_output([-0.1]), ValueError, "y: expected numbers in [0, 1], got -0.1 at [0]"),
    (lambda: scaled_tanh(-1), ValueError, "a: expected a positive finite number, got -1.0"),
    (lambda: scaled_tanh(1, np.inf), ValueError, "b: expected a positive finite number, got inf"),
    (lambda: scaled_tanh([1, 2]), ValueError, "a: expected a single number, got shape (2,)"),
    (lambda: leaky_relu(0), ValueError, "slope: expected a positive finite number, got 0.0"),
    (lambda: tanh([[1, 2], [3]]), ValueError, f"x: {RAGGED}"),
    (lambda: tanh.inverse([[0.5], 0]), ValueError, f"y: {RAGGED}"),
    (lambda: tanh.saturation("blah"), TypeError, "dtype: expected float32 or float64, got 'blah'"),
    (lambda: tanh.saturation(np.float16), TypeError, "dtype: expected float32 or float64, got float16"),
]


@pytest.mark.parametrize("call, kind, message", SAID, ids=[message for _, _, message in SAID])
def test_errors_name_argument_expectation_and_what_came(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_saturated_output_has_a_derivative_but_no_inverse(dtype):
    f = scaled_tanh()
    y = f(np.array([-100, 100], dtype))
    assert (f.derivative_from_output(y) == 0).all()
    with pytest.raises(ValueError, match=r"y: expected numbers in \(-1.7159, 1.7159\)"):
        f.inverse(y)


EXTREME = [(1e308, 1.0), (1e200, 1e50), (1e-30, 1e30), (1e-150, 1e150), (2.3e-308, 1e154), (1.7e308, 1.0), (1e-300, 10)]


@pytest.mark.parametrize("a, b", [*EXTREME, (1.7159, 2 / 3)])
def test_parameters_of_any_size_give_right_answers(a, b):
    """Wherever a, b, ab and ab² are normal numbers, nothing in between overflows or loses digits."""
    f = scaled_tanh(a, b)
    t = np.array([-0.9999, -0.9, -0.5, -1e-3, 0, 1e-3, 0.5, 0.9, 0.9999])
    y, x = a * t, np.arctanh(t) / b
    A, B = arb(float(a)), arb(float(b))
    value, slope, bend = curve(f)
    with np.errstate(all="raise", under="ignore"):
        found = f(x), f.derivative(x), f.second_derivative(x), f.derivative_from_output(y), f.inverse(y)
    exact = [[g(v) for v in exactly(x)] for g in (value, slope, bend)]
    exact.append([B / A * (A - v) * (A + v) for v in exactly(y)])
    exact.append([(v / A).atanh() / B for v in exactly(y)])
    for got, true in zip(found, exact, strict=True):
        assert ulps(got, true).max() <= 20


def test_parameters_of_any_size_in_float32():
    zero = np.float32([0])
    assert scaled_tanh(1e-30, 1e30).derivative_from_output(zero).tolist() == [1]
    assert scaled_tanh(3e38, 1.0).derivative(zero).tolist() == [np.float32(3e38)]


PAIRS = [(1.0, 1e300, np.float32), (1e50, 1.0, np.float32), (1e-50, 1.0, np.float32), (1.0, 1e-50, np.float32),
         (1e308, 1e308, np.float64), (1e-308, 1e-308, np.float64), (1e-200, 1e-200, np.float64),
         (1.0, 1e-20, np.float32), (1e-30, 1e-10, np.float32), (5e-324, 1.0, np.float64)]  # fmt: skip


NORMAL = {
    np.float32: "numbers from 1.2e-38 to 3.4e+38 (normal float32)",
    np.float64: "numbers from 2.2e-308 to 1.8e+308 (normal float64)",
}


@pytest.mark.parametrize("a, b, dtype", PAIRS)
def test_parameters_that_the_dtype_cannot_hold_are_refused(a, b, dtype):
    f = scaled_tanh(a, b)
    message = f"a, b, a b, a b²: expected {NORMAL[dtype]}, got {a}, {b}, {a * b}, {a * b * b}"
    zero = np.zeros(1, dtype)
    methods = (f, f.derivative, f.second_derivative, f.derivative_from_output, f.inverse, f.preimage)
    for call in (*(lambda m=m: m(zero) for m in methods), lambda: f.saturation(dtype)):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


@pytest.mark.parametrize("slope, dtype", [(1e300, np.float32), (1e-300, np.float32), (5e-324, np.float64)])
def test_a_slope_that_the_dtype_cannot_hold_is_refused(slope, dtype):
    f = leaky_relu(slope)
    message = f"slope: expected {NORMAL[dtype]}, got {slope}"
    methods = (f, f.derivative, f.second_derivative, f.derivative_from_output, f.inverse)
    for call in (*(lambda m=m: m(-np.ones(1, dtype)) for m in methods), lambda: f.saturation(dtype)):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message


def test_a_point_beyond_the_largest_float_is_infinite():
    b, a = np.float32(1.2e-38), np.float32(3e38)
    with np.errstate(all="raise"):
        assert scaled_tanh(a, b).saturation(np.float32).value == (-np.inf, np.inf)
        assert leaky_relu(0.1).inverse(-1.7e308) == -np.inf
        assert leaky_relu(10).derivative([-1.7e308]) == 10 and leaky_relu(10)(-1.7e308) == -np.inf


@pytest.mark.parametrize("f", ALL, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_underflow_is_no_error(f, dtype):
    x = np.array([-1e4, -50, -1e-30, np.finfo(dtype).smallest_subnormal, 1e-30, 50, 200, 1e4], dtype)
    x = np.concatenate([x, np.array([0.4, 1.5], dtype) * dtype(min(f.saturation(dtype).derivative[1], 1e4))])
    with np.errstate(all="raise"):
        y = f(x)
        f.derivative(x), f.second_derivative(x), f.derivative_from_output(y), f.saturation(dtype)
        inside = y[f.range.contains(y)]
        f.preimage(inside)


@pytest.mark.parametrize("f", ALL, ids=repr)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_number_gives_a_number(f, dtype):
    for x in (dtype(0.005), np.array(0.005, dtype)):
        answers = [f(x), f.derivative(x), f.derivative_from_output(x), f.second_derivative(x), *f.preimage(x)]
        assert [type(answer) for answer in answers] == [dtype] * 6


def test_names_and_equality():
    assert [repr(f) for f in (tanh, relu, leaky_relu(0.1))] == ["tanh", "relu", "leaky_relu(slope=0.1)"]
    assert repr(scaled_tanh(2, 1)) == "scaled_tanh(a=2.0, b=1.0)" and scaled_tanh() == scaled_tanh(1.7159, 2 / 3)
    assert scaled_tanh(np.float32(0.5), 2) == scaled_tanh(0.5, 2) != scaled_tanh(0.5, 1)
    with pytest.raises(AttributeError):
        scaled_tanh().a = 1


@pytest.mark.parametrize("f", ALL, ids=repr)
def test_a_copy_is_equal_and_has_the_same_hash(f):
    """And what has no parameters stays one object, so that `is` holds too."""
    copies = [copy.copy(f), copy.deepcopy([f])[0]]
    copies += [pickle.loads(pickle.dumps(f, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in copies:
        assert other == f and hash(other) == hash(f) and repr(other) == repr(f)
        assert other is f or f.name not in activations.__all__
        assert (other([0.25]) == f([0.25])).all()


def test_activations_go_through_another_process_and_back():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert list(pool.map(copy.copy, ALL)) == list(ALL)


def test_an_activation_of_ones_own_is_pickled_by_its_class():
    own = type(tanh)()
    assert type(pickle.loads(pickle.dumps(own))) is type(tanh) and tanh != own


def test_users_find_all_in_the_public_module():
    """Names, pickles and help speak of nnnotes.activations, wherever the machinery stands."""
    public = [getattr(activations, name) for name in activations.__all__ if name != "Formula"]
    kinds = [thing if hasattr(thing, "__qualname__") else type(thing) for thing in public]
    assert {kind.__module__ for kind in kinds} == {"nnnotes.activations"}
    ends = tanh.saturation()
    assert b"nnnotes.activations" in pickle.dumps(ends) and pickle.loads(pickle.dumps(ends)) == ends


@pytest.mark.parametrize("f", ALL, ids=repr)
def test_every_activation_says_what_it_takes_and_returns(f):
    """Once: what all have in common is added to what a class says of itself."""
    text = type(f).__doc__
    sections = re.findall(r"^(\w[\w ]*)\n---", text, re.M)
    assert sections[:3] == ["Parameters", "Returns", "See Also"] and len(sections) == len(set(sections))
    assert ("complex numbers are taken" in text) == f.analytic


def test_a_docstring_with_parameters_of_its_own_stays():
    class Own(Activation):
        """Own.

        Parameters
        ----------
        x : array_like
            What it takes.
        """

    class Silent(Activation):
        pass

    assert Own.__doc__.split() == "Own. Parameters ---------- x : array_like What it takes.".split()
    assert Silent.__doc__ is None


def test_the_slope_where_a_tanh_is_nearly_flat():
    assert 1.8e-4 < tanh.derivative(5) < 2e-4
    for number, textbook in ((20.0, 1 - np.tanh(20.0) ** 2), (np.float32(10.5), 1 - np.tanh(np.float32(10.5)) ** 2)):
        assert textbook == 0 < tanh.derivative(number)


def test_the_exact_pair_has_one_at_one_and_bends_most_there():
    assert abs(EXACT_PAIR(1) - 1) <= 2e-16
    x = np.linspace(0.999, 1.001, 201)
    assert np.abs(EXACT_PAIR.second_derivative(x)).argmax() == 100


def test_at_the_targets_two_thirds_of_the_largest_slope_are_left():
    assert abs(EXACT_PAIR.derivative(1) / EXACT_PAIR.derivative(0) - 2 / 3) <= 1e-15
    assert round(scaled_tanh().derivative(1) / scaled_tanh().derivative(0), 2) == 0.66
    assert f"{scaled_tanh().derivative(0):.15f}" == "1.143933333333333"


def test_a_tiny_slope_does_not_move_a_stuck_neuron():
    assert -20 + 0.1 * 2 * tanh.derivative(-20) == -20


# Complex arguments


def relative(got, true):
    true = np.array([complex(t) for t in true])
    return np.abs(got - true) / np.abs(true)


@pytest.mark.parametrize("f", [f for f in SMOOTH if getattr(f, "b", 1) <= 1], ids=repr)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_arguments(f, dtype):
    """Relative to the modulus; near the poles at πi/2, the condition number grows."""
    rng = np.random.default_rng(0)
    z = (rng.normal(0, 3, 400) + 1j * rng.uniform(-1.4, 1.4, 400)).astype(dtype)
    eps = np.finfo(dtype).eps
    for method, true in zip((f, f.derivative, f.second_derivative), curve(f, z.real.dtype.type), strict=True):
        got = method(z)
        assert got.dtype == dtype
        if not (f is identity and method == f.second_derivative):
            assert relative(got, [true(acb(float(v.real), float(v.imag))) for v in z]).max() <= 100 * eps
    y = f(z)
    condition = np.abs(y) / np.abs(f.derivative(z)) + np.abs(z) + 1
    assert (np.abs(f.inverse(y) - z) <= 20 * eps * condition).all()
    assert (np.abs(f.derivative_from_output(y) - f.derivative(z)) <= 100 * eps * (1 + np.abs(y)) ** 2).all()


@pytest.mark.parametrize("f", SMOOTH, ids=repr)
def test_complex_step(f):
    """The imaginary part of f(x + ih), divided by h, is the derivative: no absolute value has cut it off."""
    x = np.linspace(-30, 30, 121) / getattr(f, "b", 1)
    got = f(x + 1e-30j).imag / 1e-30
    growth = 1 + 2 * getattr(f, "b", 0) * np.abs(x)
    assert (np.abs(got / f.derivative(x) - 1) <= 8 * np.finfo(float).eps * growth).all()


@pytest.mark.parametrize("f, y", [
    (tanh, 1), (tanh, -1), (scaled_tanh(2), 2), (logistic, 0), (logistic, 1), (softplus, 0),
    (softplus, -1), (softplus, -745), (softplus, 1 + 4j), (softplus, 0.1 - 3.5j), (softplus, -5 + 4j),
    (softplus, -745 + 1j), (softplus, -745 + 2j), (softplus, -100 + 1j), (softplus, 2j * np.pi), (softplus, 3 + 9j),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_outputs_of_no_input(f, y, dtype):
    """Poles, and for softplus what only inputs beyond ±πi would have; no warning comes first."""
    y = dtype(y)
    with np.errstate(all="raise"), pytest.raises(ValueError, match="y: expected an output that some finite complex"):
        f.inverse(y)
    with pytest.raises(ValueError, match=r"at \[1\]"):
        f.inverse(np.array([0.25, y]))


def test_complex_inverse_of_softplus():
    """Wherever the imaginary part of an output is below π, and the answer is not too near to ±πi."""
    rng = np.random.default_rng(1)
    y = rng.uniform(-3, 800, 300) * rng.choice([0.001, 1], 300) + 1j * rng.uniform(-3.1, 3.1, 300)
    x = softplus.inverse(y)
    assert (np.abs(x.imag) < np.pi).all()
    np.testing.assert_allclose(softplus(x), y, rtol=1e-12)


BEYOND = [
    (softplus.derivative_from_output, -1000 + 0j, "y: expected numbers at which the result is finite, got (-1000+0j)"),
    (logistic.derivative_from_output, [0j, 1e200 + 1e200j], "y: {}, got (1e+200+1e+200j) at [1]"),
    (tanh.derivative_from_output, np.complex64(1e30), "y: {}, got (1e+30+0j)"),
    (scaled_tanh().derivative_from_output, 1e300 + 1j, "y: {}, got (1e+300+1j)"),
    (scaled_tanh(1, 2), 1e308j, "x: {}, got 1e+308j"),
]


@pytest.mark.parametrize("method, z, message", BEYOND, ids=range(len(BEYOND)))
def test_a_complex_answer_that_is_not_finite_is_an_error(method, z, message):
    """In complex numbers infinity has no direction; and no warning comes first."""
    with np.errstate(all="raise"), pytest.raises(ValueError) as error:
        method(z)
    assert str(error.value) == message.format("expected numbers at which the result is finite")


@pytest.mark.parametrize("f", SMOOTH, ids=repr)
def test_complex_numbers_far_out(f):
    """As far as the answer is finite, it is right and silent."""
    z = np.array([-600 + 0j, -300 - 1j, 300 + 2j, 600 + 0j, 1e100 + 1e-100j])
    with np.errstate(all="raise"):
        for method, true in zip((f, f.derivative, f.second_derivative), curve(f), strict=True):
            with ctx.workprec(2000):
                exact = np.array([complex(true(acb(float(v.real), float(v.imag)))) for v in z])
            np.testing.assert_allclose(method(z), exact, rtol=1e-9, atol=1e-300)
    y = np.array([1e100 + 1j])
    np.testing.assert_allclose(scaled_tanh().derivative_from_output(y), 2 / 3 * (1.7159 - y**2 / 1.7159), rtol=1e-14)


# Peers


def test_against_scipy():
    special = peer("scipy.special")
    x = np.linspace(-709, 750, 20001)  # below, SciPy answers 0 instead of a subnormal number
    assert (np.abs(logistic(x) - special.expit(x)) <= 4 * np.spacing(special.expit(x))).all()
    assert special.expit(-720.0) == 0 < logistic(-720.0)
    y = np.linspace(0.001, 0.999, 999)
    y = np.concatenate([y, 0.5 + np.array([-1, 1, 100]) * 2.0**-53])
    if peer("scipy").__version__ < "1.15":  # it loses digits near 1/2, and has them from 1.15 on
        y = y[np.abs(y - 0.5) > 0.05]
    np.testing.assert_allclose(logistic.inverse(y), special.logit(y), rtol=1e-15)
    np.testing.assert_allclose(softplus(x), np.logaddexp(x, 0), rtol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
def test_against_torch(dtype):
    """Values, and gradients by automatic differentiation, at the kinks too."""
    torch = peer("torch")
    theirs = {
        tanh: torch.tanh,
        scaled_tanh(): lambda t: 1.7159 * torch.tanh(2 / 3 * t),
        logistic: torch.sigmoid,
        softplus: lambda t: torch.nn.functional.softplus(t, threshold=1000),
        relu: torch.relu,
        leaky_relu(0.01): lambda t: torch.nn.functional.leaky_relu(t, 0.01),
        identity: lambda t: 1 * t,
    }
    x = np.linspace(-8, 8, 161).astype(dtype)
    assert x[80] == 0
    tolerance = 8 * np.finfo(dtype).eps
    for f, function in theirs.items():
        t = torch.tensor(x, requires_grad=True)
        value = function(t)
        (slope,) = torch.autograd.grad(value.sum(), t)
        np.testing.assert_allclose(f(x), value.detach().numpy(), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(f.derivative(x), slope.numpy(), rtol=0, atol=tolerance)
        np.testing.assert_allclose(f.derivative_from_output(f(x)), slope.numpy(), rtol=0, atol=tolerance)
