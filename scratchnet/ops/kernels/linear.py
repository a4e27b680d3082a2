"""Dense and bias. Meaning: `ops.formulas.linear`.

BLAS could share one product out among threads of its own, but those would compete for the cores
with Numba's, which keep spinning for a while after each loop: 8 ms instead of 0.4 for a product
of (64, 1600) and (1600, 128) on two cores. So the parts of a product are Numba's, one core each.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import CHUNKS, jit, one_blas_thread, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.reductions import sum_cells

_ROWS = 64  # of a part at least: fewer, and packing the other matrix costs more than the product
_TERMS = 256  # of a sum in a part at least
_COLUMNS = 64  # of a part at least


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """As `formulas.dense`. 2·N·I·O FLOPs for N rows.

    Many rows are cut into parts. Of few rows the sums are cut, so that no two threads read the same
    weights: parts of x·W are products of some columns of x with the same rows of W, and added up.
    """
    if not (served(x, kernel) and kernel.ndim == 2 and x.shape[-1:] == kernel.shape[:1]):
        return formulas.dense(x, kernel)
    rows, inputs, outputs = ready(x).reshape(-1, len(kernel)), *kernel.shape
    y = empty((len(rows), outputs), rows.dtype)
    sums = _parts(inputs, _TERMS)
    with one_blas_thread():
        if sums == 1 or _are_many(rows):
            _product(rows, ready(kernel), y, _parts(len(rows), _ROWS))
        else:
            partial = empty((sums, *y.shape), rows.dtype)
            _partial_products(rows, ready(kernel), partial)
            np.sum(partial, axis=0, out=y)
    return y.reshape(*x.shape[:-1], outputs)


def dense_backward(
    dy: np.ndarray, x: np.ndarray, kernel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.dense_backward`. 4·N·I·O FLOPs for N rows."""
    fits = x.shape[-1:] == kernel.shape[:1] and dy.shape == (*x.shape[:-1], kernel.shape[1])
    if not (served(dy, x, kernel) and fits):
        return formulas.dense_backward(dy, x, kernel)
    rows, d_rows = ready(x).reshape(-1, len(kernel)), ready(dy).reshape(-1, kernel.shape[1])
    dx, dkernel = empty(rows.shape, rows.dtype), empty(kernel.shape, rows.dtype)
    columns = _parts(len(kernel), _COLUMNS)
    with one_blas_thread():
        if columns == 1 or _are_many(rows):
            _input_gradient(d_rows, ready(kernel), dx, _parts(len(rows), _ROWS))
        else:
            _input_gradient_by_columns(d_rows, ready(kernel), dx, columns)
        _kernel_gradient(rows, d_rows, dkernel, _parts(len(kernel), _COLUMNS // 2))
    return dx.reshape(x.shape), dkernel


def _parts(size: int, least: int) -> int:
    """A power of two, so that two or four threads have equal shares."""
    parts = 1
    while parts < CHUNKS and size >= 2 * parts * least:
        parts *= 2
    return parts


def _are_many(rows: np.ndarray) -> bool:
    return len(rows) >= 4 * _ROWS


def bias_add(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """As `formulas.bias_add`."""
    if not (served(x, bias) and x.ndim and bias.shape == x.shape[-1:]):
        return formulas.bias_add(x, bias)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = empty(rows.shape, rows.dtype)
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
    _sum(rows.reshape(-1), partial)
    return partial.sum(axis=0)


def _rows_times_matrix(a, b, y, parts):  # type: ignore[no-untyped-def]
    rows = len(a)
    for g in prange(parts):
        first, end = g * rows // parts, (g + 1) * rows // parts
        np.dot(a[first:end], b, y[first:end])


def _products_of_terms(x, w, partial):  # type: ignore[no-untyped-def]
    parts, inputs = len(partial), len(w)
    for g in prange(parts):
        first, end = g * inputs // parts, (g + 1) * inputs // parts
        np.dot(np.ascontiguousarray(x[:, first:end]), w[first:end], partial[g])


def _dense_input_gradient(dy, w, dx, parts):  # type: ignore[no-untyped-def]
    rows = len(dy)
    for g in prange(parts):
        first, end = g * rows // parts, (g + 1) * rows // parts
        np.dot(dy[first:end], w.T, dx[first:end])


def _dense_input_gradient_by_columns(dy, w, dx, parts):  # type: ignore[no-untyped-def]
    inputs = len(w)
    for g in prange(parts):
        first, end = g * inputs // parts, (g + 1) * inputs // parts
        dx[:, first:end] = np.dot(w[first:end], dy.T).T


def _dense_kernel_gradient(x, dy, dkernel, parts):  # type: ignore[no-untyped-def]
    inputs = x.shape[1]
    for g in prange(parts):
        first, end = g * inputs // parts, (g + 1) * inputs // parts
        columns = np.ascontiguousarray(x[:, first:end])
        np.dot(columns.T, dy, dkernel[first:end])


def _add_rows(x, bias, y):  # type: ignore[no-untyped-def]
    rows, channels = x.shape
    for r in prange(rows):
        for c in range(channels):
            y[r, c] = x[r, c] + bias[c]


def _sum_rows(dy, partial):  # type: ignore[no-untyped-def]
    chunks, channels = partial.shape
    rows = len(dy) // channels
    for g in prange(chunks):
        first, end = g * rows // chunks, (g + 1) * rows // chunks
        sum_cells(dy[first * channels : end * channels], partial[g])


_product = jit(_rows_times_matrix, work=4)
_partial_products = jit(_products_of_terms, work=4)
_input_gradient = jit(_dense_input_gradient, work=4)
_input_gradient_by_columns = jit(_dense_input_gradient_by_columns, work=4)
_kernel_gradient = jit(_dense_kernel_gradient, work=4)
_add = jit(_add_rows)
_sum = jit(_sum_rows)
