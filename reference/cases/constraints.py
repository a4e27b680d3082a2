"""Constraints: the same weights projected by both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import relative_error
from reference.cases.case import Case
from scratchnet import constraints, layers

SHAPES = ((4, 3), (2, 2, 3, 4))


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """Norms from 0 to some 4, and zeros among the entries."""
    w = np.random.default_rng(0).standard_normal(shape)
    w[..., 0] = 0
    w[..., 1] *= 0.1
    return w


def _error(name: str, **arguments: Any) -> float:
    import keras

    ours = getattr(constraints, name)(**arguments)
    theirs = getattr(keras.constraints, name)(**arguments)
    if ours.get_config() != theirs.get_config():
        return float("inf")
    axis = arguments.get("axis")
    weights = [_weights(shape) for shape in SHAPES if not isinstance(axis, list) or len(shape) == 4]
    return max(
        relative_error(ours(w), theirs(keras.ops.convert_to_tensor(w)).numpy()) for w in weights
    )


def _case(name: str, **arguments: Any) -> Case:
    label = ", ".join(f"{k}={v}" for k, v in arguments.items()) or "defaults"
    return Case(f"constraints.{name}", label, lambda: _error(name, **arguments))


def _exchange() -> float:
    """0 where both libraries write the same configuration and read the other's, in layers too."""
    import keras

    for ours in (
        constraints.MaxNorm(0.5, [0, 1, 2]),
        constraints.UnitNorm(1),
        constraints.MinMaxNorm(0.25, 0.5, 0.75, 1),
        constraints.NonNeg(),
        None,
    ):
        written = constraints.serialize(ours)
        theirs = keras.constraints.deserialize(constraints.serialize(ours))
        back = constraints.deserialize(keras.constraints.serialize(theirs))
        layer = layers.Dense(3, kernel_constraint=ours, bias_constraint=ours)
        twin = keras.layers.Dense.from_config(layer.get_config())
        for other in (constraints.serialize(back), *_written(twin)):
            if (other and other["config"]) != (written and written["config"]):
                return float("inf")
    return 0.0


def _written(layer: Any) -> list[Any]:
    return [layer.get_config()[f"{weight}_constraint"] for weight in ("kernel", "bias")]


def _names() -> float:
    """0 where a name gives the class that Keras gives, with its defaults."""
    import keras

    for name in ("max_norm", "MaxNorm", "unit_norm", "min_max_norm", "NonNeg", "non_neg"):
        ours, theirs = constraints.get(name), keras.constraints.get(name)
        if type(ours).__name__ != type(theirs).__name__:
            return float("inf")
        if ours is None or ours.get_config() != theirs.get_config():
            return float("inf")
    return 0.0 if constraints.get(None) is None is keras.constraints.get(None) else float("inf")


CASES: list[Case] = [
    _case("Constraint"),
    *(_case(name) for name in ("MaxNorm", "max_norm", "UnitNorm", "unit_norm")),
    *(_case(name) for name in ("MinMaxNorm", "min_max_norm", "NonNeg", "non_neg")),
    _case("MaxNorm", max_value=0.3, axis=1),
    _case("MaxNorm", max_value=1.1, axis=[0, 1, 2]),
    _case("UnitNorm", axis=-1),
    _case("UnitNorm", axis=[0, 1, 2]),
    _case("MinMaxNorm", min_value=0.3, max_value=1.1, axis=1),
    _case("MinMaxNorm", min_value=0.3, max_value=0.7, rate=0.3, axis=[0, 1, 2]),
    Case("constraints.serialize", "read by Keras and back", _exchange),
    Case("constraints.deserialize", "Keras's configurations", _exchange),
    Case("constraints.get", "names", _names),
]
