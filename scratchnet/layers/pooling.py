"""Pooling layers: windows of a map, or whole maps, become one number for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.convolution import window_output
from scratchnet.layers.layer import (
    Gradients,
    Layer,
    Saved,
    Shape,
    pair,
    refuse_channels_first,
    standardize_padding,
)


class _Pooling2D(Layer):
    rank = 4

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(name=name, **kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = standardize_padding(padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rows, columns = window_output(input_shape, self.pool_size, self.strides, self.padding)
        return (input_shape[0], rows, columns, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
        }


class MaxPooling2D(_Pooling2D):
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

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.max_pool2d(x, self.pool_size, self.strides, self.padding), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.max_pool2d_backward(dy, saved, self.pool_size, self.strides, self.padding), []


class AveragePooling2D(_Pooling2D):
    """The mean of each window's cells that lie inside the image; arguments as MaxPooling2D.

    >>> AveragePooling2D()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)

    Source: keras/src/layers/pooling/average_pooling2d.py.
    """

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.average_pool2d(x, self.pool_size, self.strides, self.padding), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.average_pool2d_backward(dy, saved, self.pool_size, self.strides, self.padding)
        return dx, []


class _GlobalPooling2D(Layer):
    rank = 4

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(name=name, **kwargs)
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, _, _, c = input_shape
        return (n, 1, 1, c) if self.keepdims else (n, c)

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        if 0 in shape[1:3]:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}: a map without any cell has "
                f"no maximum and no mean. Expected at least one row and one column."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last", "keepdims": self.keepdims}

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y[:, None, None] if self.keepdims else y

    def _flat(self, dy: np.ndarray) -> np.ndarray:
        return dy[:, 0, 0] if self.keepdims else dy


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of each map. x: (N, H, W, C), y: (N, C), or (N, 1, 1, C) with keepdims.

    In backward, cells that share the maximum share its gradient.

    Source: keras/src/layers/pooling/global_max_pooling2d.py.
    """

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self._shaped(ops.global_max_pool2d(x)), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.global_max_pool2d_backward(self._flat(dy), saved), []


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of each map. x: (N, H, W, C), y: (N, C), or (N, 1, 1, C) with keepdims.

    Source: Lin, Chen, Yan, "Network in Network" (2013), section 3.2;
    keras/src/layers/pooling/global_average_pooling2d.py.
    """

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self._shaped(ops.global_average_pool2d(x)), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.global_average_pool2d_backward(self._flat(dy), saved), []
