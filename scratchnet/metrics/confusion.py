"""Counts of right and wrong positives, and precision and recall.

    precision = TP / (TP + FP)        of what was called positive, the share that is
    recall    = TP / (TP + FN)        of what is positive, the share that was called so

with the counts of `scratchnet.metrics.thresholds`; 0/0 counts as 0.

Source: keras/src/metrics/confusion_metrics.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics.arrays import divide_no_nan
from scratchnet.metrics.metric import Metric
from scratchnet.metrics.thresholds import NOT_AMONG_TOP_K, Thresholds, prepare
from scratchnet.variable import Variable


class _ConditionCount(Metric):
    _condition: ClassVar[str]  # a field of `Counts`

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = _as_config(thresholds)
        self.thresholds = _as_list(thresholds, 0.5, self.name)
        self._thresholds = Thresholds(self.thresholds, self.dtype)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true and y_pred of one shape, where y_true is not 0 for a yes.

        Raises ValueError where the arrays do not fit each other.
        """
        scored = prepare(self.name, self.dtype, y_true, y_pred, sample_weight)
        self.accumulator.value += getattr(self._thresholds.count(scored), self._condition)

    def result(self) -> Any:
        """The count; with several thresholds an array of one count for each."""
        return self.as_result(_one_or_all(self.accumulator.value))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}


class TruePositives(_ConditionCount):
    """Σ w·[y ≠ 0]·[ŷ > t], for a threshold t or each of several.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5.

    >>> float(TruePositives()([1, 1, 0], [0.9, 0.5, 0.8]))
    1.0
    """

    _condition = "true_positives"


class TrueNegatives(_ConditionCount):
    """Σ w·[y = 0]·[ŷ ≤ t], for a threshold t or each of several.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5.

    >>> float(TrueNegatives()([1, 0, 0], [0.9, 0.5, 0.8]))
    1.0
    """

    _condition = "true_negatives"


class FalsePositives(_ConditionCount):
    """Σ w·[y = 0]·[ŷ > t], for a threshold t or each of several.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5.

    >>> float(FalsePositives()([1, 0, 0], [0.9, 0.5, 0.8]))
    1.0
    """

    _condition = "false_positives"


class FalseNegatives(_ConditionCount):
    """Σ w·[y ≠ 0]·[ŷ ≤ t], for a threshold t or each of several.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5.

    >>> float(FalseNegatives()([1, 1, 0], [0.9, 0.5, 0.8]))
    1.0
    """

    _condition = "false_negatives"


class _Share(Metric):
    """TP / (TP + another count)."""

    _direction = "up"
    _other: ClassVar[str]  # a field of `Counts`

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if top_k is not None and (not isinstance(top_k, (int, np.integer)) or top_k < 1):
            raise ValueError(
                f"{type(self).__name__} received top_k={top_k!r}. Expected None or how many of "
                f"each row count, at least 1."
            )
        self.init_thresholds = _as_config(thresholds)
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = _as_list(
            thresholds, 0.5 if top_k is None else NOT_AMONG_TOP_K, self.name
        )
        self._thresholds = Thresholds(self.thresholds, self.dtype)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self._others = self.add_variable(shape, name=self._other)

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true and y_pred of one shape, where y_true is not 0 for a yes.

        Raises ValueError where the arrays do not fit each other, `top_k` or `class_id`.
        """
        scored = prepare(
            self.name, self.dtype, y_true, y_pred, sample_weight, self.top_k, self.class_id
        )
        counts = self._thresholds.count(scored)
        self.true_positives.value += counts.true_positives
        self._others.value += getattr(counts, self._other)

    def result(self) -> Any:
        """The share; with several thresholds an array of one share for each."""
        positives = self.true_positives.value
        return self.as_result(_one_or_all(divide_no_nan(positives, positives + self._others.value)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Share):
    """TP / (TP + FP): of what was called positive, the share that is; 0 where nothing was.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5, or none at all
            where `top_k` is given.
        top_k: call positive the k largest scores of each row, the first of several equal ones.
        class_id: look at this column of y_true and y_pred only.

    >>> float(Precision()([0, 1, 1, 1, 1], [0.9, 0.8, 0.7, 0.6, 0.3]))
    0.75
    """

    _other = "false_positives"

    @property
    def false_positives(self) -> Variable:
        return self._others


class Recall(_Share):
    """TP / (TP + FN): of what is positive, the share that was called so; 0 where nothing is.

    Args:
        thresholds: a number or a list of numbers in [0, 1]; None means 0.5, or none at all
            where `top_k` is given.
        top_k: call positive the k largest scores of each row, the first of several equal ones.
        class_id: look at this column of y_true and y_pred only.

    >>> float(Recall()([0, 1, 1, 1, 1], [0.9, 0.8, 0.7, 0.6, 0.3]))
    0.75
    """

    _other = "false_negatives"

    @property
    def false_negatives(self) -> Variable:
        return self._others


def _as_list(thresholds: Any, default: float, name: str) -> list[float]:
    if thresholds is None:
        return [default]
    values = [thresholds] if np.ndim(thresholds) == 0 else list(thresholds)
    if not values or any(t is None or not 0 <= t <= 1 for t in values):
        raise ValueError(
            f"The metric {name!r} received thresholds={thresholds!r}. Expected a number in [0, 1] "
            f"or a list of them."
        )
    return values


def _as_config(thresholds: Any) -> Any:
    """What JSON can keep."""
    return None if thresholds is None else np.asarray(thresholds).tolist()


def _one_or_all(values: np.ndarray) -> Any:
    return values[0] if len(values) == 1 else values
