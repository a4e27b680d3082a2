"""Batch normalisation, a rectifier and max-pooling in one pass. Meaning: `ops.formulas.fused`.

    y = max over a window of f((x − μ)·s + β),     s = γ/√(σ² + ε), f the identity or max(z, 0)

None of these steps ever puts a smaller number above a larger one, rounding included; where s is
negative, all of them are turned round. So the largest x of a window, or the smallest, is found
first, and only that is normalised: x is read once, and what is written is a window's size smaller.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, window2d
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.normalization import batch_normalization, batch_normalization_relu
from scratchnet.ops.kernels.pooling import max_pool2d


def batch_normalization_max_pool2d(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
    relu: bool = False,
) -> np.ndarray:
    """As `formulas.batch_normalization_max_pool2d`."""
    given = [array for array in (mean, variance, gamma, beta) if array is not None]
    if not (served(x, *given) and x.ndim == 4 and all(a.shape == x.shape[-1:] for a in given)):
        return formulas.batch_normalization_max_pool2d(
            x, mean, variance, gamma, beta, epsilon, pool_size, strides, padding, relu
        )
    with np.errstate(all="ignore"):
        factor = 1 / np.sqrt(variance + variance.dtype.type(epsilon))
        factor = factor if gamma is None else gamma * factor
    shift = np.zeros_like(mean) if beta is None else beta
    numbers = np.stack([mean, factor, shift]).astype(x.dtype.newbyteorder("="))
    if not (np.isfinite(numbers).all() and factor.all()):  # order may be lost
        normalize = batch_normalization_relu if relu else batch_normalization
        z = normalize(x, mean, variance, gamma, beta, epsilon)
        return max_pool2d(z, pool_size, strides, padding)
    strides = strides or pool_size
    window = window2d(x.shape[1:3], pool_size, strides, padding, (1, 1))
    y = empty((len(x), *window.output, x.shape[-1]), numbers.dtype)
    geometry = *pool_size, *strides, window.pad_rows[0], window.pad_columns[0]
    _largest(ready(x), y, *numbers, relu, *geometry)
    return y


def _normalized_max_pool2d(  # type: ignore[no-untyped-def]
    x, y, mean, factor, shift, relu, kh, kw, sh, sw, top, left
):
    images, height, width, channels = x.shape
    _, oh, ow, _ = y.shape
    one = x.dtype.type(min(channels, 1))  # see `pooling`
    x_rows, y_rows = x.reshape(images * height, -1), y.reshape(images * oh, -1)
    sign = np.sign(factor)
    signs, centers = np.empty(width * channels, x.dtype), np.empty(ow * channels, x.dtype)
    factors, shifts = np.empty_like(centers), np.empty_like(centers)
    for c in range(channels):
        signs[c::channels] = sign[c]
        # As s·(x − μ) = |s|·(x·sign − μ·sign), to the bit
        centers[c::channels], factors[c::channels] = mean[c] * sign[c], factor[c] * sign[c]
        shifts[c::channels] = shift[c]
    for row in prange(images * oh):
        n, p = divmod(np.int64(row), oh)
        # The largest of the columns first: a loop over a whole row of x, whatever the channels
        i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
        line, first = np.empty(width * channels, x.dtype), x_rows[n * height + i0]
        for k in range(len(line)):
            line[k] = first[k] * signs[k]
        for i in range(i0 + 1, i1):
            values = x_rows[n * height + i]
            for k in range(len(line)):
                value, before = values[k] * signs[k], line[k]
                line[k] = one * (before if (value <= before) | (before != before) else value)
        for q in range(ow):
            j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
            best = y_rows[row, q * channels : (q + 1) * channels]
            values = line[j0 * channels : (j0 + 1) * channels]
            for c in range(channels):
                best[c] = values[c]
            for j in range(j0 + 1, j1):
                values = line[j * channels : (j + 1) * channels]
                for c in range(channels):
                    value, before = values[c], best[c]
                    best[c] = one * (before if (value <= before) | (before != before) else value)
        outputs = y_rows[row]
        for k in range(len(centers)):
            z = (outputs[k] - centers[k]) * factors[k] + shifts[k]
            outputs[k] = 0 if relu & (z <= 0) else z


_largest = jit(_normalized_max_pool2d)
