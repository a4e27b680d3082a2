"""Merging: several arrays become one, cell by cell, side by side, or by products along an axis.

    add        y = Σ_k x_k                     ∂L/∂x_k = dy
    subtract   y = x_1 − x_2                   ∂L/∂x_1 = dy,  ∂L/∂x_2 = −dy
    multiply   y = Π_k x_k                     ∂L/∂x_k = dy · Π_{j≠k} x_j
    average    y = Σ_k x_k / n                 ∂L/∂x_k = dy / n
    maximum    y = max_k x_k                   ∂L/∂x_k = dy where x_k is the first largest, else 0
    minimum    y = min_k x_k                   ∂L/∂x_k = dy where x_k is the first smallest, else 0

The arrays have one rank, and sizes that are equal or 1. A size of 1 is repeated, and what was
repeated gets the sum of the gradients of its copies (`sum_to_shape`).

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.5;
keras/src/layers/merging. The rule for ties is that of TensorFlow's gradient of tf.maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "..."]
Shapes = Sequence[tuple[int, ...]]


def sum_to_shape(dy: Array, shape: tuple[int, ...]) -> Array:
    """∂L/∂x for an x of this shape that was broadcast to the shape of dy = ∂L/∂y.

    >>> sum_to_shape(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    missing = dy.ndim - len(shape)
    repeated = [i for i, n in enumerate(shape, missing) if n == 1 and dy.shape[i] != 1]
    axes = (*range(missing), *repeated)
    return dy.sum(axis=axes, keepdims=True, dtype=dy.dtype).reshape(shape) if axes else dy


def add(xs: Sequence[Array]) -> Array:
    """y = Σ_k x_k, from left to right."""
    y = xs[0]
    for x in xs[1:]:
        y = y + x
    return y


def add_backward(dy: Array, shapes: Shapes) -> list[Array]:
    """∂L/∂x_k = dy for inputs of these shapes."""
    return [sum_to_shape(dy, shape) for shape in shapes]


def subtract(xs: Sequence[Array]) -> Array:
    """y = x_1 − x_2 of two arrays."""
    first, second = xs
    return first - second


def subtract_backward(dy: Array, shapes: Shapes) -> list[Array]:
    """(∂L/∂x_1, ∂L/∂x_2) = (dy, −dy) for two inputs of these shapes."""
    first, second = shapes
    return [sum_to_shape(dy, first), -sum_to_shape(dy, second)]


def average(xs: Sequence[Array]) -> Array:
    """y = Σ_k x_k / n of n arrays."""
    return add(xs) / len(xs)


def average_backward(dy: Array, shapes: Shapes) -> list[Array]:
    """∂L/∂x_k = dy / n for n inputs of these shapes."""
    return add_backward(dy / len(shapes), shapes)


def multiply(xs: Sequence[Array]) -> Array:
    """y = Π_k x_k, from left to right."""
    return _partial_results(np.multiply, xs)[-1]


def multiply_backward(dy: Array, xs: Sequence[Array]) -> list[Array]:
    """∂L/∂x_k = dy · Π_{j≠k} x_j, without a division, since an x_k may be 0.

    The chain is y_k = y_{k−1} · x_k, so that going back ∂L/∂x_k = ∂L/∂y_k · y_{k−1} and
    ∂L/∂y_{k−1} = ∂L/∂y_k · x_k.
    """
    partial = _partial_results(np.multiply, xs)
    gradients = []
    for before, x in zip(partial[-2::-1], xs[:0:-1], strict=True):
        gradients.append(sum_to_shape(dy * before, x.shape))
        dy = sum_to_shape(dy * x, before.shape)
    return [dy, *reversed(gradients)]


def maximum(xs: Sequence[Array]) -> Array:
    """y = max_k x_k; a NaN in any of them gives NaN."""
    return _partial_results(np.maximum, xs)[-1]


def maximum_backward(dy: Array, xs: Sequence[Array]) -> list[Array]:
    """dy goes to the largest, and to the first of equals."""
    return _extreme_backward(dy, xs, np.maximum, np.greater_equal)


def minimum(xs: Sequence[Array]) -> Array:
    """y = min_k x_k; a NaN in any of them gives NaN."""
    return _partial_results(np.minimum, xs)[-1]


def minimum_backward(dy: Array, xs: Sequence[Array]) -> list[Array]:
    """dy goes to the smallest, and to the first of equals."""
    return _extreme_backward(dy, xs, np.minimum, np.less_equal)


def _extreme_backward(
    dy: Array, xs: Sequence[Array], extreme: Callable, wins: Callable
) -> list[Array]:
    """The chain is y_k = extreme(y_{k−1}, x_k); dy goes on to y_{k−1} where it wins or ties."""
    partial = _partial_results(extreme, xs)
    gradients = []
    for before, x in zip(partial[-2::-1], xs[:0:-1], strict=True):
        earlier = wins(before, x)
        gradients.append(sum_to_shape(np.where(earlier, 0, dy).astype(dy.dtype), x.shape))
        dy = sum_to_shape(np.where(earlier, dy, 0).astype(dy.dtype), before.shape)
    return [dy, *reversed(gradients)]


def _partial_results(function: Callable, xs: Sequence[Array]) -> list[Array]:
    """y_1 = x_1, y_k = function(y_{k−1}, x_k)."""
    results = [xs[0]]
    for x in xs[1:]:
        results.append(function(results[-1], x))
    return results


def concatenate(xs: Sequence[Array], axis: int) -> Array:
    """y: the arrays side by side along `axis`; their other sizes are equal."""
    return np.concatenate(xs, axis)


def concatenate_backward(dy: Array, sizes: Sequence[int], axis: int) -> list[Array]:
    """∂L/∂x_k: the part of dy that lies where x_k lies; `sizes` are those along `axis`."""
    return np.split(dy, np.cumsum(sizes)[:-1], axis)
