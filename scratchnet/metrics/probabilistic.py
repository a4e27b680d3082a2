"""How well predicted distributions fit, over all samples.

The formulas are those of the losses of the same names (`scratchnet.losses`).

Source: keras/src/metrics/probabilistic_metrics.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import losses
from scratchnet.losses.arguments import one_axis, share
from scratchnet.metrics.reduction import MeanOfFunction


class BinaryCrossentropy(MeanOfFunction):
    """Mean of −[y·log p + (1 − y)·log(1 − p)].

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: α in y·(1 − α) + α/2.

    >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        self.from_logits = bool(from_logits)
        self.label_smoothing = share("BinaryCrossentropy", "label_smoothing", label_smoothing)
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=self.from_logits,
            label_smoothing=self.label_smoothing,
        )


class CategoricalCrossentropy(MeanOfFunction):
    """Mean of −Σ_k y_k·log p_k, with y one-hot or a distribution.

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: α in y·(1 − α) + α/C.
        axis: of the classes.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        self.from_logits = bool(from_logits)
        self.label_smoothing = share("CategoricalCrossentropy", "label_smoothing", label_smoothing)
        self.axis = one_axis("CategoricalCrossentropy", axis)
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=self.from_logits,
            label_smoothing=self.label_smoothing,
            axis=self.axis,
        )


class SparseCategoricalCrossentropy(MeanOfFunction):
    """Mean of −log p_t, with t the number of the right class.

    Args:
        from_logits: whether y_pred are logits.
        ignore_class: a label whose samples are no loss. As in Keras they weigh 0 where there are
            weights; where there are none, they count in the mean as losses of 0.
        axis: of the classes: −1 or the number of the last axis.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        self.from_logits = bool(from_logits)
        self.ignore_class = ignore_class
        self.axis = one_axis("SparseCategoricalCrossentropy", axis)
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=self.from_logits,
            ignore_class=ignore_class,
            axis=self.axis,
        )

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add one batch of labels (N, …) or (N, …, 1) and scores (N, …, C).

        Raises ValueError where they do not fit each other, or the weights do not fit them.
        """
        if sample_weight is not None and self.ignore_class is not None:
            rows = np.shape(y_pred)[:-1]
            labels, weights = np.asarray(y_true), np.asarray(sample_weight)
            if labels.ndim == len(rows) + 1:
                labels = labels[..., 0]
            if weights.ndim == len(rows) + 1:
                weights = weights[..., 0]
            weights = weights.reshape(weights.shape + (1,) * (len(rows) - weights.ndim))
            sample_weight = np.where(labels != self.ignore_class, weights, 0)
        super().update_state(y_true, y_pred, sample_weight)


class KLDivergence(MeanOfFunction):
    """Mean of Σ_k y_k·log(y_k / ŷ_k), both kept in [1e-7, 1].

    >>> round(float(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    # Keras gives neither this metric nor Poisson a direction of its own; a loss goes down
    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanOfFunction):
    """Mean of ŷ − y·log(ŷ + 1e-7).

    >>> float(Poisson()([[0.0]], [[2.0]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)
