"""CPU time and accuracy of the infogain loss beside its peers: python benchmarks/losses.py [ROUNDS]

Needs the peers (python make.py peers). Writes the tables of benchmarks/README.md once all rows are measured; after
Ctrl-C, what is done is printed, and the file stays as it is.
"""
# ruff: noqa: E402 (threads are set before NumPy is imported)
import argparse
import os


def rounds(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least one round, got {number}")
    return number


def arguments():
    about, more = __doc__.split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about.split(':')[0]}. {more}")
    parser.add_argument("rounds", nargs="?", type=rounds, default=11, help="turns of each case, 11 if not given")
    return parser.parse_args()


if __name__ == "__main__":  # before the peers are imported, which takes seconds, or fails where they are missing
    ARGUMENTS = arguments()

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import gc
import math
import platform
import shutil
import statistics
import sys
import time

import flint
import jax
import numpy as np
import scipy.special
import torch
from tables import README, ROOT, table, write

sys.path.insert(0, str(ROOT))
from nnnotes import losses

SHAPES = ((64, 10), (256, 100), (1024, 1000), (4096, 1000), (512, 32000))
FLOATS = (np.float32, np.float64)
SPREADS = (1, 30)  # standard deviation of the logits
ACCURACY_SPREADS = (1, 3, 10, 30, 100, 1e3, 1e4, 1e5)
DOUBTS = (1e-3, 1e-6, 1e-9, 1e-15, 1e-30)  # 1 - p of confident rows
SMALL = ((64, 10), (64, 100), (32, 1000), (512, 100), (128, 1000), (1024, 100), (8192, 10))  # around the limit of size
MANY = ((16384, 10), (16384, 127), (4096, 511), (4096, 1000))  # rows that 80-bit floats can judge, and classes
SECONDS = 0.005  # of CPU at least for each turn

torch.set_num_threads(1)
jax.config.update("jax_enable_x64", True)


# ---------------------------------------------------------------- the peers: each makes a function of no arguments,
#                                                                  which returns the mean loss and its gradient


def with_limit(limit):
    """Our function, with batches of this many logits and more going the fast way."""

    def make(Z, y, H):
        def step():
            shipped, losses.FAST_SIZE = losses.FAST_SIZE, limit
            try:
                return losses.infogain_value_and_grad(Z, y, H)
            finally:
                losses.FAST_SIZE = shipped

        return step

    return make


OURS = {"plain": with_limit(float("inf")), "fast": with_limit(0)}


def pytorch(Z, y, H):
    logits, labels, weights = torch.tensor(Z, requires_grad=True), torch.tensor(y), torch.tensor(H)

    def step():
        logits.grad = None
        value = torch.nn.functional.cross_entropy(logits, weights[labels])
        value.backward()
        return value.detach(), logits.grad

    return step


def gradient_by_hand(logits, labels, weights):
    logs, h = torch.log_softmax(logits, 1), weights[labels]
    return -(h * logs).sum(1).mean(), (h.sum(1, keepdim=True) * logs.exp() - h) / len(h)


def pytorch_compiled(Z, y, H):
    torch._dynamo.reset()
    compiled = torch.compile(gradient_by_hand, dynamic=False)
    arguments = torch.tensor(Z), torch.tensor(y), torch.tensor(H)

    def step():
        with torch.no_grad():
            return compiled(*arguments)

    return step


@jax.jit
@jax.value_and_grad
def jax_step(logits, labels, weights):
    return -(weights[labels] * jax.nn.log_softmax(logits, axis=1)).sum(1).mean()


def jax_jit(Z, y, H):
    arguments = jax.numpy.asarray(Z), jax.numpy.asarray(y), jax.numpy.asarray(H)
    return lambda: jax.block_until_ready(jax_step(*arguments))


def with_scipy(Z, y, H):
    def step():
        logs, h = scipy.special.log_softmax(Z, axis=1), H[y]
        return -(h * logs).sum() / len(Z), (h.sum(1, keepdims=True) * np.exp(logs) - h) / len(Z)

    return step


def naive(Z, y, H):
    """The formulas as the thread writes them."""

    def step():
        with np.errstate(all="ignore"):
            P, h = np.exp(Z) / np.exp(Z).sum(1, keepdims=True), H[y]
            return -(h * np.log(P)).sum() / len(Z), (h.sum(1, keepdims=True) * P - h) / len(Z)

    return step


def one_add(Z, y, H):
    other = np.ones_like(Z)
    return lambda: np.add(Z, other)


COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
PEERS = {"PyTorch": pytorch, "PyTorch, by hand, compiled": pytorch_compiled, "JAX": jax_jit, "SciPy": with_scipy,
         "naive NumPy": naive, "one add": one_add}
if not COMPILER:
    del PEERS["PyTorch, by hand, compiled"]


# ----------------------------------------------------------------------------------------------------------- CPU time


def batch(N, K, spread, dtype, seed=0):
    """Logits, labels and weights. At most 1000 labels, or H would not fit into memory for K = 32000."""
    rng = np.random.default_rng(seed)
    M = min(K, 1000)
    Z, H = spread * rng.standard_normal((N, K)), rng.random((M, K))
    H[H < 0.2] = 0
    H[np.arange(M), np.arange(M)] = 1
    return Z.astype(dtype), rng.integers(0, M, N), H.astype(dtype)


def agree(steps, spread):
    """All peers compute the same thing, those that survive the spread."""
    value, grad = steps["plain"]()
    for name, step in steps.items():
        if name != "one add" and not (name == "naive NumPy" and spread > 1):
            theirs = step()
            np.testing.assert_allclose(float(theirs[0]), value, rtol=1e-4)
            np.testing.assert_allclose(np.asarray(theirs[1]), grad, rtol=1e-3, atol=1e-4 * abs(grad).max())


def turns(step):
    """How many calls fill a turn."""
    calls, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        step()
        calls += 1
    return calls


def cpu_times(steps, rounds):
    """Seconds of CPU for a call of each, all taking turns."""
    calls = {name: turns(step) for name, step in steps.items()}
    times = {name: [] for name in steps}
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, step in steps.items():
            step()  # not counted: who comes after whom does not matter
            start = time.process_time()
            for _ in range(calls[name]):
                step()
            times[name].append((time.process_time() - start) / calls[name])
    gc.enable()
    return times


def subnormal_costs(rounds):
    """How many exponentials of wide float32 logits are subnormal, and how much longer it takes to make and add them."""
    Z, ones = batch(65, 1000, 30, np.float32)[0], np.ones(1000, np.float32)
    X = Z - Z.max(1, keepdims=True)
    tiny = np.finfo(np.float32).tiny
    with np.errstate(all="ignore"):
        kept = np.where(np.exp(X) < tiny, -np.inf, X)
        slow, fast, out = np.exp(X), np.exp(kept), np.empty_like(X)
        times = cpu_times({
            "exp": lambda: np.exp(kept, out=out), "exp, subnormal": lambda: np.exp(X, out=out),
            "sum": lambda: np.vecdot(fast, ones), "sum, subnormal": lambda: np.vecdot(slow, ones),
        }, rounds)  # fmt: skip
    median = {name: statistics.median(values) for name, values in times.items()}
    share = float(((slow > 0) & (slow < tiny)).mean())
    return share, *(median[f"{name}, subnormal"] / median[name] for name in ("exp", "sum"))


def measure(shape, dtype, spread, rounds):
    """Median CPU time of what ships, and for each other the median of its time over ours in the same round."""
    arguments = batch(*shape, spread, dtype)
    steps = {name: make(*arguments) for name, make in (OURS | PEERS).items()}
    agree(steps, spread)
    times = cpu_times(steps, rounds)
    shipped = times["fast" if math.prod(shape) >= losses.FAST_SIZE else "plain"]
    ratios = {
        name: statistics.median(theirs / own for theirs, own in zip(values, shipped, strict=True))
        for name, values in times.items()
    }
    ratios["plain / fast"] = statistics.median(a / b for a, b in zip(times["plain"], times["fast"], strict=True))
    return statistics.median(shipped), ratios


def gains(rounds):
    """Around the limit of size: how many times as long the plain way takes as the fast one."""
    for shape in SMALL:
        for dtype in FLOATS:
            arguments = batch(*shape, 1, dtype)
            times = cpu_times({name: make(*arguments) for name, make in OURS.items()}, rounds)
            yield shape, dtype, statistics.median(a / b for a, b in zip(times["plain"], times["fast"], strict=True))


# ----------------------------------------------------------------------------------------------------------- accuracy


def truth(z, h):
    """Loss and gradient of one row, to more than 60 digits."""
    flint.ctx.prec = 600
    z, h = [flint.arb(float(x)) for x in z], [flint.arb(float(x)) for x in h]
    s, r = sum((x.exp() for x in z), flint.arb(0)), sum(h, flint.arb(0))
    loss = r * s.log() - sum((a * b for a, b in zip(h, z, strict=True)), flint.arb(0))
    return loss, [r * x.exp() / s - w for x, w in zip(z, h, strict=True)], r


def error(found, true, scale):
    """Of one number, relative to the scale."""
    found = float(found)
    return abs(float((flint.arb(found) - true) / scale)) if np.isfinite(found) else np.inf


def errors(make, Z, y, H, confident=False):
    """Largest relative errors of loss and gradient; the gradient's relative to the sum of the weights, or of confident
    rows relative to itself, and at the label only.
    """
    worst = [0.0, 0.0]
    for z, label in zip(Z, y, strict=True):
        value, grad = make(z[None], np.array([label]), H)()
        loss, slopes, r = truth(z, H[label])
        places = [label] if confident else range(len(z))
        of_grad = max(error(np.asarray(grad)[0, k], slopes[k], slopes[k] if confident else r) for k in places)
        worst = [max(worst[0], error(value, loss, loss)), max(worst[1], of_grad)]
    return worst


def confident_rows(doubt, dtype, K=10):
    """Rows whose label has the probability 1 - doubt."""
    Z = np.random.default_rng(0).normal(size=(8, K)).astype(dtype)
    others = np.log(np.exp(Z[:, 1:].astype(float)).sum(1))
    Z[:, 0] = others - np.log(doubt)
    return Z, np.zeros(8, int), np.eye(K, dtype=dtype)


def many_rows(dtype):
    """Largest errors of the gradient in many rows, deviation 10, in eps of the row sum; none without 80-bit floats."""
    found, eps = {}, np.finfo(dtype).eps
    for N, K in MANY if np.finfo(np.longdouble).eps < 2e-19 else ():
        Z, y, H = batch(N, K, 10, dtype, seed=1)
        X, h = Z.astype(np.longdouble), H[y].astype(np.longdouble)
        P, r = np.exp(X - X.max(1, keepdims=True)), h.sum(1, keepdims=True)
        true = r * P / P.sum(1, keepdims=True) - h
        grads = {name: np.asarray(make(Z, y, H)()[1]) for name, make in JUDGED.items()}  # of a mean; N is a power of 2
        found[N, K] = {name: float((abs(N * grad.astype(np.longdouble) - true) / r).max() / eps)
                       for name, grad in grads.items()}
    return found


JUDGED = OURS | {"PyTorch": pytorch, "JAX": jax_jit, "SciPy": with_scipy, "naive NumPy": naive}


def accuracy(dtype):
    """A row of errors for each spread, and for each degree of confidence."""
    spreads, doubts = {}, {}
    for spread in ACCURACY_SPREADS:
        cases = [batch(64, K, spread, dtype, seed=K) for K in (10, 100, 1000)]
        found = {name: [errors(make, *case) for case in cases] for name, make in JUDGED.items()}
        spreads[spread] = {name: np.max(pairs, axis=0) / np.finfo(dtype).eps for name, pairs in found.items()}
    for doubt in DOUBTS:
        case = confident_rows(doubt, dtype)
        doubts[doubt] = {name: errors(make, *case, confident=True) for name, make in JUDGED.items()}
    return spreads, doubts, many_rows(dtype)


# ------------------------------------------------------------------------------------------------------- the tables


def time_tables(times):
    parts = []
    for dtype in FLOATS:
        for spread in SPREADS:
            rows = [
                [f"({N}, {K})", f"{own * 1e6:,.0f}", *(f"{ratios[name]:.2f}" for name in ("plain / fast", *PEERS))]
                for ((N, K), kind, s), (own, ratios) in times.items()
                if (kind, s) == (dtype, spread)
            ]
            parts += [f"**{dtype.__name__}, logits of standard deviation {spread}**", table(
                ["(N, K)", "ours, µs", "plain / fast", *PEERS], rows)] if rows else []
    return "\n\n".join(parts)


def gain_table(found):
    rows = {}
    for (N, K), _, ratio in found:
        rows.setdefault(f"({N}, {K})", [f"{N * K:,}"]).append(f"{ratio:.2f}")
    return table(["(N, K)", "logits", *(dtype.__name__ for dtype in FLOATS)], [[k, *v] for k, v in rows.items()])


def pair_text(pair):
    return " / ".join("not finite" if x == np.inf else f"{x:.2g}" for x in pair)


def accuracy_tables(found):
    parts = []
    for dtype, (spreads, doubts, many) in found.items():
        title = f"**{dtype.__name__}, standard deviation of the logits**, loss / gradient in eps"
        rows = [[f"{spread:g}", *map(pair_text, row.values())] for spread, row in spreads.items()]
        parts += [title, table(["", *JUDGED], rows)]
        title = (f"**{dtype.__name__}, rows whose label has probability 1 - x**, "
                 "relative error of the loss / of the gradient at the label")
        rows = [[f"{doubt:g}", *map(pair_text, row.values())] for doubt, row in doubts.items()]
        parts += [title, table(["x", *JUDGED], rows)]
        title = f"**{dtype.__name__}, many rows**, gradient in eps, deviation 10, judged with 80-bit floats"
        rows = [[f"{N:,} of {K} classes", *(f"{x:.2g}" for x in row.values())] for (N, K), row in many.items()]
        parts += [title, table(["", *JUDGED], rows)] if many else []
    return "\n\n".join(parts)


def bar(text, worst, met):
    return [text, worst, "met" if met else "**not met**"]


def faster(text, name, least, times):
    """A bar of at least this ratio in every case."""
    case = min(times, key=lambda case: times[case][1][name])
    ratio, missed = times[case][1][name], sum(ratios[name] < least for _, ratios in times.values())
    where = f"{ratio:.2f} at {case[0]} {case[1].__name__}, deviation {case[2]}; {missed} of {len(times)} cases below"
    return bar(text, where, not missed)


def time_bars(times):
    """Each bar with the least favourable figure."""
    usual = {case: row for case, row in times.items() if case[0][1] == 1000 and case[2] == 1}
    wide = {case: row for case, row in times.items() if case[0][1] == 1000 and case[2] == 30}
    if times:
        yield faster("never slower than PyTorch", "PyTorch", 1, times)
        yield faster("never slower than JAX", "JAX", 1, times)
        yield faster("aim: 2 times faster than PyTorch", "PyTorch", 2, times)
    for text, cases in (("deviation 1", usual), ("deviation 30", wide)):
        if cases:
            yield faster(f"fast 1.2 times faster than plain, 1000 classes, {text}", "plain / fast", 1.2, cases)


def accuracy_bars(found):
    """No worse than the worst of the peers on the same rows, and 1 eps."""
    peers = ("PyTorch", "JAX", "SciPy")
    for dtype, (spreads, doubts, many) in found.items():
        for own in OURS:
            rows = [{name: np.max(row[name]) for name in (own, *peers)} for row in (*spreads.values(), *many.values())]
            worst, limit = max(((row.pop(own), max(row.values())) for row in rows), key=lambda pair: pair[0] - pair[1])
            yield bar(f"{own}, {dtype.__name__}: at most 1 eps worse than the worst of {', '.join(peers)}",
                      f"{worst:.2f} for {limit:.2f} eps", worst <= limit + 1)
            worst = max(np.max(row[own]) for row in doubts.values()) / np.finfo(dtype).eps
            yield bar(f"{own}, {dtype.__name__}: confident rows within 64 eps", f"{worst:.2f} eps", worst <= 64)


def setting(rounds):
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    versions = {"Python": platform.python_version()} | {
        module.__name__: module.__version__ for module in (np, scipy, torch, jax)
    }
    compiled = "" if COMPILER else " No C++ compiler here, so `torch.compile` could not be measured."
    return (
        f"{platform.machine()} ({', '.join(simd)}), {os.cpu_count()} cores, {platform.system()}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; median of {rounds} rounds.{compiled}"
    )


def subnormal_text(share, exp, total):
    return (
        f"Of float32 logits with deviation 30 and 1000 classes, {share:.0%} of the exponentials are subnormal. "
        f"With them `np.exp` takes {exp:.1f} times as long as where they are 0, and their sum {total:.1f} times."
    )


def report(times, found, small, subnormal, rounds):
    """The tables of what has been measured."""
    bars = [*time_bars(times), *accuracy_bars(found)]
    parts = [f"Measured on: {setting(rounds)}"]
    parts += ["### Bars", table(["bar", "least favourable", ""], bars)] if bars else []
    parts += ["### Accuracy", accuracy_tables(found)] if found else []
    parts += ["### CPU time", "Ours is what ships: plain below the limit of size, fast above it. In microseconds; the "
              "others as multiples of ours in the same round: above 1, we are faster. *plain / fast* is how many times "
              "as long the plain way takes as the fast one.", time_tables(times)] if times else []
    parts += [f"From which size on the fast way is worth it (it is taken from {losses.FAST_SIZE:,} logits on): plain / "
              "fast, deviation 1.", gain_table(small)] if small else []
    parts += [subnormal_text(*subnormal)] if subnormal else []
    return "\n\n".join(parts)


def main(rounds):
    times, found, small, subnormal, complete = {}, {}, [], (), False
    if not COMPILER:
        print("no C++ compiler (g++ or clang++, or CXX): torch.compile is left out")
    try:
        for dtype in FLOATS:
            print("accuracy", dtype.__name__, flush=True)
            found[dtype] = accuracy(dtype)
        for shape in SHAPES:
            for dtype in FLOATS:
                for spread in SPREADS:
                    times[shape, dtype, spread] = own, ratios = measure(shape, dtype, spread, rounds)
                    line = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
                    print(f"{shape} {dtype.__name__} {spread:2}: {own * 1e6:9.0f} µs; {line}", flush=True)
        small = list(gains(rounds))
        subnormal = subnormal_costs(rounds)
        complete = True
    except KeyboardInterrupt:
        print(f"interrupted; what is done follows, {README.relative_to(ROOT)} is left as it was\n")
    text = report(times, found, small, subnormal, rounds)
    print(text)
    if complete:
        write("losses.py", text)


if __name__ == "__main__":
    main(ARGUMENTS.rounds)
