"""Convolution layers beside Keras's: every argument of every one."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.agreement import layer_errors, relative_error
from reference.cases.case import Case
from reference.twin import twin_layer
from scratchnet import layers, regularizers
from scratchnet.layers import Layer

IMAGES = np.random.default_rng(0).standard_normal((2, 7, 6, 4))
SEQUENCES = np.random.default_rng(1).standard_normal((3, 9, 4))
# The argument that every layer of the family needs, and the prefixes of its weights' arguments
FAMILY: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "Conv2D": ({"filters": 4, "kernel_size": (3, 2)}, ("kernel", "bias")),
    "Conv1D": ({"filters": 4, "kernel_size": 3}, ("kernel", "bias")),
    "DepthwiseConv2D": ({"kernel_size": (3, 2)}, ("depthwise", "bias")),
    "DepthwiseConv1D": ({"kernel_size": 3}, ("depthwise", "bias")),
    "SeparableConv2D": (
        {"filters": 5, "kernel_size": (3, 2)},
        ("depthwise", "pointwise", "bias"),
    ),
    "SeparableConv1D": ({"filters": 5, "kernel_size": 3}, ("depthwise", "pointwise", "bias")),
    "Conv2DTranspose": ({"filters": 5, "kernel_size": (3, 2)}, ("kernel", "bias")),
    "Conv1DTranspose": ({"filters": 5, "kernel_size": 3}, ("kernel", "bias")),
}
ALIASES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}


def _layer(kind: str, **arguments: Any) -> tuple[Layer, np.ndarray]:
    layer = getattr(layers, kind)(**FAMILY[ALIASES.get(kind, kind)][0], **arguments)
    return layer, IMAGES if layer.rank == 4 else SEQUENCES


def _case(kind: str, /, **arguments: Any) -> Case:
    label = ", ".join(f"{name}={value}" for name, value in arguments.items()) or "defaults"
    return Case(
        f"layers.{kind}", label, lambda: max(layer_errors(*_layer(kind, **arguments)).values())
    )


def _weights(kind: str) -> Case:
    """First values, penalties and bounds of every weight."""

    def error() -> float:
        prefixes = FAMILY[kind][1]
        options: dict[str, Any] = {f"{prefix}_initializer": "ones" for prefix in prefixes}
        # A binary fraction: Keras keeps the factor in float32
        options |= {f"{prefix}_regularizer": regularizers.L2(0.125) for prefix in prefixes}
        options |= {f"{prefix}_constraint": "non_neg" for prefix in prefixes}
        layer, x = _layer(kind, **options)
        layer(x)
        theirs = twin_layer(layer)
        theirs.build(layer.input_shape)
        pairs = list(zip(layer.weights, theirs.weights, strict=True))
        penalties = [w.regularizer(w.value) for w, _ in pairs if w.regularizer is not None]
        errors = [relative_error(sum(penalties), float(sum(map(float, theirs.losses))))]
        for ours, other in pairs:
            errors.append(relative_error(ours.value, other.numpy()))
            value = np.random.default_rng(0).standard_normal(ours.shape)
            assert ours.constraint is not None
            errors.append(relative_error(ours.constraint(value), other.constraint(value)))
        return max(errors)

    return Case(f"layers.{kind}", "initializers, regularizers and constraints", error)


def _alias(alias: str) -> Case:
    """Keras must know the other name too, and by it mean the same layer."""

    def error() -> float:
        import keras

        layer, x = _layer(alias)
        if getattr(keras.layers, alias) is not getattr(keras.layers, type(layer).__name__):
            return float("inf")
        return max(layer_errors(layer, x).values())

    return Case(f"layers.{alias}", f"as {ALIASES[alias]}", error)


def _each(kinds: list[str], **arguments: Any) -> list[Case]:
    return [_case(kind, **arguments) for kind in kinds]


ALL = list(FAMILY)
DIRECT = ["Conv2D", "Conv1D"]
DEPTHWISE = ["DepthwiseConv2D", "DepthwiseConv1D", "SeparableConv2D", "SeparableConv1D"]
TRANSPOSED = ["Conv2DTranspose", "Conv1DTranspose"]  # whose dilation Keras leaves to GPUs

CASES: list[Case] = [
    *_each(ALL),
    *_each(ALL, strides=2),
    *_each(ALL, strides=2, padding="same"),
    *_each(ALL, activation="sigmoid", use_bias=False),
    *_each(ALL, data_format="channels_last", trainable=False, name="here"),
    *_each(ALL, activity_regularizer="l2", padding="SAME"),
    *_each(DIRECT + DEPTHWISE, dilation_rate=2),
    *_each(DIRECT + DEPTHWISE, dilation_rate=3, padding="same"),
    # Few with groups: Keras compiles each anew, for seconds
    _case("Conv2D", groups=2, dilation_rate=2),
    _case("Conv2D", groups=4, strides=2, padding="same"),
    _case("Conv1D", groups=2, padding="causal"),
    _case("Conv2D", strides=(3, 2)),
    _case("Conv1D", padding="causal"),
    _case("Conv1D", padding="causal", strides=2),
    _case("Conv1D", padding="causal", dilation_rate=2),
    *_each(DEPTHWISE, depth_multiplier=3),
    *_each(DEPTHWISE, depth_multiplier=2, strides=2, dilation_rate=2, padding="same"),
    *_each(DEPTHWISE, strides=3, dilation_rate=2),
    *_each(TRANSPOSED, strides=4),
    *_each(TRANSPOSED, strides=3, output_padding=1),
    *_each(TRANSPOSED, strides=3, output_padding=2, padding="same"),
    _case("Conv2DTranspose", strides=(1, 3), output_padding=(0, 2)),
    *[_weights(kind) for kind in ALL],
    *[_alias(alias) for alias in ALIASES],
]
