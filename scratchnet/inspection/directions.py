"""Directions in the space of a model's weights, along which its loss is looked at.

A network with ReLUs computes the same when one layer's weights are doubled and the next one's
halved, so the length of a step says nothing by itself, and neither does the sharpness of a valley
that is walked with steps of one length. A direction is therefore normalised filter by filter: the
part of d that belongs to a filter gets the length of that filter,

    d_f  ←  d_f / ‖d_f‖ · ‖θ_f‖

and biases, γ and β, which have no filters, stay where they are.

The path of a training run is shown in the plane of its two principal directions.

Source: Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets" (2018),
sections 4 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import layers
from scratchnet.inspection.every_layer import every_layer
from scratchnet.models import Model

Direction = list[np.ndarray]  # one array for each trainable weight

_OUTPUT_BEFORE_LAST = (layers.Conv1DTranspose, layers.Conv2DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)


def random_direction(model: Model, seed: int = 0) -> Direction:
    """d, drawn from a normal distribution and normalised by `filter_normalised`.

    Args:
        model: built; its trainable weights are θ.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    return filter_normalised(model, [rng.standard_normal(w.shape) for w in model.trainable_weights])


def filter_normalised(model: Model, direction: Sequence[ArrayLike]) -> Direction:
    """The direction with the length of the model's own filters, and 0 for weights without filters.

    A filter is what makes one output: all but the last axis of a kernel or a matrix, all but the
    third of a transposed convolution's kernel (KH, KW, filters, C), and the taps alone of a
    depthwise kernel (KH, KW, C, multiplier).

    Args:
        model: built.
        direction: an array for each trainable weight.

    Raises ValueError where the arrays do not fit the weights.
    """
    require_fit(model, direction)
    outputs = _outputs(model)
    normalised = []
    for weight, given in zip(model.trainable_weights, direction, strict=True):
        d, theta = np.asarray(given, np.float64), weight.value.astype(np.float64)
        if theta.ndim < 2:
            normalised.append(np.zeros(theta.shape))
            continue
        kept = {axis % theta.ndim for axis in outputs.get(id(weight), (-1,))}
        axes = tuple(axis for axis in range(theta.ndim) if axis not in kept)
        length = np.sqrt((d**2).sum(axis=axes, keepdims=True))
        wanted = np.sqrt((theta**2).sum(axis=axes, keepdims=True))
        scale = np.divide(wanted, length, out=np.zeros_like(length), where=length > 0)
        normalised.append(d * scale)
    return normalised


def principal_directions(path: Sequence[Sequence[ArrayLike]], count: int = 2) -> list[Direction]:
    """The directions, of length 1, in which the points of a path differ most from its last one.

    Args:
        path: the trainable weights at several times, such as `[w.numpy() for w in
            model.trainable_weights]` after each epoch.
        count: how many directions.

    Returns:
        `count` directions, at right angles to each other; the sign is such that the path starts on
        the positive side.

    Raises ValueError where the path has too few points.
    """
    if len(path) <= count:
        raise ValueError(
            f"The path has {len(path)} points. Expected more than count={count}, the number of "
            f"directions."
        )
    points = np.stack([_flat(point) for point in path])
    moves = points[:-1] - points[-1]
    _, _, rows = np.linalg.svd(moves, full_matrices=False)
    rows = rows[:count] * np.where(rows[:count] @ moves[0] < 0, -1, 1)[:, None]
    return [_shaped(row, path[-1]) for row in rows]


def coordinates(
    path: Sequence[Sequence[ArrayLike]],
    origin: Sequence[ArrayLike],
    directions: Sequence[Sequence[ArrayLike]],
) -> np.ndarray:
    """(points, directions): where the points lie, or nearly lie, in the plane through the origin.

    The a that make ‖point − origin − Σ a_i·d_i‖ smallest; the directions need not be at right
    angles.
    """
    plane = np.stack([_flat(direction) for direction in directions], axis=1)
    moves = np.stack([_flat(point) for point in path], axis=1) - _flat(origin)[:, None]
    return np.linalg.lstsq(plane, moves, rcond=None)[0].T


def require_fit(model: Model, direction: Sequence[ArrayLike]) -> None:
    expected = [weight.shape for weight in model.trainable_weights]
    received = [np.shape(each) for each in direction]
    if received != expected:
        raise ValueError(
            f"The direction has arrays of shapes {received}. Expected one for each trainable "
            f"weight of {model._label()}: {expected}."
        )


def _outputs(model: Model) -> dict[int, tuple[int, ...]]:
    """By the `id` of a weight, the axes that count its filters where that is not the last one."""
    found: dict[int, tuple[int, ...]] = {}
    for layer in every_layer(model):
        if isinstance(layer, _DEPTHWISE):
            found[id(layer.kernel)] = (-2, -1)
        elif isinstance(layer, (layers.SeparableConv1D, layers.SeparableConv2D)):
            found[id(layer.depthwise_kernel)] = (-2, -1)
        elif isinstance(layer, _OUTPUT_BEFORE_LAST):
            found[id(layer.kernel)] = (-2,)
    return found


def _flat(arrays: Sequence[ArrayLike]) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(each, np.float64)) for each in arrays])


def _shaped(vector: np.ndarray, like: Sequence[ArrayLike]) -> Direction:
    ends = np.cumsum([np.size(each) for each in like])[:-1]
    parts = np.split(vector, ends)
    return [part.reshape(np.shape(each)) for part, each in zip(parts, like, strict=True)]
