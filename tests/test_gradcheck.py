"""The gradient checker: the right word for each trap, no false alarm, x untouched, and errors that hold."""
import math
import re
from functools import partial

import nbformat
import numpy as np
import pytest
from conftest import ROOT, peer
from gradcheck_traps import traps

from nnnotes.gradcheck import (
    GradientError,
    central_difference,
    check_gradient,
    check_network,
    complex_step,
    directional_derivative,
    forward_difference,
    numerical_gradient,
    numerical_jacobian,
)
from nnnotes.losses import infogain_value_and_grad
from nnnotes.networks import MLP

TRAPS = {trap.name: trap for trap in traps()}
FLAT = {"undecidable"}  # where a function does not move at all, a gradient of 0 cannot be confirmed
METHODS = ("forward", "central", "richardson", "complex")


def words(report):
    return set(np.ravel(report.verdicts).tolist())


# ---------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("name", TRAPS)
def test_traps(name):
    trap = {one.name: one for one in traps()}[name]  # anew, since some remember their calls
    kept = trap.x.tobytes()
    report = check_gradient(trap.f, trap.grad, trap.x)
    assert trap.x.tobytes() == kept
    here = np.zeros(trap.x.shape, bool)
    here[list(trap.where) if trap.where else slice(None)] = True
    extra = {"not sampled"} if trap.x.size > 1000 else FLAT if name.startswith("largest") else set()
    assert set(report.verdicts[here]) <= set(trap.truth) | (extra if trap.where is None else set())
    assert set(report.verdicts[~here]) <= set(trap.others) | extra


def smooth_function(rng):
    """A random smooth function of one number, its derivative, and whether it is for positive numbers only."""
    a, w, b = rng.normal(size=(3, 4))
    k, power, target = 10 ** rng.uniform(-1, 1), rng.uniform(-3, 5), rng.uniform()
    fast = 10 ** rng.uniform(-2, 2, 4)

    def log_sum(x):
        z = a * x + b
        return z.max() + math.log(np.exp(z - z.max()).sum())

    def slope_of_log_sum(x):
        p = np.exp(a * x + b - (a * x + b).max())
        return (a * p).sum() / p.sum()

    poly = np.polynomial.Polynomial(rng.normal(size=rng.integers(2, 8)))
    return [
        (poly, poly.deriv(), False),
        (lambda x: (a * np.sin(fast * x + b)).sum(), lambda x: (a * fast * np.cos(fast * x + b)).sum(), False),
        (lambda x: (a * np.tanh(w * x + b)).sum(), lambda x: (a * w / np.cosh(w * x + b) ** 2).sum(), False),
        (lambda x: np.exp(k * x), lambda x: k * np.exp(k * x), False),
        (lambda x: np.exp(-k * x * x), lambda x: -2 * k * x * np.exp(-k * x * x), False),
        (log_sum, slope_of_log_sum, False),
        (lambda x: 1 / (1 + k * x * x), lambda x: -2 * k * x / (1 + k * x * x) ** 2, False),
        (np.log, lambda x: 1 / x, True),
        (lambda x: x**power, lambda x: power * x ** (power - 1), True),
        (lambda x: np.logaddexp(0, x) - target * x, lambda x: 1 / (1 + np.exp(-x)) - target, False),
    ][rng.integers(10)]


def random_case(rng):
    """A smooth function with its derivative at some scale of x and of f, with or without an offset."""
    f, slope, positive = smooth_function(rng)
    x = rng.normal() * rng.choice([1, 1, 1, 0.01, 10])
    x = abs(x) if positive else x * (rng.uniform() > 0.05)
    scale, size = (10 ** rng.uniform(-end, end) if rng.uniform() < 0.5 else 1.0 for end in (6, 12))
    offset = rng.choice([0, 0, 0, 1, 1e3]) * size
    return lambda y: size * f(y / scale) + offset, size / scale * slope(x * scale / scale), x * scale


def test_random_smooth_functions():
    rng, counts, missed = np.random.default_rng(0), {}, 0
    for _ in range(10_000):
        with np.errstate(all="ignore"):
            f, slope, x = random_case(rng)
            if not math.isfinite(f(x)):
                continue
        (word,) = words(check_gradient(f, lambda _, slope=slope: slope, np.float64(x)))
        counts[word] = counts.get(word, 0) + 1
        if rng.uniform() < 0.1 and word == "agrees" and slope:
            missed += words(check_gradient(f, lambda _, slope=slope: 1.01 * slope, np.float64(x))) != {"wrong"}
    assert "wrong" not in counts and "kink" not in counts, counts
    assert counts["undecidable"] <= 0.01 * sum(counts.values()), counts
    assert missed == 0


def test_at_a_pole():
    """Beyond a pole the function is another: no slope is measured, and none called wrong."""
    for x in (np.pi / 2, -np.pi / 2, 3 * np.pi / 2):
        assert words(check_gradient(np.tan, lambda x: 1 / np.cos(x) ** 2, x)) <= {"kink", "undecidable"}


def test_a_loss_in_float32():
    """Caffe's own test of this loss takes a step of 1e-4 in float32: its gap, 0.017, is nearly the 0.02 it allows."""
    rng = np.random.default_rng(5)
    H, labels = rng.uniform(size=(5, 5)).astype(np.float32), rng.integers(5, size=10)
    logits = rng.normal(size=(10, 5)).astype(np.float32)

    def value_and_grad(z):
        return infogain_value_and_grad(z, labels, H)

    report = check_gradient(lambda z: value_and_grad(z)[0], lambda z: value_and_grad(z)[1], logits)
    assert words(report) <= {"agrees", "rounding-limited"}
    assert np.median(abs(report.numeric - report.analytic)) < 1e-5
    slip = check_gradient(lambda z: value_and_grad(z)[0], lambda z: 1.1 * value_and_grad(z)[1], logits)
    assert slip.verdict == "wrong"


def test_float32_functions():
    rng = np.random.default_rng(1)
    for _ in range(300):
        W, x = rng.normal(size=(5, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)

        def f(x, W=W):
            return np.tanh(W @ x).sum()

        def grad(x, W=W):
            return W.T @ (1 - np.tanh(W @ x) ** 2)

        assert f(x).dtype == np.float32
        assert words(check_gradient(f, grad, x)) <= {"agrees", "rounding-limited", "undecidable"}
        doubled = check_gradient(f, lambda x, grad=grad: 2 * grad(x), x)
        assert words(doubled) <= {"wrong", "undecidable"} and "wrong" in words(doubled)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (np.sqrt, 1e-12, 5e5),
        (np.log, 1e-300, 1e300),
        (np.arcsin, 1 - 1e-9, 1 / math.sqrt(2e-9 - 1e-18)),
        (lambda x: math.log(x) if x > 0 else 1 / 0, 1e-9, 1e9),
    ],
)  # fmt: skip
def test_beside_the_edge_of_a_domain(f, x, slope):
    assert words(check_gradient(f, lambda _: slope, x)) <= {"agrees", "rounding-limited"}
    assert words(check_gradient(f, lambda _: slope + 0.1 * abs(slope) + 0.1, x)) == {"wrong"}


def test_a_slope_that_is_reached_slowly_is_not_called_wrong():
    for power in (1.5, 1.9):

        def f(x, power=power):
            return x**power if x >= 0 else math.nan

        assert words(check_gradient(f, lambda _: 0.0, 0.0)) <= {"agrees", "undecidable"}


def test_an_endless_slope_is_no_slope():
    for f in (np.sqrt, np.cbrt):
        assert words(check_gradient(f, lambda _: 0.0, 0.0)) == {"kink"}


def test_slopes_on_both_sides_of_a_kink():
    report = check_gradient(lambda x: np.maximum(x, -2 * x).sum(), np.zeros_like, np.array([0.0, 1.0, -1.0]))
    assert report.verdicts.tolist() == ["kink", "wrong", "wrong"]
    assert (report.left[0], report.right[0]) == pytest.approx((-2, 1))
    assert np.isnan(report.left[1:]).all()
    outside = check_gradient(lambda x: np.abs(x).sum(), lambda x: x + 5, np.zeros(1))
    assert words(outside) == {"wrong"}  # no slope at a kink lies outside of those on its sides


def test_order_of_the_remainder():
    x = np.linspace(0.1, 1, 7)
    right, wrong = (check_gradient(lambda x: np.exp(x).sum(), lambda x, c=c: c * np.exp(x), x) for c in (1, 1.001))
    assert right.order == pytest.approx(2, abs=0.02)
    assert wrong.order == pytest.approx(1, abs=0.02)
    assert math.isnan(check_gradient(lambda x: x.sum(), np.ones_like, x).order)


# ----------------------------------------------------------------------------------------------- what f and grad take


def test_x_is_as_it_was():
    base = np.arange(1.0, 7.0)
    overlapping = np.lib.stride_tricks.as_strided(base, (4, 3), (8, 8))
    for x in (base[::2], base.reshape(2, 3).T, np.broadcast_to(base[:3], (4, 3)), overlapping):
        kept = base.tobytes()
        assert words(check_gradient(lambda x: (x**2).sum() / 2, lambda x: x, x)) == {"agrees"}
        assert base.tobytes() == kept


def test_x_is_as_it_was_after_an_error():
    x, calls = np.array([1.0, 2.0]), []

    def breaks(x):
        calls.append(x)
        if len(calls) > 20:
            x[:] = 7
            raise TypeError("broken")
        return (x**2).sum()

    with pytest.raises(TypeError, match="broken"):
        check_gradient(breaks, lambda x: 2 * x, x)
    assert x.tolist() == [1, 2]


def test_dicts_lists_and_names():
    x = {"W": np.ones((2, 3)), "rest": [np.ones(2), 1.5]}

    def f(x):
        return (x["W"] ** 2).sum() + x["rest"][0] @ x["rest"][0] * x["rest"][1]

    def grad(x):
        W = 2 * x["W"]
        W[1, 2] += 1
        return {"W": W, "rest": [2 * x["rest"][0] * x["rest"][1], x["rest"][0] @ x["rest"][0]]}

    report = check_gradient(f, grad, x)
    assert report.worst == "W[1, 2]"
    assert report.verdicts["W"].tolist() == [["agrees"] * 3, ["agrees", "agrees", "wrong"]]
    assert report.verdicts["rest"][0].shape == (2,)
    assert report.numeric["rest"][1] == pytest.approx(2)
    assert check_gradient(f, lambda x: dict(reversed(grad(x).items())), x).counts == report.counts


def test_a_number_and_a_list():
    assert words(check_gradient(lambda x: x**3, lambda x: 3 * x**2, 2)) == {"agrees"}
    assert words(check_gradient(lambda x: x @ x, lambda x: 2 * x, [1, 2])) == {"agrees"}


def test_given_names():
    report = check_gradient(lambda x: x @ x, lambda x: x, np.ones(2), names=["left", "right"])
    assert report.worst in ("left", "right")
    with pytest.raises(ValueError, match="names: expected 2 names"):
        check_gradient(lambda x: x @ x, lambda x: x, np.ones(2), names=["one"])


def test_torch_tensors():
    torch = peer("torch")
    for dtype in (torch.float32, torch.float64):
        x = torch.linspace(-1, 2, 6, dtype=dtype).reshape(2, 3).requires_grad_()

        def f(x):
            return torch.tanh(x).sum()

        def grad(x):
            return torch.autograd.grad(f(x), x)

        assert words(check_gradient(f, grad, x)) == {"agrees"}
        assert words(check_gradient(f, lambda x, grad=grad: grad(x)[0] * 2, {"x": x}["x"])) == {"wrong"}
        assert numerical_gradient(f, x).value.shape == (2, 3)


def test_jax_arrays():
    jax = peer("jax")
    x = {"a": jax.numpy.linspace(0.5, 2.0, 4), "b": jax.numpy.ones((2, 2))}

    def f(x):
        return jax.numpy.log(x["a"]).sum() * x["b"].sum()

    assert set.union(*map(set, (np.ravel(part) for part in check_gradient(f, jax.grad(f), x).verdicts.values()))) <= {
        "agrees", "rounding-limited"
    }  # fmt: skip
    wrong = check_gradient(f, lambda x: jax.tree_util.tree_map(lambda g: -g, jax.grad(f)(x)), x)
    assert wrong.verdict == "wrong" and wrong.quotient == pytest.approx(-1, rel=1e-3)


def test_a_loop_that_never_copies():
    def f(w):
        return (w**2).sum()

    def loop(w, eps=1e-4):
        grad = np.zeros_like(w)
        for i in range(len(w)):
            w_minus = w
            w_minus[i] -= eps
            w_plus = w
            w_plus[i] += eps
            grad[i] = (f(w_plus) - f(w_minus)) / (2 * eps)
        return grad

    report = check_gradient(f, loop, np.array([0.3, 0.7]))
    assert report.verdict == "changes its input" and report.writes == "grad"
    with pytest.raises(GradientError, match=r"x\.copy\(\)"):
        report.raise_if_wrong()


# ------------------------------------------------------------------------------------------------------------ reports


def test_quotients_and_advice():
    x = np.arange(1.0, 5.0).reshape(2, 2)
    M = np.array([[1.0, 2.0], [3.0, 5.0]])

    def f(x):
        return (M * x**2).sum() / 2

    doubled = check_gradient(f, lambda x: 2 * M * x, x)
    assert doubled.quotient == pytest.approx(2) and "counted twice" in str(doubled)
    assert "the sign" in str(check_gradient(f, lambda x: -M * x, x))
    assert "transposed" in str(check_gradient(f, lambda x: (M * x).T, x))
    assert check_gradient(f, lambda x: M * x, x).advice == []


def test_raise_if_wrong():
    x = np.ones(3)
    right = check_gradient(lambda x: x @ x, lambda x: 2 * x, x)
    assert right.raise_if_wrong() is right
    with pytest.raises(AssertionError, match=r"x\[0\]: wrong"):
        check_gradient(lambda x: x @ x, lambda x: x, x).raise_if_wrong()


def test_a_report_for_a_notebook():
    html = check_gradient(lambda x: x @ x, lambda x: x, {"<b>": np.ones(2)}["<b>"])._repr_html_()
    assert "<img alt=" in html and "<table>" in html and "wrong" in html
    assert "<b>[0]" not in check_gradient(lambda d: d["<b>"] @ d["<b>"], dict, {"<b>": np.ones(2)})._repr_html_()


def test_many_coordinates():
    rng = np.random.default_rng(2)
    x, a = rng.normal(size=20_000), rng.uniform(0.5, 2, 20_000)

    def f(x):
        return np.tanh(a * x).sum()

    def grad(x):
        return a / np.cosh(a * x) ** 2

    for trial in range(20):
        assert check_gradient(f, grad, x, seed=trial).verdict == "agrees"
        place = int(rng.integers(len(x)))

        def slip(x, place=place):
            g = grad(x)
            g[place] *= 2
            return g

        report = check_gradient(f, slip, x, seed=trial)
        assert report.verdicts[place] == "wrong" and report.worst == f"x[{place}]"
    right = check_gradient(f, grad, x)
    assert 0 < right.detectable < 1e-4 and right.counts["not sampled"] == 19_980


def test_samples():
    x = {"W": np.ones(50), "b": np.ones(3)}
    report = check_gradient(lambda x: x["W"] @ x["W"] + x["b"].sum() ** 2, lambda x: {
        "W": 2 * x["W"], "b": 2 * x["b"].sum() + 0 * x["b"]}, x, samples=5)  # fmt: skip
    assert report.counts == {"agrees": 8, "not sampled": 45}
    with pytest.raises(ValueError, match="samples: expected a positive integer"):
        check_gradient(lambda x: x @ x, lambda x: x, np.ones(2), samples=0)


def test_an_interrupted_check_keeps_what_it_found():
    def interrupted(places):
        for count, place in enumerate(places):
            if count == 3:
                raise KeyboardInterrupt
            yield place

    report = check_gradient(lambda x: x @ x, lambda x: 2 * x, np.ones(9), progress=interrupted)
    assert report.counts == {"agrees": 3, "not sampled": 6}
    assert "interrupted" in str(report)


# ---------------------------------------------------------------------------------------- derivatives and their errors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_errors_hold(method, dtype):
    rng = np.random.default_rng(3)
    for _ in range(100):
        W, x = rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=4).astype(dtype)

        def f(x, W=W):
            return np.exp(np.sin(W @ x)).sum()

        exact = x.astype(np.longdouble)
        z = W.astype(np.longdouble) @ exact
        true = W.astype(np.longdouble).T @ (np.exp(np.sin(z)) * np.cos(z))
        value, error = numerical_gradient(f, x, method=method)
        slack = 1e-13 if method == "complex" else 1e4 * np.finfo(dtype).eps  # more than one rounding in f
        assert (abs(value - true) <= 3 * error + slack).all()
        assert np.median(error) < {"forward": 1e-1, "central": 1e-1, "richardson": 1, "complex": 1e-13}[method]


@pytest.mark.parametrize("method", METHODS)
def test_jacobian_and_direction(method):
    def f(x):
        return np.stack([x[0, 0] * x[1, 1], np.exp(x[0, 1]), x[1, 0] ** 2])

    x = np.array([[1.0, 0.5], [2.0, 3.0]])
    true = np.zeros((3, 2, 2))
    true[0, 0, 0], true[0, 1, 1], true[1, 0, 1], true[2, 1, 0] = 3, 1, np.exp(0.5), 4
    found = numerical_jacobian(f, x, method=method)
    assert found.value.shape == found.error.shape == (3, 2, 2)
    np.testing.assert_allclose(found.value, true, rtol=1e-6, atol=1e-6)
    v = np.array([[1.0, -1.0], [0.5, 2.0]])
    along = directional_derivative(f, x, v, method=method)
    np.testing.assert_allclose(along.value, (true * v).sum((1, 2)), rtol=1e-6)


def test_steps():
    coarse = numerical_gradient(lambda x: (x**3).sum(), np.array([2.0]), step=0.1)
    fine = numerical_gradient(lambda x: (x**3).sum(), np.array([2.0]), step=1e-4)
    assert abs(coarse.value - 12) > 1e4 * abs(fine.value - 12)
    with pytest.raises(ValueError, match="step: expected a positive finite number"):
        numerical_gradient(np.sum, np.ones(2), step=0)


NOT_ANALYTIC = {
    "abs": lambda x: np.exp(np.abs(x)).sum(),
    "max": lambda x: np.maximum(x, 0).sum() + (x**2).sum(),  # at a kink
    "comparison": lambda x: (x**2 * (abs(x) > 0)).sum() + np.abs(x[0]),
    "real part": lambda x: (np.real(x) * x).sum(),
    "conjugate": lambda x: (np.conj(x) * x).sum(),
    "float": lambda x: float(np.real((x**2).sum())),
}


@pytest.mark.parametrize("kind", NOT_ANALYTIC)
def test_the_complex_step_refuses(kind):
    x = np.array([0.7, 0.0, -0.4])
    with pytest.raises(ValueError, match="write method='central'"):
        numerical_gradient(NOT_ANALYTIC[kind], x, method="complex")


# ------------------------------------------------------------------------------------------------------------ arguments


def square(x):
    return x @ x


def itself(x):
    return x


ones = np.ones(3)
ERRORS = [
    (check_gradient, (itself, itself, ones), r"f\(x\): expected a single real number, got shape \(3,\)"),
    (check_gradient, (itself, itself, ones), "use numerical_jacobian"),
    (check_gradient, (square, lambda x: x[:2], ones), r"grad\(x\): expected the shape of x, \(3,\), got shape \(2,\)"),
    (check_gradient, (lambda x: np.nan, itself, ones), r"f\(x\): expected a finite number, got nan"),
    (check_gradient, (square, itself, np.array([1, np.nan])), "x: expected finite numbers"),
    (check_gradient, (square, itself, ones.astype(np.float16)), "x: expected float32, float64.*float16"),
    (check_gradient, (lambda x: 1.0, itself, []), "x: expected at least one number"),
    (check_gradient, (lambda d: 1.0, lambda d: {"b": 1.0}, {"a": 1.0}), r"grad\(x\): expected the keys of x"),
    (check_gradient, (lambda x: 1j * x, itself, 1.0), "single real number, got complex"),
    (check_gradient, (square, ones, ones), "grad: expected a function of x, got a ndarray: write lambda x: grad"),
    (check_gradient, (2.0, itself, ones), "f: expected a function of x"),
    (partial(check_gradient, seed="a"), (square, itself, ones), "seed: expected"),
    (partial(check_gradient, progress=3), (square, itself, ones), "progress: expected a function"),
    (forward_difference, (square, ones, ones, 0.0), "h: expected a positive finite number"),
    (central_difference, (square, ones, ones, np.nan), "h: expected a positive finite number"),
    (complex_step, (square, ones, ones, -1.0), "h: expected a positive finite number"),
    (numerical_jacobian, (lambda d: d["a"], {"a": ones}), "x: expected one array, got a dict"),
    (check_network, (3, ones[None], ones[None], square), "net: expected an MLP, got an int"),
    (check_network, (MLP([3, 2], rng=0), ones[None], ones[None], 3), "loss: expected a function of"),
    (numerical_gradient, (itself, ones), "write numerical_jacobian"),
    (partial(numerical_gradient, method="newton"), (np.sum, ones), "method: expected 'forward' or 'central'"),
    (numerical_gradient, (lambda x: np.log(x).sum(), 0 * ones), "f: expected finite numbers around x"),
    (directional_derivative, (np.sum, ones, 0 * ones), "v: expected a direction"),
    (directional_derivative, (np.sum, ones, ones[:2]), "v: expected the shape of x"),
]


@pytest.mark.parametrize(("call", "arguments", "message"), ERRORS)
def test_errors_name_the_argument(call, arguments, message):
    with np.errstate(all="ignore"), pytest.raises((ValueError, TypeError), match=message):
        call(*arguments)


def test_a_gradient_that_is_not_finite_is_wrong():
    report = check_gradient(lambda x: x @ x, lambda x: np.array([np.nan, np.inf, 2.0]), np.ones(3))
    assert report.verdicts.tolist() == ["wrong", "wrong", "agrees"]


def table_rows(text):
    """The cells of the rows of a Markdown table."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_table_of_the_chapter_is_that_of_the_benchmarks():
    cells = nbformat.read(ROOT / "nbs/06_gradcheck.ipynb", 4).cells
    heads, _, *rows = table_rows(next(cell.source for cell in cells if "## Other checkers" in cell.source))
    measured = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8").partition("gradcheck_traps.py: begin")[2]
    columns, _, *known = table_rows(measured)
    known = {row[0]: dict(zip(columns, row, strict=True)) for row in known if len(row) == len(columns)}
    assert len(rows) > 15
    assert [row for row in rows if row[1:] != [known[row[0]][head] for head in heads[1:]]] == []
