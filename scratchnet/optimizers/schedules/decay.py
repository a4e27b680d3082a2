"""Schedules that decay along a curve.

With s the step:

    ExponentialDecay    lr = initial · decay_rateᵖ             p = s / decay_steps,
    InverseTimeDecay    lr = initial / (1 + decay_rate · p)        rounded down with `staircase`
    PolynomialDecay     lr = (initial − end) · (1 − p)^power + end
                                                               p = min(s / decay_steps, 1)

With `cycle` the polynomial's decay_steps is the smallest multiple of itself that is at least s, so
that the learning rate jumps up after each multiple and falls again, less steeply each time.

Source: keras/src/optimizers/schedules/learning_rate_schedule.py.
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


class _RateDecay(LearningRateSchedule):
    """The arguments that ExponentialDecay and InverseTimeDecay share."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(self, "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name or type(self).__name__

    def _progress(self, step: ArrayLike) -> Any:
        p = as_float64(step) / self.decay_steps
        return np.floor(p) if self.staircase else p

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class ExponentialDecay(_RateDecay):
    """lr = initial · decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps in which the learning rate falls by the factor `decay_rate`.
        decay_rate: that factor.
        staircase: whether to fall at multiples of decay_steps only.
        name: None means the class's name.

    Raises:
        ValueError: decay_steps not above 0.

    >>> ExponentialDecay(0.5, decay_steps=10, decay_rate=0.25)(5).item()
    0.25
    """

    def __call__(self, step: ArrayLike) -> Any:
        return self.initial_learning_rate * np.power(self.decay_rate, self._progress(step))


class InverseTimeDecay(_RateDecay):
    """lr = initial / (1 + decay_rate · step / decay_steps).

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps after which the denominator has grown by `decay_rate`.
        decay_rate: that growth.
        staircase: whether to fall at multiples of decay_steps only.
        name: None means the class's name.

    Raises:
        ValueError: decay_steps not above 0.

    >>> InverseTimeDecay(0.5, decay_steps=1, decay_rate=0.5)(2).item()
    0.25
    """

    def __call__(self, step: ArrayLike) -> Any:
        return self.initial_learning_rate / (1 + self.decay_rate * self._progress(step))


class PolynomialDecay(LearningRateSchedule):
    """lr = (initial − end) · (1 − step / decay_steps)^power + end, and then end for ever.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps until the end.
        end_learning_rate: from there on.
        power: 1 is a straight line.
        cycle: whether to start again after each decay_steps.
        name: of the schedule.

    Raises:
        ValueError: decay_steps not above 0.

    >>> PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)([0, 1, 4, 9])
    array([1.  , 0.75, 0.  , 0.  ])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive(self, "decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: ArrayLike) -> Any:
        s, decay_steps = as_float64(step), self.decay_steps
        if self.cycle:
            decay_steps = decay_steps * np.maximum(1.0, np.ceil(s / decay_steps))
        p = np.minimum(s, decay_steps) / decay_steps
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * np.power(1 - p, self.power) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }
