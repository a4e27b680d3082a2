"""Optimizers: how a gradient becomes a step."""

from __future__ import annotations

from typing import Any

from scratchnet.optimizers import schedules
from scratchnet.optimizers.adadelta import Adadelta
from scratchnet.optimizers.adafactor import Adafactor
from scratchnet.optimizers.adagrad import Adagrad
from scratchnet.optimizers.adam import Adam, AdamW
from scratchnet.optimizers.adamax import Adamax
from scratchnet.optimizers.ftrl import Ftrl
from scratchnet.optimizers.lamb import Lamb
from scratchnet.optimizers.lion import Lion
from scratchnet.optimizers.momentum import Momentum
from scratchnet.optimizers.muon import Muon
from scratchnet.optimizers.nadam import Nadam
from scratchnet.optimizers.optimizer import Optimizer
from scratchnet.optimizers.rmsprop import RMSprop
from scratchnet.optimizers.sgd import SGD
from scratchnet.serialization import get_object, serialize_object

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Momentum",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_KNOWN: dict[str, type[Optimizer]] = {
    optimizer.__name__: optimizer
    for optimizer in (
        SGD,
        Adadelta,
        Adafactor,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        Momentum,
        Muon,
        Nadam,
        RMSprop,
    )
}


def get(identifier: Any) -> Optimizer:
    """The optimizer of that name or configuration."""
    return get_object(identifier, _KNOWN, "optimizer", Optimizer)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """What `deserialize` and Keras take back."""
    return serialize_object(optimizer, "keras.optimizers")


def deserialize(config: dict[str, Any]) -> Optimizer:
    """The optimizer that `serialize`, here or in Keras, has written."""
    return get(config)
