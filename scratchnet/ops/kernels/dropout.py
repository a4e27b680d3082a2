"""Dropout. Meaning: `ops.formulas.dropout`, whose masks these are, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.formulas.dropout import mix32
from scratchnet.ops.kernels.jit import jit

# Selecting by a mask is one pass over memory in the formula already.
dropout, dropout_backward = formulas.dropout, formulas.dropout_backward


def dropout_mask(shape: Sequence[int], rate: float, key: tuple[int, int]) -> np.ndarray:
    """As `formulas.dropout_mask`."""
    seed, call = (np.array([part], np.uint32) for part in key)
    stream = mix32(mix32(seed) ^ call)[0]
    keep = np.empty(int(np.prod(shape, dtype=np.int64)), np.bool_)
    if keep.size:
        _mask(keep, np.uint64(stream), round(rate * 2**24))
    return keep.reshape(shape)


def _dropout_mask(keep, stream, threshold):  # type: ignore[no-untyped-def]
    low = np.uint64(0xFFFFFFFF)
    for i in prange(keep.size):
        h = np.uint64(i) & low
        for second in range(2):
            h ^= h >> np.uint64(16)
            h = (h * np.uint64(0x7FEB352D)) & low
            h ^= h >> np.uint64(15)
            h = (h * np.uint64(0x846CA68B)) & low
            h ^= h >> np.uint64(16)
            if second == 0:
                h ^= stream
        keep[i] = np.int64(h >> np.uint64(8)) >= threshold


_mask = jit(_dropout_mask)
