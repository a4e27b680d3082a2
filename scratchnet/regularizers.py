"""Penalties on weights or activities, added to the loss.

    L1    R(w) = l1 · Σ |w|              ∂R/∂w = l1 · sign(w), 0 at 0
    L2    R(w) = l2 · Σ w²               ∂R/∂w = 2 · l2 · w
    L1L2  the sum of both
    OrthogonalRegularizer    the mean of |cos| of the angles between all pairs of rows or columns

Keras's L2 has no factor ½, so its gradient has a 2 that textbooks leave out.

Sources: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 7.1; Rodríguez et al.,
"Regularizing CNNs with Locally Constrained Decorrelations" (2017), for orthogonal rows;
keras/src/regularizers/regularizers.py.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from scratchnet.config import epsilon
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


class OrthogonalRegularizer(Regularizer):
    """R(w) = factor · mean |nᵢ·nⱼ| over all pairs i < j of unit vectors, 0 where all are at 90°.

        nᵢ = wᵢ / max(‖wᵢ‖, ε)
        ∂R/∂nᵢ = factor / pairs · Σⱼ≠ᵢ sign(nᵢ·nⱼ)·nⱼ
        ∂R/∂wᵢ = (∂R/∂nᵢ − nᵢ·(nᵢ·∂R/∂nᵢ)) / ‖wᵢ‖,    ∂R/∂nᵢ / ε where ‖wᵢ‖ ≤ ε

    w: (rows, columns), wᵢ its rows or its columns, pairs = k·(k − 1)/2 for k of them, ε = 1e-7.
    One vector alone has no pair and no penalty; Keras answers it with NaN (0/0).

    Args:
        factor: a finite number of at least 0.
        mode: "rows" or "columns".

    Raises:
        ValueError: a factor or mode out of range; when called, a w that is not a matrix.

    >>> OrthogonalRegularizer(factor=0.5)(np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))  # √2/6
    0.2357022603955158
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"OrthogonalRegularizer received mode={mode!r}. Expected 'rows' or 'columns'."
            )
        self.mode = mode

    def __call__(self, w: np.ndarray) -> float:
        n, _ = self._unit_vectors(w)
        cosines = _cosines(n)
        return self.factor * 0.5 * float(np.abs(cosines).sum()) / _pairs(n)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        n, norms = self._unit_vectors(w)
        dn = (self.factor / _pairs(n)) * (np.sign(_cosines(n)) @ n)
        along = n * np.sum(n * dn, axis=1, keepdims=True)
        dw = np.where(norms > epsilon(), dn - along, dn) / np.maximum(norms, epsilon())
        return (dw if self.mode == "rows" else dw.T).astype(w.dtype, copy=False)

    def _unit_vectors(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, norms): the vectors as rows of length 1, (k, length), and their norms, (k, 1)."""
        if w.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer received a weight of shape {w.shape}. Expected two axes, "
                f"such as the kernel of a Dense layer."
            )
        vectors = w if self.mode == "rows" else w.T
        norms = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
        return vectors / np.maximum(norms, epsilon()), norms

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


# Keras's other names for them
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_KNOWN: dict[str, type[Regularizer]] = {
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1_l2": L1L2,
}


def get(identifier: Any) -> Regularizer | None:
    """The regularizer of that name or configuration; None stays None."""
    return (
        None if identifier is None else get_object(identifier, _KNOWN, "regularizer", Regularizer)
    )


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """What `deserialize` and Keras take back."""
    return None if regularizer is None else serialize_object(regularizer, "keras.regularizers")


def deserialize(config: dict[str, Any] | None) -> Regularizer | None:
    """The regularizer that `serialize`, here or in Keras, has written."""
    return get(config)


def _cosines(n: np.ndarray) -> np.ndarray:
    """nᵢ·nⱼ for unit vectors in the rows of n, (k, k), with 0 in place of nᵢ·nᵢ."""
    products = n @ n.T
    np.fill_diagonal(products, 0)
    return products


def _pairs(n: np.ndarray) -> float:
    """Number of pairs of rows; at least 1, since 0 pairs have a sum of 0."""
    return max(len(n) * (len(n) - 1) / 2, 1.0)


def _factor(name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < math.inf:
        raise ValueError(
            f"A regularizer received {name}={value!r}. Expected a finite number of at least 0, "
            f"such as {name}=0.01."
        )
    return float(value)
