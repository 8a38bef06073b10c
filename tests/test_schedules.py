"""Schedules: their promises at both ends, what they refuse, and the same numbers as PyTorch's and optax'."""
import copy
import pickle

import numpy as np
import pytest
from conftest import peer

from nnnotes.optimizers import (
    constant,
    cosine_decay,
    exponential_decay,
    inverse_decay,
    polynomial_decay,
    step_decay,
    warmup,
)

STEPS = range(60)
ALL = [
    constant(0.3),
    step_decay(0.3, every=7, factor=0.5),
    exponential_decay(0.3, factor=0.93),
    inverse_decay(0.3, decay=0.2, power=0.75),
    polynomial_decay(0.3, steps=40, power=2.0, final=0.03),
    cosine_decay(0.3, steps=40, final=0.03),
    warmup(cosine_decay(0.3, steps=40, final=0.03), steps=9),
]
every = pytest.mark.parametrize("schedule", ALL, ids=lambda schedule: type(schedule).__name__)


@every
def test_first_rate(schedule):
    assert schedule(0) == (0.3 / 9 if isinstance(schedule, warmup) else 0.3)  # exactly, also with a final rate


@pytest.mark.parametrize("schedule", ALL[-3:-1], ids=repr)
def test_last_rate(schedule):
    assert schedule(39) > schedule(40) == schedule(41) == schedule(10**9) == 0.03


@every
def test_never_above_the_first_rate_and_falling_after_the_warmup(schedule):
    rates = [schedule(k) for k in range(8 if isinstance(schedule, warmup) else 0, 200)]
    assert rates == sorted(rates, reverse=True) and 0 < rates[-1] and rates[0] == 0.3


@every
def test_numbers_leave_float32_what_it_is(schedule):
    assert type(schedule(5)) is float
    assert (np.ones(2, np.float32) * schedule(np.int64(5))).dtype == np.float32


@every
def test_readable_comparable_and_picklable(schedule):
    assert eval(repr(schedule)) == schedule == pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule)
    assert [other for other in ALL if other == schedule] == [schedule]
    assert schedule != 0.3 and schedule != repr(schedule)


@every
def test_frozen(schedule):
    with pytest.raises(AttributeError):
        schedule.steps = 3


def test_a_rate_for_each_network():
    rates = np.array([0.1, 0.2, 0.3])
    makers = [constant, lambda r: step_decay(r, 7), lambda r: exponential_decay(r, 0.9),
              lambda r: inverse_decay(r, 0.1), lambda r: polynomial_decay(r, 40),
              lambda r: cosine_decay(r, 40, final=np.divide(r, 10)),
              lambda r: warmup(cosine_decay(r, 40), 5), lambda r: warmup(r, 5)]  # fmt: skip
    for make in makers:
        many, ones = make(rates), [make(rate) for rate in rates]
        assert all(np.array_equal(many(k), [one(k) for one in ones]) for k in STEPS)
        assert many == make(rates.tolist()) and many != make(rates + 1) and many != make(rates[:2])
        assert pickle.loads(pickle.dumps(many)) == many
        assert make(rates.astype(np.float32))(3).dtype == np.float32
    schedule = constant(rates)
    rates[:] = 7
    assert schedule(0)[0] == 0.1, "what was given is copied"


def test_a_momentum_may_rise():
    schedule = cosine_decay(0.5, 100, final=0.9)
    momenta = [schedule(k) for k in range(150)]
    assert momenta == sorted(momenta) and momenta[0] == 0.5 and momenta[-1] == 0.9
    assert polynomial_decay(0.0, 10, final=0.9)(5) == 0.45


@pytest.mark.parametrize("wrong, error, message", [
    (lambda: constant(-0.1), ValueError, r"rate: expected numbers in \[0, inf\), got -0.1"),
    (lambda: constant([0.1, np.nan]), ValueError, r"rate: expected numbers in \[0, inf\), got nan at \[1\]"),
    (lambda: constant(np.inf), ValueError, "rate: expected .* got inf"),
    (lambda: constant("fast"), TypeError, "rate: expected .* got text"),
    (lambda: constant(None), TypeError, "rate: expected an array, got None"),
    (lambda: exponential_decay(0.1, 0), ValueError, r"factor: expected numbers in \(0, 1\], got 0"),
    (lambda: exponential_decay(0.1, 1.1), ValueError, r"factor: expected numbers in \(0, 1\], got 1.1"),
    (lambda: step_decay(0.1, every=0), ValueError, "every: expected a positive integer, got 0"),
    (lambda: step_decay(0.1, every=2.5), TypeError, "every: expected an integer, got 2.5"),
    (lambda: inverse_decay(0.1, -1), ValueError, r"decay: expected numbers in \[0, inf\), got -1"),
    (lambda: inverse_decay(0.1, 1, power=-1), ValueError, "power: expected"),
    (lambda: polynomial_decay(0.1, 10, power=-1), ValueError, "power: expected"),
    (lambda: polynomial_decay(0.1, 10, final=-1), ValueError, "final: expected"),
    (lambda: cosine_decay(0.1, -10), ValueError, "steps: expected a positive integer, got -10"),
    (lambda: warmup(-1, 3), ValueError, "schedule: expected numbers"),
    (lambda: warmup("fast", 3), TypeError, "schedule: expected"),
    (lambda: warmup(0.1, 0), ValueError, "steps: expected a positive integer, got 0"),
    (lambda: constant(0.1)(-1), ValueError, "step: expected a number that is not negative, got -1"),
    (lambda: constant(0.1)(1.0), TypeError, "step: expected an integer, got 1.0"),
    (lambda: constant(0.1)(True), TypeError, "step: expected an integer, got True"),
])  # fmt: skip
def test_errors_name_the_argument(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_warmup_takes_any_function():
    rising = warmup(lambda k: 8.0 - k, steps=4)
    assert [rising(k) for k in range(8)] == [2.0, 4.0, 6.0, 8.0, 8.0, 7.0, 6.0, 5.0]


def torch_rates(make, rate=0.3):
    """The rates of a PyTorch scheduler, which is stepped after each step of its optimizer."""
    torch = peer("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
    scheduler, rates = make(torch.optim.lr_scheduler, optimizer), []
    for _ in STEPS:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.filterwarnings("ignore")  # of PyTorch's SequentialLR, about its own call of `step`
@pytest.mark.parametrize("ours, theirs", [
    (constant(0.3), lambda lr, o: lr.ConstantLR(o, factor=1.0)),
    (step_decay(0.3, 7, 0.5), lambda lr, o: lr.StepLR(o, step_size=7, gamma=0.5)),
    (exponential_decay(0.3, 0.93), lambda lr, o: lr.ExponentialLR(o, gamma=0.93)),
    (inverse_decay(0.3, 0.2, 0.75), lambda lr, o: lr.LambdaLR(o, lambda k: (1 + 0.2 * k) ** -0.75)),
    (polynomial_decay(0.3, 40, 2.0), lambda lr, o: lr.PolynomialLR(o, total_iters=40, power=2.0)),
    (polynomial_decay(0.3, 40, final=0.03), lambda lr, o: lr.LinearLR(o, 1.0, 0.1, total_iters=40)),
    (warmup(0.3, 9), lambda lr, o: lr.LinearLR(o, 1 / 9, 1.0, total_iters=8)),
    (warmup(step_decay(0.3, 7), 9), lambda lr, o: lr.SequentialLR(
        o, [lr.LinearLR(o, 1 / 9, 1.0, total_iters=8), lr.StepLR(o, 7)], milestones=[9])),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_pytorch(ours, theirs):
    """PyTorch multiplies the rate of the step before, so its rounding adds up."""
    peer("torch")
    np.testing.assert_allclose([ours(k) for k in STEPS], torch_rates(theirs), rtol=1e-12, atol=1e-15)


def test_pytorch_cosine_up_to_its_end():
    """PyTorch's goes up again after T_max; ours, like optax', stays."""
    peer("torch")
    ours, theirs = cosine_decay(0.3, 40, 0.03), torch_rates(lambda lr, o: lr.CosineAnnealingLR(o, 40, eta_min=0.03))
    np.testing.assert_allclose([ours(k) for k in range(41)], theirs[:41], rtol=1e-12)
    assert theirs[50] > 0.03 == ours(50)


@pytest.mark.parametrize("ours, theirs", [
    (constant(0.3), lambda s: s.constant_schedule(0.3)),
    (step_decay(0.3, 7, 0.5), lambda s: s.exponential_decay(0.3, 7, 0.5, staircase=True)),
    (exponential_decay(0.3, 0.93), lambda s: s.exponential_decay(0.3, 1, 0.93)),
    (polynomial_decay(0.3, 40, 2.0, 0.03), lambda s: s.polynomial_schedule(0.3, 0.03, 2.0, 40)),
    (cosine_decay(0.3, 40, 0.03), lambda s: s.cosine_decay_schedule(0.3, 40, alpha=0.1)),
    (warmup(cosine_decay(0.3, 40), 9), lambda s: s.join_schedules(
        [s.linear_schedule(0.3 / 9, 0.3, 8), s.cosine_decay_schedule(0.3, 40)], [9])),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_optax(ours, theirs):
    """optax computes in float32."""
    schedule = theirs(peer("optax").schedules)
    np.testing.assert_allclose([ours(k) for k in STEPS], [float(schedule(k)) for k in STEPS], rtol=3e-6, atol=3e-8)


def test_scikit_learn_invscaling():
    """Its rate of step k, counted from 0, is rate / (k + 1) ** power."""
    module = peer("sklearn.neural_network._stochastic_optimizers")
    theirs = module.SGDOptimizer([np.zeros(1)], 0.3, "invscaling", power_t=0.75)
    ours = inverse_decay(0.3, decay=1, power=0.75)
    for k in STEPS:
        theirs.iteration_ends(k)
        assert theirs.learning_rate == pytest.approx(ours(k), rel=1e-14)
