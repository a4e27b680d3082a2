"""Adamax: Adam with the largest recent gradient in place of the root mean square.

    m ← m + (1 − β₁)·(g − m)
    u ← max(β₂·u, |g|)
    p ← p − lr·m / ((1 − β₁ᵗ)·(u + ε)),   t = 1, 2, …

Sources: Kingma and Ba, "Adam" (2015), section 7.1; keras/src/optimizers/adamax.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.adam import follow
from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Adamax(Optimizer):
    """Steps scaled by the largest recent gradient of each weight.

    Args:
        learning_rate: lr.
        beta_1, beta_2: β₁, β₂, how slowly the mean and the maximum forget.
        epsilon: ε, keeps the denominator away from 0.
        Others: as every optimizer.
    """

    slot_groups = (("momentum", "norm"),)

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
        m, u = slots
        work, step = self.work_arrays(p, 2)
        follow(m, g, dtype(1 - self.beta_1), work)
        u *= dtype(self.beta_2)
        np.maximum(u, np.abs(g, out=work), out=u)
        denominator = np.add(u, dtype(self.epsilon), out=work)
        denominator *= self._correction(p.dtype)
        np.multiply(m, lr, out=step)
        step /= denominator
        p -= step

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        rest, beta_2 = dtype.type(1 - self.beta_1), dtype.type(self.beta_2)
        return "adamax", (rest, beta_2, self._correction(dtype), dtype.type(self.epsilon))

    def _correction(self, dtype: np.dtype) -> np.floating:
        """1 − β₁ᵗ."""
        return 1 - as_keras_casts(self.beta_1, dtype) ** dtype.type(self.iterations + 1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
