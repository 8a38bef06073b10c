"""Pairs of formulas that are equal, written in two ways, for the tests of the engines."""
import math
import random
from fractions import Fraction

from nnnotes.engine.trace import Trace, Undecided, verdict

IDENTITIES = {
    "exp of a sum": lambda x, y: ((x + y).exp(), x.exp() * y.exp()),
    "exp of a difference": lambda x, y: ((x - y).exp() * y.exp(), x.exp()),
    "exp of twice": lambda x, y: ((2 * x).exp(), x.exp() ** 2),
    "exp of half": lambda x, y: ((x / 2).exp() ** 2, x.exp()),
    "exp of a third": lambda x, y: ((x / 3).exp() ** 3, x.exp()),
    "exp of a half and a third": lambda x, y: ((x / 2).exp() / (x / 3).exp(), (x / 6).exp()),
    "exp of minus": lambda x, y: ((-x).exp(), 1 / x.exp()),
    "exp of a product": lambda x, y: ((x * (y + 1)).exp(), (x * y).exp() * x.exp()),
    "exp of a fraction that cancels": lambda x, y: (((x * x - y * y) / (x + y)).exp(), x.exp() / y.exp()),
    "exp of two fractions": lambda x, y: ((1 / x + 1 / y).exp(), ((x + y) / (x * y)).exp()),
    "exp and the constant e": lambda x, y: ((x + 1).exp(), x.exp() * (y / y).exp()),
    "log of a product": lambda x, y: ((x * y).log(), x.log() + y.log()),
    "log of a quotient": lambda x, y: ((x / y).log(), x.log() - y.log()),
    "log of a power": lambda x, y: ((x**3).log(), 3 * x.log()),
    "log of a factored difference": lambda x, y: ((x * x - y * y).log(), (x + y).log() + (x - y).log()),
    "log of 2 x": lambda x, y: ((2 * x).log(), x.log() + (2 * y / y).log()),
    "log of 4 x": lambda x, y: ((4 * x).log(), x.log() + 2 * (2 * y / y).log()),
    "log of exp": lambda x, y: (x.exp().log(), x),
    "exp of log": lambda x, y: (x.log().exp(), x),
    "exp of log and more": lambda x, y: ((x.log() + y).exp(), x * y.exp()),
    "exp of a combination of logs": lambda x, y: ((2 * x.log() - y.log()).exp(), x * x / y),
    "logaddexp": lambda x, y: ((x.exp() + y.exp()).log(), x + (1 + (y - x).exp()).log()),
    "softplus": lambda x, y: ((1 + x.exp()).log(), x + (1 + (-x).exp()).log()),
    "tanh by exp": lambda x, y: (x.tanh(), ((2 * x).exp() - 1) / ((2 * x).exp() + 1)),
    "exp by tanh": lambda x, y: ((1 + (x / 2).tanh()) / (1 - (x / 2).tanh()), x.exp()),
    "tanh is odd": lambda x, y: ((-x).tanh(), -x.tanh()),
    "tanh of a sum": lambda x, y: ((x + y).tanh(), (x.tanh() + y.tanh()) / (1 + x.tanh() * y.tanh())),
    "tanh of twice": lambda x, y: ((2 * x).tanh(), 2 * x.tanh() / (1 + x.tanh() ** 2)),
    "tanh of twice, other order": lambda x, y: (2 * x.tanh() / (1 + x.tanh() ** 2), (2 * x).tanh()),
    "tanh of thrice": lambda x, y: (x.tanh() * (3 + x.tanh() ** 2) / (1 + 3 * x.tanh() ** 2), (3 * x).tanh()),
    "slope of tanh": lambda x, y: (1 - x.tanh() ** 2, 4 * (-2 * x).exp() / (1 + (-2 * x).exp()) ** 2),
    "slope of tanh by cosh": lambda x, y: (1 - x.tanh() ** 2, 1 / x.cosh() ** 2),
    "logistic by tanh": lambda x, y: ((x * y / 2).tanh(), 2 / (1 + (-x * y).exp()) - 1),
    "logistic, two forms": lambda x, y: (1 / (1 + (-x).exp()), x.exp() / (1 + x.exp())),
    "logistic of minus": lambda x, y: (1 / (1 + x.exp()), 1 - 1 / (1 + (-x).exp())),
    "artanh of tanh": lambda x, y: (x.tanh().arctanh(), x),
    "log of the tanh ratio": lambda x, y: (((1 + x.tanh()) / (1 - x.tanh())).log(), 2 * x),
    "softplus by log of 1 - tanh": lambda x, y: ((1 + x.exp()).log(), (2 / (1 - (x / 2).tanh())).log()),
    "cosh and sinh": lambda x, y: (x.cosh() ** 2 - x.sinh() ** 2, y / y),
    "exp of tanh": lambda x, y: ((x.tanh() + y.tanh()).exp(), x.tanh().exp() * y.tanh().exp()),
    "tanh of tanh": lambda x, y: (
        (x.tanh() - y).tanh(),
        ((2 * x.tanh()).exp() - (2 * y).exp()) / ((2 * x.tanh()).exp() + (2 * y).exp()),
    ),
    "log of exp of exp": lambda x, y: ((x.exp().exp() * y.exp()).log(), x.exp() + y),
    "root of a square": lambda x, y: ((x * x * y).sqrt(), x * y.sqrt()),
    "square of a root": lambda x, y: ((x + y).sqrt() ** 2, x + y),
    "root by log": lambda x, y: ((x.log() / 2).exp(), x.sqrt()),
    "log of a root": lambda x, y: (x.sqrt().log(), x.log() / 2),
    "root of exp": lambda x, y: (x.exp().sqrt(), (x / 2).exp()),
    "root of the slope of tanh": lambda x, y: ((1 - x.tanh() ** 2).sqrt(), 2 / (x.exp() + (-x).exp())),
    "rational denominator": lambda x, y: (1 / (x.sqrt() + y.sqrt()), (x.sqrt() - y.sqrt()) / (x - y)),
    "root of a sum of roots, squared": lambda x, y: ((x.sqrt() + y).sqrt() ** 4, x + 2 * y * x.sqrt() + y * y),
}
POINT = {"x": Fraction(7, 4), "y": Fraction(5, 8)}


def softmax_shift(x, y):
    """Softmax with and without the shift by the maximum."""
    total = x.exp() + y.exp() + 1
    shifted = (x - x).exp() + (y - x).exp() + (-x).exp()
    return y.exp() / total, (y - x).exp() / shifted


IDENTITIES["softmax and its shift"] = softmax_shift


class Pairs:
    """Random pairs of equal formulas: every step applies one identity, on either side.

    `leaf` gives an input by its name; a second argument tells on which side it will stand, so that a
    test can put something else there and get a pair that is not equal.
    """

    def __init__(self, seed, leaf):
        self.random, self.leaf = random.Random(seed), leaf

    def pair(self, depth):
        """Two formulas that are equal."""
        if depth == 0 or self.random.random() < 0.1:
            name = self.random.choice("xy")
            return self.leaf(name, 0), self.leaf(name, 1)
        rule = self.random.choice(RULES)
        arguments = [self.pair(depth - 1) for _ in range(rule.__code__.co_argcount)]
        left, right = zip(*arguments, strict=True)
        return (rule(*left)[0], rule(*right)[1]) if self.random.random() < 0.5 else (rule(*left)[1], rule(*right)[0])


def positive(a):
    """A formula that is positive, whatever a is."""
    return 1 + a * a


RULES = [
    lambda a, b: (a + b, b + a),
    lambda a, b: (a * b, b * a),
    lambda a, b: ((a + b) * (a - b), a * a - b * b),
    lambda a, b, c: (a * (b + c), a * b + a * c),
    lambda a, b: (a / positive(b), (a * positive(a)) / (positive(b) * positive(a))),
    lambda a, b: ((a + b).exp(), a.exp() * b.exp()),
    lambda a: ((-a).exp(), 1 / a.exp()),
    lambda a: (a.exp(), (a / 2).exp() ** 2),
    lambda a: (a.exp(), (a / 3).exp() ** 3),
    lambda a: (a.exp().log(), a),
    lambda a, b: ((positive(a) * positive(b)).log(), positive(a).log() + positive(b).log()),
    lambda a: (positive(a).log().exp(), positive(a)),
    lambda a: ((1 + a.exp()).log(), a + (1 + (-a).exp()).log()),
    lambda a: (1 / (1 + (-a).exp()), (1 + (a / 2).tanh()) / 2),
    lambda a: (1 / (1 + (-a).exp()), a.exp() / (1 + a.exp())),
    lambda a: ((2 * a).tanh(), 2 * a.tanh() / (1 + a.tanh() ** 2)),
    lambda a, b: ((a - b).tanh(), (a.tanh() - b.tanh()) / (1 - a.tanh() * b.tanh())),
    lambda a: (1 - a.tanh() ** 2, 1 / a.cosh() ** 2),
    lambda a, b: ((positive(a) ** 2 * positive(b)).sqrt(), positive(a) * positive(b).sqrt()),
    lambda a: (positive(a).sqrt(), (positive(a).log() / 2).exp()),
    lambda a: (a.exp().sqrt(), (a / 2).exp()),
]
assert math.comb(len(RULES), 2) > 200  # enough pairs of rules to meet


def inputs(engine, point=POINT):
    """A trace and its two inputs."""
    trace = Trace(engine)
    return trace, *(trace.input(name, value) for name, value in point.items())


def decide(left, right):
    """The verdict, with "undecided" as a word."""
    try:
        return verdict(left, right)
    except Undecided:
        return "undecided"
