"""Notes on training neural networks: every formula is derived, and the function that ships is proved to compute it."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import activations, gradcheck, losses, networks, optimizers, plotting, proof, similarity, widgets

__all__ = ["activations", "gradcheck", "losses", "networks", "optimizers", "plotting", "proof", "similarity", "widgets"]


def __getattr__(name):
    if name in __all__:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*__all__, "__version__"]
