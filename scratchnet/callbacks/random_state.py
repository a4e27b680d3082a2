"""The random state of a training, as JSON can hold it.

It has two parts: the library's generator, which shuffles the samples, and [seed, calls so far] of
each layer that draws, such as Dropout.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchnet.random import generator


def random_state(model: Any) -> dict[str, Any]:
    """What `restore_random_state` needs to let the draws go on as they would have."""
    return {
        "generator": generator().bit_generator.state,
        "layers": [state.tolist() for state in _seed_states(model)],
    }


def restore_random_state(model: Any, state: dict[str, Any]) -> None:
    """Let the library's generator and the model's layers draw on from `state`.

    Raises ValueError, and changes nothing, where the model has another number of layers that
    draw.
    """
    own = list(_seed_states(model))
    if len(own) != len(state["layers"]):
        raise ValueError(
            f"The random state is that of a model with {len(state['layers'])} layers that draw "
            f"(Dropout …), but this model has {len(own)}. Expected the model that it was kept of."
        )
    generator().bit_generator.state = state["generator"]
    for mine, kept in zip(own, state["layers"], strict=True):
        mine[...] = kept


def _seed_states(model: Any) -> Iterator[np.ndarray]:
    """`seed_state` of the model and of all layers inside it, each once, in a fixed order."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        layer = waiting.pop(0)
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if isinstance(getattr(layer, "seed_state", None), np.ndarray):
            yield layer.seed_state
        waiting += _layers_inside(layer)


def _layers_inside(layer: Any) -> list[Any]:
    """A model's layers, and those that another layer keeps in attributes or lists of its own."""
    if hasattr(layer, "layers"):
        return list(layer.layers)
    kept = vars(layer).values()
    inside = [each for value in kept for each in (value if isinstance(value, list) else [value])]
    return [each for each in inside if hasattr(each, "forward")]
