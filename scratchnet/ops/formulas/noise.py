"""Noise: in training each cell is moved or scaled by a normal random number.

    gaussian_noise    y = x + s·z                                ∂L/∂x = dy
    gaussian_dropout  y = x·(1 + s·z),  s = √(r / (1 − r))       ∂L/∂x = dy·(1 + s·z)

z is a standard normal for each cell (`random_bits.standard_normal`). Scaling by 1 + s·z has the
mean 1 and the variance r/(1 − r) of dropout at rate r.

Sources: Bishop, "Training with Noise is Equivalent to Tikhonov Regularization" (1995); Srivastava
et al., "Dropout" (2014), section 10; keras/src/layers/regularization/gaussian_noise.py and
gaussian_dropout.py.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Shaped


def gaussian_noise(
    x: Shaped[np.ndarray, "*shape"], z: Float64[np.ndarray, "*shape"], stddev: float
) -> Shaped[np.ndarray, "*shape"]:
    """y = x + s·z; the gradient passes unchanged.

    Args:
        x: any shape.
        z: standard normal numbers.
        stddev: s.
    """
    return x + (stddev * z).astype(x.dtype, copy=False)


def gaussian_dropout(
    x: Shaped[np.ndarray, "*shape"], z: Float64[np.ndarray, "*shape"], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """y = x · (1 + s·z), with s = √(r / (1 − r)).

    Args:
        x: any shape.
        z: standard normal numbers.
        rate: r < 1.
    """
    stddev = math.sqrt(rate / (1 - rate))
    return x * (1 + stddev * z).astype(x.dtype, copy=False)


def gaussian_dropout_backward(
    dy: Shaped[np.ndarray, "*shape"], z: Float64[np.ndarray, "*shape"], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x, the same map as forward."""
    return gaussian_dropout(dy, z, rate)
