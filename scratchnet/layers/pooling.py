"""Pooling layers: windows of images or sequences become one number for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first
from scratchnet.layers.windows import (
    as_given,
    as_images,
    as_pair,
    integers,
    standardize_padding,
    window_output,
)
from scratchnet.ops.geometry import Pair


class _Pooling(Layer):
    axes: ClassVar[int] = 2
    average: ClassVar[bool] = False  # or else the largest number of a window

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        self.pool_size = integers(pool_size, self.axes, "pool_size")
        self.strides = (
            self.pool_size if strides is None else integers(strides, self.axes, "strides")
        )
        self.padding = standardize_padding(padding)
        super().__init__(name=name, **kwargs)

    @property
    def geometry(self) -> tuple[Pair, Pair, str]:
        """(pool_size, strides, padding) as the operations on images take them."""
        return as_pair(self.pool_size), as_pair(self.strides), self.padding

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = window_output(input_shape, self.pool_size, self.strides, self.padding)
        return (input_shape[0], *sizes, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
        }


class _MaxPooling(_Pooling):
    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return as_given(ops.max_pool2d(as_images(x), *self.geometry), self.axes), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.max_pool2d_backward(as_images(dy), as_images(saved), *self.geometry)
        return as_given(dx, self.axes), []


class _AveragePooling(_Pooling):
    average = True

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        images = as_images(x)
        return as_given(ops.average_pool2d(images, *self.geometry), self.axes), images.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.average_pool2d_backward(as_images(dy), saved, *self.geometry)
        return as_given(dx, self.axes), []


class MaxPooling2D(_MaxPooling):
    """The largest value of each window (`ops.formulas.pooling`).

    x: (N, H, W, C), y: (N, OH, OW, C). In backward the first maximum of a window gets all.

    Args:
        pool_size: rows and columns of the window, one integer or two.
        strides: rows and columns between neighbouring windows; None means `pool_size`.
        padding: "valid" or "same"; padding never wins.
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    >>> MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)

    Source: keras/src/layers/pooling/max_pooling2d.py.
    """

    rank = 4


class MaxPooling1D(_MaxPooling):
    """`MaxPooling2D` along the steps of a sequence. x: (N, T, C), y: (N, OT, C).

    Source: keras/src/layers/pooling/max_pooling1d.py.
    """

    rank = 3
    axes = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window's cells that lie inside the image; arguments as MaxPooling2D.

    >>> AveragePooling2D()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)

    Source: keras/src/layers/pooling/average_pooling2d.py.
    """

    rank = 4


class AveragePooling1D(_AveragePooling):
    """`AveragePooling2D` along the steps of a sequence. x: (N, T, C), y: (N, OT, C).

    Source: keras/src/layers/pooling/average_pooling1d.py.
    """

    rank = 3
    axes = 1
