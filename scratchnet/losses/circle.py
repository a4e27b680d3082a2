"""Circle loss: embeddings of one class drawn together, those of others pushed apart.

Here every ℓ depends on every embedding of the batch. With s_ij = ŷ_i · ŷ_j the cosine of two
embeddings of length 1 and d_ij = max(1 − s_ij, 0) their distance, P the pairs of one class
(without i = j), N those of two classes, and m the margin,

    a_ij = −γ·max(m + d_ij, 0)·(m − d_ij)             how much a pair of P still has to approach
    r_ij = γ·max(1 + m − d_ij, 0)·(1 − m − d_ij)      how much a pair of N still has to part
    ℓ_i  = log(1 + exp(log Σ_{j∈P} e^{a_ij} + log Σ_{j∈N} e^{r_ij}))

A sample without a partner in P, or without one in N, has ℓ_i = 0; such samples do not count in a
mean.

Sources: Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization" (2020),
eqs. 6 and 8; keras/src/losses/losses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.losses.arguments import number
from scratchnet.losses.loss import Loss
from scratchnet.losses.probabilities import sigmoid


class Circle(Loss):
    """The formula above, of class numbers (N,) and embeddings (N, D) of length 1.

    Args:
        gamma: γ, the scale.
        margin: m.
        remove_diagonal: whether P is without the pairs of a sample with itself.
        reduction, name, dtype: as every loss.

    >>> embeddings = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> round(float(Circle(gamma=1.0)([0, 0, 1], embeddings)), 4)
    1.4704
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = number("Circle", "gamma", gamma)
        self.margin = number("Circle", "margin", margin)
        self.remove_diagonal = bool(remove_diagonal)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self.beside(y_true, y_pred, y_true, y_pred)

    def beside(
        self,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        ref_labels: np.ndarray,
        ref_embeddings: np.ndarray,
    ) -> np.ndarray:
        """ℓ (N,) of samples whose partners j are those of a reference: (M,) and (M, D)."""
        pairs = self._pairs(y_true, y_pred, ref_labels, ref_embeddings)
        return np.logaddexp(0, self._total(pairs))

    def call_gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """∂(Σ_i ℓ_i)/∂ŷ (N, D)."""
        return self._pull(y_true, y_pred, None)

    def check(self, y_true: np.ndarray, prediction_shape: Sequence[int | None]) -> None:
        shape, target = tuple(prediction_shape), tuple(y_true.shape)
        if len(shape) != 2 or target not in ((shape[0],), (shape[0], 1)):
            raise ValueError(
                f"The labels do not fit the embeddings: the loss {self.name!r} received y of shape "
                f"{target} for embeddings of shape {shape}. Expected class numbers (N,) for "
                f"embeddings (N, D)."
            )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }

    def _standardize(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        labels, embeddings = np.asarray(y_true), self._predictions(y_pred)
        self.check(labels, embeddings.shape)
        return labels.reshape(-1).astype(np.int64), embeddings

    def _mask(self, y_true: np.ndarray, values: np.ndarray) -> np.ndarray:
        return values > 0

    def _pull(
        self, y_true: np.ndarray, y_pred: np.ndarray, share: np.ndarray | None
    ) -> np.ndarray:
        m, gamma = self.margin, self.gamma
        pairs = self._pairs(y_true, y_pred, y_true, y_pred)
        d = pairs.distance
        da = gamma * (np.maximum(m + d, 0) - np.where(m + d >= 0, m - d, 0))
        dr = -gamma * (np.maximum(1 + m - d, 0) + np.where(1 + m - d >= 0, 1 - m - d, 0))
        # what the inner logarithms hand to each pair: its part of the sum
        dd = da * _parts(pairs.attraction) + dr * _parts(pairs.repulsion)
        outer = sigmoid(self._total(pairs)) * (1 if share is None else share)
        ds = np.where(pairs.similarity <= 1, -dd, 0) * outer[:, None]
        return (ds + ds.T) @ y_pred

    def _total(self, pairs: _Pairs) -> np.ndarray:
        """log Σ e^a + log Σ e^r, −∞ where there is no pair of a kind."""
        return np.logaddexp.reduce(pairs.attraction, axis=1) + np.logaddexp.reduce(
            pairs.repulsion, axis=1
        )

    def _pairs(
        self, y: np.ndarray, y_pred: np.ndarray, ref_y: np.ndarray, ref: np.ndarray
    ) -> _Pairs:
        m, gamma = self.margin, self.gamma
        s = y_pred @ ref.T
        d = np.maximum(1 - s, 0)
        alike = y[:, None] == ref_y
        positive = alike
        if self.remove_diagonal:
            positive = alike & (np.arange(len(y))[:, None] != np.arange(len(ref_y)))
        attraction = -gamma * np.maximum(m + d, 0) * (m - d)
        repulsion = gamma * np.maximum(1 + m - d, 0) * (1 - m - d)
        return _Pairs(
            s, d, np.where(positive, attraction, -np.inf), np.where(alike, -np.inf, repulsion)
        )


class _Pairs(NamedTuple):
    """s, d, a and r of all pairs, (N, M) each; a and r are −∞ outside P and N."""

    similarity: np.ndarray
    distance: np.ndarray
    attraction: np.ndarray
    repulsion: np.ndarray


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> np.ndarray:
    """`Circle` of each sample, (N,), beside the samples of a reference: by default themselves."""
    loss = Circle(gamma, margin, remove_diagonal)
    labels, embeddings = loss._standardize(y_true, y_pred)
    references = loss._standardize(
        labels if ref_labels is None else ref_labels,
        embeddings if ref_embeddings is None else ref_embeddings,
    )
    return loss.beside(labels, embeddings, *references)


def _parts(exponents: np.ndarray) -> np.ndarray:
    """e^{x_ij} / Σ_j e^{x_ij}, 0 where x_ij is −∞, even where all x_i are."""
    total = np.logaddexp.reduce(exponents, axis=1, keepdims=True)
    return np.exp(exponents - np.where(np.isneginf(total), 0, total))
