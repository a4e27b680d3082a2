"""Activations in one pass over memory. Meaning: `ops.formulas`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty

# NumPy's tanh uses vector instructions that Numba's does not: four times as fast on two cores.
tanh = formulas.tanh


def relu(
    x: np.ndarray,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> np.ndarray:
    """As `formulas.relu`; only the plain ReLU has a kernel."""
    if negative_slope or max_value is not None or threshold or not served(x):
        return formulas.relu(x, negative_slope, max_value, threshold)
    flat = ready(x).reshape(-1)
    y = empty(flat.shape, flat.dtype)
    _relu(flat, y)
    return y.reshape(x.shape)


def relu_backward(
    dy: np.ndarray,
    x: np.ndarray,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> np.ndarray:
    """As `formulas.relu_backward`; only the plain ReLU has a kernel."""
    plain = not (negative_slope or max_value is not None or threshold)
    if not (plain and served(dy, x) and dy.shape == x.shape):
        return formulas.relu_backward(dy, x, negative_slope, max_value, threshold)
    return _of_two(_relu_gradient, dy, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """As `formulas.sigmoid`."""
    if not served(x):
        return formulas.sigmoid(x)
    flat = ready(x).reshape(-1)
    y = empty(flat.shape, flat.dtype)
    _sigmoid(flat, y)
    return y.reshape(x.shape)


def sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As `formulas.sigmoid_backward`."""
    if not (served(dy, y) and dy.shape == y.shape):
        return formulas.sigmoid_backward(dy, y)
    return _of_two(_sigmoid_gradient, dy, y)


def tanh_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As `formulas.tanh_backward`."""
    if not (served(dy, y) and dy.shape == y.shape):
        return formulas.tanh_backward(dy, y)
    return _of_two(_tanh_gradient, dy, y)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """As `formulas.softmax`; the kernel serves the last axis."""
    if not served(x) or axis not in (-1, x.ndim - 1):
        return formulas.softmax(x, axis)
    rows = ready(x).reshape(-1, x.shape[-1])
    y = empty(rows.shape, rows.dtype)
    _softmax(rows, y)
    return y.reshape(x.shape)


def softmax_backward(dy: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """As `formulas.softmax_backward`; the kernel serves the last axis."""
    if not (served(dy, y) and dy.shape == y.shape) or axis not in (-1, y.ndim - 1):
        return formulas.softmax_backward(dy, y, axis)
    rows, d_rows = (ready(array).reshape(-1, y.shape[-1]) for array in (y, dy))
    dx = empty(rows.shape, rows.dtype)
    _softmax_gradient(d_rows, rows, dx)
    return dx.reshape(y.shape)


def _of_two(kernel, dy: np.ndarray, other: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The kernel of each pair of cells."""
    flat = ready(other).reshape(-1)
    dx = empty(flat.shape, flat.dtype)
    kernel(ready(dy).reshape(-1), flat, dx)
    return dx.reshape(other.shape)


def _plain_relu(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = x[i] if not x[i] <= 0 else 0


def _plain_relu_gradient(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if x[i] > 0 else 0


def _stable_sigmoid(x, y):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    for i in prange(x.size):
        e = np.exp(-abs(x[i]))
        y[i] = (e if x[i] < 0 else one) / (one + e)


def _gradient_of_sigmoid(dy, y, dx):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


def _gradient_of_tanh(dy, y, dx):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


def _softmax_of_rows(x, y):  # type: ignore[no-untyped-def]
    rows, columns = x.shape
    for r in prange(rows):
        largest = x[r, 0]
        for c in range(columns):
            largest = max(largest, x[r, c])
        total = x.dtype.type(0)
        for c in range(columns):
            y[r, c] = np.exp(x[r, c] - largest)
            total += y[r, c]
        for c in range(columns):
            y[r, c] /= total


def _gradient_of_softmax(dy, y, dx):  # type: ignore[no-untyped-def]
    rows, columns = y.shape
    for r in prange(rows):
        total = y.dtype.type(0)
        for c in range(columns):
            total += dy[r, c] * y[r, c]
        for c in range(columns):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


_relu = jit(_plain_relu)
_relu_gradient = jit(_plain_relu_gradient)
_sigmoid = jit(_stable_sigmoid)
_sigmoid_gradient = jit(_gradient_of_sigmoid)
_tanh_gradient = jit(_gradient_of_tanh)
_softmax = jit(_softmax_of_rows)
_softmax_gradient = jit(_gradient_of_softmax)
