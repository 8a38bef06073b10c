"""Slips in shipped functions, made from their own source: the proof refutes all but one, and the oracle finds that."""

import inspect
import sys
import types
from unittest.mock import patch

import formulas
import numpy as np
import pytest
import sympy as sp
from formulas import THRESHOLDS

from nnnotes import _activation_formulas, _batches, _fast_losses, activations, losses, similarity
from nnnotes.proof import Leak, ProofError, prove, symbols, ulp_error


def executed(module, source, name):
    """A module executed anew from this source."""
    anew = types.ModuleType(module.__name__)
    anew.__package__ = module.__package__
    exec(compile(source, name, "exec"), vars(anew))
    return anew


def variant(module, where, right, wrong, helper=None):
    """The module, executed anew from its source with one place of one definition changed.

    If the definition stands in a `helper` module, that one is changed, and the module imports from it.
    """
    changed = helper or module
    source, part = inspect.getsource(changed), inspect.getsource(getattr(changed, where))
    assert source.count(part) == 1, f"{where} is not found in {changed.__name__}"
    assert part.count(right) == 1, f"{where} has {right!r} {part.count(right)} times: a slip for this code is needed"
    anew = executed(changed, source.replace(part, part.replace(right, wrong)), f"<{where}, changed>")
    if helper is None:
        return anew
    with patch.dict(sys.modules, {helper.__name__: anew}):
        user = executed(module, inspect.getsource(module), f"<user of {where}, changed>")
    taken = [name for name, thing in vars(user).items() if getattr(thing, "__module__", "") == helper.__name__]
    assert taken and all(getattr(user, name) is getattr(anew, name) for name in taken), "the slip is not used"
    return user


# What is claimed of chapters 03 and 04. Each takes the module, and sizes where a slip hides behind equal ones.


def softmax(module, **options):
    Z = symbols("z", 2, 3)
    prove(module.softmax, [formulas.softmax(row) for row in Z], Z, **options)


def log_softmax(module):
    Z = symbols("z", 2, 3)
    prove(module.log_softmax, [[z - sp.log(sum(map(sp.exp, row))) for z in row] for row in Z], Z)


def claim(name, N=2, M=3, K=5, labels=(2, 0), ignored=None, positive=False):
    """That a loss of the module has the value and the gradient of its formula."""

    def proved(module):
        arguments = symbols("z", N, K, positive=positive), list(labels), symbols("h", M, K)
        options = {} if ignored is None else {"ignore_label": ignored}
        wanted = formulas.batch(getattr(formulas, name), *arguments, ignored=ignored)
        prove(getattr(module, f"{name}_value_and_grad"), wanted, *arguments, thresholds=THRESHOLDS, **options)

    return proved


infogain = claim("infogain")
square = claim("infogain", K=3)
ignoring = claim("infogain", N=3, M=2, K=4, labels=(1, 9, 0), ignored=9)
from_probabilities = claim("infogain_from_probabilities", positive=True)
expected_distance = claim("expected_distance")
expected_distance_square = claim("expected_distance", N=3, M=4, K=3, labels=(2, 0, 1))


def squared_error(module):
    outputs, targets = symbols("o", 2, 3), symbols("t", 2, 3)
    wanted = formulas.batch(formulas.squared_error, outputs, range(2), targets)
    prove(module.squared_error_value_and_grad, wanted, outputs, targets)


def binary_cross_entropy(module):
    Z, T = symbols("z", 2, 3), symbols("t", 2, 3, positive=True)
    point = {"z": [[1, -2, 3], [-1.5, 0.5, -2.5]], "t": [[0.25, 0.5, 0.75], [0.125, 0.375, 0.875]]}
    wanted = formulas.batch(formulas.binary_cross_entropy, Z, range(2), T)
    prove(module.binary_cross_entropy_value_and_grad, wanted, Z, T, point=point, thresholds=(1,))


def floor(module):
    W = symbols("h", 2, 3, positive=True)
    wanted = [-sum(h * sp.log(h / sum(row)) for h in row) for row in W]
    prove(module.infogain_floor, wanted, W, thresholds=THRESHOLDS)


def smoothing(module):
    e, w = sp.Symbol("e", real=True), symbols("w", 3, positive=True)
    wanted = ((1 - e) * np.eye(3, dtype=int) + e / 3) * w
    prove(module.label_smoothing_matrix, wanted, 3, e, weight=w, point={"e": 0.25}, thresholds=(1,))


def from_distance(module):
    D, scale = symbols("d", 3, 3, positive=True), sp.Symbol("a", positive=True)
    np.fill_diagonal(D, 0)
    likes = [[sp.exp(-d / scale) for d in row] for row in D]
    wanted = [[like / sum(row) for like in row] for row in likes]
    prove(module.similarity_from_distance, wanted, D, scale=scale, normalize=True)


DIFFERENT = "is not the formula"
EARLY = "if p.dtype == np.float32:\n        return from_rows(p / p.sum(1, keepdims=True), Z.shape, axis)\n    p /="
BLOCK, ROWS, DISTANCE = "_infogain_block", "_infogain", "_expected_distance_block"
BINARY = "_binary_cross_entropies"
LOSSES = {
    "gradient added, not subtracted": (infogain, BLOCK, "grad -= h", "grad += h", DIFFERENT),
    "labels off by one": (infogain, ROWS, "labels[rows]]", "labels[rows] - 1]", DIFFERENT),
    "share forgotten": (infogain, ROWS, "labels[rows]] / n", "labels[rows]]", DIFFERENT),
    "row sum missing in the loss": (infogain, BLOCK, "r * np.log1p", "np.log1p", DIFFERENT),
    "row sum missing in the gradient": (infogain, BLOCK, "(r / s)", "(1 / s)", DIFFERENT),
    "weight of the maximum missing": (infogain, BLOCK, "q + h_top, 1", "q, 1", DIFFERENT),
    "weight of the maximum twice": (infogain, BLOCK, "    h[rows, top] = 0\n", "", DIFFERENT),
    "term of the maximum twice": (infogain, BLOCK, "    e[rows, top] = 0\n", "", DIFFERENT),
    "wrong index put right": (infogain, BLOCK, "grad[rows, top] =", "grad[rows, top - 1] =", DIFFERENT),
    "weights of the neighbour": (infogain, BLOCK, "(h * x).sum(1)\n", "(h[::-1] * x).sum(1)\n", DIFFERENT),
    "logits not shifted": (infogain, BLOCK, "(z, z[rows, top][:, None], out", "(z, 0, out", DIFFERENT),
    "classes taken for impossible": (infogain, BLOCK, "LOG_TINY[x.itemsize]:", "-20:", "compares with"),
    "H transposed": (square, "_batches.as_batch", "check_matrix(matrix, H)", "check_matrix(matrix, H).T", DIFFERENT),
    "ignored samples counted": (ignoring, "_batches.count_samples", "labels.size - left_out", "labels.size", DIFFERENT),
    "ignored samples not zeroed": (ignoring, "_batches.as_results", "is not None:", "is None:", DIFFERENT),
    "product for quotient": (from_probabilities, "infogain_from_probabilities_value_and_grad",
                             "np.divide(-h", "np.multiply(-h", DIFFERENT),
    "softmax along the samples": (softmax, "softmax", "p.sum(1,", "p.sum(0,", DIFFERENT),
    "early return in float32": (softmax, "softmax", "p /=", EARLY, "takes another path in float32"),
    "clamped logits": (softmax, "_batches.subtract_max", "return rows - top", "return np.maximum(rows - top, -30)",
                       "compares with"),
    "log for log1p": (log_softmax, "log_softmax", "np.log1p(", "np.log(", DIFFERENT),
    "float64 accumulator": (expected_distance, DISTANCE, "p.sum(1, keepdims=True)",
                            "p.sum(1, keepdims=True, dtype=np.float64)", "loses its formula"),
    "sizes swapped, hidden by N = K": (expected_distance_square, DISTANCE, "p.sum(1, keepdims=True)", "p.sum(1)",
                                       DIFFERENT),
    "average left out": (expected_distance, DISTANCE, "subtract(d, p, out", "subtract(d, 0 * p, out", DIFFERENT),
    "not normalised": (expected_distance, DISTANCE, "    p /= p.sum(1, keepdims=True)\n", "", DIFFERENT),
    "half missing": (squared_error, "squared_error_value_and_grad", "difference / 2", "difference", DIFFERENT),
    "wrong in float32 only": (squared_error, "_batches.subtract_targets", "difference / n\n",
                              "difference / n * (1 + (difference.dtype.itemsize == 4) / 512)\n",
                              "in float32 is not what was proved"),
    "missed on the other side": (binary_cross_entropy, BINARY, "1 - t, t)", "t, 1 - t)", DIFFERENT),
    "sign of the slope": (binary_cross_entropy, BINARY, ", doubt - missed", ", missed - doubt", DIFFERENT),
    "absolute value forgotten": (binary_cross_entropy, BINARY, "missed * np.abs(z)", "missed * z", DIFFERENT),
    "p for the smaller one": (binary_cross_entropy, BINARY, "q / (1 + q)", "1 / (1 + q)", DIFFERENT),
    "another limit": (binary_cross_entropy, BINARY, "z > 0,", "z > 0.75,", "compares with"),
    "mean over the outputs as well": (binary_cross_entropy, "_batches.as_targets", "normalization, samples, None",
                                      "normalization, outputs, None", DIFFERENT),
    "argument written to": (squared_error, "_batches.subtract_targets", "outputs - targets\n",
                            "np.subtract(outputs, targets, out=outputs)\n", "writes to its argument"),
}  # fmt: skip
SIMILARITY = {
    "weight of the label": (smoothing, "label_smoothing_matrix", "count) * w,", "count) * w[:, None],", DIFFERENT),
    "sign of the distance": (from_distance, "similarity_from_distance", "np.exp(-as", "np.exp(as", DIFFERENT),
    "columns normalised": (from_distance, "similarity_from_distance", "H.sum(1, keep", "H.sum(0, keep", DIFFERENT),
    "weights taken for logits": (floor, "infogain_floor", "np.log(H)", "H", DIFFERENT),
}  # fmt: skip


@pytest.mark.parametrize("name", SIMILARITY)
def test_slips_in_the_matrices(name):
    claim, where, right, wrong, reason = SIMILARITY[name]
    with pytest.raises(ProofError, match=reason):
        claim(variant(similarity, where, right, wrong))


@pytest.mark.parametrize("name", LOSSES)
def test_slips_in_the_losses(name):
    claim, where, right, wrong, reason = LOSSES[name]
    helper, _, where = where.rpartition(".")
    with pytest.raises((ProofError, Leak), match=reason) as refuted:
        claim(variant(losses, where, right, wrong, helper=_batches if helper else None))
    assert refuted.type is (Leak if "loses" in reason else ProofError)


CLAIMS = {slip[0]: name for name, slip in LOSSES.items()}


@pytest.mark.parametrize("claim", CLAIMS, ids=CLAIMS.values())
def test_without_a_slip_all_is_proved(claim):
    claim(variant(losses, "softmax", "p /=", "p /="))


def test_swapped_sizes_do_not_run_where_sizes_differ():
    with pytest.raises(ValueError, match="broadcast"):
        expected_distance(variant(losses, DISTANCE, "p.sum(1, keepdims=True)", "p.sum(1)"))


def test_a_clamp_passes_where_it_does_not_act():
    slip = "subtract_max", "return rows - top", "return np.maximum(rows - top, -30)"
    clamped = variant(losses, *slip, helper=_batches)
    softmax(clamped, thresholds=(-30, 30))
    with pytest.raises(ProofError, match=DIFFERENT):
        softmax(clamped, thresholds=(-30, 30), point={"z": [[0, 40, 1], [0, 2, 1]]})


# The appendix: three samples in blocks of two, near 0, far above it, and with a label that leads

EVEN, LOGITS = np.arange(10.0, 18).reshape(2, 4), np.random.default_rng(0).normal(size=(3, 4)).round(2)
SURE = np.float32([[0.002, 0.002, 0.002, 1], [1, 0.002, 0.002, 0.002]])
POINTS = {
    "even": (LOGITS, EVEN),
    "light": (LOGITS, EVEN / 1024),
    "high": (LOGITS + 400, EVEN / 8),
    "sure": (LOGITS + 12 * np.eye(4)[[0, 2, 0]], SURE),
}
FAST = {
    "gradient added, not subtracted": ("even", "fast_block", "grad -= h", "grad += h"),
    "labels off by one": ("even", "fast_infogain_rows", "take(H, y,", "take(H, 1 - y,"),
    "share forgotten": ("even", "fast_infogain_rows", "h /= n", "h /= 1"),
    "row sum missing in the loss": ("light", "fast_block", "r * log_s", "log_s"),
    "row sum missing in the gradient": ("even", "fast_block", "s), r / s", "s), 1 / s"),
    "weights of the neighbour": ("even", "fast_block", "row_products(h, x)", "row_products(h[::-1], x)"),
    "logits not shifted in the product": ("high", "fast_block", "row_products(h, x)", "row_products(h, z)"),
    "wrong limit": ("high", "fast_block", "z.max() < SAFE_LOGIT[size]", "z.max() < 310"),
    "wrong index put right": ("sure", "fast_infogain_rows", "g[doubtful] =", "g[doubtful - 1] ="),
    "wrong loss put right": ("sure", "fast_infogain_rows", "losses[start + doubtful]", "losses[doubtful]"),
    "weights of another row": ("sure", "fast_infogain_rows", "h[doubtful])", "h[doubtful - 1])"),
}


def fast_is_proved(module, point):
    """That the fast rows are the formula, with rows in doubt done by the plain block."""
    module.BLOCK_SIZE = 2 * 4
    Z, labels, H = symbols("z", 3, 4), np.array([1, 0, 1]), symbols("h", 2, 4)
    each = [loss / 3 for loss in formulas.losses(formulas.infogain, Z, labels, H)]
    _, grad = formulas.batch(formulas.infogain, Z, labels, H)
    options = {"point": dict(zip("zh", POINTS[point], strict=True)), "thresholds": THRESHOLDS}
    prove(module.fast_infogain_rows, (each, grad), Z, labels, H, 3, losses._infogain_block, **options)


@pytest.mark.parametrize("name", FAST)
def test_slips_in_the_fast_losses(name):
    point, *slip = FAST[name]
    with pytest.raises(ProofError, match="compares with" if name == "wrong limit" else DIFFERENT):
        fast_is_proved(variant(_fast_losses, *slip), point)


@pytest.mark.parametrize("point", POINTS)
def test_without_a_slip_the_fast_losses_are_proved(point):
    fast_is_proved(variant(_fast_losses, "fast_block", "grad -= h", "grad -= h"), point)


# Chapter 02: the variant's activation, the question, the formula.

x, y = sp.symbols("x y", real=True)
a, b, s = sp.symbols("a b s", positive=True)
SIGMA = 1 / (1 + sp.exp(-x))


def scaled(question):
    return lambda module: lambda x, a, b: getattr(module.scaled_tanh(a, b), question)(x)


def scaled_from_output(module):
    return lambda x, a, b: module.scaled_tanh(a, b).derivative_from_output(activations.scaled_tanh(a, b)(x))


STEEP = (a * sp.tanh(b * x)).diff(x)
ACTIVATIONS = {
    "square missing in sech²": (
        ("_Tanh", "4 * q / one_plus_squared(q)", "4 * q / (1 + q)"),
        (lambda module: module.tanh.derivative, sp.tanh(x).diff(x), x),
    ),
    "1 - y for 1 + y": (
        ("_Tanh", "(1 - y) * (1 + y)", "(1 - y) * (1 - y)"),
        (lambda module: lambda x: module.tanh.derivative_from_output(np.tanh(x)), sp.tanh(x).diff(x), x),
    ),
    "slopes swapped": (
        ("_LeakyReLU", "np.where(x > 0, x.dtype.type(1), self.slope)", "np.where(x > 0, self.slope, x.dtype.type(1))"),
        (lambda module: lambda x, s: module.leaky_relu(s).derivative(x), s, x, s),
    ),
    "derivative at the wrong argument": (
        ("_ScaledTanh", "r = decay(self.b * x)", "r = decay(x)"),
        (scaled("derivative"), STEEP, x, a, b),
    ),
    "a for b": (
        ("_ScaledTanh", "(self.b * (self.a / 2 + u / 2))", "(self.a * (self.a / 2 + u / 2))"),
        (scaled_from_output, STEEP, x, a, b),
    ),
    "half the argument": (
        ("_Logistic", "-np.tanh(x / 2)", "-np.tanh(x)"),
        (lambda module: module.logistic.second_derivative, SIGMA.diff(x, 2), x),
    ),
    "minimum for maximum": (
        ("_Softplus", "np.maximum(x, 0) + log_one_plus", "np.minimum(x, 0) + log_one_plus"),
        (lambda module: module.softplus, sp.log(1 + sp.exp(x)), x),
    ),
}


def judge(module, question, formula, *arguments):
    """Prove what the module answers, on the negative side."""
    prove(question(module), formula, *arguments, point={"x": -0.75}, thresholds=(-1, 1))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slips_in_the_activations(name):
    slip, claim = ACTIVATIONS[name]
    judge(activations, *claim)
    with pytest.raises(ProofError, match="is not the formula|lost the formula"):
        judge(variant(activations, *slip), *claim)


def with_formulas(where, right, wrong):
    """The activations, made anew with one place of one formula of their appendix changed."""
    made = variant(activations, "_Tanh", "4 * q", "4 * q")
    formulas = variant(_activation_formulas, where, right, wrong)
    vars(made).update((name, vars(formulas)[name]) for name in _activation_formulas.__all__ if name in vars(made))
    return made


def back(name, *parameters):
    """What the inverse in the module makes of the right output."""

    def question(module):
        def answer(x, *given):
            f, g = (getattr(one, name) for one in (activations, module))
            return (g(*given) if parameters else g).inverse((f(*given) if parameters else f)(x))

        return answer

    return question, x, x, *parameters


FORMULAS = {
    "square missing": (
        ("one_plus_squared", "else 1 + q * (2 + q)", "else 1 + q"),
        (lambda module: module.tanh.derivative, sp.tanh(x).diff(x), x),
    ),
    "half of artanh": (("log_odds", "near = 2 * np.arctanh", "near = np.arctanh"), back("logistic")),
    "output not added": (("softplus_inverse", "y + np.log(-np.expm1(-y))", "np.log(-np.expm1(-y))"), back("softplus")),
    "log 2 not subtracted": (("minus_log2", "y - np.log(np.full_like(y, 2))", "y - 0"), back("softplus")),
    "twice the ratio": (("scaled_artanh", "2 * (u / (a - u))", "u / (a - u)"), back("scaled_tanh", a, b)),
}
PIECES = (-1, 1, 1 / 4, 1 / 2, 3 / 4, 5 / 4)


@pytest.mark.parametrize("name", FORMULAS)
def test_slips_in_the_formulas_of_the_activations(name):
    slip, (question, formula, *arguments) = FORMULAS[name]
    options = {"point": {"x": -2 if name == "output not added" else -0.75}, "thresholds": PIECES}
    prove(question(activations), formula, *arguments, **options)
    with pytest.raises(ProofError, match="is not the formula"):
        prove(question(with_formulas(*slip)), formula, *arguments, **options)


def test_only_the_oracle_finds_a_forgotten_absolute_value():
    """exp(-2x) is as good as exp(-2|x|) on paper; in floats it overflows, and the slope is NaN."""
    forgot = with_formulas("decay", "else -np.abs(u)", "else -u")
    for side in (-0.75, 0.75):
        prove(forgot.tanh.derivative, sp.tanh(x).diff(x), x, point={"x": side})
    with np.errstate(all="ignore"):
        assert np.isnan(forgot.tanh.derivative(-1000.0))
        assert ulp_error(forgot.tanh.derivative, np.array([-1000.0])).max == np.inf
    assert ulp_error(activations.tanh.derivative, np.array([-1000.0])).max == 0
