"""Softplus in one pass over memory. Meaning: `ops.formulas.smooth_rectifiers`."""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.elementary import exp, log1p
from scratchnet.ops.kernels.elementwise import of_one, of_two
from scratchnet.ops.kernels.jit import jit


def softplus(x: np.ndarray) -> np.ndarray:
    """As `formulas.softplus`."""
    return of_one(_softplus, formulas.softplus, x)


def softplus_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.softplus_backward`."""
    return of_two(_softplus_gradient, formulas.softplus_backward, dy, x)


def _log_of_one_plus_exp(x, y):  # type: ignore[no-untyped-def]
    zero = x.dtype.type(0)
    for i in prange(x.size):
        y[i] = log1p(exp(-abs(x[i]))) + (zero if x[i] < zero else x[i])


def _times_sigmoid(dy, x, dx):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    for i in prange(x.size):
        e = exp(-abs(x[i]))
        dx[i] = dy[i] * ((e if x[i] < 0 else one) / (one + e))


_softplus = jit(_log_of_one_plus_exp)
_softplus_gradient = jit(_times_sigmoid)
