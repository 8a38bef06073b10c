"""Momentum on a parabola: powers, kinds, borders, envelope, crest and noise, beside multiplication and simulation."""
import re

import mpmath as mp
import numpy as np
import pytest

from nnnotes import _momentum_dynamics as dynamics

BOTH = pytest.mark.parametrize("nesterov", [False, True], ids=["momentum", "nesterov"])
KINDS = ("monotone", "ripples", "oscillating", "divergent")


def settings(nesterov, count, seed=0):
    """Rates, momenta and curvatures: at random, on the borders, next to them, without momentum, with nearly all."""
    rng = np.random.default_rng(seed)
    momentum = rng.choice([0, 0.25, *rng.uniform(0, 1, 20), *1 - 10 ** rng.uniform(-6, -1, 20)], count)
    borders = np.array(dynamics.momentum_borders(momentum, nesterov))
    near = 1 + rng.choice([-1, 0, 1], count) * 10 ** rng.uniform(-16, -1, count)
    product = np.where(rng.random(count) < 0.5, rng.uniform(0, 1.1, count) * borders[2], rng.choice(borders) * near)
    curvature = np.where(rng.random(count) < 0.5, 1, 10 ** rng.uniform(-2, 2, count))
    return product / curvature, momentum, curvature


def multiplied(setting, steps, nesterov):
    """The matrix of many steps, by multiplication in 60 digits."""
    rate, momentum, curvature = map(mp.mpf, map(float, setting))
    pull, keep = -rate * momentum, 1 - rate * curvature
    if nesterov:
        pull, keep = pull * momentum, keep - rate * momentum * curvature
    return np.array((mp.matrix([[momentum, curvature], [pull, keep]]) ** int(steps)).tolist())


def run(setting, steps, nesterov, start=(0, 1)):
    """The errors of the first steps by the rule itself, (steps + 1, ...)."""
    rate, momentum, curvature = setting
    velocity, error = (np.broadcast_to(one, np.broadcast(*setting).shape).astype(float) for one in start)
    errors = [error]
    for _ in range(steps):
        gradient = curvature * error
        velocity = momentum * velocity + gradient
        error = error - rate * (gradient + momentum * velocity if nesterov else velocity)
        errors.append(error)
    return np.array(errors)


@BOTH
def test_a_step_is_the_rule(nesterov):
    setting = settings(nesterov, 200)
    moved = dynamics.momentum_matrix(*setting, nesterov) @ np.array([0.3, -0.7])
    np.testing.assert_allclose(moved[:, 1], run(setting, 1, nesterov, (0.3, -0.7))[1], rtol=1e-13, atol=1e-13)


@BOTH
@pytest.mark.parametrize("steps, tolerance", [(0, 0), (1, 2e-15), (2, 1e-14), (7, 1e-13), (100, 2e-11)])
def test_powers_are_products(nesterov, steps, tolerance):
    with mp.workdps(60):
        for setting in zip(*settings(nesterov, 300, steps), strict=True):
            if steps > 1 and dynamics.convergence_rate(*setting, nesterov) < 0.03:
                continue  # what is left is the rounding of rate times curvature
            scale = (setting[0] / setting[2]) ** 0.5  # of velocity and error in units of their own
            scale = np.array([[1, scale], [1 / scale, 1]])
            true, got = multiplied(setting, steps, nesterov), dynamics.momentum_power(*setting, steps, nesterov)
            error = float(abs((true - got) * scale).max() / abs(true * scale).max())
            assert error <= tolerance, setting


@BOTH
def test_powers_of_random_settings_are_numpys(nesterov):
    setting = settings(nesterov, 1000)
    for steps in (3, 20):
        wanted = np.linalg.matrix_power(dynamics.momentum_matrix(*setting, nesterov), steps)
        got = dynamics.momentum_power(*setting, steps, nesterov)
        assert (abs(wanted - got) <= 1e-12 * np.maximum(abs(wanted).max((1, 2), keepdims=True), 1)).all()


def test_powers_at_the_edges():
    powers = dynamics.momentum_power(1, 0, 1, [0, 1, 2, 3])
    assert powers.tolist() == [[[1, 0], [0, 1]], [[0, 1], [0, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]
    assert (dynamics.momentum_power(1, 0.5, 1, 2, nesterov=True) == 0).all(), "two steps end at the optimum"
    assert dynamics.momentum_power([[0.1], [0.2]], 0.5, [1, 2, 3], 4).shape == (2, 3, 2, 2)
    assert dynamics.momentum_power(np.float32(0.1), np.float32(0.5), np.float32(1), 4).dtype == np.float32
    far = dynamics.momentum_power([5, 5, 0.1], [0, 0.5, 0.9], 1, [10**6, 10**6 + 1, 10**9])
    assert not np.isnan(far).any() and np.isinf(far[:2, 1, 1]).all() and (far[2] == 0).all()
    assert far[0, 0, 0] == 0, "without momentum the velocity is forgotten, however far the error is"


@BOTH
def test_digits_are_kept_where_momentum_is_nearly_one(nesterov):
    momentum, product = 1 - 2.0**-20, 2.0**-44
    with mp.workdps(60):
        b, root = mp.mpf(momentum), mp.sqrt(momentum)
        wanted = ((1 - b) / (1 + b)) ** 2 if nesterov else (1 - root) ** 2
        assert abs(dynamics.momentum_borders(momentum, nesterov)[0] / wanted - 1) < 1e-15
        true = multiplied((product, momentum, 1), 10**6, nesterov)
        got = dynamics.momentum_power(product, momentum, 1, 10**6, nesterov)
        assert (abs(true - got) <= 2.0**-52 * 10**6 * abs(true)).all(), "one rounding for each step"


@BOTH
def test_rate_is_the_spectral_radius(nesterov):
    setting = settings(nesterov, 2000)
    roots = abs(np.linalg.eigvals(dynamics.momentum_matrix(*setting, nesterov))).max(1)
    borders = np.array(dynamics.momentum_borders(setting[1], nesterov))
    clear = (abs(setting[0] * setting[2] - borders) > 1e-6).all(0)  # at a double root NumPy has half of the digits
    np.testing.assert_allclose(dynamics.convergence_rate(*setting, nesterov)[clear], roots[clear], rtol=1e-9)


@BOTH
def test_kinds_are_those_of_the_eigenvalues(nesterov):
    setting = settings(nesterov, 2000)
    product, borders = setting[0] * setting[2], np.array(dynamics.momentum_borders(setting[1], nesterov))
    clear = (abs(product - borders) > 1e-6).all(0)
    roots = np.linalg.eigvals(dynamics.momentum_matrix(*setting, nesterov)).astype(complex)
    larger = np.take_along_axis(roots, abs(roots).argmax(1)[:, None], 1)[:, 0]
    complex_ = abs(roots.imag).max(1) > 0
    cases = [abs(larger) > 1, complex_, larger.real > 0]
    wanted = np.select(cases, ["divergent", "ripples", "monotone"], "oscillating")
    found = dynamics.momentum_regime(*setting, nesterov)
    assert (found[clear] == wanted[clear]).all() and set(found[clear]) == set(KINDS)


@BOTH
def test_borders_have_names(nesterov):
    momentum = np.random.default_rng(0).uniform(0, 1, 2000)
    borders = np.array(dynamics.momentum_borders(momentum, nesterov))
    for curvature in (1, 0.3, 7e5):
        kinds = [dynamics.momentum_regime(one / curvature, momentum, curvature, nesterov) for one in (0, *borders)]
        assert [set(one) for one in kinds] == [{"marginal"}, {"critical"}, {"critical"}, {"marginal"}]
    moved = [dynamics.momentum_regime(borders * (1 + by), momentum, 1, nesterov) for by in (-1e-9, 1e-9)]
    assert [set(one[0]) for one in moved] == [{"monotone"}, {"ripples"}]
    assert [set(one[2]) for one in moved] == [{"oscillating"}, {"divergent"}]


@BOTH
def test_critical_momentum_is_critical_and_fastest(nesterov):
    rate = np.random.default_rng(0).uniform(1e-4, 1 if nesterov else 3.9, 500)
    momentum = dynamics.critical_momentum(rate, 1, nesterov)
    assert set(dynamics.momentum_regime(rate, momentum, 1, nesterov)) == {"critical"}
    others = np.linspace(0, 0.999, 300)[:, None]
    assert (dynamics.convergence_rate(rate, momentum, 1, nesterov)
            <= dynamics.convergence_rate(rate, others, 1, nesterov).min(0) + 1e-7).all()  # fmt: skip


@BOTH
@pytest.mark.parametrize("condition", [1, 1.5, 10, 1000])
def test_no_pair_is_better_than_the_best(nesterov, condition):
    curvatures = 3 * np.linspace(1, condition, 30)
    pair = dynamics.optimal_rate_and_momentum(3, 3 * condition, nesterov)
    root = np.sqrt(3 * condition + 1 if nesterov else condition)
    wanted = 1 - 2 / root if nesterov else (root - 1) / (root + 1)
    assert dynamics.convergence_rate(*pair, curvatures, nesterov).max() == pytest.approx(wanted, abs=1e-7)
    rng = np.random.default_rng(0)
    rates = pair[0] * np.exp(rng.normal(0, 0.3, (3000, 1)))
    momenta = np.clip(pair[1] + rng.normal(0, 0.1, (3000, 1)), 0, 0.9999)
    assert dynamics.convergence_rate(rates, momenta, curvatures, nesterov).max(1).min() >= wanted - 1e-7


@BOTH
def test_envelope_bounds_and_touches(nesterov):
    setting, steps = np.array(settings(nesterov, 3000))[..., None], np.arange(40)
    start = np.random.default_rng(1).normal(size=(2, 3000, 1))
    state = dynamics.momentum_power(*setting, steps, nesterov) @ np.stack(start, -1)[..., None]
    size, bound = abs(state[..., 1, 0]), dynamics.momentum_envelope(*setting, *start, steps, nesterov)
    assert (size <= bound * (1 + 1e-9) + 1e-290).all()
    kinds = dynamics.momentum_regime(*setting, nesterov)[:, 0]
    rest = abs(dynamics.momentum_power(*setting, steps, nesterov)[..., 1, 1])
    on_it = dynamics.momentum_envelope(*setting, 0, 1, steps, nesterov)
    straight = np.isin(kinds, ["monotone", "critical", "oscillating", "divergent"])
    straight &= dynamics.spectrum(*setting, nesterov)[1][:, 0] >= 0
    np.testing.assert_allclose(on_it[straight], rest[straight], rtol=1e-9, atol=1e-290)
    waves = (setting[1, :, 0] > 0.8) & (dynamics.spectrum(*setting, nesterov)[1][:, 0] < -0.1)
    nearest = (size[waves] / bound[waves]).max(1)  # a crest lies at most half a turn of 90° from a step
    assert waves.any() and (nearest > 0.7).all() and (nearest > 0.999).mean() > 0.3


@BOTH
def test_growth_is_the_largest_error(nesterov):
    setting = np.array(settings(nesterov, 400))
    rates = dynamics.convergence_rate(*setting, nesterov)
    setting = setting[:, rates < 0.995]
    wanted = abs(run(setting, 6000, nesterov)).max(0)
    found = dynamics.transient_growth(*setting, nesterov)
    np.testing.assert_allclose(found, wanted, rtol=1e-7)
    assert (found > 1.5).any() and (found == 1).any()


def test_growth_at_and_beyond_the_border():
    assert dynamics.transient_growth([3, 4.5, 0, 2], [0.5, 0.9, 0.9, 0], 1).tolist() == pytest.approx([3, np.inf, 1, 1])
    assert dynamics.transient_growth(1e-9, 0, 1) == 1, "no search where nothing can grow"
    assert dynamics.transient_growth(1.999 * 1.9, 0.9, 1) < 19
    with pytest.raises(ValueError, match="rate, momentum: expected a motion that dies down"):
        dynamics.transient_growth(1, 1 - 1e-9, 1)
    with pytest.raises(ValueError, match="expected a motion that dies down"):
        dynamics.transient_growth(3 * (1 - 1e-14), 0.5, 1)


@pytest.mark.parametrize("product, momentum", [(0.5, 0), (0.2, 0.5), (1, 0.8), (2.5, 0.6)])
def test_noise_holds_the_loss_where_the_formula_says(product, momentum):
    rng, curvature, variance, runs = np.random.default_rng(0), 4.0, 2.5, 40_000
    state, rate = np.zeros((2, runs)), product / curvature
    step = dynamics.momentum_matrix(rate, momentum, curvature)
    for _ in range(120):
        state = step @ state + np.outer([1, -rate], rng.normal(0, variance**0.5, runs))
    simulated = curvature * (state[1] ** 2).mean() / 2
    assert simulated == pytest.approx(dynamics.stationary_loss(rate, momentum, curvature, variance), rel=0.03)


def test_noise_beyond_divergence_has_no_level():
    assert dynamics.stationary_loss([2, 3, 4, 3.9], [0.5, 0.5, 0.5, 0.95], 1, 1).tolist()[1:3] == [np.inf, np.inf]
    assert dynamics.stationary_loss(2, 0.5, 1, 0) == 0


@pytest.mark.parametrize("call, said", [
    (lambda: dynamics.momentum_matrix(-1, 0, 1), r"rate: expected numbers in \[0, inf\), got -1.0"),
    (lambda: dynamics.momentum_power(1, [0, 1], 1, 1), r"momentum: expected numbers in \[0, 1\), got 1.0 at \[1\]"),
    (lambda: dynamics.convergence_rate(1, 0, -1), r"curvature: expected numbers in \[0, inf\), got -1.0"),
    (lambda: dynamics.momentum_regime(np.nan, 0, 1), r"rate: expected numbers in \[0, inf\), got nan"),
    (lambda: dynamics.momentum_regime(np.inf, 0, 1), r"rate: expected numbers in \[0, inf\), got inf"),
    (lambda: dynamics.momentum_power(1e200, 0, 1, 1), r"\(rate \* curvature\)²: expected finite numbers, got inf"),
    (lambda: dynamics.momentum_power(1, 0, 1, -1), r"steps: expected numbers in \[0, inf\), got -1"),
    (lambda: dynamics.momentum_envelope(1, 0, 1, np.nan, 1, 1), "velocity: expected finite numbers, got nan"),
    (lambda: dynamics.critical_momentum(4, 1), r"rate \* curvature: expected numbers in \(0, 4\), got 4.0"),
    (lambda: dynamics.critical_momentum(1.5, 1, True), r"rate \* curvature: expected numbers in \(0, 1\], got 1.5"),
    (lambda: dynamics.optimal_rate_and_momentum(2, 1), "largest: expected a curvature that is not less than smallest"),
    (lambda: dynamics.optimal_rate_and_momentum(0, 1), r"smallest: expected numbers in \(0, inf\), got 0.0"),
    (lambda: dynamics.stationary_loss(1, 0, 1, -1), r"variance: expected numbers in \[0, inf\), got -1.0"),
    (lambda: dynamics.stationary_loss(0, 0, 1, 1), r"rate: expected numbers in \(0, inf\), got 0.0"),
])  # fmt: skip
def test_wrong_arguments_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_steps_are_integers():
    with pytest.raises(TypeError, match="steps: expected integers, got float64"):
        dynamics.momentum_power(1, 0, 1, 2.5)


WRONG = {
    "a flag that is a word": (
        lambda: dynamics.momentum_matrix(1, 0.5, 1, "False"), TypeError,
        "nesterov: expected True or False, got 'False'"),
    "shapes": (
        lambda: dynamics.convergence_rate([1, 2], [0.1, 0.2, 0.3], 1), ValueError,
        "rate, momentum, curvature: expected shapes that broadcast, got (2,) and (3,) and ()"),
    "steps that do not fit": (
        lambda: dynamics.momentum_power([1, 2], 0.5, 1, [1, 2, 3]), ValueError,
        "rate * curvature, steps: expected shapes that broadcast, got (2,) and (3,)"),
    "a condition number beyond floats": (
        lambda: dynamics.optimal_rate_and_momentum(1e-320, 1e300), ValueError,
        "largest: expected less than about 1e32 times smallest"),
    "curvatures in the wrong order": (
        lambda: dynamics.optimal_rate_and_momentum([1, 3], [2, 2]), ValueError,
        "largest: expected a curvature that is not less than smallest, got 2.0 at [1]"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_makes_no_sense_is_refused_by_name(what):
    call, kind, message = WRONG[what]
    with pytest.raises(kind, match=re.escape(message)):
        call()


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_best_pair_of_huge_and_of_tiny_curvatures_is_that_of_their_quotient(nesterov):
    for scale in (1e-300, 1.0, 1e308):
        rate, momentum = dynamics.optimal_rate_and_momentum(0.1 * scale, 1.7 * scale, nesterov)
        wanted = dynamics.optimal_rate_and_momentum(0.1, 1.7, nesterov)
        np.testing.assert_allclose([rate * scale, momentum], wanted, rtol=1e-14)
