"""The Keras model that a scratchnet model stands for, with the same weights.

`getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())` is the mapping. The
one exception are random layers, whose numbers Keras draws in its own way: a twin draws scratchnet's
(`reference.injected`).
"""

from __future__ import annotations

from typing import Any

import scratchnet as sn
from reference.device import prepare
from reference.injected import injected_attention, injected_layer
from reference.twin_optimizer import twin_optimizer
from scratchnet import layers as sn_layers
from scratchnet import losses as sn_losses
from scratchnet import metrics as sn_metrics
from scratchnet.layers.dropout import RandomLayer
from scratchnet.layers.head_attention import HeadAttention
from scratchnet.layers.symbolic import leaves, mapped


def twin(model: sn.Model) -> Any:
    """The Keras model with the graph, weights and compilation of a built model.

    Args:
        model: built scratchnet model.

    Raises:
        ImportError: Keras is missing.
        ValueError: the model is not built.
    """
    prepare()
    if not model.built or model.input_shape is None:
        raise ValueError(
            f"The model {model.name!r} is not built, so there are no weights to copy. Give it an "
            f"Input as its first layer, or call model.build(input_shape)."
        )
    copy = _wired_alike(model)
    copy.set_weights(model.get_weights())
    finalize(copy)
    if model.compiled:
        copy.compile(
            optimizer=twin_optimizer(model._optimizer()),
            **{name: _of_keras(value) for name, value in model.compile_arguments.items()},
        )
    return copy


def _wired_alike(model: sn.Model) -> Any:
    """The same calls of the layers' twins, on Keras's symbolic tensors."""
    import keras

    twins: dict[sn_layers.Layer, Any] = {}
    tensors: dict[Any, Any] = {}

    def tensor(value: Any) -> Any:
        is_symbolic = isinstance(value, sn_layers.SymbolicTensor)
        return tensors[value.node, value.index] if is_symbolic else value

    if isinstance(model, sn.Sequential):
        start = model.inputs[0]
        copy = keras.Sequential(
            [keras.Input(batch_shape=start.shape, dtype=start.dtype)], name=model.name
        )
        for layer in model.layers:
            copy.add(twin_layer(layer))
        return copy
    for node in sorted(model.graph.nodes, key=lambda node: node.serial):
        layer = node.layer
        if isinstance(layer, sn_layers.InputLayer):
            outputs = keras.Input(batch_shape=layer.batch_shape, dtype=layer.dtype, name=layer.name)
        else:
            if layer not in twins:
                twins[layer] = twin_layer(layer)
            outputs = twins[layer](*mapped(tensor, node.args), **mapped(tensor, node.kwargs))
        for i, output in enumerate(leaves(outputs)):
            tensors[node, i] = output
    return keras.Model(
        mapped(tensor, model.input_structure),
        mapped(tensor, model.output_structure),
        name=model.name,
    )


def twin_layer(layer: sn_layers.Layer) -> Any:
    """The Keras layer for one scratchnet layer, without its weights."""
    import keras

    if isinstance(layer, RandomLayer):
        return injected_layer(layer)
    if isinstance(layer, (sn_layers.Attention, HeadAttention)) and layer.dropout > 0:
        return injected_attention(layer)
    if isinstance(layer, sn.Model):
        return _wired_alike(layer)
    return getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())


def finalize(layer: Any) -> None:
    """Let each Keras Normalization see weights that were set: it computes with copies of them."""
    import keras

    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.Normalization):
            each.finalize_state()


def _of_keras(item: Any) -> Any:
    """Losses and metrics in a compile argument replaced by Keras's."""
    import keras

    if isinstance(item, sn_metrics.Metric):
        return keras.metrics.deserialize(sn_metrics.serialize(item))
    if isinstance(item, sn_losses.Loss):
        return keras.losses.deserialize(sn_losses.serialize(item))
    if isinstance(item, (list, tuple)):
        return [_of_keras(each) for each in item]
    if isinstance(item, dict):
        return {name: _of_keras(each) for name, each in item.items()}
    return item
