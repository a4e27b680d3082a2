"""The Keras optimizer that a scratchnet optimizer stands for, and the same for schedules.

`getattr(keras.optimizers, type(optimizer).__name__).from_config(optimizer.get_config())` is the
mapping. The exceptions are `Momentum`, which Keras does not have, and the numbers of a schedule,
which Keras would compute with in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.device import prepare
from scratchnet.optimizers import Momentum, Optimizer, schedules
from scratchnet.optimizers.schedules import LearningRateSchedule


def twin_optimizer(optimizer: Optimizer) -> Any:
    """The Keras optimizer that does the same, not built.

    `Momentum`, which Keras does not have, becomes the SGD that it equals (`optimizers.momentum`)
    as long as the learning rate stays the same; its slot is −lr times ours.

    Raises ValueError for a Momentum with a schedule.
    """
    prepare()
    import keras

    config = optimizer.get_config()
    kind = type(optimizer).__name__
    if isinstance(optimizer._learning_rate, LearningRateSchedule):
        config["learning_rate"] = twin_schedule(optimizer._learning_rate)
    if isinstance(optimizer, Momentum):
        if isinstance(optimizer._learning_rate, LearningRateSchedule):
            raise ValueError(
                f"The optimizer {optimizer.name!r} is a Momentum with a schedule, which no "
                f"optimizer of Keras equals. Expected a number as its learning rate."
            )
        beta = np.float64(config.pop("beta"))  # as a Python number it would become float32
        config["momentum"] = beta
        config["learning_rate"] *= float(1 - beta)
        if config["weight_decay"] is not None:
            config["weight_decay"] = np.float64(np.float32(config["weight_decay"])) / (1 - beta)
        kind = "SGD"
    return getattr(keras.optimizers, kind).from_config(config)


def twin_schedule(schedule: LearningRateSchedule) -> Any:
    """The Keras schedule that does the same, in float64.

    Keras computes in the dtype of the numbers it is given, and a Python number is float32 there.
    """
    prepare()
    import keras

    config = schedules.serialize(schedule)["config"]
    kind = getattr(keras.optimizers.schedules, type(schedule).__name__)
    return kind(**{argument: _as_float64(value) for argument, value in config.items()})


def _as_float64(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_as_float64(each) for each in value]
    return np.float64(value) if isinstance(value, float) else value
