"""Layers, with Keras's names and arguments."""

from __future__ import annotations

from typing import Any

from scratchnet.layers.activation import Activation, ReLU, Softmax
from scratchnet.layers.convolution import Conv2D
from scratchnet.layers.dense import Dense
from scratchnet.layers.dropout import Dropout
from scratchnet.layers.input import Input, InputLayer
from scratchnet.layers.layer import Layer
from scratchnet.layers.normalization import BatchNormalization
from scratchnet.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from scratchnet.layers.reshaping import Flatten
from scratchnet.layers.symbolic import SymbolicTensor
from scratchnet.names import unknown_name_message

__all__ = [
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPooling2D",
    "ReLU",
    "Softmax",
    "SymbolicTensor",
    "deserialize",
    "serialize",
]

_KNOWN: dict[str, type[Layer]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Layer) and name == value.__name__
}


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as Keras writes it: its class, where that is, and its configuration."""
    return {
        "module": "keras" if hasattr(layer, "layers") else "keras.layers",
        "class_name": type(layer).__name__,
        "config": layer.get_config(),
        "registered_name": None,
        "build_config": {"input_shape": layer.input_shape} if layer.built else None,
    }


def deserialize(entry: dict[str, Any]) -> Layer:
    """A new layer from what `serialize` gave, here or in Keras.

    Raises ValueError for a class that is not known, with the closest that is.
    """
    name = entry["class_name"]
    if name == "Sequential":
        from scratchnet.models import Sequential  # models import layers

        return Sequential.from_config(entry["config"])
    if name not in _KNOWN:
        raise ValueError(unknown_name_message("layer", name, [*_KNOWN, "Sequential"]))
    return _KNOWN[name].from_config(entry["config"])
