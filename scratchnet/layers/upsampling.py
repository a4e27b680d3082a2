"""Layers that enlarge sequences and images by a whole factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.images import refuse_empty_images
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, pair, refuse_channels_first
from scratchnet.layers.reshaping import positive_integer
from scratchnet.layers.resizing import standardize_interpolation


class UpSampling1D(Layer):
    """Each step `size` times in a row: (N, L, C) -> (N, L·size, C).

    Args:
        size: how often, at least once.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: a size that is no integer.
        ValueError: a size that is not positive.

    >>> UpSampling1D(2)([[[1.0], [2.0]]])[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)

    Source: keras/src/layers/reshaping/up_sampling1d.py.
    """

    rank = 3

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        size = positive_integer(size, "UpSampling1D", "size")
        super().__init__(**kwargs)
        self.size = size

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.repeat(x, (1, self.size)), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.repeat_backward(dy, (1, self.size)), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, length, c = input_shape
        return (n, None if length is None else length * self.size, c)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size}


class UpSampling2D(Layer):
    """Images `size` times as large: (N, H, W, C) -> (N, H·size[0], W·size[1], C).

    Args:
        size: factors of the rows and of the columns, one integer or two.
        data_format: "channels_last" only.
        interpolation: "nearest" repeats each pixel; "bilinear", "bicubic", "lanczos3", "lanczos5"
            and "area" as in `ops.formulas.resize`.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a size that is not positive, an unknown interpolation, an image without pixels.

    >>> UpSampling2D((1, 2))(np.array([[[[1.0], [2.0]]]]))[0, :, :, 0]
    array([[1., 1., 2., 2.]], dtype=float32)

    Keras's results have float32 precision even in float64, except for "nearest": TensorFlow
    interpolates in float32. It also knows no gradient for "area" and, in float64, for "lanczos".

    Source: keras/src/layers/reshaping/up_sampling2d.py.
    """

    rank = 4

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        interpolation = standardize_interpolation(interpolation)
        super().__init__(**kwargs)
        self.size = pair(size, "size")
        self.interpolation = interpolation

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        if self.interpolation == "nearest":
            return ops.repeat(x, (1, *self.size)), x.shape
        _, rows, columns, _ = self.compute_output_shape(x.shape)
        return ops.resize(x, (rows, columns), self.interpolation), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        if self.interpolation == "nearest":
            return ops.repeat_backward(dy, (1, *self.size)), []
        return ops.resize_backward(dy, saved[1:3], self.interpolation), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, *image, c = input_shape
        return (
            n,
            *[None if m is None else m * f for m, f in zip(image, self.size, strict=True)],
            c,
        )

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        refuse_empty_images(self, shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "size": self.size,
            "data_format": "channels_last",
            "interpolation": self.interpolation,
        }
