"""Every metric, fed the same batches as Keras's own, gives the same result after each."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics

pytestmark = pytest.mark.usefixtures("float64")

CLASSES = 4


def targets(kind, rng, n):
    """(y_true, y_pred) of n samples, with ties, and of a class that may never occur."""
    labels = rng.integers(0, CLASSES - 1, n)
    scores = np.round(rng.random((n, CLASSES)), 1) + 0.05
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    column = np.round(rng.random((n, 1)), 1)
    return {
        "labels": (labels, rng.integers(0, CLASSES, n)),
        "column of labels": (labels[:, None], probabilities),
        "sparse": (labels, probabilities),
        "one-hot": (np.eye(CLASSES)[labels], probabilities),
        "binary": ((labels > 0).astype(float)[:, None], column),
        "flat binary": ((labels > 0).astype(float), column[:, 0]),
        "real": (rng.normal(size=(n, 3)), rng.normal(size=(n, 3))),
    }[kind]


CASES = [
    ("Accuracy", {}, "labels"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary"),
    ("CategoricalAccuracy", {}, "one-hot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "column of labels"),
    ("MeanSquaredError", {}, "real"),
    ("MeanAbsoluteError", {}, "real"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True}, "real"),
    ("CategoricalCrossentropy", {}, "one-hot"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one-hot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse"),
]


@pytest.mark.parametrize(("name", "arguments", "kind"), CASES)
@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans(), restart=st.booleans())
def test_the_result_agrees_after_every_batch(name, arguments, kind, seed, weighted, restart):
    ours = getattr(metrics, name)(**arguments)
    theirs = getattr(keras.metrics, name).from_config(ours.get_config())
    assert ours.name == theirs.name
    assert float(ours.result()) == float(theirs.result()) == 0
    rng = np.random.default_rng(seed)
    for batch in range(4):
        n = int(rng.integers(1, 6))
        y_true, y_pred = targets(kind, rng, n)
        weight = rng.integers(0, 3, n).astype(float) if weighted else None
        if weighted and not weight.any():
            weight[0] = 1.0
        ours.update_state(y_true, y_pred, weight)
        theirs.update_state(y_true, y_pred, weight)
        assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-12, abs=1e-15)
        if restart and batch == 1:
            ours.reset_state()
            theirs.reset_state()
            assert float(ours.result()) == float(theirs.result()) == 0


@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans())
def test_a_mean_agrees_after_every_batch(seed, weighted):
    ours, theirs = metrics.Mean(), keras.metrics.Mean()
    rng = np.random.default_rng(seed)
    for _ in range(4):
        values = rng.normal(size=int(rng.integers(1, 6)))
        weight = rng.random(len(values)) if weighted else None
        ours.update_state(values, weight)
        theirs.update_state(values, weight)
        assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-12, abs=1e-15)


def test_a_function_is_a_metric():
    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    metric = metrics.get(largest_error)
    metric.update_state(np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]]))
    metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.0, 5.0]]))
    assert metric.name == "largest_error"
    assert metric.result() == 3


def test_a_nan_shows():
    metric = metrics.MeanSquaredError()
    metric.update_state([[1.0]], [[np.nan]])
    assert np.isnan(metric.result())


@pytest.mark.parametrize(
    ("y_true", "y_pred", "kind"),
    [
        (np.zeros((4, 1)), np.zeros((4, 1)), metrics.BinaryAccuracy),
        (np.zeros((4, 3)), np.zeros((4, 3)), metrics.CategoricalAccuracy),
        (np.zeros((4,), int), np.zeros((4, 3)), metrics.SparseCategoricalAccuracy),
        (np.zeros((4, 1), int), np.zeros((4, 3)), metrics.SparseCategoricalAccuracy),
    ],
)
def test_accuracy_is_the_kind_that_fits_the_targets(y_true, y_pred, kind):
    assert type(metrics.resolve("accuracy", y_true, y_pred)) is kind


def test_an_unknown_metric_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean 'mean_squared_error'\?"):
        metrics.get("mean_square_error")
    with pytest.raises(ValueError, match=r"threshold=nan.*finite number"):
        metrics.BinaryAccuracy(threshold=float("nan"))
