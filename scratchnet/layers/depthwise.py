"""Depthwise convolution layers: each channel is convolved with kernels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import constraints, initializers, ops, regularizers
from scratchnet.constraints import Constraint
from scratchnet.initializers import Initializer
from scratchnet.layers.biased import BiasedLayer
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.windows import SlidingKernel, as_given, as_images, positive
from scratchnet.regularizers import Regularizer
from scratchnet.variable import Variable


class DepthwiseLayer(SlidingKernel, BiasedLayer):
    """Base of layers with a depthwise kernel: its arguments, its weight and its product."""

    def __init__(
        self,
        outputs: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        depth_multiplier: int,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        *,
        depthwise_initializer: str | dict | Initializer = "glorot_uniform",
        depthwise_regularizer: str | dict | Regularizer | None = None,
        depthwise_constraint: str | dict | Constraint | None = None,
        **biased_arguments: Any,
    ) -> None:
        self.depth_multiplier = positive(
            depth_multiplier,
            "depth_multiplier",
            type(self).__name__,
            "the number of kernels for each channel",
        )
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        super().__init__(outputs, **biased_arguments)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def add_depthwise_kernel(self, input_shape: Shape, name: str) -> Variable:
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                f"{self._label()} received an input of shape {input_shape}, whose number of "
                f"channels is not known. Expected a number there, since each has a kernel."
            )
        return self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            name,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )

    def depthwise(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """x ∗ w, channel by channel."""
        y = ops.depthwise_conv2d(as_images(x), self.as_image_kernel(kernel), *self.geometry)
        return as_given(y, self.axes)

    def depthwise_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """(∂L/∂x, ∂L/∂w) of `depthwise`."""
        dy, x, taps = as_images(dy), as_images(x), self.as_image_kernel(kernel)
        dkernel = ops.depthwise_conv2d_kernel_gradient(dy, x, taps.shape, *self.geometry)
        dkernel = dkernel.reshape(kernel.shape)
        if not needs_dx:
            return None, dkernel
        dx = ops.depthwise_conv2d_input_gradient(dy, taps, x.shape, *self.geometry)
        return as_given(dx, self.axes), dkernel

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
            | self.window_config()
            | {
                "depth_multiplier": self.depth_multiplier,
                "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
                "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
                "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
            }
        )


class _DepthwiseConvolution(DepthwiseLayer):
    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            0,  # the number of outputs depends on the input's channels
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

    def build_kernels(self, input_shape: Shape) -> None:
        self.kernel = self.add_depthwise_kernel(input_shape, "kernel")
        self.outputs = input_shape[-1] * self.depth_multiplier  # type: ignore[operator]

    def apply_kernels(self, x: np.ndarray) -> tuple[np.ndarray, Saved]:
        return self.depthwise(x, self.kernel.value), x

    def apply_kernels_backward(
        self, dz: np.ndarray, saved: Saved, needs_dx: bool
    ) -> tuple[np.ndarray | None, Gradients]:
        dx, dkernel = self.depthwise_backward(dz, saved, self.kernel.value, needs_dx)
        return dx, [dkernel]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = input_shape[-1]
        outputs = None if channels is None else channels * self.depth_multiplier
        return (input_shape[0], *self.window_output(input_shape), outputs)


class DepthwiseConv2D(_DepthwiseConvolution):
    """y = f(x ∗ w + b), every channel for itself (`ops.formulas.depthwise`).

    With M the depth multiplier: x: (N, H, W, C), w: (KH, KW, C, M), b: (C·M,),
    y: (N, OH, OW, C·M). The M channels made from one channel of x are neighbours in y.

    Args:
        kernel_size: rows and columns of the kernel, one integer or two.
        strides: rows and columns between neighbouring windows.
        padding: "valid" (none) or "same" (output size is input size / stride, rounded up).
        depth_multiplier: M, the number of kernels for each channel.
        data_format: "channels_last" only.
        dilation_rate: distance between the taps of the kernel.
        activation: f; None is the identity.
        use_bias: whether there is a b.
        depthwise_initializer, bias_initializer: first values of w and b.
        depthwise_regularizer, bias_regularizer: penalties on w and b in the loss.
        depthwise_constraint, bias_constraint: bounds that w and b are put back into after a step.
        activity_regularizer: penalty on y, divided by the batch size.
        trainable, dtype, name: as every layer.

    Strides may differ between rows and columns, and go together with dilation. (Keras takes both
    too; its TensorFlow backend then fails at the call where strides differ without dilation.)

    Raises:
        ValueError: arguments out of range; an input that leaves an empty output.

    >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 7, 7, 3))
    (None, 5, 5, 6)

    Source: keras/src/layers/convolutional/base_depthwise_conv.py; Howard et al., "MobileNets"
    (2017), section 3.1.
    """

    rank = 4


class DepthwiseConv1D(_DepthwiseConvolution):
    """`DepthwiseConv2D` along the steps of a sequence, with one number where that has two.

    x: (N, T, C), w: (K, C, M), b: (C·M,), y: (N, OT, C·M).

    Source: keras/src/layers/convolutional/depthwise_conv1d.py.
    """

    rank = 3
    axes = 1
