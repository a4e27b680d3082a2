"""Ftrl: follow the regularised leader, which sets small weights to exactly 0.

    n' = n + g²                                       n starts at initial_accumulator_value
    σ = (n'^−q − n^−q) / lr                           q = learning_rate_power
    z ← z + g + 2·s·p − σ·p                           s = l2_shrinkage_regularization_strength
    p ← (clip(z, −l1, l1) − z) / (n'^−q / lr + 2·l2 + β / lr)
    n ← n'

For q = −½ and |z| > l1 the last line is the paper's weight with α = lr,

    p = −(z − sign(z)·l1) / ((β + √n') / α + 2·l2)

and 0 for |z| ≤ l1; the paper writes λ₂ for 2·l2. The weight is computed anew from z at every step,
so what it was before (also what weight decay left of it) counts only through σ and s.

Sources: McMahan et al., "Ad Click Prediction: a View from the Trenches" (2013), algorithm 1;
keras/src/optimizers/ftrl.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Ftrl(Optimizer):
    """Weights from the sum of all gradients, with L1 that makes many of them 0.

    Args:
        learning_rate: lr.
        learning_rate_power: q, at most 0; 0 means a rate that does not shrink.
        initial_accumulator_value: first value of n, at least 0.
        l1_regularization_strength, l2_regularization_strength: l1, l2, at least 0.
        l2_shrinkage_regularization_strength: s, at least 0; penalises the weight of this step
            where l2 penalises that of the next.
        beta: β.
        Others: as every optimizer.

    Raises:
        ValueError: an argument out of range.
    """

    slot_groups = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        if not learning_rate_power <= 0:
            raise ValueError(
                f"Ftrl received learning_rate_power={learning_rate_power!r}. Expected a number of "
                f"at most 0."
            )
        for name, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if not value >= 0:
                raise ValueError(
                    f"Ftrl received {name}={value!r}. Expected a number of at least 0."
                )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def initial_slot(self, name: str, p: np.ndarray) -> np.ndarray:
        first = self.initial_accumulator_value if name == "accumulator" else 0
        return np.full_like(p, as_keras_casts(first, p.dtype))

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        dtype = p.dtype.type
        l1, l2 = dtype(self.l1_regularization_strength), dtype(self.l2_regularization_strength)
        shrinkage, power = (
            self.l2_shrinkage_regularization_strength,
            dtype(-self.learning_rate_power),
        )
        n, z = slots
        work, before, after = self.work_arrays(p, 3)
        np.power(n, power, out=before)
        n += np.square(g, out=work)
        np.power(n, power, out=after)
        z += g
        z += np.multiply(p, dtype(2 * shrinkage), out=work)
        sigma = np.subtract(after, before, out=before)
        sigma /= lr
        z -= np.multiply(sigma, p, out=work)
        quadratic = np.divide(after, lr, out=after)
        quadratic += 2 * (l2 + dtype(self.beta) / (2 * lr))
        np.clip(z, -l1, l1, out=p)
        p -= z
        p /= quadratic

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
