"""How far apart the two libraries are, layer by layer and after training.

Each layer is compared on its own (`reference.agreement`): both sides get the same input and the
same upstream gradient, so an error cannot hide behind, or be blamed on, another layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

import scratchnet as sn
from reference.agreement import built_twin, call_errors, relative_error
from reference.device import prepare
from reference.twin import twin
from scratchnet.layers import Layer, SymbolicTensor
from scratchnet.layers.dropout import RandomLayer
from scratchnet.layers.symbolic import Node, leaves, mapped


def compare(model: sn.Model, x: Any, y: Any = None, seed: int = 0) -> pd.DataFrame:
    """Errors of every layer in training mode, and of the loss where y is given.

    Args:
        model: built scratchnet model; its moving statistics and dropout state stay as they were.
        x: inputs (N, …).
        y: targets for the loss of a compiled model.
        seed: of the upstream gradients.

    Returns:
        One row for each layer and quantity, with columns layer, quantity and error; the attribute
        `attrs["device"]` says what the reference was computed on.
    """
    device = prepare()
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, float]] = []
    with _unchanged(model):
        for node, inputs, options in _calls(model, x):
            layer = node.layer
            with _unchanged(layer):
                errors = call_errors(layer, built_twin(layer), inputs, rng, True, **options)
            rows += [(layer.name, quantity, error) for quantity, error in errors.items()]
    if y is not None and model.compiled:
        copy = twin(model)
        ours = model.test_on_batch(x, y, return_dict=True)["loss"]
        theirs = copy.test_on_batch(x, y, return_dict=True)["loss"]
        rows.append(("model", "loss", relative_error(ours, theirs)))
    frame = pd.DataFrame(rows, columns=["layer", "quantity", "error"])
    frame.attrs["device"] = str(device)
    return frame


def _calls(model: sn.Model, x: Any) -> Iterator[tuple[Node, Any, dict[str, Any]]]:
    """Each call in the model's graph with the arrays that it receives in training."""
    values: dict[Any, Any] = {}
    arrays = model.cast([np.asarray(each) for each in model._flat("inputs", x)])
    for tensor, array in zip(model.inputs, arrays, strict=True):
        values[tensor.node, tensor.index] = array

    def value(option: Any) -> Any:
        is_symbolic = isinstance(option, SymbolicTensor)
        return values[option.node, option.index] if is_symbolic else option

    for node in model.graph.nodes:
        if not node.sources:
            continue
        given = [values[tensor.node, tensor.index] for tensor in node.inputs]
        inputs = node.layer.cast(given if node.several else given[0])
        options = mapped(value, node.options)
        yield node, inputs, options
        outputs = node.layer.forward(inputs, True, **options)[0]
        for i, output in enumerate(leaves(outputs)):
            values[node, i] = output


@contextmanager
def _unchanged(layer: Layer) -> Iterator[None]:
    """What a call in training changes, statistics and the states of masks, is put back."""
    inside = [*_inside(layer)]
    statistics = [(w, w.numpy()) for each in inside for w in each.weights if not w.can_train]
    masks = [
        (each.seed_state, each.seed_state.copy())
        for each in inside
        if isinstance(each, RandomLayer)
    ]
    try:
        yield
    finally:
        for weight, value in statistics:
            weight.assign(value)
        for state, before in masks:
            state[:] = before


def _inside(layer: Layer) -> Iterator[Layer]:
    """The layer and, where it is a model, all layers in it."""
    yield layer
    for each in layer.layers if isinstance(layer, sn.Model) else []:
        yield from _inside(each)


def weights_after_training(
    model: sn.Model, x: np.ndarray, y: np.ndarray, steps: int = 20, batch_size: int = 32
) -> float:
    """The largest difference |a − b| of any weight after so many steps on the same batches.

    Both models start from the model's weights; the model itself goes on training.
    """
    copy = twin(model)
    for step in range(steps):
        first = step * batch_size % max(len(x) - batch_size + 1, 1)
        batch = slice(first, first + batch_size)
        model.train_on_batch(x[batch], y[batch])
        copy.train_on_batch(x[batch], y[batch])
    pairs = zip(model.get_weights(), copy.get_weights(), strict=True)
    return max(float(np.abs(ours - theirs).max(initial=0.0)) for ours, theirs in pairs)
