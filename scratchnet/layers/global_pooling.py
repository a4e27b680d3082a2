"""Global pooling layers: whole images or sequences become one number for each channel."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first
from scratchnet.layers.windows import as_given, as_images


class _GlobalPooling(Layer):
    axes: ClassVar[int] = 2

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
        return (input_shape[0], *self._kept(), input_shape[-1])

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        if 0 in shape[1:-1]:
            raise ValueError(
                f"{self._label()} received an input of shape {shape}: a map without any cell has "
                f"no maximum and no mean. Expected at least one row and one column."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last", "keepdims": self.keepdims}

    def _kept(self) -> tuple[int, ...]:
        """Sizes of the output between samples and channels."""
        return (1,) * self.axes if self.keepdims else ()

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        """(N, C) as the output's shape."""
        return y.reshape(len(y), *self._kept(), y.shape[-1])

    def _flat(self, dy: np.ndarray) -> np.ndarray:
        """The reverse of `_shaped`."""
        return dy.reshape(len(dy), dy.shape[-1])


class _GlobalMaxPooling(_GlobalPooling):
    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self._shaped(ops.global_max_pool2d(as_images(x))), x

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dx = ops.global_max_pool2d_backward(self._flat(dy), as_images(saved))
        return as_given(dx, self.axes), []


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest value of each map. x: (N, H, W, C), y: (N, C), or (N, 1, 1, C) with keepdims.

    In backward, cells that share the maximum share its gradient.

    Args:
        data_format: "channels_last" only.
        keepdims: whether y keeps the axes of rows and columns, with one cell.
        trainable, dtype, name: as every layer.

    Source: keras/src/layers/pooling/global_max_pooling2d.py.
    """

    rank = 4


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """`GlobalMaxPooling2D` of a sequence. x: (N, T, C), y: (N, C), or (N, 1, C) with keepdims.

    Source: keras/src/layers/pooling/global_max_pooling1d.py.
    """

    rank = 3
    axes = 1


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each map. x: (N, H, W, C), y: (N, C), or (N, 1, 1, C) with keepdims.

    Arguments as GlobalMaxPooling2D.

    Source: Lin, Chen, Yan, "Network in Network" (2013), section 3.2;
    keras/src/layers/pooling/global_average_pooling2d.py.
    """

    rank = 4

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return self._shaped(ops.global_average_pool2d(x)), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.global_average_pool2d_backward(self._flat(dy), saved), []


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the steps. x: (N, T, C), y: (N, C), or (N, 1, C) with keepdims.

    Arguments as GlobalMaxPooling2D. Called with a `mask` (N, T), the mean is over the steps where
    it is true; a sequence without any gives NaN, as in Keras.

    >>> x = np.array([[[1.0], [2.0], [9.0]]])
    >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
    array([[1.5]], dtype=float32)

    Source: keras/src/layers/pooling/global_average_pooling1d.py.
    """

    rank = 3
    axes = 1
    call_options = ("mask",)

    def forward(
        self, x: np.ndarray, training: bool, mask: Any = None
    ) -> tuple[np.ndarray, Saved]:
        if mask is None:
            return self._shaped(ops.global_average_pool2d(as_images(x))), x.shape
        kept = np.asarray(mask, bool)
        if kept.shape != x.shape[:2]:
            raise ValueError(
                f"{self._label()} received a mask of shape {kept.shape} with an input of shape "
                f"{x.shape}. Expected one truth value for each step, {x.shape[:2]}."
            )
        return self._shaped(ops.masked_mean(x, kept)), kept

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        dy = self._flat(dy)
        if isinstance(saved, np.ndarray):  # the mask
            return ops.masked_mean_backward(dy, saved), []
        n, steps, channels = saved
        return ops.global_average_pool2d_backward(dy, (n, 1, steps, channels))[:, 0], []
