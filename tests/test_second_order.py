"""Newton, Gauss-Newton, Levenberg-Marquardt, L-BFGS: against SciPy and PyTorch; batches; singular and not finite."""
import signal
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import sympy as sp
from conftest import peer

from nnnotes import _second_order
from nnnotes._network_type import split
from nnnotes._second_order import parameter_jacobian
from nnnotes.activations import identity, leaky_relu, logistic, relu, scaled_tanh, softplus, tanh
from nnnotes.losses import squared_error_value_and_grad
from nnnotes.networks import MLP, Replicas
from nnnotes.optimizers import (
    gauss_newton_step,
    input_residuals,
    levenberg_marquardt,
    levenberg_marquardt_step,
    minimize_lbfgs,
    network_residuals,
    newton_step,
)
from nnnotes.proof import ProofError, prove, symbols

SEGMENTS = "1111110 0110000 1101101 1111001 0110011 1011011 1011111 1110000 1111111 1111011"
T = np.array([[2.0 * int(one) - 1 for one in row] for row in SEGMENTS.split()])
X = np.array([[2.0 * (n >> bit & 1) - 1 for bit in (3, 2, 1, 0)] for n in range(10)])
SHAPES = [(2, 5), (5, 2), (3, 3)]
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = pytest.mark.parametrize("shape", SHAPES)


def random_problem(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape[:-1]), rng.normal(size=shape)


def squares(x):
    """Residuals x² - 2, each unknown for itself."""
    return x**2 - 2, 2 * x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


# One step


@shapes
@pytest.mark.parametrize("damping", [1e-3, 1.0, 1e3])
def test_damped_step_is_the_solution_of_the_damped_least_squares_problem(shape, damping):
    """Appended rows sqrt(m) I, as SciPy's documentation has it; whatever the shape."""
    r, J = random_problem(*shape)
    rows, right = np.vstack([J, np.sqrt(damping) * np.eye(shape[1])]), np.concatenate([-r, np.zeros(shape[1])])
    wanted = np.linalg.lstsq(rows, right, rcond=None)[0]
    np.testing.assert_allclose(levenberg_marquardt_step(r, J, damping), wanted, rtol=1e-10, atol=1e-13)


@shapes
def test_little_damping_is_gauss_newton_and_much_is_gradient_descent(shape):
    r, J = random_problem(*shape)
    np.testing.assert_allclose(levenberg_marquardt_step(r, J, 1e-11), gauss_newton_step(r, J), rtol=1e-6)
    np.testing.assert_allclose(1e9 * levenberg_marquardt_step(r, J, 1e9), -J.T @ r, rtol=1e-6)


@shapes
@pytest.mark.parametrize("step", [gauss_newton_step, partial(levenberg_marquardt_step, damping=0.5)])
def test_many_problems_are_each_alone(shape, step):
    r, J = random_problem(4, 3, *shape)
    got = step(r, J)
    for place in np.ndindex(4, 3):
        np.testing.assert_allclose(got[place], step(r[place], J[place]), rtol=1e-12)


def test_each_problem_has_its_damping():
    r, J = random_problem(3, 2, 4)
    damping = np.array([0.1, 1, 10])
    got = levenberg_marquardt_step(r, J, damping)
    for n in range(3):
        np.testing.assert_allclose(got[n], levenberg_marquardt_step(r[n], J[n], damping[n]), rtol=1e-12)


def test_gauss_newton_takes_the_shortest_step_of_a_singular_problem():
    J = np.array([[1.0, 1, 0], [2, 2, 0]])
    np.testing.assert_allclose(gauss_newton_step([1.0, 2], J), [-0.5, -0.5, 0], atol=1e-14)
    assert (gauss_newton_step([1.0], [[0.0]]) == 0).all()


def test_newton_finds_the_minimum_of_a_quadratic_in_one_step():
    rng = np.random.default_rng(0)
    H, lowest = rng.normal(size=(5, 3, 3)), rng.normal(size=(5, 3))
    H = H @ H.swapaxes(1, 2)
    step = newton_step((H @ -lowest[..., None])[..., 0], H)
    np.testing.assert_allclose(step, lowest, rtol=1e-9)


@pytest.mark.parametrize("b", [0.5, 2 / 3, 2.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_newton_on_the_wrong_tail_walks_further_in(b, side):
    x = side * 10 / b
    f, slope = np.tanh(b * x), b / np.cosh(b * x) ** 2
    bend = -2 * b * f * slope
    step = newton_step([(f + side) * slope], [[slope**2 + (f + side) * bend]])  # the target is -side
    np.testing.assert_allclose(step, side / (2 * b), rtol=1e-6)
    assert abs(gauss_newton_step([f + side], [[slope]])[0]) > 1e6
    assert abs(levenberg_marquardt_step([f + side], [[slope]], 0.1)[0]) < 1e-6


@dtypes
def test_steps_keep_the_dtype(dtype):
    r, J = (array.astype(dtype) for array in random_problem(3, 2, 4))
    assert levenberg_marquardt_step(r, J, 0.1).dtype == gauss_newton_step(r, J).dtype == dtype
    assert newton_step(r, np.tile(np.eye(2, dtype=dtype), (3, 1, 1))).dtype == dtype


@pytest.mark.parametrize(("call", "message"), [
    (lambda: newton_step([1.0], [[0.0]]), "hessian: expected an invertible matrix"),
    (lambda: newton_step([1.0, 2.0], [[1.0]]), "hessian: expected shape \\(2, 2\\)"),
    (lambda: newton_step(1.0, 1.0), "gradient: expected shape \\(..., P\\), with at least one"),
    (lambda: newton_step(1.0, [[1.0]]), "gradient: expected shape"),
    (lambda: newton_step(np.ones((3, 0)), np.ones((3, 0, 0))), "gradient: expected shape"),
    (lambda: newton_step([np.nan], [[1.0]]), "gradient: expected finite"),
    (lambda: gauss_newton_step([1.0, 2.0], [[1.0, 2, 3]]), "jacobian: expected shape \\(2, P\\)"),
    (lambda: gauss_newton_step([1.0, 2.0], np.ones((3, 2))), "write its transpose"),
    (lambda: gauss_newton_step([np.inf], [[1.0]]), "residuals: expected finite"),
    (lambda: gauss_newton_step(1.0, [[1.0]]), "residuals: expected shape"),
    (lambda: newton_step([1e300], [[1e-300]]), "hessian: expected slopes .* float64, got a step with -inf"),
    (lambda: newton_step(np.float32([1e30]), np.float32([[1e-30]])), "hessian: expected slopes .* finite in float32"),
    (lambda: gauss_newton_step([1e300], [[1e-300]]), "jacobian: expected slopes large enough"),
    (lambda: gauss_newton_step(np.float32([1e30]), np.float32([[1e-30]])), "jacobian: expected slopes large enough"),
    (lambda: levenberg_marquardt_step([1.0], [[1.0]], 0), "damping: expected positive"),
    (lambda: levenberg_marquardt_step([1.0], [[1.0]], [-1.0]), "damping: expected positive"),
    (lambda: levenberg_marquardt_step([1.0], [[1.0]], [1.0, 2.0]), "damping: expected a single number"),
    (lambda: levenberg_marquardt_step([1.0], [[np.nan]], 1), "jacobian: expected finite"),
    (lambda: levenberg_marquardt_step([1.0, 1], [[1.0, 1], [1, 1]], 1e-300), "damping: expected numbers large enough"),
    (lambda: levenberg_marquardt_step(np.ones((2, 1)), [[[0.0, 1]], [[1e-200, 0]]], [1, 1e-323]), "1e-323 at \\[1\\]"),
    (lambda: levenberg_marquardt_step([1e200], [[1e200]], 1), "jacobian: expected slopes whose squares are finite"),
    (lambda: levenberg_marquardt_step([1.0] * 2, np.full((2, 3), 1e200), 1), "jacobian: expected slopes whose squares"),
    (lambda: levenberg_marquardt_step([1.0], [[1e200]], 1), "jacobian: expected slopes whose squares"),
    (lambda: levenberg_marquardt_step([1e250], [[1e100]], 1), "residuals: expected numbers whose products with slopes"),
    (lambda: levenberg_marquardt_step(np.float32([1]), np.float32([[1e30]]), 1), "jacobian: .* finite in float32"),
])  # fmt: skip
def test_wrong_arguments_of_steps_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The Jacobian of a network


@pytest.mark.parametrize("sizes", [(3, 5, 4, 2), (3, 3, 3, 2)], ids=str)  # square: a matrix, or its transpose?
@pytest.mark.parametrize("f", [tanh, scaled_tanh(), logistic, softplus, relu, leaky_relu(0.25), identity], ids=str)
def test_jacobians_are_those_of_pytorch(f, sizes):
    torch = peer("torch")
    net = MLP(sizes, f, rng=0)
    inputs, targets = random_problem(6, 3)[1], random_problem(6, 2)[1]
    functional = {
        "tanh": torch.tanh, "logistic": torch.sigmoid, "relu": torch.relu, "identity": lambda z: z,
        "softplus": torch.nn.functional.softplus, "leaky_relu(slope=0.25)": lambda z: torch.where(z > 0, z, z / 4),
    }.get(str(f), lambda z: 1.7159 * torch.tanh(2 / 3 * z))  # fmt: skip

    def residuals(p, X):
        start = 0
        for D, K in pairwise(sizes):
            W, b = p[start : start + D * K].reshape(D, K), p[start + D * K : start + (D + 1) * K]
            X, start = functional(X @ W + b), start + (D + 1) * K
        return (X - torch.tensor(targets)).reshape(-1)

    p, A = torch.tensor(net.parameters), torch.tensor(inputs)
    r, J = network_residuals(net, inputs, targets)(net.parameters)
    np.testing.assert_allclose(r, residuals(p, A).numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(J, torch.func.jacrev(residuals, 0)(p, A).numpy(), rtol=1e-10, atol=1e-13)
    by_inputs = torch.func.jacrev(residuals, 1)(p, A).reshape(6, 2, 6, 3).numpy()
    got = input_residuals(net, targets)(inputs)
    np.testing.assert_allclose(got[0].ravel(), r, rtol=1e-12)
    np.testing.assert_allclose(got[1], by_inputs[np.arange(6), :, np.arange(6)], rtol=1e-10, atol=1e-13)


@dtypes
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("sizes", [(4, 6, 2), (4, 4, 4, 2)], ids=str)
def test_rows_of_jacobians_are_gradients_by_backpropagation(dtype, own, sizes):
    """Of each replica, with shared inputs and targets or with its own."""
    R, N = 3, 5
    nets = Replicas(sizes, rng=0, count=R, dtype=dtype)
    inputs, targets = random_problem(N, 4, *[R] * own)[1], random_problem(N, 2, *[R] * own)[1]
    r, J = network_residuals(nets, inputs, targets)(nets.parameters.T)
    assert r.dtype == J.dtype == dtype and J.shape == (R, N * 2, nets.parameters.shape[0])
    for n in range(R):
        mine = [array[..., n] if own else array for array in (inputs, targets)]
        np.testing.assert_allclose(r[n], (nets[n].forward(mine[0]) - mine[1]).ravel(), rtol=1e-5, atol=1e-6)
        for row, unit in enumerate(np.eye(N * 2)):
            gradient = nets[n].backward(mine[0], unit.reshape(N, 2))[0]
            np.testing.assert_allclose(J[n, row], gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (3, 3, 2)], ids=str)
def test_inputs_of_replicas_belong_to_their_networks(sizes):
    nets, inputs = Replicas(sizes, rng=0, count=5), random_problem(5, 3)[1]
    for targets in (random_problem(5, 2)[1], np.ones(2)):
        r, J = input_residuals(nets, targets)(inputs)
        for n in range(5):
            target = targets[n] if targets.ndim == 2 else targets
            alone = input_residuals(nets[n], target)(inputs[n])
            np.testing.assert_allclose(r[n], alone[0], rtol=1e-12)
            np.testing.assert_allclose(J[n], alone[1], rtol=1e-12)


def test_inputs_of_any_leading_shape():
    net, inputs, targets = MLP([3, 4, 2], rng=0), random_problem(5, 6, 3)[1], random_problem(5, 6, 2)[1]
    function = input_residuals(net, targets)
    r, J = function(inputs)
    assert r.shape == (5, 6, 2) and J.shape == (5, 6, 2, 3)
    alone = input_residuals(net, targets[4, 2])(inputs[4, 2])
    np.testing.assert_allclose(r[4, 2], alone[0], rtol=1e-12)
    np.testing.assert_allclose(J[4, 2], alone[1], rtol=1e-12)
    net.parameters[:] = 0  # the function has copied them
    np.testing.assert_array_equal(function(inputs)[0], r)


def test_what_overflows_is_not_finite_and_no_error():
    net = MLP([2, 3, 1], rng=0)
    function = network_residuals(net, [[1.0, -1.0]], [[0.0]])
    r, J = function(np.full(net.parameters.shape, 1e308) * [[1], [1e-300]])
    assert not np.isfinite(r[0]).all() and np.isfinite(r[1]).all() and np.isfinite(J[1]).all()
    nothing = network_residuals(MLP([2, 2, 1], tanh, rng=0), [[1.0, 1]], [[0.0]])
    huge = np.array([1e308, 1e308, -1e308, -1e308, 0, 0, 1, 1, 0])  # sums of infinity and -infinity
    assert np.isfinite(nothing(huge)[0]).all()  # tanh(inf) = 1
    unknown = network_residuals(MLP([2, 2, 1, 1], identity, rng=0), [[1.0, 1]], [[0.0]])
    assert np.isnan(unknown(np.array([1e308, -1e308, 1e308, -1e308, 0, 0, 1, 1, 0, 1, 0]))[0]).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda net: network_residuals(net, X, T[:, :3]), "target: expected the shape of the outputs, \\(10, 7\\)"),
    (lambda net: network_residuals(net, X.T, T), "X: expected shape"),
    (lambda net: network_residuals(net, X, np.where(T > 0, np.nan, T)), "target: expected finite"),
    (lambda net: network_residuals(net, X, T)(net.parameters[:-1]), "parameters: expected shape \\(..., 247\\)"),
    (lambda net: network_residuals(Replicas([4, 7], rng=0, count=2), X, T)(np.ones((35, 2))), "write parameters.T"),
    (lambda net: network_residuals(Replicas([4, 7], rng=0, count=2), X, T[:, :, None] + [0, 1])(np.ones((3, 35))),
     "parameters: expected shape \\(2, 35\\)"),
    (lambda net: input_residuals(net, T[:, :3]), "target: expected shape \\(..., 7\\)"),
    (lambda net: input_residuals(net, T)(X[:3]), "X: expected shape \\(10, 4\\)"),
    (lambda net: input_residuals(net, T[0])(X.T), "X: expected shape \\(..., 4\\)"),
    (lambda net: input_residuals(net.with_parameters(net.parameters * np.nan), T), "parameters: expected finite"),
    (lambda net: input_residuals(Replicas([4, 7], rng=0, count=2), T), "target: expected shape \\(2, 7\\)"),
])  # fmt: skip
def test_wrong_arguments_of_residuals_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(MLP([4, 20, 7], tanh, rng=0))


@pytest.mark.parametrize("make", [lambda net: network_residuals(net, X, T), lambda net: input_residuals(net, T)])
@pytest.mark.parametrize(("net", "got"), [(None, "None"), (MLP, "the class MLP"), ([4, 7], "a list")])
def test_what_is_no_network_is_named(make, net, got):
    with pytest.raises(TypeError, match=f"net: expected an MLP or Replicas, got {got}"):
        make(net)


def derived(X, p, T, sizes):
    """Residuals as the definition has them, and their derivatives."""
    Y, start = X, 0
    for D, K in zip(sizes, sizes[1:], strict=False):
        W, b = p[start : start + D * K].reshape(D, K), p[start + D * K : start + (D + 1) * K]
        Y, start = np.frompyfunc(sp.tanh, 1, 1)(Y @ W + b), start + (D + 1) * K
    r = (Y - T).ravel()
    return r, np.array([[one.diff(symbol) for symbol in p] for one in r])


def prove_jacobian(N, sizes):
    net = MLP(sizes, tanh, rng=0)
    X, T, p = symbols("x", N, sizes[0]), symbols("t", N, sizes[-1]), symbols("p", len(net.parameters))
    return prove(lambda p, X, T: network_residuals(net, X, T)(p), derived(X, p, T, sizes), p, X, T)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (2, 2, 2)], ids=str)
def test_jacobian_is_proved(sizes):
    prove_jacobian(2, sizes)


def test_input_jacobian_of_replicas_is_proved():
    X, T, p = symbols("x", 2, 3), symbols("t", 2, 4), symbols("p", 16, 2)
    nets = Replicas([3, 4], tanh, rng=0, count=2)
    rows = [derived(X[r][None], p[:, r], T[r][None], (3, 4))[0] for r in range(2)]
    slopes = np.array([[[one.diff(x) for x in X[r]] for one in rows[r]] for r in range(2)])
    prove(lambda X, p, T: input_residuals(nets.with_parameters(p), T)(X), (np.array(rows), slopes), X, p, T)


def turn_square_blocks(A, dZ, sizes):
    """The Jacobian with the weights of square layers in the wrong order."""
    J = parameter_jacobian(A, dZ, sizes)
    for W in split(np.moveaxis(J, -1, 0), sizes)[0]:
        if W.shape[0] == W.shape[1]:
            W[...] = W.swapaxes(0, 1).copy()
    return J


SLIPS = {
    "rows of the matrix in another order":
        ("backpropagate_slopes", lambda dZ, W: dZ @ W[:, None, ::-1].swapaxes(-1, -2)),
    "square matrix not transposed": ("backpropagate_slopes", lambda dZ, W: dZ @ W[:, None]),
    "square block transposed": ("parameter_jacobian", turn_square_blocks),
    "slope forgotten": ("apply_or_nan", lambda f, Z: f(Z) if f is tanh else 0 * Z + 1),
    "value in the place of the slope": ("apply_or_nan", lambda f, Z: tanh(Z)),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_stop_the_proof(slip, monkeypatch):
    monkeypatch.setattr(_second_order, *SLIPS[slip])
    with pytest.raises(ProofError, match="differs|not the formula"):
        prove_jacobian(1, (2, 2, 2) if "square" in slip else (3, 4, 2))


# Levenberg-Marquardt


def decay(x):
    """A sum of two exponentials through 30 noisy points."""
    t, rng = np.linspace(0, 3, 30), np.random.default_rng(0)
    y = 2 * np.exp(-0.5 * t) + np.exp(-3 * t) + 0.01 * rng.normal(size=30)
    e, g = np.exp(-x[1] * t), np.exp(-x[3] * t)
    return x[0] * e + x[2] * g - y, np.stack([e, -x[0] * t * e, g, -x[2] * t * g], 1)


def rosenbrock(x):
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), np.array([[-20 * x[0], 10], [-1.0, 0]])


def powell(x):
    """Its Jacobian is singular at the solution, 0."""
    a, b, c, d = x
    r = np.array([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2])
    u, v = 2 * (b - 2 * c), 2 * 10**0.5 * (a - d)
    return r, np.array([[1, 10, 0, 0], [0, 0, 5**0.5, -(5**0.5)], [0, u, -2 * u, 0], [v, 0, 0, -v]])


@pytest.mark.parametrize(("function", "x0", "close"), [
    (rosenbrock, [-1.2, 1.0], 1e-8), (decay, [1.0, 1.0, 1.0, 2.0], 1e-5), (powell, [3.0, -1, 0, 1], 1e-3),
    (squares, [1.0, 5.0, -0.1], 1e-8), (lambda x: (np.exp(x) - [1.0, 2], np.diag(np.exp(x))), [5.0, -5], 1e-8),
])  # fmt: skip
def test_minimum_is_that_of_scipy(function, x0, close):
    found = levenberg_marquardt(function, x0, max_steps=200)  # powell: slopes and residuals vanish together
    theirs = scipy.optimize.least_squares(lambda x: function(x)[0], x0, jac=lambda x: function(x)[1], method="lm",
                                          xtol=1e-15, ftol=1e-15, gtol=1e-15)  # fmt: skip
    assert found.status in ("small_step", "converged", "solved")
    np.testing.assert_allclose(found.x, theirs.x, rtol=close, atol=close)
    assert found.losses[-1] <= theirs.cost + 1e-12
    assert found.steps <= 2 * theirs.nfev + 10


T_LOW, T_HIGH = np.linspace(0, 4, 20), np.arange(100.0)


def decay_from(scale):
    """Amplitude and offset in other units."""

    def function(x):
        with np.errstate(over="ignore", invalid="ignore"):
            e = np.exp(-x[1] * T_LOW)
            r = x[0] * e + x[2] - scale * (2 * np.exp(-1.3 * T_LOW) + 0.1)
            return r, np.stack([e, -x[0] * T_LOW * e, np.ones(20)], 1)

    return function, [scale, 1.0, 0.0], [2 * scale, 1.3, 0.1 * scale]


def growth_to(limit):
    """Logistic growth: a limit beside a rate of 0.1."""

    def function(x):
        with np.errstate(over="ignore", invalid="ignore"):
            s = 1 / (1 + np.exp(-x[1] * (T_HIGH - x[2])))
            slope = x[0] * s * (1 - s)
            r = x[0] * s - limit / (1 + np.exp(-0.1 * (T_HIGH - 50)))
            return r, np.stack([s, slope * (T_HIGH - x[2]), -slope * x[1]], 1)

    return function, [0.8 * limit, 0.05, 40.0], [limit, 0.1, 50]


def line_over(f):
    columns = np.stack([np.ones(f.size), f], 1)
    return lambda x: (columns @ (x - [6, 2e-9]), columns), [0.0, 0.0], [6, 2e-9]


UNITS = {f"decay {scale:g}": decay_from(scale) for scale in (1e-8, 1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6)}
UNITS |= {f"growth {limit:g}": growth_to(limit) for limit in (1e-8, 1.0, 1e3, 1e6)}
UNITS |= {"hertz": line_over(np.linspace(1, 2, 20) * 1e9), "centred": line_over(np.linspace(-0.5, 0.5, 20) * 1e9)}


@pytest.mark.parametrize("name", UNITS)
def test_units_of_unknowns_do_not_matter(name):
    function, x0, wanted = UNITS[name]
    found = levenberg_marquardt(function, x0)
    np.testing.assert_allclose(found.x, wanted, rtol=1e-6)
    assert found.steps <= 25 and found.status in ("solved", "converged")  # a perfect fit is no "small_step"


@pytest.mark.parametrize("scale", [1e-8, 1e-2, 0.1, 1.0, 10.0, 1e8])
def test_units_of_an_input_do_not_matter(scale):
    """Noisy linear regression: the exact least squares."""
    rng = np.random.default_rng(0)
    inputs, net = rng.normal(size=(60, 3)), MLP([3, 1], rng=0)
    targets = inputs @ [[1.0], [2.0], [3.0]] + 0.1 * rng.normal(size=(60, 1))
    found = levenberg_marquardt(network_residuals(net, inputs * [scale, 1, 1], targets), net.parameters)
    wanted = np.linalg.lstsq(np.c_[inputs, np.ones(60)], targets, rcond=None)[0].ravel()
    np.testing.assert_allclose(found.x * [scale, 1, 1, 1], wanted, rtol=1e-5)
    assert found.status in ("converged", "small_step") and found.steps < 25


def test_very_different_columns_in_any_units_take_the_same_steps():
    """Powers of 2: no rounding differs."""

    def rescaled(c):
        return lambda x: (rosenbrock(x / c)[0], rosenbrock(x / c)[1] / c)

    x0, c = np.array([-1.2, 1.0]), np.array([2.0**40, 2.0**-40])
    one, other = (levenberg_marquardt(rescaled(c * unit), x0 * c * unit) for unit in (1.0, [2.0**8, 2.0**-8]))
    np.testing.assert_array_equal(one.losses, other.losses)
    assert one.status == other.status and one.losses[-1] < 1e-20


def test_a_column_that_is_zero_at_first_is_scaled_later():
    def function(x):  # 1e-9 x0 x1 = 2e-9, x0 = 1
        return np.array([1e-9 * x[0] * x[1] - 2e-9, x[0] - 1]), np.array([1e-9 * x[::-1], [1.0, 0.0]])

    np.testing.assert_allclose(levenberg_marquardt(function, [0.0, 1.0]).x, [1, 2], rtol=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_a_network_alone_learns_all_digits(seed):
    net = MLP([4, 20, 7], tanh, rng=seed)
    found = levenberg_marquardt(network_residuals(net, X, T), net.parameters, residual_tolerance=0.999)
    assert found.status == "solved" and found.steps <= 6
    assert (np.sign(net.with_parameters(found.x).forward(X)) == T).all()


@dtypes
def test_replicas_are_each_as_alone(dtype):
    nets = Replicas([4, 20, 7], tanh, rng=0, count=70, dtype=dtype)  # more than one block
    together = levenberg_marquardt(network_residuals(nets, X, T), nets.parameters.T, residual_tolerance=0.999)
    assert (together.status == "solved").all() and together.x.dtype == together.losses.dtype == dtype
    close = 1000 * np.finfo(dtype).eps  # the same sums; in these few steps a change of the start grows 20-fold at most
    for r in (0, 31, 69):
        alone = levenberg_marquardt(network_residuals(nets[r], X, T), nets[r].parameters, residual_tolerance=0.999)
        assert alone.steps == together.steps[r]
        np.testing.assert_allclose(together.x[r], alone.x, rtol=close, atol=close)
        np.testing.assert_allclose(together.losses[: alone.steps + 1, r], alone.losses, rtol=close)
        assert alone.status == "solved" and (together.losses[alone.steps :, r] == together.losses[-1, r]).all()


def test_result_belongs_together():
    """Residuals, losses and x are those of one point; losses never rise."""
    nets = Replicas([4, 5, 7], rng=0, count=9)
    function = network_residuals(nets, X, T)
    found = levenberg_marquardt(function, nets.parameters.T, max_steps=15)
    np.testing.assert_allclose(found.residuals, function(found.x)[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.losses[-1], (found.residuals**2).sum(1) / 2, rtol=1e-12)
    assert found.losses.shape == (16, 9) and (np.diff(found.losses, axis=0) <= 0).all()
    assert (found.status == "limit").all() and (found.steps == 15).all()


def test_own_inputs_and_targets_stay_with_their_network_when_others_are_done():
    R = 40
    nets, rng = Replicas([2, 3, 1], rng=0, count=R), np.random.default_rng(0)
    inputs, targets = rng.normal(size=(4, 2, R)), rng.normal(size=(4, 1, R))
    together = levenberg_marquardt(network_residuals(nets, inputs, targets), nets.parameters.T, residual_tolerance=0.1)
    assert len(set(together.steps.tolist())) > 3
    for r in range(0, R, 7):
        function = network_residuals(nets[r], inputs[..., r], targets[..., r])
        alone = levenberg_marquardt(function, nets[r].parameters, residual_tolerance=0.1)
        assert alone.status == together.status[r] == "solved" and alone.steps == together.steps[r]
        np.testing.assert_allclose(together.x[r], alone.x, rtol=1e-6, atol=1e-6)


def test_many_problems_are_each_alone_whatever_the_leading_shape():
    x0 = np.random.default_rng(0).normal(size=(3, 2, 4))
    together = levenberg_marquardt(squares, x0)
    assert together.x.shape == (3, 2, 4) and together.status.shape == together.steps.shape == (3, 2)
    assert together.losses.shape[1:] == (3, 2)
    np.testing.assert_allclose(abs(together.x), 2**0.5, rtol=1e-9)
    for place in np.ndindex(3, 2):
        alone = levenberg_marquardt(squares, x0[place])
        assert alone.steps == together.steps[place] and alone.status == together.status[place]
        np.testing.assert_allclose(together.x[place], alone.x, rtol=1e-12)


def test_what_is_done_is_computed_no_more():
    calls = []

    class Counted:
        def __init__(self, goals):
            self.goals = goals

        def __call__(self, x):
            calls.append(len(x))
            return x**3 - self.goals, 3 * x[:, :, None] ** 2

        def select(self, rows):
            return Counted(self.goals[rows])

    goals = np.array([[1.0], [8.0], [1e6], [1.0]])
    found = levenberg_marquardt(Counted(goals), np.ones((4, 1)), residual_tolerance=1e-9)
    np.testing.assert_allclose(found.x[:, 0], [1, 2, 100, 1], rtol=1e-9)
    assert found.steps[0] == found.steps[3] == 0 < found.steps[1] < found.steps[2]
    assert sorted(calls[1:], reverse=True) == calls[1:] and calls[-1] == 1 and sum(calls) < 4 + 2 * found.steps[2] + 4


def test_a_plain_function_is_always_called_for_all():
    seen = []

    def function(x):
        seen.append(x.shape)
        return x - np.array([[1.0], [1e8]]), np.broadcast_to(np.eye(1), (2, 1, 1))

    found = levenberg_marquardt(function, [[1.0], [0.0]])
    np.testing.assert_allclose(found.x[:, 0], [1, 1e8], rtol=1e-9)
    assert set(seen) == {(2, 1)} and found.steps[0] == 0 < found.steps[1]


def test_one_jacobian_for_all_linear_problems():
    A, B = np.array([[1.0, 2], [3, 4], [5, 6]]), np.random.default_rng(0).normal(size=(7, 3))
    found = levenberg_marquardt(lambda x: (x @ A.T - B, A), np.zeros((7, 2)))
    np.testing.assert_allclose(found.x, np.linalg.lstsq(A, B.T, rcond=None)[0].T, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("x0", [[3.0], [[3.0], [3.0]]])
def test_nothing_to_do_at_the_start(x0):
    found = levenberg_marquardt(lambda x: (x - 3, np.ones((*x.shape, 1))), x0)
    assert np.all(found.status == "solved") and np.all(found.steps == 0) and len(found.losses) == 1


def test_statuses():
    flat = levenberg_marquardt(lambda x: (np.array([1.0]), np.zeros((1, 2))), [1.0, 2.0])
    assert flat.status == "converged" and flat.steps == 0
    floor = levenberg_marquardt(lambda x: (np.array([x[0], 1.0]), np.array([[1.0], [0.0]])), [5.0])
    assert floor.status == "converged" and abs(floor.x[0]) < 1e-7
    short = levenberg_marquardt(rosenbrock, [-1.2, 1.0], max_steps=3)
    assert short.status == "limit" and short.steps == 3 and len(short.losses) == 4
    none = levenberg_marquardt(rosenbrock, [-1.2, 1.0], max_steps=0)
    assert none.status == "limit" and none.steps == 0 and (none.x == [-1.2, 1.0]).all()
    near = levenberg_marquardt(rosenbrock, [-1.2, 1.0], residual_tolerance=0.5)
    assert near.status == "solved" and abs(near.residuals).max() <= 0.5
    rootless = levenberg_marquardt(lambda x: (x**2 + 1, 2 * x[:, None]), [1.0])
    assert rootless.status == "small_step" and abs(rootless.x[0]) < 1e-7
    assert isinstance(short.steps, int) and type(short.status) is str


SINGULAR = {
    "twice the same column": lambda x: (x[:1] + x[1:] - 3, np.array([[1.0, 1.0]])),
    "a column of zeros": lambda x: (np.array([x[0] ** 2 - 4, x[0] - 2]), np.array([[2 * x[0], 0], [1, 0]])),
    "rows that repeat": lambda x: (np.repeat(x[0] * x[1] - 6, 3), np.tile(x[::-1], (3, 1))),
    "zero at the start": lambda x: (np.array([x[0] ** 3 + x[1] - 2]), np.array([[3 * x[0] ** 2, 1]])),
    "huge and tiny": lambda x: (np.array([1e150 * (x[0] - 1), 1e-150 * (x[1] - 1)]), np.diag([1e150, 1e-150])),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_jacobians_are_no_error(name):
    found = levenberg_marquardt(SINGULAR[name], [0.0, 0.5], damping=1e-12)
    assert np.isfinite(found.x).all() and abs(found.residuals).max() < 1e-6
    assert found.status in ("solved", "small_step", "converged")


def test_too_little_damping_is_raised_at_once():
    """At x = (1, 1) both columns are the same."""
    found = levenberg_marquardt(SINGULAR["rows that repeat"], [1.0, 1.0], damping=1e-300, residual_tolerance=1e-9)
    assert found.status == "solved" and found.steps < 20


def test_refused_steps_shrink_faster_and_faster():
    found = levenberg_marquardt(lambda x: (np.ones(1), np.ones((1, 1))), [1.0])  # a slope that is a lie
    assert found.status == "small_step" and found.steps < 12 and (found.x == 1).all()


def test_what_lapack_cannot_solve_is_a_refused_step(monkeypatch):
    """For the problems that it concerns, and the function never sees a NaN."""
    solve, count = np.linalg.solve, 0

    def sometimes(A, b):
        nonlocal count
        count += 1
        if A.ndim == 3 and count < 8 or count in (3, 5):  # a batch, then the second problem or the first
            raise np.linalg.LinAlgError
        return solve(A, b)

    def function(x):
        assert np.isfinite(x).all()
        return x**2 - np.array([[2.0], [100.0]]), 2 * x[:, :, None]

    monkeypatch.setattr(np.linalg, "solve", sometimes)
    found = levenberg_marquardt(function, [[1.0], [5.0]])
    np.testing.assert_allclose(found.x[:, 0], [2**0.5, 10], rtol=1e-9)


def test_a_step_to_where_nothing_is_finite_is_refused():
    """log x from 10: the first step goes below 0."""
    seen = []

    def function(x):
        seen.append(x[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(x), np.array([1 / x])

    found = levenberg_marquardt(function, [10.0], damping=1e-6)
    assert min(seen) < 0 and abs(found.x[0] - 1) < 1e-9 and (np.diff(found.losses) <= 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_jacobian_that_is_not_finite_is_refused(bad):
    def function(x):
        return x - 1, np.array([[bad if 0 < x[0] < 1.5 else 0.5]])

    found = levenberg_marquardt(function, [3.0])
    assert found.x[0] >= 1.5 and np.isfinite(found.losses).all()


def test_one_bad_problem_does_not_disturb_the_others():
    def function(x):
        r = np.where(x > 50, np.nan, x**2 - np.array([[2.0], [3.0], [1e6]]))
        return r, 2 * x[:, :, None]

    found = levenberg_marquardt(function, np.full((3, 1), 1.0))
    np.testing.assert_allclose(found.x[:2, 0], [2**0.5, 3**0.5], rtol=1e-9)
    assert found.x[2] <= 50 and np.isfinite(found.residuals).all()


def test_large_steps_of_a_network_are_refused():
    net = MLP([2, 3, 1], rng=0)
    function = network_residuals(net, [[1.0, -1.0], [1, 2]], [[1e150], [-1e150]])
    found = levenberg_marquardt(function, net.parameters, max_steps=20)
    assert np.isfinite(found.x).all() and np.isfinite(found.residuals).all()


def test_arguments_are_not_written_to():
    x0 = np.array([1.0, 2.0])
    levenberg_marquardt(squares, x0)
    assert (x0 == [1, 2]).all()

    def careless(x):
        assert np.isfinite(x).all()
        r, J = squares(x)
        x[:] = np.nan
        return r, J

    found = levenberg_marquardt(careless, [[2**0.5], [7.0]])  # the first is done earlier
    np.testing.assert_allclose(found.x, 2**0.5)


def test_float32_stays_float32_whatever_the_function_returns():
    found = levenberg_marquardt(lambda x: (x.astype(float) ** 2 - 2, np.diag(2.0 * x)), np.ones(2, np.float32))
    assert {found.x.dtype, found.residuals.dtype, found.losses.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found.x, 2**0.5, rtol=1e-6)


@pytest.mark.parametrize("answer", [[1], "yes", 1, np.array([True, True]), np.array(True), None, np.False_])
def test_callbacks_stop_for_true_only(answer):
    for x0 in ([3.0, 4.0], [[3.0, 4.0], [3.0, 5.0]]):
        found = levenberg_marquardt(squares, x0, callback=lambda result: answer)
        assert not np.any(found.status == "stopped") and np.all(found.losses[-1] < 1e-20)
    value_and_grad = lambda x: ((x**2).sum(), 2 * x)  # noqa: E731
    assert minimize_lbfgs(value_and_grad, [3.0, 4.0], callback=lambda result: answer).status == "converged"


@pytest.mark.parametrize("method", [levenberg_marquardt, minimize_lbfgs])
@pytest.mark.parametrize("callback", [True, "print", 0, []])
def test_a_callback_that_is_no_function_is_named_before_the_first_step(method, callback):
    calls = []
    with pytest.raises(TypeError, match="callback: expected a function, got"):
        method(calls.append, [1.0], callback=callback)
    assert not calls


@pytest.mark.parametrize("rows", [4, 8])
@pytest.mark.parametrize("kind", ["samples", "inputs of replicas", "parameters", "other", "leading axes"])
def test_rows_that_do_not_fit_are_named_before_anything_is_solved(kind, rows):
    nets, counts, goals = Replicas([3, 2], rng=0, count=6), [], np.ones((6, 3))

    class Other:
        def __init__(self, goals):
            self.goals = goals

        def __call__(self, x):
            return self.goals * x[:1] ** 2, np.ones((len(self.goals), 3, 3))

        def select(self, rows):
            counts.append(rows)
            return Other(self.goals[rows])

    function = {
        "samples": lambda: input_residuals(nets[0], np.ones((6, 2))),
        "inputs of replicas": lambda: input_residuals(nets, np.ones((6, 2))),
        "parameters": lambda: network_residuals(nets, np.ones((5, 3, 6)), np.ones((5, 2))),
        "other": lambda: Other(goals),
        "leading axes": lambda: input_residuals(nets[0], np.ones((2, 3, 2))),
    }[kind]()
    x0 = np.zeros((6 if kind == "leading axes" else rows, 8 if kind == "parameters" else 3))
    with pytest.raises(ValueError, match=r"(X|parameters|residuals): expected shape \(.*got shape \("):
        levenberg_marquardt(function, x0)
    with pytest.raises(ValueError, match=r"(X|parameters|residuals): expected shape \(.*got shape \("):
        levenberg_marquardt(function, x0[:1])
    assert not counts


@pytest.mark.parametrize(("method", "name"), [(levenberg_marquardt, "function"), (minimize_lbfgs, "value_and_grad")])
@pytest.mark.parametrize(("value", "got"), [(5, "an int"), (None, "None"), ("tanh", "a str")])
def test_what_is_no_function_is_named(method, name, value, got):
    with pytest.raises(TypeError, match=f"{name}: expected a function, got {got}"):
        method(value, [1.0])


def test_callback_sees_and_stops():
    results = []

    def callback(result):
        results.append(result)
        return result.losses[-1] < 0.1

    found = levenberg_marquardt(squares, [3.0, 4.0], callback=callback)
    assert found.status == "stopped" and found.steps == len(results) and results[-1].status == "running"
    assert len({result.x.tobytes() for result in results}) == len(results)  # each a snapshot
    np.testing.assert_array_equal(results[-1].x, found.x)
    assert levenberg_marquardt(squares, [3.0], callback=lambda result: None).status in ("solved", "converged")


@pytest.mark.parametrize("calls", [2, 4])
@pytest.mark.parametrize("x0", [[3.0, 4.0], [[3.0, 4.0], [5.0, 6.0]]])
def test_ctrl_c_loses_nothing(calls, x0):
    count = 0

    def function(x):
        nonlocal count
        count += 1
        if count == calls:
            signal.raise_signal(signal.SIGINT)
        return squares(x)

    found = levenberg_marquardt(function, x0)
    wanted = levenberg_marquardt(squares, x0, max_steps=calls - 2)
    assert np.all(found.status == "interrupted")
    np.testing.assert_array_equal(found.x, wanted.x)
    np.testing.assert_array_equal(found.losses, wanted.losses)


def test_ctrl_c_between_blocks_keeps_what_belongs_together(monkeypatch):
    monkeypatch.setattr(_second_order, "BLOCK_BYTES", 1)
    nets, count = Replicas([2, 3, 1], rng=0, count=5), 0
    inner = network_residuals(nets, [[1.0, 2], [3, 4]], [[1.0], [2.0]])

    class Interrupted:
        def __call__(self, x):
            nonlocal count
            count += 1
            if count == 1 + 5 + 5 + 3:  # one to look at the size, the start, a step, three of five networks
                raise KeyboardInterrupt
            return inner(x)

        def select(self, rows):
            return self

    found = levenberg_marquardt(Interrupted(), nets.parameters.T)
    assert found.steps.tolist() == [2, 2, 1, 1, 1] and len(found.losses) == 3
    np.testing.assert_allclose(found.residuals, inner(found.x)[0], rtol=1e-12)
    np.testing.assert_allclose(found.losses[-1], (found.residuals**2).sum(1) / 2, rtol=1e-12)


def test_ctrl_c_before_anything_is_known_goes_on_to_the_caller():
    def function(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        levenberg_marquardt(function, [1.0])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_size_of_blocks_changes_nothing(count, monkeypatch):
    nets = Replicas([4, 6, 7], tanh, rng=0, count=count)
    function = network_residuals(nets, X, T)
    whole = levenberg_marquardt(function, nets.parameters.T, max_steps=4)
    monkeypatch.setattr(_second_order, "BLOCK_BYTES", 3 * 70 * 79 * 8)
    np.testing.assert_allclose(levenberg_marquardt(function, nets.parameters.T, max_steps=4).x, whole.x, rtol=1e-8)


@pytest.mark.parametrize(("change", "message"), [
    ({"x0": [np.nan]}, "x0: expected finite"), ({"x0": 1.0}, "x0: expected shape"), ({"x0": []}, "x0: expected shape"),
    ({"damping": 0}, "damping: expected a positive"), ({"damping": -1.0}, "damping"), ({"max_steps": -1}, "max_steps"),
    ({"tolerance": 0}, "tolerance: expected a positive"), ({"residual_tolerance": -1}, "residual_tolerance"),
    ({"function": lambda x: (x / 0, np.eye(1))}, "residuals at x0: expected finite"),
    ({"function": lambda x: (x, np.full((1, 1), np.nan))}, "jacobian at x0: expected finite"),
    ({"function": lambda x: (x, np.full((1, 1), 1e200))}, "x0: expected residuals and slopes whose squares"),
    ({"function": lambda x: (x, np.eye(2))}, "jacobian: expected shape \\(1, 1\\)"),
    ({"function": lambda x: (np.ones((1, 1)), np.eye(1))}, "residuals: expected shape \\(M\\)"),
    ({"function": lambda x: (x, np.eye(1)), "x0": [[1.0], [2.0]]}, None),
    ({"function": lambda x: (x[0], np.eye(1)), "x0": [[1.0], [2.0]]}, "residuals: expected shape \\(2, M\\)"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide")
def test_wrong_arguments_of_the_method_are_named(change, message):
    arguments = {"function": lambda x: (x, np.ones((*x.shape, 1))), "x0": [1.0]} | change
    if message is None:
        levenberg_marquardt(**arguments)
        return
    with pytest.raises(ValueError, match=message):
        levenberg_marquardt(**arguments)


@pytest.mark.parametrize("answer", [None, 1.0, (1.0,), [np.ones(1), np.eye(1)], (np.ones(1) * 1j, np.eye(1))])
def test_a_function_that_returns_something_else_is_named(answer):
    with pytest.raises(TypeError, match="function: expected|residuals: expected"):
        levenberg_marquardt(lambda x: answer, [1.0])


@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_inputs_are_found_again(gain):
    """A network that widens has one preimage; started nearby, each row comes back."""
    net, rng = MLP([4, 10, 6], tanh, rng=0), np.random.default_rng(1)
    inputs = rng.uniform(-gain, gain, size=(50, 4))
    found = levenberg_marquardt(input_residuals(net, net.forward(inputs)), inputs + 0.1, residual_tolerance=1e-12)
    assert (found.status == "solved").all()
    np.testing.assert_allclose(found.x, inputs, atol=1e-9)


def test_inputs_of_many_networks_are_found_again():
    nets, inputs = Replicas([3, 8, 5], tanh, rng=0, count=30), np.random.default_rng(1).uniform(-1, 1, (30, 3))
    targets = nets.forward(np.broadcast_to(inputs.T, (1, 3, 30)))[0].T
    found = levenberg_marquardt(input_residuals(nets, targets), inputs + 0.1, residual_tolerance=1e-12)
    assert (found.status == "solved").all() and len(set(found.steps.tolist())) > 1
    np.testing.assert_allclose(found.x, inputs, atol=1e-9)


# L-BFGS


def squared_error(net):
    return lambda p: net.with_parameters(p).value_and_grad(X, T, squared_error_value_and_grad)


def test_lbfgs_finds_what_scipy_finds():
    x0 = np.array([-1.2, 1.0, 0.5])
    function = lambda x: (scipy.optimize.rosen(x), scipy.optimize.rosen_der(x))  # noqa: E731
    found = minimize_lbfgs(function, x0)
    assert found.status == "converged" and (np.diff(found.losses) <= 0).all() and len(found.losses) == found.steps + 1
    np.testing.assert_allclose(found.x, 1, rtol=1e-6)
    assert found.residuals is None and (x0 == [-1.2, 1, 0.5]).all()
    options = {"ftol": 0, "gtol": 1e-8}
    theirs = scipy.optimize.minimize(function, x0, jac=True, method="L-BFGS-B", options=options)
    assert abs(found.steps + 1 - theirs.nfev) <= 5


@dtypes
def test_lbfgs_trains_a_network_in_its_dtype(dtype):
    net, seen = MLP([4, 20, 7], tanh, rng=0, dtype=dtype), set()

    def function(p):
        seen.add((p.dtype, p.shape))
        return squared_error(net)(p)

    found = minimize_lbfgs(function, net.parameters, callback=lambda result: result.losses[-1] < 1e-2)
    assert found.status == "stopped" and found.x.dtype == found.losses.dtype == dtype
    assert seen == {(np.dtype(dtype), net.parameters.shape)}
    assert (np.sign(net.with_parameters(found.x).forward(X)) == T).all()


def test_lbfgs_takes_any_shape():
    goal = np.arange(6.0).reshape(2, 3)
    found = minimize_lbfgs(lambda x: (((x - goal) ** 2).sum(), 2 * (x - goal)), np.zeros((2, 3)))
    np.testing.assert_allclose(found.x, goal, atol=1e-8)


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_lbfgs_counts_evaluations(limit):
    count = 0

    def function(x):
        nonlocal count
        count += 1
        return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)

    found = minimize_lbfgs(function, [-1.2, 1.0], max_evaluations=limit)
    assert (count, found.status, found.steps, len(found.losses)) == (limit, "limit", limit - 1, limit)
    assert found.losses[-1] == scipy.optimize.rosen(found.x)  # the best, not the last


@pytest.mark.parametrize("event", ["interrupted", "not_finite", "infinite slope"])
def test_lbfgs_keeps_the_best(event):
    values = []

    def function(x):
        value, gradient = scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)
        if len(values) == 6:
            if event == "interrupted":
                signal.raise_signal(signal.SIGINT)
            value, gradient = (np.nan, gradient) if event == "not_finite" else (value, gradient * np.inf)
        values.append(value)
        return value, gradient

    found = minimize_lbfgs(function, [-1.2, 1.0])
    assert found.status == ("interrupted" if event == "interrupted" else "not_finite")
    assert scipy.optimize.rosen(found.x) == found.losses[-1] == min(values[:6]) and found.steps == 5


def test_lbfgs_where_no_step_lowers_the_loss():
    found = minimize_lbfgs(lambda x: (1.0, np.array([1.0])), [0.0])  # a slope that is a lie
    assert found.status == "small_step" and found.losses[-1] == 1
    assert minimize_lbfgs(lambda x: (0.0, 0 * x), [1.0]).status == "converged"


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"x0": [np.inf]}, ValueError, "x0: expected finite"), ({"x0": 1.0}, ValueError, "x0: expected shape"),
    ({"max_evaluations": 0}, ValueError, "max_evaluations"), ({"memory": 0}, ValueError, "memory"),
    ({"tolerance": -1}, ValueError, "tolerance"), ({"memory": 1.5}, TypeError, "memory"),
    ({"value_and_grad": lambda x: (np.nan, x)}, ValueError, "value at x0: expected finite"),
    ({"value_and_grad": lambda x: (1.0, x * np.inf)}, ValueError, "gradient at x0: expected finite"),
    ({"value_and_grad": lambda x: (1.0, np.ones(2))}, ValueError, "gradient: expected the shape of x0"),
    ({"value_and_grad": lambda x: (x, x)}, ValueError, "value: expected a single number"),
    ({"value_and_grad": lambda x: 1.0}, TypeError, "value_and_grad: expected a function"),
])  # fmt: skip
def test_wrong_arguments_of_lbfgs_are_named(change, error, message):
    arguments = {"value_and_grad": lambda x: ((x**2).sum(), 2 * x), "x0": [1.0]} | change
    with pytest.raises(error, match=message):
        minimize_lbfgs(**arguments)


def test_results_say_what_happened():
    assert repr(levenberg_marquardt(squares, [1.0], max_steps=1)).startswith("Minimum (limit): loss 0.0")
    assert repr(levenberg_marquardt(squares, [1.0], max_steps=1)).endswith("after 1 step")
    many = levenberg_marquardt(squares, [[1.0], [2**0.5], [0.0]], max_steps=1, residual_tolerance=1e-9)
    assert repr(many) == "Minimum of 3 problems (1 limit, 1 solved, 1 converged): at most 1 steps"
