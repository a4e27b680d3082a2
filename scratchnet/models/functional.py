"""A model cut out of a graph that was drawn by calling layers on symbolic tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from scratchnet.custom_objects import custom_object_scope
from scratchnet.layers import Input, InputLayer
from scratchnet.layers.symbolic import Node, SymbolicTensor, leaves, mapped
from scratchnet.models.graph import Graph, walk_back
from scratchnet.models.graph_config import graph_config, graph_from_config
from scratchnet.models.model import Model, check_fit


class Functional(Model):
    """What lies between `inputs` and `outputs`; `Model(inputs, outputs)` makes one.

    Args:
        inputs: a symbolic tensor, or several in a list or dict. One that comes out of a layer and
            not from an Input starts a model from there on, with the same layers and weights.
        outputs: likewise.
        trainable, name: as every layer.

    Raises:
        TypeError: something that is no symbolic tensor.
        ValueError: an output that depends on an Input which is not among the inputs; layers of
            the same name.

    >>> from scratchnet import Model, layers
    >>> x = layers.Input((8,))
    >>> h = layers.Dense(8, activation="relu")(x)
    >>> model = Model(x, layers.Dense(2)(layers.Add()([x, h])))  # a residual network
    >>> model.count_params()
    90

    Source: keras/src/models/functional.py.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in leaves(structure):
                if not isinstance(leaf, SymbolicTensor):
                    raise TypeError(
                        f"Model received {leaf!r} among its {role}. Expected symbolic tensors: "
                        f"what Input(shape) and layers called on it give."
                    )
        if any(not isinstance(leaf.node.layer, InputLayer) for leaf in leaves(inputs)):
            inputs, outputs = _from_there_on(inputs, outputs)
        graph = Graph(list(leaves(inputs)), list(leaves(outputs)))
        super().__init__(name=name, trainable=True, **kwargs)
        self._graph = graph
        self._layers = graph.layers
        self.input_structure, self.output_structure = inputs, outputs
        self.several_inputs = not isinstance(inputs, SymbolicTensor)
        shapes = [tensor.shape for tensor in graph.inputs]
        self.input_shape = shapes if self.several_inputs else shapes[0]
        self.built = True
        if not trainable:
            self.trainable = False

    def check_input(self, shape: Any) -> None:
        received = shape if isinstance(shape, list) else [shape]
        for tensor, one in zip(self.graph.inputs, received, strict=True):
            check_fit(self, tensor, one)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = self.graph.output_shapes(
            input_shape if isinstance(input_shape, list) else [input_shape]
        )
        return shapes if self.several_outputs else shapes[0]

    def get_config(self) -> dict[str, Any]:
        return graph_config(self)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        with custom_object_scope(custom_objects):
            inputs, outputs = graph_from_config(config)
        return cls(inputs, outputs, name=config["name"], trainable=config.get("trainable", True))


def _from_there_on(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same calls again, from new Inputs in the places of `inputs`."""
    new_inputs = mapped(lambda t: Input(batch_shape=t.shape, dtype=t.dtype), inputs)
    replaced: dict[tuple[Node, int], SymbolicTensor] = {
        (old.node, old.index): new
        for old, new in zip(leaves(inputs), leaves(new_inputs), strict=True)
    }

    def new(tensor: Any) -> Any:
        is_tensor = isinstance(tensor, SymbolicTensor)
        return replaced.get((tensor.node, tensor.index), tensor) if is_tensor else tensor

    for node in _between(list(replaced), list(leaves(outputs))):
        args, kwargs = mapped(new, node.args), mapped(new, node.kwargs)
        for i, output in enumerate(leaves(node.layer(*args, **kwargs))):
            replaced[node, i] = output
    return new_inputs, mapped(new, outputs)


def _between(given: list[tuple[Node, int]], outputs: list[SymbolicTensor]) -> list[Node]:
    """The calls that lead from the given tensors to the outputs, in order."""
    wanted = {(tensor.node, tensor.index) for tensor in outputs} - set(given)
    nodes = []
    for node in reversed(walk_back(outputs)[0]):
        if node.sources and any((node, i) in wanted for i in range(len(node.outputs))):
            nodes.append(node)
            wanted |= {(tensor.node, tensor.index) for tensor in node.sources} - set(given)
    return nodes[::-1]
