"""Activations as layers: output, input gradient, slopes and their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import layer_errors
from reference.cases.activations import NAMES
from reference.cases.case import Case
from scratchnet import layers, regularizers

IMAGES = np.random.default_rng(0).standard_normal((2, 4, 3, 5))
# Halves, so that zeros and other kinks are among them
ROUNDED = np.round(IMAGES * 2) / 2
# Of one entry for each cell, of a number for each (kept above ½), of fewer axes, and of none kept
MASKS: dict[str, Any] = {
    "booleans": IMAGES > -0.5,
    "numbers": np.random.default_rng(1).random(IMAGES.shape),
    "of one axis": np.array([True, False, True, True, False]),
    "broadcast": IMAGES[:, :1, :, :1] > 0,
    "nothing kept": np.zeros((2, 1, 1, 1), bool),
}


def _layer(kind: str, x: np.ndarray, options: dict[str, Any] | None = None, /, **arguments: Any):  # type: ignore[no-untyped-def]
    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        return max(layer_errors(layer, x, **(options or {})).values())

    return error


def _case(kind: str, /, **arguments: Any) -> Case:
    label = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"
    return Case(f"layers.{kind}", label, _layer(kind, ROUNDED, **arguments))


def _softmax(name: str, axis: Any) -> Case:
    error = _layer("Softmax", IMAGES, {"mask": MASKS[name]}, axis=axis)
    return Case("layers.Softmax", f"axis={axis}, mask={name}", error)


# Keras gives glu a wrong output shape; celu's derivative at 0 and sparsemax are wrong in TensorFlow
BY_NAME = [n for n in NAMES if n not in ("glu", "celu", "sparsemax", "threshold")]

CASES: list[Case] = [
    *(_case("Activation", activation=name) for name in BY_NAME),
    _case("Identity"),
    _case("Identity", dtype="float64", name="here", trainable=False),
    _case("ReLU"),
    _case("ReLU", max_value=6.0),
    _case("ReLU", max_value=0.7, negative_slope=0.1, threshold=0.3),
    _case("ReLU", max_value=1.5, negative_slope=0.25, threshold=0.5),
    _case("LeakyReLU"),
    _case("LeakyReLU", negative_slope=0.1),
    _case("LeakyReLU", negative_slope=0.0),
    _case("ELU"),
    _case("ELU", alpha=0.3),
    _case("PReLU"),
    _case("PReLU", alpha_initializer="ones", shared_axes=[1, 2]),
    _case("PReLU", alpha_initializer="he_normal", shared_axes=3, trainable=False),
    _case(
        "PReLU",
        alpha_regularizer=regularizers.L2(0.25),
        alpha_constraint="non_neg",
        shared_axes=(1, 2, 3),
    ),
    Case("layers.PReLU", "matrices", _layer("PReLU", ROUNDED[:, 0, 0])),
    _case("Softmax"),
    *(_case("Softmax", axis=axis) for axis in (1, -2, [2], [1, 2], [1, 3])),
    *(_softmax(name, axis) for name in MASKS for axis in (-1, 1, [1, 2])),
]
