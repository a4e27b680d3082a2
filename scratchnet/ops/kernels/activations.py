"""Activations in one pass over memory. Meaning: `ops.formulas.activations`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import jit, ready, served

# NumPy computes exponentials with vector instructions that Numba does not have without SVML.
sigmoid, tanh, softmax = formulas.sigmoid, formulas.tanh, formulas.softmax
sigmoid_backward, tanh_backward = formulas.sigmoid_backward, formulas.tanh_backward
softmax_backward = formulas.softmax_backward


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
    y = np.empty_like(flat)
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
    if negative_slope or max_value is not None or threshold or not served(dy, x):
        return formulas.relu_backward(dy, x, negative_slope, max_value, threshold)
    flat = ready(x).reshape(-1)
    dx = np.empty_like(flat)
    _relu_gradient(ready(dy).reshape(-1), flat, dx)
    return dx.reshape(x.shape)


def _plain_relu(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = x[i] if not x[i] <= 0 else 0


def _plain_relu_gradient(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if x[i] > 0 else 0


_relu = jit(_plain_relu)
_relu_gradient = jit(_plain_relu_gradient)
