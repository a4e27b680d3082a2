"""What happens in the heads between the projections: scores, weights, dropout, means.

    S = (Q/√D)·Kᵀ,    P = softmax(S where seen),    Y = dropout(P)·V

Formulas: `ops.formulas.attention`.

Source: keras/src/layers/attention/multi_head_attention.py (_compute_attention).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratchnet import ops
from scratchnet.layers.dropout import Dropout
from scratchnet.layers.layer import Saved


class SavedHeads(NamedTuple):
    """What `attend_backward` needs."""

    q: np.ndarray  # Q/√D
    k: np.ndarray
    v: np.ndarray
    mask: np.ndarray | None
    weights: np.ndarray
    dropped: np.ndarray
    keep: Saved  # of the dropout layer


def attend(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None,
    zero_unseeing: bool,
    dropout: Dropout,
    training: bool,
) -> tuple[np.ndarray, np.ndarray, SavedHeads]:
    """(Y, P, saved) for queries (…, T, D), keys (…, S, D) and values (…, S, E).

    Args:
        q, k, v: what the projections gave, with the heads among the first axes.
        mask: True where a query may see a key, broadcast to (…, T, S); None hides nothing.
        zero_unseeing: whether the weights of a query that sees nothing are 0, instead of equal.
        dropout: the layer that drops weights.
        training: the mode of the call.
    """
    q = q * _scale(q)
    weights = ops.masked_softmax(ops.attention_scores(q, k), mask, _lowest(q.dtype, zero_unseeing))
    if zero_unseeing and mask is not None:
        weights = np.where(mask, weights, 0).astype(q.dtype)
    dropped, keep = dropout.forward(weights, training)
    y = ops.attention_output(dropped, v)
    return y, weights, SavedHeads(q, k, v, mask, weights, dropped, keep)


def attend_backward(
    dy: np.ndarray, dweights: np.ndarray | None, saved: SavedHeads, dropout: Dropout
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(∂L/∂Q, ∂L/∂K, ∂L/∂V) from ∂L/∂Y and, where P was given out too, ∂L/∂P."""
    of_means, dv = ops.attention_output_backward(dy, saved.dropped, saved.v)
    of_means, _ = dropout.backward(of_means, saved.keep)
    assert of_means is not None
    total = of_means if dweights is None else of_means + dweights
    dscores = ops.masked_softmax_backward(total, saved.weights, saved.mask)
    dq, dk = ops.attention_scores_backward(dscores, saved.q, saved.k)
    return dq * _scale(dq), dk, dv


def _scale(q: np.ndarray) -> np.floating:
    """1/√D, by way of float32, as Keras's TensorFlow backend carries it even for float64."""
    return q.dtype.type(np.float32(1 / math.sqrt(q.shape[-1])))


def _lowest(dtype: np.dtype, zero_unseeing: bool) -> float:
    """Keras's number for a hidden score; it has one for each of its two ways to compute."""
    half = dtype == np.float16
    if zero_unseeing:
        return -3e4 if half else -1e9
    return -0.7 * float(np.finfo(np.float16 if half else np.float32).max)
