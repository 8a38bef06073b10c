"""Functions with a gradient to be checked, right or wrong, that checkers trip over; tests and benchmarks share them.

`traps()` makes the list anew at each call, since some of the functions remember their calls.
"""
import inspect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

A, B = 1.7159, 2 / 3  # the scaled tanh, a tanh(b x)
BESIDE = 1e-7


class Trap(NamedTuple):
    """A function, the gradient under test, the point, and which verdicts are true.

    `truth` holds words of: agrees, wrong, kink, rounding-limited, undecidable, not deterministic, changes its input.
    It is about the components `where` (all, if None); of the other ones `others` is true.
    A jump, too, counts as a kink. With float32 in `dtype` the function rounds to float32, whatever it is given.
    """

    name: str
    f: Callable
    grad: Callable
    x: np.ndarray
    truth: frozenset
    where: tuple | None = None
    others: frozenset = frozenset({"agrees"})
    dtype: type = np.float64

    @property
    def takes_xp(self):
        """Whether `f` takes another array module, as `f(x, xp=jax.numpy)`."""
        return "xp" in inspect.signature(self.f).parameters


def trap(name, f, grad, x, truth, where=None, others="agrees", dtype=np.float64):
    """A trap, its verdicts given as text, divided by commas."""
    words = [frozenset(text.split(", ")) for text in (truth, others)]
    return Trap(name, f, grad, np.array(x, float, ndmin=1), words[0], where, words[1], dtype)


def traps():
    return [*kinks(), *saturated(), *scales(), *slips(), *large(), *ill_behaved()]


# --------------------------------------------------------------------------------------------------- kinks and jumps


def absolute(x, xp=np):
    return xp.abs(x).sum()


def relu(x, xp=np):
    return xp.where(x > 0, x, 0).sum()


def step(x, xp=np):
    return xp.where(x > 0, 1.0, 0.0).sum()


def clip(x, xp=np):
    return xp.where(x > 1, 1, xp.where(x < -1, -1, x)).sum()


def floor(x, xp=np):
    return xp.floor(x.real).sum()


def largest(x, xp=np):
    return xp.max(xp.abs(x))


def slope_of_largest(x):
    return np.where(np.abs(x) == np.abs(x).max(), np.sign(x), 0)


def constant(slope):
    """A gradient that has the same number everywhere."""
    return lambda x: np.full_like(x, slope)


def kinks():
    beside = "agrees, kink, undecidable"  # the gradient is right, but the way to see it is short
    return [
        trap("|x| at 0, gradient 0", absolute, np.sign, 0, "kink"),
        trap("|x| at 1e-7", absolute, np.sign, BESIDE, beside),
        trap("|x| at 2", absolute, np.sign, 2, "agrees"),
        trap("largest |x|, one ahead", largest, slope_of_largest, [1, -3, 2], "agrees"),
        trap("largest |x|, a tie", largest, slope_of_largest, [3, -3, 2], "kink", where=(0, 1)),
        trap("relu at 0, gradient 0", relu, constant(0), 0, "kink"),
        trap("relu at 0, gradient 1/2", relu, constant(0.5), 0, "kink"),
        trap("relu at 1e-7", relu, constant(1), BESIDE, beside),
        trap("step at its jump, gradient 0", step, constant(0), 0, "kink, undecidable"),
        trap("step, 1e-7 above", step, constant(0), BESIDE, beside),
        trap("step, 1e-7 below", step, constant(0), -BESIDE, beside),
        trap("clip at its edge, gradient 1", clip, constant(1), 1, "kink"),
        trap("clip, 1e-7 outside", clip, constant(0), 1 + BESIDE, beside),
        trap("floor at a jump, gradient 0", floor, constant(0), 2, "kink, undecidable"),
        trap("floor, 1e-7 above a jump", floor, constant(0), 2 + BESIDE, beside),
        trap("floor, 1e-7 below a jump", floor, constant(0), 2 - BESIDE, beside),
        trap("tan, 1e-4 before its pole", tangent, slope_of_tangent, np.pi / 2 - 1e-4, "agrees"),
        trap("tan, 1e-6 before its pole", tangent, slope_of_tangent, np.pi / 2 - 1e-6, "agrees, undecidable"),
    ]


def tangent(x, xp=np):
    return xp.tan(x).sum()


def slope_of_tangent(x):
    return 1 / np.cos(x) ** 2


# ------------------------------------------------------------------------------------------------- flat and saturated


def tanh(x, xp=np):
    return xp.tanh(x).sum()


def slope_of_tanh(x):
    return 1 / np.cosh(x) ** 2


def scaled_tanh(x, xp=np):
    return (A * xp.tanh(B * x)).sum()


def threads_slope(x):
    """The derivative of the scaled tanh as an answer on Stack Overflow has it; a square is missing."""
    return A * B * (1 - np.tanh(B * x))


def threads_factor(x):
    """The same from the output, as that answer has it; right is (b/a) (a^2 - y^2)."""
    return B * (A - (A * np.tanh(B * x)) ** 2)


def saturated():
    lost = "wrong, rounding-limited, undecidable"  # tanh is 1 from 19.06 on: at 20 few of the digits tell
    traps = [
        trap("tanh at 15", tanh, slope_of_tanh, 15, "agrees, rounding-limited"),
        trap("tanh at 15, slope negated", tanh, lambda x: -slope_of_tanh(x), 15, "wrong"),
        trap("tanh at 20", tanh, slope_of_tanh, 20, "agrees, rounding-limited, undecidable"),
        trap("tanh at 20, slope negated", tanh, lambda x: -slope_of_tanh(x), 20, lost),
        trap("tanh at 1, slope negated", tanh, lambda x: -slope_of_tanh(x), 1, "wrong"),
    ]
    for slope, formula in ((threads_slope, "1 − tanh 2x/3"), (threads_factor, "1.7159 − y²")):
        wrong = [f"scaled tanh, slope from {formula}, at {x}" for x in (0, 15, 20)]
        traps += [
            trap(wrong[0], scaled_tanh, slope, 0, "agrees"),  # by chance it is right there
            trap(wrong[1], scaled_tanh, slope, 15, "wrong"),
            trap(wrong[2], scaled_tanh, slope, 20, "wrong"),
            trap(f"{wrong[0]}, 15, 20", scaled_tanh, slope, [0, 15, 20], "wrong", where=(1, 2)),
        ]
    return traps


# -------------------------------------------------------------------------------------------- scales of f, scales of x


def scales():
    def offset(x, xp=np):
        return 1e8 + (x**2).sum() / 2

    def sine(scale):
        return lambda x, xp=np: scale * xp.sin(x).sum(), lambda x: scale * np.cos(x)

    def half_square(x, xp=np):
        return (x**2).sum() / 2

    def log(x, xp=np):
        return xp.log(x).sum()

    (small, slope_of_small), (big, slope_of_big), (wave, slope_of_wave) = map(sine, (1e-6, 1e12, 1))
    rounded = "agrees, rounding-limited"
    return [
        trap("1e8 + x²/2", offset, lambda x: x, [1, -2], rounded),
        trap("1e8 + x²/2, slope doubled", offset, lambda x: 2 * x, [1, -2], "wrong"),
        trap("1e-6 sin x", small, slope_of_small, [0.5, 1], "agrees"),
        trap("1e-6 sin x, slope doubled", small, lambda x: 2 * slope_of_small(x), [0.5, 1], "wrong"),
        trap("1e12 sin x", big, slope_of_big, [0.5, 1], "agrees"),
        trap("1e12 sin x, slope 1 % off", big, lambda x: 1.01 * slope_of_big(x), [0.5, 1], "wrong"),
        trap("x²/2 at 1e10", half_square, lambda x: x, 1e10, "agrees"),
        trap("x²/2 at 1e10, slope 1 % off", half_square, lambda x: 1.01 * x, 1e10, "wrong"),
        trap("log x at 1e10", log, lambda x: 1 / x, 1e10, rounded),
        trap("log x at 1e10, slope doubled", log, lambda x: 2 / x, 1e10, "wrong"),
        trap("sin x at 1e10", wave, slope_of_wave, 1e10, "agrees, rounding-limited, undecidable"),
        trap("log x at 1e-9", log, lambda x: 1 / x, 1e-9, "agrees"),
        trap("log x at 1e-9, slope 1 % off", log, lambda x: 1.01 / x, 1e-9, "wrong"),
    ]


# ---------------------------------------------------------------------------------------------- slips, few and in many


def squares(x, xp=np):
    return (x**2).sum()


def rounded_squares(x, xp=np):
    return (xp.asarray(x, dtype=xp.float32) ** 2).sum()


def but_one(grad, k, factor):
    """The gradient, one component of it multiplied."""

    def slip(x):
        g = np.array(grad(x))
        g[k] *= factor
        return g

    return slip


def slips():
    return [
        trap("Σx², factor 2 missing", squares, lambda x: x, [1, -2, 0.5], "wrong"),
        trap("Σx², one sign flipped", squares, but_one(lambda x: 2 * x, 1, -1), [1, -2, 0.5], "wrong", where=(1,)),
    ]


def large():
    """Many components, one of them wrong."""
    rng = np.random.default_rng(0)

    def mean_square(x, xp=np):
        return (x**2).mean() / 2

    many = rng.normal(size=10_000)
    many[77] = 1
    traps = [trap("mean of 10,000 squares", mean_square, lambda x: x / x.size, many, "agrees, rounding-limited"),
             trap("the same, one component doubled", mean_square, but_one(lambda x: x / x.size, 77, 2), many, "wrong",
                  (77,), "agrees, rounding-limited")]  # fmt: skip
    for f, dtype, others in (
        (squares, np.float64, "agrees, rounding-limited"),
        (rounded_squares, np.float32, "agrees, rounding-limited, undecidable"),
    ):
        for n in (1000, 200_000):
            x = rng.normal(size=n).astype(dtype).astype(float)
            x[77] = 1
            name = f"Σ of {n:,} squares in {dtype.__name__}"
            truth = "wrong" if dtype == np.float64 or n == 1000 else "wrong, rounding-limited, undecidable"
            slip = but_one(lambda x: 2 * x, 77, -1)
            if n == 1000:
                traps.append(trap(name, f, lambda x: 2 * x, x, others, dtype=dtype))
            traps.append(trap(f"{name}, one sign flipped", f, slip, x, truth, (77,), others, dtype))
    return traps


# ------------------------------------------------------------------------------------------------- functions that act


def ill_behaved():
    """Functions and gradients that do more than to compute their answer; each with a state of its own."""
    noise, dropout, noise_of_grad = (np.random.default_rng(seed) for seed in range(3))

    def noisy(x):
        return (x**2).sum() + 1e-9 * noise.normal()

    def dropped(x):
        return (x**2 * (dropout.random(x.shape) < 0.5)).sum()

    def noisy_slope(x):
        return 2 * x + 1e-9 * noise_of_grad.normal(size=x.shape)

    def sort_first(x):
        x.sort()
        return (x * np.arange(1, 1 + len(x))).sum()

    def slope_of_sorted(x):
        return 1.0 + x.argsort().argsort()

    def double_first(x):
        x *= 2
        return x

    buffer = np.empty(3)

    def into_buffer(x):
        return np.multiply(x, 2, out=buffer)

    x = [3, 1, 2]
    return [
        trap("f with noise of 1e-9", noisy, lambda x: 2 * x, x, "not deterministic"),
        trap("f with dropout", dropped, lambda x: x, x, "not deterministic"),
        trap("a gradient with noise of 1e-9", squares, noisy_slope, x, "not deterministic"),
        trap("f sorts its input in place", sort_first, slope_of_sorted, x, "changes its input"),
        trap("the gradient doubles its input in place", squares, double_first, x, "changes its input"),
        trap("Σx²/2, the gradient is x itself", lambda x, xp=np: (x**2).sum() / 2, lambda x: x, x, "agrees"),
        trap("Σx²/2, the gradient is a view of x", lambda x, xp=np: (x**2).sum() / 2, lambda x: x[:], x, "agrees"),
        trap("Σx², each gradient overwrites the last", squares, into_buffer, x, "agrees"),
    ]
