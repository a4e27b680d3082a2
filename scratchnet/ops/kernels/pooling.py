"""Pooling, images side by side and channels innermost. Meaning: `ops.formulas.pooling`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, window2d
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty


def max_pool2d(
    x: np.ndarray, pool_size: Pair = (2, 2), strides: Pair | None = None, padding: str = "valid"
) -> np.ndarray:
    """As `formulas.max_pool2d`."""
    output, numbers = _geometry(x.shape, pool_size, strides, padding)
    if not (served(x) and x.ndim == 4):
        return formulas.max_pool2d(x, pool_size, strides, padding)
    y = empty((len(x), *output, x.shape[-1]), x.dtype.newbyteorder("="))
    _max_forward(ready(x), y, *numbers)
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
    _max_backward(ready(dy), ready(x), dx, *numbers)
    return dx


def average_pool2d(
    x: np.ndarray, pool_size: Pair = (2, 2), strides: Pair | None = None, padding: str = "valid"
) -> np.ndarray:
    """As `formulas.average_pool2d`."""
    output, numbers = _geometry(x.shape, pool_size, strides, padding)
    if not (served(x) and x.ndim == 4):
        return formulas.average_pool2d(x, pool_size, strides, padding)
    y = empty((len(x), *output, x.shape[-1]), x.dtype.newbyteorder("="))
    _average_forward(ready(x), y, *numbers)
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
    _average_backward(ready(dy), dx, *numbers)
    return dx


# A whole map is one window, which NumPy's reductions serve as fast as a kernel would.
global_max_pool2d = formulas.global_max_pool2d
global_max_pool2d_backward = formulas.global_max_pool2d_backward
global_average_pool2d = formulas.global_average_pool2d
global_average_pool2d_backward = formulas.global_average_pool2d_backward


def _geometry(
    input_shape: tuple[int, ...], pool_size: Pair, strides: Pair | None, padding: str
) -> tuple[Pair, tuple[int, ...]]:
    strides = strides or pool_size
    window = window2d(input_shape[1:3], pool_size, strides, padding, (1, 1))
    return window.output, (*pool_size, *strides, window.pad_rows[0], window.pad_columns[0])


def _max_pool2d(x, y, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, oh, ow, _ = y.shape
    for n in prange(images):
        for p in range(oh):
            for q in range(ow):
                i0, j0 = max(p * sh - top, 0), max(q * sw - left, 0)
                for c in range(channels):
                    y[n, p, q, c] = x[n, i0, j0, c]
                for i in range(i0, min(p * sh - top + kh, height)):
                    for j in range(j0, min(q * sw - left + kw, width)):
                        for c in range(channels):
                            best = y[n, p, q, c]
                            # A NaN is never below anything, so it stays once it is there
                            y[n, p, q, c] = (
                                best if x[n, i, j, c] <= best or best != best else x[n, i, j, c]
                            )


def _max_pool2d_backward(dy, x, dx, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, oh, ow, _ = dy.shape
    for n in prange(images):
        # All channels of a window at a time, without branches: vector instructions then do it.
        best, winner = np.empty(channels, x.dtype), np.empty(channels, np.int32)
        dx[n] = 0
        for p in range(oh):
            i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
            for q in range(ow):
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                for c in range(channels):
                    best[c], winner[c] = x[n, i0, j0, c], 0
                for cell in range((i1 - i0) * (j1 - j0)):
                    i, j = divmod(cell, j1 - j0)
                    values = x[n, i0 + i, j0 + j]
                    for c in range(channels):
                        value, before = values[c], best[c]
                        stays = (value <= before) | (before != before)
                        best[c] = before if stays else value
                        winner[c] = winner[c] if stays else np.int32(cell)
                gradient = dy[n, p, q]
                for cell in range((i1 - i0) * (j1 - j0)):
                    i, j = divmod(cell, j1 - j0)
                    target = dx[n, i0 + i, j0 + j]
                    for c in range(channels):
                        g = gradient[c]
                        target[c] += g if winner[c] == cell else 0


def _average_pool2d(x, y, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, oh, ow, _ = y.shape
    for n in prange(images):
        y[n] = 0
        for p in range(oh):
            for q in range(ow):
                i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        for c in range(channels):
                            y[n, p, q, c] += x[n, i, j, c]
                for c in range(channels):
                    y[n, p, q, c] /= (i1 - i0) * (j1 - j0)


def _average_pool2d_backward(dy, dx, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = dx.shape
    _, oh, ow, _ = dy.shape
    for n in prange(images):
        dx[n] = 0
        for p in range(oh):
            for q in range(ow):
                i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
                j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        for c in range(channels):
                            dx[n, i, j, c] += dy[n, p, q, c] / ((i1 - i0) * (j1 - j0))


_max_forward = jit(_max_pool2d)
_max_backward = jit(_max_pool2d_backward)
_average_forward = jit(_average_pool2d)
_average_backward = jit(_average_pool2d_backward)
