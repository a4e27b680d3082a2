"""Transposed convolution layers: from a small map to a larger one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.affine import AffineLayer
from scratchnet.layers.layer import Shape
from scratchnet.layers.windows import (
    Sizes,
    SlidingKernel,
    as_given,
    as_images,
    as_pair,
    integers,
    positive,
)
from scratchnet.ops.geometry import Pair, transposed_size


class _TransposedConvolution(SlidingKernel, AffineLayer):
    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        self.filters = positive(filters, "filters", kind, "the number of channels of its output")
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.refuse_strides_with_dilation()
        if output_padding is not None:
            output_padding = integers(output_padding, self.axes, "output_padding", minimum=0)
            if any(o >= s for o, s in zip(output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{kind} received output_padding={output_padding} with strides={self.strides}. "
                    f"Expected an output padding below the strides: it says which of the sizes "
                    f"that the strides make equal is meant."
                )
        self._refuse_lost_cells(output_padding)
        self.output_padding = output_padding
        super().__init__(self.filters, activation=activation, use_bias=use_bias, **kwargs)

    def _refuse_lost_cells(self, output_padding: Sizes | None) -> None:
        # (H − 1)·s + (k' mod 2) + output padding: without the last two "same" loses a cell of x
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        if output_padding is None or self.padding != "same":
            return
        if any(span % 2 + extra == 0 for span, extra in zip(spans, output_padding, strict=True)):
            raise ValueError(
                f"{type(self).__name__} received output_padding={output_padding} with "
                f"padding='same' and a window of {tuple(spans)} cells. Expected at least 1 along "
                f"an even window, or None: with 0 the output has no place for the last cell."
            )

    def kernel_shape(self, input_shape: Shape) -> tuple[int, ...]:
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape}, whose number of "
                f"channels is not known. Expected a number there, an axis of the kernel."
            )
        return (*self.kernel_size, self.filters, channels)

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        y = ops.conv2d_transpose(
            as_images(x), self.as_image_kernel(kernel), *self.geometry, self._extra()
        )
        return as_given(y, self.axes)

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        dy, x, taps = as_images(dy), as_images(x), self.as_image_kernel(kernel)
        dkernel = ops.conv2d_transpose_kernel_gradient(dy, x, taps.shape, *self.geometry)
        dkernel = dkernel.reshape(kernel.shape)
        if not needs_dx:
            return None, dkernel
        dx = ops.conv2d_transpose_input_gradient(dy, taps, *self.geometry)
        return as_given(dx, self.axes), dkernel

    def _extra(self) -> Pair | None:
        """The output padding on images; a sequence's one row stays one."""
        if self.output_padding is None:
            return None
        return as_pair(self.output_padding, of_one_row=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extras = self.output_padding or (None,) * self.axes
        sizes = (
            i if i is None else transposed_size(i, k, s, d, self.padding, extra)
            for i, k, s, d, extra in zip(
                input_shape[1:-1],
                self.kernel_size,
                self.strides,
                self.dilation_rate,
                extras,
                strict=True,
            )
        )
        return (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
            | self.window_config()
            | {"filters": self.filters, "output_padding": self.output_padding}
        )


class Conv2DTranspose(_TransposedConvolution):
    """y = f(x ∗ᵀ w + b): every cell of x paints the kernel onto y (`ops.formulas.transposed`).

    x: (N, H, W, C), w: (KH, KW, filters, C), b: (filters,), y: (N, OH, OW, filters).

    Args:
        filters: number of channels of the output.
        kernel_size: rows and columns of the kernel, one integer or two.
        strides: rows and columns of y between the places of neighbouring cells of x.
        padding: "valid" (y has every cell that is painted on) or "same" (y is x's size · strides).
        output_padding: further rows and columns at the end of y, below the strides. None means
            what makes H·strides rows with "same", and with "valid" none, or as many as the strides
            exceed the window by.
        data_format: "channels_last" only.
        dilation_rate: distance between the taps of the kernel. (Keras takes it too; on a CPU its
            TensorFlow backend fails at the call.)
        activation: f; None is the identity.
        use_bias: whether there is a b.
        kernel_initializer, bias_initializer: first values of w and b.
        kernel_regularizer, bias_regularizer: penalties on w and b in the loss.
        kernel_constraint, bias_constraint: bounds that w and b are put back into after a step.
        activity_regularizer: penalty on y, divided by the batch size.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: arguments out of range; strides and dilation both above 1, as in Keras; an
            output padding of 0 with "same" and an even window, which no convolution reverses.

    >>> Conv2DTranspose(8, 3, strides=2, padding="same").compute_output_shape((None, 7, 7, 3))
    (None, 14, 14, 8)

    Source: keras/src/layers/convolutional/base_conv_transpose.py.
    """

    rank = 4


class Conv1DTranspose(_TransposedConvolution):
    """`Conv2DTranspose` along the steps of a sequence, with one number where that has two.

    x: (N, T, C), w: (K, filters, C), b: (filters,), y: (N, OT, filters).

    Source: keras/src/layers/convolutional/conv1d_transpose.py.
    """

    rank = 3
    axes = 1
