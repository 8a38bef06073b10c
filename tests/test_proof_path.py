"""The same-path check: what is recorded, what is not, and that a tracer of someone else gets its place back."""
import functools
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
from conftest import ROOT

import nnnotes.engine.path as paths
from nnnotes._validation import as_numbers
from nnnotes.engine.path import is_shipped, record, where_paths_part

Pair = namedtuple("Pair", "low high")


def taken(function, *arguments):
    return record(function, *arguments)[1]


def helper(x):
    return 1 if x > 0 else 2


def by_exception(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        return 0


def by_bare_except(x):
    try:
        y = 1 / x
    except:  # noqa: E722
        y = 0
    return y


def by_generator(values):
    def signs():
        for value in values:
            yield value if value > 0 else -value

    return sum(signs())


def by_while(n):
    while n > 0:
        n -= 2
    return n


def by_match(x):
    match x:
        case 0:
            return "none"
        case [_, *_]:
            return "many"
    return "other"


BRANCHING = [
    (lambda x: 1 if x > 0 else 2, 1, -1),
    (lambda x: x and x > 2, 1, 0),
    (lambda x: x or 3, 1, 0),
    (lambda values: [v for v in values if v > 0], [1, 2], [1, -2]),
    (lambda values: {v: v for v in values if v > 0}, [1, 2], [1, -2]),
    (lambda values: sum(v for v in values if v > 0), [1, 2], [1, -2]),
    (lambda values: max(values, key=lambda v: v if v > 0 else -v), [1, 2], [1, -2]),
    (lambda x: helper(x), 1, -1),
    (lambda x: functools.reduce(lambda a, b: a + b if x else a, [1, 2]), 1, 0),
    (lambda x: {1: lambda: 1, 0: lambda: 2}[x](), 1, 0),
    (by_exception, 1, 0),
    (by_bare_except, 1, 0),
    (by_generator, [1, 2], [1, -2]),
    (by_while, 2, 4),
    (by_match, 0, [1]),
    (functools.partial(lambda scale, x: scale if x else 0, 2), 1, 0),
]


@pytest.mark.parametrize("case", range(len(BRANCHING)))
def test_branches_are_seen(case):
    function, one, other = BRANCHING[case]
    first = taken(function, one)
    assert first, "from the very first call on"
    for _ in range(20):  # Python specialises its instructions as they are repeated
        assert taken(function, one) == first
        assert taken(function, other) != first
    assert where_paths_part(first, taken(function, other))


def test_the_first_recording_of_a_process():
    """Python 3.12 reports instructions only after it has been told once that somebody will ask."""
    code = "from nnnotes.engine.path import record; assert record(lambda x: x + 1, 1)[1]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_line_is_named():
    def shortcut(x):
        if x > 3:
            return 0
        return x

    assert where_paths_part(taken(shortcut, 1), taken(shortcut, 4)).endswith("shortcut: if x > 3:")
    assert where_paths_part(taken(shortcut, 1), taken(shortcut, 2)) is None


def test_methods_and_callable_objects():
    class Model:
        def __call__(self, x):
            return self.go(x)

        def go(self, x):
            return x if x > 0 else 0

    for function in (Model(), Model().go):
        assert taken(function, 1) == taken(function, 2) != taken(function, -1)


def test_numpy_and_the_door_are_not_recorded():
    def median(x):
        return np.median(as_numbers("x", x)) + np.linalg.norm(x) + np.einsum("i,i", x, x)

    paths = [taken(median, x) for x in ([1, 2], np.ones(3, np.float32), np.arange(8.0))]
    assert paths[0] == paths[1] == paths[2]


def test_namedtuples_are_not_recorded():
    """Their `__new__` is made by `eval`, and belongs to the library."""
    assert {code.co_name for code, _ in taken(lambda x: Pair(x, x), 1)} == {"<lambda>"}


def test_what_is_shipped():
    assert is_shipped("__main__", "cell.py", "__main__")
    assert is_shipped("nnnotes.losses", "/x/site-packages/nnnotes/losses.py", "__main__")
    assert is_shipped("mine.deep", "/x/site-packages/mine/deep.py", "mine")
    assert is_shipped("helpers", "/home/me/helpers.py", "__main__")
    assert not is_shipped("scipy.special", "/x/site-packages/scipy/special.py", "mine")
    assert not is_shipped("scipy.special", "/x/dist-packages/scipy/special.py", "mine")
    assert not is_shipped("nnnotes.engine.trace", "/x/nnnotes/engine/trace.py", "nnnotes")
    assert not is_shipped("contextlib", "/x/lib/python3.11/contextlib.py", "mine")
    assert is_shipped("nnnotes.proofs_of_mine", "/x/nnnotes/proofs_of_mine.py", "nnnotes")


def test_functions_of_other_cells():
    """A notebook's functions live in one namespace; each cell is a file of its own."""
    cells = {"__name__": "__main__"}
    exec(compile("def part(x):\n    return x if x > 0 else 0", "<cell 1>", "exec"), cells)
    exec(compile("def whole(x):\n    return part(x)", "<cell 2>", "exec"), cells)
    assert taken(cells["whole"], 1) != taken(cells["whole"], -1)


def test_the_tracer_before_is_set_again():
    seen = []

    def tracer(frame, event, argument):
        seen.append(frame.f_code.co_name)
        return None

    def function(x):
        return helper(x)

    outside = sys.gettrace()
    sys.settrace(tracer)
    try:
        record(function, 1)
        assert sys.gettrace() is tracer
        with pytest.raises(ZeroDivisionError):
            record(lambda x: 1 / x, 0)
        assert sys.gettrace() is tracer
        helper(1)
    finally:
        sys.settrace(outside)
    assert seen[-1] == "helper" and "function" not in seen


def test_a_recording_inside_a_recording():
    def outer(x):
        inner = taken(helper, x)
        return len(inner) if x > 0 else 0

    assert record(outer, 1)[0] > 0
    assert taken(outer, 1) == taken(outer, 2) != taken(outer, -1)


def test_nothing_is_left_traced():
    taken(helper, 1)
    assert sys.gettrace() is not paths.record and not sys._getframe().f_trace_opcodes
