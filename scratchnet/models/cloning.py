"""The same architecture once more, with new layers and new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.layers import Input, InputLayer, Layer
from scratchnet.layers.symbolic import Node, SymbolicTensor, leaves, mapped
from scratchnet.models.functional import Functional
from scratchnet.models.model import Model
from scratchnet.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: None = None,
    recursive: bool = False,
) -> Model:
    """A model with a new layer in place of each layer, its Inputs included.

    A layer that stands in several places does so in the new model too. The weights are drawn anew;
    `new.set_weights(model.get_weights())` copies them. The new model is not compiled (in Keras, a
    Sequential one is).

    Args:
        model: Sequential, built or not, or functional.
        input_tensors: refused; call the new model on them.
        clone_function: layer -> the layer that takes its place; None means one of the same class
            with the same configuration. It is not asked about Inputs.
        call_function: refused.
        recursive: whether a model inside is cloned layer by layer too, and not by
            `clone_function` as a whole.

    Raises:
        ValueError: an argument that is refused.
        TypeError: no model, or a `clone_function` that gives something else than a layer.

    >>> from scratchnet import Sequential, layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(2)])
    >>> def frozen(layer):
    ...     return type(layer).from_config(layer.get_config() | {"trainable": False})
    >>> len(clone_model(model, clone_function=frozen).trainable_weights)
    0

    Source: keras/src/models/cloning.py.
    """
    for name, value in (("input_tensors", input_tensors), ("call_function", call_function)):
        if value is not None:
            raise ValueError(
                f"clone_model received {name}={value!r}. Expected None: call the new model on the "
                f"tensors, or put a new graph together from its layers."
            )
    if not isinstance(model, Model):
        raise TypeError(f"clone_model received {model!r}. Expected a model.")
    return _cloned(model, clone_function or _same_again, recursive, {})


def _cloned(
    model: Model,
    clone_function: Callable[[Layer], Layer],
    recursive: bool,
    clones: dict[Layer, Layer],
) -> Model:
    def clone(layer: Layer) -> Layer:
        if layer not in clones:
            if recursive and isinstance(layer, Model):
                clones[layer] = _cloned(layer, clone_function, recursive, clones)
            else:
                clones[layer] = clone_function(layer)
            if not isinstance(clones[layer], Layer):
                raise TypeError(
                    f"clone_function gave {clones[layer]!r} for {layer._label()}. Expected a layer."
                )
        return clones[layer]

    trainable = model._trainable
    if isinstance(model, Sequential):
        inputs = [_same_again(model.input_layer)] if model.input_layer else []
        return Sequential(
            [*inputs, *map(clone, model.layers)], name=model.name, trainable=trainable
        )

    tensors: dict[tuple[Node, int], SymbolicTensor] = {}

    def new(value: Any) -> Any:
        is_tensor = isinstance(value, SymbolicTensor)
        return tensors[value.node, value.index] if is_tensor else value

    for node in sorted(model.graph.nodes, key=lambda node: node.serial):  # as they were made
        if isinstance(node.layer, InputLayer):
            old = node.layer
            output: Any = Input(batch_shape=old.batch_shape, dtype=old.dtype, name=old.name)
        else:
            output = clone(node.layer)(*mapped(new, node.args), **mapped(new, node.kwargs))
        for i, tensor in enumerate(leaves(output)):
            tensors[node, i] = tensor
    ends = mapped(new, model.input_structure), mapped(new, model.output_structure)
    return Functional(*ends, name=model.name, trainable=trainable)


def _same_again(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())
