"""Penalties on weights or activities, added to the loss.

    L1    R(w) = l1 · Σ |w|              ∂R/∂w = l1 · sign(w), 0 at 0
    L2    R(w) = l2 · Σ w²               ∂R/∂w = 2 · l2 · w
    L1L2  the sum of both

Keras's L2 has no factor ½, so its gradient has a 2 that textbooks leave out.

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 7.1;
keras/src/regularizers/regularizers.py.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from scratchnet.serialization import get_object, serialize_object


class Regularizer:
    """A penalty R(w) and its gradient."""

    def __call__(self, w: np.ndarray) -> float:
        """R(w), a number."""
        raise NotImplementedError

    def gradient(self, w: np.ndarray) -> np.ndarray:
        """∂R/∂w, of the shape and dtype of w."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


class L1L2(Regularizer):
    """R(w) = l1 · Σ |w| + l2 · Σ w², for w of any shape.

    Raises ValueError for a factor that is not a finite number ≥ 0.

    >>> L1L2(l1=0.5, l2=0.25)(np.array([-2.0, 1.0]))
    2.75
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1)
        self.l2 = _factor("l2", l2)

    def __call__(self, w: np.ndarray) -> float:
        penalty = 0.0
        if self.l1:
            penalty += self.l1 * float(np.abs(w).sum())
        if self.l2:
            penalty += self.l2 * float(np.square(w).sum())
        return penalty

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * np.sign(w) + 2 * self.l2 * w

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """R(w) = l1 · Σ |w|: drives weights to 0."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """R(w) = l2 · Σ w²: keeps weights small."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


_KNOWN: dict[str, type[Regularizer]] = {"L1": L1, "L2": L2, "L1L2": L1L2}


def get(identifier: Any) -> Regularizer | None:
    """The regularizer of that name or configuration; None stays None."""
    return (
        None if identifier is None else get_object(identifier, _KNOWN, "regularizer", Regularizer)
    )


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """What `get` and Keras take back."""
    return None if regularizer is None else serialize_object(regularizer, "keras.regularizers")


def _factor(name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < math.inf:
        raise ValueError(
            f"A regularizer received {name}={value!r}. Expected a finite number of at least 0, "
            f"such as {name}=0.01."
        )
    return float(value)
