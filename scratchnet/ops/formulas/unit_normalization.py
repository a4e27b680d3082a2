"""Division of a vector by its length, or by its root mean square.

For the m cells x_1 … x_m along `axes`, which make one vector,

    unit:  y = x / max(‖x‖, ε)                     ‖x‖² = Σ x²
    RMS:   y = γ·x / r                             r² = (Σ x²)/m + ε

With g the gradient that reaches the quotient (dy, or γ·dy) and u = x / ‖x‖ or x / r,

    unit:  ∂L/∂x = (dy − u·Σ(dy·u)) / ‖x‖          dy / ε for a vector shorter than ε
    RMS:   ∂L/∂x = (g − u·mean(g·u)) / r           ∂L/∂γ = Σ dy·u

What is subtracted is the part of the gradient along x, which only changes the length.

Sources: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4;
keras/src/ops/nn.py (_normalize, _rms_normalization).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Cells = Shaped[np.ndarray, "*cells"]
Weights = Shaped[np.ndarray, "*weights"]
Axes = tuple[int, ...]


def unit_normalization(x: Cells, axes: Axes, epsilon: float) -> Cells:
    """y = x / max(‖x‖, ε): vectors of length 1; zeros stay zeros.

    Args:
        x: cells of any number of axes.
        axes: along which a vector lies.
        epsilon: ε, the smallest length that is divided by.
    """
    return x / np.maximum(_length(x, axes), epsilon)


def unit_normalization_backward(dy: Cells, x: Cells, axes: Axes, epsilon: float) -> Cells:
    """∂L/∂x."""
    length = _length(x, axes)
    divisor = np.maximum(length, epsilon)
    u = x / divisor
    along = u * (dy * u).sum(axis=axes, keepdims=True)
    return (dy - np.where(length < epsilon, 0, along)) / divisor


def rms_normalization(x: Cells, scale: Weights | None, axes: Axes, epsilon: float) -> Cells:
    """y = γ·x / r.

    Args:
        x: cells of any number of axes.
        scale: γ, which broadcasts against x; None means 1.
        axes: along which a vector lies.
        epsilon: ε.
    """
    u = x / _root_mean_square(x, axes, epsilon)
    return u if scale is None else scale * u


def rms_normalization_backward(
    dy: Cells, x: Cells, scale: Weights | None, axes: Axes, epsilon: float
) -> tuple[Cells, Weights]:
    """(∂L/∂x, ∂L/∂γ), the latter of the sizes that x has on `axes`."""
    r = _root_mean_square(x, axes, epsilon)
    u = x / r
    g = dy if scale is None else dy * scale
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    dx = (g - u * (g * u).mean(axis=axes, keepdims=True)) / r
    return dx, (dy * u).sum(axis=others)


def _length(x: np.ndarray, axes: Axes) -> np.ndarray:
    return np.sqrt(np.square(x).sum(axis=axes, keepdims=True))


def _root_mean_square(x: np.ndarray, axes: Axes, epsilon: float) -> np.ndarray:
    return np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + epsilon)
