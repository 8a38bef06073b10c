"""Backpropagation proved for each activation and each loss, one to three layers; slips in it stop the proofs."""
import inspect
from functools import partial
from itertools import pairwise

import formulas
import numpy as np
import pytest
import sympy as sp

from nnnotes import _replicas, losses, networks
from nnnotes.activations import identity, leaky_relu, logistic, relu, scaled_tanh, softplus, tanh
from nnnotes.networks import MLP, Replicas
from nnnotes.proof import ProofError, prove, symbols

A, S = symbols("a", positive=True), symbols("s", positive=True)
ACTIVATIONS = {  # each with its formula, and the symbols that make it
    "tanh": (tanh, sp.tanh),
    "scaled_tanh": (scaled_tanh, lambda z: A * sp.tanh(S * z), A, S),
    "logistic": (logistic, lambda z: 1 / (1 + sp.exp(-z))),
    "softplus": (softplus, lambda z: sp.log(1 + sp.exp(z))),
    "relu": (relu, lambda z: sp.Max(z, 0)),
    "leaky_relu": (leaky_relu(0.25), lambda z: sp.Max(z, z / 4)),
    "identity": (identity, lambda z: z),
}
H, D, T = symbols("h", 5, 3), symbols("d", 5, 3), symbols("t", 2, 3)
LOSSES = {  # each with its formula, its target, and its matrix by name
    "infogain": (formulas.infogain, [4, 0], {"H": H}),
    "expected_distance": (formulas.expected_distance, [4, 0], {"D": D}),
    "squared_error": (formulas.squared_error, T),
    "binary_cross_entropy": (formulas.binary_cross_entropy, T),
}


def layers(sizes, *replicas):
    """Symbols for weights and biases."""
    weights = [symbols(f"w{n}", *shape, *replicas) for n, shape in enumerate(pairwise(sizes), 1)]
    return weights, [symbols(f"b{n}", size, *replicas) for n, size in enumerate(sizes[1:], 1)]


def outputs(X, weights, biases, activations):
    """The outputs as the definition has them."""
    for W, b, f in zip(weights, biases, activations, strict=True):
        X = np.frompyfunc(f, 1, 1)(X @ W + b)
    return X


def slopes(value, arrays):
    return [np.frompyfunc(value.diff, 1, 1)(array) for array in arrays]


def prove_passes(module, sizes, N, activations, formula, *numbers, **options):
    """That `forward` and `backward` of a module have the outputs and slopes of the formula."""
    (weights, biases), X, G = layers(sizes), symbols("x", N, sizes[0]), symbols("g", N, sizes[-1])
    Y = outputs(X, weights, biases, formula)
    total = (G * Y).sum()

    def passes(X, weights, biases, G, *numbers):
        fs = [f(*numbers) if f is scaled_tanh else f for f in activations]
        Z, A = module.forward(X, weights, biases, fs)
        return A[-1], module.backward(G, weights, fs, Z, A)

    wanted = Y, (slopes(total, weights), slopes(total, biases), slopes(total, [X])[0])
    return prove(passes, wanted, X, weights, biases, G, *numbers, **options)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("N", "sizes"), [(3, (2, 4)), (2, (5, 4, 3))])
def test_each_activation(name, N, sizes):
    f, formula, *numbers = ACTIVATIONS[name]
    count = len(sizes) - 1
    report = prove_passes(networks, sizes, N, [f] * count, [formula] * count, *numbers)
    assert report.sizes["x"] == (N, sizes[0])


def test_three_layers_with_different_activations():
    names = "tanh", "relu", "logistic"
    functions, formula = zip(*(ACTIVATIONS[name][:2] for name in names), strict=True)
    prove_passes(networks, (3, 4, 1, 5), 2, functions, formula, engine="points")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_with_each_loss(name, loss):
    """`value_and_grad` with all its checks: the activation inside, the identity at the outputs."""
    f, formula, *numbers = ACTIVATIONS[name]
    function, target, matrix = (*LOSSES[loss], {})[:3]
    net, X = MLP((4, 1, 3), rng=0), symbols("x", 2, 4)
    P = symbols("p", len(net.parameters))
    weights, biases = ([P[places.astype(int)] for places in part] for part in net.split(np.arange(len(P))))
    Y = outputs(X, weights, biases, [formula, lambda z: z])
    rows = [H_or_D[label] for H_or_D in matrix.values() for label in target] or target
    value = sum(function(y, row) for y, row in zip(Y, rows, strict=True)) / 2

    def value_and_grad(P, X, target, matrix, *numbers):
        inside = f(*numbers) if numbers else f
        used = MLP.from_arrays(*net.split(P), [inside, identity])
        return used.value_and_grad(X, target, partial(getattr(losses, f"{loss}_value_and_grad"), **matrix))

    draw = np.random.default_rng(2)
    point = {"p": draw.normal(size=len(P)).round(2), "x": draw.normal(size=(2, 4)).round(2)}
    point |= {"t": np.linspace(0.125, 0.75, 6).reshape(2, 3)} if loss == "binary_cross_entropy" else {}
    prove(value_and_grad, (value, slopes(value, [P])[0]), P, X, target, matrix, *numbers,
          point=point, thresholds=(*formulas.THRESHOLDS, 1))  # fmt: skip


@pytest.mark.parametrize("shared", [True, False])
def test_replicas(shared):
    """With inputs that the networks share, and with others for each."""
    R, sizes = 5, (4, 2, 1)
    weights, biases = layers(sizes, R)
    X, T = symbols("x", 3, 4, *[R] * (not shared)), symbols("t", 3, 1, R)
    value = 0
    for r in range(R):
        alone = [[array[..., r] for array in arrays] for arrays in (weights, biases)]
        Y = outputs(X if shared else X[..., r], *alone, [sp.tanh, lambda z: z])
        value += ((Y - T[..., r]) ** 2).sum() / 6
    P = np.concatenate([part.reshape(-1, R) for pair in zip(weights, biases, strict=True) for part in pair])
    many = Replicas(sizes, rng=range(R))
    loss = partial(losses.squared_error_value_and_grad, axis=1, normalization="batch_size")
    prove(lambda P, X, T: many.with_parameters(P).value_and_grad(X, T, loss), (value, slopes(value, [P])[0]), P, X, T)


def test_slopes_of_the_inputs():
    """`MLP.backward` gives them for any slopes of the outputs."""
    (W, b), X, G = layers((3, 4)), symbols("x", 2, 3), symbols("g", 2, 4)
    total = (G * outputs(X, W, b, [sp.tanh])).sum()
    wanted = np.concatenate([array.ravel() for array in slopes(total, [*W, *b])]), slopes(total, [X])[0]
    prove(lambda X, W, b, G: MLP.from_arrays(W, b, tanh).backward(X, G), wanted, X, W, b, G)


# Slips


ANNOTATIONS = "from __future__ import annotations\n"  # as in the modules: names for type checkers only
SLIPS = {
    "sign": ("backward", "dZ = dA *", "dZ = -dA *"),
    "slope forgotten": ("backward", "dA * activations[n].derivative(Z[n])", "dA + 0 * Z[n]"),
    "slope at the outputs": ("backward", "derivative(Z[n])", "derivative(A[n + 1])"),
    "value in the place of the slope": ("backward", "activations[n].derivative(Z[n])", "activations[n](Z[n])"),
    "activation of another layer": ("backward", "activations[n].derivative", "activations[n - 1].derivative"),
    "inputs of another layer": ("backward", "A[n].T @ dZ", "A[n - 1].T @ dZ"),
    "outputs for inputs": ("backward", "A[n].T @ dZ", "A[n + 1].T @ dZ"),
    "product turned round": ("backward", "A[n].T @ dZ", "(dZ.T @ A[n]).reshape(weights[n].shape)"),
    "weights not transposed": ("backward", "weights[n].T", "weights[n].reshape(weights[n].T.shape)"),
    "weights of another layer": ("backward", "weights[n].T", "weights[n - 1].T"),
    "first sample only": ("backward", "dZ.sum(0)", "dZ[0]"),
    "mean over the samples": ("backward", "dZ.sum(0)", "dZ.mean(0)"),
    "sum over the units": ("backward", "dZ.sum(0)", "dZ.sum(1)"),
    "slope in the place of the product": ("backward", "dA = dZ @", "dA = dA @"),
    "last layer left out": ("backward", "range(len(weights))", "range(len(weights) - 1)"),
    "bias forgotten": ("forward", "A[-1] @ W + b", "A[-1] @ W"),
    "bias subtracted": ("forward", "A[-1] @ W + b", "A[-1] @ W - b"),
    "inputs in each layer": ("forward", "A[-1] @ W", "A[0] @ W"),
    "activation forgotten": ("forward", "A.append(f(Z[-1]))", "A.append(Z[-1])"),
}


def slipped(where, right, wrong):
    """The module's two functions, with one place of one of them changed."""
    source = inspect.getsource(getattr(networks, where))
    assert source.count(right) == 1
    names = dict(vars(networks))
    exec(ANNOTATIONS + source.replace(right, wrong), names)
    return type("Slipped", (), {name: staticmethod(names[name]) for name in ("forward", "backward")})


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_stops_the_proof(name):
    """With shapes that do not fit, or with a counterexample."""
    chain = [identity, tanh], [lambda z: z, sp.tanh]
    with pytest.raises((ProofError, ValueError)):
        prove_passes(slipped(*SLIPS[name]), (5, 4, 3), 2, *chain)


REPLICA_SLIPS = {
    "product turned round": ("axes=[(1, 0), (0, 1), (0, 1)]", "axes=[(1, 0), (0, 1), (1, 0)]"),
    "weights not transposed": ("axes=[(0, 1), (1, 0), (0, 1)]", "axes=[(0, 1), (0, 1), (0, 1)]"),
    "sum over the networks": ("dZ.sum(0)", "dZ.sum(-1)[0]"),
    "slope forgotten": ("dA * activations[n].derivative(Z[n])", "dA + 0 * Z[n]"),
}


@pytest.mark.parametrize("name", REPLICA_SLIPS)
def test_a_slip_stops_the_proof_of_replicas(name, monkeypatch):
    right, wrong = REPLICA_SLIPS[name]
    source = inspect.getsource(_replicas.backward_replicas)
    assert source.count(right) == 1
    names = dict(vars(_replicas))
    exec(ANNOTATIONS + source.replace(right, wrong), names)
    monkeypatch.setattr(Replicas, "_backward", staticmethod(names["backward_replicas"]))
    with pytest.raises((ProofError, ValueError)):
        test_replicas(shared=True)
