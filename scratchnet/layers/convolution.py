"""The two-dimensional convolution layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.affine import AffineLayer
from scratchnet.layers.layer import Shape, pair, refuse_channels_first, standardize_padding
from scratchnet.ops.geometry import output_size, window2d


class Conv2D(AffineLayer):
    """y = f(x ∗ w + b): a small kernel slides over the image (`ops.formulas.convolution`).

    x: (N, H, W, C), w: (KH, KW, C/groups, filters), b: (filters,), y: (N, OH, OW, filters).

    Args:
        filters: number of channels of the output.
        kernel_size: rows and columns of the kernel, one integer or two.
        strides: rows and columns between neighbouring windows.
        padding: "valid" (none) or "same" (output size is input size / stride, rounded up; an odd
            extra cell goes to the end).
        data_format: "channels_last" only.
        dilation_rate: distance between the taps of the kernel.
        groups: number of parts into which channels and filters are cut.
        activation: f; None is the identity.
        use_bias: whether there is a b.
        kernel_initializer, bias_initializer: first values of w and b.
        kernel_regularizer, bias_regularizer: penalties on w and b in the loss.
        kernel_constraint, bias_constraint: bounds that w and b are put back into after a step.
        activity_regularizer: penalty on y, divided by the batch size.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: arguments out of range; strides and dilation both above 1, as in Keras; an
            input whose channels do not fit or that leaves an empty output.

    >>> Conv2D(8, 3, strides=2, padding="same").compute_output_shape((None, 7, 7, 3))
    (None, 4, 4, 8)

    Source: keras/src/layers/convolutional/base_conv.py.
    """

    rank = 4

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        if not isinstance(filters, (int, np.integer)) or filters < 1:
            raise ValueError(
                f"Conv2D received filters={filters!r}. Expected a positive integer, the number of "
                f"channels of its output."
            )
        if not isinstance(groups, (int, np.integer)) or groups < 1 or filters % groups:
            raise ValueError(
                f"Conv2D received groups={groups!r} with filters={filters}. Expected a positive "
                f"integer that divides the number of filters."
            )
        refuse_channels_first(data_format)
        super().__init__(int(filters), activation=activation, use_bias=use_bias, **kwargs)
        self.filters = int(filters)
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = standardize_padding(padding)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.groups = int(groups)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Conv2D received strides={self.strides} together with "
                f"dilation_rate={self.dilation_rate}. Expected one of them to be 1, as in Keras."
            )

    def kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape} with {channels} "
                f"channels and groups={self.groups}. Expected a number of channels that groups "
                f"divides."
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return ops.conv2d(x, kernel, self.strides, self.padding, self.dilation_rate, self.groups)

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        geometry = (self.strides, self.padding, self.dilation_rate, self.groups)
        dkernel = ops.conv2d_kernel_gradient(dy, x, kernel.shape, *geometry)
        if not needs_dx:
            return None, dkernel
        return ops.conv2d_input_gradient(dy, kernel, x.shape, *geometry), dkernel

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rows, columns = window_output(
            input_shape, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return (input_shape[0], rows, columns, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
        }


def window_output(
    input_shape: Shape,
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int | None, int | None]:
    """Rows and columns of the output; None where the input's are not known yet."""
    rows, columns = input_shape[1:3]
    if rows is not None and columns is not None:
        return window2d((rows, columns), window, strides, padding, dilation).output
    sizes = [
        None if i is None else output_size(i, k, s, d, padding)
        for i, k, s, d in zip((rows, columns), window, strides, dilation, strict=True)
    ]
    return sizes[0], sizes[1]
