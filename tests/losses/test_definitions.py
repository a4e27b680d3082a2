"""A gradient is the sum of its samples' gradients, and belongs to the loss that is reported."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import losses

REAL = ["MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "LogCosh"]
REAL += ["MeanSquaredLogarithmicError", "Huber", "CosineSimilarity", "Poisson", "KLDivergence"]
LABELLED = ["SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle"]
ONE_HOT = ["CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge", "Hinge"]
ONE_HOT += ["BinaryCrossentropy", "BinaryFocalCrossentropy", "SquaredHinge", "Dice", "Tversky"]


def example(name):
    """(targets, predictions) without ties, kinks or clipped values."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.1, 1, (4, 3))
    rows /= rows.sum(axis=1, keepdims=True)
    labels = np.array([0, 2, 1, 0])
    if name in LABELLED:
        return labels, rows
    return (np.eye(3)[labels] if name in ONE_HOT else rng.uniform(0.1, 1, (4, 3))), rows


@pytest.mark.parametrize("name", [*REAL, *LABELLED, *ONE_HOT])
def test_the_gradient_is_the_slope_of_the_loss(name):
    loss = getattr(losses, name)(**({"gamma": 2.0} if name == "Circle" else {}))
    y, predictions = example(name)
    gradient = loss.gradient(y, predictions)
    step = 1e-6
    for place in np.ndindex(predictions.shape):
        shift = np.zeros_like(predictions)
        shift[place] = step
        slope = (loss(y, predictions + shift) - loss(y, predictions - shift)) / (2 * step)
        if name == "Circle":  # the gradient takes rows for unit vectors, whose length is given
            continue
        assert gradient[place] == pytest.approx(slope, abs=1e-7), place


@pytest.mark.parametrize("name", [*REAL, *LABELLED, *ONE_HOT])
def test_the_gradient_without_weights_is_that_of_the_samples(name):
    loss = getattr(losses, name)(reduction="sum")
    y, predictions = example(name)
    targets = y if name == "Circle" else loss._standardize(y, predictions)[0]
    ours = loss.call_gradient(targets, predictions)
    assert ours == pytest.approx(loss.gradient(y, predictions), rel=1e-12)
    ones = loss.gradient(y, predictions, np.ones(4))
    if name not in ("Dice", "Tversky"):
        assert ones == pytest.approx(ours, rel=1e-12)


@pytest.mark.parametrize("name", ["Huber", "LogCosh", "MeanSquaredError", "MeanAbsoluteError"])
def test_a_prediction_without_error_has_no_slope_and_is_no_trouble(name):
    y = np.array([[0.0, 1.0, -2.5]])
    with np.errstate(all="raise"):
        assert not getattr(losses, name)().gradient(y, y).any()
