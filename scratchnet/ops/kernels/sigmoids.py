"""S-curves in one pass over memory. Meaning: `ops.formulas.sigmoids`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels import elementary
from scratchnet.ops.kernels.elementwise import of_one, of_two
from scratchnet.ops.kernels.jit import jit


def tanh(x: np.ndarray) -> np.ndarray:
    """As `formulas.tanh`."""
    return of_one(_tanh, formulas.tanh, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """As `formulas.sigmoid`."""
    return of_one(_sigmoid, formulas.sigmoid, x)


def sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As `formulas.sigmoid_backward`."""
    return of_two(_sigmoid_gradient, formulas.sigmoid_backward, dy, y)


def tanh_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As `formulas.tanh_backward`."""
    return of_two(_tanh_gradient, formulas.tanh_backward, dy, y)


def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_sigmoid`."""
    return of_one(_hard_sigmoid, formulas.hard_sigmoid, x)


def hard_sigmoid_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_sigmoid_backward`."""
    return of_two(_hard_sigmoid_gradient, formulas.hard_sigmoid_backward, dy, x)


def hard_tanh(x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_tanh`."""
    return of_one(_hard_tanh, formulas.hard_tanh, x)


def hard_tanh_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_tanh_backward`."""
    return of_two(_hard_tanh_gradient, formulas.hard_tanh_backward, dy, x)


def _stable_sigmoid(x, y):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    for i in prange(x.size):
        e = elementary.exp(-abs(x[i]))
        y[i] = (e if x[i] < 0 else one) / (one + e)


def _gradient_of_sigmoid(dy, y, dx):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


def _hyperbolic_tangent(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = elementary.tanh(x[i])


def _gradient_of_tanh(dy, y, dx):  # type: ignore[no-untyped-def]
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


def _three_pieces(x, y):  # type: ignore[no-untyped-def]
    three, six = x.dtype.type(3), x.dtype.type(6)
    for i in prange(x.size):
        t = x[i] + three
        y[i] = (0 if t < 0 else six if t > six else t) / six


def _slope_of_three_pieces(dy, x, dx):  # type: ignore[no-untyped-def]
    six = x.dtype.type(6)
    for i in prange(x.size):
        dx[i] = dy[i] / six if -3 < x[i] < 3 else 0


def _between_one_and_minus_one(x, y):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    for i in prange(x.size):
        y[i] = -one if x[i] < -one else one if x[i] > one else x[i]


def _gradient_of_hard_tanh(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        dx[i] = dy[i] if abs(x[i]) <= 1 else 0


_sigmoid = jit(_stable_sigmoid)
_sigmoid_gradient = jit(_gradient_of_sigmoid)
_tanh = jit(_hyperbolic_tangent)
_tanh_gradient = jit(_gradient_of_tanh)
_hard_sigmoid = jit(_three_pieces)
_hard_sigmoid_gradient = jit(_slope_of_three_pieces)
_hard_tanh = jit(_between_one_and_minus_one)
_hard_tanh_gradient = jit(_gradient_of_hard_tanh)
