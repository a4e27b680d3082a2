"""Layers that act in training only: random numbers from the same seed and count of calls.

A twin is Keras's own layer, drawing scratchnet's numbers (`reference.injected`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import built_twin, keras_gradients, layer_errors, relative_error
from reference.cases.case import Case
from scratchnet import layers

IMAGES = np.random.default_rng(0).standard_normal((4, 5, 3, 6))
SEQUENCES = np.random.default_rng(1).standard_normal((4, 5, 6))


def _case(kind: str, /, **arguments: Any) -> Case:
    def error() -> float:
        x = SEQUENCES if kind.endswith("1D") else IMAGES
        training, inference = getattr(layers, kind)(**arguments), getattr(layers, kind)(**arguments)
        return max(
            *layer_errors(training, x).values(),
            *layer_errors(inference, x, training=False).values(),
        )

    label = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"
    return Case(f"layers.{kind}", label, error)


def _third_call(kind: str, /, **arguments: Any) -> Case:
    """The twin goes on from the layer's count of calls."""

    def error() -> float:
        layer = getattr(layers, kind)(**arguments)
        layer(IMAGES, training=True)
        theirs = built_twin(layer)
        errors = []
        for _ in range(2):
            y, _ = layer.forward(IMAGES, True)
            their_y, _, _ = keras_gradients(theirs, IMAGES, np.ones_like(IMAGES))
            errors.append(relative_error(y, their_y))
        return max(errors)

    return Case(f"layers.{kind}", "second and third call", error)


CASES: list[Case] = [
    *(_case("Dropout", rate=rate, seed=1) for rate in (0.0, 0.3, 0.5, 1.0)),
    _case("Dropout", rate=0.3, seed=2**32 - 1, noise_shape=(None, 1, 1, None)),
    _case("Dropout", rate=0.4, seed=0, noise_shape=[4, 5, 1, 1], dtype="float64", name="drop"),
    *(_case("SpatialDropout1D", rate=rate, seed=1) for rate in (0.0, 0.3, 1.0)),
    _case("SpatialDropout1D", rate=0.5, name="drop", dtype="float64"),
    *(_case("SpatialDropout2D", rate=rate, seed=1) for rate in (0.0, 0.3, 1.0)),
    _case("SpatialDropout2D", rate=0.5, data_format="channels_last", name="drop"),
    *(_case("AlphaDropout", rate=rate, seed=1) for rate in (0.0, 0.1, 0.9)),
    _case("AlphaDropout", rate=0.3, seed=2, noise_shape=(None, 1, 1, None)),
    *(_case("GaussianNoise", stddev=stddev, seed=1) for stddev in (0.0, 0.3, 1.0)),
    *(_case("GaussianDropout", rate=rate, seed=1) for rate in (0.0, 0.3, 0.9)),
    _third_call("Dropout", rate=0.3),
    _third_call("SpatialDropout2D", rate=0.3),
    _third_call("AlphaDropout", rate=0.3),
    _third_call("GaussianNoise", stddev=0.3),
    _third_call("GaussianDropout", rate=0.3),
    _case("ActivityRegularization"),
    _case("ActivityRegularization", l1=0.25, l2=0.5),
]
