"""The notebooks of the course, in order.

`notebooks/03_convolution_backwards.py` has its exercises in
`scratchnet/course/exercises/nb03_convolution_backwards.py` and their solutions in
`notebooks/solutions/03_convolution_backwards.py`.
"""

from __future__ import annotations

import importlib
from types import ModuleType

NOTEBOOKS = {
    "00": "tour",
    "01": "convolution_arithmetic",
    "02": "one_convolution_four_ways",
    "03": "convolution_backwards",
    "04": "pooling",
    "05": "depthwise_separable_grouped",
    "06": "batch_normalisation",
    "07": "dropout",
    "08": "softmax_and_cross_entropy",
    "09": "activations_and_initialisation",
    "10": "optimizers",
    "11": "regularisation",
    "12": "gradient_checking",
    "13": "training_on_fashion_mnist",
    "14": "metrics_and_callbacks",
    "15": "what_the_network_sees",
    "16": "loss_landscape",
    "17": "residuals_and_depth",
    "18": "transfer_learning",
    "19": "proof_against_keras",
    "20": "inside_the_jit",
}


def exercise_module(number: str) -> ModuleType:
    """The module with the exercises of a notebook; ModuleNotFoundError where it has none."""
    name = f"nb{number}_{NOTEBOOKS[number]}"
    return importlib.import_module(f"scratchnet.course.exercises.{name}")
