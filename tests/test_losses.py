"""Losses and their gradients equal Keras's in float64, to 1e-12."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from reference import relative_error
from scratchnet import losses

pytestmark = pytest.mark.usefixtures("float64")

REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None]


def agrees(loss, y_true, y_pred, sample_weight):
    theirs = getattr(keras.losses, type(loss).__name__).from_config(loss.get_config())
    prediction = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = theirs(y_true, prediction, sample_weight)
    gradient = tape.gradient(value, prediction).numpy()
    assert relative_error(loss(y_true, y_pred, sample_weight), value.numpy()) <= 1e-12
    assert relative_error(loss.gradient(y_true, y_pred, sample_weight), gradient) <= 1e-12


@st.composite
def cases(draw, target):
    n, c = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(0, draw(st.sampled_from([1.0, 5.0, 300.0])), (n, c))
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=-1, keepdims=True)
    labels = rng.integers(0, c, n)
    y_true = {"labels": labels, "one-hot": np.eye(c)[labels], "real": rng.normal(size=(n, c))}
    weight = rng.random(n) if draw(st.booleans()) else None
    return y_true[target], logits, probabilities, weight


reductions = st.sampled_from(REDUCTIONS)


@given(case=cases("real"), reduction=reductions)
@pytest.mark.parametrize("kind", [losses.MeanSquaredError, losses.MeanAbsoluteError])
def test_errors_of_real_numbers(kind, case, reduction):
    y, logits, _, weight = case
    agrees(kind(reduction), y, logits, weight)


@given(
    case=cases("one-hot"),
    from_logits=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.1]),
    reduction=reductions,
)
@pytest.mark.parametrize("kind", [losses.CategoricalCrossentropy, losses.BinaryCrossentropy])
def test_cross_entropies_of_rows(kind, case, from_logits, smoothing, reduction):
    y, logits, probabilities, weight = case
    agrees(
        kind(from_logits, smoothing, reduction=reduction),
        y,
        logits if from_logits else probabilities,
        weight,
    )


@given(
    case=cases("labels"),
    from_logits=st.booleans(),
    ignored=st.sampled_from([None, 0]),
    reduction=reductions,
)
def test_sparse_cross_entropy(case, from_logits, ignored, reduction):
    y, logits, probabilities, weight = case
    if ignored is not None:
        y = np.append(y[1:], 1)  # at least one label that counts
    agrees(
        losses.SparseCategoricalCrossentropy(from_logits, ignored, reduction=reduction),
        y,
        logits if from_logits else probabilities,
        weight,
    )


@pytest.mark.parametrize("z", [1000.0, -1000.0])
def test_logits_of_a_thousand_are_no_trouble(z):
    logits = np.array([[z, 0.0]])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert loss([0], logits) == max(-z, 0)
    assert np.array_equal(loss.gradient([0], logits), [[0.0, 0.0]] if z > 0 else [[-1.0, 1.0]])
    binary = losses.BinaryCrossentropy(from_logits=True)
    assert binary([[0.0]], [[z]]) == max(z, 0)


def test_a_label_out_of_range_is_named_with_its_place():
    with pytest.raises(ValueError, match=r"y\[1\] is 3, but the predictions have 3 classes"):
        losses.SparseCategoricalCrossentropy()([0, 3], np.full((2, 3), 1 / 3))


def test_an_unknown_loss_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean 'categorical_crossentropy'\?"):
        losses.get("categorical_crossentrop")


def test_a_function_is_refused_because_it_has_no_gradient():
    with pytest.raises(TypeError, match="A loss needs its gradient"):
        losses.get(lambda y_true, y_pred: 0)
