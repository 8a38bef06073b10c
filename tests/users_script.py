"""What a user may write: it runs, and mypy and pyright have nothing to say about it. See test_types.py."""
import warnings
from functools import partial

import numpy as np
import numpy.typing as npt

import nnnotes as nn
from nnnotes.activations import Activation, Saturation, leaky_relu, relu, scaled_tanh, tanh
from nnnotes.losses import (
    SimilarityWarning,
    binary_cross_entropy,
    binary_cross_entropy_value_and_grad,
    expected_distance_value_and_grad,
    infogain,
    infogain_value_and_grad,
    softmax,
    squared_error_value_and_grad,
)
from nnnotes.networks import MLP, Replicas, he_normal, uniform
from nnnotes.proof import ulp_error
from nnnotes.similarity import (
    class_weight_matrix,
    label_smoothing_matrix,
    similarity_from_distance,
    similarity_from_tree,
)

# Activations: numbers, lists, arrays
number: float = tanh(0.5)
number = tanh.derivative(1)
single: np.float32 = tanh.inverse(np.float32(0.5))
array: np.ndarray = tanh([1.0, 2])
array = tanh.second_derivative([[1, 2.5], [3, 4]])
array = tanh.derivative_from_output([np.zeros(2), np.ones(2)])
array = tanh(np.zeros(3, np.float32))
array = tanh(np.asarray([1, 2]))
array = scaled_tanh(2, b=1)(np.array([1j]))
low, high = leaky_relu(0.1).preimage([1.0])
ends: Saturation = tanh.saturation(np.float32)
ends = tanh.saturation("float64")
ends = tanh.saturation(np.dtype("float32"))
ends = tanh.saturation(np.zeros(1).dtype)
ulp_error(tanh, np.ones(1), dtype=np.float32)


# Losses: a training loop, soft targets, options
def train(X: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], H: npt.NDArray[np.float64]) -> npt.NDArray:
    W, loss = np.zeros((X.shape[1], H.shape[1])), partial(infogain_value_and_grad, H=H)
    for _ in range(3):
        value, gradient = loss(X @ W, labels)
        W -= 0.1 * X.T @ gradient
        assert float(value) > 0
    return softmax(X @ W)


D = np.array([[0.0, 1, 4], [1, 0, 4], [4, 4, 0]])
for matrix in (
    similarity_from_distance(D, scale=2, normalize=True),
    similarity_from_tree(((0, 1), 2), dtype=np.float32),
    label_smoothing_matrix(3, 0.1, weight=[1, 2, 3], dtype="float32"),
    class_weight_matrix([1, 2, 0.5]),
):
    train(np.eye(3), np.array([0, 1, 2]), matrix.astype(float))
infogain([[1, 2, 3]], [0], np.eye(3), normalization="none", ignore_label=-1)
infogain(np.zeros((2, 3, 4), np.float32), [[0] * 4, [1] * 4], np.eye(3), axis=1)
infogain(np.zeros((2, 3)), np.arange(2), [[0.2, 0.3, 0.5], [1, 0, 0]])
with warnings.catch_warnings():
    warnings.simplefilter("ignore", SimilarityWarning)
    nn.losses.infogain_losses([[0.0, 1, 2]], [1], D)
expected_distance_value_and_grad([[0.0, 1, 2]], [1], D)
squared_error_value_and_grad([1.0, 2], [1, 2])
binary_cross_entropy_value_and_grad([[1.0, 2]], [[1, 0]], normalization="none")
binary_cross_entropy(np.zeros((2, 3), np.float32), np.ones((2, 3)), axis=0)


def unit(f: Activation, x: npt.NDArray) -> npt.NDArray:
    return f(x) * f.derivative(x)


unit(relu, np.ones(3))


# Networks: their own activation, any loss, many at once
class Sine:
    def __call__(self, z: np.ndarray) -> np.ndarray:
        return np.sin(z)

    def derivative(self, z: np.ndarray) -> np.ndarray:
        return np.cos(z)


net = MLP([4, 20, 7], [tanh, Sine()], rng=0, initializer=he_normal, dtype=np.float32)
net = MLP((4, 7), relu, rng=np.random.default_rng(0), initializer="orthogonal")
net = MLP.from_arrays([[[1.0, 2], [3, 4]]], [np.zeros(2)], orientation="outputs_first")
outputs: np.ndarray = net.forward([[1, 2]])
loss, gradient = net.value_and_grad([[1, 2]], [[0, 1]], squared_error_value_and_grad)
net.value_and_grad([[1, 2]], [0], partial(infogain_value_and_grad, H=np.eye(2)))
net.parameters -= 0.1 * gradient
net.weights[0][0, 1] = 3
gradient, slopes = net.copy().backward(np.ones((1, 2)), [[1, 0]])
labels: list[str] = net.with_parameters(net.parameters + 1j).names
many = Replicas([4, 7], rng=range(3), initializer=[uniform(0.1), "he_normal", "orthogonal"])
alone: MLP = many[0]
alone = next(iter(Replicas([4, 7], rng=0, count=3)))
