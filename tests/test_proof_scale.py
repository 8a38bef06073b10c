"""Proofs that are too large for normal forms: `prove` takes random points, says so, and refutes as before."""
import inspect
import re
from itertools import pairwise

import formulas
import numpy as np
import pytest
import sympy as sp

from nnnotes.engine import points
from nnnotes.engine.points import Points
from nnnotes.losses import infogain_value_and_grad
from nnnotes.proof import ProofError, Undecided, prove, refute, symbols

BOUND = re.compile(r"up to probability 2\^-(\d+)")


def bits(report):
    """k, where the report says 2^-k."""
    return int(BOUND.fullmatch(report.certainty)[1])


# Infogain at K = 128


def infogain_gradient(*args):
    return infogain_value_and_grad(*args)[1]


@pytest.fixture(scope="module")
def wide():
    """Symbols for 128 classes, and the loss with its gradient."""
    Z, label, H = symbols("z", 1, 128), [1], symbols("h", 2, 128)
    return (Z, label, H), formulas.batch(formulas.infogain, Z, label, H)


@pytest.mark.parametrize("height", [0, 25])
def test_infogain_at_128_classes(wide, height, monkeypatch):
    """Logits near each other, which go the fast way; one that exceeds the others by far, which goes the plain one."""
    monkeypatch.setattr("nnnotes.losses.FAST_SIZE", 0)
    arguments, formula = wide
    draw = np.random.default_rng(1)
    point = {"z": draw.normal(size=(1, 128)).round(3), "h": draw.uniform(0.5, 2, (2, 128)).round(3)}
    point["z"][0, 77] += height
    point["h"][:, np.arange(128) != 77] *= 2.0**-height
    point = {name: values.astype(np.float32) for name, values in point.items()}
    report = prove(infogain_value_and_grad, formula, *arguments, point=point, thresholds=formulas.THRESHOLDS)
    assert bits(report) > 300 and report.sizes == {"z": (1, 128), "h": (2, 128)}
    assert repr(report).endswith(f"; {report.certainty})")
    assert re.search(rf"^ +decision +{re.escape(report.certainty)}$", str(report), re.M)
    assert f"<li>decision: {report.certainty}</li>" in report._repr_html_()


def test_wrong_label_at_48_classes():
    Z, H = symbols("z", 1, 48), symbols("h", 2, 48)
    _, gradient = formulas.batch(formulas.infogain, Z, [1], H)
    options = {"point": {"h": np.linspace(0.5, 2, 96, dtype=np.float32).reshape(2, 48)}, "engine": "points"}
    error = refute(infogain_gradient, gradient, Z, [0], H, thresholds=formulas.THRESHOLDS, **options)
    assert isinstance(error, ProofError) and error.reason.startswith("infogain_gradient is not the formula: result[0, ")


# Backpropagation through 4-6-5-3


def backpropagation(W, b, X, T, activation, slope):
    """What is under proof: the gradient of half the squared error by weights and biases."""
    Y = [X]
    for w, c in zip(W[:-1], b[:-1], strict=True):
        Y.append(activation(Y[-1] @ w.T + c))
    D = Y[-1] @ W[-1].T + b[-1] - T
    dW, db = [], []
    for w, y in zip(reversed(W), reversed(Y), strict=True):
        dW.insert(0, D.T @ y)
        db.insert(0, D.sum(axis=0))
        D = (D @ w) * slope(y)
    return [*dW, *db]


ACTIVATIONS = {
    "tanh": (sp.tanh, np.tanh, lambda y: 1 - y * y),
    "logistic": (lambda u: 1 / (1 + sp.exp(-u)), lambda u: 1 / (1 + np.exp(-u)), lambda y: y * (1 - y)),
}


@pytest.fixture(scope="module", params=ACTIVATIONS)
def network(request):
    """Symbols, the gradient for a batch of four as SymPy derives it, and the activation."""
    formula, function, slope = ACTIVATIONS[request.param]
    sizes = (4, 6, 5, 3)
    W = [symbols(f"W{k}", rows, columns) for k, (columns, rows) in enumerate(pairwise(sizes))]
    b = [symbols(f"b{k}", size) for k, size in enumerate(sizes[1:])]
    X, T, apply = symbols("X", 4, 4), symbols("T", 4, 3), np.frompyfunc(formula, 1, 1)
    error = W[2] @ apply(W[1] @ apply(W[0] @ X[0] + b[0]) + b[1]) + b[2] - T[0]
    loss = (error**2).sum() / 2
    others = [dict(zip([*X[0], *T[0]], [*X[i], *T[i]], strict=True)) for i in range(1, 4)]

    def summed(parameter):
        one = loss.diff(parameter)
        return one + sum(one.xreplace(other) for other in others)

    return (W, b, X, T), [np.frompyfunc(summed, 1, 1)(array) for array in (*W, *b)], (function, slope)


def test_backpropagation(network):
    arrays, formula, activation = network
    report = prove(backpropagation, formula, *arrays, *activation)
    assert bits(report) > 300 and report.sizes["W1"] == (5, 6)
    assert report == prove(backpropagation, formula, *arrays, *activation)
    other = prove(backpropagation, formula, *arrays, *activation, seed=1)
    assert abs(bits(other) - bits(report)) <= 30  # other points, of which one may be lost


def wrong(old, new):
    """The program with one change."""
    source = inspect.getsource(backpropagation)
    assert source.count(old) == 1
    names = {"np": np}
    exec(source.replace(old, new), names)
    return names["backpropagation"]


WRONG = {
    "sign": ("b[-1] - T", "b[-1] + T"),
    "transposed weights": ("D @ w)", "D @ w.T.reshape(w.shape))"),
    "first example only": ("D.sum(axis=0)", "D[0]"),
    "mean over the batch": ("D.T @ y", "D.T @ y / len(y)"),
    "slope forgotten": ("(D @ w) * slope(y)", "D @ w + 0 * slope(y)"),
}


@pytest.mark.parametrize("network", ["tanh"], indirect=True)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_backpropagation_is_refuted(network, name):
    arrays, formula, activation = network
    error = refute(wrong(*WRONG[name]), formula, *arrays, *activation, engine="points")
    assert isinstance(error, ProofError) and "is not the formula: result[" in error.reason
    assert {"at", "backpropagation", "formula", "difference", "branch"} <= error.rows.keys()


# Which engine, and when

X = sp.Symbol("x", real=True)
V = symbols("v", 3)
LOGSUM = sp.log(sum(map(sp.exp, V)))


def logsumexp(v):
    return v.max() + np.log(np.exp(v - v.max()).sum())


def test_engine_by_name():
    assert prove(logsumexp, LOGSUM, V).certainty == "exact"
    assert prove(logsumexp, LOGSUM, V, engine="exact").certainty == "exact"
    assert bits(prove(logsumexp, LOGSUM, V, engine="points")) > 500
    with pytest.raises(ValueError, match="engine: expected 'exact' or 'points', got 'field'"):
        prove(logsumexp, LOGSUM, V, engine="field")


def test_the_same_counterexample_from_both():
    errors = [refute(lambda v: np.log(np.exp(v).sum()) + 1, LOGSUM, V, engine=name) for name in ("exact", "points")]
    assert str(errors[0]) == str(errors[1])


def test_more_work_is_done_where_an_exact_decision_is_asked_for():
    V = symbols("v", 40)
    shares = [sp.exp(v) / sum(map(sp.exp, V)) for v in V]

    def softmax(v):
        e = np.exp(v - v.max())
        return e / e.sum()

    assert bits(prove(softmax, shares, V)) > 300
    assert prove(softmax, shares, V, engine="exact").certainty == "exact"


def test_a_coincidence_is_proved_by_neither(monkeypatch):
    def asked(*_):
        raise AssertionError("random points were asked after the exact engine had decided")

    for engine in ("points", "exact", None):
        if engine is None:
            monkeypatch.setattr(Points, "is_zero", asked)
        with pytest.raises(Undecided, match="agree at the point, but no identity is found"):
            prove(lambda x: x + (x - 1.5) ** 2, X, X, point={"x": 1.5}, engine=engine)


def test_roots_beyond_the_exact_engine():
    def long(v):
        return np.sqrt(v.sum()) ** 2 * np.prod([v.sum() + k for k in range(40)])

    V = symbols("v", 6)
    formula = sum(V) * sp.prod([sum(V) + k for k in range(40)])
    with pytest.raises(Undecided, match="random points have no square roots"):
        prove(long, formula, V, point={"v": [1, 2, 3, 4, 5, 6]})


def test_hidden_constants_are_seen_at_random_points():
    def clipped(v):
        return np.where(v - 30 > 0, 30, v)

    error = refute(clipped, V, V, engine="points")
    assert "compares with 30" in error.reason
    assert bits(prove(clipped, V, V, thresholds=(30,), engine="points")) > 500


def test_a_bound_that_says_nothing_is_no_proof(monkeypatch):
    monkeypatch.setattr(points, "Points", lambda seed: Points(seed, points=2))
    with pytest.raises(Undecided, match=r"only up to probability 2\^-4\d: use a smaller size"):
        prove(logsumexp, LOGSUM, V, engine="points")


def repeated(v):
    """The degree doubles fifty times."""
    for _ in range(50):
        v = v * v
    return v[0]


def test_degrees_beyond_every_bound():
    with pytest.raises(Undecided, match=r"only up to probability 2\^-0"):
        prove(repeated, V[0] ** (2**50), V, point={"v": [1, 1, 1]}, engine="points")


def test_seed_moves_the_points(monkeypatch):
    seeds = []
    monkeypatch.setattr(points, "Points", lambda seed: seeds.append(seed) or Points(seed))
    for seed, size in ((0, 2), (0, 2), (1, 2), (0, 3)):
        prove(lambda v: v * 2, 2 * symbols("v", size), symbols("v", size), seed=seed, engine="points")
    assert seeds[0] == seeds[1] and len(set(seeds)) == 3
