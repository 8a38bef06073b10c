"""Proofs of the activations on arrays; wrong variants, each refuted, but for one that only floats show."""
import numpy as np
import pytest
import sympy as sp

from nnnotes import activations
from nnnotes.activations import identity, leaky_relu, logistic, relu, scaled_tanh, softplus, tanh
from nnnotes.engine.trace import Leak
from nnnotes.proof import ProofError, prove, refute, symbols, ulp_error

x, y = sp.symbols("x y", real=True)
a, b, s = sp.symbols("a b s", positive=True)
SIGMA = 1 / (1 + sp.exp(-x))
CURVES = {tanh: sp.tanh(x), logistic: SIGMA, softplus: sp.log(1 + sp.exp(x)), identity: x}
SCALED = a * sp.tanh(b * x)
MIXED = np.array([[0.5, -0.75, 2.0], [-1.5, 1.25, -0.25]])


def over(formula, X):
    return [[formula.subs(x, entry) for entry in row] for row in X]


@pytest.mark.parametrize("f", CURVES, ids=repr)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_arrays_with_both_signs(f, order):
    method = (f, f.derivative, f.second_derivative)[order]
    X = symbols("X", 2, 3)
    assert prove(method, over(CURVES[f].diff(x, order), X), X, point={"X": MIXED}).certainty == "exact"


@pytest.mark.parametrize("f", [tanh, logistic, softplus], ids=repr)
@pytest.mark.parametrize("side", [-0.75, 0.75])
def test_sympy_decides_the_same(f, side):
    for order, method in enumerate((f, f.derivative, f.second_derivative)):
        assert prove(method, CURVES[f].diff(x, order), x, point={"x": side}, referee=True).referee


@pytest.mark.parametrize("f", CURVES, ids=repr)
@pytest.mark.parametrize("side", [-0.75, 0.75])
def test_the_derivative_from_the_output_is_the_derivative(f, side):
    def composed(x):
        return f.derivative_from_output(f(x))

    prove(composed, CURVES[f].diff(x), x, point={"x": side}, thresholds=(-1, 1))


@pytest.mark.parametrize("side", [-0.75, 0.75])
def test_preimages_are_intervals_of_one_number(side):
    prove(lambda x: tanh.preimage(tanh(x)), (x, x), x, point={"x": side}, thresholds=(-1, 1))
    prove(lambda x, s: leaky_relu(s).preimage(leaky_relu(s)(x)), (x, x), x, s, point={"x": side})
    prove(relu.preimage, (y, y), y, point={"y": 0.75})


OUTPUTS = {
    logistic: ([0.125, 0.3125, 0.625, 0.875], (0.25, 0.5, 0.75, 1)),
    softplus: ([0.125, 0.5, 1, 2], (0.25, 0.75, 1.25)),
}


@pytest.mark.parametrize("f", OUTPUTS, ids=repr)
def test_inverses_of_several_pieces_lead_back(f):
    """One output on every side of every comparison that the inverse makes."""
    outputs, thresholds = OUTPUTS[f]
    Y = symbols("Y", len(outputs))
    prove(lambda y: f(f.inverse(y)), Y.tolist(), Y, point={"Y": outputs}, thresholds=thresholds)


# Wrong variants: each is a subclass of what ships with one formula changed, so the input checks are the shipped ones.


class NoSquare(type(tanh)):
    def _derivative(self, x):
        return 1 - np.tanh(x)


class OneFactor(type(tanh)):
    def _derivative(self, x):
        e = np.exp(-2 * np.abs(x))
        return 4 * e / (1 + e)


class HalfSteep(type(tanh)):
    def _derivative(self, x):
        e = np.exp(-np.abs(x))
        return 4 * e / (1 + e * (2 + e))


class WrongSign(type(tanh)):
    def _second_derivative(self, x):
        return 2 * np.tanh(x) * self._derivative(x)


class Clamped(type(tanh)):
    def _derivative(self, x):
        return super()._derivative(np.clip(x, -10, 10))


class EarlyReturn(type(tanh)):
    def _derivative(self, x):
        if x.dtype == np.float32:
            return 1 - np.tanh(x) ** 2
        return super()._derivative(x)


class OnlyFloat32(type(tanh)):
    def _derivative(self, x):
        return super()._derivative(x) * (1 + (x.dtype.itemsize == 4) / 512)


class InFloat64(type(tanh)):
    def _derivative(self, x):
        return super()._derivative(x.astype(np.float64))


class InPlace(type(tanh)):
    def _derivative(self, x):
        x *= 2
        return super()._derivative(x / 2)


class HalfRange(type(tanh)):
    def _inverse(self, y):
        return np.log1p(2 * y / (1 - y))


class HalfMiddle(type(logistic)):
    def _inverse(self, y):
        middle = np.abs(y - 1 / 2) < 1 / 4
        return np.where(middle, np.arctanh(np.where(middle, 2 * y - 1, 0)), np.log(y / (1 - y)))


class Swapped(type(logistic)):
    def _value(self, x):
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, e, 1) / (1 + e)


class NoShift(type(softplus)):
    def _value(self, x):
        return np.log1p(np.exp(-np.abs(x)))


WRONG = [
    (NoSquare, "derivative", sp.tanh(x).diff(x)),
    (OneFactor, "derivative", sp.tanh(x).diff(x)),
    (HalfSteep, "derivative", sp.tanh(x).diff(x)),
    (WrongSign, "second_derivative", sp.tanh(x).diff(x, 2)),
    (Clamped, "derivative", sp.tanh(x).diff(x)),
    (EarlyReturn, "derivative", sp.tanh(x).diff(x)),
    (OnlyFloat32, "derivative", sp.tanh(x).diff(x)),
    (InFloat64, "derivative", sp.tanh(x).diff(x)),
    (InPlace, "derivative", sp.tanh(x).diff(x)),
    (Swapped, "__call__", SIGMA),
    (NoShift, "__call__", sp.log(1 + sp.exp(x))),
]
REASONS = {
    Clamped: "compares with",
    EarlyReturn: "another path in float32",
    OnlyFloat32: "in float32 is not what was proved",
    InPlace: "writes to its argument x",
    InFloat64: "loses its formula",
}


@pytest.mark.parametrize("wrong, method, formula", WRONG, ids=[wrong.__name__ for wrong, _, _ in WRONG])
def test_wrong_variants_are_refuted(wrong, method, formula):
    X = symbols("X", 2)
    reason = refute(getattr(wrong(), method), [formula.subs(x, entry) for entry in X], X, point={"X": [0.75, -0.5]})
    assert isinstance(reason, Leak if wrong is InFloat64 else ProofError)
    assert REASONS.get(wrong, "is not the formula") in str(reason)


def test_a_clamp_that_acts_is_refuted_even_if_declared():
    slope = sp.tanh(x).diff(x)
    prove(Clamped().derivative, slope, x, point={"x": 9}, thresholds=(-10, 10))
    refute(Clamped().derivative, slope, x, point={"x": 11}, thresholds=(-10, 10))


def test_a_wrong_inverse_is_refuted():
    def back(x):
        return HalfRange().inverse(tanh(x))

    refute(back, x, x, point={"x": 0.75}, thresholds=(-1, 1))


def test_a_wrong_piece_of_an_inverse_is_refuted():
    thresholds = (0.25, 0.5, 0.75, 1)
    prove(lambda y: logistic(HalfMiddle().inverse(y)), y, y, point={"y": 0.875}, thresholds=thresholds)
    refute(lambda y: logistic(HalfMiddle().inverse(y)), y, y, point={"y": 0.625}, thresholds=thresholds)


def scaled_variant(**formulas):
    wrong = type("Wrong", (type(scaled_tanh()),), {f"_{name}": formula for name, formula in formulas.items()})

    def made(a, b):
        right = scaled_tanh(a, b)
        return wrong(right.name, right.range, right.a, right.b)

    return made


SCALED_WRONG = {
    "no square": dict(derivative=lambda f, x: f.a * f.b * (1 - np.tanh(f.b * x))),
    "a is forgotten": dict(derivative=lambda f, x: f.b * (1 - np.tanh(f.b * x) ** 2)),
    "literal 2/3": dict(derivative=lambda f, x: f.a * f.b * (1 - np.tanh(2 / 3 * x) ** 2)),
    "thread": dict(derivative_from_output=lambda f, y: f.b * (f.a - y**2)),
    "a/b for b/a": dict(derivative_from_output=lambda f, y: f.a / f.b * (f.a - y) * (f.a + y)),
    "b is forgotten": dict(second_derivative=lambda f, x: -2 * np.tanh(f.b * x) * f._derivative(x)),
    "b not divided by": dict(inverse=lambda f, y: np.arctanh(y / f.a)),
    "absolute value lost": dict(inverse=lambda f, y: np.log1p(2 * np.abs(y) / (f.a - np.abs(y))) / (2 * f.b)),
}


@pytest.mark.parametrize("name", SCALED_WRONG)
def test_wrong_scaled_variants_are_refuted(name):
    made = scaled_variant(**SCALED_WRONG[name])

    def answers(x, a, b):
        f = made(a, b)
        y = scaled_tanh(a, b)(x)
        return f.derivative(x), f.derivative_from_output(y), f.second_derivative(x), f.inverse(y)

    formula = (SCALED.diff(x), SCALED.diff(x), SCALED.diff(x, 2), x)
    reason = refute(answers, formula, x, a, b, point={"x": -0.75})
    assert isinstance(reason, Leak) == (name == "literal 2/3")


def test_the_right_scaled_tanh_passes_where_the_wrong_ones_are_tried():
    def answers(x, a, b):
        f = scaled_tanh(a, b)
        y = f(x)
        return f.derivative(x), f.derivative_from_output(y), f.second_derivative(x), f.inverse(y)

    prove(answers, (SCALED.diff(x), SCALED.diff(x), SCALED.diff(x, 2), x), x, a, b, point={"x": -0.75})


def test_a_slope_on_the_wrong_side_is_refuted():
    class Mirrored(type(leaky_relu(0.5))):
        def _derivative(self, x):
            return np.where(x < 0, x.dtype.type(1), self.slope)

    def wrong(x, s):
        return Mirrored(f"mirrored({s})", s).derivative(x)

    refute(wrong, 1, x, s, point={"x": 0.75})
    refute(wrong, s, x, s, point={"x": -0.75})


def test_only_the_oracle_finds_a_forgotten_absolute_value(monkeypatch):
    """exp(-2x) is as good as exp(-2|x|) on paper; in floats it overflows."""
    monkeypatch.setattr(activations, "decay", lambda u: np.exp(-u))
    for side in (-0.75, 0.75):
        prove(tanh.derivative, sp.tanh(x).diff(x), x, point={"x": side})
    with np.errstate(all="ignore"):
        assert ulp_error(tanh.derivative, np.array([-1000.0])).max == np.inf
    monkeypatch.undo()
    assert ulp_error(tanh.derivative, np.array([-1000.0])).max == 0


def test_the_factor_of_the_thread_is_right_only_where_both_constants_are_one():
    a, b, y = sp.symbols("a b y", positive=True)
    differ = sp.Poly(b * (a - y**2) - (1 - y) * (1 + y), y)
    assert sp.solve(differ.coeffs(), [a, b], dict=True) == [{a: 1, b: 1}]
