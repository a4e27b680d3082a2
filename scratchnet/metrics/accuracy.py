"""Accuracy: the share of samples whose prediction is right.

Each kind is a function, 1 or 0 for each prediction, and a metric, the mean of it.

Source: keras/src/metrics/accuracy_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import floatx
from scratchnet.losses.loss import same_rank
from scratchnet.metrics.arrays import as_array, pair
from scratchnet.metrics.reduction import MeanOfFunction


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """1 where the prediction equals the target exactly: y_true, y_pred (N, …) give (N, …)."""
    targets, predictions = pair(y_true, y_pred)
    return (targets == predictions).astype(floatx())


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """1 where [ŷ > threshold] = y, for y of 0 and 1: y_true, y_pred (N, …) give (N, …).

    >>> binary_accuracy([[1], [0]], [[0.9], [0.5]]).tolist()
    [[1.0], [1.0]]
    """
    targets, predictions = same_rank(as_array(y_true), as_array(y_pred))
    yes = predictions > np.dtype(floatx()).type(threshold)
    return (targets == yes).astype(floatx())


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """1 where argmax ŷ = argmax y: y_true, y_pred (N, …, C) give (N, …).

    Raises ValueError where the shapes differ; class numbers go with
    `sparse_categorical_accuracy`.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]).tolist()
    [1.0, 0.0]
    """
    targets, predictions = as_array(y_true), as_array(y_pred)
    _require_rows(targets, predictions)
    return (first_largest(targets) == first_largest(predictions)).astype(floatx())


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """1 where argmax ŷ = y: labels y_true (N, …) or (N, …, 1), y_pred (N, …, C) give (N, …).

    Raises ValueError where the labels do not fit; one-hot rows go with `categorical_accuracy`.

    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]]).tolist()
    [1.0, 0.0]
    """
    labels, predictions = as_array(y_true), as_array(y_pred)
    labels = _labels(labels, predictions)
    right = (labels == first_largest(predictions)).astype(floatx())
    return right[..., 0] if right.ndim > 1 and right.shape[-1] == 1 else right


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> np.ndarray:
    """1 where argmax y is among the k largest ŷ: y_true, y_pred (N, …, C) give (N, …).

    A class is among them where fewer than k of its row are larger, so ties with the k-th all
    count. A row that is not finite counts as wrong.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.6, 0.3]], k=2).tolist()
    [1.0]
    """
    targets, predictions = as_array(y_true), as_array(y_pred)
    _require_rows(targets, predictions)
    return _in_top_k(first_largest(targets), predictions, k).astype(floatx())


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """As `top_k_categorical_accuracy`, for labels y_true (N, …) instead of one-hot rows.

    With `from_sorted_ids`, y_pred holds class numbers, the most probable first, of which the
    first k count. The result has the shape of y_true.

    >>> sparse_top_k_categorical_accuracy([2], [[0.1, 0.6, 0.3]], k=2).tolist()
    [1.0]
    """
    targets, predictions = as_array(y_true), as_array(y_pred)
    labels = _labels(targets, predictions)
    if from_sorted_ids:
        right = (labels[..., None] == predictions[..., : _positive(k)]).any(axis=-1)
    else:
        right = _in_top_k(labels, predictions, k)
    return right.astype(floatx()).reshape(targets.shape)


class Accuracy(MeanOfFunction):
    """Share of predictions that equal the target exactly.

    >>> float(Accuracy()([1, 2], [1, 3]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanOfFunction):
    """Share of outputs on the right side of `threshold`; one exactly on it counts as a no.

    Args:
        threshold: 0.5 for probabilities; 0 for logits.

    >>> float(BinaryAccuracy()([[1], [0]], [[0.9], [0.5]]))
    1.0
    """

    _direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        if not isinstance(threshold, (int, float, np.number)) or not np.isfinite(threshold):
            raise ValueError(
                f"BinaryAccuracy received threshold={threshold!r}. Expected a finite number, such "
                f"as 0.5 for probabilities or 0 for logits."
            )
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanOfFunction):
    """Share of rows whose largest probability stands where the target's largest stands.

    The first of several equal ones counts, in both.

    >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanOfFunction):
    """Share of rows whose largest probability (the first of several) is that of the label.

    >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanOfFunction):
    """Share of rows whose right class is among the k largest; see the function for ties.

    >>> float(TopKCategoricalAccuracy(k=2)([[0, 0, 1], [1, 0, 0]], [[0.1, 0.6, 0.3]] * 2))
    0.5
    """

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=_positive(k))
        self.k = k


class SparseTopKCategoricalAccuracy(MeanOfFunction):
    """Share of rows whose label is among the k largest; see the function for ties.

    Args:
        k: how many of a row count.
        from_sorted_ids: whether y_pred holds class numbers, the most probable first.

    >>> float(SparseTopKCategoricalAccuracy(k=2)([2, 0], [[0.1, 0.6, 0.3]] * 2))
    0.5
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name,
            dtype,
            k=_positive(k),
            from_sorted_ids=from_sorted_ids,
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.from_sorted_ids:
            del config["from_sorted_ids"]  # as in Keras, whose older versions do not know it
        return config


def first_largest(rows: np.ndarray, axis: int = -1) -> np.ndarray:
    """The number of the largest entry along an axis, the first of several; NaN is none.

    A row of NaN alone gives 0. NumPy's own argmax would point at the first NaN.
    """
    if np.issubdtype(rows.dtype, np.floating):
        rows = np.where(np.isnan(rows), -np.inf, rows)
    return rows.argmax(axis=axis)


def _in_top_k(labels: np.ndarray, predictions: np.ndarray, k: int) -> np.ndarray:
    """Whether fewer than k of each row are larger than the label's own, as TensorFlow counts."""
    known = (labels >= 0) & (labels < predictions.shape[-1])
    at = np.where(known, labels, 0).astype(np.int64)[..., None]
    own = np.take_along_axis(predictions, at, axis=-1)
    larger = (predictions > own).sum(axis=-1)
    return known & np.isfinite(predictions).all(axis=-1) & (larger < _positive(k))


def _positive(k: int) -> int:
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"Received k={k!r}. Expected how many of each row count, at least 1.")
    return int(k)


def _labels(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Class numbers of the shape (N, …) of the rows of y_pred."""
    if labels.ndim == predictions.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != predictions.shape[:-1]:
        raise ValueError(
            f"The labels do not fit the predictions: received y_true of shape {labels.shape} for "
            f"y_pred of shape {predictions.shape}. Expected one class number for each row, shape "
            f"{predictions.shape[:-1]}; one-hot rows go with the categorical accuracy that is not "
            f"sparse."
        )
    return labels


def _require_rows(targets: np.ndarray, predictions: np.ndarray) -> None:
    if targets.shape != predictions.shape or targets.ndim == 0:
        raise ValueError(
            f"The targets do not fit the predictions: received y_true of shape {targets.shape} "
            f"for y_pred of shape {predictions.shape}. Expected rows of the same shape; class "
            f"numbers go with the sparse categorical accuracy."
        )
