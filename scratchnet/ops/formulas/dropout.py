"""Dropout: in training each cell is kept with probability 1 − r.

    dropout        y = x / (1 − r) where kept, else 0
                   ∂L/∂x = dy / (1 − r) where kept, else 0
    alpha_dropout  y = a·x + b where kept, else a·α′ + b
                   ∂L/∂x = a·dy where kept, else 0
                   α′ = −λ·α,  a = 1 / √((1 − r)·(1 + r·α′²)),  b = −a·r·α′

Dropout's scaling keeps the expected value, so nothing has to change at inference. Alpha dropout
keeps mean 0 and variance 1 too: it puts a dropped cell at α′, where selu (of λ and α) levels off
below, and a and b undo what that does to mean and variance. The mask comes from `random_bits`.

Sources: Srivastava et al., "Dropout" (2014), scaled as keras.layers.Dropout; Klambauer et al.,
"Self-Normalizing Neural Networks" (2017); keras/src/layers/regularization/alpha_dropout.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped

from scratchnet.ops.formulas.random_bits import random_bits
from scratchnet.ops.formulas.rectifiers import SELU_ALPHA, SELU_SCALE


def dropout_mask(
    shape: Sequence[int], rate: float, key: tuple[int, int]
) -> Bool[np.ndarray, "*shape"]:
    """True where a cell is kept, which happens with probability 1 − rate.

        kept  ⇔  bits_i ≥ round(rate · 2²⁴)

    Args:
        shape: of the mask; i counts its cells in C order.
        rate: r, the probability of dropping a cell, 0 ≤ r ≤ 1.
        key: (seed, call), two integers below 2³²; the same key gives the same mask.
    """
    return (random_bits(math.prod(shape), key) >= round(rate * 2**24)).reshape(shape)


def dropout(
    x: Shaped[np.ndarray, "*shape"], keep: Bool[np.ndarray, ...], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """y = x / (1 − r) where `keep`, else 0; a rate of 1 gives zeros.

    Args:
        x: any shape.
        keep: mask that broadcasts to the shape of x.
        rate: r.
    """
    if rate == 1:
        return np.zeros_like(x)
    return np.where(keep, x / (1 - rate), 0).astype(x.dtype, copy=False)


def dropout_backward(
    dy: Shaped[np.ndarray, "*shape"], keep: Bool[np.ndarray, ...], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x, the same map as forward: what was dropped gets no gradient."""
    return dropout(dy, keep, rate)


def alpha_dropout(
    x: Shaped[np.ndarray, "*shape"], keep: Bool[np.ndarray, ...], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """y = a·x + b where `keep`, else a·α′ + b.

    Args:
        x: any shape.
        keep: mask that broadcasts to the shape of x.
        rate: r < 1.
    """
    alpha, a, b = _alpha_scaling(rate)
    return a * np.where(keep, x, alpha) + b


def alpha_dropout_backward(
    dy: Shaped[np.ndarray, "*shape"], keep: Bool[np.ndarray, ...], rate: float
) -> Shaped[np.ndarray, "*shape"]:
    """∂L/∂x = a·dy where `keep`, else 0."""
    _, a, _ = _alpha_scaling(rate)
    return np.where(keep, a * dy, 0)


def _alpha_scaling(rate: float) -> tuple[float, float, float]:
    """(α′, a, b) of alpha dropout."""
    alpha = -SELU_SCALE * SELU_ALPHA
    a = 1 / math.sqrt((1 - rate) * (1 + rate * alpha**2))
    return alpha, a, -a * rate * alpha
