"""How kernels of functions of one number are called: on flat arrays, in one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops.kernels.jit import ready, served
from scratchnet.ops.kernels.memory import empty

Kernel = Callable[..., Any]
Operation = Callable[..., np.ndarray]


def of_one(kernel: Kernel, formula: Operation, x: np.ndarray, *numbers: float) -> np.ndarray:
    """y of each cell: `kernel(x, …numbers, y)`, or the formula where no kernel serves x."""
    if not served(x):
        return formula(x, *numbers)
    flat = ready(x).reshape(-1)
    y = empty(flat.shape, flat.dtype)
    kernel(flat, *(flat.dtype.type(number) for number in numbers), y)
    return y.reshape(x.shape)


def of_two(
    kernel: Kernel, formula: Operation, dy: np.ndarray, x: np.ndarray, *numbers: float
) -> np.ndarray:
    """dx of each pair of cells: `kernel(dy, x, …numbers, dx)`, or the formula."""
    if not (served(dy, x) and dy.shape == x.shape):
        return formula(dy, x, *numbers)
    flat = ready(x).reshape(-1)
    dx = empty(flat.shape, flat.dtype)
    kernel(ready(dy).reshape(-1), flat, *(flat.dtype.type(number) for number in numbers), dx)
    return dx.reshape(x.shape)
