"""Layers that add zeros around the cells, or cut cells away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, pair, refuse_channels_first
from scratchnet.ops.geometry import Pair

Ends = tuple[Pair, ...]


class _Padding(Layer):
    """Zeros at both ends of the axes between the samples and the channels."""

    padding: Any

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.pad(x, self._ends()), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.pad_backward(dy, self._ends()), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(
            None if n is None else before + n + after
            for n, (before, after) in zip(input_shape, self._ends(), strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": self.padding, "data_format": "channels_last"}

    def _ends(self) -> Ends:
        return _all_axes(self.padding)


class ZeroPadding1D(_Padding):
    """Zeros before and after each sequence: (N, L, C) -> (N, before + L + after, C).

    Args:
        padding: steps at both ends, one integer or (before, after).
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a padding that is neither one integer of at least 0 nor two.

    >>> ZeroPadding1D((0, 2)).compute_output_shape((None, 5, 3))
    (None, 7, 3)

    Source: keras/src/layers/reshaping/zero_padding1d.py.
    """

    rank = 3

    def __init__(
        self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(**kwargs)
        self.padding = pair(padding, "padding", minimum=0)


class ZeroPadding2D(_Padding):
    """Zeros around each image: (N, H, W, C) -> (N, top + H + bottom, left + W + right, C).

    Args:
        padding: one integer for all sides, (rows, columns) at both ends, or
            ((top, bottom), (left, right)).
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a padding in none of these forms, or a negative one.

    >>> ZeroPadding2D(((1, 0), (2, 2))).compute_output_shape((None, 5, 5, 3))
    (None, 6, 9, 3)

    Source: keras/src/layers/reshaping/zero_padding2d.py.
    """

    rank = 4

    def __init__(
        self,
        padding: int | Sequence[int | Sequence[int]] = (1, 1),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(**kwargs)
        self.padding = pair_of_ends(padding, "padding")


class _Cropping(Layer):
    """Cuts cells off both ends of the axes between the samples and the channels."""

    cropping: Any

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.crop(x, self._ends()), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.crop_backward(dy, self._ends()), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(
            None if n is None else n - before - after
            for n, (before, after) in zip(input_shape, self._ends(), strict=True)
        )
        if any(n is not None and n <= 0 for n in shape[1:-1]):
            raise ValueError(
                f"The output would be empty: cropping={self.cropping} leaves the shape {shape} of "
                f"an input of shape {input_shape}. Expected at least one cell on each axis: crop "
                f"less, or give a larger input."
            )
        return shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping}

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        if self.built:
            self.compute_output_shape(shape)

    def _ends(self) -> Ends:
        return _all_axes(self.cropping)


class Cropping1D(_Cropping):
    """Cuts steps off each sequence: (N, L, C) -> (N, L − before − after, C).

    Args:
        cropping: steps at both ends, one integer or (before, after).
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a cropping that is neither one integer of at least 0 nor two, or that leaves
            nothing.

    >>> Cropping1D((1, 0))([[[1.0], [2.0], [3.0]]])[0, :, 0]
    array([2., 3.], dtype=float32)

    Source: keras/src/layers/reshaping/cropping1d.py.
    """

    rank = 3

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = pair(cropping, "cropping", minimum=0)


class Cropping2D(_Cropping):
    """Cuts rows and columns off each image: (N, H, W, C) -> (N, H − top − bottom, W − …, C).

    Args:
        cropping: one integer for all sides, (rows, columns) at both ends, or
            ((top, bottom), (left, right)).
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a cropping in none of these forms, a negative one, or one that leaves nothing.

    >>> Cropping2D(((2, 2), (4, 4))).compute_output_shape((None, 28, 28, 3))
    (None, 24, 20, 3)

    Source: keras/src/layers/reshaping/cropping2d.py.
    """

    rank = 4

    def __init__(
        self,
        cropping: int | Sequence[int | Sequence[int]] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_channels_first(data_format)
        super().__init__(**kwargs)
        self.cropping = pair_of_ends(cropping, "cropping")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}


def pair_of_ends(value: int | Sequence[int | Sequence[int]], argument: str) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)) from one of the forms that Keras takes.

    Raises ValueError for any other form, and for a negative number.

    >>> pair_of_ends((1, 2), "padding")
    ((1, 1), (2, 2))
    """
    rows, columns = _rows_and_columns(value, argument)
    return pair(rows, argument, minimum=0), pair(columns, argument, minimum=0)


def _rows_and_columns(value: Any, argument: str) -> Sequence[Any]:
    if isinstance(value, (int, np.integer)):
        return value, value
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ValueError(
            f"The argument {argument} received {value!r}. Expected one integer, (rows, columns) or "
            f"((top, bottom), (left, right)), none of them negative."
        )
    return value


def _all_axes(ends: Pair | tuple[Pair, Pair]) -> Ends:
    """The ends of every axis, those of the samples and the channels being (0, 0)."""
    inner = ends if isinstance(ends[0], tuple) else (ends,)
    return ((0, 0), *inner, (0, 0))
