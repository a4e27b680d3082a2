"""Separable convolution layers: first every channel for itself, then all channels of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import constraints, initializers, ops, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.depthwise import DepthwiseLayer
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.windows import positive
from scratchnet.regularizers import Regularizer


class _SeparableConvolution(DepthwiseLayer):
    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        *,
        pointwise_initializer: str | dict | Initializer = "glorot_uniform",
        pointwise_regularizer: str | dict | Regularizer | None = None,
        pointwise_constraint: str | dict | Constraint | None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        self.filters = positive(filters, "filters", kind, "the number of channels of its output")
        super().__init__(
            self.filters,
            kernel_size,
            strides,
            padding,
            depth_multiplier,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            **kwargs,
        )
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build_kernels(self, input_shape: Shape) -> None:
        self.depthwise_kernel = self.add_depthwise_kernel(input_shape, "depthwise_kernel")
        channels, multiplier = self.depthwise_kernel.shape[-2:]
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.axes, channels * multiplier, self.filters),
            self.pointwise_initializer,
            "pointwise_kernel",
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )

    def apply_kernels(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        h = self.depthwise(x, self.depthwise_kernel.value)
        return ops.dense(h, self._pointwise()), (x, h)

    def apply_kernels_backward(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        x, h = saved
        dh, dpointwise = ops.dense_backward(dz, h, self._pointwise())
        dx, ddepthwise = self.depthwise_backward(dh, x, self.depthwise_kernel.value, needs_dx)
        return dx, [ddepthwise, dpointwise.reshape(self.pointwise_kernel.shape)]

    def _pointwise(self) -> np.ndarray:
        """The pointwise kernel as the matrix that every cell is multiplied by."""
        return self.pointwise_kernel.value.reshape(self.pointwise_kernel.shape[-2:])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.window_output(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv2D(_SeparableConvolution):
    """y = f((x ∗ d) · p + b): a depthwise convolution, then a product over the channels.

    With M the depth multiplier: x: (N, H, W, C), d: (KH, KW, C, M), p: (1, 1, C·M, filters),
    b: (filters,), y: (N, OH, OW, filters). A convolution whose kernel is the product d · p, with
    KH·KW·C·M + C·M·filters weights instead of KH·KW·C·filters.

    Args:
        filters: number of channels of the output.
        kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier: of the
            depthwise convolution, as in DepthwiseConv2D.
        activation: f; None is the identity.
        use_bias: whether there is a b.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values of d, p, b.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties in the loss.
        depthwise_constraint, pointwise_constraint, bias_constraint: bounds that d, p and b are
            put back into after a step.
        activity_regularizer: penalty on y, divided by the batch size.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: arguments out of range; an input that leaves an empty output.

    >>> SeparableConv2D(8, 3, padding="same").compute_output_shape((None, 7, 7, 3))
    (None, 7, 7, 8)

    Source: keras/src/layers/convolutional/base_separable_conv.py; Chollet, "Xception: deep
    learning with depthwise separable convolutions" (2017).
    """

    rank = 4


class SeparableConv1D(_SeparableConvolution):
    """`SeparableConv2D` along the steps of a sequence, with one number where that has two.

    x: (N, T, C), d: (K, C, M), p: (1, C·M, filters), b: (filters,), y: (N, OT, filters).

    Source: keras/src/layers/convolutional/separable_conv1d.py.
    """

    rank = 3
    axes = 1
