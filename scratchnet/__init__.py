"""scratchnet: convolutional networks from scratch, in NumPy and Numba, with Keras's API.

>>> import scratchnet
>>> from scratchnet import layers
>>> model = scratchnet.Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
>>> model.count_params()
7850
"""

from importlib.metadata import PackageNotFoundError, version

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
from scratchnet.optimizers import Optimizer
from scratchnet.random import set_random_seed
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable

try:
    __version__ = version("scratchnet")
except PackageNotFoundError:  # a source tree on the path, not installed
    __version__ = "0+unknown"

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
]
