"""The area under a curve that every threshold gives a point of.

With the counts at T thresholds t_1 < … < t_T, t_1 just below 0 and t_T just above 1:

    curve       x                                    y
    ROC         FP / (FP + TN)                       recall = TP / (TP + FN)
    PR          recall                               precision = TP / (TP + FP)
    PRGAIN      max(0, 1 − π·FN / TP), 0 if TP = 0   1 − π·FP / TP, 1 if TP = 0
                with π = (TP + FN) / (TN + FP)

0/0 counts as 0. The area is Σ_j (x_j − x_{j+1})·h_j, where h_j is the mean (interpolation), the
smaller (minoring) or the larger (majoring) of y_j and y_{j+1}. For PR a straight line between two
points is too good to be true; there, interpolation integrates the precision along the line
TP = a + b·P on which true positives grow with all positives P = TP + FP:

    Σ_j b·(ΔTP + a·log(P_j / P_{j+1})) / (TP_{j+1} + FN_{j+1})
    with b = ΔTP / ΔP and a = TP_{j+1} − b·P_{j+1}

Sources: Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves" (2006);
Flach and Kull, "Precision-Recall-Gain Curves" (2015); keras/src/metrics/confusion_metrics.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import activations
from scratchnet.config import epsilon
from scratchnet.metrics.arrays import as_array, divide_no_nan
from scratchnet.metrics.metric import Metric
from scratchnet.metrics.thresholds import Counts, Thresholds, is_even, prepare
from scratchnet.names import unknown_name_message

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """Area under the ROC, precision-recall or precision-recall-gain curve.

    Args:
        num_thresholds: T, at equal distances; more give a better approximation.
        curve: "ROC", "PR" or "PRGAIN", also in small letters.
        summation_method: "interpolation", "minoring" or "majoring"; the last two bound the area
            from below and above.
        thresholds: numbers in [0, 1] to use instead, between the two ends.
        multi_label: average the areas of the L columns of y_true and y_pred (N, L), rather than
            count their entries together.
        num_labels: L, only with `multi_label`; None means that of the first batch.
        label_weights: L weights of the columns' areas or, without `multi_label`, of their entries.
        from_logits: whether y_pred are logits, which go through a sigmoid first.

    Raises:
        ValueError: an argument that is none of these, or arrays that do not fit.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _one_of(curve, _CURVES, "AUC curve", str.upper)
        self.summation_method = _one_of(
            summation_method, _METHODS, "AUC summation method", str.lower
        )
        inner = _inner_thresholds(num_thresholds, thresholds)
        self._given = None if thresholds is None else inner
        self.num_thresholds = len(inner) + 2
        even = thresholds is None or is_even([0.0, *inner, 1.0])
        self._thresholds = Thresholds([-epsilon(), *inner, 1 + epsilon()], self.dtype, even)
        if num_labels and not multi_label:
            raise ValueError(
                f"AUC received num_labels={num_labels!r} without multi_label=True. Expected None: "
                f"the entries of all columns are counted together."
            )
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = (
            None if label_weights is None else np.array(label_weights, self.dtype).tolist()
        )
        self.from_logits = from_logits
        self._labels: int | None = None
        if not multi_label or num_labels:
            self._build(num_labels)

    @property
    def thresholds(self) -> list[float]:
        """All T of them, from just below 0 to just above 1."""
        return list(self._thresholds.values)

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true and y_pred of one shape, where y_true is not 0 for a yes.

        Raises ValueError where the arrays do not fit each other, the labels or their weights.
        """
        scores = as_array(y_pred)
        if self.from_logits:
            scores = activations.sigmoid(scores.astype(self.dtype, copy=False))
        scored = prepare(self.name, self.dtype, y_true, scores, sample_weight)
        labels = scored.scores.shape[-1] if scored.scores.ndim > 1 else None
        expected = self._labels if self.multi_label else None
        weights = None if self.label_weights is None else np.array(self.label_weights)
        if (
            (self.multi_label and scored.scores.ndim != 2)
            or (expected is not None and labels != expected)
            or (weights is not None and labels != len(weights))
        ):
            raise ValueError(
                f"AUC received y_pred of shape {scores.shape} with multi_label="
                f"{self.multi_label}, num_labels={expected} and "
                f"{'no' if weights is None else len(weights)} label_weights. Expected (N, L) with "
                f"as many columns as labels."
            )
        if weights is not None and not self.multi_label:
            scored = scored._replace(weights=scored.weights * weights)
        counts = self._thresholds.count(scored, by_label=self.multi_label)
        if not self.variables:
            self._build(labels)
        for variable, count in zip(self.variables, counts, strict=True):
            variable.value += count

    def result(self) -> Any:
        """The area; 0 before any data."""
        if not self.variables:
            return self.as_result(0.0)
        counts = Counts(*(variable.value for variable in self.variables))
        if self.curve == "PR" and self.summation_method == "interpolation":
            area = _interpolated_precision(counts).sum(axis=0)
        else:
            x, y = _points(counts, self.curve)
            area = ((x[:-1] - x[1:]) * self._heights(y)).sum(axis=0)
        if self.multi_label and self.label_weights is not None:
            weights = np.array(self.label_weights)
            area = divide_no_nan((area * weights).sum(), weights.sum())
        return self.as_result(area.mean())

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return config if self._given is None else config | {"thresholds": self._given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new metric from what `get_config` gave, here or in Keras."""
        weights = config.get("label_weights")
        if isinstance(weights, dict):  # as Keras writes its tensor of them
            config = config | {"label_weights": weights["config"]["value"]}
        return super().from_config(config)

    def _build(self, labels: int | None) -> None:
        self._labels = labels
        columns = (labels,) if self.multi_label and labels is not None else ()
        shape = (self.num_thresholds, *columns)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.true_negatives = self.add_variable(shape, name="true_negatives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")

    def _heights(self, y: np.ndarray) -> np.ndarray:
        if self.summation_method == "minoring":
            return np.minimum(y[:-1], y[1:])
        if self.summation_method == "majoring":
            return np.maximum(y[:-1], y[1:])
        return (y[:-1] + y[1:]) / 2


def _points(counts: Counts, curve: str) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of the curve at each threshold."""
    tp, fp, tn, fn = counts
    recall = divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        return divide_no_nan(fp, fp + tn), recall
    if curve == "PR":
        return recall, divide_no_nan(tp, tp + fp)
    pi = divide_no_nan(tp + fn, tn + fp)
    recall_gain = np.where(tp == 0, 0, 1 - pi * divide_no_nan(fn, tp))
    precision_gain = np.where(tp == 0, 1, 1 - pi * divide_no_nan(fp, tp))
    return np.maximum(recall_gain, 0), precision_gain


def _interpolated_precision(counts: Counts) -> np.ndarray:
    """The areas between neighbouring thresholds under the interpolated PR curve."""
    tp, fp, _, fn = counts
    p = tp + fp
    d_tp, d_p = tp[:-1] - tp[1:], p[:-1] - p[1:]
    b = divide_no_nan(d_tp, np.maximum(d_p, 0))
    a = tp[1:] - b * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    ratio = np.divide(p[:-1], p[1:], out=np.ones(both.shape), where=both)
    return divide_no_nan(b * (d_tp + a * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))


def _inner_thresholds(num_thresholds: int, thresholds: Sequence[float] | None) -> list[float]:
    """Those between the two ends, in ascending order."""
    if thresholds is None:
        if num_thresholds < 2:
            raise ValueError(
                f"AUC received num_thresholds={num_thresholds!r}. Expected an integer above 1."
            )
        return [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
    inner = sorted(float(t) for t in thresholds)
    if not all(0 <= t <= 1 for t in inner):
        raise ValueError(f"AUC received thresholds={thresholds!r}. Expected numbers in [0, 1].")
    return inner


def _one_of(value: Any, known: Sequence[str], kind: str, standard: Any) -> str:
    name = standard(value) if isinstance(value, str) else value
    if name not in known:
        raise ValueError(unknown_name_message(kind, value, known))
    return name
