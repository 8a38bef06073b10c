"""What checkers of gradients say to functions that they trip over: python benchmarks/gradcheck_traps.py [WORD]

Needs the peers (python make.py peers); takes a quarter of an hour. Writes the table of benchmarks/README.md; with WORD,
only prints the rows whose names hold it. The functions, and what is true of them, are in tests/gradcheck_traps.py.
"""
# ruff: noqa: E402 (threads are set before NumPy is imported)
import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import importlib.util
import logging
import platform
import sys
import time
import warnings
from functools import partial

import numpy as np
from tables import ROOT, table, write

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from gradcheck_traps import traps  # of tests/, which now stands before this folder

SQUARE = 5000  # components above which a matrix of as many rows and columns is not made
LOOP = 2000  # components above which a hundred calls for each take too long
RIGHT, WRONG = "✓", "✗"


class CannotRunError(Exception):
    """Why a peer has nothing to say about a trap."""


def judge_gap(found, gradient, error):
    """ok, if the gap is at most 10 times the peer's own estimate of its error, or 1e-8 of the derivative found."""
    found, gradient, error = map(np.ravel, np.broadcast_arrays(found, gradient, error))
    agrees = np.abs(found - gradient) <= np.maximum(10 * error, 1e-8 * np.abs(found))
    worst = 0 if agrees.all() else agrees.argmin()
    return "ok" if agrees.all() else "wrong", f"{found[worst]:.3g} ± {error[worst]:.1g}" if len(found) == 1 else ""


# ---------------------------------------------------------------------------------------------------------- the peers


def pytorch(trap, **options):
    import torch
    from torch.autograd.gradcheck import GradcheckError

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tensor(float(trap.f(x.detach().numpy())), dtype=torch.float64)

        @staticmethod
        def backward(ctx, outer):
            (x,) = ctx.saved_tensors
            return outer * torch.from_numpy(np.asarray(trap.grad(x.detach().numpy())))

    x = torch.tensor(trap.x, dtype=torch.float64, requires_grad=True)
    try:
        torch.autograd.gradcheck(Function.apply, (x,), **options)
    except GradcheckError as error:
        return "not deterministic" if "not reentrant" in str(error) else "wrong", ""
    return "ok", ""


def pytorch_fast(trap):
    return pytorch(trap, fast_mode=True)  # after a failure it goes the slow way, too, for the words of its error


def jax_check_grads(trap):
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    x = jnp.asarray(trap.x, trap.dtype)

    def called(function, shape):
        """The NumPy function, called from JAX."""
        wanted = jax.ShapeDtypeStruct(shape, x.dtype)
        return lambda x: jax.pure_callback(lambda x: np.asarray(function(np.asarray(x)), x.dtype), wanted, x)

    f = jax.custom_vjp((lambda x: trap.f(x, xp=jnp)) if trap.takes_xp else called(trap.f, ()))
    f.defvjp(lambda x: (f(x), x), lambda x, outer: (outer * called(trap.grad, x.shape)(x),))
    try:
        check_grads(f, (x,), order=1, modes=["rev"])  # a custom_vjp has no other
    except AssertionError:
        return "wrong", ""
    return "ok", ""


def scipy_check_grad(trap):
    from scipy.optimize import check_grad

    error = float(check_grad(trap.f, trap.grad, trap.x.copy()))
    return "ok" if error < 1e-6 else "wrong", f"{error:.1g}"


def scipy_derivative(trap):
    from scipy.differentiate import derivative

    if trap.x.size > LOOP:
        raise CannotRunError(f"not run: {trap.x.size:,} times a hundred calls")

    def along(t, k):
        """f with component k replaced by t."""
        x = trap.x.copy()
        x[int(k)] = t
        return trap.f(x)

    gradient = np.array(trap.grad(trap.x.copy()))
    result = derivative(np.vectorize(along, otypes=[float]), trap.x, args=(np.arange(trap.x.size),))
    if not result.success.all():
        return "no success", ""
    return judge_gap(result.df, gradient, result.error)


def numdifftools(trap, **options):
    import numdifftools

    if trap.x.size > SQUARE:
        raise CannotRunError(f"not run: needs {trap.x.size:,}² numbers")
    gradient = np.array(trap.grad(trap.x.copy()))
    result = numdifftools.Gradient(trap.f, full_output=True, **options)(trap.x.copy())
    return judge_gap(result.estimate, gradient, result.error_estimate)


def numdifftools_complex(trap):
    return numdifftools(trap, method="complex")


def statsmodels_complex(trap):
    from statsmodels.tools.numdiff import approx_fprime_cs

    if trap.x.size > SQUARE:
        raise CannotRunError(f"not run: needs {trap.x.size:,}² numbers")
    gradient = np.array(trap.grad(trap.x.copy()))
    return judge_gap(approx_fprime_cs(trap.x.copy(), trap.f), gradient, 0)


PEERS = {
    "PyTorch gradcheck": ("torch", pytorch),
    "PyTorch fast mode": ("torch", pytorch_fast),
    "JAX check_grads": ("jax", jax_check_grads),
    "SciPy check_grad": ("scipy", scipy_check_grad),
    "SciPy derivative": ("scipy", scipy_derivative),
    "numdifftools": ("numdifftools", numdifftools),
    "numdifftools, complex": ("numdifftools", numdifftools_complex),
    "statsmodels, complex": ("statsmodels", statsmodels_complex),
}


def negated_sines(n, dtype):
    """What JAX and PyTorch's fast mode say of n sines whose derivative has the wrong sign: a function of n outputs."""
    import jax
    import jax.numpy as jnp
    import torch
    from jax.test_util import check_grads

    x = np.random.default_rng(0).normal(size=n).astype(dtype)
    f = jax.custom_jvp(jnp.sin)
    f.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), -jnp.cos(primals[0]) * tangents[0]))
    said = {}
    for mode in ("fwd", "rev"):
        try:
            check_grads(f, (jnp.asarray(x),), order=1, modes=[mode])
        except AssertionError:
            said[mode] = "wrong", True
        else:
            said[mode] = "ok", False

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, outer):
            return -torch.cos(ctx.saved_tensors[0]) * outer

    given = torch.tensor(x, requires_grad=True)
    passes = torch.autograd.gradcheck(Function.apply, (given,), fast_mode=True, raise_exception=False)
    return [*said.values(), ("ok", False) if passes else ("wrong", True)]


# ------------------------------------------------------------------------------------------------------------ verdicts


def of_peer(ask, trap):
    """What a peer says, and whether it is right.

    It should say ok if, and only if, agreement is among the truth, be it up to noise. No success is right where no
    verdict is called for.
    """
    try:
        said, detail = ask(trap)
    except CannotRunError as reason:
        return str(reason), None
    except Exception as error:  # a peer may answer to a trap with any of them
        return f"fails: {type(error).__name__}", None
    no_verdict = trap.truth - {"agrees", "wrong"}
    agrees = bool(trap.truth & {"agrees", "not deterministic"})
    right = bool(no_verdict) if said == "no success" else said in trap.truth or (said == "ok") == agrees
    return said + (f" ({detail})" if detail else ""), right


def of_nnnotes(trap):
    """The words of our checker, and whether each is true of its component."""
    from nnnotes.gradcheck import check_gradient

    verdicts = np.ravel(check_gradient(trap.f, trap.grad, trap.x.copy()).verdicts)
    asked = np.isin(np.arange(len(verdicts)), range(len(verdicts)) if trap.where is None else trap.where)
    others = trap.others | {"not sampled"}
    truth = trap.truth | ({"not sampled"} if trap.where is None else set())
    right = all(word in (truth if mine else others) for word, mine in zip(verdicts, asked, strict=True))
    said = [word for word in dict.fromkeys(map(str, verdicts[asked])) if word != "not sampled"]
    return ", ".join(said), right


def columns():
    """For each column what to ask, and which modules are missing."""
    found, missing = {}, []
    try:
        from nnnotes.gradcheck import check_gradient  # noqa: F401  # is it there?
    except ImportError:
        missing.append("nnnotes.gradcheck")
    else:
        found["nnnotes"] = of_nnnotes
    for name, (module, ask) in PEERS.items():
        if importlib.util.find_spec(module):
            found[name] = partial(of_peer, ask)
        elif module not in missing:
            missing.append(module)
    return found, missing


def verdicts(word):
    """A row of verdicts for each trap whose name holds the word; each peer gets a trap that nobody has used."""
    asked, missing = columns()
    rows = {trap.name: (trap, {}) for trap in traps() if word in trap.name}
    for name, ask in asked.items():
        start = time.monotonic()
        for trap in traps():
            if trap.name in rows:
                rows[trap.name][1][name] = ask(trap)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return asked, missing, rows


# ----------------------------------------------------------------------------------------------------------- the table


def cell(said, right):
    return said if right is None else f"{said} {RIGHT if right else WRONG}"


def report(asked, missing, rows, sines):
    counts = []
    for name in asked:
        right = [row[name][1] for _, row in rows.values() if row[name][1] is not None]
        counts.append(f"{sum(right)} of {len(right)}")
    lines = [[name, ", ".join(sorted(trap.truth)), *(cell(*row[one]) for one in asked)]
             for name, (trap, row) in rows.items()]  # fmt: skip
    modules = dict.fromkeys(module for module, _ in PEERS.values() if module not in missing)
    versions = ", ".join(f"{name} {importlib.import_module(name).__version__}" for name in modules)
    parts = [f"Python {platform.python_version()}, NumPy {np.__version__}, {versions}."]
    parts += [f"**Not installed, and so not asked: {', '.join(missing)}.**"] if missing else []
    parts += [table(["", "right", *asked], [["**right answers**", "", *counts], *lines])]
    if sines:
        head = ["derivative of sin, negated", "JAX, forward mode", "JAX, reverse mode", "PyTorch fast mode"]
        parts += [table(head, [[name, *(cell(*pair) for pair in pairs)] for name, pairs in sines.items()])]
    return "\n\n".join(parts)


def main():
    about, more = __doc__.split("\n\n")
    parser = argparse.ArgumentParser(description=f"{about.split(':')[0]}. {more}")
    parser.add_argument("word", nargs="?", default="", help="only functions whose names hold it; nothing is written")
    word = parser.parse_args().word
    logging.getLogger("jax").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", np.exceptions.ComplexWarning)  # an imaginary part would be lost
    asked, missing, rows = verdicts(word)
    there = not word and not {"jax", "torch"} & set(missing)
    sizes = ((1000, np.float32), (1000, np.float64), (200_000, np.float32), (200_000, np.float64)) if there else ()
    sines = {f"{n:,} numbers, {dtype.__name__}": negated_sines(n, dtype) for n, dtype in sizes}
    text = report(asked, missing, rows, sines)
    print(text)
    if not word:
        write("gradcheck_traps.py", text)


if __name__ == "__main__":
    main()
