"""Cells put around others, cut away or repeated: each with its adjoint.

    pad:     y has before + n + after cells along an axis, x in the middle, a constant elsewhere
    crop:    y is x without `before` cells at the start and `after` cells at the end
    repeat:  y[k] = x[⌊k / count⌋], each cell `count` times in a row

They are linear, y = A·x (+ a constant), so ∂L/∂x = Aᵀ·dy: padding and cropping are each other's
transpose, and a cell that was repeated gets the sum of its copies' gradients.

Source: keras/src/layers/reshaping (zero_padding2d.py, cropping2d.py, up_sampling2d.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.geometry import Pair

Cells = Shaped[np.ndarray, "..."]
Ends = Sequence[Pair]


def pad(x: Cells, ends: Ends, value: float | int = 0) -> Cells:
    """x with cells of one value before and after it along each axis.

    Args:
        x: cells of any number of axes.
        ends: (cells before, cells after) for each axis of x.
        value: of the new cells.
    """
    shape = [before + n + after for n, (before, after) in zip(x.shape, ends, strict=True)]
    y = np.full(shape, value, x.dtype)
    y[_inside(shape, ends)] = x
    return y


def pad_backward(dy: Cells, ends: Ends) -> Cells:
    """∂L/∂x: `dy` without what belongs to the padding."""
    return crop(dy, ends)


def crop(x: Cells, ends: Ends) -> Cells:
    """x without the first and last cells along each axis; arguments as `pad`."""
    return x[_inside(x.shape, ends)].copy()


def crop_backward(dy: Cells, ends: Ends) -> Cells:
    """∂L/∂x: 0 for the cells that were cut away."""
    return pad(dy, ends)


def repeat(x: Cells, counts: Sequence[int]) -> Cells:
    """Each cell `counts[axis]` times in a row along each axis."""
    for axis, count in enumerate(counts):
        x = x.repeat(count, axis) if count > 1 else x
    return x


def repeat_backward(dy: Cells, counts: Sequence[int]) -> Cells:
    """∂L/∂x: the sum over the copies of each cell."""
    for axis, count in enumerate(counts):
        if count > 1:
            shape = (*dy.shape[:axis], dy.shape[axis] // count, count, *dy.shape[axis + 1 :])
            dy = dy.reshape(shape).sum(axis=axis + 1)
    return dy


def _inside(shape: Sequence[int], ends: Ends) -> tuple[slice, ...]:
    return tuple(slice(b, n - a) for n, (b, a) in zip(shape, ends, strict=True))
