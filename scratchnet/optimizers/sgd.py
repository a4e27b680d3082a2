"""Stochastic gradient descent, with momentum and Nesterov's look ahead.

    momentum 0:    p ← p − lr·g
    momentum μ:    m ← μ·m − lr·g,    p ← p + m
    Nesterov:      m ← μ·m − lr·g,    p ← p + μ·m − lr·g

The velocity m contains the learning rate, as in Keras. `optimizers.Momentum` is the other way in
which textbooks write momentum, as an exponential average.

Sources: Polyak (1964); Sutskever et al. (2013), eqs. 1-4; keras/src/optimizers/sgd.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.checks import check_share
from scratchnet.optimizers.optimizer import OnePass, Optimizer, as_keras_casts
from scratchnet.optimizers.schedules import LearningRateSchedule


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
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **arguments: Any,
    ) -> None:
        check_share("SGD", momentum=momentum)
        super().__init__(learning_rate, **arguments)
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.slot_groups = (("momentum",),) if momentum else ()

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        step, ahead = self.work_arrays(p, 2)
        np.multiply(g, lr, out=step)
        if not slots:
            p -= step
            return
        (m,) = slots
        mu = as_keras_casts(self.momentum, p.dtype)
        m *= mu
        m -= step
        if self.nesterov:
            np.multiply(m, mu, out=ahead)
            ahead -= step
            p += ahead
        else:
            p += m

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        if not self.momentum:
            return "sgd", ()
        kernel = "nesterov" if self.nesterov else "sgd_with_momentum"
        return kernel, (as_keras_casts(self.momentum, dtype),)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
