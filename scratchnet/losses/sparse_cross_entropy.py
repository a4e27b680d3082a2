"""Cross-entropy with targets that are class numbers.

Source: keras/src/losses/losses.py and the TensorFlow backend that it calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.arguments import one_axis
from scratchnet.losses.labels import LabelLoss
from scratchnet.losses.probabilities import clip, inside, log_softmax


class SparseCategoricalCrossentropy(LabelLoss):
    """ℓ = −log p_t, with t the number of the right class.

    From logits, p = softmax(z) and ∂ℓ/∂z = p − onehot(t). From probabilities, p = ŷ kept in
    [ε, 1 − ε] and then divided by its sum; what is cut off has gradient 0. Of a model that ends in
    a softmax the training loop takes the logits, but, as in Keras, not with an ignore_class.

    Args:
        from_logits: whether ŷ are logits.
        ignore_class: a label whose samples do not count; None means that all do.
        axis: of the classes: −1 or the number of the last axis.
        reduction, name, dtype: as every loss.

    Raises:
        ValueError: a label that is no number of a class; another axis than the last.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        # Keras loses sight of the logits when it blanks out what does not count
        self.activation = "softmax" if ignore_class is None else None
        self.from_logits = bool(from_logits)
        self.ignore_class = ignore_class
        self.axis: int = one_axis("SparseCategoricalCrossentropy", axis)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        labels = self._labels(y_true)[..., None]
        values = -np.take_along_axis(self._log_p(y_pred), labels, axis=-1)[..., 0]
        counted = self._counted(y_true)
        return values if counted is None else np.where(counted, values, 0)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        one_hot = np.arange(y_pred.shape[-1]) == self._labels(y_true)[..., None]
        slopes = np.exp(self._log_p(y_pred)) - one_hot
        if not self.from_logits:
            slopes = np.where(inside(y_pred), slopes / clip(y_pred), 0)
        counted = self._counted(y_true)
        return slopes if counted is None else np.where(counted[..., None], slopes, 0)

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        super().check(y_true, prediction_shape)
        last = len(prediction_shape) - 1
        if self.axis not in (-1, last):
            raise ValueError(
                f"The loss {self.name!r} has axis={self.axis!r}, but works along the last axis "
                f"only, as Keras's TensorFlow backend. Expected -1, or {last} for predictions of "
                f"shape {tuple(prediction_shape)}; np.moveaxis brings the classes there."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
        }

    def _log_p(self, y_pred: np.ndarray) -> np.ndarray:
        return log_softmax(y_pred if self.from_logits else np.log(clip(y_pred)))


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """`SparseCategoricalCrossentropy` of each sample: (N, …, C) gives (N, …)."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, reduction=None, axis=axis)
    return loss(y_true, y_pred)
