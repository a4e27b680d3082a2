"""Statistics of layers are those of what Keras computes there, and asking changes nothing."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

import scratchnet as sn
from reference.twin import twin
from scratchnet import layers
from scratchnet.inspection import layer_statistics, statistics
from tests.inspection.models import branches, images, nested, off_their_first_values, path

float64 = pytest.mark.usefixtures("float64")


@pytest.fixture(autouse=True)
def formulas():
    with sn.use("formulas"):
        yield


@float64
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_values_and_gradients_are_those_in_keras(training):
    """Up to the last layer, whose softmax the loss starts before."""
    import tensorflow as tf

    model = off_their_first_values(path())
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = images(4), np.array([0, 1, 3, 1])
    rows = layer_statistics(model, x, y, training=training)
    theirs = twin(model)
    values = []
    with tf.GradientTape() as tape:
        value = tf.constant(x)
        tape.watch(value)
        for layer in theirs.layers:
            value = (
                layer(value, training=training) if layer._call_has_training_arg else layer(value)
            )
            values.append(value)
        loss = theirs.compute_loss(y=y, y_pred=value)
    gradients = tape.gradient(loss, values[:-1])
    assert [row.layer for row in rows] == [layer.name for layer in theirs.layers]
    for row, value, gradient in zip(rows, values, gradients, strict=False):
        v, g = value.numpy(), gradient.numpy()
        assert row.shape == v.shape
        expected = [v.mean(), v.std(), v.min(), v.max(), (v == 0).mean(), g.mean(), g.std()]
        found = [row.mean, row.std, row.minimum, row.maximum, row.zeros]
        found += [row.gradient_mean, row.gradient_std]
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-14)
        assert row.gradient_norm == pytest.approx(np.linalg.norm(g), rel=1e-10)
        assert row.nonfinite == 0


@float64
def test_the_row_of_a_last_softmax_is_about_what_goes_into_it():
    """There the gradient is (p − y) / N."""
    model = off_their_first_values(path())
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = images(4), np.array([0, 1, 3, 1])
    last = layer_statistics(model, x, y, training=False)[-1]
    p = model(x)
    assert last.gradient_norm == pytest.approx(np.linalg.norm((p - np.eye(4)[y]) / 4), rel=1e-12)
    assert last.minimum < 0 or last.maximum > 1
    without = layer_statistics(model, x)[-1]
    assert without.mean == pytest.approx(0.25)
    assert np.isnan(without.gradient_norm)


@float64
def test_asking_changes_nothing():
    model, other = path(), path()
    for each in (model, other):
        each.layers[5].seed_state[:] = (7, 0)
        each.set_weights([np.full(w.shape, 0.1) for w in each.get_weights()])
        each.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = images(6), np.array([0, 1, 3, 1, 2, 2])
    layer_statistics(model, x, y)
    layer_statistics(model, x, training=True)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    runs = []
    for each in (model, other):
        sn.set_random_seed(3)
        history = each.fit(x, y, epochs=2, batch_size=2, verbose=0).history
        runs.append((history, each.get_weights()))
    assert runs[0][0] == runs[1][0]
    for mine, theirs in zip(runs[0][1], runs[1][1], strict=True):
        assert np.array_equal(mine, theirs)


def test_inner_models_branches_and_several_inputs_have_their_rows():
    names = [row.layer for row in layer_statistics(nested(), images(2))]
    assert names == ["base/conv", "base/separable", "mean", "head/scores"]
    rows = {row.layer: row for row in layer_statistics(branches(), images(1))}
    assert {"stem", "left", "right", "joined", "last", "both"} <= set(rows)
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    shared = layers.Dense(2, name="shared")
    model = sn.Model({"a": a, "b": b}, [layers.Add(name="sum")([shared(a), shared(b)]), shared(b)])
    model.compile("sgd", ["mse", None])
    data = {"a": np.ones((2, 3)), "b": np.zeros((2, 3))}
    found = {row.layer: row for row in layer_statistics(model, data, [np.ones((2, 2))])}
    assert set(found) == {"shared", "shared#2", "shared#3", "sum"}
    assert sum(row.gradient_norm == 0 for row in found.values()) == 1  # the output without a loss


def test_dead_units_and_broken_numbers_are_seen():
    model = sn.Sequential([layers.Input((2,)), layers.ReLU(name="relu")])
    [row] = layer_statistics(model, np.array([[-1.0, np.nan], [-2.0, np.inf], [3.0, 1.0]]))
    assert row.nonfinite == 2
    assert row.zeros == pytest.approx(2 / 6)
    assert (row.minimum, row.maximum) == (0, 3)
    [empty] = layer_statistics(model, np.full((1, 2), np.nan))
    assert np.isnan(empty.mean)
    assert empty.nonfinite == 2


def test_the_rows_make_a_table():
    frame = pd.DataFrame(layer_statistics(path(), images(2)))
    assert frame.columns[0] == "layer"
    assert len(frame) == 8
    assert frame.set_index("layer").loc["first", "kind"] == "Conv2D"


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(RuntimeError, match="is not compiled"):
        layer_statistics(path(), images(2), np.zeros(2))
    with pytest.raises(ValueError, match="received an input of shape"):
        layer_statistics(path(), np.ones((2, 5)))
    with pytest.raises(ValueError, match="is not built"):
        layer_statistics(sn.Sequential([layers.Dense(1)]), np.ones((2, 5)))


def test_the_example_is_right():
    assert doctest.testmod(statistics).failed == 0
