"""How many positives and negatives lie above each of several thresholds.

With scores s_i, labels l_i ∈ {0, 1}, weights w_i and thresholds t_1 … t_T, for each j

    TP_j = Σ w_i·[l_i = 1]·[s_i > t_j]        FN_j = Σ w_i·[l_i = 1] − TP_j
    FP_j = Σ w_i·[l_i = 0]·[s_i > t_j]        TN_j = Σ w_i·[l_i = 0] − FP_j

A score on a threshold is not above it, and NaN is above none. It takes O(N + T): b_i, the number
of thresholds that s_i exceeds, sorts the weights into buckets, and TP_j is what lies in the
buckets above j.

Source: update_confusion_matrix_variables of keras/src/metrics/metrics_utils.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scratchnet.config import epsilon
from scratchnet.losses.loss import same_rank
from scratchnet.metrics.arrays import as_array, require_same_shape

# The score of what is not among the top k, and the threshold where top_k chooses the positives;
# Keras's is -1e10, which float16 cannot hold
NOT_AMONG_TOP_K = -np.inf


class Counts(NamedTuple):
    """Weighted counts above (positives) and not above (negatives) each threshold, (T, …)."""

    true_positives: np.ndarray
    false_positives: np.ndarray
    true_negatives: np.ndarray
    false_negatives: np.ndarray


class Scored(NamedTuple):
    """What is counted: three arrays of one shape."""

    positive: np.ndarray  # bool
    scores: np.ndarray
    weights: np.ndarray


class Thresholds:
    """Thresholds, and how a score is compared with them.

    Thresholds at equal distances from 0 to 1 are compared as Keras does it, by the product
    s·(T − 1) rather than by s itself, with s cut to [0, 1]: where that product is rounded, a score
    on a threshold may count as above it.

    Args:
        values: numbers, in any order.
        dtype: in which scores are compared.
        even: whether they are at equal distances; None means to look.
    """

    def __init__(self, values: Sequence[float], dtype: str, even: bool | None = None) -> None:
        self.values = list(values)
        self.dtype = np.dtype(dtype)
        self.even = is_even(self.values) if even is None else even

    def __len__(self) -> int:
        return len(self.values)

    def count(self, scored: Scored, by_label: bool = False) -> Counts:
        """The counts over all entries, (T,), or over those of each column, (T, L)."""
        labels = scored.scores.shape[-1] if by_label else 1
        bucket = self._exceeded(scored.scores).reshape(-1, labels)
        # one row of T + 1 buckets for each label
        place = (bucket + np.arange(labels) * (len(self) + 1)).ravel()
        weights, positive = scored.weights.ravel(), scored.positive.ravel()
        yes, no = (
            np.bincount(place, weights * chosen, labels * (len(self) + 1))
            .reshape(labels, -1)
            .T[::-1]
            .cumsum(axis=0)[::-1]  # row b: what lies in bucket b and above
            for chosen in (positive, ~positive)
        )
        counts = Counts(yes[1:], no[1:], no[0] - no[1:], yes[0] - yes[1:])
        back = np.argsort(np.argsort(self.values, kind="stable"), kind="stable")
        return Counts(*(c[back] if by_label else c[back, 0] for c in counts))

    def _exceeded(self, scores: np.ndarray) -> np.ndarray:
        """b: how many of the thresholds, in ascending order, each score exceeds."""
        known = ~np.isnan(scores)
        if self.even:
            s = np.clip(np.where(known, scores, 0), 0, 1)
            b = np.ceil(s * self.dtype.type(len(self) - 1)).astype(np.int64)
            if self.values[0] < 0:  # widened ends: 0 is above the first
                b = np.maximum(b, 1)
        else:
            ascending = np.sort(np.asarray(self.values, self.dtype))
            b = np.searchsorted(ascending, scores, side="left")
        return np.where(known, b, 0)


def is_even(thresholds: Sequence[float]) -> bool:
    """Whether these are at least 3 thresholds at equal distances from 0 to 1, in order."""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.linspace(0, 1, count), atol=epsilon())


def prepare(
    name: str,
    dtype: str,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
) -> Scored:
    """The arguments of `update_state` as arrays of one shape.

    Args:
        name: of the metric, for error messages.
        dtype: in which scores and weights are kept.
        y_true: (N, …), anything but 0 is positive.
        y_pred: scores of the same shape.
        sample_weight: a number, one for each sample (N,), or of the first axes of y_pred.
        top_k: only the k largest scores of a row, the first of several equal ones, can count.
        class_id: only this column counts.

    Raises:
        ValueError: the arrays do not fit each other, or have no such column.
    """
    targets, scores = same_rank(as_array(y_true), as_array(y_pred).astype(dtype, copy=False))
    require_same_shape(name, targets, scores)
    weights = _weights(name, sample_weight, scores.shape, dtype)
    if top_k is not None:
        scores = _top_k_only(name, scores, top_k)
    if class_id is not None:
        if scores.ndim < 2 or not -scores.shape[-1] <= class_id < scores.shape[-1]:
            raise ValueError(
                f"The metric {name!r} looks at class_id={class_id}, but received y_pred of shape "
                f"{scores.shape}. Expected scores (N, C) with C > {class_id}."
            )
        targets, scores, weights = (a[..., class_id, None] for a in (targets, scores, weights))
    return Scored(targets != 0, scores, weights)


def _weights(name: str, sample_weight: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Weights of the shape of the scores.

    Weights (N,) of scores (N, M, C) belong to the samples; Keras would broadcast them along M.
    """
    if sample_weight is None:
        return np.ones(shape)
    weights = np.asarray(sample_weight).astype(dtype, copy=False)
    if weights.ndim == len(shape) + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    if 0 < weights.ndim < len(shape):
        weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    try:
        return np.broadcast_to(weights, shape)
    except ValueError:
        raise ValueError(
            f"The sample weights of the metric {name!r} do not fit: received shape "
            f"{np.shape(sample_weight)} for y_pred of shape {shape}. Expected one weight for each "
            f"sample, shape {shape[:1]}."
        ) from None


def _top_k_only(name: str, scores: np.ndarray, k: int) -> np.ndarray:
    """Scores with all but the k largest of each row set to `NOT_AMONG_TOP_K`."""
    if scores.ndim == 0 or k > scores.shape[-1]:
        raise ValueError(
            f"The metric {name!r} looks at top_k={k}, but received y_pred of shape "
            f"{scores.shape}. Expected rows of at least {k} scores."
        )
    order = np.argsort(-scores, axis=-1, kind="stable")
    among = np.zeros(scores.shape, bool)
    np.put_along_axis(among, order[..., :k], True, axis=-1)
    return np.where(among, scores, NOT_AMONG_TOP_K)
