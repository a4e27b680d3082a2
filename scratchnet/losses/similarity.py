"""The angle between prediction and target.

Source: keras/src/losses/losses.py, keras/src/ops/nn.py (normalize).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.losses.arguments import one_axis
from scratchnet.losses.loss import Loss


class CosineSimilarity(Loss):
    """ℓ = −Σ_k u_k·v_k with u = y/‖y‖ and v = ŷ/‖ŷ‖ along `axis`: −1 for the same direction, 0
    for right angles, 1 for opposite ones.

        ∂ℓ/∂ŷ = −(u − v·Σ_k u_k·v_k) / ‖ŷ‖

    A vector is multiplied by at most 1/ε, ε = 1e-7: one shorter than ε keeps a length below 1, the
    zero vector is similar to none, and then ∂ℓ/∂ŷ = −u/ε.

    Args:
        axis: along which the vectors lie.
        reduction, name, dtype: as every loss.

    Keras leaves axis out of the configuration, so that a loaded loss has −1; here it is there.

    >>> float(CosineSimilarity()([[0.0, 2.0]], [[3.0, 4.0]]))
    -0.8
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis: int = one_axis("CosineSimilarity", axis)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        u, v = y_true * self._scale(y_true), y_pred * self._scale(y_pred)
        return -(u * v).sum(axis=self.axis)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        scale = self._scale(y_pred)
        u, v = y_true * self._scale(y_true), y_pred * scale
        along = v * (u * v).sum(axis=self.axis, keepdims=True)
        bounded = self._inverse_norm(y_pred) > 1 / epsilon()
        return -(u - np.where(bounded, 0, along)) * scale

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}

    def _inverse_norm(self, y: np.ndarray) -> np.ndarray:
        return 1 / np.sqrt(np.square(y).sum(axis=self.axis, keepdims=True))

    def _scale(self, y: np.ndarray) -> np.ndarray:
        return np.minimum(self._inverse_norm(y), 1 / epsilon())


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """`CosineSimilarity` of each sample: (N, …, C) gives (N, …)."""
    return CosineSimilarity(axis, reduction=None)(y_true, y_pred)
