"""What every metric is: a running result over the batches of an epoch.

Source: keras/src/metrics/metric.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from scratchnet import initializers
from scratchnet.config import standardize_dtype
from scratchnet.layers.layer import unique_name
from scratchnet.variable import Variable


class Metric:
    """Base of all metrics: `update_state` for each batch, `result`, `reset_state`.

    A new metric creates its sums with `add_variable`, adds to them in `update_state` and makes
    them a number or an array in `result`; `reset_state` sets them to zero again.

    Args:
        dtype: of the result; None means `config.floatx()`. The sums are kept in float64, so that
            a long epoch does not lose the small batches at its end.
        name: None means Keras's automatic name.

    >>> class Samples(Metric):
    ...     def __init__(self, **arguments):
    ...         super().__init__(**arguments)
    ...         self.count = self.add_variable(name="count")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.count.value += len(y_true)
    ...     def result(self):
    ...         return self.as_result(self.count)
    >>> samples = Samples(name="samples")
    >>> float(samples([1, 0], [0.3, 0.7])), float(samples([1], [0.9]))
    (2.0, 3.0)
    """

    # Which way is better; "auto" of the callbacks that watch a metric reads it, as in Keras.
    _direction: ClassVar[Literal["up", "down"] | None] = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or unique_name(type(self).__name__)
        self.dtype = standardize_dtype(dtype)
        self._variables: list[Variable] = []

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = "float64",
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new array of the metric's state.

        Args:
            shape: of the array.
            initializer: its first values; `reset_state` sets zeros whatever they were.
            dtype: float64, unlike Keras's `floatx()`, unless told otherwise.
            aggregation: accepted for Keras scripts; there are no replicas to aggregate.
            name: None means "variable".
        """
        first = initializers.get(initializer or "zeros")
        value = first(tuple(shape), dtype)
        variable = Variable(value, name or "variable", trainable=False)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = "float64",
        name: str | None = None,
    ) -> Variable:
        """`add_variable` by its older name."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The arrays of the state, in the order of their creation."""
        return list(self._variables)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take one batch into account: y_true, y_pred and, optionally, sample_weight."""
        raise NotImplementedError(f"{type(self).__name__} does not define update_state.")

    def result(self) -> Any:
        """The value over all that was seen since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} does not define result().")

    def reset_state(self) -> None:
        """Forget all that was seen."""
        for variable in self._variables:
            variable.value[...] = 0

    def as_result(self, value: Any) -> Any:
        """A NumPy scalar or array of the metric's dtype."""
        return np.asarray(value).astype(self.dtype)[()]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, under Keras's names."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new metric from what `get_config` gave, here or in Keras."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):  # as Keras writes it
            config["dtype"] = config["dtype"]["config"]["name"]
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
