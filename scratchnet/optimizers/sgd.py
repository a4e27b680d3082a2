"""Stochastic gradient descent, with momentum and Nesterov's look ahead.

    momentum 0:    p ← p − lr·g
    momentum μ:    m ← μ·m − lr·g,    p ← p + m
    Nesterov:      m ← μ·m − lr·g,    p ← p + μ·m − lr·g

The velocity m contains the learning rate, as in Keras. Textbooks also write an exponential
average, v ← μ·v + (1 − μ)·g and p ← p − lr·v, whose steps are shorter by the factor 1 − μ.

Sources: Polyak (1964); Sutskever et al. (2013), eqs. 1-4; keras/src/optimizers/sgd.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import Optimizer, as_keras_casts


class SGD(Optimizer):
    """Gradient descent on batches.

    Args:
        learning_rate: lr.
        momentum: μ, from 0 to 1.
        nesterov: whether to look ahead.
        Others: as every optimizer.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **arguments: Any,
    ) -> None:
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"SGD received momentum={momentum!r}. Expected a number from 0 to 1.")
        super().__init__(learning_rate, **arguments)
        self.momentum = momentum
        self.nesterov = nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        step = lr * g
        if not slots:
            p -= step
            return
        (m,) = slots
        mu = as_keras_casts(self.momentum, p.dtype)
        m *= mu
        m -= step
        p += mu * m - step if self.nesterov else m

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
