"""Dropout. Meaning: `ops.formulas.dropout`, whose masks these are, bit by bit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.formulas.random_bits import stream_of
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty


def dropout(x: np.ndarray, keep: np.ndarray, rate: float) -> np.ndarray:
    """As `formulas.dropout`."""
    if not (served(x) and keep.shape == x.shape and keep.dtype == bool and rate < 1):
        return formulas.dropout(x, keep, rate)
    x = ready(x)
    y = empty(x.shape, x.dtype)
    _drop(x.ravel(), ready(keep).ravel(), x.dtype.type(1 - rate), y.ravel())
    return y


def dropout_backward(dy: np.ndarray, keep: np.ndarray, rate: float) -> np.ndarray:
    """As `formulas.dropout_backward`."""
    return dropout(dy, keep, rate)


def dropout_mask(shape: Sequence[int], rate: float, key: tuple[int, int]) -> np.ndarray:
    """As `formulas.dropout_mask`."""
    keep = empty((math.prod(shape),), np.bool_)
    if keep.size:
        _mask(keep, np.uint64(stream_of(key)[0]), round(rate * 2**24))
    return keep.reshape(shape)


def _drop_cells(x, keep, share, y):  # type: ignore[no-untyped-def]
    for i in prange(x.size):
        y[i] = x[i] / share if keep[i] else 0


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
_drop = jit(_drop_cells)
