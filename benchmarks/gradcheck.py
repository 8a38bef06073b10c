"""CPU time and error of checking the gradient of a network: python benchmarks/gradcheck.py [ROUNDS]

Needs the peers (python make.py peers); takes a few minutes. Writes the tables of benchmarks/README.md once all rows are
measured. What takes minutes is measured on a part of the parameters and extrapolated, and the table says so.
"""
# ruff: noqa: E402 (threads are set before NumPy is imported)
import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import platform
import statistics
import sys
import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numdifftools
import numpy as np
import scipy
import statsmodels
import torch
from jax.test_util import check_grads
from scipy.optimize import approx_fprime, check_grad
from statsmodels.tools.numdiff import approx_fprime as statsmodels_central
from statsmodels.tools.numdiff import approx_fprime_cs
from tables import ROOT, table, write

sys.path.insert(0, str(ROOT))
from nnnotes._unit_check import Pass, network_slopes
from nnnotes.activations import tanh
from nnnotes.gradcheck import check_network
from nnnotes.losses import squared_error_value_and_grad
from nnnotes.networks import MLP, forward

SIZES = (((4, 20, 7), 10), ((64, 100, 30, 10), 32), ((256, 300, 70, 10), 32))  # layers, and samples
FEW = 20  # parameters that numdifftools is measured with: it takes a hundred calls for each
SOME = 1000  # that others are measured with where there are more than MANY
MANY = 20_000
TRIALS = 20  # with a slip, and as many without

torch.set_num_threads(1)
jax.config.update("jax_enable_x64", True)


# --------------------------------------------------------------------------------------------------------- the network


class Network:
    """tanh layers and half the squared error, as a function of one vector of parameters; `xp` is any array module."""

    def __init__(self, sizes, samples, seed=0):
        rng = np.random.default_rng(seed)
        self.sizes, self.shapes = sizes, list(zip(sizes[:-1], sizes[1:], strict=True))
        self.X, self.T = rng.normal(size=(samples, sizes[0])), rng.uniform(-1, 1, (samples, sizes[-1]))
        layers = [(rng.normal(size=shape) / np.sqrt(shape[0]), rng.normal(size=shape[1]) / 2) for shape in self.shapes]
        self.parameters = np.concatenate([part.ravel() for layer in layers for part in layer])

    def layers(self, parameters):
        start = 0
        for D, K in self.shapes:
            weights = parameters[start : start + D * K].reshape(D, K)
            yield weights, parameters[start + D * K : start + D * K + K]
            start += D * K + K

    def loss(self, parameters, xp=np, X=None, T=None):
        A, T = (self.X, self.T) if X is None else (X, T)
        for W, b in self.layers(parameters):
            A = xp.tanh(A @ W + b)
        return ((A - T) ** 2).sum() / 2

    def gradient(self, parameters):
        layers, A = list(self.layers(parameters)), [self.X]
        for W, b in layers:
            A.append(np.tanh(A[-1] @ W + b))
        delta, parts = A[-1] - self.T, []
        for (W, _), above, below in zip(reversed(layers), A[:0:-1], A[-2::-1], strict=True):
            delta = delta * (1 - above**2)
            parts += [delta.sum(0), (below.T @ delta).ravel()]
            delta = delta @ W.T
        return np.concatenate(parts[::-1])

    def in_torch(self):
        X, T = torch.tensor(self.X), torch.tensor(self.T)
        return lambda parameters: self.loss(parameters, torch, X, T)

    def in_jax(self):
        return jax.jit(lambda parameters: self.loss(parameters, jnp))


class Part(NamedTuple):
    """A network of which only the first few parameters vary."""

    network: Network
    count: int

    def whole(self, part):
        parameters = self.network.parameters.astype(part.dtype)
        parameters[: self.count] = part
        return parameters

    def loss(self, part):
        return self.network.loss(self.whole(part))

    def loss_in_torch(self):
        inner, rest = self.network.in_torch(), torch.tensor(self.network.parameters[self.count :])
        return lambda part: inner(torch.cat([part, rest]))


# --------------------------------------------------------------------------------------- the checkers: each makes a
#                                            function of no arguments, which returns derivatives, or whether all is well


def loop(part, x):
    """Central differences, one after the other, typed out."""

    def step():
        found = np.empty_like(x)
        for k in range(len(x)):
            up, down = x.copy(), x.copy()
            up[k] += 6e-6
            down[k] -= 6e-6
            found[k] = (part.loss(up) - part.loss(down)) / (up[k] - down[k])
        return found

    return step


def torch_gradcheck(part, x, **options):
    f, given = part.loss_in_torch(), torch.tensor(x, requires_grad=True)
    return lambda: torch.autograd.gradcheck(f, (given,), raise_exception=False, **options)


def jax_check_grads(part, x):
    f, given = part.network.in_jax(), jnp.asarray(part.network.parameters)
    return lambda: agrees_for_jax(f, given)


def agrees_for_jax(f, x):
    try:
        check_grads(f, (x,), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def as_mlp(network):
    """The network as one of ours, and its loss."""
    net = MLP(network.sizes, tanh, rng=0)
    net.parameters = network.parameters
    return net, partial(squared_error_value_and_grad, normalization="none")


def check_ours(network, gradient=None):
    """The report of our checker."""
    net, loss = as_mlp(network)
    return check_network(net, network.X, network.T, loss, gradient)


def derivatives_of_ours(part, x):
    """What the checker compares with: the derivatives, one difference for each unit, without the check around them."""
    net, loss = as_mlp(part.network)

    def step():
        Z, A = forward(part.network.X, net.weights, net.biases, net.activations)
        dA = loss(A[-1], part.network.T)[1]
        return network_slopes(Pass(net.weights, net.biases, net.activations, Z, A), dA)[0]

    return step


CHECKERS = {  # what to call, and how many parameters it is measured with at most, if it costs time for each
    "a loop of central differences": (loop, SOME),
    "SciPy approx_fprime": (lambda part, x: lambda: approx_fprime(x, part.loss), SOME),
    "numdifftools Gradient": (lambda part, x: lambda: numdifftools.Gradient(part.loss)(x), FEW),
    "statsmodels, central": (lambda part, x: lambda: statsmodels_central(x, part.loss, centered=True), SOME),
    "statsmodels, complex": (lambda part, x: lambda: approx_fprime_cs(x, part.loss), SOME),
    "PyTorch gradcheck": (torch_gradcheck, SOME),
    "PyTorch gradcheck, fast": (lambda part, x: torch_gradcheck(part, x, fast_mode=True), None),
    "JAX check_grads": (jax_check_grads, None),
    "nnnotes, derivatives alone": (derivatives_of_ours, None),
    "nnnotes check_network": (lambda part, x: lambda: check_ours(part.network).numeric, None),
}


def measure(network, make, limit, rounds):
    """CPU time for all parameters; how many were measured, if not all; the error relative to the gradient's norm."""
    P = len(network.parameters)
    count = min(P, limit) if limit == FEW or (limit and P > MANY) else P
    part, x = Part(network, count), network.parameters[:count].copy()
    step, times = make(part, x), []
    for turn in range(rounds + 1):  # the first is not counted, unless it is long
        start = time.process_time()
        found = step()
        times.append(time.process_time() - start)
        if times[0] > 1 or (turn and sum(times) > 10):
            break
    seconds = times[0] if len(times) == 1 else statistics.median(times[1:])
    true = network.gradient(network.parameters)[:count]
    if isinstance(found, bool):
        said = "ok" if found else "false alarm"
    else:
        said = f"{np.linalg.norm(np.ravel(found) - true) / np.linalg.norm(true):.0e}"
    return seconds * P / count, count if count < P else None, said


# --------------------------------------------------------------------------------------- one component, twice too large


class Masked:
    """A network's loss whose gradient is multiplied by a mask, for each of the libraries."""

    def __init__(self, network):
        self.network, self.of_torch, self.of_jax = network, network.in_torch(), network.in_jax()
        self.slope_of_jax = jax.jit(jax.grad(lambda parameters: network.loss(parameters, jnp)))
        self.slope = network.gradient(network.parameters)

    def pytorch(self, mask):
        class Function(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return self.of_torch(x)

            @staticmethod
            def backward(ctx, outer):
                return outer * torch.tensor(self.slope * mask)

        given = torch.tensor(self.network.parameters, requires_grad=True)
        return torch.autograd.gradcheck(Function.apply, (given,), fast_mode=True, raise_exception=False)

    def jax(self, mask):
        f = jax.custom_vjp(self.of_jax)
        f.defvjp(lambda x: (self.of_jax(x), x), lambda x, outer: (outer * self.slope_of_jax(x) * mask,))
        return agrees_for_jax(f, jnp.asarray(self.network.parameters))

    def scipy(self, mask, seed):
        x = self.network.parameters
        error = check_grad(self.network.loss, lambda x: self.slope * mask, x, direction="random", rng=seed)
        return float(np.ravel(error)[0]) < 1e-6

    def nnnotes(self, mask):
        return "wrong" not in np.asarray(check_ours(self.network, self.slope * mask).verdicts)


def detect(network):
    """For each checker, in how many trials it finds the slip, and in how many it finds one where there is none."""
    masked, counts = Masked(network), {}
    checkers = {
        "PyTorch gradcheck, fast": lambda mask, seed: masked.pytorch(mask),
        "JAX check_grads": lambda mask, seed: masked.jax(mask),
        "SciPy check_grad, one direction": masked.scipy,
        "nnnotes check_network": lambda mask, seed: masked.nnnotes(mask),
    }
    places = np.random.default_rng(1).integers(len(network.parameters), size=TRIALS)
    for name, passes in checkers.items():
        found = false_alarms = 0
        for seed, place in enumerate(places):
            mask = np.ones(len(network.parameters))
            false_alarms += not passes(mask, seed)
            mask[place] = 2
            found += not passes(mask, seed)
        counts[name] = found, false_alarms
        print(f"{name}: {found} found, {false_alarms} false alarms", flush=True)
    return counts


# ----------------------------------------------------------------------------------------------------------- the tables


def milliseconds(seconds):
    return f"{seconds * 1e3:,.0f}" if seconds > 0.01 else f"{seconds * 1e3:.2g}"


def cell(seconds, count, said):
    return f"{milliseconds(seconds)} ({said}{f', from {count:,}' if count else ''})"


def report(times, counts, rounds):
    modules = (np, scipy, torch, jax, numdifftools, statsmodels)
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in modules)
    heads = [f"P = {len(Network(*size).parameters):,}" for size in SIZES]
    return "\n\n".join([
        f"Measured on: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; Python "
        f"{platform.python_version()}, {versions}; median of {rounds} rounds.",
        table(["", *heads], [[name, *row] for name, row in times.items()]),
        f"One component of the largest network's gradient twice as large as it should be, in {TRIALS} trials, and "
        f"none in {TRIALS} others:",
        table(["", "found", "false alarms"], [[name, *pair] for name, pair in counts.items()]),
    ])  # fmt: skip


def main():
    about, more = __doc__.split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about.split(':')[0]}. {more}")
    parser.add_argument("rounds", nargs="?", type=int, default=5, help="turns of each case, 5 if not given")
    rounds, times = parser.parse_args().rounds, {name: [] for name in CHECKERS}
    for size in SIZES:
        network = Network(*size)
        for name, (make, limit) in CHECKERS.items():
            times[name].append(cell(*measure(network, make, limit, rounds)))
            print(len(network.parameters), name, times[name][-1], flush=True)
    text = report(times, detect(network), rounds)
    print(text)
    write("gradcheck.py", text)


if __name__ == "__main__":
    main()
