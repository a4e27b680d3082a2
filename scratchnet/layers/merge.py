"""Layers that merge several inputs cell by cell: sums, products, averages, extremes.

Inputs may differ in shape. One with fewer axes gets axes of size 1 after its first, the samples';
then sizes must be equal or 1, and a size of 1 is repeated:

    (N, 8, 8, 16) and (N, 16)  ->  (N, 8, 8, 16) and (N, 1, 1, 16)  ->  (N, 8, 8, 16)

Each layer has a function that calls it at once: `add([x1, x2])` is `Add()([x1, x2])`.

Keras on TensorFlow takes an array with a single axis above 1 for a bias, when it adds: with as many
channels as samples, numbers of shape (N, 1, 1) go to the channels. Here they go to the samples.

Source: keras/src/layers/merging.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from scratchnet import ops
from scratchnet.layers.layer import Gradients, Saved, Shape
from scratchnet.layers.several_inputs import SeveralInputs

Arrays = list[np.ndarray]


class Merge(SeveralInputs):
    """Base of layers that merge cell by cell.

    A subclass defines `merge(xs) -> y` for inputs of one rank and `merge_backward(dy, kept)`,
    which gives a gradient for each; `kept` is xs, or their shapes where these are enough.
    """

    keeps_inputs: ClassVar[bool] = False

    def merge(self, xs: Arrays) -> np.ndarray:
        raise NotImplementedError

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        raise NotImplementedError

    def forward(self, x: Arrays, training: bool) -> tuple[np.ndarray, Saved]:  # type: ignore[override]
        xs = of_one_rank(x)
        kept = xs if self.keeps_inputs else [each.shape for each in xs]
        return self.merge(xs), (kept, [each.shape for each in x])

    def backward(  # type: ignore[override]
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        kept, shapes = saved
        gradients = self.merge_backward(dy, kept)
        return [dx.reshape(shape) for dx, shape in zip(gradients, shapes, strict=True)], []

    def check_input(self, shape: Any) -> None:
        super().check_input(shape)
        self.compute_output_shape(shape)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:  # type: ignore[override]
        rank = max(len(shape) for shape in input_shape)
        try:
            return reduce(_broadcast, [_of_rank(rank, shape) for shape in input_shape])
        except ValueError:
            raise ValueError(
                f"{self._label()} received inputs of shapes {list(input_shape)}, which do not "
                f"broadcast. Expected sizes that are equal or 1, counted from the last axis."
            ) from None


class Add(Merge):
    """y = Σ_k x_k over a list of inputs that broadcast.

    >>> Add()([[[1.0, 2.0]], [[10.0]]])
    array([[11., 12.]], dtype=float32)

    Args:
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: inputs that are no list, or do not broadcast.

    Source: keras/src/layers/merging/add.py; a residual connection in He et al. (2015).
    """

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.add(xs)

    def forward(  # type: ignore[override]
        self, x: Arrays, training: bool, relu: bool = False
    ) -> tuple[np.ndarray, Saved]:
        """With `relu` the output is max(y, 0), as of a ReLU that follows."""
        if not relu:
            y, shapes = super().forward(x, training)
            return y, (shapes, None)
        xs = of_one_rank(x)
        y = ops.add_relu(xs)
        return y, (([each.shape for each in xs], [each.shape for each in x]), y)

    def backward(  # type: ignore[override]
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[Arrays, Gradients]:
        shapes, y = saved
        return super().backward(dy if y is None else ops.relu_backward(dy, y), shapes)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.add_backward(dy, kept)


class Subtract(Merge):
    """y = x_1 − x_2 of two inputs that broadcast.

    >>> Subtract()([[[1.0, 2.0]], [[10.0]]])
    array([[-9., -8.]], dtype=float32)

    Args, Raises: as `Add`; other than two inputs are refused too.

    Source: keras/src/layers/merging/subtract.py.
    """

    fewest = most = 2

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.subtract(xs)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.subtract_backward(dy, kept)


class Multiply(Merge):
    """y = Π_k x_k over a list of inputs that broadcast.

    >>> Multiply()([[[1.0, 2.0]], [[10.0]]])
    array([[10., 20.]], dtype=float32)

    Args, Raises: as `Add`.

    Source: keras/src/layers/merging/multiply.py; the gate in Hu et al., "Squeeze-and-Excitation
    Networks" (2018).
    """

    keeps_inputs = True

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.multiply(xs)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.multiply_backward(dy, kept)


class Average(Merge):
    """y = Σ_k x_k / n over a list of n inputs that broadcast.

    >>> Average()([[[1.0, 2.0]], [[10.0]]])
    array([[5.5, 6. ]], dtype=float32)

    Args, Raises: as `Add`.

    Source: keras/src/layers/merging/average.py.
    """

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.average(xs)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.average_backward(dy, kept)


class Maximum(Merge):
    """y = max_k x_k over a list of inputs that broadcast; the gradient goes to the first largest.

    >>> Maximum()([[[1.0, 20.0]], [[10.0]]])
    array([[10., 20.]], dtype=float32)

    Args, Raises: as `Add`.

    Source: Goodfellow et al., "Maxout Networks" (2013); keras/src/layers/merging/maximum.py.
    """

    keeps_inputs = True

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.maximum(xs)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.maximum_backward(dy, kept)


class Minimum(Merge):
    """y = min_k x_k over a list of inputs that broadcast; the gradient goes to the first smallest.

    >>> Minimum()([[[1.0, 20.0]], [[10.0]]])
    array([[ 1., 10.]], dtype=float32)

    Args, Raises: as `Add`.

    Source: keras/src/layers/merging/minimum.py.
    """

    keeps_inputs = True

    def merge(self, xs: Arrays) -> np.ndarray:
        return ops.minimum(xs)

    def merge_backward(self, dy: np.ndarray, kept: Any) -> Arrays:
        return ops.minimum_backward(dy, kept)


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def of_one_rank(xs: Arrays) -> Arrays:
    """The arrays with axes of size 1 after the first, as many as the one with most axes has."""
    rank = max(x.ndim for x in xs)
    return [x.reshape(_of_rank(rank, x.shape)) for x in xs]


def _of_rank(rank: int, shape: Shape) -> Any:
    """The shape with axes of size 1 after the first, up to `rank` axes."""
    return (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])


def _broadcast(first: Shape, second: Shape) -> Shape:
    """The common shape of two of one rank; None, a size that is not known, stays so.

    Raises ValueError where two sizes differ and neither is 1.
    """
    sizes: list[int | None] = []
    for axis, (a, b) in enumerate(zip(first, second, strict=True)):
        if axis == 0:
            sizes.append(b if a is None else a)
        elif a is None or b is None:
            sizes.append(None)
        elif a != b and 1 not in (a, b):
            raise ValueError
        else:
            sizes.append(b if a == 1 else a)
    return tuple(sizes)
