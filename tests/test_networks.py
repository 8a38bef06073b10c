"""Networks: against PyTorch; parameters as views; files, damaged and whole; what is refused; R networks at once."""
import copy
import os
import pickle
import zipfile
from functools import partial

import numpy as np
import pytest
from conftest import peer

from nnnotes import losses, networks
from nnnotes.activations import identity, leaky_relu, logistic, relu, scaled_tanh, softplus, tanh
from nnnotes.networks import (
    MLP,
    Replicas,
    glorot_normal,
    glorot_uniform,
    he_normal,
    lecun_normal,
    orthogonal,
    uniform,
)

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SQUARED = losses.squared_error_value_and_grad
KNOWN = tanh, scaled_tanh(1.25, 0.75), logistic, softplus, relu, leaky_relu(0.125), identity
ACTIVATIONS = {f.name: f for f in KNOWN}
X = np.random.default_rng(1).normal(size=(3, 4))
MATRIX = np.array([[1.0, 0.5], [0.25, 1], [0.125, 0.5]])


class Sine:
    """An activation of the user's."""

    def __call__(self, z):
        return np.sin(z)

    def derivative(self, z):
        return np.cos(z)


# Against PyTorch


def torch_activation(torch, f):
    """The same function of tensors."""
    functional = torch.nn.functional
    return {
        "tanh": torch.tanh, "scaled_tanh(a=1.25, b=0.75)": lambda z: 1.25 * torch.tanh(0.75 * z),
        "logistic": torch.sigmoid, "softplus": lambda z: functional.softplus(z, threshold=1e9), "relu": torch.relu,
        "leaky_relu(slope=0.125)": lambda z: functional.leaky_relu(z, 0.125), "identity": lambda z: z,
    }[f.name]  # fmt: skip


def torch_loss(torch, name, Y):
    """Value, from the definition; our loss beside it, and its target."""
    targets, labels = np.linspace(0.1, 0.9, 6).reshape(3, 2), [2, 0, 1]
    T, H = torch.tensor(targets, dtype=Y.dtype), torch.tensor(MATRIX, dtype=Y.dtype)[labels]
    logs = torch.log_softmax(Y, 1)
    value = {
        "infogain": -(H * logs).sum(1).mean(), "expected_distance": (H * logs.exp()).sum(1).mean(),
        "squared_error": ((Y - T) ** 2).sum(1).mean() / 2,
        "binary_cross_entropy": 2 * torch.nn.functional.binary_cross_entropy_with_logits(Y, T),
    }[name]  # fmt: skip
    matrix = {"infogain": {"H": MATRIX}, "expected_distance": {"D": MATRIX}}.get(name, {})
    return value, partial(getattr(losses, f"{name}_value_and_grad"), **matrix), labels if matrix else targets


@dtypes
@pytest.mark.parametrize("loss", ["infogain", "expected_distance", "squared_error", "binary_cross_entropy"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_is_that_of_pytorch(name, loss, dtype):
    torch = peer("torch")
    net = MLP([4, 6, 5, 2], [ACTIVATIONS[name]] * 2 + [identity], rng=0, dtype=dtype)
    net.parameters += 0.1 * np.random.default_rng(2).normal(size=net.parameters.shape)  # biases other than 0
    inputs = torch.tensor(X.astype(dtype), requires_grad=True)
    leaves = [torch.tensor(np.array(part), requires_grad=True) for part in (*net.weights, *net.biases)]
    A, f = inputs, torch_activation(torch, ACTIVATIONS[name])
    for n in range(3):
        A = A @ leaves[n] + leaves[3 + n]
        A = f(A) if n < 2 else A
    theirs, function, target = torch_loss(torch, loss, A)
    theirs.backward()
    value, gradient = net.value_and_grad(X, target, function)
    dX = net.backward(X, function(net.forward(X), target)[1])[1]
    tolerance = 50 * np.finfo(dtype).eps
    assert value.dtype == gradient.dtype == dX.dtype == net.forward(X).dtype == dtype
    np.testing.assert_allclose(value, theirs.item(), rtol=tolerance)
    weights, biases = net.split(gradient)
    for ours, leaf in zip((*weights, *biases, dX), (*leaves, inputs), strict=True):
        np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=tolerance, atol=tolerance)


def test_weights_of_pytorch():
    torch = peer("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    weights = [theirs[n].weight.detach().numpy() for n in (0, 2)]
    biases = [theirs[n].bias.detach().numpy() for n in (0, 2)]
    net = MLP.from_arrays(weights, biases, orientation="outputs_first")
    assert net.dtype == np.float32
    expected = theirs(torch.tensor(X.astype(np.float32))).detach().numpy()
    np.testing.assert_allclose(net.forward(X), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match=r"weights\[0\]: expected an array, got a Parameter: Can't call numpy"):
        MLP.from_arrays([theirs[0].weight], [theirs[0].bias])


# The functions, and the class, which runs them


def test_the_class_runs_the_functions():
    net = MLP([4, 3, 2], rng=0)
    Z, A = networks.forward(X, net.weights, net.biases, net.activations)
    assert [z.shape for z in Z] == [(3, 3), (3, 2)] and A[0] is X and np.array_equal(A[-1], net.forward(X))
    dY = np.random.default_rng(0).normal(size=(3, 2))
    dW, db, dX = networks.backward(dY, net.weights, net.activations, Z, A)
    gradient, slopes = net.backward(X, dY)
    for ours, part in zip((dW, db), net.split(gradient), strict=True):
        assert all(map(np.array_equal, ours, part))
    assert np.array_equal(slopes, dX)


@pytest.mark.parametrize("sizes", [(4, 1), (4, 2, 3), (4, 1, 1, 1, 5), (4, 20, 7)])
@pytest.mark.parametrize("N", [0, 1, 3])
def test_any_sizes(sizes, N):
    """The gradient is what a central difference finds in a random direction."""
    net, targets = MLP(sizes, rng=0), np.ones((N, sizes[-1]))
    assert net.forward(X[:N]).shape == (N, sizes[-1])
    _, gradient = net.value_and_grad(X[:N], targets, SQUARED)
    direction = np.random.default_rng(0).normal(size=gradient.shape)
    ends = [net.with_parameters(net.parameters + h * direction).value_and_grad(X[:N], targets, SQUARED)[0]
            for h in (1e-6, -1e-6)]  # fmt: skip
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, gradient @ direction, rtol=1e-6, atol=1e-8)


def test_slope_far_out_does_not_vanish():
    net = MLP.from_arrays([[[1.0]], [[1.0]]], [[20.0], [0.0]])
    gradient, _ = net.backward([[0.0]], [[1.0]])
    assert gradient[1] == tanh.derivative(20.0) > 0


def test_complex_steps():
    """The imaginary part of the outputs is the slope in the direction of the step: by parameters, and by inputs."""
    net = MLP([4, 3, 2], rng=0)
    direction = np.random.default_rng(0).normal(size=net.parameters.shape)
    stepped = net.with_parameters(net.parameters + 1e-30j * direction).forward(X)
    assert stepped.dtype == np.complex128
    for n in range(2):
        dY = np.zeros((3, 2))
        dY[1, n] = 1
        gradient, dX = net.backward(X, dY)
        np.testing.assert_allclose(stepped[1, n].imag / 1e-30, gradient @ direction, rtol=1e-13)
        by_input = net.forward(X + 1e-30j)[1, n].imag / 1e-30
        np.testing.assert_allclose(by_input, dX[1].sum(), rtol=1e-13)


def test_inputs_and_parameters_are_not_written_to():
    net = MLP([4, 3, 2], rng=0)
    before, given, targets = net.parameters.copy(), X.copy(), np.ones((3, 2))
    net.value_and_grad(given, targets, SQUARED)
    assert np.array_equal(before, net.parameters) and np.array_equal(given, X) and (targets == 1).all()


def test_training():
    corners, xor = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    net = MLP([2, 3, 1], rng=0)
    for _ in range(300):
        net.parameters -= 0.5 * net.value_and_grad(corners, xor, SQUARED)[1]
    np.testing.assert_allclose(net.forward(corners), xor, atol=1e-3)


# Parameters: one vector and its views


def test_order_and_names():
    net = MLP([2, 3, 1], rng=0)
    assert net.names == ["W1[0, 0]", "W1[0, 1]", "W1[0, 2]", "W1[1, 0]", "W1[1, 1]", "W1[1, 2]",
                         "b1[0]", "b1[1]", "b1[2]", "W2[0, 0]", "W2[1, 0]", "W2[2, 0]", "b2[0]"]  # fmt: skip
    net.parameters[:] = range(13)
    assert net.weights[0].tolist() == [[0, 1, 2], [3, 4, 5]] and net.biases[0].tolist() == [6, 7, 8]
    assert net.weights[1].tolist() == [[9], [10], [11]] and net.biases[1].tolist() == [12]


def test_views():
    net = MLP([2, 3, 1], rng=0)
    assert net.parameters.flags.c_contiguous and net.parameters.shape == (13,)
    for part in (*net.weights, *net.biases):
        assert np.shares_memory(part, net.parameters)
    net.weights[1][2, 0] = 5
    assert net.parameters[11] == 5
    weights, biases = net.split(net.parameters)
    weights[0][:], biases[1][:] = 1, 2
    assert (net.parameters[:6] == 1).all() and net.parameters[12] == 2


def test_assignments_keep_the_views():
    """Each of these would cut the views off if Python's way had its way."""
    net = MLP([2, 1], rng=0)
    vector, W = net.parameters, net.weights[0]
    net.parameters = [1, 2, 3]
    net.parameters += 1
    net.weights[0] = [[5], [6]]
    net.weights[0] *= 2
    net.biases[-1] -= 1
    assert net.parameters is vector and net.weights[0] is W
    assert vector.tolist() == [10, 12, 3] and net.forward([[1, 0]]).tolist() == [[13]]
    with pytest.raises(ValueError, match=r"^parameters: expected shape \(3,\), got shape \(2,\)$"):
        net.parameters = [1, 2]
    with pytest.raises(TypeError):
        net.parameters = [1j, 2, 3]


def test_split_of_any_vector():
    net, strided = MLP([2, 3, 1], rng=0), np.arange(26.0)[::2]
    weights, biases = net.split(strided)
    assert all(np.shares_memory(part, strided) for part in (*weights, *biases))
    assert weights[0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert net.split(np.arange(13) * 1j)[1][1].dtype == np.complex128
    with pytest.raises(ValueError, match=r"^vector: expected shape \(13,\), got shape \(12,\)$"):
        net.split(np.ones(12))


@pytest.mark.parametrize("make", [MLP.copy, copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
                         ids=["copy", "copy.copy", "deepcopy", "pickle"])  # fmt: skip
@pytest.mark.parametrize("kind", [MLP, Replicas])
def test_copies_have_views_of_their_own_vector(make, kind):
    net = kind([2, 3, 1], relu, **{"rng": 0} if kind is MLP else {"rng": [0, 1]})
    made = make(net)
    assert type(made) is kind and made.activations == net.activations and made.sizes == net.sizes
    assert np.array_equal(made.parameters, net.parameters)
    made.weights[0][0, 0] = 7
    assert np.all(made.parameters[0] == 7)
    assert make is copy.copy or np.all(net.parameters[0] != 7)


@dtypes
def test_with_parameters(dtype):
    net, vector = MLP([2, 1], rng=0), np.arange(3, dtype=dtype)
    made = net.with_parameters(vector)
    vector[:] = 9
    assert made.dtype == dtype and made.parameters.tolist() == [0, 1, 2] and made.activations == net.activations
    assert net.with_parameters([1, 2, 3]).dtype == np.float64
    with pytest.raises(TypeError, match="^vector: expected float32, float64, complex64, complex128 or int.* float16"):
        net.with_parameters(np.ones(3, np.float16))


def test_repr():
    assert repr(MLP([4, 20, 7], rng=0)) == "MLP 4-20-7 (tanh, identity), 247 parameters, float64"
    assert repr(MLP([4, 7], Sine(), rng=0, dtype=np.float32)) == "MLP 4-7 (Sine), 35 parameters, float32"
    assert repr(Replicas([4, 7], rng=[1, 2])) == "Replicas 4-7 (identity), 35 x 2 parameters, float64"


# Arrays from elsewhere


def test_orientation():
    """Of a square matrix only the caller knows."""
    W, b = np.arange(4.0).reshape(2, 2), np.zeros(2)
    assert MLP.from_arrays([W], [b]).forward([[1, 0]]).tolist() == [[0, 1]]
    assert MLP.from_arrays([W], [b], orientation="outputs_first").forward([[1, 0]]).tolist() == [[0, 2]]
    with pytest.raises(ValueError, match="^orientation: expected 'inputs_first' or 'outputs_first', got 'pytorch'$"):
        MLP.from_arrays([W], [b], orientation="pytorch")


def test_arrays_are_copied():
    W, b = np.ones((2, 1)), np.ones(1)
    net = MLP.from_arrays([W], [b])
    W[:] = b[:] = 5
    assert (net.parameters == 1).all() and net.parameters.flags.c_contiguous


def ones(*shape, dtype=np.float64):
    return np.ones(shape, dtype)


@pytest.mark.parametrize(("weights", "biases", "said"), [
    ([ones(2, 3), ones(4, 1)], [ones(3), ones(1)], "weights[1]: expected 3 inputs, the outputs of the layer be"),
    ([ones(3, 2), ones(1, 3)], [ones(3), ones(1)], "write orientation='outputs_first'"),
    ([ones(3, 2)], [ones(3)], "biases[0]: expected shape (2,), one for each output, got shape (3,): write"),
    ([ones(2, 3)], [ones(4)], "biases[0]: expected shape (3,), one for each output, got shape (4,)"),
    ([ones(2, 3)], [], "biases: expected one for each of the weights, at least one, 1, got 0"),
    ([], [], "at least one"),
    ([ones(2)], [ones(1)], "weights[0]: expected a matrix (2 dimensions), got shape (2,)"),
    ([ones(2, 3)], [ones(3, 1)], "biases[0]: expected an array with 1 dimension, got shape (3, 1)"),
    ([ones(2, 3, dtype=np.float32)], [ones(3)], "expected one dtype, got float32 and float64"),
    ([ones(2, 3, dtype=np.float16)], [ones(3)], "weights[0]: expected float32, float64"),
    ([ones(0, 3)], [ones(3)], "sizes: expected at least two positive integers"),
])  # fmt: skip
def test_arrays_that_do_not_fit(weights, biases, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        MLP.from_arrays(weights, biases)
    assert said in str(caught.value)


# First weights


DEVIATIONS = {lecun_normal: 1 / 300, he_normal: 2 / 300, glorot_normal: 2 / 500, glorot_uniform: 2 / 500,
              orthogonal: 1 / 300, uniform(0.5): 0.25 / 3}  # fmt: skip


@pytest.mark.parametrize(("draw", "variance"), DEVIATIONS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_variance_of_first_weights(draw, variance):
    """60,000 numbers: the variance of their squares is at most twice their own, so 4 deviations are 2.4 %."""
    W = draw(np.random.default_rng(0), (300, 200))
    assert W.shape == (300, 200)
    np.testing.assert_allclose((W**2).mean(), variance, rtol=0.024)
    assert abs(W.mean()) < 4 * np.sqrt(variance / 60_000)


def test_uniform_weights_fill_their_range():
    for draw, limit in ((glorot_uniform, np.sqrt(6 / 500)), (uniform(0.5), 0.5)):
        W = draw(np.random.default_rng(0), (300, 200))
        assert 0.999 * limit < abs(W).max() < limit


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 6)])
def test_orthogonal_weights(shape):
    W = orthogonal(np.random.default_rng(0), shape)
    products = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(products, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_weights_prefer_no_sign():
    """Without the sign of R, LAPACK's first entry is always negative."""
    rng = np.random.default_rng(0)
    positive = sum(orthogonal(rng, (3, 3))[0, 0] > 0 for _ in range(400))
    assert 150 < positive < 250


@pytest.mark.parametrize("name", ["lecun_normal", "glorot_normal", "glorot_uniform", "he_normal", "orthogonal"])
def test_by_name(name):
    rng = np.random.default_rng(5)
    wanted = [getattr(networks, name)(rng, shape) for shape in ((4, 3), (3, 2))]
    net = MLP([4, 3, 2], rng=5, initializer=name)
    assert all(map(np.array_equal, net.weights, wanted)) and not any(b.any() for b in net.biases)


@dtypes
def test_seeds(dtype):
    """The same seed, the same network; a generator goes on."""
    one, other = (MLP([4, 3], rng=3, dtype=dtype) for _ in range(2))
    assert one.dtype == dtype and np.array_equal(one.parameters, other.parameters)
    rng = np.random.default_rng(3)
    first, second = (MLP([4, 3], rng=rng, dtype=dtype) for _ in range(2))
    assert np.array_equal(first.parameters, one.parameters) and not np.array_equal(second.parameters, one.parameters)


def test_default_activations():
    assert MLP([4, 7], rng=0).activations == (identity,)
    assert MLP([4, 5, 6, 7], rng=0).activations == (tanh, tanh, identity)
    assert MLP([4, 5, 7], relu, rng=0).activations == (relu, relu)


# What is refused


@pytest.mark.parametrize(("arguments", "error", "said"), [
    ({"sizes": [4]}, ValueError, r"sizes: expected at least two positive integers, inputs first, .* got \[4\]"),
    ({"sizes": [4, 0, 7]}, ValueError, "sizes: expected at least two positive integers"),
    ({"sizes": [4, 2.0]}, TypeError, r"sizes: expected an integer, got 2\.0"),
    ({"sizes": 4}, TypeError, r"sizes: expected a sequence of integers such as \[4, 20, 7\], got 4"),
    ({"sizes": "47"}, TypeError, "sizes: expected a sequence of integers"),
    ({"rng": None}, TypeError, r"rng: expected an integer seed or a numpy\.random\.Generator, got None"),
    ({"rng": -1}, ValueError, "rng: expected a seed that is not negative"),
    ({"dtype": np.float16}, TypeError, "dtype: expected float32 or float64, got float16"),
    ({"dtype": complex}, TypeError, "dtype: expected float32 or float64"),
    ({"initializer": "xavier"}, ValueError, "initializer: expected lecun_normal, .* of .rng, shape., got 'xavier'"),
    ({"initializer": 3}, ValueError, "initializer: expected"),
    ({"initializer": lambda rng, shape: np.ones(3)}, ValueError, "initializer: expected a matrix"),
    ({"initializer": lambda rng, shape: np.ones(shape).T}, ValueError, r"of shape \(4, 3\), got shape \(3, 4\)"),
    ({"initializer": lambda rng, shape: np.full(shape, np.nan)}, ValueError, "initializer: expected finite numbers"),
    ({"activations": np.tanh}, TypeError, "activations: expected objects with __call__ .*activations.tanh"),
    ({"activations": "relu"}, TypeError, "got 'relu': write nnnotes.activations.relu"),
    ({"activations": Sine}, TypeError, r"write Sine\(\)"),
    ({"activations": [tanh] * 3}, ValueError, "activations: expected one, or 2, one for each layer of weights, got 3"),
    ({"activations": [tanh, None]}, TypeError, "activations: expected objects"),
])  # fmt: skip
def test_arguments(arguments, error, said):
    given = {"sizes": [4, 3, 2], "rng": 0} | arguments
    with pytest.raises(error, match=said):
        MLP(given.pop("sizes"), **given)


def test_the_seed_has_to_be_given():
    with pytest.raises(TypeError, match="rng"):
        MLP([4, 7])
    with pytest.raises(ValueError, match="limit: expected a positive finite number"):
        uniform(0)


@pytest.mark.parametrize(("inputs", "error", "said"), [
    (X[0], ValueError, r"X: expected shape \(N, 4\), got shape \(4,\): write X\[None\] for one sample"),
    (X.T, ValueError, r"got shape \(4, 3\): write X.T, since rows are samples"),
    (X[:, :3], ValueError, r"X: expected shape \(N, 4\), got shape \(3, 3\)$"),
    (3.0, ValueError, "got a single number"),
    (X.astype(np.float16), TypeError, r"X: expected float32, .* got float16: write np.asarray\(X, dtype=float\)"),
    (X > 0, TypeError, "X: expected float32, .* got bool"),
    (np.where(X == X[1, 2], np.nan, X), ValueError, r"X: expected finite numbers, got nan at \[1, 2\]"),
    (np.where(X == X[1, 2], np.inf, X), ValueError, r"X: expected finite numbers, got inf at \[1, 2\]"),
    (np.ma.masked_greater(X, 0), TypeError, "X: expected a plain array, got a masked array"),
    ("text", TypeError, "X: expected"),
])  # fmt: skip
@pytest.mark.parametrize("method", ["forward", "backward", "value_and_grad"])
def test_inputs(inputs, error, said, method):
    more = {"forward": (), "backward": (np.ones((3, 2)),), "value_and_grad": (np.ones((3, 2)), SQUARED)}[method]
    with pytest.raises(error, match=said):
        getattr(MLP([4, 3, 2], rng=0), method)(inputs, *more)


def test_inputs_that_are_cast():
    net = MLP([4, 3, 2], rng=0, dtype=np.float32)
    wanted = net.forward(np.ones((1, 4), np.float32))
    for inputs in ([[1, 1, 1, 1]], np.ones((1, 4)), np.ones((1, 4), ">f8"), np.ones((1, 4), np.int8)):
        got = net.forward(inputs)
        assert got.dtype == np.float32 and np.array_equal(got, wanted)
    with pytest.raises(ValueError, match=r"X: expected numbers that are finite in float32, got 1e\+300 at \[0, 3\]"):
        net.forward([[0, 0, 0, 1e300]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_diverged_parameters(bad):
    net = MLP([4, 3, 2], rng=0)
    net.weights[1][2, 0] = bad
    with pytest.raises(ValueError, match=rf"^parameters: expected finite numbers, got {bad} at W2\[2, 0\]: did"):
        net.forward(X)
    many = Replicas([4, 3, 2], rng=range(5))
    many.biases[0][1, 3] = bad
    with pytest.raises(ValueError, match=rf"^parameters: .* got {bad} at b1\[1\] of network 3: did"):
        many.forward(X)


def test_overflow_is_no_silent_nan():
    """Of sums, with an activation that hides it and with one that does not; of the gradient."""
    for f in (identity, relu, Sine()):
        net = MLP([2, 3, 1], [f, identity], rng=0, initializer=uniform(1))
        net.parameters *= 1e308
        with pytest.raises(ValueError, match="X: expected inputs for which the sums of all layers are finite"):
            net.forward([[1e9, -1e9]])
    net = MLP.from_arrays([[[1e-200]]], [[0.0]])
    with pytest.raises(ValueError, match=r"gradient: expected numbers that are finite .* got inf at W1\[0, 0\]"):
        net.backward([[1e200]], [[1e200]])
    with pytest.raises(ValueError, match=r"dX: expected finite numbers, got inf at \[0, 0\]"):
        MLP.from_arrays([[[1e200]]], [[0.0]]).backward([[1e-300]], [[1e200]])
    assert MLP.from_arrays([[[1e200]]], [[0.0]], tanh).forward([[1e200]]) == 1  # the limit is right


class Wrong:
    def __init__(self, value):
        self.value = value

    def __call__(self, z):
        return np.full_like(z, self.value)

    derivative = __call__


def test_an_activation_that_gives_nan():
    net = MLP([4, 3, 2], Wrong(np.nan), rng=0)
    with pytest.raises(ValueError, match=r"activations: expected finite outputs, got nan at \[0, 0\] in layer 1"):
        net.forward(X)


class Promotes:
    """A user's activation that forgets about float32."""

    def __call__(self, z):
        return np.float64(2) * z

    def derivative(self, z):
        return np.full(z.shape, 2.0)


def test_float32_stays_with_an_activation_that_promotes():
    net = MLP([4, 3, 2], Promotes(), rng=0, dtype=np.float32)
    value, gradient = net.value_and_grad(X, np.ones((3, 2)), SQUARED)
    gradient, dX = net.backward(X, np.ones((3, 2)))
    assert net.forward(X).dtype == value.dtype == gradient.dtype == dX.dtype == np.float32


@pytest.mark.parametrize(("loss", "error", "said"), [
    (lambda Y, T: 1.0, TypeError, "loss: expected a function of .* got one that returns a float"),
    (losses.squared_error, TypeError, "loss: expected a function"),
    (lambda Y, T: (1.0, Y[0]), ValueError, r"gradient of the loss: expected the shape of the outputs, \(3, 2\), got"),
    (lambda Y, T: (1.0, Y * np.nan), ValueError, "gradient of the loss: expected finite numbers"),
    (lambda Y, T: (1.0, Y.astype(np.float16)), TypeError, "gradient of the loss: expected float32"),
])  # fmt: skip
def test_losses_that_answer_something_else(loss, error, said):
    with pytest.raises(error, match=said):
        MLP([4, 3, 2], rng=0).value_and_grad(X, np.ones((3, 2)), loss)


def test_slopes_of_another_shape():
    net = MLP([4, 3, 2], rng=0)
    with pytest.raises(ValueError, match=r"dY: expected the shape of the outputs, \(3, 2\), got shape \(3, 1\)"):
        net.backward(X, np.ones((3, 1)))
    assert net.backward(X, [[1, 0]] * 3)[0].dtype == np.float64


def test_a_loss_that_writes_to_the_outputs_spoils_nothing():
    net, targets = MLP([4, 3, 2], rng=0), np.ones((3, 2))

    def writes(Y, T):
        answer = SQUARED(Y, T)
        Y[:] = np.nan
        return answer

    assert np.array_equal(net.value_and_grad(X, targets, writes)[1], net.value_and_grad(X, targets, SQUARED)[1])


# Files


@dtypes
@pytest.mark.parametrize("name", ["net.npz", "another name"])
def test_save_and_load(dtype, name, tmp_path):
    net = MLP([4, 3, 3, 3, 3, 3, 3, 2], list(ACTIVATIONS.values()), rng=0, dtype=dtype)
    net.save(tmp_path / name)
    loaded = MLP.load(str(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    assert loaded.sizes == net.sizes and loaded.dtype == dtype and loaded.activations == net.activations
    assert loaded.parameters.tobytes() == net.parameters.tobytes()
    loaded.weights[0][0, 0] = 5
    assert loaded.parameters[0] == 5


def test_numbers_of_activations_come_back_exactly(tmp_path):
    f, g = scaled_tanh(3**0.5, np.arctanh(3**-0.5)), leaky_relu(np.float32(0.1))
    MLP([4, 3, 2], [f, g], rng=0).save(tmp_path / "net")
    assert MLP.load(tmp_path / "net").activations == (f, g)


def test_activations_of_the_user(tmp_path):
    class Impostor(Sine):
        def __repr__(self):
            return "tanh"

    path, mine = tmp_path / "net", Sine()
    for own in (mine, Impostor()):
        MLP([4, 3, 2], [own, identity], rng=0).save(path)
        with pytest.raises(ValueError, match=r"activations: .* write MLP\.load\(path, activations="):
            MLP.load(path)
        assert MLP.load(path, activations=[own, identity]).activations == (own, identity)
    with pytest.raises(ValueError, match="activations: expected one, or 2"):
        MLP.load(path, activations=[mine] * 3)


@pytest.fixture
def saved(tmp_path):
    """The path of a whole file, and its bytes."""
    MLP([4, 3, 2], rng=0).save(tmp_path / "net.npz")
    return tmp_path / "net.npz", (tmp_path / "net.npz").read_bytes()


DAMAGE = "^path: expected a file that MLP.save wrote, complete and unchanged, got '"


def test_a_truncated_file(saved):
    path, whole = saved
    for length in (*range(0, len(whole), 37), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=DAMAGE):
            MLP.load(path)


def test_a_changed_byte_is_found_or_harmless(saved):
    """Most bytes are numbers, guarded by a check sum. The rest is the zip format's own: times, attributes, copies."""
    path, whole = saved
    sound, found = MLP.load(path), 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            loaded = MLP.load(path)
        except ValueError as error:
            found += str(error).startswith("path: expected a file that MLP.save wrote")
        else:
            assert loaded.parameters.tobytes() == sound.parameters.tobytes() and loaded.sizes == sound.sizes
            assert loaded.activations == sound.activations
    assert found > len(whole) / 7 / 2


def rewritten(path, **changes):
    """The file, with some of its arrays replaced, or left out where None."""
    with np.load(path) as archive:
        arrays = dict(archive) | changes
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("changes", [
    {"kind": None}, {"sizes": None}, {"activations": None}, {"parameters": None},
    {"kind": "nnnotes.networks.MLP, version 2"}, {"kind": 3}, {"kind": ["nnnotes.networks.MLP, version 1"]},
    {"sizes": [4, 3, 3]}, {"sizes": [4.0, 3, 2]}, {"sizes": [[4, 3, 2]]}, {"sizes": [4]}, {"sizes": [-4, 3, 2]},
    {"sizes": 4},
    {"activations": ["tanh"]}, {"activations": [1, 2]}, {"activations": "tanh"},
    {"parameters": np.ones(22)}, {"parameters": np.ones((23, 1))}, {"parameters": np.ones(23, int)},
    {"parameters": np.ones(23, np.float16)}, {"parameters": np.ones(23, complex)},
], ids=str)  # fmt: skip
def test_arrays_that_do_not_fit_in_a_file(saved, changes):
    path, _ = saved
    rewritten(path, **{name: None if value is None else np.array(value) for name, value in changes.items()})
    with pytest.raises(ValueError, match=DAMAGE):
        MLP.load(path)


NOBODYS = "tanh(1)", "scaled_tanh(a=x, b=1)", "scaled_tanh(a=1.0)", "leaky_relu(slope=-1.0)", "eval"


@pytest.mark.parametrize("name", NOBODYS)
def test_names_of_activations_that_nobody_knows(saved, name):
    path, _ = saved
    rewritten(path, activations=np.array([name, "identity"]))
    with pytest.raises(ValueError, match="activations: expected"):
        MLP.load(path)


def test_a_big_endian_file(saved):
    path, _ = saved
    wanted = MLP.load(path)
    rewritten(path, parameters=wanted.parameters.astype(">f8"), sizes=np.array([4, 3, 2], ">i4"))
    loaded = MLP.load(path)
    assert loaded.dtype == np.float64 and np.array_equal(loaded.parameters, wanted.parameters)


class Trap:
    """Unpickling it would leave a trace."""

    def __reduce__(self):
        return exec, ("import os; os.environ['NNNOTES_TRAP'] = 'sprung'",)


def test_foreign_files(saved):
    """No pickle is ever opened."""
    path, _ = saved
    trap = np.empty(23, object)
    trap[:] = [Trap()] * 23
    foreign = {
        "an array": lambda file: np.save(file, np.ones(3)),
        "other arrays": lambda file: np.savez(file, a=np.ones(3)),
        "a pickle": lambda file: pickle.dump(Trap(), file),
        "text": lambda file: file.write(b"weights: 1, 2, 3"),
        "nothing": lambda file: None,
        "a zip": lambda file: zipfile.ZipFile(file, "w").close(),
    }
    for write in foreign.values():
        with path.open("wb") as file:
            write(file)
        with pytest.raises(ValueError, match=DAMAGE):
            MLP.load(path)
    MLP([4, 3, 2], rng=0).save(path)
    rewritten(path, parameters=trap)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        MLP.load(path)
    assert "NNNOTES_TRAP" not in os.environ


def test_a_path_that_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        MLP.load(tmp_path / "nothing")
    with pytest.raises(OSError):
        MLP.load(tmp_path)
    with pytest.raises(OSError):
        MLP([4, 2], rng=0).save(tmp_path / "no folder" / "net")


@pytest.mark.parametrize("step", ["numpy.savez", "os.fsync", "os.replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_an_interrupted_save_leaves_the_old_file(saved, step, error, monkeypatch):
    path, whole = saved

    def interrupted(file, *arguments, **arrays):
        if step == "numpy.savez":
            file.write(b"half of")
        raise error

    monkeypatch.setattr(step, interrupted)
    with pytest.raises(type(error)):
        MLP([4, 3, 2], rng=1).save(path)
    assert path.read_bytes() == whole and os.listdir(path.parent) == [path.name]


def test_a_save_replaces_what_a_link_points_to(saved, tmp_path):
    path, _ = saved
    link = tmp_path / "latest"
    link.symlink_to(path)
    net = MLP([5, 2], rng=0)
    net.save(link)
    assert link.is_symlink() and MLP.load(path).sizes == net.sizes


def test_what_a_file_does_not_take(tmp_path):
    net = MLP([2, 1], rng=0)
    with pytest.raises(TypeError, match="parameters: expected float32 or float64 for a file, got complex128"):
        net.with_parameters(1j * net.parameters).save(tmp_path / "net")
    assert os.listdir(tmp_path) == []


# Many networks


def summed(loss, **options):
    return partial(loss, axis=1, normalization="batch_size", **options)


CASES = {
    "squared_error": (SQUARED, {}, lambda rng, R: rng.normal(size=(3, 2, R))),
    "infogain": (losses.infogain_value_and_grad, {"H": MATRIX}, lambda rng, R: rng.integers(0, 3, (3, R))),
}


@dtypes
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("loss", CASES)
@pytest.mark.parametrize("sizes", [(4, 2), (4, 5, 2), (4, 5, 6, 2)])
def test_replicas_are_each_alone(sizes, loss, shared, dtype):
    rng, R = np.random.default_rng(0), 7
    function, options, make = CASES[loss]
    many = Replicas(sizes, rng=range(R), dtype=dtype)
    assert len(many) == R and many.dtype == dtype and many.names == many[0].names
    inputs, target = X if shared else rng.normal(size=(3, 4, R)), make(rng, R)
    outputs = many.forward(inputs)
    value, gradient = many.value_and_grad(inputs, target, summed(function, **options))
    _, dX = many.backward(inputs, np.ones_like(outputs))
    assert outputs.shape == (3, 2, R) and gradient.shape == many.parameters.shape and dX.shape == (3, 4, R)
    assert outputs.dtype == gradient.dtype == dX.dtype == dtype
    eps, total = np.finfo(dtype).eps, 0
    close = partial(np.testing.assert_allclose, rtol=1e3 * eps, atol=10 * eps)
    for r, net in enumerate(many):
        own = inputs if shared else inputs[:, :, r]
        assert np.array_equal(net.parameters, MLP(sizes, rng=r, dtype=dtype).parameters)
        close(outputs[:, :, r], net.forward(own))
        alone, slopes = net.value_and_grad(own, target[..., r], partial(function, **options))
        close(gradient[:, r], slopes)
        close(dX[:, :, r], net.backward(own, np.ones((3, 2)))[1])
        total += alone
    close(value, total)


def test_parameters_of_replicas():
    many = Replicas([2, 3, 1], rng=range(4))
    assert many.parameters.shape == (13, 4) and many.parameters.flags.c_contiguous
    assert [W.shape for W in many.weights] == [(2, 3, 4), (3, 1, 4)]
    assert [b.shape for b in many.biases] == [(3, 4), (1, 4)]
    assert all(np.shares_memory(part, many.parameters) for part in (*many.weights, *many.biases))
    alone = many[-1]
    alone.parameters[:] = 0
    assert many.parameters[:, 3].any(), "a network that is taken out is a copy"
    few = many.with_parameters(many.parameters[:, 1:3])
    assert len(few) == 2 and few.parameters.flags.c_contiguous and np.array_equal(few[0].parameters, many[1].parameters)
    assert many.split(np.ones((13, 9)))[0][0].shape == (2, 3, 9)
    with pytest.raises(ValueError, match=r"vector: expected shape \(13, R\), got shape \(13,\)"):
        many.with_parameters(np.ones(13))
    with pytest.raises(ValueError, match=r"vector: expected shape \(13, R\), got shape \(13, 0\)"):
        many.with_parameters(np.ones((13, 0)))
    with pytest.raises(IndexError, match="index: expected an integer from 0 to 3, got 4"):
        many[4]


def test_seeds_of_replicas():
    spawned = Replicas([4, 2], rng=3, count=5)
    for net, rng in zip(spawned, np.random.default_rng(3).spawn(5), strict=True):
        assert np.array_equal(net.parameters, MLP([4, 2], rng=rng).parameters)
    again = Replicas([4, 2], rng=np.random.default_rng(3), count=5)
    assert np.array_equal(again.parameters, spawned.parameters)
    mixed = Replicas([4, 2], rng=[0, 0], initializer=["he_normal", uniform(0.1)])
    assert np.array_equal(mixed[0].parameters, MLP([4, 2], rng=0, initializer="he_normal").parameters)
    assert abs(mixed[1].parameters).max() < 0.1


@pytest.mark.parametrize(("arguments", "error", "said"), [
    ({"rng": 3}, TypeError, "rng: expected a seed for each network, or count=R as well, got 3"),
    ({"rng": []}, ValueError, "rng: expected a seed for at least one network, got none"),
    ({"rng": [1, None]}, TypeError, r"rng\[1\]: expected an integer seed or a numpy\.random\.Generator, got None"),
    ({"rng": [1, 2], "count": 2}, ValueError, "count: expected nothing where rng has a seed for each network, got 2"),
    ({"rng": 1, "count": 0}, ValueError, "count: expected at least one network, got 0"),
    ({"rng": 1, "count": 2.0}, TypeError, r"count: expected an integer, got 2\.0"),
    ({"rng": [1, 2], "initializer": ["orthogonal"]}, ValueError, "initializer: expected one, or 2, one for each"),
])  # fmt: skip
def test_arguments_of_replicas(arguments, error, said):
    with pytest.raises(error, match=said):
        Replicas([4, 2], **arguments)


def test_inputs_of_replicas():
    many = Replicas([4, 2], rng=range(5))
    for inputs in (np.ones((3, 4, 6)), np.ones((3, 4, 1)), np.ones((3, 5)), np.ones(4)):
        with pytest.raises(ValueError, match=r"X: expected shape \(N, 4\) or \(N, 4, 5\), got shape"):
            many.forward(inputs)
