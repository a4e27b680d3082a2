"""The library's source of chance: one generator that `set_random_seed` makes repeatable."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def set_random_seed(seed: int) -> None:
    """Start the library's generator anew: initial weights, shuffling and dropout repeat."""
    global _generator
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The library's generator, for draws that have no seed of their own."""
    return _generator


def fresh_seed() -> int:
    """A seed below 2³¹ for an object that was given none."""
    return int(_generator.integers(2**31))
