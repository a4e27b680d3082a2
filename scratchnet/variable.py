"""A weight: an array with a name, that knows whether it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from scratchnet.constraints import Constraint
    from scratchnet.regularizers import Regularizer


class Variable:
    """A named array that layers own and optimizers update in place.

    Args:
        value: array of any shape; copied.
        name: "kernel", "gamma", …
        trainable: whether an optimizer may change it, now.
        regularizer: adds `regularizer(value)` to the loss of the model.
        constraint: an optimizer replaces the value by `constraint(value)` after each step.
        path: "conv2d/kernel"; `name` where nothing owns the variable.
    """

    def __init__(
        self,
        value: ArrayLike,
        name: str = "variable",
        trainable: bool = True,
        regularizer: Regularizer | None = None,
        path: str | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        self.value = np.array(value, order="C")
        self.name = name
        self.path = path or name
        self.trainable = trainable
        self.can_train = trainable  # stays False for statistics when a frozen layer thaws
        self.regularizer = regularizer
        self.constraint = constraint

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def assign(self, value: ArrayLike) -> None:
        """Write `value` into the variable, cast to its dtype.

        Raises ValueError, and changes nothing, when the shapes differ.
        """
        self.value[...] = self._fitting(value)

    def assign_add(self, value: ArrayLike) -> None:
        """Add `value`, of the same shape; as `assign`."""
        self.value += self._fitting(value).astype(self.dtype, copy=False)

    def assign_sub(self, value: ArrayLike) -> None:
        """Subtract `value`, of the same shape; as `assign`."""
        self.value -= self._fitting(value).astype(self.dtype, copy=False)

    def _fitting(self, value: ArrayLike) -> np.ndarray:
        new = np.asarray(value)
        if new.shape != self.shape:
            raise ValueError(
                f"Cannot assign to the weight {self.path!r}: received an array of shape "
                f"{new.shape}, expected {self.shape}. Reshape or transpose it first."
            )
        return new

    def numpy(self) -> np.ndarray:
        """A copy of the values."""
        return self.value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype.name}>"
