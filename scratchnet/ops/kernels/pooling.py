"""Pooling, images side by side and channels innermost. Meaning: `ops.formulas.pooling`.

A maximum that is kept where it was, "best = best if … else value", becomes a store that writes only
some lanes of a register, and some processors take ten times as long for that. So the choice is
multiplied by `one`, which the compiler does not know to be 1, and so all lanes are written.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, window2d
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.reductions import largest_cells, sum_cells
from scratchnet.ops.kernels.window_blocks import AVERAGE, LARGEST, pool_windows

_MANY = 16  # channels from which on loops over them are long enough


def max_pool2d(
    x: np.ndarray, pool_size: Pair = (2, 2), strides: Pair | None = None, padding: str = "valid"
) -> np.ndarray:
    """As `formulas.max_pool2d`."""
    output, numbers = _geometry(x.shape, pool_size, strides, padding)
    if not (served(x) and x.ndim == 4):
        return formulas.max_pool2d(x, pool_size, strides, padding)
    y = empty((len(x), *output, x.shape[-1]), x.dtype.newbyteorder("="))
    pool_windows(ready(x), y, numbers, LARGEST)
    return y


def max_pool2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> np.ndarray:
    """As `formulas.max_pool2d_backward`."""
    output, numbers = _geometry(x.shape, pool_size, strides, padding)
    if not (served(dy, x) and dy.shape == (len(x), *output, x.shape[-1])):
        return formulas.max_pool2d_backward(dy, x, pool_size, strides, padding)
    dx = empty(x.shape, dy.dtype.newbyteorder("="))
    kernel = _max_backward if x.shape[3] >= _MANY else _max_backward_of_few
    kernel(ready(dy), ready(x), dx, *numbers)
    return dx


def average_pool2d(
    x: np.ndarray, pool_size: Pair = (2, 2), strides: Pair | None = None, padding: str = "valid"
) -> np.ndarray:
    """As `formulas.average_pool2d`."""
    output, numbers = _geometry(x.shape, pool_size, strides, padding)
    if not (served(x) and x.ndim == 4):
        return formulas.average_pool2d(x, pool_size, strides, padding)
    y = empty((len(x), *output, x.shape[-1]), x.dtype.newbyteorder("="))
    pool_windows(ready(x), y, numbers, AVERAGE)
    return y


def average_pool2d_backward(
    dy: np.ndarray,
    input_shape: tuple[int, ...],
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
) -> np.ndarray:
    """As `formulas.average_pool2d_backward`."""
    output, numbers = _geometry(input_shape, pool_size, strides, padding)
    if not (served(dy) and dy.shape == (input_shape[0], *output, input_shape[-1])):
        return formulas.average_pool2d_backward(dy, input_shape, pool_size, strides, padding)
    dx = empty(input_shape, dy.dtype.newbyteorder("="))
    (kh, kw), (height, width, channels) = pool_size, input_shape[1:]
    filled = (output[0] * kh, output[1] * kw) == (height, width)
    if channels < _MANY and filled and strides in (None, pool_size):
        _average_backward_of_few(ready(dy), dx, _windows_of_line(width, kw, channels), kh, kw)
    else:
        _average_backward(ready(dy), dx, *numbers)
    return dx


@lru_cache(maxsize=256)
def _windows_of_line(width: int, kw: int, channels: int) -> np.ndarray:
    """For each number of a line of the image, the place in a line of y that its window has."""
    cell, c = np.divmod(np.arange(width * channels), channels)
    return cell // kw * channels + c


def global_max_pool2d(x: np.ndarray) -> np.ndarray:
    """As `formulas.global_max_pool2d`."""
    if not (served(x) and x.ndim == 4):
        return formulas.global_max_pool2d(x)
    y = empty((len(x), x.shape[-1]), x.dtype.newbyteorder("="))
    _global_max_forward(_as_cells(x), y)
    return y


def global_max_pool2d_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.global_max_pool2d_backward`."""
    if not (served(dy, x) and dy.shape == (len(x), x.shape[-1])):
        return formulas.global_max_pool2d_backward(dy, x)
    dx = empty(x.shape, dy.dtype.newbyteorder("="))
    _global_max_backward(ready(dy), _as_cells(x), _as_cells(dx))
    return dx


def global_average_pool2d(x: np.ndarray) -> np.ndarray:
    """As `formulas.global_average_pool2d`; the sum is taken in float64."""
    if not (served(x) and x.ndim == 4):
        return formulas.global_average_pool2d(x)
    y = empty((len(x), x.shape[-1]), x.dtype.newbyteorder("="))
    _global_average_forward(_as_cells(x), y)
    return y


def global_average_pool2d_backward(dy: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """As `formulas.global_average_pool2d_backward`."""
    if not (served(dy) and dy.shape == (input_shape[0], input_shape[-1]) and min(input_shape)):
        return formulas.global_average_pool2d_backward(dy, input_shape)
    dx = empty(input_shape, dy.dtype.newbyteorder("="))
    _global_average_backward(ready(dy), _as_cells(dx))
    return dx


def _as_cells(x: np.ndarray) -> np.ndarray:
    """(N, H, W, C) as (N, H·W, C)."""
    return ready(x).reshape(len(x), -1, x.shape[-1])


def _geometry(
    input_shape: tuple[int, ...], pool_size: Pair, strides: Pair | None, padding: str
) -> tuple[Pair, tuple[int, ...]]:
    strides = strides or pool_size
    window = window2d(input_shape[1:3], pool_size, strides, padding, (1, 1))
    return window.output, (*pool_size, *strides, window.pad_rows[0], window.pad_columns[0])


def _max_pool2d_backward(dy, x, dx, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, oh, ow, _ = dy.shape
    # Windows that do not meet write what they have, and leave nothing where they fill the image
    apart = sh >= kh and sw >= kw
    filled = (oh * kh, ow * kw) == (height, width) and (sh, sw) == (kh, kw)
    for n in prange(images):
        # All channels of a window at a time, without branches: vector instructions then do it.
        best, winner = np.empty(channels, x.dtype), np.empty(channels, np.int32)
        if not filled:
            dx[n] = 0
        for p in range(oh):
            i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
            for q in range(ow):
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                for c in range(channels):
                    best[c], winner[c] = x[n, i0, j0, c], 0
                cell = 0
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        values = x[n, i, j]
                        for c in range(channels):
                            value, before = values[c], best[c]
                            stays = (value <= before) | (before != before)
                            best[c] = before if stays else value
                            winner[c] = winner[c] if stays else np.int32(cell)
                        cell += 1
                gradient, cell = dy[n, p, q], 0
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        target = dx[n, i, j]
                        if apart:
                            for c in range(channels):
                                target[c] = gradient[c] if winner[c] == cell else 0
                        else:
                            for c in range(channels):
                                g = gradient[c]
                                target[c] += g if winner[c] == cell else 0
                        cell += 1


def _max_pool2d_backward_of_few(dy, x, dx, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    # A loop over few channels takes longer to begin than to run: one channel at a time instead
    images, height, width, channels = x.shape
    _, oh, ow, _ = dy.shape
    for n in prange(images):
        dx[n] = 0
        cells, into = x[n].reshape(-1), dx[n].reshape(-1)
        for p in range(oh):
            i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
            for q in range(ow):
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                for c in range(channels):
                    winner = (i0 * width + j0) * channels + c
                    best = cells[winner]
                    for i in range(i0, i1):
                        for j in range(j0, j1):
                            at = (i * width + j) * channels + c
                            value = cells[at]
                            stays = (value <= best) | (best != best)
                            best, winner = best if stays else value, winner if stays else at
                    into[winner] += dy[n, p, q, c]


def _average_pool2d_backward_of_few(dy, dx, places, kh, kw):  # type: ignore[no-untyped-def]
    # Windows side by side fill the image; places[k] of a line of dy is what k of one of dx has
    images, oh, ow, channels = dy.shape
    shares = dy.dtype.type(kh * kw)
    for row in prange(images * oh):
        n, p = divmod(np.int64(row), oh)
        share, d_line = np.empty(ow * channels, dy.dtype), dy[n, p].reshape(-1)
        for k in range(len(share)):
            share[k] = d_line[k] / shares
        first = dx[n, p * kh].reshape(-1)
        for k in range(len(first)):
            first[k] = share[places[k]]
        for i in range(p * kh + 1, (p + 1) * kh):
            other = dx[n, i].reshape(-1)
            for k in range(len(other)):
                other[k] = first[k]


def _average_pool2d_backward(dy, dx, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = dx.shape
    _, oh, ow, _ = dy.shape
    for n in prange(images):
        dx[n] = 0
        share = np.empty(channels, dy.dtype)
        for p in range(oh):
            for q in range(ow):
                i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                gradient = dy[n, p, q]
                for c in range(channels):
                    share[c] = gradient[c] / ((i1 - i0) * (j1 - j0))
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        target = dx[n, i, j]
                        for c in range(channels):
                            target[c] += share[c]


def _global_max_pool2d(x, y):  # type: ignore[no-untyped-def]
    for n in prange(len(x)):
        largest_cells(x[n].reshape(-1), y[n])


def _global_max_pool2d_backward(dy, x, dx):  # type: ignore[no-untyped-def]
    images, cells, channels = x.shape
    one, zero = x.dtype.type(1), x.dtype.type(0)
    for n in prange(images):
        best, count = np.empty(channels, x.dtype), np.zeros(channels, x.dtype)
        share, nothing = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        largest_cells(x[n].reshape(-1), best)
        for cell in range(cells):
            values = x[n, cell]
            for c in range(channels):
                count[c] += one if values[c] == best[c] else zero
        for c in range(channels):
            # A NaN equals nothing: where it is the maximum the count is 0 and all cells get NaN
            share[c], nothing[c] = one / count[c] * dy[n, c], zero / count[c] * dy[n, c]
        for cell in range(cells):
            values, target = x[n, cell], dx[n, cell]
            for c in range(channels):
                target[c] = share[c] if values[c] == best[c] else nothing[c]


def _global_average_pool2d(x, y):  # type: ignore[no-untyped-def]
    images, cells, channels = x.shape
    for n in prange(images):
        totals = np.zeros(channels)
        sum_cells(x[n].reshape(-1), totals)
        for c in range(channels):
            y[n, c] = totals[c] / cells


def _global_average_pool2d_backward(dy, dx):  # type: ignore[no-untyped-def]
    images, cells, channels = dx.shape
    for n in prange(images):
        first = dx[n, 0]
        for c in range(channels):
            first[c] = dy[n, c] / dy.dtype.type(cells)
        for cell in range(1, cells):
            target = dx[n, cell]
            for c in range(channels):
                target[c] = first[c]


_max_backward = jit(_max_pool2d_backward)
_max_backward_of_few = jit(_max_pool2d_backward_of_few, work=4)
_average_backward_of_few = jit(_average_pool2d_backward_of_few)
_average_backward = jit(_average_pool2d_backward)
_global_max_forward = jit(_global_max_pool2d)
_global_max_backward = jit(_global_max_pool2d_backward)
_global_average_forward = jit(_global_average_pool2d)
_global_average_backward = jit(_global_average_pool2d_backward)
