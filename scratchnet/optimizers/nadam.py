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
from scratchnet.optimizers.optimizer import Optimizer, as_keras_casts
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
        dtype, t = p.dtype.type, self.iterations + 1
        beta_1, beta_2 = (as_keras_casts(beta, p.dtype) for beta in (self.beta_1, self.beta_2))
        decay = as_keras_casts(0.96, p.dtype)
        u = beta_1 * (1 - dtype(0.5) * decay ** dtype(t))
        u_next = beta_1 * (1 - dtype(0.5) * decay ** dtype(t + 1))
        product = dtype(self._u_product.value)
        m, v = slots
        work, step = self.work_arrays(p, 2)
        follow(m, g, 1 - beta_1, work)
        follow(v, np.square(g, out=work), 1 - beta_2, work)
        m_hat = np.multiply(m, u_next / (1 - product * u_next), out=step)
        m_hat += np.multiply(g, (1 - u) / (1 - product), out=work)
        v_hat = np.divide(v, 1 - beta_2 ** dtype(t), out=work)
        np.sqrt(v_hat, out=work)
        work += dtype(self.epsilon)
        step *= lr
        step /= work
        p -= step

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
