"""Batch normalisation in two passes over memory. Meaning: `ops.formulas.normalization`.

Sums run in float64 over a fixed number of chunks, so they do not depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served
from scratchnet.ops.kernels.linear import sum_of_rows
from scratchnet.ops.kernels.memory import empty


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.moments`."""
    if not (served(x) and x.ndim):
        return formulas.moments(x)
    cells = ready(x).reshape(-1, x.shape[-1])
    mean = sum_of_rows(cells) / len(cells)
    squares = np.zeros((CHUNKS, cells.shape[1]))
    _squares(cells, mean, squares)
    variance = squares.sum(axis=0) / len(cells)
    return mean.astype(cells.dtype), variance.astype(cells.dtype)


def batch_normalization(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    epsilon: float,
) -> np.ndarray:
    """As `formulas.batch_normalization`."""
    if not _served(x, None, mean, variance, gamma, beta):
        return formulas.batch_normalization(x, mean, variance, gamma, beta, epsilon)
    cells = ready(x).reshape(-1, x.shape[-1])
    y = empty(cells.shape, cells.dtype)
    shift = np.zeros_like(mean) if beta is None else beta
    _affine(cells, ready(mean), ready(_scale(variance, gamma, epsilon)), ready(shift), y)
    return y.reshape(x.shape)


def batch_normalization_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.batch_normalization_backward`."""
    if not _served(x, dy, mean, variance, gamma):
        return formulas.batch_normalization_backward(dy, x, mean, variance, gamma, epsilon)
    return _backward(dy, x, mean, variance, gamma, epsilon, through_statistics=True)


def batch_normalization_inference_backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.batch_normalization_inference_backward`."""
    if not _served(x, dy, mean, variance, gamma):
        return formulas.batch_normalization_inference_backward(
            dy, x, mean, variance, gamma, epsilon
        )
    return _backward(dy, x, mean, variance, gamma, epsilon, through_statistics=False)


def _backward(
    dy: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    epsilon: float,
    through_statistics: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells, d_cells = ready(x).reshape(-1, x.shape[-1]), ready(dy).reshape(-1, x.shape[-1])
    sums = np.zeros((2, CHUNKS, cells.shape[1]))
    _sums(d_cells, cells, mean.astype(np.float64), sums)
    root = np.sqrt(variance + float(epsilon))
    dbeta, dgamma = sums[0].sum(axis=0), sums[1].sum(axis=0) / root
    scale = _scale(variance, gamma, epsilon)
    # dx = scale·dy − (x − μ)·slope − constant
    m = len(cells) if through_statistics else np.inf
    slope = (scale * dgamma / root / m).astype(cells.dtype)
    constant = (scale * dbeta / m).astype(cells.dtype)
    dx = empty(d_cells.shape, d_cells.dtype)
    _input_gradient(d_cells, cells, ready(mean), ready(scale), slope, constant, dx)
    return dx.reshape(x.shape), dgamma.astype(cells.dtype), dbeta.astype(cells.dtype)


def _served(x: np.ndarray, dy: np.ndarray | None, *channels: np.ndarray | None) -> bool:
    """Whether all have one dtype that kernels are made for, and the shapes that belong together."""
    each = [array for array in channels if array is not None]
    return (
        served(x, *each, *([] if dy is None else [dy]))
        and x.ndim > 0
        and all(array.shape == x.shape[-1:] for array in each)
        and (dy is None or dy.shape == x.shape)
    )


def _scale(variance: np.ndarray, gamma: np.ndarray | None, epsilon: float) -> np.ndarray:
    """γ / √(σ² + ε)."""
    # A NumPy scalar for ε would make float32 statistics float64, a Python number does not.
    scale = 1 / np.sqrt(variance + float(epsilon))
    return scale if gamma is None else gamma * scale


def _sums_of(a, b, mean, sums):  # type: ignore[no-untyped-def]
    # sums[0] = Σ a and sums[1] = Σ a·(b − μ), for each chunk of rows and each channel
    rows, channels = a.shape
    chunks = sums.shape[1]
    for g in prange(chunks):
        for r in range(g * rows // chunks, (g + 1) * rows // chunks):
            for c in range(channels):
                sums[0, g, c] += a[r, c]
                sums[1, g, c] += a[r, c] * (b[r, c] - mean[c])


def _squared_deviations(x, mean, squares):  # type: ignore[no-untyped-def]
    rows, channels = x.shape
    chunks = squares.shape[0]
    for g in prange(chunks):
        for r in range(g * rows // chunks, (g + 1) * rows // chunks):
            for c in range(channels):
                squares[g, c] += (x[r, c] - mean[c]) ** 2


def _scale_and_shift(x, mean, scale, shift, y):  # type: ignore[no-untyped-def]
    rows, channels = x.shape
    for r in prange(rows):
        for c in range(channels):
            y[r, c] = (x[r, c] - mean[c]) * scale[c] + shift[c]


def _batch_norm_input_gradient(dy, x, mean, scale, slope, constant, dx):  # type: ignore[no-untyped-def]
    rows, channels = x.shape
    for r in prange(rows):
        for c in range(channels):
            dx[r, c] = scale[c] * dy[r, c] - (x[r, c] - mean[c]) * slope[c] - constant[c]


_sums = jit(_sums_of)
_squares = jit(_squared_deviations)
_affine = jit(_scale_and_shift)
_input_gradient = jit(_batch_norm_input_gradient)
