"""Losses as metrics: their mean over an epoch, weighted by Σ w.

Source: keras/src/metrics/regression_metrics.py, probabilistic_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import losses
from scratchnet.metrics.metric import MeanMetricWrapper


class _LossMetric(MeanMetricWrapper):
    _loss: type[losses.Loss]
    _arguments: tuple[str, ...] = ()

    def __init__(self, name: str | None = None, dtype: Any = None, **arguments: Any) -> None:
        super().__init__(self._values, name or losses.snake_case(type(self).__name__), dtype)
        unknown = set(arguments) - {*self._arguments, "axis"}
        if unknown:
            raise TypeError(
                f"{type(self).__name__} does not know {', '.join(sorted(unknown))}. Expected "
                f"{', '.join(self._arguments) or 'only a name and a dtype'}."
            )
        self._source = self._loss(reduction=None, **arguments)

    def _values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self._source(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self._source, name) for name in self._arguments}
        return super().get_config() | own


class MeanSquaredError(_LossMetric):
    """Mean of `losses.MeanSquaredError`."""

    _loss = losses.MeanSquaredError


class MeanAbsoluteError(_LossMetric):
    """Mean of `losses.MeanAbsoluteError`."""

    _loss = losses.MeanAbsoluteError


class CategoricalCrossentropy(_LossMetric):
    """Mean of `losses.CategoricalCrossentropy`; from_logits, label_smoothing as there."""

    _loss = losses.CategoricalCrossentropy
    _arguments = ("from_logits", "label_smoothing")


class SparseCategoricalCrossentropy(_LossMetric):
    """Mean of `losses.SparseCategoricalCrossentropy`; from_logits as there."""

    _loss = losses.SparseCategoricalCrossentropy
    _arguments = ("from_logits",)


class BinaryCrossentropy(_LossMetric):
    """Mean of `losses.BinaryCrossentropy`; from_logits, label_smoothing as there."""

    _loss = losses.BinaryCrossentropy
    _arguments = ("from_logits", "label_smoothing")
