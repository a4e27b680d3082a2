"""A penalty on the activities at one place of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.layers.layer import Gradients, Layer, Saved
from scratchnet.regularizers import L1L2


class ActivityRegularization(Layer):
    """y = x; adds (l1 · Σ |x| + l2 · Σ x²) / N to the loss, for a batch of N.

    Args:
        l1, l2: factors, at least 0.
        trainable, dtype, name: as every layer.

    Raises:
        ValueError: a factor that is not a finite number ≥ 0.

    >>> ActivityRegularization(l2=0.5)([1.0, 2.0])
    array([1., 2.], dtype=float32)

    Source: keras/src/layers/regularization/activity_regularization.py.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Saved]:
        return x, None

    def backward(
        self, dy: np.ndarray, saved: Saved, needs_dx: bool = True
    ) -> tuple[np.ndarray | None, Gradients]:
        return dy, []

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"l1": self.l1, "l2": self.l2}
        del config["activity_regularizer"]
        return config
