"""Embeddings: class numbers become vectors, rows of a table that is learned.

    y[n, t, :] = E[x[n, t], :]
    ∂L/∂E[i, :] = Σ dy[n, t, :] over all (n, t) with x[n, t] = i

It is the product of one-hot vectors and E, without the zeros. A class number has no gradient.

Source: Bengio et al., "A Neural Probabilistic Language Model" (2003);
keras/src/layers/core/embedding.py.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer, Shaped


def embedding(
    x: Integer[np.ndarray, "*places"], table: Shaped[np.ndarray, "classes units"]
) -> Shaped[np.ndarray, "*places units"]:
    """The rows of the table E that x names; each of its numbers is from 0 to classes − 1."""
    return table[x]


def embedding_backward(
    dy: Shaped[np.ndarray, "*places units"], x: Integer[np.ndarray, "*places"], classes: int
) -> Shaped[np.ndarray, "classes units"]:
    """∂L/∂E: the gradients of all places that took a row, added up; 0 for rows never taken."""
    gradient = np.zeros((classes, dy.shape[-1]), dy.dtype)
    np.add.at(gradient, x, dy)
    return gradient
