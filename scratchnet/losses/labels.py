"""Losses whose targets are class numbers: what such a label may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.losses.loss import Loss


class LabelLoss(Loss):
    """Base of the losses with one class number (N, …) for each row (N, …, C) of predictions."""

    ignore_class: int | None = None  # a label whose rows do not count

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        """Raise ValueError where a label is missing, or is no number of a class.

        Keras's TensorFlow backend returns NaN for such a label, which hides the mistake until
        training has failed.
        """
        shape = tuple(prediction_shape)
        target = tuple(y_true.shape)
        if len(target) == len(shape) and target[-1:] == (1,):
            target = target[:-1]
        if (
            not shape
            or len(target) != len(shape) - 1
            or any(s is not None and t != s for t, s in zip(target, shape, strict=False))
        ):
            raise ValueError(
                f"The labels do not fit the predictions: the loss {self.name!r} received y of "
                f"shape {tuple(y_true.shape)} for predictions of shape {shape}. Expected one class "
                f"number for each row, shape {shape[:-1]}; one-hot rows go with "
                f"'categorical_crossentropy'."
            )
        classes = shape[-1]
        assert classes is not None
        labels = np.asarray(y_true)
        wrong = ~((labels >= 0) & (labels < classes))
        if self.ignore_class is not None:
            wrong &= labels != self.ignore_class
        if wrong.any():
            where = np.argwhere(wrong)[0]
            raise ValueError(
                f"A label is out of range: y{[int(i) for i in where]} is {labels[tuple(where)]}, "
                f"but the predictions have {classes} classes. Expected labels from 0 to "
                f"{classes - 1}: give the last layer more units, or renumber the labels."
            )

    def _mask(self, y_true: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        return self._counted(y_true)

    def _counted(self, y_true: np.ndarray) -> np.ndarray | None:
        """Which labels are not the one to ignore; None means all."""
        return None if self.ignore_class is None else y_true != self.ignore_class

    def _standardize(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        labels = np.asarray(y_true)
        predictions = self._predictions(y_pred)
        self.check(labels, predictions.shape)
        return labels.reshape(predictions.shape[:-1]), predictions

    def _labels(self, y_true: np.ndarray) -> np.ndarray:
        """Class numbers, with 0 where they do not count."""
        counted = self._counted(y_true)
        return (y_true if counted is None else np.where(counted, y_true, 0)).astype(np.int64)
