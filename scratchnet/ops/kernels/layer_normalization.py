"""Layer normalisation over the last axis, row by row. Meaning: `ops.formulas.layer_normalization`.

A row's sums run in float64, and those over rows over a fixed number of chunks, so they do not
depend on the threads. Any other axes go to the formula.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served
from scratchnet.ops.kernels.memory import empty


def layer_normalization(
    x: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    axes: tuple[int, ...],
    epsilon: float,
    rms_scaling: bool = False,
) -> np.ndarray:
    """As `formulas.layer_normalization`."""
    if rms_scaling or not _served(x, None, axes, gamma, beta):
        return formulas.layer_normalization(x, gamma, beta, axes, epsilon, rms_scaling)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = empty(rows.shape, rows.dtype)
    _normalize(rows, _row(gamma, rows, 1), _row(beta, rows, 0), float(epsilon), y)
    return y.reshape(x.shape)


def layer_normalization_backward(
    dy: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray | None,
    axes: tuple[int, ...],
    epsilon: float,
    rms_scaling: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `formulas.layer_normalization_backward`."""
    if rms_scaling or not _served(x, dy, axes, gamma):
        return formulas.layer_normalization_backward(dy, x, gamma, axes, epsilon, rms_scaling)
    rows, d_rows = ready(x).reshape(-1, x.shape[-1]), ready(dy).reshape(-1, x.shape[-1])
    dx = empty(rows.shape, rows.dtype)
    sums = np.zeros((CHUNKS, 2, rows.shape[1]))
    _gradients(d_rows, rows, _row(gamma, rows, 1), float(epsilon), dx, sums)
    shape = (*[1] * (x.ndim - 1), x.shape[-1])
    dgamma, dbeta = (total.reshape(shape).astype(rows.dtype) for total in sums.sum(axis=0))
    return dx.reshape(x.shape), dgamma, dbeta


def _served(
    x: np.ndarray, dy: np.ndarray | None, axes: tuple[int, ...], *weights: np.ndarray | None
) -> bool:
    """Whether it is the last axis, and all have one dtype and the shapes that belong together."""
    each = [weight for weight in weights if weight is not None]
    return (
        served(x, *each, *([] if dy is None else [dy]))
        and axes == (x.ndim - 1,)
        and all(weight.size == weight.shape[-1] == x.shape[-1] for weight in each)
        and (dy is None or dy.shape == x.shape)
    )


def _row(weight: np.ndarray | None, rows: np.ndarray, missing: float) -> np.ndarray:
    if weight is None:
        return np.full(rows.shape[1], missing, rows.dtype)
    return ready(weight).reshape(-1)


def _moments_of(row, epsilon):  # type: ignore[no-untyped-def]
    # (μ, 1/√(σ² + ε)) of one row
    n = len(row)
    mean = 0.0
    for c in range(n):
        mean += row[c]
    mean /= n
    variance = 0.0
    for c in range(n):
        variance += (row[c] - mean) ** 2
    return mean, 1 / np.sqrt(variance / n + epsilon)


def _normalize_rows(x, gamma, beta, epsilon, y):  # type: ignore[no-untyped-def]
    for r in prange(len(x)):
        mean, inverse = _moments(x[r], epsilon)
        for c in range(x.shape[1]):
            y[r, c] = (x[r, c] - mean) * inverse * gamma[c] + beta[c]


def _row_gradients(dy, x, gamma, epsilon, dx, sums):  # type: ignore[no-untyped-def]
    # dx, and sums[g] = (Σ dy·x̂, Σ dy) over the rows of chunk g
    rows, n = x.shape
    chunks = len(sums)
    for g in prange(chunks):
        for r in range(g * rows // chunks, (g + 1) * rows // chunks):
            mean, inverse = _moments(x[r], epsilon)
            total, along = 0.0, 0.0
            for c in range(n):
                x_hat = (x[r, c] - mean) * inverse
                sums[g, 0, c] += dy[r, c] * x_hat
                sums[g, 1, c] += dy[r, c]
                total += dy[r, c] * gamma[c]
                along += dy[r, c] * gamma[c] * x_hat
            for c in range(n):
                x_hat = (x[r, c] - mean) * inverse
                dx[r, c] = (dy[r, c] * gamma[c] - total / n - x_hat * along / n) * inverse


_moments = jit(_moments_of, parallel=False)
_normalize = jit(_normalize_rows)
_gradients = jit(_row_gradients)
