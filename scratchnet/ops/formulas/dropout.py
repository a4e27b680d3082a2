"""Dropout: in training each cell is kept with probability 1 − r and scaled up for it.

    y = x / (1 − r) where kept, else 0;    ∂L/∂x = dy / (1 − r) where kept, else 0

The scaling keeps the expected value, so nothing has to change at inference. The mask comes from
a counter-based generator: the bits of cell i are a hash of (seed, call, i) and of nothing else.
Any cell can be computed alone, in any order, by any thread and by any other library, which is
what lets a Keras model draw the same masks.

Source: Srivastava et al., "Dropout" (2014); inverted scaling as keras.layers.Dropout. Counter-
based generation: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). The mixing
function is "lowbias32" of Chris Wellons's hash-prospector (public domain).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped


def mix32(h: np.ndarray) -> np.ndarray:
    """A bijection of 32-bit integers whose output bits each depend on every input bit."""
    h = h.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return h


def dropout_mask(
    shape: Sequence[int], rate: float, key: tuple[int, int]
) -> Bool[np.ndarray, "*shape"]:
    """True where a cell is kept, which happens with probability 1 − rate.

        h_i = mix(mix(i) ⊕ mix(mix(seed) ⊕ call)),   kept  ⇔  ⌊h_i / 2⁸⌋ ≥ round(rate · 2²⁴)

    Args:
        shape: of the mask; i counts its cells in C order.
        rate: r, the probability of dropping a cell, 0 ≤ r ≤ 1.
        key: (seed, call), two integers below 2³²; the same key gives the same mask.
    """
    seed, call = (np.array([part], np.uint32) for part in key)
    stream = mix32(mix32(seed) ^ call)
    cells = np.arange(np.prod(shape, dtype=np.int64)).astype(np.uint32)
    bits = mix32(mix32(cells) ^ stream) >> np.uint32(8)
    return (bits >= round(rate * 2**24)).reshape(shape)


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
