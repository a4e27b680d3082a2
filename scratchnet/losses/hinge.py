"""Losses of a margin: no penalty once an output is on the right side by 1.

Source: keras/src/losses/losses.py. Where the margin is exactly 1 the gradient is that of the side
where the loss is not 0, as TensorFlow's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.loss import PlainLoss


class Hinge(PlainLoss):
    """ℓ = mean_k max(1 − y_k·ŷ_k, 0),    ∂ℓ/∂ŷ_k = −y_k/C where 1 − y_k·ŷ_k ≥ 0, else 0

    Targets y are −1 and 1. Where all those of a batch are 0 or 1 they are read as −1 and 1.

    Args:
        reduction, name, dtype: as every loss.

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.maximum(1 - signs(y_true) * y_pred, 0).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = signs(y_true)
        return np.where(1 - y * y_pred >= 0, -y, 0) / y_pred.shape[-1]


class SquaredHinge(PlainLoss):
    """ℓ = mean_k max(1 − y_k·ŷ_k, 0)²,    ∂ℓ/∂ŷ_k = −2·y_k·max(1 − y_k·ŷ_k, 0)/C

    Targets as for `Hinge`.

    Args:
        reduction, name, dtype: as every loss.

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.25
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.square(np.maximum(1 - signs(y_true) * y_pred, 0)).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = signs(y_true)
        return -2 * y * np.maximum(1 - y * y_pred, 0) / y_pred.shape[-1]


class CategoricalHinge(PlainLoss):
    """ℓ = max(1 + max_k (1 − y_k)·ŷ_k − Σ_k y_k·ŷ_k, 0), with y one-hot over C classes.

    The score of the right class against the best of the others (and against 0, which stands in the
    place of the right one). Where ℓ ≥ 0 before its max, ∂ℓ/∂ŷ_k = (1 − y_k)·s_k − y_k, with s_k
    the share of k in the inner maximum: equal ones share it equally.

    Args:
        reduction, name, dtype: as every loss.

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]]))
    0.75
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.maximum(self._margin(y_true, y_pred), 0)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        others = (1 - y_true) * y_pred
        largest = others == others.max(axis=-1, keepdims=True)
        shares = largest / largest.sum(axis=-1, keepdims=True).astype(y_pred.dtype)
        counts = self._margin(y_true, y_pred)[..., None] >= 0
        return np.where(counts, (1 - y_true) * shares - y_true, 0)

    def _margin(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        others = ((1 - y_true) * y_pred).max(axis=-1)
        return others - (y_true * y_pred).sum(axis=-1) + 1


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`Hinge` of each sample: (N, …, C) gives (N, …)."""
    return Hinge(reduction=None)(y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`SquaredHinge` of each sample: (N, …, C) gives (N, …)."""
    return SquaredHinge(reduction=None)(y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`CategoricalHinge` of each sample: (N, …, C) gives (N, …)."""
    return CategoricalHinge(reduction=None)(y_true, y_pred)


def signs(y: np.ndarray) -> np.ndarray:
    """2·y − 1 where every y is 0 or 1, else y itself.

    >>> signs(np.array([0.0, 1.0])), signs(np.array([-1.0, 1.0]))
    (array([-1.,  1.]), array([-1.,  1.]))
    """
    return 2 * y - 1 if ((y == 0) | (y == 1)).all() else y
