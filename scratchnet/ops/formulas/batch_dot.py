"""Products of two arrays along one axis of each, sample by sample.

    y[n, i, j] = Σ_k a[n, i, k] · b[n, j, k]
    ∂L/∂a[n, i, k] = Σ_j dy[n, i, j] · b[n, j, k],    ∂L/∂b[n, j, k] = Σ_i dy[n, i, j] · a[n, i, k]

i stands for all axes that a has besides, j for all that b has.

Source: keras/src/layers/merging/dot.py (batch_dot).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Shaped

A = Shaped[np.ndarray, "N *A"]
B = Shaped[np.ndarray, "N *B"]
C = Shaped[np.ndarray, "N *C"]


def batch_dot(a: A, b: B, axes: tuple[int, int]) -> C:
    """y: (N, *i, *j), summed along axes[0] of a and axes[1] of b; (N, 1) without i and j.

    The two axes have one size, are not negative and are not the first.
    """
    y = _rows(a, axes[0]) @ _rows(b, axes[1]).swapaxes(1, 2)
    others = (*_others(a, axes[0]), *_others(b, axes[1]))
    return y.reshape(len(a), *(others or (1,)))


def batch_dot_backward(dy: C, a: A, b: B, axes: tuple[int, int]) -> tuple[A, B]:
    """(∂L/∂a, ∂L/∂b)."""
    rows_a, rows_b = _rows(a, axes[0]), _rows(b, axes[1])
    dy = dy.reshape(len(a), rows_a.shape[1], rows_b.shape[1])
    da, db = dy @ rows_b, dy.swapaxes(1, 2) @ rows_a
    return _unrows(da, a, axes[0]), _unrows(db, b, axes[1])


def _others(x: np.ndarray, axis: int) -> tuple[int, ...]:
    """The sizes of all axes but the first and `axis`."""
    return x.shape[1:axis] + x.shape[axis + 1 :]


def _rows(x: np.ndarray, axis: int) -> np.ndarray:
    """(N, other cells, K) with `axis` last."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(len(x), math.prod(_others(x, axis)), x.shape[axis])


def _unrows(rows: np.ndarray, like: np.ndarray, axis: int) -> np.ndarray:
    """Undo `_rows`."""
    moved = rows.reshape(len(like), *_others(like, axis), like.shape[axis])
    return np.moveaxis(moved, -1, axis)
