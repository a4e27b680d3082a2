"""RMSprop, the default of `compile`.

    v ← ρ·v + (1 − ρ)·g²                                running mean of the squared gradient
    d = v + ε, or with `centered` v − a² + ε,  a ← ρ·a + (1 − ρ)·g
    p ← p − lr·g / √d,    or with momentum μ:  m ← μ·m + lr·g / √d,  p ← p − m

ε stands inside the root, as in Keras.

Sources: Tieleman and Hinton, "Lecture 6.5" (2012); Graves (2013), eqs. 38-42 for `centered`;
keras/src/optimizers/rmsprop.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.optimizer import OnePass, Optimizer
from scratchnet.optimizers.schedules import LearningRateSchedule


class RMSprop(Optimizer):
    """Steps divided by the root mean square of each weight's recent gradients.

    Args:
        learning_rate: lr.
        rho: ρ, how slowly the running means forget.
        momentum: μ, at least 0.
        epsilon: ε, keeps the root away from 0.
        centered: whether to divide by the deviation instead.
        Others: as every optimizer.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        used = ((True, "velocity"), (momentum > 0, "momentum"), (centered, "average_gradient"))
        self.slot_groups = tuple((name,) for use, name in used if use)

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        dtype = p.dtype.type
        rho, one_minus_rho = dtype(self.rho), dtype(1 - self.rho)
        v, *others = slots
        work, increment = self.work_arrays(p, 2)
        v *= rho
        v += np.multiply(np.square(g, out=work), one_minus_rho, out=work)
        denominator = work
        if self.centered:
            a = others[-1]
            a *= rho
            a += np.multiply(g, one_minus_rho, out=work)
            np.subtract(v, np.square(a, out=work), out=denominator)
            denominator += dtype(self.epsilon)
        else:
            np.add(v, dtype(self.epsilon), out=denominator)
        np.multiply(g, lr, out=increment)
        increment /= np.sqrt(denominator, out=denominator)
        if self.momentum > 0:
            m = others[0]
            m *= dtype(self.momentum)
            m += increment
            increment = m
        p -= increment

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass | None:
        if self.centered:
            return None
        numbers = (dtype.type(self.rho), dtype.type(1 - self.rho), dtype.type(self.epsilon))
        if self.momentum > 0:
            return "rmsprop_with_momentum", (*numbers, dtype.type(self.momentum))
        return "rmsprop", numbers

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
