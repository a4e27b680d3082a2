"""Pooling: one number for each window and channel, the largest or the mean.

For a window of input cells R(p, q) that lie inside the image,

    max:      y[n, p, q, c] = max_{(i, j) ∈ R(p, q)}  x[n, i, j, c]
    average:  y[n, p, q, c] = 1/|R(p, q)| · Σ_{(i, j) ∈ R(p, q)}  x[n, i, j, c]

Padding never takes part: it is no candidate for the maximum and is not counted in |R|. The
gradient of a maximum belongs to the cell that won; among equals the first in reading order
(row by row) takes all of it. A NaN wins any maximum, so it is never hidden.

Source: keras/src/ops/nn.py (max_pool, average_pool); TensorFlow's MaxPoolGrad for the ties,
reduce_max's gradient for the ties of the global maximum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Shaped

from scratchnet.ops.geometry import Pair, window2d


def max_pool2d(
    x: Shaped[np.ndarray, "N H W C"],
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> Shaped[np.ndarray, "N OH OW C"]:
    """The largest value of each window.

    Args:
        x: images (N, H, W, C).
        pool_size: rows and columns of the window.
        strides: rows and columns between neighbouring windows; None means `pool_size`.
        padding: "valid" or "same".

    Raises:
        ValueError: an empty output or an unknown padding.
    """
    output = _output(x.shape, pool_size, strides, padding)
    y = np.empty((len(x), *output, x.shape[-1]), x.dtype)
    for p, q, rows, columns in _windows(x.shape, pool_size, strides, padding):
        y[:, p, q] = x[:, rows, columns].max(axis=(1, 2))
    return y


def max_pool2d_backward(
    dy: Shaped[np.ndarray, "N OH OW C"],
    x: Shaped[np.ndarray, "N H W C"],
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: the first maximum of each window gets all of that window's `dy`."""
    dx = np.zeros(x.shape, dy.dtype)
    n, c = np.ogrid[: len(x), : x.shape[-1]]
    for p, q, rows, columns in _windows(x.shape, pool_size, strides, padding):
        cells = x[:, rows, columns]
        height, width = cells.shape[1:3]
        winner = cells.reshape(len(x), height * width, x.shape[-1]).argmax(axis=1)  # (N, C)
        i, j = np.divmod(winner, width)
        dx[n, rows.start + i, columns.start + j, c] += dy[:, p, q]
    return dx


def average_pool2d(
    x: Shaped[np.ndarray, "N H W C"],
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> Shaped[np.ndarray, "N OH OW C"]:
    """The mean of each window's cells that lie inside the image; arguments as `max_pool2d`.

    Integer images give float64 means.
    """
    output = _output(x.shape, pool_size, strides, padding)
    y = np.empty((len(x), *output, x.shape[-1]), mean_dtype(x.dtype))
    for p, q, rows, columns in _windows(x.shape, pool_size, strides, padding):
        cells = x[:, rows, columns]
        y[:, p, q] = cells.sum(axis=(1, 2)) / (cells.shape[1] * cells.shape[2])
    return y


def average_pool2d_backward(
    dy: Shaped[np.ndarray, "N OH OW C"],
    input_shape: tuple[int, ...],
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: each cell of a window gets 1/|R| of that window's `dy`."""
    dx = np.zeros(input_shape, mean_dtype(dy.dtype))
    for p, q, rows, columns in _windows(input_shape, pool_size, strides, padding):
        count = (rows.stop - rows.start) * (columns.stop - columns.start)
        dx[:, rows, columns] += (dy[:, p, q] / count)[:, None, None]
    return dx


def global_max_pool2d(x: Shaped[np.ndarray, "N H W C"]) -> Shaped[np.ndarray, "N C"]:
    """y[n, c] = max_{i, j} x[n, i, j, c]."""
    return x.max(axis=(1, 2))


def global_max_pool2d_backward(
    dy: Shaped[np.ndarray, "N C"], x: Shaped[np.ndarray, "N H W C"]
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: all cells that reach the maximum share `dy` equally.

    Unlike `max_pool2d_backward`: Keras computes this layer with a reduction, whose gradient
    divides among equals. A channel whose maximum is NaN has no winner and gives NaN.
    """
    winners = x == x.max(axis=(1, 2), keepdims=True)
    count = winners.sum(axis=(1, 2), keepdims=True).astype(dy.dtype)
    with np.errstate(invalid="ignore"):  # 0/0 where NaN is the maximum
        return winners / count * dy[:, None, None]


def global_average_pool2d(x: Shaped[np.ndarray, "N H W C"]) -> Shaped[np.ndarray, "N C"]:
    """y[n, c] = 1/(H·W) · Σ_{i, j} x[n, i, j, c]."""
    return x.sum(axis=(1, 2)) / (x.shape[1] * x.shape[2])


def global_average_pool2d_backward(
    dy: Shaped[np.ndarray, "N C"], input_shape: tuple[int, ...]
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: every cell gets dy / (H·W)."""
    share = dy / (input_shape[1] * input_shape[2])
    return np.broadcast_to(share[:, None, None], input_shape).copy()


def masked_mean(
    x: Shaped[np.ndarray, "N T C"], mask: Bool[np.ndarray, "N T"]
) -> Shaped[np.ndarray, "N C"]:
    """y[n, c] = Σ_t mask[n, t]·x[n, t, c] / Σ_t mask[n, t]: the mean of the steps that count.

    What stands in the other steps does not matter, be it NaN. A sequence without any step that
    counts gives NaN.
    """
    total = np.where(mask[..., None], x, 0).sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0/0 where no step counts
        return total / mask.sum(axis=1, keepdims=True).astype(total.dtype)


def masked_mean_backward(
    dy: Shaped[np.ndarray, "N C"], mask: Bool[np.ndarray, "N T"]
) -> Shaped[np.ndarray, "N T C"]:
    """∂L/∂x: each step that counts gets dy / Σ_t mask[n, t], the others nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):  # sequences without any step
        share = dy / mask.sum(axis=1, keepdims=True).astype(dy.dtype)
    return np.where(mask[..., None], share[:, None], np.zeros((), share.dtype))


def mean_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of a mean: float64 for integers."""
    return np.dtype(float) if np.issubdtype(dtype, np.integer) else dtype


def _output(
    input_shape: tuple[int, ...], pool_size: Pair, strides: Pair | None, padding: str
) -> Pair:
    return window2d(input_shape[1:3], pool_size, strides or pool_size, padding, (1, 1)).output


def _windows(
    input_shape: tuple[int, ...], pool_size: Pair, strides: Pair | None, padding: str
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each output cell (p, q) with the rows and columns of x in its window R(p, q)."""
    strides = strides or pool_size
    window = window2d(input_shape[1:3], pool_size, strides, padding, (1, 1))

    def span(position: int, axis: int, before: int) -> slice:
        start = position * strides[axis] - before
        return slice(max(start, 0), min(start + pool_size[axis], input_shape[1 + axis]))

    for p in range(window.output[0]):
        for q in range(window.output[1]):
            yield p, q, span(p, 0, window.pad_rows[0]), span(q, 1, window.pad_columns[0])
