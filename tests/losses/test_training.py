"""A step of training gives Keras's weights: also where it starts from the logits of the output."""

from __future__ import annotations

import numpy as np
import pytest

from reference import twin
from scratchnet import Sequential, layers, losses

pytestmark = pytest.mark.usefixtures("float64")

N, D, C = 6, 4, 3


def step_error(loss, activation, y):
    """Largest difference of a weight after one step; half the outputs are all but 0 or 1."""
    rng = np.random.default_rng(0)
    model = Sequential([layers.Input((D,)), layers.Dense(C, activation=activation)])
    model.compile("sgd", loss)
    # 30 is where a sigmoid's probability leaves [ε, 1 − ε] and its logit is still exact
    model.set_weights([rng.normal(0, 1, (D, C)), np.array([0.0, 30.0, 0.0])])
    x = rng.normal(size=(N, D))
    other = twin(model)
    ours = model.train_on_batch(x, y)
    theirs = other.train_on_batch(x, y)
    assert ours == pytest.approx(theirs, rel=1e-12)
    weights = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in weights)


YES_OR_NO = np.random.default_rng(1).integers(0, 2, (N, C)).astype(np.float64)
LABELS = np.random.default_rng(2).integers(0, C, N)
ONE_HOT = np.eye(C)[LABELS]


@pytest.mark.parametrize(
    ("loss", "activation", "y"),
    [
        (losses.CategoricalCrossentropy(label_smoothing=0.125), "softmax", ONE_HOT),
        (losses.SparseCategoricalCrossentropy(), "softmax", LABELS),
        (losses.SparseCategoricalCrossentropy(ignore_class=1), "softmax", LABELS),
        (losses.SparseCategoricalCrossentropy(True, ignore_class=1), "softmax", LABELS),
        (losses.BinaryCrossentropy(), "sigmoid", YES_OR_NO),
        (losses.BinaryFocalCrossentropy(True, gamma=1.5), "sigmoid", YES_OR_NO),
        (losses.BinaryFocalCrossentropy(from_logits=True), "sigmoid", YES_OR_NO),
        (losses.BinaryFocalCrossentropy(from_logits=True), None, YES_OR_NO),
        (losses.CategoricalFocalCrossentropy(), "softmax", ONE_HOT),
        (losses.CategoricalFocalCrossentropy(from_logits=True), None, ONE_HOT),
        (losses.KLDivergence(), "softmax", ONE_HOT),
        (losses.Huber(2.0), None, ONE_HOT),
        (losses.Dice(axis=-1), "sigmoid", YES_OR_NO),
        (losses.CosineSimilarity(), "softmax", ONE_HOT),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_one_step(loss, activation, y):
    assert step_error(loss, activation, y) <= 1e-12


def test_the_focal_loss_of_several_classes_does_not_take_the_logits():
    assert losses.CategoricalFocalCrossentropy().activation is None
    assert losses.BinaryFocalCrossentropy().activation == "sigmoid"
    assert losses.BinaryFocalCrossentropy(from_logits=True).activation is None


def test_on_logits_leaves_the_loss_itself_as_it_is():
    loss = losses.BinaryFocalCrossentropy(gamma=3.0)
    other = loss.on_logits()
    assert (other.from_logits, loss.from_logits, other.gamma) == (True, False, 3.0)
