"""Adaptive pooling: the number of windows is given, and their size follows from it.

Along an axis of H cells that becomes O cells, window p is

    R(p) = { ⌊p·H / O⌋, …, ⌈(p + 1)·H / O⌉ − 1 }

so that the windows cover the axis evenly, each at least one cell, and overlap where O does not
divide H. Rows and columns are cut independently; max and mean are as in `pooling`.

Keras takes the maximum over the rows of a window first and then over its columns, so among equal
cells the first in the order column by column gets the gradient, not the first row by row. (Where
an axis has one cell or one window, TensorFlow's gradient of the maximum is wrong: it adds memory
that nothing was written to. Here the formula holds for all sizes.)

Source: keras/src/layers/pooling/base_adaptive_pooling.py and the TensorFlow backend's
adaptive_average_pool, adaptive_max_pool.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.pooling import mean_dtype
from scratchnet.ops.geometry import Pair


def adaptive_max_pool2d(
    x: Shaped[np.ndarray, "N H W C"], output_size: Pair
) -> Shaped[np.ndarray, "N OH OW C"]:
    """The largest value of each window.

    Args:
        x: images (N, H, W, C), with at least one cell.
        output_size: rows and columns of the output.
    """
    y = np.empty((len(x), *output_size, x.shape[-1]), x.dtype)
    for p, q, rows, columns in _windows(x.shape, output_size):
        y[:, p, q] = x[:, rows, columns].max(axis=(1, 2))
    return y


def adaptive_max_pool2d_backward(
    dy: Shaped[np.ndarray, "N OH OW C"], x: Shaped[np.ndarray, "N H W C"]
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: the first maximum of each window, column by column, gets all of that window's `dy`."""
    dx = np.zeros(x.shape, dy.dtype)
    n, c = np.ogrid[: len(x), : x.shape[-1]]
    for p, q, rows, columns in _windows(x.shape, dy.shape[1:3]):
        cells = x[:, rows, columns].swapaxes(1, 2)
        width, height = cells.shape[1:3]
        winner = cells.reshape(len(x), width * height, x.shape[-1]).argmax(axis=1)  # (N, C)
        j, i = np.divmod(winner, height)
        dx[n, rows.start + i, columns.start + j, c] += dy[:, p, q]
    return dx


def adaptive_average_pool2d(
    x: Shaped[np.ndarray, "N H W C"], output_size: Pair
) -> Shaped[np.ndarray, "N OH OW C"]:
    """The mean of each window; arguments as `adaptive_max_pool2d`."""
    y = np.empty((len(x), *output_size, x.shape[-1]), mean_dtype(x.dtype))
    for p, q, rows, columns in _windows(x.shape, output_size):
        cells = x[:, rows, columns]
        y[:, p, q] = cells.sum(axis=(1, 2)) / (cells.shape[1] * cells.shape[2])
    return y


def adaptive_average_pool2d_backward(
    dy: Shaped[np.ndarray, "N OH OW C"], input_shape: tuple[int, ...]
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: each cell of a window gets 1/|R| of that window's `dy`."""
    dx = np.zeros(input_shape, mean_dtype(dy.dtype))
    for p, q, rows, columns in _windows(input_shape, dy.shape[1:3]):
        count = (rows.stop - rows.start) * (columns.stop - columns.start)
        dx[:, rows, columns] += (dy[:, p, q] / count)[:, None, None]
    return dx


def _windows(
    input_shape: tuple[int, ...], output_size: tuple[int, ...]
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each output cell (p, q) with the rows and columns of x in its window."""

    def span(position: int, axis: int) -> slice:
        cells, windows = input_shape[1 + axis], output_size[axis]
        return slice(position * cells // windows, -(-(position + 1) * cells // windows))

    for p in range(output_size[0]):
        for q in range(output_size[1]):
            yield p, q, span(p, 0), span(q, 1)
