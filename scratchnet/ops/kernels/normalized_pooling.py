"""Batch normalisation, a rectifier and max-pooling in one pass. Meaning: `ops.formulas.fused`.

    y = max over a window of f((x − μ)·s + β),     s = γ/√(σ² + ε), f the identity or max(z, 0)

None of these steps ever puts a smaller number above a larger one, rounding included; where s is
negative, all of them are turned round. So the largest x of a window, or the smallest, is found
first, and only that is normalised: x is read once, and what is written is a window's size smaller.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, window2d
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.normalization import batch_normalization, batch_normalization_relu
from scratchnet.ops.kernels.pooling import max_pool2d
from scratchnet.ops.kernels.window_blocks import NORMALIZED, pool_windows


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
    numbers = numbers_of(x.dtype, mean, variance, gamma, beta, epsilon)
    if numbers is None:
        normalize = batch_normalization_relu if relu else batch_normalization
        z = normalize(x, mean, variance, gamma, beta, epsilon)
        return max_pool2d(z, pool_size, strides, padding)
    strides = strides or pool_size
    window = window2d(x.shape[1:3], pool_size, strides, padding, (1, 1))
    y = empty((len(x), *window.output, x.shape[-1]), numbers.dtype)
    geometry = *pool_size, *strides, window.pad_rows[0], window.pad_columns[0]
    pool_windows(ready(x), y, geometry, NORMALIZED, numbers, 0 if relu else -np.inf)
    return y


def numbers_of(
    dtype: np.dtype,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> np.ndarray | None:
    """(sign of s, μ·sign, |s|, β) of each channel; None where the order of numbers may be lost."""
    gamma = np.ones_like(mean) if gamma is None else gamma
    beta = np.zeros_like(mean) if beta is None else beta
    of_channels = (ready(array) for array in (mean, variance, gamma, beta))
    numbers = np.empty((4, len(mean)), dtype.newbyteorder("="))
    ordered = _numbers(*of_channels, numbers.dtype.type(epsilon), numbers)
    return numbers if ordered else None


def _numbers_of_channels(mean, variance, gamma, beta, epsilon, numbers):  # type: ignore[no-untyped-def]
    ordered, one = True, numbers.dtype.type(1)
    for c in range(len(mean)):
        factor = gamma[c] * (one / np.sqrt(variance[c] + epsilon))
        sign = np.sign(factor)
        # As s·(x − μ) = |s|·(x·sign − μ·sign), to the bit
        numbers[0, c], numbers[1, c] = sign, mean[c] * sign
        numbers[2, c], numbers[3, c] = factor * sign, beta[c]
        finite = np.isfinite(mean[c]) & np.isfinite(factor) & np.isfinite(beta[c])
        ordered &= finite & (factor != 0)
    return ordered


_numbers = jit(_numbers_of_channels, parallel=False)
