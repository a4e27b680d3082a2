"""Gates in one pass over memory. Meaning: `ops.formulas.gates`.

Most compute in float64 for float32 too: their terms cancel somewhere, and so they round once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.formulas.gates import GELU_CUBIC, SQRT_HALF, SQRT_TWO_OVER_PI
from scratchnet.ops.kernels import elementary
from scratchnet.ops.kernels.elementary import exp, normal
from scratchnet.ops.kernels.elementwise import of_one, of_two
from scratchnet.ops.kernels.jit import jit


def silu(x: np.ndarray) -> np.ndarray:
    """As `formulas.silu`."""
    return of_one(_silu, formulas.silu, x)


def silu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.silu_backward`."""
    return of_two(_silu_gradient, formulas.silu_backward, dy, x)


def hard_silu(x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_silu`."""
    return of_one(_hard_silu, formulas.hard_silu, x)


def hard_silu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As `formulas.hard_silu_backward`."""
    return of_two(_hard_silu_gradient, formulas.hard_silu_backward, dy, x)


def gelu(x: np.ndarray, approximate: bool = False) -> np.ndarray:
    """As `formulas.gelu`."""
    if approximate:
        return of_one(_approximate_gelu, _approximate_formula, x)
    return of_one(_gelu, formulas.gelu, x)


def gelu_backward(dy: np.ndarray, x: np.ndarray, approximate: bool = False) -> np.ndarray:
    """As `formulas.gelu_backward`."""
    if approximate:
        return of_two(_approximate_gelu_gradient, _approximate_formula_backward, dy, x)
    return of_two(_gelu_gradient, formulas.gelu_backward, dy, x)


def _approximate_formula(x: np.ndarray) -> np.ndarray:
    return formulas.gelu(x, approximate=True)


def _approximate_formula_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return formulas.gelu_backward(dy, x, approximate=True)


def _x_times_sigmoid(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = elementary.silu(x[i])


def _gradient_of_silu(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        e = exp(-abs(v))
        s = (e if v < 0 else 1.0) / (1.0 + e)
        dx[i] = dy[i] * s * (1.0 + v * (1.0 - s))


def _x_times_three_pieces(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        t = v + 3.0
        y[i] = v * (0.0 if t < 0.0 else 6.0 if t > 6.0 else t) / 6.0


def _gradient_of_hard_silu(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        # (x + 3)/6 + x/6 between the kinks
        dx[i] = dy[i] * (0.0 if v <= -3.0 else 1.0 if v >= 3.0 else (2.0 * v + 3.0) / 6.0)


def _x_times_normal_cdf(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        cdf, _ = normal(x[i])
        y[i] = x[i] * cdf


def _gradient_of_gelu(dy, x, dx):  # type: ignore[no-untyped-def]
    scale = SQRT_HALF / math.sqrt(math.pi)
    for i in prange(x.size):
        cdf, density = normal(x[i])
        dx[i] = dy[i] * (cdf + x[i] * density * scale)


def _x_times_sigmoid_of_cubic(x, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        u = 2.0 * SQRT_TWO_OVER_PI * (v + GELU_CUBIC * v * v * v)
        e = exp(-abs(u))
        y[i] = v * (e if u < 0 else 1.0) / (1.0 + e)


def _gradient_of_approximate_gelu(dy, x, dx):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        v = np.float64(x[i])
        u = 2.0 * SQRT_TWO_OVER_PI * (v + GELU_CUBIC * v * v * v)
        du = 2.0 * SQRT_TWO_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * v * v)
        e = exp(-abs(u))
        s = (e if u < 0 else 1.0) / (1.0 + e)
        dx[i] = dy[i] * (s + v * s * (1.0 - s) * du)


_silu = jit(_x_times_sigmoid)
_silu_gradient = jit(_gradient_of_silu)
_hard_silu = jit(_x_times_three_pieces)
_hard_silu_gradient = jit(_gradient_of_hard_silu)
_gelu = jit(_x_times_normal_cdf)
_gelu_gradient = jit(_gradient_of_gelu)
_approximate_gelu = jit(_x_times_sigmoid_of_cubic)
_approximate_gelu_gradient = jit(_gradient_of_approximate_gelu)
