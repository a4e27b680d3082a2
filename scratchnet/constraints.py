"""Bounds that a weight is put back into after every step of the optimizer.

    MaxNorm      w ← w · min(n, max_value) / (n + ε)
    UnitNorm     w ← w / (n + ε)
    MinMaxNorm   w ← w · d / (n + ε),   d = rate · clip(n, min_value, max_value) + (1 − rate) · n
    NonNeg       w ← max(w, 0)

n = √Σ w², the sum over `axis`: one norm for each vector that lies along it. A Dense kernel
(inputs, units) has one vector of incoming weights for each unit with axis=0; a convolution's kernel
(rows, columns, channels, filters) has one for each filter with axis=[0, 1, 2]. ε = 1e-7 keeps a
vector of zeros at 0 and makes every norm a little (ε/n of itself) smaller than the formula without
it, inside the bounds too.

A constraint is the projection of projected gradient descent; the optimizer applies it after the
update, so a weight that a step has moved out of its bounds is moved back before anyone sees it.

Sources: Srebro and Shraibman, "Rank, Trace-Norm and Max-Norm" (2005); Srivastava et al., "Dropout"
(2014), section 5.1, for MaxNorm in networks; keras/src/constraints/constraints.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from scratchnet.config import epsilon
from scratchnet.serialization import get_object, serialize_object


class Constraint:
    """A projection w → w' of the same shape and dtype; this one changes nothing."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.asarray(w)

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


class MaxNorm(Constraint):
    """Shortens vectors whose norm exceeds a bound.

    Args:
        max_value: the bound, at least 0.
        axis: of the vectors, one axis or several.

    Raises:
        ValueError: a bound that is not a number of at least 0.

    >>> MaxNorm(1.0)(np.array([[3.0, 0.5], [4.0, 0.0]])).round(6)
    array([[0.6, 0.5],
           [0.8, 0. ]])
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        _check_bounds(self, max_value=max_value)
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        n = _norms(w, self.axis)
        return w * (np.clip(n, 0, self.max_value) / (n + epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(Constraint):
    """Gives every vector the norm 1; vectors of zeros stay.

    Args:
        axis: of the vectors, one axis or several.
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return w / (_norms(w, self.axis) + epsilon())

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the norm of every vector into an interval, or `rate` of the way there.

    Args:
        min_value, max_value: the interval, 0 ≤ min_value ≤ max_value.
        rate: share of the way, from 0 to 1; 1 keeps the bounds strictly.
        axis: of the vectors, one axis or several.

    Raises:
        ValueError: bounds or a rate outside these ranges.
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        _check_bounds(self, min_value=min_value, max_value=max_value, rate=rate)
        if min_value > max_value:
            raise ValueError(
                f"MinMaxNorm received min_value={min_value!r} above max_value={max_value!r}. "
                f"Expected the smaller bound first."
            )
        if rate > 1:
            raise ValueError(
                f"MinMaxNorm received rate={rate!r}. Expected a number from 0 to 1: the share of "
                f"the way back into the bounds that one step takes."
            )
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        n = _norms(w, self.axis)
        d = self.rate * np.clip(n, self.min_value, self.max_value) + (1 - self.rate) * n
        return w * (d / (n + epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


class NonNeg(Constraint):
    """Sets negative weights to 0."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)


# Keras's other names for them
max_norm, unit_norm, min_max_norm, non_neg = MaxNorm, UnitNorm, MinMaxNorm, NonNeg

_KNOWN: dict[str, type[Constraint]] = {
    "MaxNorm": MaxNorm,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "NonNeg": NonNeg,
    "Constraint": Constraint,
}


def get(identifier: Any) -> Constraint | None:
    """The constraint of that name or configuration; None stays None."""
    return None if identifier is None else get_object(identifier, _KNOWN, "constraint", Constraint)


def serialize(constraint: Constraint | None) -> dict[str, Any] | None:
    """What `deserialize` and Keras take back."""
    return None if constraint is None else serialize_object(constraint, "keras.constraints")


def deserialize(config: dict[str, Any] | None) -> Constraint | None:
    """The constraint that `serialize`, here or in Keras, has written."""
    return get(config)


def _norms(w: np.ndarray, axis: int | Sequence[int]) -> np.ndarray:
    """√Σ w² over `axis`, which stays with length 1."""
    axes = axis if isinstance(axis, (int, np.integer)) else tuple(axis)
    return np.sqrt(np.sum(np.square(w), axis=axes, keepdims=True))


def _check_bounds(constraint: Constraint, **bounds: float) -> None:
    for name, value in bounds.items():
        if not isinstance(value, (int, float, np.number)) or not 0 <= value < math.inf:
            raise ValueError(
                f"{type(constraint).__name__} received {name}={value!r}. Expected a finite number "
                f"of at least 0."
            )
