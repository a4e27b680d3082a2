"""Rectifiers in one pass over memory. Meaning: `ops.formulas.rectifiers`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.formulas.rectifiers import SELU_ALPHA, SELU_SCALE, in_float32
from scratchnet.ops.kernels.elementary import exp, expm1
from scratchnet.ops.kernels.elementwise import of_one, of_two
from scratchnet.ops.kernels.jit import jit, served


def relu(
    x: np.ndarray,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> np.ndarray:
    """As `formulas.relu`; kernels serve a slope alone or a bound alone."""
    if threshold or (negative_slope and max_value is not None) or not served(x):
        return formulas.relu(x, negative_slope, max_value, threshold)
    if negative_slope:
        return of_one(_leaky, formulas.relu, x, in_float32(negative_slope))
    if max_value is not None:
        return of_one(_bounded, formulas.relu, x, in_float32(max_value))
    return of_one(_relu, formulas.relu, x)


def relu_backward(
    dy: np.ndarray,
    x: np.ndarray,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> np.ndarray:
    """As `formulas.relu_backward`; kernels serve a slope alone or a bound alone."""
    kernels_serve = served(dy, x) and dy.shape == x.shape
    if threshold or (negative_slope and max_value is not None) or not kernels_serve:
        return formulas.relu_backward(dy, x, negative_slope, max_value, threshold)
    if negative_slope:
        slope = in_float32(negative_slope)
        return of_two(_leaky_gradient, formulas.relu_backward, dy, x, slope)
    if max_value is not None:
        # The largest x with a gradient: the bound itself, but the number before it for ReLU6
        largest = np.nextafter(x.dtype.type(6), 0) if max_value == 6 else in_float32(max_value)
        return of_two(_bounded_gradient, formulas.relu_backward, dy, x, largest)
    return of_two(_relu_gradient, formulas.relu_backward, dy, x)


def elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """As `formulas.elu`."""
    return of_one(_elu, formulas.elu, x, alpha)


def selu(x: np.ndarray) -> np.ndarray:
    """As `formulas.selu`."""
    return of_one(_selu, formulas.selu, x)


def selu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.selu_backward`."""
    return of_two(_selu_gradient, formulas.selu_backward, dy, x)


def elu_backward(dy: np.ndarray, x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """As `formulas.elu_backward`."""
    return of_two(_elu_gradient, formulas.elu_backward, dy, x, alpha)


def _plain_relu(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = x[i] if not x[i] <= 0 else 0


def _plain_relu_gradient(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if x[i] > 0 else 0


def _leaky_relu(x, slope, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = x[i] if x[i] > 0 else slope * x[i]


def _leaky_relu_gradient(dy, x, slope, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if x[i] > 0 else slope * dy[i]


def _bounded_relu(x, largest, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = 0 if x[i] <= 0 else largest if x[i] > largest else x[i]


def _bounded_relu_gradient(dy, x, largest, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if 0 < x[i] <= largest else 0


def _exponential_below(x, alpha, y):  # type: ignore[no-untyped-def]
    zero = x.dtype.type(0)
    for i in prange(x.size):
        e = alpha * expm1(zero if x[i] > zero else x[i])
        y[i] = e if x[i] < zero else x[i]


def _gradient_of_elu(dy, x, alpha, dx):  # type: ignore[no-untyped-def]
    zero = x.dtype.type(0)
    for i in prange(x.size):
        e = dy[i] * alpha * exp(zero if x[i] > zero else x[i])
        dx[i] = dy[i] if x[i] > zero else e


def _scaled_elu(x, y):  # type: ignore[no-untyped-def]
    zero, alpha, scale = x.dtype.type(0), x.dtype.type(SELU_ALPHA), x.dtype.type(SELU_SCALE)
    for i in prange(x.size):
        e = alpha * expm1(zero if x[i] > zero else x[i])
        y[i] = scale * (e if x[i] < zero else x[i])


def _gradient_of_selu(dy, x, dx):  # type: ignore[no-untyped-def]
    zero, alpha, scale = x.dtype.type(0), x.dtype.type(SELU_ALPHA), x.dtype.type(SELU_SCALE)
    for i in prange(x.size):
        e = dy[i] * alpha * exp(zero if x[i] > zero else x[i])
        dx[i] = scale * (dy[i] if x[i] >= zero else e)


_relu = jit(_plain_relu)
_relu_gradient = jit(_plain_relu_gradient)
_leaky = jit(_leaky_relu)
_leaky_gradient = jit(_leaky_relu_gradient)
_bounded = jit(_bounded_relu)
_bounded_gradient = jit(_bounded_relu_gradient)
_elu = jit(_exponential_below)
_elu_gradient = jit(_gradient_of_elu)
_selu = jit(_scaled_elu)
_selu_gradient = jit(_gradient_of_selu)
