"""Layers that put the same cells into another shape or order, or repeat them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Layer, Saved, Shape, refuse_channels_first


class Flatten(Layer):
    """All axes but the first become one, in C order: (N, H, W, C) -> (N, H·W·C).

    Args:
        data_format: "channels_last" only.
        trainable, dtype, name: as every layer.

    >>> Flatten().compute_output_shape((None, 7, 7, 64))
    (None, 3136)

    Source: keras/src/layers/reshaping/flatten.py.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        refuse_channels_first(data_format)
        super().__init__(**kwargs)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy.reshape(saved), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        cells = input_shape[1:]
        known = [c for c in cells if c is not None]
        return (input_shape[0], math.prod(known) if len(known) == len(cells) else None)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": "channels_last"}


class Reshape(Layer):
    """The cells of each sample in another shape, in C order.

    Args:
        target_shape: without the samples' axis; one entry may be −1, which stands for what the
            number of cells leaves.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a target shape with two −1, or one that needs another number of cells.

    >>> Reshape((2, -1)).compute_output_shape((None, 12))
    (None, 2, 6)

    Source: keras/src/layers/reshaping/reshape.py.
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        target = tuple(target_shape)
        if not all(isinstance(n, (int, np.integer)) and n >= -1 for n in target) or (
            target.count(-1) > 1
        ):
            raise ValueError(
                f"Reshape received target_shape={target_shape!r}. Expected the new shape without "
                f"the samples' axis: integers of at least 0, one of which may be -1 instead."
            )
        super().__init__(**kwargs)
        self.target_shape = tuple(int(n) for n in target)

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x.reshape(len(x), *self._resolved(x.shape)), x.shape

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy.reshape(saved), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if None in input_shape[1:]:  # how many cells there are will be known with the input
            return (input_shape[0], *[None if n == -1 else n for n in self.target_shape])
        return (input_shape[0], *self._resolved(input_shape))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}

    def _resolved(self, input_shape: Shape) -> tuple[int, ...]:
        """The target shape for a known number of cells, without −1."""
        cells = math.prod(n for n in input_shape[1:] if n is not None)
        known = math.prod(n for n in self.target_shape if n != -1)
        free = -1 in self.target_shape
        if known != cells and not (free and known and cells % known == 0):
            raise ValueError(
                f"target_shape={self.target_shape} needs "
                f"{f'a multiple of {known}' if free else known} cells for each sample; an input "
                f"of shape {input_shape} has {cells}. Expected the same number of cells."
            )
        return tuple(cells // known if n == -1 else n for n in self.target_shape)


class Permute(Layer):
    """The axes of each sample in another order: y's axis k is x's axis dims[k − 1].

    Args:
        dims: a permutation of 1, 2, …; the samples' axis 0 stays first.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: no permutation.

    >>> Permute((3, 1, 2)).compute_output_shape((None, 28, 32, 1))
    (None, 1, 28, 32)

    Source: keras/src/layers/reshaping/permute.py.
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        order = tuple(dims)
        if not order or sorted(order) != [*range(1, len(order) + 1)]:
            raise ValueError(
                f"Permute received dims={dims!r}. Expected the axes 1, 2, … each once, in the new "
                f"order, for example dims=(2, 1); the samples' axis 0 stays where it is."
            )
        super().__init__(**kwargs)
        self.dims = tuple(int(axis) for axis in order)
        self.rank = len(order) + 1  # type: ignore[misc]

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return np.ascontiguousarray(x.transpose(0, *self.dims)), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return np.ascontiguousarray(dy.transpose(np.argsort((0, *self.dims)))), []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *[input_shape[axis] for axis in self.dims])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """Each vector n times: (N, C) -> (N, n, C).

    Args:
        n: how often, at least once.
        trainable, dtype, name: as every layer.

    Raises:
        TypeError: n is no integer.
        ValueError: n is not positive.

    >>> RepeatVector(3)([[1.0, 2.0]])
    array([[[1., 2.],
            [1., 2.],
            [1., 2.]]], dtype=float32)

    Source: keras/src/layers/reshaping/repeat_vector.py.
    """

    rank = 2

    def __init__(self, n: int, **kwargs: Any) -> None:
        n = positive_integer(n, "RepeatVector", "n")
        super().__init__(**kwargs)
        self.n = n

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return ops.repeat(x[:, None], (1, self.n)), None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return ops.repeat_backward(dy, (1, self.n))[:, 0], []

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}


def positive_integer(value: int, layer: str, argument: str) -> int:
    """The value; raises TypeError for what is no integer and ValueError for one below 1."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(
            f"{layer} received {argument}={value!r}, a {type(value).__name__}. Expected a positive "
            f"integer, for example {argument}=2."
        )
    if value < 1:
        raise ValueError(f"{layer} received {argument}={value!r}. Expected a positive integer.")
    return int(value)
