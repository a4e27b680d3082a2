"""The best of one share among the thresholds that keep another at or above a bound.

    sensitivity = recall = TP / (TP + FN)        specificity = TN / (TN + FP)
    precision = TP / (TP + FP)

at `num_thresholds` equally distant thresholds from 0 to 1; 0/0 counts as 0. Where no threshold
keeps the bound, the result is 0.

Source: keras/src/metrics/confusion_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics.arrays import divide_no_nan
from scratchnet.metrics.metric import Metric
from scratchnet.metrics.thresholds import Counts, Thresholds, prepare


class _OperatingPoint(Metric):
    _direction = "up"

    def __init__(
        self,
        bound: float,
        bound_name: str,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(dtype, name)
        if not 0 <= bound <= 1:
            raise ValueError(
                f"{type(self).__name__} received {bound_name}={bound!r}. Expected a number in "
                f"[0, 1]."
            )
        if num_thresholds < 1:
            raise ValueError(
                f"{type(self).__name__} received num_thresholds={num_thresholds!r}. Expected a "
                f"positive integer."
            )
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        even = num_thresholds > 1
        self.thresholds = np.linspace(0, 1, num_thresholds).tolist() if even else [0.5]
        self._thresholds = Thresholds(self.thresholds, self.dtype, even)
        shape = (num_thresholds,)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.true_negatives = self.add_variable(shape, name="true_negatives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true and y_pred of one shape, where y_true is not 0 for a yes.

        Raises ValueError where the arrays do not fit each other or `class_id`.
        """
        scored = prepare(
            self.name, self.dtype, y_true, y_pred, sample_weight, class_id=self.class_id
        )
        counts = self._thresholds.count(scored)
        for variable, count in zip(self.variables, counts, strict=True):
            variable.value += count

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }

    def _best(self, share: np.ndarray, kept: np.ndarray, bound: float) -> Any:
        """The largest share where the kept one reaches the bound."""
        return self.as_result(share[kept >= bound].max(initial=0.0))

    @property
    def _counts(self) -> Counts:
        return Counts(*(variable.value for variable in self.variables))


class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity TP/(TP + FN) at a threshold whose specificity TN/(TN + FP) is enough.

    Args:
        specificity: the least one, in [0, 1].
        num_thresholds: how many are tried.
        class_id: look at this column of y_true and y_pred only.

    >>> metric = SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, "specificity", num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Any:
        return self._best(_recall(self._counts), _specificity(self._counts), self.specificity)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"specificity": self.specificity}


class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity TN/(TN + FP) at a threshold whose sensitivity TP/(TP + FN) is enough.

    Args:
        sensitivity: the least one, in [0, 1].
        num_thresholds: how many are tried.
        class_id: look at this column of y_true and y_pred only.

    >>> metric = SpecificityAtSensitivity(0.5)
    >>> float(metric([0, 0, 0, 0, 1, 1], [0, 0.2, 0.3, 0.8, 0.3, 0.8]))
    0.75
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, "sensitivity", num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Any:
        return self._best(_specificity(self._counts), _recall(self._counts), self.sensitivity)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"sensitivity": self.sensitivity}


class PrecisionAtRecall(_OperatingPoint):
    """The best precision TP/(TP + FP) at a threshold whose recall TP/(TP + FN) is enough.

    Args:
        recall: the least one, in [0, 1].
        num_thresholds: how many are tried.
        class_id: look at this column of y_true and y_pred only.

    >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, "recall", num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Any:
        return self._best(_precision(self._counts), _recall(self._counts), self.recall)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"recall": self.recall}


class RecallAtPrecision(_OperatingPoint):
    """The best recall TP/(TP + FN) at a threshold whose precision TP/(TP + FP) is enough.

    Args:
        precision: the least one, in [0, 1].
        num_thresholds: how many are tried.
        class_id: look at this column of y_true and y_pred only.

    >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, "precision", num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Any:
        return self._best(_recall(self._counts), _precision(self._counts), self.precision)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"precision": self.precision}


def _recall(counts: Counts) -> np.ndarray:
    tp, fn = counts.true_positives, counts.false_negatives
    return divide_no_nan(tp, tp + fn)


def _specificity(counts: Counts) -> np.ndarray:
    tn, fp = counts.true_negatives, counts.false_positives
    return divide_no_nan(tn, tn + fp)


def _precision(counts: Counts) -> np.ndarray:
    tp, fp = counts.true_positives, counts.false_positives
    return divide_no_nan(tp, tp + fp)
