"""All layers of a model, those of the models inside it too."""

from __future__ import annotations

from collections.abc import Iterator

from scratchnet.layers import Layer
from scratchnet.models import Model


def every_layer(layer: Layer) -> Iterator[Layer]:
    """The layer and, where it is a model, all layers inside it."""
    yield layer
    for inner in layer.layers if isinstance(layer, Model) else []:
        yield from every_layer(inner)
