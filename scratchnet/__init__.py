"""scratchnet: convolutional networks from scratch, in NumPy and Numba, with Keras's API.

>>> import scratchnet
>>> from scratchnet import layers
>>> model = scratchnet.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
>>> model.count_params()
7850

Each name below is loaded when it is first asked for (PEP 562), so that `import scratchnet` takes no
time and nobody waits for a part that is not used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors read; `_HOMES` says the same to Python
    from scratchnet import (
        activations,
        callbacks,
        config,
        constraints,
        datasets,
        initializers,
        inspection,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        regularizers,
        saving,
        utils,
        visualization,
    )
    from scratchnet.initializers import Initializer
    from scratchnet.layers import Input, Layer
    from scratchnet.losses import Loss
    from scratchnet.metrics import Metric
    from scratchnet.models import Model, Sequential
    from scratchnet.ops import use
    from scratchnet.ops.kernels.warmup import warmup
    from scratchnet.optimizers import Optimizer
    from scratchnet.random import set_random_seed
    from scratchnet.regularizers import Regularizer
    from scratchnet.variable import Variable

    __version__: str

__all__ = [
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "inspection",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "regularizers",
    "saving",
    "set_random_seed",
    "use",
    "utils",
    "visualization",
    "warmup",
]

# The module that defines a name; a name that is not here is a module itself.
_HOMES = {
    "Initializer": "initializers",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variable",
    "set_random_seed": "random",
    "use": "ops",
    "warmup": "ops.kernels.warmup",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = _version()
    elif name in _HOMES:
        value = getattr(import_module(f"scratchnet.{_HOMES[name]}"), name)
    elif name in __all__:
        return import_module(f"scratchnet.{name}")  # the import itself sets the name
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # from now on found without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("scratchnet")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "0+unknown"
