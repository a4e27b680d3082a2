"""What all models share: layers inside, weights of all of them, a table, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scratchnet.layers.layer import Layer
from scratchnet.models.summary import print_summary
from scratchnet.models.training import Trainer
from scratchnet.names import unknown_name_message
from scratchnet.variable import Variable


class Model(Trainer):
    """A layer made of layers. Subclasses say how the layers are wired."""

    def __init__(self, *, trainable: bool = True, **layer_arguments: Any) -> None:
        super().__init__(trainable=trainable, **layer_arguments)
        self._layers: list[Layer] = []

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order in which they compute, inputs left out."""
        return [*self._layers]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that position.

        Raises ValueError for an unknown name (with the closest known one) or position.
        """
        if (name is None) == (index is None):
            raise ValueError(
                f"get_layer received name={name!r} and index={index!r}. Expected one of them."
            )
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"get_layer received index={index}. Expected an index below "
                    f"{len(self._layers)}, the number of layers of {self.name!r}."
                )
            return self._layers[index]
        by_name = {layer.name: layer for layer in self._layers}
        if name not in by_name:
            raise ValueError(unknown_name_message(f"layer of {self.name!r}", name, by_name))
        return by_name[name]

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer."""
        return [weight for layer in self._layers for weight in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        return [weight for layer in self._layers for weight in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [weight for layer in self._layers for weight in layer.non_trainable_weights]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weights; setting it sets it on every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the table of layers, output shapes and numbers of weights, as Keras does."""
        print_summary(self, line_length, print_fn, expand_nested, show_trainable)

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the whole model to a `.keras` file, which Keras also reads."""
        from scratchnet.saving import save_model  # saving imports models

        save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the weights to a `.weights.h5` file, which Keras also reads."""
        from scratchnet.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | Path) -> None:
        """Read the weights from a `.weights.h5` or `.keras` file, written here or by Keras."""
        from scratchnet.saving import load_weights

        load_weights(self, filepath)
