"""Lamb: Adam's direction, with a step as long as the weight is large.

    m ← m + (1 − β₁)·(g − m),    v ← v + (1 − β₂)·(g² − v)
    d = m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε),   t = 1, 2, …
    p ← p − lr·r·d,   r = ‖p‖/‖d‖, or 1 where either norm is 0

‖·‖ runs over all entries of one weight: the layer-wise rate that large batches need. Weight decay
acts on the weights before this step and is no part of d, as in Keras and unlike the paper.

Sources: You et al., "Large Batch Optimization for Deep Learning" (2020), algorithm 2;
keras/src/optimizers/lamb.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.adam import follow
from scratchnet.optimizers.optimizer import Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Lamb(Optimizer):
    """Adam with a trust ratio for each weight.

    Args:
        learning_rate: lr.
        beta_1, beta_2: β₁, β₂, how slowly the running means forget.
        epsilon: ε, keeps the denominator away from 0.
        Others: as every optimizer.
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        dtype = p.dtype.type
        t = dtype(self.iterations + 1)
        beta_1, beta_2 = (as_keras_casts(beta, p.dtype) for beta in (self.beta_1, self.beta_2))
        m, v = slots
        work, d = self.work_arrays(p, 2)
        follow(m, g, dtype(1 - self.beta_1), work)
        follow(v, np.square(g, out=work), dtype(1 - self.beta_2), work)
        np.sqrt(np.divide(v, 1 - beta_2**t, out=work), out=work)
        work += dtype(self.epsilon)
        np.divide(m, 1 - beta_1**t, out=d)
        d /= work
        of_weight, of_step = np.linalg.norm(p), np.linalg.norm(d)
        ratio = dtype(of_weight / of_step if of_weight > 0 and of_step > 0 else 1)
        d *= ratio * lr
        p -= d

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
