"""First values whose vectors are at right angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.config import standardize_dtype
from scratchnet.initializers.random import RandomInitializer


class Orthogonal(RandomInitializer):
    """A random orthogonal matrix times `gain`: it keeps the length of what goes through it.

    A shape of more than two axes stands for the matrix (all but the last axis, last axis). With
    more rows than columns the columns are orthonormal, WᵀW = gain²·I, otherwise the rows.

    With A = QR for a matrix A of normal numbers, Q·diag(sign R) is uniform among all orthogonal
    matrices; Q alone is not, since its signs follow the algorithm's habits.

    Args:
        gain: factor of the matrix.
        seed: None draws one.

    Raises:
        ValueError: when called, for a shape of fewer than two axes.

    >>> w = Orthogonal(gain=2.0, seed=0)((4, 3), "float64")
    >>> np.allclose(w.T @ w, 4 * np.eye(3))
    True

    Sources: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks" (2014); Mezzadri, "How to generate random matrices from the classical compact
    groups" (2007), section 5, for the signs; keras/src/initializers/random_initializers.py.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal received the shape {tuple(shape)}. Expected at least two axes, such "
                f"as a kernel has."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        a = self.generator().normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(a)
        q *= np.sign(np.diag(r))
        matrix = q if rows >= columns else q.T
        return (self.gain * matrix.reshape(shape)).astype(standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"gain": self.gain}
