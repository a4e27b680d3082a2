"""The loss around a point of weight space, on a line or a plane through it.

    f(a) = L(θ + a·d)        f(a, b) = L(θ + a·d + b·e)

Which directions make such pictures comparable is said in `inspection.directions`.

Source: Goodfellow, Vinyals, Saxe, "Qualitatively Characterizing Neural Network Optimization
Problems" (2015); Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets"
(2018), section 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.inspection.directions import require_fit
from scratchnet.inspection.unchanged import unchanged
from scratchnet.models import Model


def loss_landscape(
    model: Model,
    x: Any,
    y: Any,
    directions: Sequence[Sequence[ArrayLike]],
    steps: ArrayLike,
    sample_weight: Any = None,
    batch_size: int = 256,
) -> np.ndarray:
    """L(θ + Σ a_i·d_i) for all combinations of steps, in inference mode, penalties included.

    Weights and random states are afterwards as they were; the model's metrics start anew.

    Args:
        model: built and compiled.
        x, y, sample_weight: as `evaluate` takes them.
        directions: one for a line, two for a plane; each an array for each trainable weight.
        steps: the values of each a_i, ascending or not.
        batch_size: samples at a time.

    Returns:
        Array with an axis for each direction, each as long as the steps.

    Raises:
        ValueError: no direction, or one that does not fit the weights; data that does not fit.
        RuntimeError: a model that is not compiled.
    """
    model._require_compiled("show its loss")
    values = np.atleast_1d(np.asarray(steps, np.float64))
    if not len(directions) or values.ndim != 1:
        raise ValueError(
            f"loss_landscape received {len(directions)} directions and steps of shape "
            f"{values.shape}. Expected at least one direction, each an array for each trainable "
            f"weight, in a list of its own, and a row of steps."
        )
    batch = model._gather("loss_landscape", x, y, sample_weight)
    for direction in directions:
        require_fit(model, direction)
    losses = np.empty((len(values),) * len(directions))
    with _weights_restored(model) as theta, unchanged(model):
        try:
            for place in itertools.product(range(len(values)), repeat=len(directions)):
                for i, weight in enumerate(model.trainable_weights):
                    moves = (
                        values[k] * np.asarray(d[i]) for k, d in zip(place, directions, strict=True)
                    )
                    weight.value[...] = theta[i] + sum(moves)
                losses[place] = _mean_loss(model, batch, batch_size)
        finally:
            model.reset_metrics()
    return losses


def _mean_loss(model: Model, batch: Any, batch_size: int) -> float:
    """Σ n_b·L_b / Σ n_b, as `evaluate` gives it."""
    total = 0.0
    for start in range(0, batch.rows, batch_size):
        part = batch.take(slice(start, start + batch_size))
        total += part.rows * model._loss(part, model.trainable_weights, training=False)[0]
    return total / batch.rows


@contextmanager
def _weights_restored(model: Model) -> Iterator[list[np.ndarray]]:
    """θ inside the block; after it the weights are θ again, bit for bit."""
    theta = [weight.numpy() for weight in model.trainable_weights]
    try:
        yield theta
    finally:
        for weight, value in zip(model.trainable_weights, theta, strict=True):
            weight.value[...] = value
