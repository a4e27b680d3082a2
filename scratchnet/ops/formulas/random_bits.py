"""Random bits by counting: those of cell i are a hash of (seed, call, i) and of nothing else.

    h_i = mix(mix(i) ⊕ mix(mix(seed) ⊕ call)),    bits_i = ⌊h_i / 2⁸⌋,  24 of them

Any cell can be computed alone, in any order, by any thread and by any other library, which is
what lets a Keras model draw the same numbers. The same key gives the same bits; a layer counts its
calls to get others the next time.

    uniform          u_i = low + (high − low) · (bits_i + ½) / 2²⁴

    standard_normal  z_i = √(−2·ln u) · cos(2π·v)
                     u = (bits_{2i} + 1) / 2²⁴,  v = bits_{2i+1} / 2²⁴

u lies in (0, 1] and v in [0, 1), so |z| ≤ √(48·ln 2) = 5.77; a true normal exceeds that once in
10⁸ draws.

Sources: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); the mixing function
is "lowbias32" of Chris Wellons's hash-prospector (public domain); Box and Muller, "A note on the
generation of random normal deviates" (1958).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt32


def mix32(h: np.ndarray) -> np.ndarray:
    """A bijection of 32-bit integers whose output bits each depend on every input bit."""
    h = h.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return h


def stream_of(key: tuple[int, int]) -> UInt32[np.ndarray, " 1"]:
    """mix(mix(seed) ⊕ call) for key = (seed, call), in an array of one."""
    seed, call = (np.array([part], np.uint32) for part in key)
    return mix32(mix32(seed) ^ call)


def random_bits(count: int, key: tuple[int, int]) -> UInt32[np.ndarray, " cells"]:
    """24 random bits for each of `count` cells.

    Args:
        count: number of cells; after 2³² of them the bits repeat.
        key: (seed, call), two integers from 0 to 2³² − 1.
    """
    cells = np.arange(count).astype(np.uint32)
    return mix32(mix32(cells) ^ stream_of(key)) >> np.uint32(8)


def uniform(
    shape: Sequence[int], low: float | int, high: float | int, key: tuple[int, int]
) -> Float64[np.ndarray, "*shape"]:
    """Independent numbers that are anywhere between low and high alike.

    They are the middles of 2²⁴ equal parts of the interval, so neither end is among them.

    Args:
        shape: of the result; i counts its cells in C order.
        low, high: ends of the interval.
        key: (seed, call), two integers from 0 to 2³² − 1.
    """
    bits = random_bits(math.prod(shape), key)
    return (low + (high - low) * (bits + 0.5) / 2**24).reshape(shape)


def standard_normal(shape: Sequence[int], key: tuple[int, int]) -> Float64[np.ndarray, "*shape"]:
    """Independent numbers of mean 0 and variance 1, by the formula of Box and Muller.

    Args:
        shape: of the result; i counts its cells in C order.
        key: (seed, call), two integers from 0 to 2³² − 1.
    """
    first, second = random_bits(2 * math.prod(shape), key).reshape(-1, 2).T
    u, v = (first + 1.0) / 2**24, second / 2**24
    return (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).reshape(shape)
