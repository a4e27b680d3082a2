"""Pooling layers beside Keras's, on values of which many are equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import layer_errors
from reference.cases.case import Case
from scratchnet import layers
from scratchnet.layers import Layer

# Rounded, so that most windows have several maxima
IMAGES = np.round(np.random.default_rng(0).standard_normal((2, 7, 6, 3)))
SEQUENCES = np.round(np.random.default_rng(1).standard_normal((3, 9, 4)))
MASK = np.random.default_rng(2).random(SEQUENCES.shape[:2]) < 0.6
WINDOWS = ["MaxPooling2D", "MaxPooling1D", "AveragePooling2D", "AveragePooling1D"]
GLOBAL = [
    "GlobalMaxPooling2D",
    "GlobalMaxPooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling1D",
]
ADAPTIVE = [
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling1D",
]
ALIASES = ["MaxPool2D", "MaxPool1D", "AvgPool2D", "AvgPool1D"]
ALIASES += ["GlobalMaxPool2D", "GlobalMaxPool1D", "GlobalAvgPool2D", "GlobalAvgPool1D"]


def _errors(layer: Layer, **options: Any) -> float:
    x = IMAGES if layer.rank == 4 else SEQUENCES
    return max(layer_errors(layer, x, **options).values())


def _case(kind: str, /, **arguments: Any) -> Case:
    label = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"
    return Case(f"layers.{kind}", label, lambda: _errors(getattr(layers, kind)(**arguments)))


def _alias(alias: str) -> Case:
    """Keras must know the other name too, and by it mean the same layer."""

    def error() -> float:
        import keras

        layer = getattr(layers, alias)()
        same = getattr(keras.layers, alias) is getattr(keras.layers, type(layer).__name__)
        return _errors(layer) if same else float("inf")

    return Case(f"layers.{alias}", f"as {getattr(layers, alias).__name__}", error)


def _masked(keepdims: bool) -> Case:
    layer = layers.GlobalAveragePooling1D
    return Case(
        "layers.GlobalAveragePooling1D",
        f"mask, keepdims={keepdims}",
        lambda: _errors(layer(keepdims=keepdims), mask=MASK),
    )


def _each(kinds: list[str], **arguments: Any) -> list[Case]:
    return [_case(kind, **arguments) for kind in kinds]


CASES: list[Case] = [
    *_each(WINDOWS + GLOBAL),
    *_each(WINDOWS, pool_size=3),
    *_each(WINDOWS, pool_size=3, strides=2, padding="same"),
    *_each(WINDOWS, pool_size=2, strides=1),
    *_each(WINDOWS, pool_size=2, strides=4, padding="valid"),
    *_each(WINDOWS, data_format="channels_last", name="here", trainable=False),
    _case("MaxPooling2D", pool_size=(3, 2), strides=(1, 3), padding="same"),
    _case("AveragePooling2D", pool_size=(3, 2), strides=(1, 3), padding="same"),
    *_each(GLOBAL, keepdims=True),
    *_each(GLOBAL, data_format="channels_last", name="here"),
    _masked(False),
    _masked(True),
    *_each(ADAPTIVE, output_size=3),
    *_each(ADAPTIVE, output_size=10, data_format="channels_last", name="here"),
    # Not one window along an axis: TensorFlow's gradient of the maximum is then arbitrary memory
    _case("AdaptiveMaxPooling2D", output_size=(4, 2)),
    _case("AdaptiveAveragePooling2D", output_size=(5, 4)),
    *[_alias(alias) for alias in ALIASES],
]
