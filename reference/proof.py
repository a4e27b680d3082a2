"""The proof table: layer by layer in both precisions, and whole runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

import scratchnet as sn
from reference.compare import compare, weights_after_training
from reference.device import precision

PRECISIONS = ("float64", "float32")
LAYER_BOUND, WEIGHT_BOUND = 1e-12, 1e-9  # of float64


class Proof(NamedTuple):
    """How far scratchnet is from Keras.

    Attributes:
        errors: columns layer, quantity, float64, float32: the largest relative errors.
        weights: {precision: largest difference of any weight after the steps}.
        steps: how many steps of training that were.
    """

    errors: pd.DataFrame
    weights: dict[str, float]
    steps: int

    @property
    def holds(self) -> bool:
        """Whether all float64 errors are within `LAYER_BOUND` and `WEIGHT_BOUND`."""
        return bool(
            self.errors["float64"].max() <= LAYER_BOUND and self.weights["float64"] <= WEIGHT_BOUND
        )


def prove(
    make_model: Callable[[], sn.Sequential],
    x: np.ndarray,
    y: np.ndarray,
    steps: int = 20,
    batch_size: int = 64,
) -> Proof:
    """Compare each layer on the first batch, then train both on the same batches, per precision.

    Args:
        make_model: builds and compiles the model, with the same weights at every call.
        x, y: samples and targets, at least one batch.
        steps: of training.
        batch_size: samples a step.
    """
    columns: dict[str, pd.Series] = {}
    weights = {}
    for name in PRECISIONS:
        with precision(name):
            model = make_model()
            frame = compare(model, x[:batch_size], y[:batch_size])
            columns[name] = frame["error"]
            weights[name] = weights_after_training(model, x, y, steps, batch_size)
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    errors = frame[["layer", "quantity"]].assign(**columns)
    errors["layer"] = [kinds.get(name, "whole model") for name in errors["layer"]]
    return Proof(errors, weights, steps)
