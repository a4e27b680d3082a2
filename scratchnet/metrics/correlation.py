"""How far predictions go along with targets.

Along an axis, with means μ and variances σ² of targets (1) and predictions (2),

    Pearson:      ρ   = mean[(y − μ₁)·(ŷ − μ₂)] / (σ₁·σ₂)
    concordance:  ρ_c = 2·mean[(y − μ₁)·(ŷ − μ₂)] / (σ₁² + σ₂² + (μ₁ − μ₂)² + ε),    ε = 1e-7

ρ is 1 for any rising line, ρ_c for ŷ = y only.

Sources: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility" (1989);
keras/src/metrics/correlation_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.metrics.arrays import pair
from scratchnet.metrics.reduction import MeanOfFunction


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """ρ along an axis: y_true, y_pred (N, …, C) give (N, …); NaN where either is constant.

    >>> pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).round(6).tolist()
    [1.0]
    """
    y, y_hat = _centred(y_true, y_pred, axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = y / np.sqrt(np.square(y).mean(axis=axis, keepdims=True))
        y_hat = y_hat / np.sqrt(np.square(y_hat).mean(axis=axis, keepdims=True))
        return (y * y_hat).mean(axis=axis)


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """ρ_c along an axis: y_true, y_pred (N, …, C) give (N, …).

    >>> concordance_correlation(np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 2.0, 3.0]])).round(4)
    array([0.5714])
    """
    targets, predictions = pair(y_true, y_pred)
    shift = targets.mean(axis=axis) - predictions.mean(axis=axis)
    y, y_hat = _centred(targets, predictions, axis)
    spread = np.square(y).mean(axis=axis) + np.square(y_hat).mean(axis=axis)
    return 2 * (y * y_hat).mean(axis=axis) / (spread + np.square(shift) + epsilon())


class PearsonCorrelation(MeanOfFunction):
    """Mean of `pearson_correlation` over all rows.

    Args:
        axis: along which targets and predictions are correlated.

    >>> round(float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 4)
    1.0
    """

    _direction = "up"

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanOfFunction):
    """Mean of `concordance_correlation` over all rows.

    Args:
        axis: along which targets and predictions are correlated.

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])), 4)
    0.5714
    """

    _direction = "up"

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


def _centred(y_true: ArrayLike, y_pred: ArrayLike, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """(y − μ₁, ŷ − μ₂)."""
    y, y_hat = pair(y_true, y_pred)
    return y - y.mean(axis=axis, keepdims=True), y_hat - y_hat.mean(axis=axis, keepdims=True)
