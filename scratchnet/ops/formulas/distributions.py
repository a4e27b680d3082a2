"""From numbers to a distribution: softmax, and what belongs to it.

    exponential  y = e^x                               ∂L/∂x = dy·y
    softmax      y_i = e^{x_i} / Σ_j e^{x_j}           ∂L/∂x_i = y_i·(dy_i − Σ_j dy_j·y_j)
    log_softmax  y_i = x_i − ln Σ_j e^{x_j}            ∂L/∂x_i = dy_i − e^{y_i}·Σ_j dy_j
    sparsemax    y_i = max(x_i − τ, 0), Σ_i y_i = 1    ∂L/∂x_i = dy_i − mean of dy where y > 0

All the gradients need only y, so nothing else has to be kept.

Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.2.3; Martins and
Astudillo, "From Softmax to Sparsemax" (2016); keras/src/activations/activations.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "*shape"]
Axis = int | tuple[int, ...] | None


def exponential(x: Array) -> Array:
    """y = e^x; infinite where it exceeds the largest number of the dtype."""
    with np.errstate(over="ignore"):
        return np.exp(x)


def exponential_backward(dy: Array, y: Array) -> Array:
    """∂L/∂x = dy · y, with y = e^x."""
    return dy * y


def softmax(x: Array, axis: Axis = -1) -> Array:
    """y_i = e^{x_i − m} / Σ_j e^{x_j − m} along `axis`, one axis or several; None means all.

    m = max_j x_j changes nothing in the quotient and keeps every exponent at or below 0.
    """
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy: Array, y: Array, axis: Axis = -1) -> Array:
    """∂L/∂x_i = y_i · (dy_i − Σ_j dy_j · y_j), with y = softmax(x) along `axis`."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """y_i = (x_i − m) − ln Σ_j e^{x_j − m}, with m = max_j x_j.

    It stays finite where the softmax rounds to 0.
    """
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def log_softmax_backward(dy: Array, y: Array, axis: Axis = -1) -> Array:
    """∂L/∂x_i = dy_i − e^{y_i} · Σ_j dy_j, with y = log_softmax(x) along `axis`."""
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


def sparsemax(x: Array, axis: int = -1) -> Array:
    """y_i = max(x_i − τ, 0) along `axis`: the distribution with the least Σ (y_i − x_i)².

        z = x sorted, the largest first;   k = the largest with 1 + k·z_k > z_1 + … + z_k
        τ = (z_1 + … + z_k − 1) / k

    Many y_i are exactly 0. Keras on TensorFlow divides a sum of the partial sums by k instead, and
    its outputs add up to less than 1 wherever k > 1; here they add up to 1.
    """
    z = np.moveaxis(np.flip(np.sort(x, axis), axis), axis, -1)
    sums, counts = z.cumsum(axis=-1) - 1, np.arange(1, z.shape[-1] + 1).astype(z.dtype)
    # The condition holds for the first k entries and for no other
    k = (counts * z > sums).sum(axis=-1, keepdims=True)
    tau = np.take_along_axis(sums, k - 1, axis=-1) / k.astype(z.dtype)
    return np.maximum(x - np.moveaxis(tau, -1, axis), 0)


def sparsemax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """∂L/∂x_i = dy_i − (the mean of dy where y > 0) where y_i > 0, else 0; y = sparsemax(x)."""
    positive = y > 0
    sums = np.where(positive, dy, 0).sum(axis=axis, keepdims=True)
    return np.where(positive, dy - sums / positive.sum(axis=axis, keepdims=True, dtype=y.dtype), 0)
