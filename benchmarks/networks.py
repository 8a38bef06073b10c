"""CPU time of 1000 networks at once beside one by one: python benchmarks/networks.py [ROUNDS]

PyTorch and JAX take part if they are there (python make.py peers). Writes the tables of benchmarks/README.md.
"""
# ruff: noqa: E402 (threads are set before NumPy is imported)
import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import contextlib
import platform
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from nnnotes.losses import squared_error_value_and_grad
from nnnotes.networks import MLP, Replicas

README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- written by benchmarks/networks.py: begin -->", "<!-- written by benchmarks/networks.py: end -->"
SIZES, N, R = (4, 20, 7), 10, 1000  # as in chapter 08: BCD to seven segments
LARGE = (784, 100, 10), 64  # one network of the size of a first exercise with digits

REPLICAS = Replicas(SIZES, rng=0, count=R)
X, T = np.random.default_rng(0).normal(size=(N, SIZES[0])), np.random.default_rng(1).normal(size=(N, SIZES[-1]))
TARGETS = np.repeat(T[:, :, None], R, axis=2)
LOSS = partial(squared_error_value_and_grad, axis=1, normalization="batch_size")


# ------------------------------------------------- each makes a function of no arguments, which returns the gradients


def together():
    return lambda: REPLICAS.value_and_grad(X, TARGETS, LOSS)[1]


def one_by_one():
    nets = list(REPLICAS)
    return lambda: np.stack([net.value_and_grad(X, T, squared_error_value_and_grad)[1] for net in nets], -1)


def loss_of(tanh):
    """Half the squared error of a network whose parameters are those of REPLICAS, for PyTorch and JAX."""

    def loss(W1, b1, W2, b2, X, T):
        return ((tanh(X @ W1 + b1) @ W2 + b2 - T) ** 2).sum() / (2 * len(X))

    return loss


def layers(net):
    return [part for pair in zip(net.weights, net.biases, strict=True) for part in pair]


def with_jax():
    import jax

    jax.config.update("jax_enable_x64", True)
    grad = jax.jit(jax.vmap(jax.grad(loss_of(jax.numpy.tanh), (0, 1, 2, 3)), (-1, -1, -1, -1, None, None), -1))
    arguments = [jax.numpy.asarray(array) for array in (*layers(REPLICAS), X, T)]
    return lambda: np.concatenate([np.asarray(part).reshape(-1, R) for part in jax.block_until_ready(grad(*arguments))])


def with_torch():
    import torch

    torch.set_num_threads(1)
    grad = torch.vmap(torch.func.grad(loss_of(torch.tanh), (0, 1, 2, 3)), (0, 0, 0, 0, None, None))
    first = [np.ascontiguousarray(np.moveaxis(array, -1, 0)) for array in layers(REPLICAS)]
    arguments = [torch.tensor(array) for array in (*first, X, T)]
    return lambda: np.concatenate([np.moveaxis(part.numpy(), 0, -1).reshape(-1, R) for part in grad(*arguments)])


def einsum():
    """The products of the appendix by `np.einsum`."""
    return products(lambda A, B, names: np.einsum(names, A, B))


def broadcasting():
    """The products of the appendix written down and added up."""
    ways = {
        "ndr,dkr->nkr": lambda A, B: (A[:, :, None] * B).sum(1),
        "ndr,nkr->dkr": lambda A, B: (A[:, :, None] * B[:, None]).sum(0),
        "nkr,dkr->ndr": lambda A, B: (A[:, None] * B).sum(2),
    }
    return products(lambda A, B, names: ways[names](A, B))


def matmul():
    """The products of the appendix as they ship."""
    axes = {
        "ndr,dkr->nkr": [(0, 1), (0, 1), (0, 1)],
        "ndr,nkr->dkr": [(1, 0), (0, 1), (0, 1)],
        "nkr,dkr->ndr": [(0, 1), (1, 0), (0, 1)],
    }
    return products(lambda A, B, names: np.matmul(A, B, axes=axes[names]))


def products(multiply):
    """Of the second layer, forward and back."""
    rng = np.random.default_rng(0)
    D, K = SIZES[1:]
    A, W, dZ = rng.normal(size=(N, D, R)), rng.normal(size=(D, K, R)), rng.normal(size=(N, K, R))
    names = (A, W, "ndr,dkr->nkr"), (A, dZ, "ndr,nkr->dkr"), (dZ, W, "nkr,dkr->ndr")
    return lambda: np.concatenate([multiply(*one).reshape(-1, R) for one in names])


def large():
    """One network of ours, and of PyTorch."""
    sizes, batch = LARGE
    net, rng = MLP(sizes, rng=0, dtype=np.float32), np.random.default_rng(0)
    X, T = (rng.normal(size=(batch, size)).astype(np.float32) for size in (sizes[0], sizes[-1]))
    steps = {"`MLP`": lambda: net.value_and_grad(X, T, squared_error_value_and_grad)[1]}
    with contextlib.suppress(ImportError):
        import torch

        leaves = [torch.tensor(np.array(part), requires_grad=True) for part in layers(net)]
        inputs, targets, loss = torch.tensor(X), torch.tensor(T), loss_of(torch.tanh)
        steps["PyTorch"] = lambda: np.concatenate(
            [part.numpy().ravel() for part in torch.autograd.grad(loss(*leaves, inputs, targets), leaves)]
        )
    return steps


# ---------------------------------------------------------------------------------------------------------- CPU time


def median_times(steps, rounds):
    """Milliseconds of CPU for a call of each, all taking turns, after all gave the same."""
    results = [step() for step in steps.values()]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-4, atol=1e-4 * abs(results[0]).max())
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            step()
            calls, start = 0, time.process_time()
            while time.process_time() - start < 0.02:
                step()
                calls += 1
            times[name].append(1e3 * (time.process_time() - start) / calls)
    return {name: statistics.median(values) for name, values in times.items()}


def table(times, unit, scale=1.0):
    first = next(iter(times.values()))
    rows = [f"| {name} | {scale * value:.3g} | {value / first:.2f} |" for name, value in times.items()]
    return "\n".join([f"| | {unit} | over the first |", "|---|---|---|", *rows])


def main(rounds):
    steps = {"`Replicas`": together(), "`MLP`, one by one": one_by_one()}
    for name, make in {"JAX, `jit(vmap(grad))`": with_jax, "PyTorch, `vmap(grad)`": with_torch}.items():
        with contextlib.suppress(ImportError):
            steps[name] = make()
    ways = {"`np.matmul` with axes": matmul(), "`np.einsum`": einsum(), "broadcasting": broadcasting()}
    sizes, batch = "-".join(map(str, LARGE[0])), LARGE[1]
    text = f"""Gradients of {R} networks {"-".join(map(str, SIZES))}, {N} samples, float64:

{table(median_times(steps, rounds), "µs per network", 1e3 / R)}

The three products of their second layer:

{table(median_times(ways, rounds), "ms")}

One network {sizes}, {batch} samples, float32:

{table(median_times(large(), rounds), "ms")}

`python benchmarks/networks.py {rounds}`: medians of {rounds} rounds, one thread, Python {platform.python_version()}, \
NumPy {np.__version__}, {platform.machine()}."""
    print(text)
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=11, help="turns of each, 11 if not given")
    main(parser.parse_args().rounds)
