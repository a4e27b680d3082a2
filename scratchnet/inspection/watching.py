"""What goes through the layers of a model, forward and backward, noted on the way.

`watch(model)` copies the model's graph with a `Watched` in the place of every layer, which passes
everything on to the layer and notes its output and ∂L/∂output. Models inside the model are
unfolded, so that their layers are seen too. The layers, their weights and the model's own graph are
untouched.

>>> import numpy as np
>>> from scratchnet import Sequential, layers
>>> base = Sequential([layers.Input((3,)), layers.ReLU(name="relu")], name="base")
>>> watched = watch(Sequential([layers.Input((3,)), base, layers.Dense(1, name="top")]))
>>> outputs, saved, _ = watched.graph.forward([np.array([[-1.0, 0.0, 2.0]])], training=False)
>>> list(watched.layers)
['base/relu', 'top']
>>> watched.layers["base/relu"].value
array([[0., 0., 2.]], dtype=float32)
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from scratchnet.layers import InputLayer, Layer
from scratchnet.layers.symbolic import Node, SymbolicTensor, mapped
from scratchnet.models import Model
from scratchnet.models.graph import Graph

Tensors = dict[tuple[Node, int], SymbolicTensor]  # of the model -> of the copy


class Call(NamedTuple):
    """A layer or an inner model, and what one call of it gives; the first of several outputs."""

    layer: Layer
    output: SymbolicTensor


class Watched:
    """Stands in a graph for one call of a layer.

    Attributes:
        layer: which computes.
        name: the layer's; inside a model "model/layer", and "…#2" for the layer's second call.
        value: its output in the last forward pass; a list for several.
        gradient: ∂L/∂value in the last backward pass; None where L does not depend on it.
        from_logits: whether both are those of what goes into the layer's last activation, from
            which the loss starts.
    """

    def __init__(self, layer: Layer, name: str) -> None:
        self.layer = layer
        self.name = name
        self.value: Any = None
        self.gradient: Any = None
        self.from_logits = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def forward(self, x: Any, training: bool, **options: Any) -> tuple[Any, Any]:
        self.value, saved = self.layer.forward(x, training, **options)
        self.gradient, self.from_logits = None, False
        return self.value, saved

    def backward(self, dy: Any, saved: Any, needs_dx: bool = True) -> tuple[Any, Any]:
        self.gradient = dy
        return self.layer.backward(dy, saved, needs_dx)

    def forward_logits(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, Any]:
        self.value, saved = self.layer.forward_logits(x, training)
        self.gradient, self.from_logits = None, True
        return self.value, saved

    def backward_logits(self, dz: np.ndarray, saved: Any, needs_dx: bool = True) -> tuple[Any, Any]:
        self.gradient = dz
        return self.layer.backward_logits(dz, saved, needs_dx)


class WatchedGraph(NamedTuple):
    """A model's graph, unfolded and watched.

    Attributes:
        graph: from the model's inputs to its outputs, or to those that `watch` was given.
        layers: each call of a layer by its name, in the order of computation.
        calls: all of these, and those of the models inside the model, by name.
    """

    graph: Graph
    layers: dict[str, Watched]
    calls: dict[str, Call]


def watch(model: Model, until: str | Layer | None = None) -> WatchedGraph:
    """A watched copy of the graph of a built model.

    Args:
        model: built.
        until: the name of a layer, or the layer, at whose output the graph is to end; for a layer
            that was called several times the last call counts.

    Raises ValueError for a layer that the model does not have.
    """
    found: dict[str, Watched] = {}
    calls: dict[str, Call] = {}
    inputs = model.graph.inputs
    outputs = _unfold(model, inputs, None, "", found, calls)
    if until is not None:
        outputs = [calls[find(until, calls, model)].output]
    graph = Graph(inputs, outputs)
    used = {id(node.layer) for node in graph.nodes}
    layers = {name: each for name, each in found.items() if id(each) in used}
    return WatchedGraph(graph, layers, calls)


def find(layer: str | Layer, calls: dict[str, Call], model: Model) -> str:
    """The name of the last call of a layer, which is named or given.

    Raises ValueError, with the names that there are, where the model does not call it.
    """
    if isinstance(layer, Layer):
        names = [name for name, call in calls.items() if call.layer is layer]
    else:
        names = [name for name in calls if layer in (name, name.split("#")[0])]
    if not names:
        received = layer._label() if isinstance(layer, Layer) else repr(layer)
        raise ValueError(
            f"{model._label()} has no layer {received}. Expected one of {', '.join(calls)}."
        )
    return names[-1]


def _unfold(
    model: Model,
    inputs: list[SymbolicTensor],
    training: bool | None,
    prefix: str,
    found: dict[str, Watched],
    calls: dict[str, Call],
) -> list[SymbolicTensor]:
    """Repeat a model's calls on other tensors; returns what stands for its outputs."""
    tensors: Tensors = {
        (old.node, old.index): new for old, new in zip(model.graph.inputs, inputs, strict=True)
    }

    def new(each: Any) -> Any:
        return tensors[each.node, each.index] if isinstance(each, SymbolicTensor) else each

    for node in model.graph.nodes:
        layer = node.layer
        if isinstance(layer, InputLayer):
            continue
        mode = node.training if training is None else training
        name = _fresh(prefix + layer.name, calls)
        sources = [new(tensor) for tensor in node.inputs]
        if isinstance(layer, Model):
            outputs = _unfold(layer, sources, mode, f"{name}/", found, calls)
        else:
            found[name] = Watched(layer, name)
            copy = Node(
                cast("Layer", found[name]),
                sources if node.several else sources[0],
                mapped(new, node.options),
                mode,
                node.args,
                node.kwargs,
            )
            outputs = copy.outputs = [
                SymbolicTensor(tensor.shape, tensor.dtype, copy, tensor.index)
                for tensor in node.outputs
            ]
        calls[name] = Call(layer, outputs[0])
        for i, output in enumerate(outputs):
            tensors[node, i] = output
    return [new(tensor) for tensor in model.graph.outputs]


def _fresh(name: str, taken: dict[str, Any]) -> str:
    """The name, with a number for each further call."""
    number = sum(each.split("#")[0] == name for each in taken) + 1
    return name if number == 1 else f"{name}#{number}"
