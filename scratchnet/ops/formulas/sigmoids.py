"""S-curves: functions that rise from one bound to another.

    sigmoid         σ(x) = 1 / (1 + e^{−x})              ∂y/∂x = y·(1 − y)
    hard_sigmoid    min(max(x + 3, 0), 6) / 6            ∂y/∂x = 1/6 where −3 < x < 3, else 0
    sparse_sigmoid  min(max((x + 1)/2, 0), 1)            ∂y/∂x = 1/2 where −1 < x < 1, else 0
    tanh            tanh(x)                              ∂y/∂x = 1 − y²
    hard_tanh       min(max(x, −1), 1)                   ∂y/∂x = 1 where −1 ≤ x ≤ 1, else 0
    softsign        x / (1 + |x|)                        ∂y/∂x = 1 / (1 + |x|)²
    log_sigmoid     ln σ(x)                              ∂y/∂x = σ(−x)

The gradients of sigmoid and tanh need only y, so nothing else has to be kept.

Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), sections 6.2.2.2 and 6.3; Glorot
and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
softsign; Blondel et al., "Learning with Fenchel-Young losses" (2019), sparse_sigmoid;
keras/src/activations/activations.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "*shape"]


def sigmoid(x: Array) -> Array:
    """σ(x), from e^{−|x|} only, which cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """∂L/∂x = dy · y · (1 − y), with y = σ(x)."""
    return dy * y * (1 - y)


def hard_sigmoid(x: Array) -> Array:
    """y = min(max(x + 3, 0), 6) / 6: three straight pieces near σ."""
    return np.clip(x + 3, 0, 6) / 6


def hard_sigmoid_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy / 6 where −3 < x < 3, else 0."""
    return np.where((x > -3) & (x < 3), dy / 6, 0)


def sparse_sigmoid(x: Array) -> Array:
    """y = min(max((x + 1)/2, 0), 1): `distributions.sparsemax` of the two numbers x and −x."""
    return np.clip((x + 1) / 2, 0, 1)


def sparse_sigmoid_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy / 2 where −1 < x < 1, else 0."""
    return np.where((x > -1) & (x < 1), dy / 2, 0)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


def tanh_backward(dy: Array, y: Array) -> Array:
    """∂L/∂x = dy · (1 − y²), with y = tanh(x)."""
    return dy * (1 - y * y)


def hard_tanh(x: Array) -> Array:
    """y = min(max(x, −1), 1)."""
    return np.clip(x, -1, 1)


def hard_tanh_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy where −1 ≤ x ≤ 1, else 0."""
    return np.where(np.abs(x) <= 1, dy, 0)


def softsign(x: Array) -> Array:
    """y = x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def softsign_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy / (1 + |x|)²."""
    return dy / np.square(1 + np.abs(x))


def log_sigmoid(x: Array) -> Array:
    """y = ln σ(x) = −ln(1 + e^{−x}), which stays finite where σ(x) rounds to 0."""
    return -np.logaddexp(0, -x)


def log_sigmoid_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · σ(−x)."""
    return dy * sigmoid(-x)
