"""Adaptive pooling layers: as many windows as asked for, whatever the size of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first
from scratchnet.layers.windows import as_given, as_images, as_pair, integers


class _AdaptivePooling(Layer):
    axes: ClassVar[int] = 2

    def __init__(
        self,
        output_size: int | Sequence[int],
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        self.output_size = integers(output_size, self.axes, "output_size")
        super().__init__(**kwargs)

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        if 0 in shape[1:-1]:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}: a map without any cell has "
                f"no maximum and no mean. Expected at least one row and one column."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.output_size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "output_size": self.output_size,
            "data_format": "channels_last",
        }


class _AdaptiveMaxPooling(_AdaptivePooling):
    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        y = ops.adaptive_max_pool2d(as_images(x), as_pair(self.output_size))
        return as_given(y, self.axes), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.adaptive_max_pool2d_backward(as_images(dy), as_images(saved))
        return as_given(dx, self.axes), []


class _AdaptiveAveragePooling(_AdaptivePooling):
    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        images = as_images(x)
        y = ops.adaptive_average_pool2d(images, as_pair(self.output_size))
        return as_given(y, self.axes), images.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.adaptive_average_pool2d_backward(as_images(dy), saved)
        return as_given(dx, self.axes), []


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """The largest value of each of a given number of windows (`ops.formulas.adaptive_pooling`).

    x: (N, H, W, C), y: (N, OH, OW, C). In backward the first maximum of a window gets all, where
    a window is read column by column.

    Args:
        output_size: rows and columns of the output, one integer or two.
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    >>> AdaptiveMaxPooling2D((1, 2))(np.arange(15.0).reshape(1, 3, 5, 1))[0, :, :, 0]
    array([[12., 14.]], dtype=float32)

    Source: keras/src/layers/pooling/adaptive_max_pooling2d.py.
    """

    rank = 4


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """`AdaptiveMaxPooling2D` along the steps of a sequence. x: (N, T, C), y: (N, OT, C).

    Source: keras/src/layers/pooling/adaptive_max_pooling1d.py.
    """

    rank = 3
    axes = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """The mean of each of a given number of windows; arguments as AdaptiveMaxPooling2D.

    Source: keras/src/layers/pooling/adaptive_average_pooling2d.py.
    """

    rank = 4


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """`AdaptiveAveragePooling2D` along the steps of a sequence. x: (N, T, C), y: (N, OT, C).

    Source: keras/src/layers/pooling/adaptive_average_pooling1d.py.
    """

    rank = 3
    axes = 1
