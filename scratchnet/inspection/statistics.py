"""What goes through the layers on one batch, in a few numbers a layer.

A look at these numbers finds what a loss curve hides: activations that grow or shrink from layer to
layer, units that are 0 for every sample, gradients that vanish on the way down.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
networks" (2010), sections 3 and 4, which plots the same by layer and epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchnet.inspection.unchanged import unchanged
from scratchnet.inspection.watching import Watched, watch
from scratchnet.models import Model

_NAN = float("nan")


class LayerStatistics(NamedTuple):
    """One layer on one batch. `pandas.DataFrame(rows)` makes a table of several.

    Attributes:
        layer: name; "base/conv2d" for one inside the model "base", "…#2" for a second call.
        kind: class of the layer.
        shape: of its output; the first one of several.
        mean, std, minimum, maximum: of the output's finite values.
        zeros: share of its values that are 0.
        nonfinite: how many of its values are NaN or infinite.
        gradient_mean, gradient_std: of ∂L/∂output; NaN without targets.
        gradient_norm: √Σ(∂L/∂output)²; 0 where L does not depend on it, NaN without targets.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    mean: float
    std: float
    minimum: float
    maximum: float
    zeros: float
    nonfinite: int
    gradient_mean: float
    gradient_std: float
    gradient_norm: float


def layer_statistics(
    model: Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    training: bool | None = None,
) -> list[LayerStatistics]:
    """Statistics of each layer's output, and with targets of the loss's gradient there.

    Weights, moving statistics and random states are afterwards as they were; the metrics of a
    compiled model start anew where targets are given.

    Args:
        model: built.
        x: inputs, as the model takes them.
        y: targets; with them L is the loss of the compiled model, as `fit` computes it. Where it
            starts from what goes into a last softmax or sigmoid, the row of that layer is about
            that and not about the probabilities.
        sample_weight: for the loss.
        training: mode of the layers; None means training where there are targets, else inference.

    Returns:
        A row for each layer, and each call of a layer, in the order of computation.

    Raises:
        ValueError: a model that is not built; inputs or targets that do not fit it.
        RuntimeError: targets for a model that is not compiled.

    >>> from scratchnet import Sequential, layers
    >>> model = Sequential([layers.Input((3,)), layers.ReLU(name="relu")])
    >>> [row] = layer_statistics(model, np.array([[-1.0, 0.0, 4.0]]))
    >>> row.layer, row.shape, row.maximum, round(row.zeros, 3)
    ('relu', (1, 3), 4.0, 0.667)
    """
    mode = (y is not None) if training is None else training
    watched = watch(model)
    with unchanged(model):
        if y is None:
            flat = [np.asarray(each) for each in model._flat("inputs", x)]
            model.check_input([each.shape for each in flat] if len(flat) > 1 else flat[0].shape)
            watched.graph.forward(model.cast(flat), mode)
        else:
            _through_the_loss(model, watched.graph, x, y, sample_weight, mode)
    return [_row(each, y is not None) for each in watched.layers.values()]


def _through_the_loss(
    model: Model, graph: Any, x: Any, y: Any, sample_weight: Any, training: bool
) -> None:
    """One forward and backward pass of the loss through a watched graph."""
    model._require_compiled("take statistics of gradients")
    batch = model._gather("layer_statistics", x, y, sample_weight)
    objective, _ = model._prepared()
    y_pred, saved, z = graph.forward(model.cast(batch.x), training, objective.logits(graph))
    weights = batch.sample_weight or [None] * len(y_pred)
    try:
        _, of_outputs = objective(batch.y or [], y_pred, z, weights)
    finally:
        model.reset_metrics()
    dy, dz = of_outputs()
    graph.backward(dy, saved, dz=dz)


def _row(watched: Watched, has_loss: bool) -> LayerStatistics:
    value, gradient = _first(watched.value), _first(watched.gradient)
    finite = value[np.isfinite(value)].astype(np.float64)
    if gradient is None:
        gradient = np.zeros(value.shape)
    of_gradient = gradient.astype(np.float64)
    return LayerStatistics(
        layer=watched.name,
        kind=type(watched.layer).__name__,
        shape=value.shape,
        mean=_of(np.mean, finite),
        std=_of(np.std, finite),
        minimum=_of(np.min, finite),
        maximum=_of(np.max, finite),
        zeros=_of(np.mean, value == 0),
        nonfinite=int(value.size - finite.size),
        gradient_mean=_of(np.mean, of_gradient) if has_loss else _NAN,
        gradient_std=_of(np.std, of_gradient) if has_loss else _NAN,
        gradient_norm=float(np.linalg.norm(of_gradient)) if has_loss else _NAN,
    )


def _of(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
    return float(statistic(values)) if values.size else _NAN


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) else values
