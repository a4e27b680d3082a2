"""Optimizers: how a gradient becomes a step."""

from __future__ import annotations

from typing import Any

from scratchnet.optimizers.adam import Adam, AdamW
from scratchnet.optimizers.nadam import Nadam
from scratchnet.optimizers.optimizer import Optimizer
from scratchnet.optimizers.rmsprop import RMSprop
from scratchnet.optimizers.sgd import SGD
from scratchnet.serialization import get_object, serialize_object

__all__ = ["SGD", "Adam", "AdamW", "Nadam", "Optimizer", "RMSprop", "get", "serialize"]

_KNOWN: dict[str, type[Optimizer]] = {
    "SGD": SGD,
    "Adam": Adam,
    "AdamW": AdamW,
    "Nadam": Nadam,
    "RMSprop": RMSprop,
}


def get(identifier: Any) -> Optimizer:
    """The optimizer of that name or configuration."""
    return get_object(identifier, _KNOWN, "optimizer", Optimizer)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """What `get` and Keras take back."""
    return serialize_object(optimizer, "keras.optimizers")
