"""Losses that compare what is expected with what is observed: of distributions and of counts.

Source: keras/src/losses/losses.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.losses.loss import PlainLoss
from scratchnet.losses.probabilities import clip, inside


class KLDivergence(PlainLoss):
    """ℓ = Σ_k y_k · log(y_k / p_k), with y and p = ŷ both kept in [ε, 1], ε = 1e-7

        ∂ℓ/∂ŷ_k = −y_k / p_k,    0 where ŷ_k is outside [ε, 1]

    The information lost where the distribution ŷ stands for y.

    Args:
        reduction, name, dtype: as every loss.

    Source: Kullback and Leibler, "On Information and Sufficiency" (1951).

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y, p = clip(y_true, 1.0), clip(y_pred, 1.0)
        return (y * np.log(y / p)).sum(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y, p = clip(y_true, 1.0), clip(y_pred, 1.0)
        return np.where(inside(y_pred, 1.0), -y / p, 0)


class Poisson(PlainLoss):
    """ℓ = mean_k [ŷ_k − y_k · log(ŷ_k + ε)], ε = 1e-7,    ∂ℓ/∂ŷ_k = (1 − y_k / (ŷ_k + ε)) / C

    Up to a term of y alone, −log of the probability that a Poisson variable of mean ŷ_k is y_k.

    Args:
        reduction, name, dtype: as every loss.

    >>> round(float(Poisson()([[2.0]], [[1.0]])), 4)
    1.0
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return (y_pred - y_true * np.log(y_pred + epsilon())).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return (1 - y_true / (y_pred + epsilon())) / y_pred.shape[-1]


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`KLDivergence` of each sample: (N, …, C) gives (N, …)."""
    return KLDivergence(reduction=None)(y_true, y_pred)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`Poisson` of each sample: (N, …, C) gives (N, …)."""
    return Poisson(reduction=None)(y_true, y_pred)
