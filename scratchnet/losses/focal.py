"""Focal losses: cross-entropy that turns to what is still wrong.

Each term of the cross-entropy is multiplied by (1 − p_t)^γ, with p_t the probability given to what
is right: γ = 0 is plain cross-entropy, and the greater γ, the less counts what is right already.

Sources: Lin et al., "Focal Loss for Dense Object Detection" (2017), eqs. 4 and 5;
keras/src/losses/losses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.arguments import number
from scratchnet.losses.cross_entropy import CrossEntropy, OneOfManyCrossEntropy
from scratchnet.losses.probabilities import (
    binary_log_loss,
    binary_log_loss_gradient,
    clip,
    inside,
    log_softmax,
    normalized_gradient,
    sigmoid,
    smooth_binary,
    smooth_classes,
    softmax_gradient,
)


class BinaryFocalCrossentropy(CrossEntropy):
    """ℓ = mean_k w_k · (1 − t_k)^γ · b_k, each output a yes or no of its own, with

        b_k = −y_k·log p_k − (1 − y_k)·log(1 − p_k)    cross-entropy
        t_k = y_k·p_k + (1 − y_k)·(1 − p_k)            probability of what is right
        w_k = y_k·α + (1 − y_k)·(1 − α)                with apply_class_balancing, else 1

        ∂ℓ/∂p_k = w_k · [(1 − t_k)^γ · ∂b_k/∂p_k − γ·(1 − t_k)^{γ−1}·(2·y_k − 1)·b_k] / C

    From logits p = σ(z), ∂p/∂z = p·(1 − p) and ∂b/∂z = p − y. From probabilities p = ŷ, in b kept
    in [ε, 1 − ε]. Of a model that ends in a sigmoid the training loop takes the logits, as Keras
    does.

    Args:
        apply_class_balancing: whether to weigh yes by α and no by 1 − α.
        alpha: α.
        gamma: γ.
        from_logits: whether ŷ are logits.
        label_smoothing: s in y·(1 − s) + s/2.
        axis: of the mean.
        reduction, name, dtype: as every loss.

    With γ = 0 the factor is constant and adds no gradient; TensorFlow's is NaN where t_k = 1.

    >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
    0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, name, reduction, dtype)
        # Keras's applies a sigmoid of its own to whatever comes with from_logits=True
        self.activation = None if from_logits else "sigmoid"
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = number("BinaryFocalCrossentropy", "alpha", alpha)
        self.gamma = number("BinaryFocalCrossentropy", "gamma", gamma)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_binary(y_true, self.label_smoothing)
        b = binary_log_loss(y, y_pred, self.from_logits)
        wrong = self._wrong(y, sigmoid(y_pred) if self.from_logits else y_pred)
        return (self._weight(y) * wrong**self.gamma * b).mean(axis=self.axis)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y = smooth_binary(y_true, self.label_smoothing)
        p = sigmoid(y_pred) if self.from_logits else y_pred
        b = binary_log_loss(y, y_pred, self.from_logits)
        db = binary_log_loss_gradient(y, y_pred, self.from_logits)
        wrong = self._wrong(y, p)
        dfactor = _power_gradient(wrong, self.gamma) * (1 - 2 * y)
        if self.from_logits:
            dfactor = dfactor * p * (1 - p)
        slopes = self._weight(y) * (wrong**self.gamma * db + dfactor * b)
        return slopes / y_pred.shape[self.axis]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }

    def _wrong(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """1 − t."""
        return 1 - (y * p + (1 - y) * (1 - p))

    def _weight(self, y: np.ndarray) -> np.ndarray:
        if not self.apply_class_balancing:
            return np.ones_like(y)
        return y * self.alpha + (1 - y) * (1 - self.alpha)


class CategoricalFocalCrossentropy(OneOfManyCrossEntropy):
    """ℓ = −Σ_k α_k · (1 − p_k)^γ · y_k · log p_k, with y one-hot or a distribution over C classes

        ∂ℓ/∂p_k = α_k · y_k · [γ·(1 − p_k)^{γ−1}·log p_k − (1 − p_k)^γ / p_k]

    From logits p = softmax(z), from probabilities p = ŷ / Σ ŷ; p is kept in [ε, 1 − ε], and what is
    cut off has gradient 0. Unlike the plain cross-entropy, this one does not take the logits of a
    model that ends in a softmax by itself: Keras's does not either.

    Args:
        alpha: α, one number for all classes or one for each. Keras rounds a list of them to
            float32, and so does this; an array keeps its precision.
        gamma: γ.
        from_logits: whether ŷ are logits.
        label_smoothing: s in y·(1 − s) + s/C, with C the size of the last axis, as in Keras, even
            where the classes are along another.
        axis: of the classes; several α stand along the last.
        reduction, name, dtype: as every loss.

    >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self,
        alpha: float | Sequence[float] | np.ndarray = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, name, reduction, dtype)
        self.alpha: float | list[float] | np.ndarray
        if isinstance(alpha, np.ndarray):
            self.alpha = alpha
        elif isinstance(alpha, (list, tuple)):
            self.alpha = [number("CategoricalFocalCrossentropy", "alpha", a) for a in alpha]
        else:
            self.alpha = number("CategoricalFocalCrossentropy", "alpha", alpha)
        self.gamma = number("CategoricalFocalCrossentropy", "gamma", gamma)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y, p = smooth_classes(y_true, self.label_smoothing), clip(self._probabilities(y_pred))
        terms = self._alpha(p.dtype) * (1 - p) ** self.gamma * -y * np.log(p)
        return terms.sum(axis=self.axis)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y, free = smooth_classes(y_true, self.label_smoothing), self._probabilities(y_pred)
        p = clip(free)
        slope = _power_gradient(1 - p, self.gamma) * np.log(p) - (1 - p) ** self.gamma / p
        dp = np.where(inside(free), self._alpha(p.dtype) * y * slope, 0)
        if self.from_logits:
            return softmax_gradient(dp, free, self.axis)
        return normalized_gradient(dp, y_pred, self.axis)

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        super().check(y_true, prediction_shape)
        if np.ndim(self.alpha) and np.shape(self.alpha) not in ((1,), tuple(prediction_shape[-1:])):
            raise ValueError(
                f"The loss {self.name!r} has alpha={self.alpha!r} for predictions of shape "
                f"{tuple(prediction_shape)}. Expected one number, or {prediction_shape[-1]} of "
                f"them: one for each class."
            )

    def get_config(self) -> dict[str, Any]:
        alpha = self.alpha.tolist() if isinstance(self.alpha, np.ndarray) else self.alpha
        return super().get_config() | {"alpha": alpha, "gamma": self.gamma}

    def _probabilities(self, y_pred: np.ndarray) -> np.ndarray:
        if self.from_logits:
            return np.exp(log_softmax(y_pred, self.axis))
        return y_pred / y_pred.sum(axis=self.axis, keepdims=True)

    def _alpha(self, dtype: np.dtype) -> np.ndarray:
        if isinstance(self.alpha, list):
            return np.asarray(self.alpha, np.float32).astype(dtype)
        return np.asarray(self.alpha).astype(dtype)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """`BinaryFocalCrossentropy` of each sample: (N, …, C) gives (N, …)."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis, reduction=None
    )
    return loss(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] | np.ndarray = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """`CategoricalFocalCrossentropy` of each sample: (N, …, C) gives (N, …)."""
    loss = CategoricalFocalCrossentropy(
        alpha, gamma, from_logits, label_smoothing, axis, reduction=None
    )
    return loss(y_true, y_pred)


def _power_gradient(x: np.ndarray, gamma: float) -> np.ndarray:
    """∂x^γ/∂x = γ·x^{γ−1}, 0 for γ = 0 even where x is."""
    return gamma * x ** (gamma - 1) if gamma else np.zeros_like(x)
