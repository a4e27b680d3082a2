"""Dense and bias. Meaning: `ops.formulas.linear`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served

# A matrix product is one call of BLAS, on all cores, in the formula already.
dense, dense_backward = formulas.dense, formulas.dense_backward


def bias_add(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """As `formulas.bias_add`."""
    if not (served(x, bias) and x.ndim and bias.shape == x.shape[-1:]):
        return formulas.bias_add(x, bias)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = np.empty_like(rows)
    _add(rows, ready(bias), y)
    return y.reshape(x.shape)


def bias_add_backward(dy: np.ndarray) -> np.ndarray:
    """As `formulas.bias_add_backward`."""
    if not (served(dy) and dy.ndim):
        return formulas.bias_add_backward(dy)
    rows = ready(dy).reshape(-1, dy.shape[-1])
    return sum_of_rows(rows).astype(rows.dtype)


def sum_of_rows(rows: np.ndarray) -> np.ndarray:
    """Σ over the rows of a matrix in float64: partial sums of a fixed number of chunks."""
    partial = np.zeros((CHUNKS, rows.shape[1]))
    _sum(rows, partial)
    return partial.sum(axis=0)


def _add_rows(x, bias, y):  # type: ignore[no-untyped-def]
    rows, channels = x.shape
    for r in prange(rows):
        for c in range(channels):
            y[r, c] = x[r, c] + bias[c]


def _sum_rows(dy, partial):  # type: ignore[no-untyped-def]
    rows, channels = dy.shape
    chunks = partial.shape[0]
    for g in prange(chunks):
        for r in range(g * rows // chunks, (g + 1) * rows // chunks):
            for c in range(channels):
                partial[g, c] += dy[r, c]


_add = jit(_add_rows)
_sum = jit(_sum_rows)
