"""Adadelta: steps in the units of the weights, from running means of gradients and steps.

    G ← ρ·G + (1 − ρ)·g²
    d = −g · √(D + ε) / √(G + ε)
    D ← ρ·D + (1 − ρ)·d²
    p ← p + lr·d

The paper has no learning rate: its steps are those of lr = 1.

Sources: Zeiler, "ADADELTA" (2012), algorithm 1; keras/src/optimizers/adadelta.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import Optimizer
from scratchnet.optimizers.schedules import LearningRateSchedule


class Adadelta(Optimizer):
    """Steps as large as the recent ones, relative to the recent gradients.

    Args:
        learning_rate: lr.
        rho: ρ, how slowly the running means forget.
        epsilon: ε, keeps both roots away from 0 and the first steps from being 0.
        Others: as every optimizer.
    """

    slot_groups = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.rho, self.epsilon = rho, epsilon

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        epsilon = p.dtype.type(self.epsilon)
        squares_of_g, squares_of_d = slots
        work, d = self.work_arrays(p, 2)
        self._follow(squares_of_g, g, work)
        np.sqrt(np.add(squares_of_d, epsilon, out=d), out=d)
        d *= g
        d /= np.sqrt(np.add(squares_of_g, epsilon, out=work), out=work)
        np.negative(d, out=d)
        self._follow(squares_of_d, d, work)
        d *= lr
        p += d

    def _follow(self, mean: np.ndarray, x: np.ndarray, work: np.ndarray) -> None:
        """mean ← ρ·mean + (1 − ρ)·x², in place."""
        dtype = mean.dtype.type
        mean *= dtype(self.rho)
        mean += np.multiply(np.square(x, out=work), dtype(1 - self.rho), out=work)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}
