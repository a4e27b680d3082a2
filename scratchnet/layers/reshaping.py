"""Layers that change the shape and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first


class Flatten(Layer):
    """All axes but the first become one, in C order: (N, H, W, C) -> (N, H·W·C).

    Args:
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    >>> Flatten().compute_output_shape((None, 7, 7, 64))
    (None, 3136)

    Source: keras/src/layers/reshaping/flatten.py.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        refuse_channels_first(data_format)
        super().__init__(**kwargs)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy.reshape(saved), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        cells = input_shape[1:]
        known = [c for c in cells if c is not None]
        return (input_shape[0], math.prod(known) if len(known) == len(cells) else None)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}
