"""Initializers: first values of the weights."""

from __future__ import annotations

from typing import Any

from scratchnet.initializers.constant import Constant, Identity, Ones, Zeros
from scratchnet.initializers.initializer import Initializer
from scratchnet.initializers.orthogonal import Orthogonal
from scratchnet.initializers.random import RandomNormal, RandomUniform, TruncatedNormal
from scratchnet.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from scratchnet.serialization import get_object, serialize_object

# Keras's other names for them
constant, identity, ones, zeros = Constant, Identity, Ones, Zeros
orthogonal, random_normal, random_uniform = Orthogonal, RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

_KNOWN: dict[str, type[Initializer]] = {
    initializer.__name__: initializer
    for initializer in (
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
        LecunUniform,
        LecunNormal,
        VarianceScaling,
        TruncatedNormal,
        RandomNormal,
        RandomUniform,
        Orthogonal,
        Identity,
        Constant,
        Zeros,
        Ones,
    )
}
_KNOWN |= {
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
}


def get(identifier: Any) -> Initializer:
    """The initializer of that name or configuration."""
    return get_object(identifier, _KNOWN, "initializer", Initializer)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """What `deserialize` and Keras take back."""
    return serialize_object(initializer, "keras.initializers")


def deserialize(config: dict[str, Any]) -> Initializer:
    """The initializer that `serialize`, here or in Keras, has written."""
    return get(config)
