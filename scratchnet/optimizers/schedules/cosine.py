"""Schedules that follow half a wave of the cosine.

    CosineDecay            lr = start · ((1 − α)·½·(1 + cos(π·p)) + α)
    CosineDecayRestarts    lr = start · ((1 − α)·½·mⁱ·(1 + cos(π·p)) + α)   in period i = 0, 1, …

p = min(s / decay_steps, 1) is the share of the fall that is over at step s. Period i has
first_decay_steps · t_mulⁱ steps, and p runs from 0 to 1 in it. With s in units of
first_decay_steps it starts at 1 + t_mul + … + t_mulⁱ⁻¹ = (1 − t_mulⁱ) / (1 − t_mul).

Sources: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017),
eq. 5; Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2, for the warm-up;
keras/src/optimizers/schedules/learning_rate_schedule.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.optimizers.schedules.learning_rate_schedule import (
    LearningRateSchedule,
    as_float64,
    positive,
)


class CosineDecay(LearningRateSchedule):
    """Falls along half a cosine, after a linear rise where there is a `warmup_target`.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps of the fall.
        alpha: α, share of the start that is left at the end and from there on.
        name: of the schedule.
        warmup_target: learning rate that the rise reaches and the fall starts from; None means
            no rise, and a fall from initial_learning_rate.
        warmup_steps: steps of the rise.

    Raises:
        ValueError: decay_steps not above 0.

    >>> CosineDecay(0.0, 4, warmup_target=1.0, warmup_steps=2)([0, 1, 2, 4, 6]).round(12)
    array([0. , 0.5, 1. , 0.5, 0. ])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(self, "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: ArrayLike) -> Any:
        s = as_float64(step)
        if self.warmup_target is None:
            return self._fall(s, self.initial_learning_rate)
        rise = (self.warmup_target - self.initial_learning_rate) / (self.warmup_steps or 1)
        warming = self.initial_learning_rate + rise * s
        falling = self._fall(s - self.warmup_steps, self.warmup_target)
        return np.where(s < self.warmup_steps, warming, falling)[()]

    def _fall(self, s: Any, start: float) -> Any:
        p = np.minimum(s / self.decay_steps, 1.0)
        return start * ((1 - self.alpha) * _half_wave(p) + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Falls along half a cosine again and again, in periods that may grow.

    The first step of a period always has the period's full learning rate. Keras finds the period
    with a rounded logarithm, which puts a few such steps (243 for t_mul = 3) at the end of the
    period before, with the lowest learning rate.

    Args:
        initial_learning_rate: at step 0.
        first_decay_steps: steps of period 0.
        t_mul: factor from the length of a period to that of the next, at least 1.
        m_mul: m, factor of the learning rate in the next period.
        alpha: α, share of the start that is left at the end of each period.
        name: of the schedule.

    Raises:
        ValueError: first_decay_steps not above 0, or t_mul below 1.

    >>> CosineDecayRestarts(1.0, 2, m_mul=0.5)([0, 1, 2, 4, 6]).round(12)
    array([1.  , 0.5 , 0.5 , 0.25, 0.25])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        if not t_mul >= 1:
            raise ValueError(
                f"CosineDecayRestarts received t_mul={t_mul!r}. Expected at least 1: periods that "
                f"shrink would all be over after a finite number of steps."
            )
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = positive(self, "first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: ArrayLike) -> Any:
        i, p = self._period(as_float64(step) / self.first_decay_steps)
        wave = np.power(self.m_mul, i) * _half_wave(p)
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)

    def _period(self, s: Any) -> tuple[Any, Any]:
        """(i, p) of s steps, counted in units of first_decay_steps."""
        if self.t_mul == 1:
            i = np.floor(s)
            return i, s - i
        i = np.floor(np.log(1 + s * (self.t_mul - 1)) / np.log(self.t_mul))
        p = self._within(s, i)
        # The logarithm's rounding can miss the period at its very first step
        i = i + (p >= 1) - (p < 0)
        return i, self._within(s, i)

    def _within(self, s: Any, i: Any) -> Any:
        length = np.power(float(self.t_mul), i)
        return (s - (length - 1) / (self.t_mul - 1)) / length

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


def _half_wave(p: Any) -> Any:
    """½·(1 + cos(π·p)): from 1 at p = 0 to 0 at p = 1."""
    return 0.5 * (1 + np.cos(np.pi * p))
