"""Gates: the input times something between 0 and 1 that depends on it.

    silu       y = x · σ(x)                          ∂y/∂x = σ + x·σ·(1 − σ)
    hard_silu  y = x · hard_sigmoid(x)               ∂y/∂x = hard_sigmoid + x/6 where −3 < x < 3
    gelu       y = x · Φ(x)                          ∂y/∂x = Φ + x·φ(x)
    mish       y = x · t,  t = tanh(softplus(x))     ∂y/∂x = t + x·(1 − t²)·σ
    glu        y = a · σ(b)                          ∂y/∂a = σ(b),  ∂y/∂b = a·σ(b)·(1 − σ(b))

σ is the sigmoid, Φ the distribution function of the standard normal and φ = Φ′ its density. In
glu, a and b are the halves of the input along an axis.

Sources: Ramachandran et al., "Searching for Activation Functions" (2017), silu as swish; Howard et
al., "Searching for MobileNetV3" (2019), hard_silu; Hendrycks and Gimpel, "Gaussian Error Linear
Units" (2016); Misra, "Mish" (2019); Dauphin et al., "Language Modeling with Gated Convolutional
Networks" (2017), glu; keras/src/backend/tensorflow/nn.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.sigmoids import (
    hard_sigmoid,
    hard_sigmoid_backward,
    sigmoid,
    sigmoid_backward,
)
from scratchnet.ops.formulas.smooth_rectifiers import softplus

Array = Shaped[np.ndarray, "*shape"]

# Keras on TensorFlow has the first two in float32, for float64 inputs too. As np.float64 they make
# the exponents float64 for any input: e^z is off by as many parts of itself as z is off in all.
SQRT_HALF = np.float64(np.float32(0.5**0.5))
GELU_CUBIC = np.float64(np.float32(0.044715))
SQRT_TWO_OVER_PI = np.float64(2 / np.pi) ** 0.5


def silu(x: Array) -> Array:
    """y = x · σ(x)."""
    return x * sigmoid(x)


def silu_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · σ · (1 + x·(1 − σ)), with σ = σ(x)."""
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


def hard_silu(x: Array) -> Array:
    """y = x · min(max(x + 3, 0), 6) / 6."""
    return x * hard_sigmoid(x)


def hard_silu_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · hard_sigmoid(x) + dy · x/6 where −3 < x < 3."""
    return dy * hard_sigmoid(x) + hard_sigmoid_backward(dy * x, x)


def gelu(x: Array, approximate: bool = False) -> Array:
    """y = x · Φ(x).

        exact         Φ(x) = erfc(−x·√½) / 2
        approximate   Φ(x) ≈ (1 + tanh(u)) / 2 = σ(2u),   u = √(2/π)·(x + 0.044715·x³)

    The constants √½ and 0.044715 are rounded to float32, as Keras's are.
    """
    return _as(x, x * (_approximate_cdf(x)[0] if approximate else _cdf(x)))


def gelu_backward(dy: Array, x: Array, approximate: bool = False) -> Array:
    """∂L/∂x = dy · (Φ + x·φ), where φ is the derivative of the Φ in use.

        exact         φ(x) = e^{−x²/2} / √(2π)
        approximate   φ(x) = σ(2u)·(1 − σ(2u))·2·∂u/∂x
    """
    if approximate:
        cdf, density = _approximate_cdf(x)
    else:
        z = x * SQRT_HALF
        cdf, density = _cdf(x), np.exp(-z * z) * SQRT_HALF / np.pi**0.5
    return _as(x, dy * (cdf + x * density))


def mish(x: Array) -> Array:
    """y = x · tanh(ln(1 + e^x))."""
    return x * np.tanh(softplus(x))


def mish_backward(dy: Array, x: Array) -> Array:
    """∂L/∂x = dy · (t + x·(1 − t²)·σ(x)), with t = tanh(softplus(x))."""
    t = np.tanh(softplus(x))
    return dy * (t + x * (1 - t * t) * sigmoid(x))


def glu(x: Shaped[np.ndarray, ...], axis: int = -1) -> Shaped[np.ndarray, ...]:
    """y = a · σ(b), where a and b are the first and second half of x along `axis`.

    Raises ValueError where that axis has an odd length.
    """
    a, b = _halves(x, axis)
    return a * sigmoid(b)


def glu_backward(
    dy: Shaped[np.ndarray, ...], x: Shaped[np.ndarray, ...], axis: int = -1
) -> Shaped[np.ndarray, ...]:
    """∂L/∂x: (dy·σ(b), dy·a·σ(b)·(1 − σ(b))), put together along `axis`."""
    a, b = _halves(x, axis)
    s = sigmoid(b)
    return np.concatenate([dy * s, sigmoid_backward(dy * a, s)], axis)


def _cdf(x: Array) -> Array:
    """Φ(x), in float64."""
    from scipy.special import erfc  # here, for it takes as long to import as the whole library

    return erfc(-x * SQRT_HALF) / 2


def _approximate_cdf(x: Array) -> tuple[Array, Array]:
    """(σ(2u), its derivative by x), in float64."""
    s = sigmoid(2 * SQRT_TWO_OVER_PI * (x + GELU_CUBIC * x**3))
    return s, s * (1 - s) * 2 * SQRT_TWO_OVER_PI * (1 + 3 * GELU_CUBIC * np.square(x))


def _as(x: Array, y: Array) -> Array:
    """y in the dtype of x; integers become floating numbers."""
    return y.astype(np.result_type(x, 0.0), copy=False)


def _halves(x: Shaped[np.ndarray, ...], axis: int) -> list[Shaped[np.ndarray, ...]]:
    if x.shape[axis] % 2:
        raise ValueError(
            f"glu received an input of shape {x.shape}, whose axis {axis} has the odd length "
            f"{x.shape[axis]}. Expected an even one: the first half is gated by the second."
        )
    return np.split(x, 2, axis)
