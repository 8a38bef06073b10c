"""Slips in shipped functions, made from their own source: the proof refutes all but one, and the oracle finds that."""

import inspect
import types

import numpy as np
import pytest
import sympy as sp
from conftest import THRESHOLDS

from nnnotes import activations, losses
from nnnotes.proof import Leak, ProofError, prove, symbols, ulp_error


def variant(module, where, right, wrong):
    """The module, executed anew from its source with one place of one definition changed."""
    source, part = inspect.getsource(module), inspect.getsource(getattr(module, where))
    assert source.count(part) == 1, f"{where} is not found in {module.__name__}"
    assert part.count(right) == 1, f"{where} has {right!r} {part.count(right)} times: a slip for this code is needed"
    changed = types.ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(source.replace(part, part.replace(right, wrong)), f"<{where}, changed>", "exec"), vars(changed))
    return changed


# What is claimed of chapter 03. Each takes the module, and sizes where a slip hides behind equal ones.


def softmax_rows(Z):
    return [[sp.exp(z) / sum(map(sp.exp, row)) for z in row] for row in Z]


def softmax(module, N=2, K=3, **options):
    Z = symbols("z", N, K)
    prove(module.softmax, softmax_rows(Z), Z, **options)


def log_softmax(module):
    Z = symbols("z", 2, 3)
    wanted = [[z - sp.log(sum(map(sp.exp, row))) for z in row] for row in Z]
    prove(module.log_softmax, wanted, Z)


def infogain(module, N=2, M=3, K=5, labels=(2, 0), certain=False, ignored=None):
    Z, W, point = symbols("z", N, K), symbols("h", M, K), {}
    if certain:
        point = {"z": np.random.default_rng(1).normal(size=(N, K)).round(2), "h": np.full((M, K), 0.002)}
        point["z"][range(N), range(N)] += 9
        point["h"][labels, range(N)] = 1
    kept = [i for i in range(N) if labels[i] != ignored]
    value, grad = 0, np.zeros((N, K), object)
    for i, p in zip(kept, softmax_rows(Z[kept]), strict=True):
        h = W[labels[i]]
        value -= sum(h * (Z[i] - sp.log(sum(map(sp.exp, Z[i]))))) / len(kept)
        grad[i] = (sum(h) * np.array(p) - h) / len(kept)
    options = {} if ignored is None else {"ignore_label": ignored}
    function = module.infogain_value_and_grad
    prove(function, (value, grad), Z, list(labels), W, point=point, thresholds=THRESHOLDS, **options)


def careful(module):
    infogain(module, certain=True)


def square(module):
    infogain(module, N=2, M=3, K=3)


def ignoring(module):
    infogain(module, N=3, M=2, K=4, labels=(1, 9, 0), ignored=9)


def from_probabilities(module):
    P, W, y = symbols("p", 2, 5, positive=True), symbols("h", 3, 5), [2, 0]
    prove(module.infogain_from_probabilities_grad, -W[y] / P / 2, P, y, W)


def floor(module):
    W = symbols("h", 2, 3, positive=True)
    wanted = [-sum(h * sp.log(h / sum(row)) for h in row) for row in W]
    prove(module.infogain_floor, wanted, W, thresholds=THRESHOLDS)


def expected_distance(module, N=2, M=3, K=5):
    Z, D, y = symbols("z", N, K), symbols("d", M, K), [2, 0, 1][:N]
    P = np.array(softmax_rows(Z))
    means = (P * D[y]).sum(1)
    formula = sum(means) / N, P * (D[y] - means[:, None]) / N
    prove(module.expected_distance_value_and_grad, formula, Z, y, D, thresholds=THRESHOLDS)


def expected_distance_square(module):
    expected_distance(module, N=3, M=4, K=3)


def squared_error(module):
    outputs, targets = symbols("o", 2, 3), symbols("t", 2, 3)
    apart = outputs - targets
    prove(module.squared_error_value_and_grad, ((apart**2).sum() / 4, apart / 2), outputs, targets)


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
EARLY = "if P.dtype == np.float32:\n        return P / _total(P, axis)\n    P /="
LOSSES = {
    "gradient added, not subtracted": (
        infogain,
        "_direct",
        "g -= h",
        "g += h",
        DIFFERENT,
    ),
    "row sum missing in the loss": (infogain, "_direct", "most = r * log_s", "most = log_s", DIFFERENT),
    "row sum missing in the gradient": (infogain, "_direct", "g *= factor[:, None]", "g /= s[:, None]", DIFFERENT),
    "weights of the neighbour": (infogain, "_direct", "np.vecdot(h, z)", "np.vecdot(h[::-1], z)", DIFFERENT),
    "labels off by one": (infogain, "_sweep", "H.take(labels, axis", "H.take(labels + 1, axis", DIFFERENT),
    "wrong index put right": (careful, "_careful", "q / s - h_top", "q / t - h_top", DIFFERENT),
    "term of the maximum twice": (careful, "_careful", "    g.put(top, 0)\n", "", DIFFERENT),
    "H transposed": (square, "_enter", "as_numbers(matrix, H, ndim=2)", "as_numbers(matrix, H, ndim=2).T", DIFFERENT),
    "ignored samples counted": (ignoring, "_divisor", "labels.size - ignored", "labels.size", DIFFERENT),
    "product for quotient": (
        from_probabilities,
        "infogain_from_probabilities_grad",
        "np.divide(-h, batch.rows + 0, out",
        "np.multiply(-h, batch.rows + 0, out",
        DIFFERENT,
    ),
    "softmax along the samples": (softmax, "softmax", "_total(P, axis)", "_total(P, 0)", DIFFERENT),
    "early return in float32": (softmax, "softmax", "P /=", EARLY, "takes another path in float32"),
    "clamped logits": (
        softmax,
        "_below_max",
        "return Z - top",
        "return np.maximum(Z - top, -30)",
        "compares with",
    ),
    "classes taken for impossible": (careful, "_careful", "g > faint", "g > -20", "compares with"),
    "log for log1p": (log_softmax, "log_softmax", "np.log1p(", "np.log(", DIFFERENT),
    "float64 accumulator": (
        expected_distance,
        "_average",
        "p.sum(1, keepdims=True)",
        "p.sum(1, keepdims=True, dtype=np.float64)",
        "loses its formula",
    ),
    "sizes swapped, hidden by N = K": (
        expected_distance_square,
        "_average",
        "p.sum(1, keepdims=True)",
        "p.sum(1)",
        DIFFERENT,
    ),
    "average left out": (expected_distance, "_average", "subtract(d, p, out", "subtract(d, 0 * p, out", DIFFERENT),
    "not normalised": (expected_distance, "_average", "    p /= p.sum(1, keepdims=True)\n", "", DIFFERENT),
    "half missing": (squared_error, "squared_error_value_and_grad", "difference / 2", "difference", DIFFERENT),
    "wrong in float32 only": (
        squared_error,
        "_difference",
        "difference / n\n",
        "difference / n * (1 + (difference.dtype.itemsize == 4) / 512)\n",
        "in float32 is not what was proved",
    ),
    "argument written to": (
        squared_error,
        "_difference",
        "outputs - targets\n",
        "np.subtract(outputs, targets, out=outputs)\n",
        "writes to its argument",
    ),
    "weight of the label": (smoothing, "label_smoothing_matrix", "count) * w,", "count) * w[:, None],", DIFFERENT),
    "sign of the distance": (from_distance, "similarity_from_distance", "np.exp(-D", "np.exp(D", DIFFERENT),
    "columns normalised": (from_distance, "similarity_from_distance", "H.sum(1, keep", "H.sum(0, keep", DIFFERENT),
    "weights taken for logits": (floor, "infogain_floor", "np.log(H)", "H", DIFFERENT),
}


@pytest.mark.parametrize("name", LOSSES)
def test_slips_in_the_losses(name):
    claim, where, right, wrong, reason = LOSSES[name]
    with pytest.raises((ProofError, Leak), match=reason) as refuted:
        claim(variant(losses, where, right, wrong))
    assert refuted.type is (Leak if "loses" in reason else ProofError)


@pytest.mark.parametrize("claim", sorted({slip[0] for slip in LOSSES.values()}, key=lambda claim: claim.__name__))
def test_without_a_slip_all_is_proved(claim):
    claim(variant(losses, "softmax", "P /=", "P /="))


def test_swapped_sizes_do_not_run_where_sizes_differ():
    with pytest.raises(ValueError, match="broadcast"):
        expected_distance(variant(losses, "_average", "p.sum(1, keepdims=True)", "p.sum(1)"))


def test_a_clamp_passes_where_it_does_not_act():
    clamped = variant(losses, "_below_max", "return Z - top", "return np.maximum(Z - top, -30)")
    softmax(clamped, thresholds=(-30, 30))
    with pytest.raises(ProofError, match=DIFFERENT):
        softmax(clamped, thresholds=(-30, 30), point={"z": [[0, 40, 1], [0, 2, 1]]})


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
        ("_over_square", "else top / (1 + e * (2 + e))", "else top / (1 + e)"),
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
        ("_ScaledTanh", "q = _decay(_scaled(self.b, x))", "q = _decay(x)"),
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
        ("_Softplus", "np.maximum(x, 0) + _log1p", "np.minimum(x, 0) + _log1p"),
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


def test_only_the_oracle_finds_a_forgotten_absolute_value():
    """exp(-2x) is as good as exp(-2|x|) on paper; in floats it overflows, and the slope is NaN."""
    forgot = variant(activations, "_decay", "else -np.abs(u)", "else -u")
    for side in (-0.75, 0.75):
        prove(forgot.tanh.derivative, sp.tanh(x).diff(x), x, point={"x": side})
    with np.errstate(all="ignore"):
        assert np.isnan(forgot.tanh.derivative(-1000.0))
        assert ulp_error(forgot.tanh.derivative, np.array([-1000.0])).max == np.inf
    assert ulp_error(activations.tanh.derivative, np.array([-1000.0])).max == 0
