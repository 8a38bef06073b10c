"""SGD: every option against the formulas typed again, parameters of all forms, states, schedules, and errors."""
import copy
import inspect
import itertools
import pickle
import re

import numpy as np
import pytest
import sympy as sp

from nnnotes import optimizers
from nnnotes.optimizers import SGD, momentum_step
from nnnotes.proof import ProofError, prove, symbols

OPTIONS = [
    dict(zip(("momentum", "nesterov", "rate_in_velocity", "dampening", "weight_decay"), values, strict=True))
    for values in itertools.product((0.0, 0.9), (False, True), (False, True), (0.0, 0.3), (0.0, 0.01))
    if not values[3] or (values[0] and not values[1])  # dampening needs momentum, and not Nesterov's
]


def rate(step):
    """A learning rate that rises and falls."""
    return 0.1 / (1 + abs(step - 3))


def written_again(w, gradients, rates, momentum, nesterov, rate_in_velocity, dampening, weight_decay):
    """The rules as their documents have them: PyTorch's with the rate outside, Keras's inside."""
    v = None
    for g, eta in zip(gradients, rates, strict=True):
        g = g + weight_decay * w
        share = g if v is None else (1 - dampening) * g
        v = 0 * w if v is None else v
        if rate_in_velocity:
            v = momentum * v - eta * share
            w = w + (momentum * v - eta * share if nesterov else v)
        else:
            v = momentum * v + share
            w = w - eta * (share + momentum * v if nesterov else v)
    return w


def steps(optimizer, w, gradients):
    for g in gradients:
        w = optimizer.step(w, g)
    return w


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_combination_makes_the_steps_of_its_rule(options, dtype):
    rng = np.random.default_rng(0)
    w, gradients = rng.normal(size=(4, 3)).astype(dtype), rng.normal(size=(9, 4, 3)).astype(dtype)
    found = steps(SGD(rate, **options), w, gradients)
    assert found.dtype == dtype
    wanted = written_again(w.astype(float), gradients.astype(float), map(rate, range(9)), **options)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=40 * np.finfo(dtype).eps)


@pytest.mark.parametrize("nesterov", [False, True])
def test_rescaled_velocity_makes_the_steps_of_the_other_convention(nesterov):
    gradients = np.random.default_rng(1).normal(size=(12, 5))
    outside = steps(SGD(rate, 0.9, nesterov), np.ones(5), gradients)
    inside = steps(SGD(rate, 0.9, nesterov, True, rescale_velocity=True), np.ones(5), gradients)
    plain = steps(SGD(rate, 0.9, nesterov, True), np.ones(5), gradients)
    np.testing.assert_allclose(inside, outside, rtol=1e-13)
    assert abs(plain - outside).max() > 0.01


def test_forms_of_parameters_come_back_as_they_were_given():
    W, b = np.ones((2, 3)), np.zeros(3)
    alone = SGD(0.5, 0.9).step(W, W)
    for form in ([W, b], (W, b), {"W": W, "b": b}):
        gradient = {"W": W, "b": b} if isinstance(form, dict) else [W, b]
        new = SGD(0.5, 0.9).step(form, gradient)
        assert type(new) is type(form) and len(new) == 2
        np.testing.assert_array_equal(new["W" if isinstance(form, dict) else 0], alone)
    numbers = SGD(0.5).step([1, 2], [2, 2])
    assert numbers.dtype == float and numbers.tolist() == [0.0, 1.0]
    assert SGD(0.5).step(3.0, 1.0) == 2.5
    assert (W == 1).all() and (b == 0).all()


def test_a_frozen_array_stays_and_one_with_a_gradient_of_zero_goes_on():
    options = {"momentum": 0.5, "weight_decay": 0.5}
    optimizer, W = SGD(0.1, **options), np.array([1.0])
    first = optimizer.step([W, W], [W, W])
    frozen, coasting = optimizer.step(first, [None, 0 * W])
    assert frozen == first[0] and coasting < first[1]
    after = optimizer.step([frozen, coasting], [W, W])[0]
    again = SGD(0.1, **options)
    assert after == again.step(again.step(W, W), W)  # as if the step between had not been


def test_a_frozen_array_has_its_first_velocity_when_it_thaws():
    optimizer, W = SGD(0.1, 0.5, dampening=0.5), np.array([1.0])
    parameters = optimizer.step([W, W], [W, None])
    assert optimizer.step(parameters, [W, W])[1] == SGD(0.1).step(W, W)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_replicas_have_rates_and_momenta_of_their_own(dtype):
    rng, rates, momenta = np.random.default_rng(2), [0.1, 0.2, 0.3], [0.0, 0.5, 0.9]
    W, gradients = rng.normal(size=(7, 3)).astype(dtype), rng.normal(size=(5, 7, 3)).astype(dtype)
    together = steps(SGD(lambda step: np.array(rates) / (1 + step), momenta), W, gradients)
    assert together.dtype == dtype
    for r in range(3):
        alone = steps(SGD(lambda step, r=r: rates[r] / (1 + step), momenta[r]), W[:, r], gradients[..., r])
        np.testing.assert_allclose(together[:, r], alone, rtol=4 * np.finfo(dtype).eps)


def test_schedules_get_the_number_of_the_step():
    asked = {"rate": [], "momentum": []}

    def schedule(name):
        return lambda step: asked[name].append(step) or np.float64(0.5)

    w = steps(SGD(schedule("rate"), schedule("momentum")), np.ones(1, np.float32), np.ones((3, 1), np.float32))
    assert asked == {"rate": [0, 1, 2], "momentum": [0, 1, 2]}
    assert w.dtype == np.float32


def test_no_argument_is_written_to_and_no_result_is_shared():
    w, g = np.ones(3), np.ones(3)
    w.setflags(write=False)
    g.setflags(write=False)
    optimizer = SGD(0.0, 0.9)
    new = optimizer.step(w, g)
    assert not np.shares_memory(new, w)
    state = optimizer.state()
    state["velocity"][0] += 1
    assert optimizer.velocity.tolist() == [1, 1, 1]


@pytest.mark.parametrize("options", [{}, {"rate_in_velocity": True, "rescale_velocity": True}, {"nesterov": True}])
@pytest.mark.parametrize("how", ["state", "pickle", "deepcopy"])
def test_a_saved_state_goes_on_to_the_bit(options, how):
    gradients = np.random.default_rng(3).normal(size=(8, 2, 3))
    whole = steps(SGD(rate, 0.9, **options), np.ones((2, 3)), gradients)
    first = SGD(rate, 0.9, **options)
    w = steps(first, np.ones((2, 3)), gradients[:4])
    second = SGD(rate, 0.9, **options)
    if how == "state":
        second.load_state(first.state())
    else:
        second = pickle.loads(pickle.dumps(first)) if how == "pickle" else copy.deepcopy(first)
    assert second.steps == 4
    np.testing.assert_array_equal(steps(second, w, gradients[4:]), whole)


W = np.ones(3)
WRONG_ARGUMENTS = {
    "a negative rate": (lambda: SGD(-0.1), ValueError, "learning_rate: expected numbers in [0, inf), got -0.1"),
    "an infinite rate": (lambda: SGD(np.inf), ValueError, "learning_rate: expected numbers in [0, inf), got inf"),
    "a rate that is none": (lambda: SGD(np.nan), ValueError, "learning_rate: expected numbers in [0, inf), got nan"),
    "a word": (lambda: SGD("fast"), TypeError, "learning_rate: "),
    "a momentum of 1": (lambda: SGD(0.1, 1), ValueError, "momentum: expected numbers in [0, 1), got 1.0"),
    "one of many": (lambda: SGD(0.1, [0.5, -1]), ValueError, "momentum: expected numbers in [0, 1), got -1.0 at [1]"),
    "dampening": (lambda: SGD(0.1, 0.9, dampening=1.5), ValueError, "dampening: expected numbers in [0, 1), got 1.5"),
    "dampening with Nesterov": (
        lambda: SGD(0.1, 0.9, True, dampening=0.5), ValueError,
        "dampening: expected 0 with Nesterov's momentum, got 0.5"),
    "decay": (lambda: SGD(0.1, weight_decay=-1), ValueError, "weight_decay: expected numbers in [0, inf), got -1.0"),
    "nothing to rescale": (
        lambda: SGD(0.1, rescale_velocity=True), ValueError,
        "rescale_velocity: expected False with a "),
    "a schedule that goes below 0": (
        lambda: steps(SGD(lambda n: 1 - n), W, [W] * 3), ValueError,
        "learning_rate(2): expected numbers in [0, inf), got -1.0"),
    "another shape": (
        lambda: SGD(0.1).step(W, W[:2]), ValueError, "gradient: expected the shape of the parameters, (3,)"),
    "NaN": (
        lambda: steps(SGD(0.1), W, [W, [0, 1, np.nan]]), ValueError,
        "gradient: expected finite numbers, got nan at [2] in step 1"),
    "a number that float32 does not hold": (
        lambda: SGD(0.1).step(np.ones(1, np.float32), [1e300]), ValueError,
        "gradient: expected finite numbers, got inf"),
    "divergence": (
        lambda: SGD(1e300).step(W, 1e300 * W), ValueError,
        "parameters: expected finite numbers, got -inf at [0] after step 0: take a smaller learning rate"),
    "a velocity that overflows": (
        lambda: steps(SGD(0.0, 0.9), W, [1.7e308 * W] * 2), ValueError,
        "parameters: expected finite numbers, got inf at [0] after step 1"),
    "dampening without momentum": (
        lambda: SGD(0.1, dampening=0.5), ValueError, "dampening: expected 0 where there is no momentum, got 0.5"),
    "a class of schedules": (
        lambda: SGD(optimizers.constant), TypeError,
        "learning_rate: expected a number or a schedule, got a class: write constant(0.1)"),
    "a nested list": (
        lambda: SGD(0.1).step([(W, W)], [(W, W)]), TypeError,
        "parameters: expected arrays, or one list of them, got a nested list: write [W1, b1, W2, b2]"),
    "parameters that are NaN": (
        lambda: SGD(0.1).step(W * np.nan, W), ValueError, "parameters: expected finite numbers, got nan at [0] before"),
    "a flag that is a word": (
        lambda: SGD(0.1, nesterov="False"), TypeError, "nesterov: expected True or False, got 'False'"),
    "keys that are a number": (
        lambda: SGD(0.1).load_state({"steps": 1, "rate": 0.1, "keys": 3, "velocity": [[1.0]]}), TypeError,
        "state['keys']: expected a list, or None for one array"),
    "no gradient": (lambda: SGD(0.1).step(W, None), TypeError, "gradient: expected numbers, got None: "),
    "a list for a dict": (lambda: SGD(0.1).step({"W": W}, [W]), ValueError, "gradient: expected one for each of ['W']"),
    "an array for a list": (lambda: SGD(0.1).step([W], W), TypeError, "gradient: expected a list as for parameters"),
    "one too few": (lambda: SGD(0.1).step([W, W], [W]), ValueError, "gradient: expected one for each of [0, 1]"),
    "another name": (lambda: SGD(0.1).step({"W": W}, {"b": W}), ValueError, "gradient: expected one for each of ['W']"),
    "rates that do not fit": (
        lambda: SGD([0.1, 0.2]).step(W, W), ValueError,
        "learning_rate: expected a shape that broadcasts to the parameters"),
    "rates that would make the parameters larger": (
        lambda: SGD(np.ones((2, 3))).step(W, W), ValueError, "learning_rate: expected a shape that broadcasts"),
    "rescaling from 0": (
        lambda: steps(SGD(lambda n: 0.1 * n, 0.9, False, True, rescale_velocity=True), W, [W] * 2), ValueError,
        "rescale_velocity: expected rates above 0, got 0 in the step before: write rate_in_velocity=False"),
    "a state that is none": (
        lambda: SGD(0.1).load_state({"steps": 1}), ValueError, "state: expected a dict with steps, "),
    "a broken state": (
        lambda: SGD(0.1).load_state({"steps": 1, "rate": 0.1, "keys": None, "velocity": [[np.nan]]}), ValueError,
        "state['velocity']: expected finite numbers"),
    "steps below 0": (
        lambda: SGD(0.1).load_state({"steps": -1, "rate": None, "keys": None, "velocity": None}), ValueError,
        "state['steps']: expected"),
    "complex parameters": (lambda: SGD(0.1).step(W * 1j, W), TypeError, "parameters: "),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_ARGUMENTS)
def test_what_makes_no_sense_is_refused_by_name(what):
    call, kind, message = WRONG_ARGUMENTS[what]
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_an_error_leaves_the_state_as_it_was():
    optimizer = SGD(0.1, 0.9)
    W1 = optimizer.step([W, W], [W, W])
    before = optimizer.state()
    with pytest.raises(ValueError, match="in step 1"):
        optimizer.step(W1, [W, W * np.nan])
    np.testing.assert_equal(optimizer.state(), before)


def test_other_parameters_are_refused():
    optimizer = SGD(0.1, 0.9)
    optimizer.step(W, W)
    for other in (np.ones(4), np.ones((3, 1))):
        with pytest.raises(ValueError, match=r"parameters: expected those of the steps before, \(3,\), got \("):
            optimizer.step(other, other)
    with pytest.raises(ValueError, match=r"before, \(3,\), got \[0\] \(3,\), \[1\] \(3,\): write a new SGD"):
        optimizer.step([W, W], [W, W])
    named = SGD(0.1, 0.9)
    named.step({"W": W}, {"W": W})
    with pytest.raises(ValueError, match=r"expected those of the steps before, \['W'\] \(3,\), got \['V'\] \(3,\)"):
        named.step({"V": W}, {"V": W})


def test_velocities_belong_to_their_keys():
    optimizer, other = SGD(0.1, 0.9), SGD(0.1, 0.9)
    first = optimizer.step({"W": W, "b": 2 * W}, {"W": W, "b": 10 * W})
    other.load_state(optimizer.state())
    turned = {"b": first["b"], "W": first["W"]}
    for one in (optimizer, other):
        second = one.step(turned, {"b": 0 * W, "W": 0 * W})
        np.testing.assert_allclose(second["W"], first["W"] - 0.09, rtol=1e-14)
        np.testing.assert_allclose(second["b"], first["b"] - 0.9, rtol=1e-14)
    assert list(second) == ["b", "W"]


def test_an_array_of_rates_is_copied():
    rates = np.array([0.1, 0.2])
    optimizer = SGD(rates, 0.9, rate_in_velocity=True, rescale_velocity=True)
    w = optimizer.step(np.ones(2), np.ones(2))
    optimizer.learning_rate *= 0.5
    assert rates.tolist() == [0.1, 0.2]
    np.testing.assert_allclose(optimizer.step(w, np.zeros(2)), w - 0.9 * rates / 2, rtol=1e-14)


def test_options_may_be_set_later_and_are_checked_then():
    optimizer, w = SGD(0.1, 0.9), np.ones(2, np.float32)
    optimizer.learning_rate, optimizer.momentum = np.float64(1), 0
    assert optimizer.step(w, w).tolist() == [0, 0] and optimizer.step(w, w).dtype == np.float32
    for name, value, message in (
        ("learning_rate", -1, "learning_rate: expected numbers in [0, inf), got -1.0"),
        ("momentum", [0.5, 1.5], "momentum: expected numbers in [0, 1), got 1.5 at [1]"),
        ("dampening", 0.5, "dampening: expected 0 where there is no momentum, got 0.5"),
        ("rescale_velocity", True, "rescale_velocity: expected False with a velocity that holds no rate, got True"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            setattr(optimizer, name, value)
    with pytest.raises(AttributeError, match="SGD: expected one of learning_rate, momentum, .*, got lr"):
        optimizer.lr = 0.01
    assert repr(optimizer) == "SGD(1.0)"


def test_a_state_comes_back_from_a_file_of_numpy(tmp_path):
    first, second = SGD(0.1, 0.9), SGD(0.1, 0.9)
    w = first.step(np.ones(3), np.ones(3))
    np.savez(tmp_path / "state.npz", **first.state())
    with np.load(tmp_path / "state.npz", allow_pickle=True) as file:
        second.load_state(dict(file))
    np.testing.assert_array_equal(second.step(w, w), first.step(w, w))


def test_a_velocity_may_be_rescaled_to_rest():
    optimizer = SGD(lambda step: max(0.2 - 0.1 * step, 0), 0.9, False, True, rescale_velocity=True)
    assert steps(optimizer, W, [W] * 4).tolist() == pytest.approx([1 - 0.2 - 0.19] * 3)


def test_tensors_in_a_list_are_parts():
    torch = pytest.importorskip("torch")
    tensors = [torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
    new = SGD(0.5).step(tensors, [np.ones(2), None])
    assert [part.tolist() for part in new] == [[0.5, 0.5], [0, 0]]


def test_an_optimizer_shows_what_differs_from_plain_descent():
    assert repr(SGD(0.1)) == "SGD(0.1)"
    shown = repr(SGD(0.1, 0.9, True, weight_decay=0.01))
    assert shown == "SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01)"
    assert eval(shown, {"SGD": SGD}).nesterov is True


# the rule, and slips in it

w, g, v = symbols("w", 3), symbols("g", 3), symbols("v", 3)
ETA, MU = symbols("eta", positive=True), symbols("mu", positive=True)


def prove_delta_rule(step):
    """New weight = old one - rate * gradient + momentum * the change before, in both conventions; and Nesterov's."""
    change = -ETA * g + MU * (-ETA * v)
    prove(step, (w + change, -change / ETA), w, g, v, ETA, MU)
    inside = {"rate_in_velocity": True}
    prove(lambda *a: step(a[0], a[1], ETA_V(a[2], a[3]), *a[3:], **inside), (w + change, -change), w, g, v, ETA, MU)
    ahead = w + ETA * MU * v  # where Nesterov's rule stands if w is where it looks
    v_next = MU * v + g
    look = ahead - ETA * v_next - ETA * MU * v_next
    prove(step, (look, v_next), w, g, v, ETA, MU, nesterov=True)
    prove(
        lambda *a: step(a[0], a[1], ETA_V(a[2], a[3]), *a[3:], nesterov=True, **inside),
        (look, ETA * v_next), w, g, v, ETA, MU,
    )  # fmt: skip


def ETA_V(v, eta):
    return eta * v


def test_the_step_is_the_delta_rule():
    prove_delta_rule(momentum_step)


SLIPS = {
    "uphill": ("return w - (", "return w + ("),
    "the rate twice": ("else rate * move", "else rate * rate * move"),
    "the rate twice, inside": ("(move if rate_in_velocity", "(rate * move if rate_in_velocity"),
    "no rate": ("else rate * move", "else move"),
    "the previous weight": ("v = momentum * v + push", "v = momentum * w + push"),
    "no momentum": ("v = momentum * v + push", "v = push"),
    "the momentum on the gradient, too": ("v = momentum * v + push", "v = momentum * (v + push)"),
    "a moving average": ("v = momentum * v + push", "v = momentum * v + (1 - momentum) * push"),
    "no rate in the velocity": ("push = rate * g if rate_in_velocity else g", "push = g"),
    "Nesterov with the old velocity": ("move = momentum * v + push if", "move = momentum * (v - push) + push if"),
    "Nesterov is classical": ("move = momentum * v + push if nesterov else v", "move = v"),
    "Nesterov always": ("move = momentum * v + push if nesterov else v", "move = momentum * v + push"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_rule_stops_the_proof(slip):
    right, wrong = SLIPS[slip]
    source = inspect.getsource(momentum_step)
    assert source.count(right) == 1
    namespace = dict(vars(optimizers))
    exec("from __future__ import annotations\n" + source.replace(right, wrong), namespace)
    with pytest.raises(ProofError):
        prove_delta_rule(namespace["momentum_step"])


def test_velocity_is_the_fading_sum_of_all_gradients():
    gradients, velocity = symbols("g", 5), 0
    for gradient in gradients:
        velocity = momentum_step(0, gradient, velocity, 1, MU)[1]
    assert sp.expand(velocity - sum(MU ** (4 - n) * gradients[n] for n in range(5))) == 0
