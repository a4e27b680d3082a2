"""One comparison with Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Case(NamedTuple):
    """A comparison of one public name under one set of arguments.

    Attributes:
        name: as in Keras, with its module: "layers.Conv2D", "optimizers.schedules.CosineDecay".
        label: what is particular about this case, such as "strides=2, padding=same"; the pair
            (name, label) is unique.
        error: runs the comparison in float64 (the caller has set both libraries' floatx to it) and
            returns the largest relative error that it saw, `inf` where shapes or structures
            differ.
        bound: largest error that still counts as equal: 1e-12, or what rounding alone explains;
            a bound above it says why in a comment.
    """

    name: str
    label: str
    error: Callable[[], float]
    bound: float = 1e-12
