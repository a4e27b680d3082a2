"""Learning rates that change with the step."""

from __future__ import annotations

from typing import Any

from scratchnet.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from scratchnet.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PolynomialDecay,
)
from scratchnet.optimizers.schedules.learning_rate_schedule import LearningRateSchedule
from scratchnet.optimizers.schedules.piecewise import PiecewiseConstantDecay
from scratchnet.serialization import get_object, serialize_object

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_KNOWN: dict[str, type[LearningRateSchedule]] = {
    "CosineDecay": CosineDecay,
    "CosineDecayRestarts": CosineDecayRestarts,
    "ExponentialDecay": ExponentialDecay,
    "InverseTimeDecay": InverseTimeDecay,
    "PiecewiseConstantDecay": PiecewiseConstantDecay,
    "PolynomialDecay": PolynomialDecay,
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """What `deserialize` and Keras take back."""
    return serialize_object(learning_rate_schedule, "keras.optimizers.schedules")


def deserialize(config: dict[str, Any]) -> LearningRateSchedule:
    """The schedule that `serialize`, here or in Keras, has written."""
    return get_object(config, _KNOWN, "learning-rate schedule", LearningRateSchedule)
