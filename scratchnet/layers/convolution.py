"""Convolution layers: a small kernel slides over images or sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.affine import AffineLayer
from scratchnet.layers.layer import Saved, Shape
from scratchnet.layers.low_rank import refuse_adapters
from scratchnet.layers.windows import SlidingKernel, as_given, as_images, positive
from scratchnet.ops.formulas.fused import Normalization, Pooling
from scratchnet.ops.geometry import Pair

if TYPE_CHECKING:
    from scratchnet.layers.normalization import BatchNormalization
    from scratchnet.layers.pooling import AveragePooling2D, MaxPooling2D


class _Convolution(SlidingKernel, AffineLayer):
    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        *,
        lora_rank: None = None,
        lora_alpha: None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        refuse_adapters(kind, lora_rank=lora_rank, lora_alpha=lora_alpha)
        filters = positive(filters, "filters", kind, "the number of channels of its output")
        if not isinstance(groups, (int, np.integer)) or groups < 1 or filters % groups:
            raise ValueError(
                f"{kind} received groups={groups!r} with filters={filters}. Expected a positive "
                f"integer that divides the number of filters."
            )
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.refuse_strides_with_dilation()
        super().__init__(filters, activation=activation, use_bias=use_bias, **kwargs)
        self.filters = filters
        self.groups = int(groups)

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
        y = ops.conv2d(as_images(x), self.as_image_kernel(kernel), *self.geometry, self.groups)
        return as_given(y, self.axes)

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        dy, x, geometry = as_images(dy), as_images(x), (*self.geometry, self.groups)
        taps = self.as_image_kernel(kernel)
        dkernel = ops.conv2d_kernel_gradient(dy, x, taps.shape, *geometry).reshape(kernel.shape)
        if not needs_dx:
            return None, dkernel
        dx = ops.conv2d_input_gradient(dy, taps, x.shape, *geometry)
        return as_given(dx, self.axes), dkernel

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.window_output(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
            | self.window_config()
            | {"filters": self.filters, "groups": self.groups}
        )


class Conv2D(_Convolution):
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
        lora_rank, lora_alpha: must stay None.
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

    def apply_kernels_and_bias(
        self, x: np.ndarray, bias: np.ndarray, activation: str = "linear"
    ) -> tuple[np.ndarray, Saved]:
        kind = type(self)
        if (kind.multiply, kind.apply_kernels) != (Conv2D.multiply, Conv2D.apply_kernels):
            return super().apply_kernels_and_bias(x, bias, activation)  # a subclass has its own
        arguments = *self.geometry, self.groups, activation
        return ops.conv2d_bias(x, self.kernel.value, bias, *arguments), x

    def compute(
        self,
        x: Any,
        training: bool,
        *,
        pool: MaxPooling2D | AveragePooling2D | None = None,
        normalization: BatchNormalization | None = None,
        **options: Any,
    ) -> Any:
        """With `pool`, what that layer makes of the output, or of what the normalization, with its
        options, makes of it."""
        if pool is None:
            return super().compute(x, training, **options)
        numbers = normalization.numbers_of_images(training) if normalization else None
        if not self.one_pass or self.bias is None or bool(numbers) != bool(normalization):
            y = super().compute(x, training)
            if normalization is None:
                return pool.compute(y, training)
            return normalization.compute(y, training, pool=pool, **options)
        return ops.conv2d_bias_pool2d(
            x,
            self.kernel.value,
            self.bias.value,
            *self.geometry,
            self.groups,
            self.activation.name,
            Pooling(*pool.geometry, pool.average),
            normalization=Normalization(*numbers, **options) if numbers else None,
        )


class Conv1D(_Convolution):
    """y = f(x ∗ w + b) along the steps of a sequence.

    x: (N, T, C), w: (K, C/groups, filters), b: (filters,), y: (N, OT, filters).

    Arguments as Conv2D, with one number where that has two. Besides "valid" and "same", padding
    may be "causal": (K − 1)·dilation zeros before the first step, so that no output sees a later
    step than its own.

    >>> layer = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(np.arange(1.0, 6.0).reshape(1, 5, 1))[0, :, 0]
    array([1., 3., 5., 7., 9.], dtype=float32)

    Source: keras/src/layers/convolutional/conv1d.py; for "causal" van den Oord et al., "WaveNet:
    a generative model for raw audio" (2016), section 2.1.
    """

    rank = 3
    axes = 1

    paddings = ("valid", "same", "causal")

    @property
    def geometry(self) -> tuple[Pair, str, Pair]:
        # The windows of "causal" are those of "valid" on the sequence with zeros before it
        strides, padding, dilation = super().geometry
        return strides, "valid" if padding == "causal" else padding, dilation

    def multiply(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return super().multiply(self._with_zeros(x), kernel)

    def multiply_backward(
        self, dy: np.ndarray, x: np.ndarray, kernel: np.ndarray, needs_dx: bool
    ) -> tuple[np.ndarray | None, np.ndarray]:
        dx, dkernel = super().multiply_backward(dy, self._with_zeros(x), kernel, needs_dx)
        return dx if dx is None else dx[:, self._zeros() :], dkernel

    def window_output(self, input_shape: Shape) -> tuple[int | None, ...]:
        n, steps, channels = input_shape
        return super().window_output((n, steps and steps + self._zeros(), channels))

    def _zeros(self) -> int:
        causal = self.padding == "causal"
        return (self.kernel_size[0] - 1) * self.dilation_rate[0] if causal else 0

    def _with_zeros(self, x: np.ndarray) -> np.ndarray:
        return np.pad(x, ((0, 0), (self._zeros(), 0), (0, 0))) if self._zeros() else x
