"""Normalisation layers: along every axis, with every weight left out, and their statistics."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.agreement import layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import constraints, layers, regularizers

Array = np.ndarray

_rng = np.random.default_rng(17)
IMAGES = _rng.standard_normal((3, 4, 6, 4)) * 2 + 1
SEQUENCES = _rng.standard_normal((2, 5, 6)) - 1
VECTORS = _rng.standard_normal((4, 6))
BATCHES = [IMAGES, IMAGES[:1] + 3, (IMAGES[1:] * 2, "labels")]


def _layer(
    kind: str, x: Array, training: bool = True, label: str | None = None, /, **arguments: Any
) -> Case:
    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        return max(layer_errors(layer, x, training=training).values())

    return Case(f"layers.{kind}", label or _label(x, training, arguments), error)


def _label(x: Array, training: bool, arguments: dict[str, Any]) -> str:
    mode = [] if training else ["inference"]
    return ", ".join([f"{k}={v}" for k, v in arguments.items()] + mode + [f"rank {x.ndim}"])


def _weights(kind: str, others: tuple[str, ...] = (), /, **arguments: Any) -> Case:
    """First values, penalties and bounds of γ and β, and first values of the `others`."""
    names = ("beta", "gamma", *others)
    initial = {f"{name}_initializer": _constant(i) for i, name in enumerate(names)}
    # Factors that float32 has exactly: Keras keeps a regularizer's factor in it
    penalties = {
        "beta_regularizer": regularizers.L2(0.25),
        "gamma_regularizer": regularizers.L1(0.5),
    }
    bounds = {
        "beta_constraint": constraints.NonNeg(),
        "gamma_constraint": constraints.MaxNorm(0.5),
    }

    def error() -> float:
        import keras

        layer = getattr(layers, kind)(**arguments, **initial, **penalties, **bounds)
        layer.ensure_built((None, *IMAGES.shape[1:]))
        theirs = getattr(keras.layers, kind).from_config(layer.get_config())
        theirs.build((None, *IMAGES.shape[1:]))
        errors = []
        for ours, other in zip(layer.weights, theirs.weights, strict=True):
            errors.append(relative_error(ours.value, other.numpy()))
            if ours.constraint is not None:
                moved = ours.value - 1.5
                errors.append(relative_error(ours.constraint(moved), other.constraint(moved)))
        penalty = sum(w.regularizer(w.value) for w in layer.weights if w.regularizer is not None)
        errors.append(relative_error(penalty, sum(float(loss) for loss in theirs.losses)))
        same_names = [w.name for w in layer.weights] == [w.name for w in theirs.weights]
        return max(errors) if same_names else float("inf")

    return Case(f"layers.{kind}", "initializers, regularizers, constraints", error)


def _constant(i: int) -> dict[str, Any]:
    return {"class_name": "Constant", "config": {"value": 0.25 + i}}


def _rms_scaling(**arguments: Any) -> Case:
    def error() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both say that it is deprecated
            layer = layers.LayerNormalization(rms_scaling=True, **arguments)
            return max(layer_errors(layer, IMAGES).values())

    return Case("layers.LayerNormalization", _label(IMAGES, True, {"rms": True} | arguments), error)


def _adapted(label: str, data: Callable[[], Any], x: Array = IMAGES, **arguments: Any) -> Case:
    def error() -> float:
        import keras

        ours = layers.Normalization(**arguments)
        theirs = keras.layers.Normalization(**arguments)
        ours.adapt(data())
        theirs.adapt(data())
        pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
        errors = [relative_error(a, b) for a, b in pairs]
        return max(*errors, relative_error(ours(x), theirs(x).numpy()))

    return Case("layers.Normalization", f"adapted to {label}", error)


_BATCH = [
    *(_layer("BatchNormalization", IMAGES, axis=axis) for axis in (-1, 1, 2, 3, -2)),
    *(_layer("BatchNormalization", x) for x in (SEQUENCES, VECTORS)),
    _layer("BatchNormalization", IMAGES, False),
    _layer("BatchNormalization", IMAGES, False, axis=1),
    _layer("BatchNormalization", IMAGES, momentum=0.3, epsilon=0.1),
    _layer("BatchNormalization", IMAGES, center=False),
    _layer("BatchNormalization", IMAGES, scale=False),
    _layer("BatchNormalization", IMAGES, center=False, scale=False),
    _layer("BatchNormalization", IMAGES, trainable=False),
    _weights("BatchNormalization", ("moving_mean", "moving_variance")),
]
_LAYER = [
    *(_layer("LayerNormalization", IMAGES, axis=a) for a in (-1, 1, (1, 2), [-1, -2], (-1, 1))),
    *(_layer("LayerNormalization", x) for x in (SEQUENCES, VECTORS)),
    _layer("LayerNormalization", IMAGES, axis=(1, 2, 3), epsilon=0.1),
    _layer("LayerNormalization", IMAGES, center=False),
    _layer("LayerNormalization", IMAGES, scale=False),
    _layer("LayerNormalization", IMAGES, False, trainable=False),
    _rms_scaling(),
    _rms_scaling(axis=(1, 2), scale=False),
    _weights("LayerNormalization"),
]
_GROUP = [
    *(_layer("GroupNormalization", IMAGES, groups=groups) for groups in (1, 2, 4, -1)),
    *(_layer("GroupNormalization", IMAGES, groups=2, axis=axis) for axis in (1, 2, -2, -3)),
    *(_layer("GroupNormalization", x, groups=3) for x in (SEQUENCES, VECTORS)),
    _layer("GroupNormalization", IMAGES, groups=2, epsilon=0.1, center=False),
    _layer("GroupNormalization", IMAGES, groups=2, scale=False),
    _weights("GroupNormalization", groups=2),
    _layer(
        "GroupNormalization", np.tile(IMAGES, 8), True, "32 groups as the default", epsilon=0.125
    ),
]
_BY_LENGTH = [
    *(_layer("UnitNormalization", IMAGES, axis=axis) for axis in (-1, 1, [1, 2], (-1, 0))),
    _layer("UnitNormalization", VECTORS * np.array([[0.0], [1.0], [1e-9], [1e9]])),
    *(_layer("RMSNormalization", IMAGES, axis=axis) for axis in (-1, (-1, -2), [1, 2, 3])),
    _layer("RMSNormalization", VECTORS, epsilon=0.1),
    _layer("RMSNormalization", VECTORS, trainable=False),
]
_GIVEN = {"mean": [0.1, 0.7, -0.3, 2.0], "variance": [0.3, 0.7, 1.1, 0.0]}
_MEASURED = [
    _layer("Normalization", IMAGES),
    _layer("Normalization", IMAGES, axis=(1, 3)),
    _layer("Normalization", IMAGES, axis=None, invert=True),
    _layer("Normalization", IMAGES, mean=0.3, variance=1.7),
    _layer("Normalization", IMAGES, axis=None, mean=0.3, variance=1.7),
    _layer("Normalization", IMAGES, **_GIVEN),
    _layer("Normalization", IMAGES, axis=(1, 3), invert=True, **_GIVEN),
    _adapted("an array", lambda: IMAGES),
    _adapted("an array, axis=None", lambda: IMAGES[:, 0, 0, 0], VECTORS[:, 0], axis=None),
    _adapted("integers", lambda: np.arange(96, dtype=np.uint8).reshape(2, 3, 4, 4)),
    _adapted("batches", lambda: BATCHES),
    _adapted("a generator, axis=(1, 3)", lambda: iter(BATCHES), axis=(1, 3), invert=True),
    _layer("Rescaling", IMAGES, scale=1 / 255),
    _layer("Rescaling", IMAGES, scale=1 / 127.5, offset=-1),
    _layer("Rescaling", IMAGES, scale=[0.1, 0.2, 0.3, 0.4], offset=(0.1, 1, 2, 3)),
    _layer("Rescaling", IMAGES, scale=np.array([[0.1], [0.2], [1], [1], [2], [3]])),
]

CASES: list[Case] = [*_BATCH, *_LAYER, *_GROUP, *_BY_LENGTH, *_MEASURED]
