"""What every metric is: a running result over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import standardize_dtype
from scratchnet.serialization import snake_case


class Metric:
    """Base of all metrics: `update_state` for each batch, `result`, `reset_state`."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = standardize_dtype(dtype)

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Take one batch into account."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value over all that was seen since the last reset."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget all that was seen."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        if isinstance(config.get("dtype"), dict):  # as Keras writes it
            config["dtype"] = config["dtype"]["config"]["name"]
        return cls(**config)


class Mean(Metric):
    """Σ w·v / Σ w over all values v, each with weight 1 unless told otherwise; 0 before any.

    Unlike a loss, a weighted metric divides by the sum of the weights.

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0], sample_weight=[3.0, 1.0])
    >>> float(mean.result())
    1.5
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.reset_state()

    def update_state(  # type: ignore[override]
        self, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        v = np.asarray(values, dtype=self.dtype)
        if sample_weight is None:
            self.total += v.sum(dtype=np.float64)
            self.count += v.size
            return
        w = np.asarray(sample_weight, dtype=self.dtype)
        if w.ndim == v.ndim + 1 and w.shape[-1] == 1:
            w = w[..., 0]
        elif v.ndim == w.ndim + 1 and v.shape[-1] == 1:
            w = w[..., None]
        if w.ndim < v.ndim:
            # One weight for a sample of several values, whose mean counts for it
            v = v.mean(axis=tuple(range(w.ndim, v.ndim)))
        self.total += (v * w).sum(dtype=np.float64)
        self.count += np.broadcast_to(w, np.broadcast_shapes(v.shape, w.shape)).sum(
            dtype=np.float64
        )

    def result(self) -> np.floating:
        value = self.total / self.count if self.count else 0.0
        return np.dtype(self.dtype).type(value)

    def reset_state(self) -> None:
        # Sums in float64: a long epoch must not lose the small batches at its end.
        self.total = np.float64(0)
        self.count = np.float64(0)


class MeanMetricWrapper(Mean):
    """The mean of fn(y_true, y_pred) over all samples: how a plain function becomes a metric.

    Args:
        fn: arrays y_true, y_pred -> one value for each sample.
        name: None means the function's name.
    """

    def __init__(
        self,
        fn: Callable[[np.ndarray, np.ndarray], ArrayLike],
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "metric"), dtype)
        self.fn = fn

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        values = self.fn(np.asarray(y_true), np.asarray(y_pred))
        super().update_state(values, sample_weight)
