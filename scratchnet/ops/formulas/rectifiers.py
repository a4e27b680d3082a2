"""Rectifiers: what is positive passes, what is negative becomes small.

    relu   y = x where x > 0, else 0                       ∂y/∂x = 1 where x > 0, else 0
    elu    y = x where x > 0, else α·(e^x − 1)             ∂y/∂x = 1 where x > 0, else α·e^x
    selu   y = λ · elu(x), with λ and α below              ∂y/∂x = λ · the one of elu
    celu   y = x where x > 0, else α·(e^{x/α} − 1)         ∂y/∂x = 1 where x > 0, else e^{x/α}
    prelu  y = x where x > 0, else α·x, with α learned     ∂y/∂x = 1 where x > 0, else α

`relu` has a slope below its threshold (leaky ReLU) and an upper bound (ReLU6) as arguments.

Sources: Nair and Hinton, "Rectified Linear Units" (2010); Maas et al., "Rectifier Nonlinearities
Improve Neural Network Acoustic Models" (2013), leaky; Clevert et al., "Exponential Linear Units"
(2016); Klambauer et al., "Self-Normalizing Neural Networks" (2017); Barron, "Continuously
Differentiable Exponential Linear Units" (2017); He et al., "Delving Deep into Rectifiers" (2015),
PReLU; keras/src/backend/tensorflow/nn.py for what happens at the kinks.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "*shape"]

# With these a layer's outputs keep mean 0 and variance 1 where its inputs and weights have them.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def relu(
    x: Array,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """y = x where x > threshold, else negative_slope · (x − threshold); with an upper bound

        y = clip(x, 0, max_value) where x > threshold, else negative_slope · (x − threshold)

    The defaults give max(x, 0). NaN stays NaN.
    """
    y = np.where(x <= in_float32(threshold), 0, x)
    if max_value is not None:
        y = np.clip(y, 0, in_float32(max_value))
    if negative_slope:
        y = y + _slope(negative_slope, max_value, threshold) * np.minimum(x - threshold, 0)
    return y


def relu_backward(
    dy: Array,
    x: Array,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """∂L/∂x: dy where x lies between the kinks, 0 above, negative_slope·dy below.

    At the kinks, where no derivative exists, it is what Keras's TensorFlow backend gives: at
    x = threshold 0, but negative_slope for a plain leaky ReLU; at x = max_value 1, but 0 for
    the ReLU6 that has an operation of its own there.
    """
    passed = x > in_float32(threshold)
    if max_value is not None:
        is_relu6 = max_value == 6 and threshold == 0
        passed &= (x < max_value) if is_relu6 else (x <= in_float32(max_value)) & (x >= 0)
    dx = np.where(passed, dy, 0)
    if negative_slope:
        sloped = ~passed if _is_leaky(max_value, threshold) else (x < threshold)
        dx = np.where(sloped, _slope(negative_slope, max_value, threshold) * dy, dx)
    return dx


def elu(x: Array, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else α·(e^x − 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: Array, x: Array, alpha: float = 1.0) -> Array:
    """∂L/∂x = dy where x > 0, else dy · α · e^x."""
    return np.where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """y = λ·x where x > 0, else λ·α·(e^x − 1)."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · λ where x ≥ 0, else dy · λ·α·e^x."""
    return SELU_SCALE * np.where(x >= 0, dy, elu_backward(dy, x, SELU_ALPHA))


def celu(x: Array, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else α·(e^{x/α} − 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def celu_backward(dy: Array, x: Array, alpha: float = 1.0) -> Array:
    """∂L/∂x = dy where x > 0, else dy · e^{x/α}.

    At x = 0 that is dy from both sides. TensorFlow adds the two sides up there and gives 2·dy.
    """
    return np.where(x > 0, dy, dy * np.exp(np.minimum(x, 0) / alpha))


def prelu(x: Array, alpha: Shaped[np.ndarray, ...]) -> Array:
    """y = x where x > 0, else α·x.

    Args:
        x: any shape.
        alpha: slopes, of a shape that broadcasts to that of x.
    """
    return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def prelu_backward(
    dy: Array, x: Array, alpha: Shaped[np.ndarray, ...]
) -> tuple[Array, Shaped[np.ndarray, ...]]:
    """(∂L/∂x, ∂L/∂α) = (dy where x > 0, α·dy where x < 0, 0 at 0;  Σ dy·min(x, 0)).

    The sum goes over the axes along which α is broadcast.
    """
    dx = np.where(x > 0, dy, 0) + np.where(x < 0, alpha * dy, 0)
    slopes = (1,) * (x.ndim - alpha.ndim) + alpha.shape
    shared = tuple(axis for axis, n in enumerate(slopes) if n == 1)
    dalpha = (dy * np.minimum(x, 0)).sum(axis=shared)
    return dx, dalpha.reshape(alpha.shape)


def _is_leaky(max_value: float | None, threshold: float) -> bool:
    """Whether Keras leaves a slope to TensorFlow's leaky ReLU and does not add it by itself."""
    return max_value is None and threshold == 0


def _slope(negative_slope: float, max_value: float | None, threshold: float) -> float:
    """TensorFlow's leaky ReLU keeps its slope in float32, where 0.2 is 0.20000000298."""
    is_leaky = _is_leaky(max_value, threshold)
    return in_float32(negative_slope) if is_leaky else negative_slope


def in_float32(constant: float) -> float:
    """Keras on TensorFlow casts some constants by way of float32, for float64 inputs too."""
    return float(np.float32(constant))
