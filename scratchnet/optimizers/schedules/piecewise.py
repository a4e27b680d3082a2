"""The schedule that is constant between boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.optimizers.schedules.learning_rate_schedule import LearningRateSchedule


class PiecewiseConstantDecay(LearningRateSchedule):
    """lr = values[i] for boundaries[i − 1] < step ≤ boundaries[i].

    A boundary is the last step of its value.

    Args:
        boundaries: steps, none smaller than the one before.
        values: learning rates, one more than boundaries.
        name: of the schedule.

    Raises:
        ValueError: numbers of boundaries and values that do not fit, or boundaries out of order,
            for which Keras adds up several values.

    >>> PiecewiseConstantDecay([2, 4], [0.5, 0.25, 0.125])([0, 2, 3, 4, 5])
    array([0.5  , 0.5  , 0.25 , 0.25 , 0.125])

    Source: keras/src/optimizers/schedules/learning_rate_schedule.py.
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay received {len(boundaries)} boundaries and {len(values)} "
                f"values. Expected one value more than boundaries: one before the first, one "
                f"after each."
            )
        if list(boundaries) != sorted(boundaries):
            raise ValueError(
                f"PiecewiseConstantDecay received boundaries={boundaries!r}. Expected them in "
                f"rising order."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: ArrayLike) -> Any:
        boundaries, values = (np.asarray(a, np.float64) for a in (self.boundaries, self.values))
        return values[np.searchsorted(boundaries, step)]

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}
