"""Losses of real numbers, each the mean over the C outputs of a penalty of the error e = ŷ − y.

Source: keras/src/losses/losses.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.losses.arguments import number
from scratchnet.losses.loss import Loss, PlainLoss


class MeanSquaredError(PlainLoss):
    """ℓ = mean_k e_k²,    ∂ℓ/∂ŷ_k = 2·e_k/C

    Args:
        reduction, name, dtype: as every loss.

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.square(y_pred - y_true).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return 2 * (y_pred - y_true) / y_pred.shape[-1]


class MeanAbsoluteError(PlainLoss):
    """ℓ = mean_k |e_k|,    ∂ℓ/∂ŷ_k = sign(e_k)/C, which is 0 where e_k = 0

    Args:
        reduction, name, dtype: as every loss.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.abs(y_pred - y_true).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.sign(y_pred - y_true) / y_pred.shape[-1]


class MeanAbsolutePercentageError(PlainLoss):
    """ℓ = 100 · mean_k |e_k| / max(|y_k|, ε),    ∂ℓ/∂ŷ_k = 100·sign(e_k) / (max(|y_k|, ε)·C)

    ε = 1e-7 keeps a target of 0 from a division by 0.

    Args:
        reduction, name, dtype: as every loss.

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return 100 * np.abs((y_pred - y_true) / self._size(y_true)).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return 100 * np.sign(y_pred - y_true) / self._size(y_true) / y_pred.shape[-1]

    def _size(self, y_true: np.ndarray) -> np.ndarray:
        return np.maximum(np.abs(y_true), epsilon())


class MeanSquaredLogarithmicError(PlainLoss):
    """ℓ = mean_k (log(1 + max(ŷ_k, ε)) − log(1 + max(y_k, ε)))²

        ∂ℓ/∂ŷ_k = 2·(log(1 + ŷ_k) − log(1 + max(y_k, ε))) / ((1 + ŷ_k)·C),    0 where ŷ_k < ε

    ε = 1e-7, rounded to float32 as in Keras even where all else is float64.

    Args:
        reduction, name, dtype: as every loss.

    >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
    0.4805
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.square(self._log(y_pred) - self._log(y_true)).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        slope = 2 * (self._log(y_pred) - self._log(y_true)) / (1 + y_pred) / y_pred.shape[-1]
        return np.where(y_pred >= self._epsilon(y_pred), slope, 0)

    def _log(self, y: np.ndarray) -> np.ndarray:
        return np.log(1 + np.maximum(y, self._epsilon(y)))

    def _epsilon(self, y: np.ndarray) -> np.floating:
        return y.dtype.type(np.float32(epsilon()))


class Huber(Loss):
    """Square near 0, straight beyond δ: ℓ = mean_k h(e_k),

        h(e) = e²/2            ∂h/∂e = e              where |e| ≤ δ
        h(e) = δ·|e| − δ²/2    ∂h/∂e = δ·sign(e)      elsewhere

    Args:
        delta: δ.
        reduction, name, dtype: as every loss.

    Keras leaves delta out of the configuration, so that a loaded loss has δ = 1; here it is there.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964).

    >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = number("Huber", "delta", delta)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        e, delta = y_pred - y_true, self.delta
        straight = delta * np.abs(e) - 0.5 * delta**2
        return np.where(np.abs(e) <= delta, 0.5 * np.square(e), straight).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        e, delta = y_pred - y_true, self.delta
        return np.where(np.abs(e) <= delta, e, delta * np.sign(e)) / y_pred.shape[-1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"delta": self.delta}


class LogCosh(PlainLoss):
    """ℓ = mean_k log cosh e_k = mean_k [e_k + log(1 + exp(−2·e_k)) − log 2]

        ∂ℓ/∂ŷ_k = tanh(e_k)/C

    Nearly e²/2 for small errors and |e| − log 2 for large ones. Keras rounds log 2 to float32 even
    in float64, which makes the loss of a perfect prediction −1.9e-9, and so does this.

    Args:
        reduction, name, dtype: as every loss.

    >>> round(float(LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        e = y_pred - y_true
        log2 = e.dtype.type(np.float32(np.log(2)))
        return (e + np.logaddexp(0, -2 * e) - log2).mean(axis=-1)

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.tanh(y_pred - y_true) / y_pred.shape[-1]


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`MeanSquaredError` of each sample: (N, …, C) gives (N, …)."""
    return MeanSquaredError(reduction=None)(y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`MeanAbsoluteError` of each sample: (N, …, C) gives (N, …)."""
    return MeanAbsoluteError(reduction=None)(y_true, y_pred)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`MeanAbsolutePercentageError` of each sample: (N, …, C) gives (N, …)."""
    return MeanAbsolutePercentageError(reduction=None)(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`MeanSquaredLogarithmicError` of each sample: (N, …, C) gives (N, …)."""
    return MeanSquaredLogarithmicError(reduction=None)(y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """`Huber` of each sample: (N, …, C) gives (N, …)."""
    return Huber(delta, reduction=None)(y_true, y_pred)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """`LogCosh` of each sample: (N, …, C) gives (N, …)."""
    return LogCosh(reduction=None)(y_true, y_pred)
