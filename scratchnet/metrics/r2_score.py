"""R², the share of the targets' variance that the predictions explain.

For each output, with weights w and the weighted mean ȳ of the targets,

    R² = 1 − Σ w·(y − ŷ)² / (Σ w·y² − (Σ w·y)·ȳ)

1 is perfect; what predicts no better than ȳ has 0, what is worse is negative. Adjusted for p
regressors, R² becomes 1 − (1 − R²)·(n − 1)/(n − p − 1).

Source: keras/src/metrics/regression_metrics.py.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.loss import same_rank
from scratchnet.metrics.arrays import as_array, require_same_shape
from scratchnet.metrics.metric import Metric

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """R² of each output, or an average of them.

    As in Keras, an output whose targets are all equal has 0 (NaN where its predictions are
    perfect), and the n of the adjusted score counts numbers rather than rows: N·C of them.

    Args:
        class_aggregation: "uniform_average" for the mean over the outputs;
            "variance_weighted_average" for their mean weighted by the targets' variances; None
            for an array of C scores.
        num_regressors: p; 0 means not to adjust. Where n is not above p + 1, a warning says that
            the score is not adjusted.

    Raises:
        ValueError: an argument that is none of these, or arrays that are not (N, C).

    >>> float(R2Score()([[1.0], [3.0]], [[2.0], [3.0]]))
    0.5
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"R2Score received class_aggregation={class_aggregation!r}. Expected one of "
                f"{', '.join(map(repr, _AGGREGATIONS))}."
            )
        if num_regressors < 0:
            raise ValueError(
                f"R2Score received num_regressors={num_regressors!r}. Expected 0 or more."
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(name="num_samples")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch: y_true and y_pred (N, C); weights (N,) or (N, C).

        Raises ValueError where the arrays do not fit each other or the batches before.
        """
        y, y_hat = same_rank(
            as_array(y_true).astype(self.dtype, copy=False).astype(np.float64),
            as_array(y_pred).astype(self.dtype, copy=False).astype(np.float64),
        )
        require_same_shape(self.name, y, y_hat)
        built = len(self.variables) > 1
        if y.ndim != 2 or (built and y.shape[1:] != self.count.shape):
            raise ValueError(
                f"R2Score received y_true and y_pred of shape {y.shape}. Expected (N, C) with "
                f"{f'C = {self.count.shape[0]} as before' if built else 'C outputs'}."
            )
        w = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        try:
            w = np.broadcast_to(w[:, None] if w.ndim == 1 else w, y.shape)
        except ValueError:
            raise ValueError(
                f"The sample weights of {self.name!r} do not fit: received shape {w.shape} for y "
                f"of shape {y.shape}. Expected {y.shape[:1]}."
            ) from None
        if not built:
            self._build(y.shape[1])
        self.sum.value += (w * y).sum(axis=0)
        self.squared_sum.value += (w * y * y).sum(axis=0)
        self.total_mse.value += (w * np.square(y - y_hat)).sum(axis=0)
        self.count.value += w.sum(axis=0)
        self.num_samples.value += y.size

    def result(self) -> Any:
        """R²: (C,) where `class_aggregation` is None, else a number.

        Raises RuntimeError before the first batch, which tells the number of outputs.
        """
        if len(self.variables) == 1:
            raise RuntimeError(
                f"{self.name!r} has seen no batch yet, so the number of outputs is unknown. Call "
                f"update_state first."
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.squared_sum.value - self.sum.value * (self.sum.value / self.count.value)
            scores = 1 - self.total_mse.value / total
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "uniform_average":
                scores = scores.mean()
            elif self.class_aggregation == "variance_weighted_average":
                scores = (total * scores).sum() / total.sum()
        return self.as_result(self._adjusted(scores))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), name="squared_sum")
        self.sum = self.add_variable((outputs,), name="sum")
        self.total_mse = self.add_variable((outputs,), name="residual")
        self.count = self.add_variable((outputs,), name="count")

    def _adjusted(self, scores: np.ndarray) -> np.ndarray:
        n, p = float(self.num_samples.value), self.num_regressors
        if p == 0:
            return scores
        if p >= n - 1:
            warnings.warn(
                f"R2Score is not adjusted: it has seen {n:.0f} numbers, which num_regressors={p} "
                f"explain exactly. Expected more than {p + 1}.",
                stacklevel=3,
            )
            return scores
        return 1 - (1 - scores) * (n - 1) / (n - p - 1)
