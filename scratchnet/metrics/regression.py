"""How far predictions are from real targets, over all samples.

The formulas are those of the losses of the same names (`scratchnet.losses`).

Source: keras/src/metrics/regression_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import losses
from scratchnet.losses.arguments import one_axis
from scratchnet.losses.loss import same_rank
from scratchnet.metrics.arrays import as_array, require_same_shape
from scratchnet.metrics.reduction import Mean, MeanOfFunction


class MeanSquaredError(MeanOfFunction):
    """Mean of (ŷ − y)².

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class RootMeanSquaredError(Mean):
    """√ of the mean of (ŷ − y)² over all batches, not a mean of the batches' roots.

    >>> float(RootMeanSquaredError()([[0.0, 1.0]], [[1.0, 8.0]]))
    5.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch of targets and predictions of one shape.

        Raises ValueError where they do not fit each other, or the weights do not fit them.
        """
        y, y_hat = (as_array(values).astype(self.dtype, copy=False) for values in (y_true, y_pred))
        y, y_hat = same_rank(y, y_hat)
        require_same_shape(self.name, y, y_hat)
        super().update_state(np.square(y_hat - y), sample_weight)

    def result(self) -> Any:
        return self.as_result(np.sqrt(self.mean))


class MeanAbsoluteError(MeanOfFunction):
    """Mean of |ŷ − y|.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[2.0, 1.0]]))
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanOfFunction):
    """Mean of 100·|ŷ − y| / max(|y|, 1e-7).

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """

    _direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanOfFunction):
    """Mean of (log(1 + ŷ) − log(1 + y))², where what is below 1e-7 counts as 1e-7.

    >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
    0.4805
    """

    _direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanOfFunction):
    """Mean of log cosh(ŷ − y).

    >>> round(float(LogCoshError()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(MeanOfFunction):
    """Mean of the cosine of the angle between y and ŷ: Σ_k y_k·ŷ_k / (‖y‖·‖ŷ‖).

    Args:
        axis: along which the vectors lie.

    The loss of this name is its negative. Keras leaves axis out of the configuration, so that a
    loaded metric has −1; here it is there.

    >>> float(CosineSimilarity()([[0.0, 2.0]], [[3.0, 4.0]]))
    0.800000011920929
    """

    _direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        self.axis = one_axis("CosineSimilarity", axis)
        super().__init__(_cosine, name, dtype, axis=self.axis)


def _cosine(y_true: ArrayLike, y_pred: ArrayLike, axis: int) -> np.ndarray:
    return -losses.cosine_similarity(y_true, y_pred, axis)
