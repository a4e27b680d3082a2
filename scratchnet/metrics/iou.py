"""Intersection over union: how well predicted regions cover the true ones.

With M the confusion matrix (row: class of y_true, column: of y_pred), for a class c

    IoU_c = M_cc / (Σ_j M_cj + Σ_i M_ic − M_cc)

and the result is the mean over the wanted classes that occur in either.

Keras divides in float32 whatever the dtype, and adds ε = 1e-7 to both denominators, so that even
a perfect IoU is a little less than 1; the same is done here.

Sources: Everingham et al., "The Pascal Visual Object Classes Challenge" (2010), section 4.3;
keras/src/metrics/iou_metrics.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon, standardize_dtype
from scratchnet.metrics.accuracy import first_largest
from scratchnet.metrics.arrays import as_array
from scratchnet.metrics.metric import Metric


class IoU(Metric):
    """Mean IoU of some of the classes.

    Entries whose true or predicted class is none of 0 … num_classes − 1 do not count.

    Args:
        num_classes: C.
        target_class_ids: the classes to average over.
        dtype: of targets, predictions and weights; None means an integer type, in which weights
            lose their fractions, with a warning.
        ignore_class: entries whose true class this is do not count.
        sparse_y_true: whether y_true holds class numbers rather than one-hot rows.
        sparse_y_pred: whether y_pred holds class numbers rather than scores.
        axis: of the classes, where y_true or y_pred is not sparse.

    Raises:
        ValueError: a wanted class that there is not, or arrays that do not fit.

    >>> round(float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name)
        self.dtype = _label_dtype(dtype)
        ids = [int(i) for i in target_class_ids]
        if not ids or not all(0 <= i < num_classes for i in ids):
            raise ValueError(
                f"{type(self).__name__} received target_class_ids={target_class_ids!r}. Expected "
                f"classes from 0 to {num_classes - 1}, for num_classes={num_classes}."
            )
        self.num_classes = num_classes
        self.target_class_ids = ids
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            (num_classes, num_classes), name="total_confusion_matrix"
        )

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch of any shape; weights have the shape of the class numbers, or one number.

        Raises ValueError where the arrays do not fit each other.
        """
        true = self._classes(y_true, self.sparse_y_true)
        predicted = self._classes(y_pred, self.sparse_y_pred)
        if true.shape != predicted.shape:
            raise ValueError(
                f"The targets do not fit the predictions: the metric {self.name!r} received "
                f"y_true of shape {np.shape(y_true)} and y_pred of shape {np.shape(y_pred)}. "
                f"Expected as many of both."
            )
        weights = self._weights(sample_weight, true)
        counts = (true >= 0) & (true < self.num_classes)
        counts &= (predicted >= 0) & (predicted < self.num_classes)
        if self.ignore_class is not None:
            counts &= true != self.ignore_class
        cell = true[counts].astype(np.int64) * self.num_classes + predicted[counts].astype(np.int64)
        added = np.bincount(cell, weights[counts], self.num_classes**2)
        self.total_cm.value += added.reshape(self.num_classes, self.num_classes)

    def result(self) -> np.floating:
        """The mean IoU, a float32 whatever the dtype of the labels."""
        matrix = self.total_cm.value
        inside = np.diag(matrix)
        union = (matrix.sum(axis=0) + matrix.sum(axis=1) - inside)[self.target_class_ids]
        occurs = union > 1e-9
        small = np.float32(epsilon())
        iou = inside[self.target_class_ids].astype(np.float32) / (union.astype(np.float32) + small)
        return iou[occurs].sum(dtype=np.float32) / (np.float32(occurs.sum()) + small)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _classes(self, y: ArrayLike, sparse: bool) -> np.ndarray:
        """Class numbers in one row."""
        array = as_array(y)
        if not sparse:
            array = first_largest(array, self.axis)
        return array.astype(self.dtype, copy=False).ravel()

    def _weights(self, sample_weight: Any, classes: np.ndarray) -> np.ndarray:
        if sample_weight is None:
            return np.ones(classes.shape)
        given = np.asarray(sample_weight)
        weights = given.astype(self.dtype, copy=False)
        if not np.array_equal(weights, given):
            warnings.warn(
                f"The weights of the metric {self.name!r} lose their fractions in its dtype "
                f"{self.dtype}. Pass dtype='float32' to keep them.",
                stacklevel=3,
            )
        try:
            return np.broadcast_to(weights.ravel() if weights.ndim else weights, classes.shape)
        except ValueError:
            raise ValueError(
                f"The sample weights of the metric {self.name!r} do not fit: received shape "
                f"{given.shape} for {classes.size} classes. Expected one weight for each."
            ) from None


class BinaryIoU(IoU):
    """Mean IoU of two classes, where a score at or above `threshold` means class 1.

    Args:
        target_class_ids: (0, 1) for both, or one of them.
        threshold: between the scores of the two; unlike in BinaryAccuracy, one exactly on it
            counts as a yes.

    >>> round(float(BinaryIoU(target_class_ids=[0])([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.6667
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch of classes 0 and 1 and of scores, both of the same size."""
        yes = np.asarray(y_pred).astype(np.float32) >= np.float32(self.threshold)
        super().update_state(y_true, yes, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
            "name": self.name,
            "dtype": self.dtype,
        }


class MeanIoU(IoU):
    """Mean IoU of all classes; arguments as `IoU`.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            range(num_classes),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "target_class_ids"}


class OneHotIoU(IoU):
    """Mean IoU of some of the classes, for one-hot targets; arguments as `IoU`.

    >>> scores = [[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]]
    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([[1, 0], [0, 1], [0, 1]], scores)), 4)
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "sparse_y_true"}


class OneHotMeanIoU(MeanIoU):
    """Mean IoU of all classes, for one-hot targets; arguments as `IoU`.

    >>> scores = [[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]]
    >>> round(float(OneHotMeanIoU(num_classes=2)([[1, 0], [0, 1], [0, 1]], scores)), 4)
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "sparse_y_true"}


def _label_dtype(dtype: Any) -> str:
    """An integer or floating dtype; None means int64, as in Keras on TensorFlow."""
    if dtype is None:
        return "int64"
    if np.issubdtype(np.dtype(dtype), np.integer):
        return np.dtype(dtype).name
    return standardize_dtype(dtype)
