"""Gradient descent along an exponential average of the gradients, as textbooks write momentum.

    v ← β·v + (1 − β)·g
    p ← p − lr·v

Keras's SGD(momentum=β) writes m ← β·m − lr·g, p ← p + m. There the gradients of the past add up,
to 1/(1 − β) times a steady gradient; here they are averaged, so a steady gradient makes steps of
lr. With m = −lr·v both are one recurrence:

    Momentum(lr, β) = SGD(lr·(1 − β), momentum=β)    as long as lr stays the same

When lr changes, all of this step changes with it here; in SGD the old gradients keep the lr that
they came with.

Sources: Ng, "Improving Deep Neural Networks" (2017), week 2; PyTorch's SGD with dampening = β.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.optimizers.checks import check_share
from scratchnet.optimizers.optimizer import OnePass, Optimizer
from scratchnet.optimizers.schedules import LearningRateSchedule


class Momentum(Optimizer):
    """Gradient descent with the running mean of the gradients; Keras has no such optimizer.

    The mean starts at 0 and is not corrected for that, so the first steps are short.

    Args:
        learning_rate: lr.
        beta: β, from 0 (plain gradient descent) to 1, how slowly the mean forgets.
        Others: as every optimizer.

    >>> from scratchnet import Variable
    >>> weight = Variable(np.array([1.0]))
    >>> optimizer = Momentum(learning_rate=0.5, beta=0.75)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0])], [weight])  # v = 0.25, then 0.4375
    >>> weight.numpy()
    array([0.65625])
    """

    slot_groups = (("velocity",),)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        beta: float = 0.9,
        **arguments: Any,
    ) -> None:
        check_share("Momentum", beta=beta)
        super().__init__(learning_rate, **arguments)
        self.beta = beta

    def update(
        self, p: np.ndarray, g: np.ndarray, lr: np.floating, slots: Sequence[np.ndarray]
    ) -> None:
        (v,) = slots
        (work,) = self.work_arrays(p, 1)
        v *= p.dtype.type(self.beta)
        v += np.multiply(g, p.dtype.type(1 - self.beta), out=work)
        p -= np.multiply(v, lr, out=work)

    def one_pass(self, dtype: np.dtype, lr: np.floating) -> OnePass:
        return "averaged_momentum", (dtype.type(self.beta), dtype.type(1 - self.beta))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta": self.beta}
