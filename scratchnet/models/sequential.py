"""A stack of layers: each one's output is the next one's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from scratchnet import layers
from scratchnet.custom_objects import custom_object_scope
from scratchnet.layers import InputLayer, SymbolicTensor
from scratchnet.layers.layer import Layer
from scratchnet.layers.symbolic import Shape
from scratchnet.models.graph import Graph
from scratchnet.models.model import Model, check_fit


class Sequential(Model):
    """y = f_n(… f_2(f_1(x))).

    Args:
        layers: in order; `Input(shape)` as the first one builds the model at once, otherwise it
            is built by the first array that it sees, or by `build`.
        trainable, name: as every layer.

    >>> from scratchnet.layers import Dense, Input
    >>> model = Sequential([Input((4,)), Dense(3, activation="relu"), Dense(2)])
    >>> model.count_params()
    23

    Source: keras/src/models/sequential.py.
    """

    def __init__(
        self,
        layers: Sequence[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.input_layer: InputLayer | None = None
        self._tensors: list[SymbolicTensor] = []
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Layer | SymbolicTensor) -> None:
        """Put a layer on top.

        Raises:
            TypeError: not a layer.
            ValueError: a name that is taken, an input that is not the first, shapes that do not
                fit; the model stays as it was.
        """
        if isinstance(layer, SymbolicTensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(
                f"Sequential takes layers; received {layer!r} ({type(layer).__name__}). Expected "
                f"an instance such as layers.Dense(10)."
            )
        if isinstance(layer, InputLayer):
            if self._layers or self.input_layer:
                raise ValueError(
                    f"Input {layer.name!r} comes after other layers. Expected it first, and once."
                )
            self.input_layer = layer
            self.dtype = layer.dtype
            self._wire([layer.output])
            return
        if layer.name in {other.name for other in self._layers}:
            raise ValueError(
                f"Two layers are called {layer.name!r}. Expected a name of its own for each: pass "
                f"name=… to one of them, or do not add the same layer twice."
            )
        if not self._trainable:
            layer.trainable = False
        tensors = [*self._tensors, layer(self._tensors[-1])] if self._tensors else []
        self._layers.append(layer)
        if tensors:
            self._wire(tensors)

    def pop(self) -> Layer:
        """Take the top layer off and return it. Raises IndexError where there is none."""
        if not self._layers:
            raise IndexError(f"{self._label()} has no layer to take off.")
        layer = self._layers.pop()
        if self._tensors:
            layer.nodes.remove(self._tensors[-1].node)
            self._wire(self._tensors[:-1])
        return layer

    def build(self, input_shape: Shape) -> None:
        """Create the weights of all layers for inputs of this shape, such as (None, 28, 28, 1)."""
        tensors = [InputLayer(batch_shape=tuple(input_shape), dtype=self.dtype).output]
        for layer in self._layers:
            tensors.append(layer(tensors[-1]))
        self._wire(tensors)

    def check_input(self, shape: Shape) -> None:
        if not self._layers:
            raise ValueError(
                f"{self._label()} has no layers. Expected at least one: model.add(layers.Dense(1))."
            )
        if self.input_layer is not None:
            check_fit(self, self.input_layer.output, shape)
        self._layers[0].check_input(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _wire(self, tensors: list[SymbolicTensor]) -> None:
        """Make the graph of a path: what goes in, then what comes out of each layer."""
        self._tensors = tensors
        self.input_structure, self.output_structure = tensors[0], tensors[-1]
        self._graph = Graph(tensors[:1], tensors[-1:])
        self.input_shape = tensors[0].shape
        self.built = True

    # Configuration

    def get_config(self) -> dict[str, Any]:
        stack = ([self.input_layer] if self.input_layer else []) + self._layers
        config = super().get_config() | {"layers": [layers.serialize(layer) for layer in stack]}
        if self.input_shape is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        config = dict(config)
        build_input_shape = config.pop("build_input_shape", None)
        with custom_object_scope(custom_objects):
            stack = [layers.deserialize(entry) for entry in config.pop("layers")]
        model = cls(stack, **config)
        if build_input_shape is not None and not model.built:
            model.build(tuple(build_input_shape))
        return model
