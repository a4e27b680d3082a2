"""Smooth rectifiers: ReLU with its corner rounded off.

    softplus     y = ln(1 + e^x)                           ∂y/∂x = σ(x)
    squareplus   y = (x + √(x² + b)) / 2                   ∂y/∂x = y / √(x² + b)
    sparse_plus  y = (x + 1)²/4 where −1 < x < 1,          ∂y/∂x = (x + 1)/2 between,
                 0 below and x above                       0 below and 1 above

Sources: Glorot et al., "Deep Sparse Rectifier Neural Networks" (2011), softplus; Barron,
"Squareplus" (2021); Blondel et al., "Learning with Fenchel-Young losses" (2019), sparse_plus;
keras/src/activations/activations.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.sigmoids import sigmoid

Array = Shaped[np.ndarray, "*shape"]


def softplus(x: Array) -> Array:
    """y = ln(e⁰ + e^x), in a form that neither overflows nor loses a small e^x beside 1."""
    return np.logaddexp(0, x)


def softplus_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · σ(x)."""
    return dy * sigmoid(x)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """y = (x + √(x² + b)) / 2.

    For x < 0 the two terms nearly cancel; there y = b / (2·(√(x² + b) − x)), the same number.
    """
    root = np.hypot(x, b**0.5)  # of numbers whose square would overflow too
    return np.where(x >= 0, (x + root) / 2, b / 2 / (root + np.abs(x)))


def squareplus_backward(dy: Array, x: Array, b: float = 4.0) -> Array:
    """∂L/∂x = dy · y / √(x² + b)."""
    return dy * squareplus(x, b) / np.hypot(x, b**0.5)


def sparse_plus(x: Array) -> Array:
    """y = 0 where x ≤ −1, (x + 1)²/4 where −1 < x < 1, x where x ≥ 1."""
    return np.where(x < 1, np.square(np.clip(x, -1, 1) + 1) / 4, x)


def sparse_plus_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · (x + 1)/2, that factor held between 0 and 1."""
    return dy * (np.clip(x, -1, 1) + 1) / 2
