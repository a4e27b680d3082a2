"""Shrinkage: what is small becomes 0.

    hard_shrink  y = x where |x| > t, else 0                     ∂y/∂x = 1 where |x| > t, else 0
    soft_shrink  y = x − t above t, x + t below −t, else 0       ∂y/∂x = 1 where |x| > t, else 0
    tanh_shrink  y = x − tanh(x)                                 ∂y/∂x = tanh²(x)
    threshold    y = x where x > t, else a given value           ∂y/∂x = 1 where x > t, else 0

Sources: Donoho, "De-noising by soft-thresholding" (1995), the first two; keras/src/backend/
tensorflow/nn.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "*shape"]


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """y = x where |x| > threshold, else 0; NaN becomes 0."""
    return np.where(np.abs(x) > threshold, x, 0)


def hard_shrink_backward(dy: Array, x: Array, threshold: float = 0.5) -> Array:
    """∂L/∂x = dy where |x| > threshold, else 0."""
    return np.where(np.abs(x) > threshold, dy, 0)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """y = x − threshold where x > threshold, x + threshold where x < −threshold, else 0."""
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, 0))


def soft_shrink_backward(dy: Array, x: Array, threshold: float = 0.5) -> Array:
    """∂L/∂x = dy where |x| > threshold, else 0."""
    return np.where((x > threshold) | (x < -threshold), dy, 0)


def tanh_shrink(x: Array) -> Array:
    """y = x − tanh(x); below |x| = 0.1 the two cancel, and y ≈ x³/3 loses digits, as in Keras."""
    return x - np.tanh(x)


def tanh_shrink_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · tanh²(x)."""
    return dy * np.square(np.tanh(x))


def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """y = x where x > threshold, else default_value."""
    return np.where(x > threshold, x, default_value)


def threshold_backward(dy: Array, x: Array, threshold: float, default_value: float) -> Array:
    """∂L/∂x = dy where x > threshold, else 0."""
    return np.where(x > threshold, dy, 0)
