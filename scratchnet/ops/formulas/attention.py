"""Attention: each query takes a weighted mean of values, weighted by how well their keys fit it.

    scores      S = Q·Kᵀ                               or  S_ts = Σ_d w_d · tanh(c·(Q_td + K_sd))
    weights     P_ts = e^{S_ts} / Σ_s' e^{S_ts'}       over the s that query t may see
    output      Y = P·V

with T queries Q: (…, T, D), S keys K: (…, S, D) and their values V: (…, S, E), so that scores and
weights are (…, T, S) and the output is (…, T, E). Backward, from dY = ∂L/∂Y:

    dV = Pᵀ·dY,   dP = dY·Vᵀ
    dS_ts = P_ts · (dP_ts − Σ_s' dP_ts'·P_ts')         0 where t may not see s
    dQ = dS·K,    dK = dSᵀ·Q

Scaled dot-product attention has Q/√D in the place of Q; several heads are a further axis.

Sources: Vaswani et al., "Attention Is All You Need" (2017), equation 1; Luong et al., "Effective
Approaches to Attention-based Neural Machine Translation" (2015), equation 8; Bahdanau et al.,
"Neural Machine Translation by Jointly Learning to Align and Translate" (2015), appendix A.1.2;
keras/src/layers/attention.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Shaped

from scratchnet.ops.formulas.distributions import softmax, softmax_backward
from scratchnet.ops.formulas.merge import sum_to_shape

Query = Shaped[np.ndarray, "*batch T D"]
Key = Shaped[np.ndarray, "*batch S D"]
Value = Shaped[np.ndarray, "*batch S E"]
Output = Shaped[np.ndarray, "*batch T E"]
Scores = Shaped[np.ndarray, "*batch T S"]
Weight = Shaped[np.ndarray, "..."]
Number = Shaped[np.ndarray, ""]
Mask = Bool[np.ndarray, "..."]


def attention_scores(query: Query, key: Key) -> Scores:
    """S = Q·Kᵀ: the dot product of each query with each key."""
    return query @ key.swapaxes(-2, -1)


def attention_scores_backward(dscores: Scores, query: Query, key: Key) -> tuple[Query, Key]:
    """(∂L/∂Q, ∂L/∂K) = (dS·K, dSᵀ·Q)."""
    return dscores @ key, dscores.swapaxes(-2, -1) @ query


def additive_attention_scores(query: Query, key: Key, weight: Weight, scale: Number) -> Scores:
    """S_ts = Σ_d w_d · tanh(c·(Q_td + K_sd)).

    Args:
        query, key: Q and K, of one depth D.
        weight: w, of shape (D,), or () for one number in the place of all w_d.
        scale: c, a number.
    """
    return (weight * np.tanh(scale * _sums(query, key))).sum(axis=-1)


def additive_attention_scores_backward(
    dscores: Scores,
    query: Query,
    key: Key,
    weight: Weight,
    scale: Number,
) -> tuple[Query, Key, Weight, Number]:
    """(∂L/∂Q, ∂L/∂K, ∂L/∂w, ∂L/∂c)."""
    sums = _sums(query, key)
    h = np.tanh(scale * sums)
    dh = dscores[..., None]
    dz = dh * weight * (1 - h * h)  # of what goes into tanh
    dscale = sum_to_shape(dz * sums, scale.shape)
    dsums = dz * scale
    return dsums.sum(axis=-2), dsums.sum(axis=-3), sum_to_shape(dh * h, weight.shape), dscale


def masked_softmax(scores: Scores, mask: Mask | None, lowest: float) -> Scores:
    """P: softmax over the keys, with `lowest` in the place of the scores that are hidden.

    Args:
        scores: S.
        mask: True where a query may see a key, broadcast to the scores; None hides nothing.
        lowest: so small a finite number that e^(lowest − max) is 0. A query that sees nothing
            thereby gets equal weights, and not NaN.
    """
    return softmax(scores if mask is None else np.where(mask, scores, scores.dtype.type(lowest)))


def masked_softmax_backward(dweights: Scores, weights: Scores, mask: Mask | None) -> Scores:
    """∂L/∂S from ∂L/∂P and P; 0 where hidden."""
    dscores = softmax_backward(dweights, weights)
    return dscores if mask is None else np.where(mask, dscores, 0).astype(dscores.dtype)


def attention_output(weights: Scores, value: Value) -> Output:
    """Y = P·V: the weighted mean of the values, for each query."""
    return weights @ value


def attention_output_backward(dy: Output, weights: Scores, value: Value) -> tuple[Scores, Value]:
    """(∂L/∂P, ∂L/∂V) = (dY·Vᵀ, Pᵀ·dY)."""
    return dy @ value.swapaxes(-2, -1), weights.swapaxes(-2, -1) @ dy


def repeat_heads(
    heads: Shaped[np.ndarray, "*batch G S D"], times: int
) -> Shaped[np.ndarray, "*batch H S D"]:
    """Each head of keys or values repeated for the `times` heads of queries that read it."""
    return np.repeat(heads, times, axis=-3)


def repeat_heads_backward(
    dheads: Shaped[np.ndarray, "*batch H S D"], times: int
) -> Shaped[np.ndarray, "*batch G S D"]:
    """The sum of the gradients of all copies of a head."""
    *batch, repeated, s, d = dheads.shape
    return dheads.reshape(*batch, repeated // times, times, s, d).sum(axis=-3)


def _sums(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Q_td + K_sd: (…, T, S, D)."""
    return query[..., :, None, :] + key[..., None, :, :]
