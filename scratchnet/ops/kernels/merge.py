"""Sums of arrays in one pass over memory. Meaning: `ops.formulas.merge` and `fused`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty


def add(xs: Sequence[np.ndarray]) -> np.ndarray:
    """As `formulas.add`; the kernel serves arrays of one shape."""
    return _summed(xs, relu=False) if _addable(xs) else formulas.add(xs)


def add_relu(xs: Sequence[np.ndarray]) -> np.ndarray:
    """As `formulas.add_relu`; the kernel serves arrays of one shape."""
    return _summed(xs, relu=True) if _addable(xs) else formulas.add_relu(xs)


def _addable(xs: Sequence[np.ndarray]) -> bool:
    return len(xs) > 1 and served(*xs) and all(x.shape == xs[0].shape for x in xs)


def _summed(xs: Sequence[np.ndarray], relu: bool) -> np.ndarray:
    total = ready(xs[0]).reshape(-1)
    for i, x in enumerate(xs[1:], 2):
        y = empty(total.shape, total.dtype)
        _add(total, ready(x).reshape(-1), relu and i == len(xs), y)
        total = y
    return total.reshape(xs[0].shape)


def _sum_of_two(a, b, relu, y):  # type: ignore[no-untyped-def]
    for i in prange(a.size):
        z = a[i] + b[i]
        y[i] = 0 if relu & (z <= 0) else z


_add = jit(_sum_of_two)
