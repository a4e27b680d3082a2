"""Between cross-entropy and absolute error: a loss that forgives wrong labels.

Sources: Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
Noisy Labels" (2018), eq. 6; keras/src/losses/losses.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.arguments import number
from scratchnet.losses.labels import LabelLoss


class CategoricalGeneralizedCrossEntropy(LabelLoss):
    """ℓ = (1 − p_t^q) / q, with p = ŷ and t the number of the right class

        ∂ℓ/∂ŷ_k = −p_t^{q − 1} where k = t, else 0

    For q → 0 this becomes −log p_t, for q = 1 it is 1 − p_t.

    Args:
        q: between 0 and 1.
        reduction, name, dtype: as every loss.

    Raises:
        ValueError: a q that is not between 0 and 1; a label that is no number of a class.

    Labels may be of shape (N,) or (N, 1); Keras compares each of the latter with every row.

    >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        kind = "CategoricalGeneralizedCrossEntropy"
        if not 0 < number(kind, "q", q) < 1:
            raise ValueError(f"{kind} received q={q!r}. Expected a number between 0 and 1.")
        super().__init__(name, reduction, dtype)
        self.q = number(kind, "q", q)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        labels = self._labels(y_true)[..., None]
        p = np.take_along_axis(y_pred, labels, axis=-1)[..., 0]
        return (1 - p**self.q) / self.q

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        one_hot = np.arange(y_pred.shape[-1]) == self._labels(y_true)[..., None]
        return np.where(one_hot, -(y_pred ** (self.q - 1)), 0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"q": self.q}


def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float
) -> np.ndarray:
    """`CategoricalGeneralizedCrossEntropy` of each sample: (N, …, C) gives (N, …)."""
    return CategoricalGeneralizedCrossEntropy(q, reduction=None)(y_true, y_pred)
