"""Cross-entropy with targets that are probabilities: of one class out of C, or of C yes or no.

Probabilities are kept in [ε, 1 − ε], ε = 1e-7; what is cut off has gradient 0. With
`from_logits=True` the losses take z, what goes into the softmax or sigmoid; the training loop does
that by itself where a model ends in one (see `scratchnet.models.training`).

Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2;
keras/src/losses/losses.py and the TensorFlow backend that it calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.arguments import one_axis, share
from scratchnet.losses.loss import Loss
from scratchnet.losses.probabilities import (
    binary_log_loss,
    binary_log_loss_gradient,
    clip,
    inside,
    log_softmax,
    normalized_gradient,
    smooth_binary,
    smooth_classes,
)


class CrossEntropy(Loss):
    """Base of the losses of probabilities or logits, with smoothed targets.

    Args:
        from_logits: whether ŷ are logits.
        label_smoothing: α, from 0 to 1.
        axis: of the classes.
        name, reduction, dtype: as every loss.
    """

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        name: str | None,
        reduction: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        kind = type(self).__name__
        self.from_logits = bool(from_logits)
        self.label_smoothing = share(kind, "label_smoothing", label_smoothing)
        self.axis: int = one_axis(kind, axis)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class OneOfManyCrossEntropy(CrossEntropy):
    """Base of the losses whose targets are one-hot or a distribution over the classes."""

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        super().check(y_true, prediction_shape)
        if prediction_shape[-1] == 1:
            warnings.warn(
                f"The loss {self.name!r} received predictions of shape {tuple(prediction_shape)}: "
                f"a single class has probability 1, whatever the model learns. Expected an output "
                f"for each class; one yes or no goes with 'binary_crossentropy'.",
                SyntaxWarning,
                stacklevel=3,
            )

    def _shape_hint(self, shape: tuple[int | None, ...]) -> str:
        return (
            f" Class numbers go with 'sparse_categorical_crossentropy'; here each target is a row "
            f"of {shape[-1]} probabilities, such as np.eye({shape[-1]})[labels]."
        )


class CategoricalCrossentropy(OneOfManyCrossEntropy):
    """ℓ = −Σ_k y_k · log p_k, with y one-hot or a distribution over C classes.

    From logits, p = softmax(z) and ∂ℓ/∂z = p·Σ_k y_k − y. From probabilities, p = ŷ / Σ ŷ, kept in
    [ε, 1 − ε]. TensorFlow's ∂ℓ/∂z is p − y even where Σ_k y_k is not 1, for which it is wrong.

    Args:
        from_logits: whether ŷ are logits.
        label_smoothing: α in y·(1 − α) + α/C, with C the size of the last axis, as in Keras, even
            where the classes are along another.
        axis: of the classes.
        reduction, name, dtype: as every loss.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, name, reduction, dtype)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_classes(y_true, self.label_smoothing)
        if self.from_logits:
            return -(y * log_softmax(y_pred, self.axis)).sum(axis=self.axis)
        p = y_pred / y_pred.sum(axis=self.axis, keepdims=True)
        return -(y * np.log(clip(p))).sum(axis=self.axis)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_classes(y_true, self.label_smoothing)
        if self.from_logits:
            p = np.exp(log_softmax(y_pred, self.axis))
            return p * y.sum(axis=self.axis, keepdims=True) - y
        p = y_pred / y_pred.sum(axis=self.axis, keepdims=True)
        return normalized_gradient(np.where(inside(p), -y / clip(p), 0), y_pred, self.axis)


class BinaryCrossentropy(CrossEntropy):
    """ℓ = −mean_k [y_k·log p_k + (1 − y_k)·log(1 − p_k)], each output a yes or no of its own.

    From logits, p = σ(z), ℓ = mean_k [max(z_k, 0) − z_k·y_k + log(1 + e^{−|z_k|})] and
    ∂ℓ/∂z_k = (p_k − y_k)/C.

    Args:
        from_logits: whether ŷ are logits.
        label_smoothing: α in y·(1 − α) + α/2.
        axis: of the mean.
        reduction, name, dtype: as every loss.

    >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, name, reduction, dtype)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_binary(y_true, self.label_smoothing)
        return binary_log_loss(y, y_pred, self.from_logits).mean(axis=self.axis)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_binary(y_true, self.label_smoothing)
        slopes = binary_log_loss_gradient(y, y_pred, self.from_logits)
        return slopes / y_pred.shape[self.axis]


def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """`CategoricalCrossentropy` of each sample: (N, …, C) gives (N, …)."""
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis, reduction=None)
    return loss(y_true, y_pred)


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """`BinaryCrossentropy` of each sample: (N, …, C) gives (N, …)."""
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis, reduction=None)
    return loss(y_true, y_pred)
