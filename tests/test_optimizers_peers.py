"""SGD step by step beside PyTorch, optax, Keras and scikit-learn, each in its own convention."""
import os
import warnings

import numpy as np
import pytest
from conftest import peer

from nnnotes.optimizers import SGD

STEPS = 40
SHAPES = (3, 2), (2,)
NOISE = [[np.random.default_rng([k, n]).normal(size=shape) for n, shape in enumerate(SHAPES)] for k in range(STEPS)]
CURVATURES = np.linspace(0.5, 3.0, 6).reshape(3, 2), np.array([1.0, 2.0])
RATES = {"constant": 0.1, "falling": lambda k: 0.15 / (1 + 0.3 * k), "stairs": lambda k: 0.2 * 0.5 ** (k // 7)}
MOMENTA = {"kept": 0.9, "rising": lambda k: 0.5 + 0.4 * k / STEPS}

dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
nesterovs = pytest.mark.parametrize("nesterov", [False, True])
rates = pytest.mark.parametrize("rate", RATES.values(), ids=RATES)
momenta = pytest.mark.parametrize("momentum", MOMENTA.values(), ids=MOMENTA)
freezing = pytest.mark.parametrize("freezing", [False, True])


def start(dtype):
    """A matrix and a vector."""
    return [np.random.default_rng(n).normal(size=shape).astype(dtype) for n, shape in enumerate(SHAPES)]


def slopes(k, arrays, freezing=False):
    """Gradients of a noisy valley in step k; while frozen, the matrix or the vector has none, at first and later on."""
    frozen = {0: 0, 1: 0, 9: 1, 10: 1, 11: 1, 20: 0}.get(k) if freezing else None
    triples = zip(arrays, CURVATURES, NOISE[k], strict=True)
    found = [(c * a + noise).astype(a.dtype) for a, c, noise in triples]
    return [None if n == frozen else g for n, g in enumerate(found)]


def at(setting, k):
    """A number: the setting, or what the schedule says for step k."""
    return setting(k) if callable(setting) else setting


def ours(dtype, freezing=False, **options):
    """All parameters after each step of ours."""
    optimizer, arrays = SGD(**options), start(dtype)
    for k in range(STEPS):
        arrays = optimizer.step(arrays, slopes(k, arrays, freezing))
        yield arrays


def assert_equal_steps(dtype, found, wanted):
    """Two histories agree in each step within the rounding of this many steps."""
    close = {"rtol": 64 * np.finfo(dtype).eps, "atol": 64 * np.finfo(dtype).eps}
    steps = 0
    for k, (one, other) in enumerate(zip(found, wanted, strict=True)):
        for a, b in zip(one, other, strict=True):
            assert a.dtype == b.dtype == dtype
            np.testing.assert_allclose(a, b, **close, err_msg=f"step {k}")
        steps += 1
    assert steps == STEPS


def torch_steps(dtype, freezing, learning_rate, momentum=0.0, **options):
    """All parameters after each step of PyTorch's."""
    torch = peer("torch")
    tensors = [torch.tensor(array, requires_grad=True) for array in start(dtype)]
    optimizer = torch.optim.SGD(tensors, at(learning_rate, 0), at(momentum, 0), **options)
    for k in range(STEPS):
        optimizer.param_groups[0] |= {"lr": at(learning_rate, k), "momentum": at(momentum, k)}
        for tensor, slope in zip(tensors, slopes(k, [t.detach().numpy() for t in tensors], freezing), strict=True):
            tensor.grad = None if slope is None else torch.from_numpy(slope)
        optimizer.step()
        yield [tensor.detach().numpy().copy() for tensor in tensors]


@dtypes
@nesterovs
@rates
@momenta
@freezing
def test_pytorch(dtype, nesterov, rate, momentum, freezing):
    peer("torch")
    options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov, "weight_decay": 0.05}
    assert_equal_steps(dtype, ours(dtype, freezing, **options), torch_steps(dtype, freezing, **options))


@dtypes
@freezing
@pytest.mark.parametrize("options", [
    {}, {"weight_decay": 0.3}, {"momentum": 0.8, "dampening": 0.4},
    {"momentum": 0.8, "dampening": 0.4, "weight_decay": 0.3},
], ids=str)  # fmt: skip
def test_pytorch_decay_and_dampening(dtype, freezing, options):
    peer("torch")
    options = {"learning_rate": RATES["falling"], **options}
    assert_equal_steps(dtype, ours(dtype, freezing, **options), torch_steps(dtype, freezing, **options))


@nesterovs
@rates
def test_pytorch_from_our_velocity_with_the_rate_in_it(nesterov, rate):
    """A velocity of changes that is rescaled with the rate makes PyTorch's steps, also where the rate changes."""
    peer("torch")
    options = {"learning_rate": rate, "momentum": 0.9, "nesterov": nesterov}
    mine = ours(np.float64, rate_in_velocity=True, rescale_velocity=True, **options)
    assert_equal_steps(np.float64, mine, torch_steps(np.float64, False, **options))


def test_a_schedule_makes_the_conventions_differ():
    """Or the comparisons above and below would not tell them apart."""
    options = {"learning_rate": RATES["falling"], "momentum": 0.9}
    with pytest.raises(AssertionError, match="step 1"):
        assert_equal_steps(np.float64, ours(np.float64, **options), ours(np.float64, rate_in_velocity=True, **options))


def optax_steps(dtype, learning_rate, momentum=None, nesterov=False, weight_decay=0.0):
    """All parameters after each step of optax'."""
    optax, jax = peer("optax"), peer("jax")

    def chain(learning_rate, momentum=None):
        return optax.chain(optax.add_decayed_weights(weight_decay), optax.sgd(learning_rate, momentum, nesterov))

    first = {"learning_rate": at(learning_rate, 0)} | ({} if momentum is None else {"momentum": at(momentum, 0)})
    with jax.enable_x64(True):
        optimizer, arrays, made = optax.inject_hyperparams(chain)(**first), start(dtype), []
        state = optimizer.init([jax.numpy.asarray(array) for array in arrays])
        for k in range(STEPS):
            state.hyperparams["learning_rate"] = jax.numpy.asarray(at(learning_rate, k), dtype)
            if momentum is not None:
                state.hyperparams["momentum"] = jax.numpy.asarray(at(momentum, k), dtype)
            updates, state = optimizer.update(slopes(k, arrays), state, arrays)
            arrays = [np.asarray(array) for array in optax.apply_updates(arrays, updates)]
            made.append(arrays)
    return made


@dtypes
@nesterovs
@rates
@momenta
def test_optax(dtype, nesterov, rate, momentum):
    options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov, "weight_decay": 0.05}
    assert_equal_steps(dtype, ours(dtype, **options), optax_steps(dtype, **options))


@dtypes
@rates
def test_optax_without_momentum(dtype, rate):
    assert_equal_steps(dtype, ours(dtype, learning_rate=rate), optax_steps(dtype, learning_rate=rate))


def keras_steps(dtype, freezing, learning_rate, momentum=0.0, nesterov=False):
    """All parameters after each step of Keras'."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras, jax = peer("keras"), peer("jax")
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist for variables")  # those that are frozen
        made, variables = [], [keras.Variable(array, dtype=np.dtype(dtype).name) for array in start(dtype)]
        optimizer = keras.optimizers.SGD(at(learning_rate, 0), at(momentum, 0), nesterov)
        optimizer.build(variables)
        for k in range(STEPS):
            optimizer.learning_rate, optimizer.momentum = at(learning_rate, k), at(momentum, k)
            optimizer.apply(slopes(k, [np.asarray(v.value) for v in variables], freezing), variables)
            made.append([np.asarray(variable.value) for variable in variables])
    return made


@nesterovs
@rates
@momenta
@freezing
def test_keras(nesterov, rate, momentum, freezing):
    """In float32: Keras keeps its learning rate in that type."""
    options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov}
    found = ours(np.float32, freezing, rate_in_velocity=True, **options)
    assert_equal_steps(np.float32, found, keras_steps(np.float32, freezing, **options))


@rates
def test_keras_without_momentum(rate):
    found = ours(np.float32, rate_in_velocity=True, learning_rate=rate)
    assert_equal_steps(np.float32, found, keras_steps(np.float32, False, learning_rate=rate))


def sklearn_steps(dtype, learning_rate, momentum=0.0, nesterov=False):
    """All parameters after each step of scikit-learn's, which writes to them."""
    module = peer("sklearn.neural_network._stochastic_optimizers")
    arrays = start(dtype)
    optimizer = module.SGDOptimizer(arrays, at(learning_rate, 0), "constant", at(momentum, 0), nesterov)
    for k in range(STEPS):
        optimizer.learning_rate, optimizer.momentum = at(learning_rate, k), at(momentum, k)
        optimizer.update_params(arrays, slopes(k, arrays))
        yield [array.copy() for array in arrays]


@dtypes
@nesterovs
@rates
@momenta
def test_scikit_learn_to_the_bit(dtype, nesterov, rate, momentum):
    options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov}
    pairs = zip(ours(dtype, rate_in_velocity=True, **options), sklearn_steps(dtype, **options), strict=True)
    assert all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))
