"""Metrics that are a sum or a mean of one value for each sample.

Values v and weights w of several axes are first reduced to one number for each sample: an axis
that only v has is averaged (or summed, by `Sum`), then the products w·v, then w itself.

Source: keras/src/metrics/reduction_metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.custom_objects import get_registered_name, get_registered_object
from scratchnet.losses.loss import same_rank
from scratchnet.metrics.arrays import as_array
from scratchnet.metrics.metric import Metric
from scratchnet.names import unknown_name_message


class Sum(Metric):
    """Σ w·v over all values v, each with weight 1 unless told otherwise.

    >>> float(Sum()([1.0, 3.0], sample_weight=[3.0, 1.0]))
    6.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add one batch; weights have the axes of the values, or just the first of them.

        Raises ValueError where the weights do not fit.
        """
        v, _ = _samplewise(values, sample_weight, _add, self.dtype)
        self.total.value += v.sum(dtype=np.float64)

    def result(self) -> Any:
        return self.as_result(self.total)


class Mean(Metric):
    """Σ w·v / Σ w over all values v, each with weight 1 unless told otherwise; 0 before any.

    Unlike a loss, a weighted metric divides by the sum of the weights.

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0], sample_weight=[3.0, 1.0])
    >>> float(mean.result())
    1.5
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add one batch; weights have the axes of the values, or just the first of them.

        Raises ValueError where the weights do not fit.
        """
        v, w = _samplewise(values, sample_weight, _average, self.dtype)
        self.total.value += v.sum(dtype=np.float64)
        self.count.value += v.size if w is None else w.sum(dtype=np.float64)

    @property
    def mean(self) -> float:
        """The mean in float64."""
        return float(self.total.value / self.count.value) if self.count.value else 0.0

    def result(self) -> Any:
        return self.as_result(self.mean)


class MeanMetricWrapper(Mean):
    """The mean of fn(y_true, y_pred) over all samples: how a plain function becomes a metric.

    Args:
        fn: arrays y_true, y_pred -> one value for each sample, or one for the batch.
        name: None means the function's name.
        dtype: of the result; None means `config.floatx()`.
        arguments: further keywords for `fn`.

    >>> def largest_error(y_true, y_pred):
    ...     return abs(y_true - y_pred).max(axis=-1)
    >>> float(MeanMetricWrapper(largest_error)([[0.0, 1.0]], [[2.0, 1.0]]))
    2.0
    """

    def __init__(
        self,
        fn: Callable[..., ArrayLike],
        name: str | None = None,
        dtype: Any = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "metric"), dtype)
        self.fn = fn
        self._arguments = arguments

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch of targets and predictions.

        Raises ValueError where they do not fit each other, or the weights do not fit them.
        """
        values = self.fn(as_array(y_true), as_array(y_pred), **self._arguments)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        function = {
            "module": "builtins",
            "class_name": "function",
            "config": get_registered_name(self.fn),
            "registered_name": "function",
        }
        return super().get_config() | {"fn": function} | self._arguments

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new metric; a function stands in a configuration by its name.

        Raises ValueError where the name is none of `scratchnet.metrics` and no custom object.
        """
        if isinstance(config.get("fn"), dict):
            config = config | {"fn": _function(config["fn"]["config"])}
        return super().from_config(config)


class MeanOfFunction(MeanMetricWrapper):
    """A `MeanMetricWrapper` of a class that knows its function; its configuration has the rest."""

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype} | self._arguments


def _function(name: str) -> Callable[..., ArrayLike]:
    from scratchnet.metrics import FUNCTIONS  # they are built on this file

    if own := get_registered_object(name):
        return own
    if name not in FUNCTIONS:
        raise ValueError(unknown_name_message("metric function", name, FUNCTIONS))
    return FUNCTIONS[name]


_Reduce = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]


def _add(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return values.sum(axis=axes)


def _average(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    count = np.prod([values.shape[axis] for axis in axes], dtype=np.int64)
    with np.errstate(invalid="ignore"):  # 0/0: a sample of no values has no mean
        return values.sum(axis=axes) / values.dtype.type(count)


def _samplewise(
    values: ArrayLike, sample_weight: ArrayLike | None, reduce: _Reduce, dtype: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """(w·v, w), each with one number for each sample; w is None where no weights are given."""
    v, w = np.asarray(values).astype(dtype, copy=False), None
    if sample_weight is not None:
        v, w = same_rank(v, np.asarray(sample_weight).astype(dtype, copy=False))
        rank = w.ndim
        if v.ndim > rank:
            v = reduce(v, tuple(range(rank, v.ndim)))
        try:
            w = np.broadcast_to(w, v.shape)
        except ValueError:
            raise ValueError(
                f"The sample weights do not fit: received shape {np.shape(sample_weight)} for "
                f"values of shape {np.shape(values)}. Expected one weight for each sample."
            ) from None
        v = v * w
        if rank > 1:
            w = reduce(w, tuple(range(1, rank)))
    if v.ndim > 1:
        v = reduce(v, tuple(range(1, v.ndim)))
    return v, w
