"""Adagrad: steps that shrink with all the gradients a weight has seen.

    G ← G + g²                        starts at initial_accumulator_value
    p ← p − lr·g / √(G + ε)

ε stands inside the root, as in Keras.

Sources: Duchi et al., "Adaptive Subgradient Methods" (2011); keras/src/optimizers/adagrad.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of each weight's squared gradients.

    Args:
        learning_rate: lr.
        initial_accumulator_value: first value of G.
        epsilon: ε, keeps the root away from 0.
        Others: as every optimizer.
    """

    slot_groups = (("accumulator",),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial_slot(self, name: str, p: np.ndarray) -> np.ndarray:
        return np.full_like(p, as_keras_casts(self.initial_accumulator_value, p.dtype))

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        (total,) = slots
        work, step = self.work_arrays(p, 2)
        total += np.square(g, out=work)
        root = np.add(total, p.dtype.type(self.epsilon), out=work)
        np.sqrt(root, out=root)
        np.multiply(g, lr, out=step)
        step /= root
        p -= step

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        return "adagrad", (dtype.type(self.epsilon),)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
