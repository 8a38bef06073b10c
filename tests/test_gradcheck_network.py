"""All derivatives of a network: each activation and loss agrees, each slip is seen and named, in both dtypes."""
from functools import partial

import numpy as np
import pytest

import nnnotes.activations as na
import nnnotes.losses as nl
from nnnotes.gradcheck import check_gradient, check_network, numerical_gradient
from nnnotes.networks import MLP

ACTIVATIONS = [na.tanh, na.scaled_tanh(), na.logistic, na.softplus, na.relu, na.leaky_relu(0.1), na.identity]


def problem(activation=na.tanh, sizes=(4, 6, 5, 3), N=7, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    net = MLP(sizes, [activation] * (len(sizes) - 2) + [na.identity], rng=rng, dtype=dtype)
    net.parameters += 0.1 * rng.normal(size=len(net.parameters))
    return net, rng.normal(size=(N, sizes[0])), rng.normal(size=(N, sizes[-1]))


def losses(N, K):
    rng = np.random.default_rng(1)
    labels, H = rng.integers(K, size=N), rng.uniform(0.5, 1, (K, K)) + np.eye(K)
    return {
        "squared error": (nl.squared_error_value_and_grad, rng.normal(size=(N, K))),
        "infogain": (partial(nl.infogain_value_and_grad, H=H), labels),
        "expected distance": (partial(nl.expected_distance_value_and_grad, D=1 - np.eye(K)), labels),
        "cross-entropy": (nl.binary_cross_entropy_value_and_grad, rng.uniform(size=(N, K))),
    }


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda f: f.name)
@pytest.mark.parametrize("kind", losses(7, 3))
def test_right_gradients_agree(activation, kind):
    loss, target = losses(7, 3)[kind]
    net, X, _ = problem(activation)
    report = check_network(net, X, target, loss)
    assert set(report.counts) <= {"agrees", "undecidable"}, report  # a dead ReLU has nothing to show
    assert report.counts["agrees"] > 0.6 * len(net.parameters)
    slow = numerical_gradient(lambda p: net.with_parameters(p).value_and_grad(X, target, loss)[0], net.parameters)
    assert (abs(report.numeric - slow.value) <= 3 * (report.error + slow.error) + 1e-9).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_wrong_number_is_found(dtype):
    net, X, T = problem(dtype=dtype)
    gradient = net.value_and_grad(X, T, nl.squared_error_value_and_grad)[1]
    assert check_network(net, X, T, nl.squared_error_value_and_grad).verdict in ("agrees", "rounding-limited")
    for place in range(len(gradient)):
        slip = gradient.copy()
        slip[place] *= 2
        report = check_network(net, X, T, nl.squared_error_value_and_grad, slip)
        if abs(gradient[place]) > 0.02 * abs(gradient).max():
            assert report.verdicts[place] == "wrong" and report.worst == net.names[place]
        assert report.counts.get("wrong", 0) <= 1


def test_a_wrong_loss_is_seen():
    net, X, T = problem()

    def doubled(outputs, target):
        value, slope = nl.squared_error_value_and_grad(outputs, target)
        return value, 2 * slope

    report = check_network(net, X, T, doubled)
    assert report.verdict == "wrong" and report.quotient == pytest.approx(2)
    assert "not the slope of its value" in str(report)


SLIPS = {
    "sign": ("* f.derivative", "* -f.derivative"),
    "no slope": (" * f.derivative(Z[n])", ""),
    "slope of the outputs": ("f.derivative(Z[n])", "f.derivative(A[n + 1])"),
    "layer": ("A[n].T @ dZ", "np.resize(A[0], A[n].shape).T @ dZ"),
    "mean": ("dZ.sum(0)", "dZ.mean(0)"),
    "transpose": ("dZ @ W.T", "dZ @ np.resize(W, W.T.shape)"),
    "bias of the layer above": ("db[n] = dZ.sum(0)", "db[n] = dA.sum(0)"),
}
SOURCE = """
def gradient(net, X, dA):
    Z, A, flat = [], [X], []
    for W, b, f in zip(net.weights, net.biases, net.activations):
        Z.append(A[-1] @ W + b)
        A.append(f(Z[-1]))
    db = {}
    for n in reversed(range(len(Z))):
        W, f = net.weights[n], net.activations[n]
        dZ = dA * f.derivative(Z[n])
        dW = A[n].T @ dZ
        db[n] = dZ.sum(0)
        flat = [dW.ravel(), db[n], *flat]
        dA = dZ @ W.T
    return np.concatenate(flat)
"""


def gradient_with(slip, net, X, T):
    namespace = {"np": np}
    assert slip[0] in SOURCE
    exec(SOURCE.replace(*slip), namespace)
    return namespace["gradient"](net, X, (net.forward(X) - T) / len(X))


def test_backpropagation_typed_here_is_right():
    net, X, T = problem()
    own = gradient_with(("Z", "Z"), net, X, T)
    assert check_network(net, X, T, nl.squared_error_value_and_grad, own).verdict == "agrees"


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_seen_by_both_checkers(slip):
    net, X, T = problem()
    wrong = gradient_with(SLIPS[slip], net, X, T)
    fast = check_network(net, X, T, nl.squared_error_value_and_grad, wrong)
    slow = check_gradient(
        lambda p: net.with_parameters(p).value_and_grad(X, T, nl.squared_error_value_and_grad)[0],
        lambda p: wrong, net.parameters, names=net.names,
    )  # fmt: skip
    assert fast.verdict == slow.verdict == "wrong"
    assert (fast.verdicts == "wrong").tolist() == (slow.verdicts == "wrong").tolist()
    assert fast.order == pytest.approx(1, abs=0.1)


def test_arguments():
    net, X, T = problem()
    with pytest.raises(ValueError, match=r"gradient: expected the shape of x, \(\d+,\), got shape \(3,\)"):
        check_network(net, X, T, nl.squared_error_value_and_grad, np.ones(3))
    with pytest.raises(ValueError, match="X"):
        check_network(net, X[:, :2], T, nl.squared_error_value_and_grad)
