"""Accuracy: the share of samples whose prediction is right.

Source: keras/src/metrics/accuracy_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.metrics.metric import MeanMetricWrapper


class Accuracy(MeanMetricWrapper):
    """Share of predictions that equal the target exactly.

    >>> float(Accuracy()([1, 2], [1, 3]))
    0.5
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(_equal, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Share of outputs on the right side of `threshold`; one exactly on it counts as a no.

    >>> float(BinaryAccuracy()([[1], [0]], [[0.9], [0.5]]))
    1.0
    """

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        if not 0 < threshold < 1:
            raise ValueError(
                f"BinaryAccuracy received threshold={threshold!r}. Expected a number between 0 "
                f"and 1."
            )
        super().__init__(self._right, name, dtype)
        self.threshold = threshold

    def _right(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        y_true, y_pred = _match(y_true, y_pred)
        yes = y_pred > np.asarray(self.threshold, y_pred.dtype)
        return (y_true == yes).mean(axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"threshold": self.threshold}


class CategoricalAccuracy(MeanMetricWrapper):
    """Share of rows whose largest probability stands where the target's largest stands.

    The first of several equal ones counts, in both.

    >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_same_class, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Share of rows whose largest probability (the first of several) is that of the label.

    >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_class_is, name, dtype)


def _match(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A column of targets for a column of predictions."""
    if y_true.ndim == 1 and y_pred.ndim == 2 and y_pred.shape[-1] == 1:
        y_true = y_true[:, None]
    elif y_pred.ndim == 1 and y_true.ndim == 2 and y_true.shape[-1] == 1:
        y_pred = y_pred[:, None]
    return y_true, y_pred


def _equal(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    y_true, y_pred = _match(y_true, y_pred)
    return y_true == y_pred


def _same_class(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    return _first_largest(y_true) == _first_largest(y_pred)


def _class_is(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    labels = y_true[..., 0] if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    return labels == _first_largest(y_pred)


def _first_largest(rows: np.ndarray) -> np.ndarray:
    return rows.argmax(axis=-1)
