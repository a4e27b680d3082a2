"""What layers share whose window slides over images (N, H, W, C) or sequences (N, T, C).

A sequence is an image of one row, (N, 1, T, C): so the operations are written for images alone,
and the one-dimensional layers differ from the two-dimensional ones by their number of axes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from scratchnet.layers.layer import Shape, pair, refuse_channels_first
from scratchnet.ops.geometry import Pair, output_size, window2d

Sizes = tuple[int, ...]


class SlidingKernel:
    """Part of the layers with a kernel that slides: its arguments, and where it lands.

    `axes` is 2 for images and 1 for sequences.
    """

    axes: ClassVar[int] = 2
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    kernel_size: Sizes
    strides: Sizes
    padding: str
    dilation_rate: Sizes

    def set_window(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
    ) -> None:
        """Check and keep the arguments; raises ValueError for one out of range."""
        refuse_channels_first(data_format)
        self.kernel_size = integers(kernel_size, self.axes, "kernel_size")
        self.strides = integers(strides, self.axes, "strides")
        self.padding = standardize_padding(padding, self.paddings)
        self.dilation_rate = integers(dilation_rate, self.axes, "dilation_rate")

    def refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__} received strides={self.strides} together with "
                f"dilation_rate={self.dilation_rate}. Expected one of them to be 1, as in Keras."
            )

    @property
    def geometry(self) -> tuple[Pair, str, Pair]:
        """(strides, padding, dilation) as the operations on images take them."""
        return as_pair(self.strides), self.padding, as_pair(self.dilation_rate)

    def as_image_kernel(self, kernel: np.ndarray) -> np.ndarray:
        """The kernel with two axes of taps."""
        return kernel[None] if self.axes == 1 else kernel

    def window_output(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Rows and columns, or steps, of the output."""
        padding = self.geometry[1]
        return window_output(
            input_shape, self.kernel_size, self.strides, padding, self.dilation_rate
        )

    def window_config(self) -> dict[str, Any]:
        """The arguments, under Keras's names."""
        return {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
            "dilation_rate": self.dilation_rate,
        }


def as_images(x: np.ndarray) -> np.ndarray:
    """Sequences (N, T, C) as images (N, 1, T, C); images as they are."""
    return x[:, None] if x.ndim == 3 else x


def as_given(y: np.ndarray, axes: int) -> np.ndarray:
    """What was made from `as_images`, with `axes` axes between the samples and the channels."""
    return y[:, 0] if axes == 1 else y


def as_pair(sizes: Sizes, of_one_row: int = 1) -> Pair:
    """Numbers of a window on sequences as those on images of one row.

    >>> as_pair((3,))
    (1, 3)
    """
    return (of_one_row, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def integers(value: int | Sequence[int], axes: int, argument: str, minimum: int = 1) -> Sizes:
    """One integer for all axes, or one for each; raises ValueError for anything else.

    >>> integers(3, 1, "kernel_size")
    (3,)
    """
    if axes == 2:
        return pair(value, argument, minimum)
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if (
        len(values) != 1
        or not isinstance(values[0], (int, np.integer))
        or not values[0] >= minimum
    ):
        raise ValueError(
            f"The argument {argument} must be one integer, at least {minimum}; received {value!r}. "
            f"For example {argument}={max(3, minimum)}."
        )
    return (int(values[0]),)


def standardize_padding(padding: str, known: tuple[str, ...] = ("valid", "same")) -> str:
    """A name of `known`, in lower case; raises ValueError for anything else."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in known:
        raise ValueError(
            f"The argument padding must be one of {', '.join(map(repr, known))}, where 'valid' is "
            f"none; received {padding!r}."
        )
    return name


def positive(value: int, argument: str, layer: str, meaning: str) -> int:
    """`value`, or ValueError where it is no positive integer."""
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"{layer} received {argument}={value!r}. Expected a positive integer, {meaning}."
        )
    return int(value)


def window_output(
    input_shape: Shape, window: Sizes, strides: Sizes, padding: str, dilation: Sizes | None = None
) -> tuple[int | None, ...]:
    """Sizes of the output between samples and channels; None where the input's are not known yet.

    Raises ValueError where a size would be zero.
    """
    dilation = dilation or (1,) * len(window)
    sizes = tuple(size for size in input_shape[1:-1] if size is not None)
    if len(sizes) == len(window):
        output = window2d(
            as_pair(sizes), as_pair(window), as_pair(strides), padding, as_pair(dilation)
        ).output
        return output[-len(window) :]
    return tuple(
        None if i is None else output_size(i, k, s, d, padding)
        for i, k, s, d in zip(input_shape[1:-1], window, strides, dilation, strict=True)
    )
