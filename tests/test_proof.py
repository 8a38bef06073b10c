"""Each guard of `prove` both ways: a right function passes, a wrong variant is refuted, and for the right reason."""
import functools
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
import sympy as sp

from nnnotes.engine import checks
from nnnotes.engine.call import Call, choose_point
from nnnotes.engine.trace import Traced, evaluate
from nnnotes.proof import Leak, Proof, ProofError, Undecided, prove, refute, symbols

X = sp.Symbol("x", real=True)
V = symbols("v", 3)
M = symbols("M", 2, 3)
SIGMA = 1 / (1 + sp.exp(-X))
LOGSUM = sp.log(sum(map(sp.exp, V)))


def logistic(x):
    return 1 / (1 + np.exp(-x))


def logsumexp(v):
    m = v.max()
    return m + np.log(np.exp(v - m).sum())


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def said(function, formula, *args, **kwargs):
    """The text of the reason why a proof fails."""
    return str(refute(function, formula, *args, **kwargs))


# what can be proved: any function, any structure


def test_report():
    report = prove(logsumexp, LOGSUM, V)
    assert isinstance(report, Proof)
    assert (report.function, report.sizes, report.certainty) == ("logsumexp", {"v": (3,)}, "exact")
    assert report.branch == "v_0 >= v_1 is True; v_0 >= v_2 is True" and not report.referee
    assert report.dtypes == ("float32", "float64")
    branch = "v_0 >= v_1 is True; v_0 >= v_2 is True"
    assert repr(report) == f"Proved: logsumexp is the formula (v (3,); {branch}; exact)"
    assert str(report) == str(prove(logsumexp, LOGSUM, V)) and "second" not in str(report)
    assert str(report).splitlines()[1:3] == ["    sizes        v (3,)", f"    branch       {branch}"]


def test_report_unfolds():
    report = prove(lambda x: np.maximum(x, 0), X, X, point={"x": 1})
    shown = report._repr_html_()
    assert shown.startswith("<details><summary><b>Proved</b>: <code>&lt;lambda&gt;</code> is the formula (number x; ")
    assert "<li>branch: x &gt;= 0 is True</li>" in shown and shown.endswith("</ul></details>")


@pytest.mark.parametrize("largest", range(3))
def test_every_choice_of_the_maximum(largest):
    report = prove(logsumexp, LOGSUM, V, point={"v": np.roll([2, 0, 1], largest)})
    assert report.branch.count(" is ") == 2


def test_reports_are_one_line():
    """However many arrays and comparisons there are; where something is left out stand three dots."""
    arrays = [symbols(f"array{k}", 2, 2) for k in range(9)]
    point = {f"array{k}": [[1, 2], [3, 4]] for k in range(9)}

    def signs(*arrays):
        return [np.where(1 / (array[0, 0] - 30 - k) > 0, 0, array) for k, array in enumerate(arrays)]

    report = prove(signs, arrays, *arrays, point=point)
    assert len(repr(report)) < 200 and "array3 (2, 2), …; " in repr(report) and "\n" not in repr(report)
    assert "array8 (2, 2)" in str(report)
    wrong = refute(lambda *arrays: arrays[0] * 2, arrays[0], *arrays)
    assert len(repr(wrong)) < 200 and ", …: 2 where the formula has 1" in repr(wrong) and "array8" in str(wrong)


def test_one_line_for_every_kind_of_failure():
    def line(*arguments, **options):
        return repr(refute(*arguments, **options))

    assert line(lambda x: -x, X, X) == "Refuted: <lambda> is not the formula. At x = 1: -1 where the formula has 1"
    wrong = line(lambda v: v * {4: 2, 8: 1}[v.dtype.itemsize], V, V)
    assert "in float32 is not what was proved: result[0] differs. At v = [" in wrong and "where the proof has" in wrong
    early = line(lambda v: v if v.dtype == object else v + 0, V, V)
    assert early.startswith("Not proved: ") and "dtype == object" in early.split("than in the proof, after ")[1]
    assert line(clipped, 2 * V, V).endswith("if that is meant, say thresholds=(-300, 300)")
    assert line(lambda x: 0.1, X, X).endswith("lost the formula: result is the plain number 0.1")
    assert refute(lambda v: v, V[:2], V)._repr_html_().startswith("<p><b>Not proved</b>: result has shape (3,)")


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, x):
        return self.factor * x

    __call__ = apply


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.exp, "exp"),
        (lambda x: np.exp(x), "<lambda>"),
        (functools.partial(lambda scale, x: scale * np.exp(x), 1), "test_any_callable.<lambda>"),
    ],
)
def test_any_callable(function, name):
    assert prove(function, sp.exp(X), X).function in (name, "<lambda>")


def test_methods_and_callable_objects():
    assert prove(Scale(2).apply, 2 * X, X).function == "Scale.apply"
    assert prove(Scale(2), 2 * X, X).function == "Scale"


def test_formula_as_array_list_matrix():
    formula = [[sp.exp(entry) / sum(map(sp.exp, row)) for entry in row] for row in M]
    for same in (formula, np.array(formula), sp.Matrix(formula), tuple(map(tuple, formula))):
        assert prove(softmax, same, M, axis=1).sizes == {"M": (2, 3)}


def test_results_in_tuples_lists_and_scalars():
    assert prove(lambda v: (v.sum(), [2 * v, v[0]]), (sum(V), [2 * V, V[0]]), V)
    assert prove(lambda x: [x, (x * x, None)][:1], [X], X)


def test_symbols_in_lists_tuples_dictionaries_and_keywords():
    def weighted(parts, *, weights):
        return sum(w * p for w, p in zip(weights["w"], parts, strict=True))

    a, b, c, d = sp.symbols("a b c d")
    assert prove(weighted, a * c + b * d, [a, b], weights={"w": (c, d)}).sizes == dict.fromkeys("abcd", ())


def test_labels_and_integers_are_handed_on():
    def picked(rows, labels):
        assert labels.dtype == np.int8
        return rows[labels]

    assert prove(picked, M[[1, 0, 1]], M, np.array([1, 0, 1], np.int8))


def test_exact_numbers_beside_symbols():
    half = np.array([V[0], sp.Rational(1, 2), 0], dtype=object)
    assert prove(lambda v: v * 2, [2 * V[0], 1, 0], half)


def test_constants_may_be_plain_numbers():
    assert prove(lambda v: np.where(v > 0, 1, 0), [1, 0, 1], V, point={"v": [1, -1, 2]})
    assert "differs" in said(lambda v: np.where(v > 0, 1, 0), [1, 1, 1], V, point={"v": [1, -1, 2]})


def test_referee_agrees():
    assert prove(logistic, SIGMA, X, referee=True).referee
    assert prove(logsumexp, LOGSUM, V, referee=True).referee


def test_referee_may_disagree(monkeypatch):
    monkeypatch.setattr(checks.Referee, "is_zero", lambda self, element: False)
    assert prove(logistic, SIGMA, X)
    with pytest.raises(Undecided):
        prove(logistic, SIGMA, X, referee=True)


def test_a_formula_that_is_read_wrongly(monkeypatch):
    """Both decisions read the formula by `evaluate`; SymPy's numerics read it too."""
    monkeypatch.setattr(checks, "evaluate", lambda *arguments: 2 * evaluate(*arguments))
    assert prove(lambda x: 2 * x, X, X)
    with pytest.raises(AssertionError, match="the engine evaluates x to .* SymPy to"):
        prove(lambda x: 2 * x, X, X, referee=True)


# the formula


def test_counterexample_is_small():
    error = refute(lambda x: x * x * x, X**2, X)
    assert isinstance(error, ProofError)
    wanted = {"at": "x = -1", "<lambda>": "-1", "formula": "1", "difference": "-2", "branch": "no comparisons"}
    assert error.rows == wanted


def test_counterexample_stays_on_the_branch():
    assert prove(lambda x: np.maximum(x, 0), X, X, point={"x": 2})  # the formula of this branch only
    assert "x = 2" in said(lambda x: abs(x) + x * (x - 1), X, X, point={"x": 3})  # at -1 it differs too, rightly


def test_counterexample_respects_assumptions():
    p = sp.Symbol("p", positive=True)
    assert "p = 1" in said(lambda p: 2 * np.log(p) + 1, sp.log(p), p)
    assert "p = 2" in said(lambda p: p * (p - 1), 0 * p, p)


def test_counterexample_with_fractions():
    wrong = said(lambda x: x * x * (x - 1) * (x + 1) * (x - 2) * (x + 2), 0 * X, X, point={"x": 0.75})
    assert "x = 1/2" in wrong


@pytest.mark.parametrize(
    "wrong",
    [
        lambda v: np.log(np.exp(v - v.max()).sum()),
        lambda v: v.max() - np.log(np.exp(v - v.max()).sum()),
        lambda v: v.max() + np.log(np.exp(v - v.max())[1:].sum()),
        lambda v: v.max() + np.log(np.exp(v - v.max()).mean()),
        lambda v: v.max(),
        lambda v: v.sum(),
    ],
)
def test_wrong_formulas_are_refuted(wrong):
    assert "is not the formula: result differs" in said(wrong, LOGSUM, V)


def test_swapped_axis_is_refuted_where_sizes_agree():
    square = symbols("S", 2, 2)
    formula = [[sp.exp(entry) / sum(map(sp.exp, row)) for entry in row] for row in square]
    assert prove(softmax, formula, square, axis=1)
    assert "result[0, 0] differs" in said(softmax, formula, square, axis=0)


def test_equal_at_the_point_only_is_undecided():
    with pytest.raises(Undecided) as caught:
        prove(lambda x: x + (x - 1.5) ** 2, X, X, point={"x": 1.5})
    assert "result of" in caught.value.__notes__[0]


def test_ties_are_undecided():
    with pytest.raises(Undecided):
        prove(logsumexp, LOGSUM, V, point={"v": [1, 1, 0]})


# structure


def test_structure_has_to_agree():
    assert "result has shape (3,), but the formula has shape (2,)" in said(lambda v: v, V[:2], V)
    assert "a tuple of 2 parts, but the formula has a single part" in said(lambda v: (v, v), sp.Integer(1), V)
    assert "a tuple of 2 parts, but the formula has 3 parts" in said(lambda v: (v, v), (V, V, V), V)
    assert "nothing that could be compared" in said(lambda v: v[:0], [], V)


def test_shape_that_depends_on_the_dtype():
    wrong = said(lambda v: v if v.dtype == object else v[:2], V, V)
    assert "takes another path" in wrong or "has shape" in wrong
    assert "result has shape" in said(lambda v: v[: {4: 2, 8: 3}[v.dtype.itemsize]], V, V)


def test_a_lost_formula_is_seen():
    assert "lost the formula: result is the plain number 0.1" in said(lambda x: 0.1, X, X)
    assert "result[1] is the plain number" in said(lambda v: [v[0], 0.1, v[2]], V, V)


def test_exact_numbers_in_the_result_are_constants():
    assert "<lambda>      3" in said(lambda x: 3, X, X)
    relu, point = [sp.Max(s, 0) for s in V], {"v": [-1, 0.5, 2]}
    for function in (lambda v: np.maximum(v, 0), lambda v: np.where(v > 0, v, 0), lambda v: [max(s, 0) for s in v]):
        assert prove(function, relu, V, point=point)
        assert "is not the formula" in said(function, [2 + s for s in relu], V, point=point)
    floor = [sp.Max(s, 3) for s in V]
    assert prove(lambda v: np.exp(64 / np.maximum(v, 3)), [sp.exp(64 / s) for s in floor], V, point=point, thresholds=3)
    assert prove(lambda v: (1 / np.maximum(v, 3)).sum(), sum(1 / s for s in floor), V, point=point, thresholds=3)
    masked = prove(lambda v: np.exp(np.where(v > 0, v, 0)).sum(), sum(map(sp.exp, relu)), V, point=point)
    assert masked.branch.count(" is ") == 3


# constants in comparisons


def clipped(v):
    return np.minimum(v, 300) + np.maximum(v, -300)


def test_constants_have_to_be_declared():
    assert "thresholds=(-300, 300)" in said(clipped, 2 * V, V)
    for declared in ((-300, 300), [300, -300.0], np.array([300, -300]), {300, Fraction(-300), 7}):
        assert prove(clipped, 2 * V, V, thresholds=declared).branch == "6 comparisons, with ±300"
    assert "compares with -300;" in said(clipped, 2 * V, V, thresholds=300)


def test_zero_need_not_be_declared():
    assert prove(lambda x: abs(x), X, X, point={"x": 1}).branch == "x >= 0 is True"


# the same path


def test_branch_on_the_dtype():
    def cheat(v):
        if v.dtype == object:
            return 2 * v
        return v + v

    error = refute(cheat, 2 * V, V)
    assert "another path in float32" in error.reason and error.rows["after"].endswith("if v.dtype == object:")


def test_branch_in_float64_only():
    assert "another path in float64" in said(lambda v: 2 * v if v.dtype == np.float64 else v + v, 2 * V, V)


def test_the_branch_of_a_small_float_range():
    """A threshold that only float32 passes: at near logits all agree, at spread ones float32 goes another way."""

    def scaled(v):
        return v + v if v.max() > {4: 80, 8: 700}[v.dtype.itemsize] else 2 * v

    assert prove(scaled, 2 * V, V, thresholds=(700,))
    assert "another path in float32" in said(scaled, 2 * V, V, thresholds=(700,), point={"v": [100, 0, 1]})


def test_a_first_call_may_fill_a_cache():
    cache = {}

    def cached(v):
        if len(v) not in cache:
            cache[len(v)] = 2
        return cache[len(v)] * v

    assert prove(cached, 2 * V, V)


# the same values


def test_a_factor_by_itemsize():
    assert prove(lambda v: v * {4: 1, 8: 1}[v.dtype.itemsize], V, V)
    assert "float32 is not what was proved: result[0]" in said(lambda v: v * {4: 2, 8: 1}[v.dtype.itemsize], V, V)
    assert "float32 is not what was proved" in said(lambda v: v * {4: 1 + 2**-14, 8: 1}[v.dtype.itemsize], V, V)


def test_a_factor_for_floats():
    assert "float32 is not what was proved" in said(lambda v: v * (1 + (v.dtype != object)), V, V)


def test_nan_in_floats():
    def poisoned(v):
        return v + {"O": 0, "f": np.nan}[v.dtype.kind]

    assert "is not what was proved" in said(poisoned, V, V)


def test_rounding_is_forgiven():
    """A sum of many terms, a large argument of exp, and results near zero round a lot, and are right."""
    many = symbols("m", 60)
    assert prove(lambda m: m.sum(), sum(many), many)
    assert prove(lambda x: np.exp(x), sp.exp(X), X, point={"x": 80})
    assert prove(lambda x: np.exp(x) - 1, sp.exp(X) - 1, X, point={"x": 2.0**-10})
    assert prove(lambda v: np.prod(v) ** 9, (V[0] * V[1] * V[2]) ** 9, V)


# arguments


def test_writing_to_an_argument():
    def spoils(v, labels=None):
        v -= v.max()
        return np.exp(v)

    wanted = [sp.exp(entry - V[0]) for entry in V]
    assert "spoils writes to its argument v" in said(spoils, wanted, V, point={"v": [3, 1, 2]})
    assert prove(lambda v: spoils(v.copy()), wanted, V, point={"v": [3, 1, 2]})


def test_writing_to_another_argument():
    def spoils(v, labels):
        labels[0] = 1
        return v

    assert "writes to its argument labels" in said(spoils, V, V, np.zeros(3, int))
    assert "writes to its argument labels" in said(spoils, V, V, [0, 2])
    assert "writes to its argument labels" in said(spoils, V, V, labels=[0, 2])


def test_writing_in_floats_only():
    def spoils(v):
        {4: v, 8: v.copy()}[v.dtype.itemsize][:1] = 0
        return v.copy()

    assert said(spoils, V, V) == "spoils writes to its argument v"


def test_writing_in_the_traced_run_only():
    def spoils(v):
        {"O": v, "f": v.copy()}[v.dtype.kind][:1] = 0
        return v.copy()

    assert said(spoils, [0, V[1], V[2]], V) == "spoils writes to its argument v"


# leaks


@pytest.mark.parametrize(
    "leaky",
    [
        lambda v: v * float(v[0]) / v[0],
        lambda v: v * (1 + 0 * int(v[0])),
        lambda v: np.array(v, dtype=np.float64),
        lambda v: np.add(v, 0, out=np.empty(3), casting="unsafe"),
        lambda v: v * 0.1,
        lambda v: v * math.pi,
        lambda v: v.astype(np.float32),
        lambda v: np.rint(v),
        lambda v: v * math.exp(v[0]),
    ],
)
def test_leaks(leaky):
    assert isinstance(refute(leaky, V, V), Leak)


def test_a_leak_cannot_be_swallowed():
    def swallows(v):
        try:
            return float(v[0]) * v
        except Exception:
            return v

    with pytest.raises(Leak) as caught:
        prove(swallows, V, V)
    assert "swallows on traced numbers" in caught.value.__notes__[0]


# questions that make no sense


Y = sp.Symbol("y")


@pytest.mark.parametrize(
    ("error", "message", "ask"),
    [
        (TypeError, "name: expected a string, got 3", lambda: symbols(3)),
        (TypeError, r"shape: expected an integer, got \(2, 3\)", lambda: symbols("x", (2, 3))),
        (TypeError, "shape: expected an integer, got 2.5", lambda: symbols("x", 2.5)),
        (TypeError, "function: expected something that can be called", lambda: prove(X, X, X)),
        (ValueError, "args: expected SymPy symbols", lambda: prove(np.exp, X, 1.0)),
        (TypeError, r"x: expected symbols .* got the expression 2\*x", lambda: prove(logistic, X, 2 * X)),
        (ValueError, "formula: expected the symbols of the arguments, x, got y", lambda: prove(np.exp, Y, X)),
        (ValueError, "got x with other assumptions: use the same symbol", lambda: prove(np.exp, sp.Symbol("x"), X)),
        (TypeError, "formula: expected SymPy expressions, got 'x'", lambda: prove(np.exp, "x", X)),
        (TypeError, "sympy.Rational", lambda: prove(np.exp, 0.1 * X, X)),
        (TypeError, "point: expected a dictionary", lambda: prove(np.exp, X, X, point=[1])),
        (ValueError, "point: expected names among x, got 'z'", lambda: prove(np.exp, X, X, point={"z": 1})),
        (ValueError, r"point\['v'\]: expected shape \(3,\), got", lambda: prove(np.exp, V, V, point={"v": [1, 2]})),
        (ValueError, "numbers that float32 holds, got nan", lambda: prove(np.exp, X, X, point={"x": math.nan})),
        (ValueError, "numbers that float32 holds, got 1e\\+40", lambda: prove(np.exp, X, X, point={"x": 1e40})),
        (ValueError, "numbers that float32 holds, got 'a'", lambda: prove(np.exp, X, X, point={"x": "a"})),
        (ValueError, "numbers that float32 holds, got None", lambda: prove(np.exp, X, X, point={"x": None})),
        (TypeError, "seed: expected an integer, got 'a'", lambda: prove(np.exp, X, X, seed="a")),
        (ValueError, "thresholds: expected finite numbers, got None", lambda: prove(np.exp, X, X, thresholds=None)),
        (ValueError, "thresholds: expected finite numbers, got nan", lambda: prove(np.exp, X, X, thresholds=math.nan)),
        (ValueError, "thresholds: expected finite numbers, got '30'", lambda: prove(np.exp, X, X, thresholds="30")),
        (TypeError, "that returns numbers, .*, got None as result", lambda: prove(lambda x: None, X, X)),
        (TypeError, "got a str as result", lambda: prove(lambda x: "x", X, X)),
        (TypeError, "got a dict as result", lambda: prove(lambda x: {"y": x}, X, X)),
        (TypeError, "got a masked array as result", lambda: prove(lambda v: np.ma.masked_less(v, 0), V, V)),
        (ValueError, "numbers that float32 holds, got 1e-50", lambda: prove(np.exp, X, X, point={"x": 1e-50})),
    ],
)
def test_misuse(error, message, ask):
    with pytest.raises(error, match=message):
        ask()


def test_a_point_has_to_fit_assumptions():
    p = sp.Symbol("p", positive=True)
    wanted = r"^point\['p'\]: expected a value that fits Symbol\('p', .*positive=True.*\), got -1.0"
    with pytest.raises(ValueError, match=wanted):
        prove(np.log, sp.log(p), p, point={"p": -1})


def test_two_symbols_of_one_name():
    with pytest.raises(ValueError, match="args: expected one symbol for each name"):
        prove(np.add, X, X, sp.Symbol("x", positive=True))


def test_errors_of_the_function_say_where():
    with pytest.raises(AttributeError) as caught:
        prove(lambda x: x.nonsense, X, X)
    assert caught.value.__notes__ == ["while nnnotes.proof ran <lambda> on traced numbers"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.where(x > 0, np.log(x), 0), "^<lambda>: log of x, which is not positive at this point. If np"),
        (lambda x: 1 / (x - x), "division by zero, identically. If np.where was .* computes both"),
        (lambda x: np.arcsin(np.array([x])), "arcsin has no exact version here; a proof can follow np.exp"),
        (scipy.special.expit, "expit has no exact version here; a proof can follow np.exp"),
    ],
)
def test_errors_say_what_to_write_instead(function, message):
    with pytest.raises((ArithmeticError, TypeError), match=message):
        prove(function, X, X, point={"x": -1})
    with pytest.raises(Leak, match="write np.where"):
        prove(lambda v: (v > 0).astype(v.dtype) * v, V, V)


def test_functions_of_numpy_itself():
    a, b = sp.symbols("a b", real=True)
    matrix = symbols("m", 2, 2)
    assert prove(np.logaddexp, sp.log(sp.exp(a) + sp.exp(b)), a, b)
    assert prove(np.fabs, abs(X), X) and prove(np.mean, sum(V) / 3, V)
    assert prove(np.linalg.inv, sp.Matrix(matrix.tolist()).inv(), matrix)


def test_the_formula_has_an_order():
    for unordered in ({X, X + 1}, {"a": X, "b": X + 1}):
        assert "the formula has a single part" in said(lambda x: (x, x + 1), unordered, X)


def test_refute_refuses_what_is_proved():
    with pytest.raises(AssertionError, match=r"nothing to refute\. Proved: exp is the formula"):
        refute(np.exp, sp.exp(X), X)


# points


def test_the_point_chooses_the_branch():
    for side, formula in ((1, X), (-1, -X)):
        assert prove(abs, formula, X, point={"x": side})
        assert "differs" in said(abs, -formula, X, point={"x": side})


def test_points_by_name_for_some():
    seen = []

    def spy(v, a):
        seen.append([v, a])
        return v * a

    a = sp.Symbol("a", real=True)
    prove(spy, V * a, V, a, point={"v": [1, 2, Fraction(1, 4)]}, seed=3)
    traced = next(entry for entry in seen if isinstance(entry[1], Traced))
    assert [float(entry.number) for entry in traced[0]] == [1, 2, 0.25]
    again, _ = len(seen), prove(spy, V * a, V, a, seed=3)
    drawn = next(entry for entry in seen[again:] if isinstance(entry[1], Traced))
    assert float(drawn[1].number) == float(traced[1].number)


def test_all_runs_start_from_the_same_numbers():
    seen = []
    prove(lambda x: seen.append(x) or x, X, X, point={"x": 0.1})
    numbers = {float(x.number) if isinstance(x, Traced) else float(x) for x in seen}
    assert numbers == {float(np.float32(0.1)), -2 * float(np.float32(0.1))}


def test_seeds_differ():
    calls = [Call(np.exp, (X,), {})] * 3
    assert len({choose_point(call, seed=seed)[X] for seed, call in enumerate(calls)}) == 3


def test_symbols():
    assert symbols("x", 2, 3).shape == (2, 3) and symbols("x", 2, 3)[1, 2] == sp.Symbol("x_1_2", real=True)
    assert symbols("a") == sp.Symbol("a", real=True)
    assert symbols("p", 1, positive=True)[0].is_positive


# the formula's own branches, and signs that are assumed


@pytest.mark.parametrize(
    ("function", "formula", "point", "constant"),
    [
        (lambda x: x, sp.Max(X, -100), 1, -100),
        (lambda x: x, sp.Piecewise((X, X < 50), (0, True)), 1, 50),
        (lambda x: x, 7 + abs(X - 7), 8, 7),
        (lambda x: 0 * x, sp.KroneckerDelta(X, 3), 1, 3),
    ],
)
def test_constants_of_the_formula_have_to_be_declared(function, formula, point, constant):
    point = {"x": point}
    assert f"the formula compares with {constant};" in said(function, formula, X, point=point)
    report = prove(function, formula, X, point=point, thresholds=(constant,))
    assert report.branch == "none in the code" and str(abs(constant)) in report.conditions["formula's branch"]


def test_the_branch_of_the_formula_is_reported():
    clipped, point = [sp.Max(s, 0) for s in V], {"v": [1, 2, 3]}
    report = prove(lambda v: v, clipped, V, point=point)
    assert report.conditions["formula's branch"] == "v_0 > 0 is True; v_1 > 0 is True; v_2 > 0 is True"
    assert "no comparisons" not in str(report) and "; formula's branch: v_0 > 0 is True; " in repr(report)
    both = prove(lambda v: np.maximum(v, 0), clipped, V, point=point)
    assert both.branch == "v_0 >= 0 is True; v_1 >= 0 is True; v_2 >= 0 is True"
    assert "formula's branch" not in prove(logsumexp, LOGSUM, V).conditions


def test_a_branch_that_only_the_formula_has():
    assert prove(lambda x: x, sp.Max(X, 0), X, point={"x": 1}).branch == "none in the code"
    wrong = refute(lambda x: x, sp.Max(X, 0), X, point={"x": -1})
    assert wrong.rows["branch"] == "none in the code" and wrong.rows["formula's branch"] == "x > 0 is False"


def test_signs_that_roots_and_logarithms_assume_are_reported():
    assert prove(lambda x: np.sqrt(x * x), X, X, point={"x": 2}).conditions["assumed"] == "x > 0"
    assert prove(lambda x: -np.sqrt(x * x), X, X, point={"x": -2}).conditions["assumed"] == "x < 0"
    assert "x > 0" in repr(prove(lambda x: 2 * np.log(x), sp.log(X * X), X, point={"x": 2}))
    assert "assumed" not in prove(lambda x: np.log(x), sp.log(X), X, point={"x": 2}).conditions
    p = sp.Symbol("p", positive=True)
    for function in (lambda p: np.sqrt(p * p), lambda p: p):
        assert prove(function, abs(p), p).conditions["assumed"] == "p positive"


def test_what_single_symbols_are_declared_to_be_is_reported():
    mixed = np.array([sp.Symbol("m_0", positive=True), sp.Symbol("m_1", real=True)], object)
    odd = sp.Symbol("k", odd=True)
    report = prove(lambda m, k: m * k, mixed * odd, mixed, odd)
    assert report.conditions["assumed"] == "m_0 positive; k nonzero odd"


def test_a_counterexample_keeps_the_assumed_signs():
    wrong = refute(lambda x: np.sqrt(x * x) * (x - 1) * (x - 2), 0 * X, X, point={"x": 5})
    assert wrong.rows["at"] == "x = 1/2"  # at -1 it differs too, but there the root is -x
    assert wrong.rows["assumed"] == "x > 0"


# constants that hide in a difference


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x - 100 < 0 else 0 * x,
        lambda x: x if x > 0 * x - 100 else 0 * x,
        lambda x: x if 2 * x - 1 < x + 99 else 0 * x,
        lambda x: x if np.exp(x) < 100 + 0 * x else 0 * x,
        lambda x: x if 100 - x > 0 else 0 * x,
        lambda x: x if x - 99 < 1 else 0 * x,
        lambda x: x if x * x + 1 < 101 else 0 * x,
        lambda x: x if np.exp(x) - 100 < 0 else 0 * x,
        lambda x: x if 100 - np.sqrt(x) > 0 * x else 0 * x,
        lambda x: x if np.sqrt(x) + x < 100 else 0 * x,
    ],
)
def test_hidden_thresholds(function):
    text = said(function, X, X, point={"x": 1})
    assert "compares with 100;" in text or "compares with -100;" in text
    assert prove(function, X, X, point={"x": 1}, thresholds=(100, -100))


def guess(z):
    e = np.exp(z)
    return z + np.maximum(0, e / e.sum() - 0.75).sum()


def clipped_norm(v):
    n = np.sqrt((v * v).sum())
    return v * (np.minimum(5 / n - 1, 0) + 1)


def clamped_growth(x):
    s = 1 / (1 + np.exp(-x))
    e = np.exp(x)
    return s * (e - np.maximum(e - 1024, 0)) / e


@pytest.mark.parametrize(
    ("function", "formula", "args", "shown"),
    [
        (guess, V, V, "of long formulas"),
        (clipped_norm, V, V, "of long formulas"),
        (clamped_growth, 1 / (1 + sp.exp(-X)), X, "1023"),
        (lambda x: np.where(x * x * (x - 30) > 0, 0, x), X, X, "x^3 - 30*x^2 > 0"),
        (lambda x: np.where(1 / (x - 30) > 0, 0, x), X, X, "1/(x - 30) > 0"),
        (lambda x: np.where(np.log(x + 31) > 0, x, 0), X, X, "log(x + 31) > 0"),
        (lambda v: np.where(v[0] > 30 * v[1] * v[1], 0, v), V, V, "v_0 > 30*v_1^2"),
        (lambda v: np.where(v.sum() > v * v[::-1] + v.sum() - 30 * v * v, v, 0), V, V, "30*"),
    ],
)
def test_comparisons_in_which_a_constant_may_hide_are_shown(function, formula, args, shown):
    point = {"v": [0.5, 1, 0.25]} if args is V else {"x": 1}
    assert shown in prove(function, formula, args, point=point).branch


def test_of_many_comparisons_each_kind_is_shown():
    many, point = symbols("u", 5), {"u": [1, 2, 3, 4, 5]}
    report = prove(lambda u: np.where(1 / (u - 30) > 0, 0, u), many, many, point=point)
    assert report.branch == "5 comparisons, with 0; 1/(u_0 - 30) > 0 is False"

    def eight(u):
        for k in range(41, 50):
            u = np.where(1 / (u[0] - k) > 0, 0, u)
        return u

    assert prove(eight, many, many, point=point).branch.endswith("1/(u_0 - 43) > 0 is False; and 6 more such")


def test_comparisons_in_which_none_can_hide_are_only_counted():
    w, b = symbols("w", 3), symbols("b")
    layer = [sp.Max(sum(w * s) + b, 0) for s in V]
    report = prove(lambda v, w, b: np.maximum(np.outer(v, w).sum(1) + b, 0), layer, V, w, b, point={"v": [1, 2, 3]})
    assert report.branch.count(" is ") in (0, 3)
    many = symbols("u", 5)
    assert prove(lambda u: u + 0 * np.maximum(u, -u).sum(), many, many).branch == "5 comparisons"
    for engine in ("exact", "points"):
        assert prove(lambda u: u + 0 * u.max(), many, many, engine=engine).branch.startswith("4 comparisons")


def test_the_constant_that_the_message_asks_for_is_accepted():
    for constant in (88.3762626647949, np.float32(88.376), 1.1, 7):
        function = functools.partial(np.minimum, constant)
        declaration = said(function, X, X, point={"x": 1}).split("thresholds=")[1].split("\n")[0]
        assert prove(function, X, X, point={"x": 1}, thresholds=eval(declaration))
    third = sp.Max(X, sp.Rational(1, 3))
    assert "thresholds=(Fraction(1, 3),)" in said(lambda x: x, third, X, point={"x": 1})
    for declared in (Fraction(1, 3), sp.Rational(1, 3)):
        assert prove(lambda x: x, third, X, point={"x": 1}, thresholds=declared)


def test_conditions_are_printed_where_they_are_few():
    report = prove(lambda x: x if x - 100 < 0 else 0 * x, X, X, point={"x": 1}, thresholds=100)
    assert report.branch == "x - 100 < 0 is True"
    assert prove(lambda v: abs(v) + 0 * v.max(), V, V, point={"v": [1, 2, 3]}).branch == "5 comparisons, with 0"


# what a function may not do behind the back of a proof


def swallowed_in_a_thread(x):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(float, x).exception()
    return x


def swallowed(x):
    try:
        float(x)
    except BaseException:  # noqa: S110
        pass
    return x


@pytest.mark.parametrize("function", [swallowed, swallowed_in_a_thread])
def test_a_leak_that_is_swallowed_counts(function):
    with pytest.raises(Leak, match=r"float\(\) of a traced number"):
        prove(function, X, X)


def test_a_leak_in_a_thread_from_before():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with pytest.raises(Leak):
            prove(lambda x: (pool.submit(float, x).exception(), x)[1], X, X)


def test_the_recorder_is_not_switched_off():
    def blind(v):
        sys.settrace(None)
        return v if v.dtype == object else -v

    with pytest.raises(RuntimeError, match="a tracer of its own"):
        prove(blind, V, V)


def test_threads_are_followed():
    def in_a_thread(function, v):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function, v).result()

    assert prove(lambda v: in_a_thread(np.exp, v), list(map(sp.exp, V)), V)
    assert "another path" in said(lambda v: in_a_thread(lambda w: w if w.dtype == object else w + 0, v), V, V)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.logical_and(1, x),
        lambda x: np.logical_or(x, 0),
        lambda x: np.logical_and.reduce(np.stack([1 + 0 * x, x])),
    ],
)
def test_truth_is_no_number(function):
    assert "lost the formula" in said(function, X, X, point={"x": 1})


def test_truth_in_floats_is_no_number():
    ones = {4: np.isfinite, 8: lambda v: [1, 1, 1]}
    call = Call(lambda v: ones[v.dtype.itemsize](v), (V,), {})
    run = checks.run_traced(call, choose_point(call))
    with pytest.raises(ProofError, match="result\\[0\\] differs"):
        checks.check_values(run, call.function(np.ones(3, np.float32)), np.float32)


def test_a_clamp_in_c_for_one_dtype():
    clips = {4: functools.partial(np.clip, a_min=-4, a_max=4), 8: np.positive}
    text = said(lambda v: clips[v.dtype.itemsize](v), V, V)
    assert "in float32 is not what was proved" in text and "proof" in text


def test_an_absolute_value_for_floats_only():
    by_kind = {"O": np.positive, "f": np.abs}
    assert "at         x = -" in said(lambda x: by_kind[np.asarray(x).dtype.kind](x), X, X, point={"x": 3})


def longer(x, options):
    options["more"] = 1
    return x


def shorter(x, options):
    options.pop("some")
    return x


@pytest.mark.parametrize("function", [longer, shorter])
def test_options_are_left_alone(function):
    assert "writes to its argument options" in said(function, X, X, {"some": 1})


def test_shapes_are_left_alone():
    def reshaped(v):
        v.resize((1, 3), refcheck=False)
        return v[0]

    assert "writes to its argument v" in said(reshaped, V, V)


def test_a_counterexample_is_shrunk_beside_comparisons_with_infinity():
    def wrong(v):
        return np.where(v > -np.inf, v * v, 0)

    assert refute(wrong, V, V).rows["at"] == "v = [-1, 0, 0]"


def test_a_path_of_float32_alone_far_from_the_point():
    limit = {4: 20, 8: np.inf}

    def returns_early_far_out(x):
        if (abs(x) > limit[x.dtype.itemsize]).any():
            return x * 0
        return x + 0

    x = symbols("x", 2)
    with pytest.raises(ProofError, match="takes another path in float32"):
        prove(returns_early_far_out, x, x, point={"x": [15, -15]})
