"""Metrics: what is watched but not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from scratchnet.metrics.metric import Mean, MeanMetricWrapper, Metric
from scratchnet.metrics.regression import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from scratchnet.serialization import get_object, serialize_object

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "get",
    "resolve",
    "serialize",
]

_KNOWN: dict[str, type[Metric]] = {
    "Accuracy": Accuracy,
    "acc": Accuracy,
    "BinaryAccuracy": BinaryAccuracy,
    "BinaryCrossentropy": BinaryCrossentropy,
    "CategoricalAccuracy": CategoricalAccuracy,
    "CategoricalCrossentropy": CategoricalCrossentropy,
    "Mean": Mean,
    "MeanAbsoluteError": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "MeanSquaredError": MeanSquaredError,
    "MSE": MeanSquaredError,
    "SparseCategoricalAccuracy": SparseCategoricalAccuracy,
    "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: Any) -> Metric:
    """The metric of that name or configuration; a function (y_true, y_pred) is wrapped.

    Raises:
        ValueError: an unknown name, with the closest known one.
        TypeError: anything else.
    """
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    return get_object(identifier, _KNOWN, "metric", Metric)


def resolve(identifier: Any, y_true: np.ndarray, y_pred: np.ndarray) -> Metric:
    """As `get`, where "accuracy" means the kind that fits these targets and predictions.

    One output is binary; targets of one class number are sparse; others are categorical. A metric
    that was given as a name is called by that name.
    """
    if identifier in ("accuracy", "acc"):
        sparse = y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1 < y_pred.shape[-1]
        kind = (
            BinaryAccuracy
            if y_pred.shape[-1] == 1
            else SparseCategoricalAccuracy
            if sparse
            else CategoricalAccuracy
        )
        return kind(name=identifier)
    metric = get(identifier)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def serialize(metric: Metric) -> dict[str, Any]:
    """What `get` and Keras take back."""
    return serialize_object(metric, "keras.metrics")
