"""Activations: functions of one number, and softmax, a function of a row.

    relu     y = x where x > 0, else 0                 ∂y/∂x = 1 where x > 0, else 0
    sigmoid  σ(x) = 1 / (1 + e^{−x})                   σ' = σ·(1 − σ)
    tanh     tanh(x)                                   tanh' = 1 − tanh²
    softmax  y_i = e^{x_i} / Σ_j e^{x_j}               ∂L/∂x_i = y_i·(dy_i − Σ_j dy_j·y_j)

The last three have gradients that need only y, so nothing else has to be kept.

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), sections 6.3 and 6.2.2.3;
keras/src/activations/activations.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped


def relu(
    x: Shaped[np.ndarray, "*shape"],
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Shaped[np.ndarray, "*shape"]:
    """y = min(x, max_value) where x > threshold, else negative_slope · (x − threshold).

    The defaults give max(x, 0). NaN stays NaN.
    """
    y = np.where(x <= threshold, 0, x)
    if max_value is not None:
        y = np.minimum(y, max_value)
    if negative_slope:
        y = y + negative_slope * np.minimum(x - threshold, 0)
    return y.astype(x.dtype, copy=False)


def relu_backward(
    dy: Shaped[np.ndarray, "*shape"],
    x: Shaped[np.ndarray, "*shape"],
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x: dy where x lies between the kinks, 0 above, negative_slope·dy below.

    At the kinks, where no derivative exists, it is what Keras's TensorFlow backend gives: at
    x = threshold 0, but negative_slope for a plain leaky ReLU; at x = max_value 1, but 0 for
    the ReLU6 that has an operation of its own there.
    """
    passed = x > threshold
    if max_value is not None:
        is_relu6 = max_value == 6 and threshold == 0
        passed &= (x < max_value) if is_relu6 else (x <= max_value)
    dx = np.where(passed, dy, 0)
    if negative_slope:
        is_leaky_relu = max_value is None and threshold == 0
        sloped = (x <= threshold) if is_leaky_relu else (x < threshold)
        dx = np.where(sloped, negative_slope * dy, dx)
    return dx.astype(dy.dtype, copy=False)


def sigmoid(x: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """σ(x), from e^{−|x|} only, which cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(
    dy: Shaped[np.ndarray, "*shape"], y: Shaped[np.ndarray, "*shape"]
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x = dy · y · (1 − y), with y = σ(x)."""
    return dy * y * (1 - y)


def tanh(x: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """The hyperbolic tangent."""
    return np.tanh(x)


def tanh_backward(
    dy: Shaped[np.ndarray, "*shape"], y: Shaped[np.ndarray, "*shape"]
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x = dy · (1 − y²), with y = tanh(x)."""
    return dy * (1 - y * y)


def softmax(x: Shaped[np.ndarray, "*shape"], axis: int = -1) -> Shaped[np.ndarray, "*shape"]:
    """y_i = e^{x_i − m} / Σ_j e^{x_j − m} along `axis`.

    m = max_j x_j changes nothing in the quotient and keeps every exponent at or below 0.
    """
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(
    dy: Shaped[np.ndarray, "*shape"], y: Shaped[np.ndarray, "*shape"], axis: int = -1
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x_i = y_i · (dy_i − Σ_j dy_j · y_j), with y = softmax(x) along `axis`."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))
