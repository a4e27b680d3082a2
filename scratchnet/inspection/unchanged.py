"""Putting a layer back as it was after a pass through it that nobody is to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scratchnet.callbacks.random_state import random_state, restore_random_state
from scratchnet.layers import Layer


def restorer(layer: Layer) -> Callable[[], None]:
    """A function that puts random states and the weights that do not train back as they are now."""
    state = random_state(layer)
    statistics = [(w, w.numpy()) for w in layer.weights if not w.trainable]

    def restore() -> None:
        restore_random_state(layer, state)
        for weight, value in statistics:
            weight.value[...] = value

    return restore


@contextmanager
def unchanged(layer: Layer) -> Iterator[None]:
    """After the block, random states and the weights that do not train are as they were before."""
    restore = restorer(layer)
    try:
        yield
    finally:
        restore()
