"""Softmax, row by row. Meaning: `ops.formulas.distributions`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.formulas.distributions import Axis
from scratchnet.ops.kernels.compilation import compiled
from scratchnet.ops.kernels.elementary import exp
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.reductions import LANES, largest_cells

_SOME = 16  # of a long row, the largest that are found together


def softmax(x: np.ndarray, axis: Axis = -1) -> np.ndarray:
    """As `formulas.softmax`; the kernel serves the last axis."""
    if not served(x) or axis not in (-1, x.ndim - 1):
        return formulas.softmax(x, axis)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = empty(rows.shape, rows.dtype)
    _softmax(rows, y)
    return y.reshape(x.shape)


def log_softmax(x: np.ndarray, axis: Axis = -1) -> np.ndarray:
    """As `formulas.log_softmax`; the kernel serves the last axis."""
    if not served(x) or axis not in (-1, x.ndim - 1):
        return formulas.log_softmax(x, axis)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = empty(rows.shape, rows.dtype)
    _log_softmax(rows, y)
    return y.reshape(x.shape)


def softmax_backward(dy: np.ndarray, y: np.ndarray, axis: Axis = -1) -> np.ndarray:
    """As `formulas.softmax_backward`; the kernel serves the last axis."""
    if not (served(dy, y) and dy.shape == y.shape) or axis not in (-1, y.ndim - 1):
        return formulas.softmax_backward(dy, y, axis)
    rows, d_rows = (ready(array).reshape(-1, y.shape[-1]) for array in (y, dy))
    dx = empty(rows.shape, rows.dtype)
    _softmax_gradient(d_rows, rows, dx)
    return dx.reshape(y.shape)


def _largest_one_by_one(x):  # type: ignore[no-untyped-def]
    # NaN where one is
    largest = x[0]
    for value in x:
        largest = value if (value > largest) | (value != value) else largest
    return largest


_largest_of_few = jit(_largest_one_by_one, parallel=False)


def _largest(x):  # type: ignore[no-untyped-def]
    if len(x) < LANES:
        return _largest_of_few(x)
    best = np.empty(_SOME, x.dtype)
    largest_cells(x, best)
    return _largest_of_few(best)


def _exponentials(x, largest, y):  # type: ignore[no-untyped-def]
    # y_c = e^{x_c − m}; gives Σ y_c
    total = x.dtype.type(0)
    for c in range(len(x)):
        y[c] = exp(x[c] - largest)
    for c in range(len(x)):
        total += y[c]
    return total


def _products(a, b):  # type: ignore[no-untyped-def]
    # Σ a_c·b_c
    total = a.dtype.type(0)
    for c in range(len(a)):
        total += a[c] * b[c]
    return total


_largest_of = jit(_largest, parallel=False)
# In a sum the order may change, so that several terms are added at a time; nothing else may.
_exponentials_of, _sum_of_products = (
    compiled(function, fastmath={"reassoc"}, error_model="numpy")
    for function in (_exponentials, _products)
)


def _softmax_of_rows(x, y):  # type: ignore[no-untyped-def]
    rows, columns = x.shape
    for r in prange(rows):
        row = y[r]
        total = _exponentials_of(x[r], _largest_of(x[r]), row)
        for c in range(columns):
            row[c] /= total


def _log_softmax_of_rows(x, y):  # type: ignore[no-untyped-def]
    rows, columns = x.shape
    for r in prange(rows):
        largest = _largest_of(x[r])
        logarithm = np.log(_exponentials_of(x[r], largest, y[r]))
        for c in range(columns):
            y[r, c] = (x[r, c] - largest) - logarithm


def _gradient_of_softmax(dy, y, dx):  # type: ignore[no-untyped-def]
    rows, columns = y.shape
    for r in prange(rows):
        total = _sum_of_products(dy[r], y[r])
        for c in range(columns):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


_softmax = jit(_softmax_of_rows, work=4)
_log_softmax = jit(_log_softmax_of_rows, work=4)
_softmax_gradient = jit(_gradient_of_softmax)
