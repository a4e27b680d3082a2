"""Softplus in one pass over memory. Meaning: `ops.formulas.smooth_rectifiers`."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.elementwise import of_one, of_two
from scratchnet.ops.kernels.jit import jit


def softplus(x: np.ndarray) -> np.ndarray:
    """As `formulas.softplus`."""
    return of_one(_softplus, formulas.softplus, x)


def softplus_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.softplus_backward`."""
    return of_two(_softplus_gradient, formulas.softplus_backward, dy, x)


# In float64 for float32 too, which costs no more and rounds once.


def _log_of_one_plus_exp(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        y[i] = math.log1p(math.exp(-abs(v))) + (v if v > 0 else 0.0)


def _times_sigmoid(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        e = math.exp(-abs(v))
        dx[i] = dy[i] * (e if v < 0 else 1.0) / (1.0 + e)


_softplus = jit(_log_of_one_plus_exp)
_softplus_gradient = jit(_times_sigmoid)
