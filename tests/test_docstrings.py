"""Every public function, class and method has a docstring in which numpydoc finds nothing to mend."""
import inspect
import sys

import pytest
from conftest import peer

import nnnotes

validate = peer("numpydoc.validate").validate
LEFT_OUT = {
    "SA01",  # "See Also" where there is nothing else to see
    "ES01",  # a longer summary, where one sentence says it
}


def described(module):
    """The names of what can carry a docstring of its own: the module, functions, classes, their objects and methods."""
    yield module.__name__
    for name in module.__all__:
        thing = getattr(module, name)
        kind = thing if inspect.isclass(thing) else type(thing)
        ours = kind.__module__.startswith("nnnotes.")
        if inspect.isfunction(thing) or ours:
            yield f"{module.__name__}.{name}"
        for method, inside in vars(kind).items() if inspect.isclass(thing) and ours else ():
            if not method.startswith("_") and (inspect.isroutine(inside) or isinstance(inside, property)):
                yield f"{module.__name__}.{name}.{method}"


PUBLIC = [name for module in nnnotes.__all__ for name in described(getattr(nnnotes, module))]


@pytest.mark.filterwarnings("ignore:Widget:DeprecationWarning")  # of what ipywidgets' classes inherit, looked at here
@pytest.mark.parametrize("name", PUBLIC)
def test_numpydoc_finds_nothing(name):
    found = validate(name)["errors"]
    assert [f"{code} {text}" for code, text in found if code not in LEFT_OUT] == []


def test_all_kinds_are_looked_at():
    wanted = {"activations", "activations.tanh", "activations.Activation.inverse", "proof.Proof.branch"}
    assert {f"nnnotes.{name}" for name in wanted} <= set(PUBLIC) and len(PUBLIC) == len(set(PUBLIC))
    assert "nnnotes.plotting.COLORS" not in PUBLIC and sys.modules["nnnotes.activations"].__doc__
