"""What a learning-rate schedule is: a function of the number of batches so far."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike


class LearningRateSchedule:
    """Base of all schedules; an optimizer takes one in place of its `learning_rate`.

    A new one defines `__call__` and, to be saved with a model, `get_config`.

    The optimizer calls it with the number of batches it has received before this one: 0, 1, 2, …
    That number also counts batches which only accumulate gradients.

    Keras computes a schedule in the dtype of its initial learning rate, and a Python number is
    float32 there; here all schedules are computed in float64. Keras agrees beyond the seven digits
    of float32 when it is given NumPy's float64 numbers.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving()(2)
    0.025
    """

    def __call__(self, step: ArrayLike) -> Any:
        """The learning rate of a step; of each step, where it is an array."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(step).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, under Keras's names."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define get_config(), so a model that trains with it "
            f"cannot be saved."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


def positive(schedule: LearningRateSchedule, argument: str, value: float) -> float:
    """`value` if it is a number above 0; raises ValueError otherwise."""
    if not isinstance(value, (int, float, np.number)) or not value > 0:
        raise ValueError(
            f"{type(schedule).__name__} received {argument}={value!r}. Expected a number above 0: "
            f"the steps over which the learning rate decays."
        )
    return value


def as_float64(step: ArrayLike) -> Any:
    """One step as a NumPy number, several as an array."""
    return np.asarray(step, np.float64)[()]
