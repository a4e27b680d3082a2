"""Losses of overlap, for masks: how much of prediction and target is in both.

Sums run over `axis`: by default over everything, the samples too, which gives one ℓ for the whole
batch; axis=(1, 2, 3) gives one for each image. ε = 1e-7 keeps an empty pair from a division by 0.

Source: keras/src/losses/losses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.losses.arguments import number, several_axes
from scratchnet.losses.loss import Loss

Axes = int | Sequence[int] | None


class Dice(Loss):
    """ℓ = 1 − 2·Σ y·ŷ / S with S = Σ y + Σ ŷ + ε,    ∂ℓ/∂ŷ = 2·(Σ y·ŷ / S − y) / S

    Args:
        reduction, name, dtype: as every loss.
        axis: of the sums, one or several; None means all.

    Source: Milletari, Navab and Ahmadi, "V-Net" (2016), section 3, without their squares.

    >>> round(float(Dice()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
    0.3333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = several_axes("Dice", axis)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        both = (y_true * y_pred).sum(axis=self.axis)
        return 1 - 2 * both / (y_true.sum(axis=self.axis) + y_pred.sum(axis=self.axis) + epsilon())

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        both = (y_true * y_pred).sum(axis=self.axis, keepdims=True)
        total = (y_true + y_pred).sum(axis=self.axis, keepdims=True) + epsilon()
        return 2 * (both / total - y_true) / total

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**_with_plain_axis(config))


class Tversky(Loss):
    """ℓ = 1 − T/S with T = Σ y·ŷ and S = T + α·Σ y·(1 − ŷ) + β·Σ (1 − y)·ŷ + ε

        ∂ℓ/∂ŷ = (T·(y − α·y + β·(1 − y)) / S − y) / S

    α counts what the prediction misses and β what it has too much. That is how Keras computes it;
    its documentation says it the other way round. α = β = ½ is `Dice`, up to ε.

    Args:
        alpha: α.
        beta: β.
        reduction, name, dtype: as every loss.
        axis: of the sums, one or several; None means all.

    Source: Salehi, Erdogmus and Gholipour, "Tversky Loss Function for Image Segmentation Using 3D
    Fully Convolutional Deep Networks" (2017), eq. 4.

    >>> round(float(Tversky(alpha=0.25, beta=0.75)([[1.0, 0.0]], [[1.0, 1.0]])), 4)
    0.4286
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = number("Tversky", "alpha", alpha)
        self.beta = number("Tversky", "beta", beta)
        self.axis = several_axes("Tversky", axis)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        both, total = self._sums(y_true, y_pred, keepdims=False)
        return 1 - both / total

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        both, total = self._sums(y_true, y_pred, keepdims=True)
        dtotal = y_true - self.alpha * y_true + self.beta * (1 - y_true)
        return (both * dtotal / total - y_true) / total

    def get_config(self) -> dict[str, Any]:
        own = {"alpha": self.alpha, "beta": self.beta, "axis": self.axis}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**_with_plain_axis(config))

    def _sums(
        self, y: np.ndarray, y_pred: np.ndarray, keepdims: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """(T, S)."""
        both = (y * y_pred).sum(axis=self.axis, keepdims=keepdims)
        missed = (y * (1 - y_pred)).sum(axis=self.axis, keepdims=keepdims)
        too_much = ((1 - y) * y_pred).sum(axis=self.axis, keepdims=keepdims)
        return both, both + self.alpha * missed + self.beta * too_much + epsilon()


def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axes = None) -> np.ndarray:
    """`Dice` without reduction: one number where axis is None."""
    return Dice(reduction=None, axis=axis)(y_true, y_pred)


def tversky(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: Axes = None,
) -> np.ndarray:
    """`Tversky` without reduction: one number where axis is None."""
    return Tversky(alpha, beta, reduction=None, axis=axis)(y_true, y_pred)


def _with_plain_axis(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the axes that Keras writes as an object read back."""
    axis = config.get("axis")
    return config | {"axis": axis["config"]["value"]} if isinstance(axis, dict) else config
