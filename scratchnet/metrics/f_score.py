"""One number from precision and recall.

    F_β = (1 + β²)·precision·recall / (β²·precision + recall)

for each class, where precision = TP/(TP + FP) and recall = TP/(TP + FN) count a class as called
in every row in which it has the largest score, or whose score is above a threshold. β > 1 puts
recall first, β < 1 precision. As in Keras each denominator has ε = 1e-7 added, so that a perfect
score of few samples is a little less than 1.

Sources: van Rijsbergen, "Information Retrieval" (1979), chapter 7;
keras/src/metrics/f_score_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import epsilon
from scratchnet.metrics.arrays import as_array, require_same_shape
from scratchnet.metrics.metric import Metric

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """F_β of each class, or an average of them.

    Args:
        average: None for an array of C scores; "macro" for their mean; "weighted" for their mean
            weighted by how often each class is the target; "micro" for the score of all classes'
            counts together.
        beta: β, a positive float.
        threshold: call every class whose score is above it; None means the class with the largest
            score, all of several, unless that is 0.

    Raises:
        ValueError: another average, β or threshold, or arrays that are not (N, C).

    >>> scores = FBetaScore(beta=2.0)([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.8, 0.2], [0, 1]])
    >>> [round(float(score), 4) for score in scores]
    [0.8333, 0.5556]
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ValueError(
                f"{type(self).__name__} received average={average!r}. Expected one of "
                f"{', '.join(map(repr, _AVERAGES))}."
            )
        if not isinstance(beta, float) or not beta > 0:
            raise ValueError(
                f"{type(self).__name__} received beta={beta!r}. Expected a positive float, such "
                f"as 1.0."
            )
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(
                f"{type(self).__name__} received threshold={threshold!r}. Expected None or a "
                f"float in (0, 1]."
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true (N, C) of 0 and 1, scores y_pred (N, C), weights (N,).

        Raises ValueError where the arrays do not fit each other or the batches before.
        """
        y = as_array(y_true).astype(self.dtype, copy=False)
        scores = as_array(y_pred).astype(self.dtype, copy=False)
        require_same_shape(self.name, y, scores)
        classes = self.true_positives.shape[-1:] if self.variables else ()
        if scores.ndim != 2 or (classes and classes != scores.shape[1:]):
            raise ValueError(
                f"{type(self).__name__} received y_true and y_pred of shape {scores.shape}. "
                f"Expected (N, C) with {'the same C in every batch' if classes else 'C classes'}; "
                f"one-hot rows of labels are np.eye(C)[labels]."
            )
        w = self._weights(sample_weight, len(scores))
        called = self._called(scores).astype(np.float64)
        axis = None if self.average == "micro" else 0
        if not self.variables:
            self._build(() if self.average == "micro" else scores.shape[1:])
        self.true_positives.value += (w * called * y).sum(axis=axis)
        self.false_positives.value += (w * called * (1 - y)).sum(axis=axis)
        self.false_negatives.value += (w * (1 - called) * y).sum(axis=axis)
        self.intermediate_weights.value += (w * y).sum(axis=axis)

    def result(self) -> Any:
        """F_β: (C,) where `average` is None, else a number.

        Raises RuntimeError before the first batch, which tells the number of classes.
        """
        if not self.variables:
            raise RuntimeError(
                f"{self.name!r} has seen no batch yet, so the number of classes is unknown. Call "
                f"update_state first."
            )
        tp, fp = self.true_positives.value, self.false_positives.value
        fn, support = self.false_negatives.value, self.intermediate_weights.value
        precision = tp / (tp + fp + epsilon())
        recall = tp / (tp + fn + epsilon())
        beta_2 = self.beta**2
        score = (1 + beta_2) * (precision * recall / (beta_2 * precision + recall + epsilon()))
        if self.average == "weighted":
            score = (score * (support / (support.sum() + epsilon()))).sum()
        elif self.average is not None:
            score = score.mean()
        return self.as_result(score)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }

    def _build(self, shape: tuple[int, ...]) -> None:
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, name="intermediate_weights")

    def _called(self, scores: np.ndarray) -> np.ndarray:
        if self.threshold is not None:
            return scores > scores.dtype.type(self.threshold)
        # NaN is the largest of its row, and nothing reaches it
        largest = scores.max(axis=-1, keepdims=True)
        return (scores >= largest) & (np.abs(scores) > 1e-9)

    def _weights(self, sample_weight: Any, samples: int) -> np.ndarray:
        """(N, 1) or (1, 1)."""
        w = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        if w.shape not in ((), (samples,), (samples, 1)):
            raise ValueError(
                f"The sample weights of {self.name!r} do not fit: received shape {w.shape} for "
                f"{samples} samples. Expected ({samples},)."
            )
        return w.reshape(-1, 1)


class F1Score(FBetaScore):
    """F_1 = 2·precision·recall / (precision + recall) of each class, or an average of them.

    Args:
        average: None for an array of C scores; "macro", "weighted" or "micro"; see `FBetaScore`.
        threshold: call every class whose score is above it; None means the one with the largest.

    >>> scores = F1Score()([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    >>> [round(float(score), 4) for score in scores]
    [0.6667, 0.6667]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "beta"}
