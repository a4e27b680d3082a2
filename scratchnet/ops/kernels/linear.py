"""Dense and bias, and a rectifier behind it. Meaning: `ops.formulas.linear` and `fused`.

Forward, many rows are the cells of images, which a convolution of 1×1 multiplies
(`ops.kernels.correlation`). Few rows, and the gradients, are products of BLAS. It could share one
product out among threads of its own, but those would compete for the cores with Numba's, which keep
spinning for a while after each loop: 8 ms instead of 0.4 for a product of (64, 1600) and
(1600, 128) on two cores. So the parts of a product are Numba's, one core each.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.biased import ACTIVATIONS, LINEAR, TANH, add_bias
from scratchnet.ops.kernels.correlation import correlate
from scratchnet.ops.kernels.jit import CHUNKS, jit, one_blas_thread, ready, served
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.patches import View
from scratchnet.ops.kernels.products import multiply_into
from scratchnet.ops.kernels.reductions import LANES, add_lanes, repeated, sum_cells

_PARTS = 4  # of a matrix along an axis, at most: each part reads the other matrix anew
_COLUMNS = 64  # of a part at least
_ROWS = 256
_BLOCKS_FROM = 32  # rows; for fewer it does not pay to pack the kernel


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """As `formulas.dense`. 2·N·I·O FLOPs for N rows."""
    if not _dense_served(x, kernel):
        return formulas.dense(x, kernel)
    return _forward(x, kernel)


def dense_bias(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, activation: str = "linear"
) -> np.ndarray:
    """As `formulas.dense_bias`; the bias is added to a tile of y before that leaves the cache."""
    if not (_dense_served(x, kernel) and served(x, bias) and bias.shape == kernel.shape[1:]):
        return formulas.dense_bias(x, kernel, bias, activation)
    return _forward(x, kernel, ready(bias), activation)


def _dense_served(x: np.ndarray, kernel: np.ndarray) -> bool:
    return served(x, kernel) and kernel.ndim == 2 and x.shape[-1:] == kernel.shape[:1]


def _forward(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    activation: str = "linear",
) -> np.ndarray:
    rows, kernel = ready(x).reshape(-1, len(kernel)), ready(kernel)
    outputs = kernel.shape[1]
    y = empty((len(rows), outputs), rows.dtype)
    if len(rows) >= _BLOCKS_FROM:
        # Few enough are one line, so that they stay together and read the kernel once
        columns = len(rows) if len(rows) <= _ROWS else 1
        cells, y_cells = (a.reshape(-1, 1, columns, a.shape[1]) for a in (rows, y))
        view = View((1, columns), (1, 1), (0,), (0,))
        correlate(cells, kernel[None, None], y_cells, view, bias=bias, activation=activation)
    else:
        # The columns of y are shared out among threads
        with one_blas_thread():
            _product(rows, kernel, y, _parts(outputs, _COLUMNS))
        if bias is not None:
            _add(y.reshape(-1), bias, ACTIVATIONS[activation], y.reshape(-1))
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
    inputs = _parts(len(kernel), _COLUMNS)
    with one_blas_thread():
        _input_gradient(d_rows, ready(kernel), dx, _parts(len(rows), _ROWS), inputs)
        _kernel_gradient(rows, d_rows, dkernel, inputs, _parts(dkernel.shape[1], _ROWS))
    return dx.reshape(x.shape), dkernel


def _parts(size: int, least: int) -> int:
    """A power of two, so that two or four threads have equal shares."""
    parts = 1
    while parts < _PARTS and size >= 2 * parts * least:
        parts *= 2
    return parts


def bias_add(x: np.ndarray, bias: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As `formulas.bias_add`."""
    if not _bias_served(x, bias, out):
        return formulas.bias_add(x, bias, out)
    return _add_bias(x, bias, out, LINEAR)


def bias_add_activation(
    x: np.ndarray, bias: np.ndarray, activation: str = "linear", out: np.ndarray | None = None
) -> np.ndarray:
    """As `formulas.bias_add_activation`."""
    if not _bias_served(x, bias, out):
        return formulas.bias_add_activation(x, bias, activation, out)
    return _add_bias(x, bias, out, ACTIVATIONS[activation])


def _bias_served(x: np.ndarray, bias: np.ndarray, out: np.ndarray | None) -> bool:
    return (
        served(x, bias)
        and x.ndim > 0
        and bias.shape == x.shape[-1:]
        and (out is None or (out.shape == x.shape and out.dtype == x.dtype and ready(out) is out))
    )


def _add_bias(x: np.ndarray, bias: np.ndarray, out: np.ndarray | None, kind: int) -> np.ndarray:
    cells = ready(x).reshape(-1)
    y = empty(x.shape, cells.dtype) if out is None else out
    _add(cells, ready(bias), kind, y.reshape(-1))
    return y


def bias_add_backward(dy: np.ndarray) -> np.ndarray:
    """As `formulas.bias_add_backward`."""
    if not (served(dy) and dy.ndim):
        return formulas.bias_add_backward(dy)
    rows = ready(dy).reshape(-1, dy.shape[-1])
    return sum_of_rows(rows).astype(rows.dtype)


def bias_add_activation_backward(
    dy: np.ndarray, y: np.ndarray, activation: str = "linear"
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.bias_add_activation_backward`."""
    if not (served(dy, y) and dy.ndim and dy.shape == y.shape):
        return formulas.bias_add_activation_backward(dy, y, activation)
    if activation == "linear":
        return dy, bias_add_backward(dy)
    cells, kind = ready(dy).reshape(-1), ACTIVATIONS[activation]
    dx, partial = empty(dy.shape, cells.dtype), np.zeros((CHUNKS, dy.shape[-1]))
    _backward_and_sum(cells, ready(y).reshape(-1), kind, dx.reshape(-1), partial)
    return dx, partial.sum(axis=0).astype(cells.dtype)


def sum_of_rows(rows: np.ndarray) -> np.ndarray:
    """Σ over the rows of a matrix in float64: partial sums of a fixed number of chunks."""
    partial = np.zeros((CHUNKS, rows.shape[1]))
    _sum(rows.reshape(-1), partial)
    return partial.sum(axis=0)


def _rows_times_matrix(x, w, y, parts):  # type: ignore[no-untyped-def]
    for q in prange(parts):
        left, right = q * y.shape[1] // parts, (q + 1) * y.shape[1] // parts
        multiply_into(x, w[:, left:right], y[:, left:right])


def _rows_times_turned_matrix(dy, w, dx, parts, columns):  # type: ignore[no-untyped-def]
    for g in prange(parts * columns):
        p, q = g // columns, g % columns
        first, end = p * len(dy) // parts, (p + 1) * len(dy) // parts
        left, right = q * len(w) // columns, (q + 1) * len(w) // columns
        multiply_into(dy[first:end], w[left:right].T, dx[first:end, left:right])


def _turned_rows_times_matrix(x, dy, dkernel, parts, columns):  # type: ignore[no-untyped-def]
    inputs, outputs = dkernel.shape
    for g in prange(parts * columns):
        p, q = g // columns, g % columns
        first, end = p * inputs // parts, (p + 1) * inputs // parts
        left, right = q * outputs // columns, (q + 1) * outputs // columns
        multiply_into(x[:, first:end].T, dy[:, left:right], dkernel[first:end, left:right])


def _add_to_rows(x, bias, activation, y):  # type: ignore[no-untyped-def]
    rows = len(x) // len(bias)
    for g in prange(CHUNKS):
        first, end = g * rows // CHUNKS * len(bias), (g + 1) * rows // CHUNKS * len(bias)
        more = repeated(bias, x)
        for start in range(first, end, len(more)):
            row = x[start : min(end, start + len(more))]
            into = y[start : start + len(row)]
            for k in range(len(row)):
                into[k] = row[k]
            add_bias(into, more, activation)


def _activation_backward_and_sum(dy, y, activation, dx, partial):  # type: ignore[no-untyped-def]
    # dx, and its sums
    one = dy.dtype.type(1)
    chunks, channels = partial.shape
    rows, width = len(dy) // channels, max(1, LANES // channels) * channels
    for g in prange(chunks):
        first, end = g * rows // chunks * channels, (g + 1) * rows // chunks * channels
        lanes = np.zeros(width)
        for start in range(first, end, width):
            row, d_row = y[start : min(end, start + width)], dy[start : start + width]
            into = dx[start : start + width]
            if activation == TANH:
                for k in range(len(row)):
                    into[k] = d_row[k] * (one - row[k] * row[k])
            else:
                for k in range(len(row)):
                    into[k] = d_row[k] if row[k] > 0 else 0
            for k in range(len(row)):
                lanes[k] += into[k]
        add_lanes(lanes, partial[g])


def _sum_rows(dy, partial):  # type: ignore[no-untyped-def]
    chunks, channels = partial.shape
    rows = len(dy) // channels
    for g in prange(chunks):
        first, end = g * rows // chunks, (g + 1) * rows // chunks
        sum_cells(dy[first * channels : end * channels], partial[g])


_product = jit(_rows_times_matrix, work=4)
_input_gradient = jit(_rows_times_turned_matrix, work=4)
_kernel_gradient = jit(_turned_rows_times_matrix, work=4)
_add = jit(_add_to_rows)
_backward_and_sum = jit(_activation_backward_and_sum)
_sum = jit(_sum_rows)
