"""Nadam: Adam with Nesterov's look ahead.

    u_t = β₁·(1 − ½·0.96ᵗ)              momentum that warms up with step t = 1, 2, …
    U_t = u_1·u_2·…·u_t
    m ← m + (1 − β₁)·(g − m),    v ← v + (1 − β₂)·(g² − v)
    m̂ = u_{t+1}·m / (1 − U_t·u_{t+1}) + (1 − u_t)·g / (1 − U_t)
    p ← p − lr·m̂ / (√(v / (1 − β₂ᵗ)) + ε)

Sources: Dozat, "Incorporating Nesterov Momentum into Adam" (2016); keras/src/optimizers/nadam.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.adam import follow
from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule
from scratchnet.variable import Variable


class Nadam(Optimizer):
    """Adam that takes the gradient of the next step's momentum into account.

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

    def extra_variables(self, dtype: np.dtype) -> list[Variable]:
        self._u_product = Variable(np.ones((), dtype), "u_product", trainable=False)
        return [self._u_product]

    def before_update(self) -> None:
        kind = self._u_product.dtype.type
        warmed = 1 - kind(0.5) * kind(0.96) ** kind(self.iterations + 1)
        self._u_product.value *= kind(self.beta_1) * warmed

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        rest_1, rest_2, of_m, of_g, of_v, epsilon = self._numbers(p.dtype)
        m, v = slots
        work, step = self.work_arrays(p, 2)
        follow(m, g, rest_1, work)
        follow(v, np.square(g, out=work), rest_2, work)
        m_hat = np.multiply(m, of_m, out=step)
        m_hat += np.multiply(g, of_g, out=work)
        v_hat = np.divide(v, of_v, out=work)
        np.sqrt(v_hat, out=work)
        work += epsilon
        step *= lr
        step /= work
        p -= step

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        return "nadam", self._numbers(dtype)

    def _numbers(self, dtype: np.dtype) -> tuple[np.floating, ...]:
        """1 − β₁, 1 − β₂, what m, g and v are multiplied and divided by for m̂ and v̂, and ε."""
        kind, t = dtype.type, self.iterations + 1
        beta_1, beta_2 = (as_keras_casts(beta, dtype) for beta in (self.beta_1, self.beta_2))
        decay = as_keras_casts(0.96, dtype)
        u = beta_1 * (1 - kind(0.5) * decay ** kind(t))
        u_next = beta_1 * (1 - kind(0.5) * decay ** kind(t + 1))
        product = kind(self._u_product.value)
        of_m, of_g = u_next / (1 - product * u_next), (1 - u) / (1 - product)
        return 1 - beta_1, 1 - beta_2, of_m, of_g, 1 - beta_2 ** kind(t), kind(self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
