"""Sums of arrays in one pass over memory. Meaning: `ops.formulas.merge`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty


def add(xs: Sequence[np.ndarray]) -> np.ndarray:
    """As `formulas.add`; the kernel serves arrays of one shape."""
    first, *others = xs
    if not others or not served(*xs) or any(x.shape != first.shape for x in others):
        return formulas.add(xs)
    total = ready(first).reshape(-1)
    for x in others:
        y = empty(total.shape, total.dtype)
        _add(total, ready(x).reshape(-1), y)
        total = y
    return total.reshape(first.shape)


def _sum_of_two(a, b, y):  # type: ignore[no-untyped-def]
    for i in prange(a.size):
        y[i] = a[i] + b[i]


_add = jit(_sum_of_two)
