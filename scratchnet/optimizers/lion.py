"""Lion: steps of one size, in the direction of the sign of a momentum.

    p ← p − lr·sign(β₁·m + (1 − β₁)·g)
    m ← β₂·m + (1 − β₂)·g

Every weight moves by lr, or not at all where the sign is 0; so lr is chosen 3 to 10 times smaller
than Adam's, and weight_decay as many times larger.

Sources: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2;
keras/src/optimizers/lion.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Lion(Optimizer):
    """Sign descent with momentum, one slot for each weight.

    Args:
        learning_rate: lr.
        beta_1: β₁, share of the momentum in the step, above 0 and at most 1.
        beta_2: β₂, how slowly the momentum forgets.
        Others: as every optimizer.
    """

    slot_groups = (("momentum",),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **arguments: Any,
    ) -> None:
        if not isinstance(beta_1, (int, float, np.number)) or not 0 < beta_1 <= 1:
            raise ValueError(
                f"Lion received beta_1={beta_1!r}. Expected a number above 0 and at most 1; with "
                f"0 the step would be the sign of the gradient alone."
            )
        super().__init__(learning_rate, **arguments)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        beta_1, beta_2 = (as_keras_casts(beta, p.dtype) for beta in (self.beta_1, self.beta_2))
        (m,) = slots
        work, direction = self.work_arrays(p, 2)
        np.multiply(m, beta_1, out=direction)
        direction += np.multiply(g, 1 - beta_1, out=work)
        np.sign(direction, out=direction)
        direction *= lr
        p -= direction
        m *= beta_2
        m += np.multiply(g, 1 - beta_2, out=work)

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        beta_1, beta_2 = (as_keras_casts(beta, dtype) for beta in (self.beta_1, self.beta_2))
        return "lion", (beta_1, 1 - beta_1, beta_2, 1 - beta_2)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
