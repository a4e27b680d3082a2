"""The networks are the same on every side."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import scratchnet
from benchmarks.networks import dialect
from benchmarks.networks.run import NETWORKS, Run, data
from scratchnet import ops


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_has_the_same_layers_with_the_same_weights(name):
    ours = dialect.model(name, scratchnet)
    theirs = dialect.model(name, keras)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [type(each).__name__ for each in ours.layers] == [
        type(each).__name__ for each in theirs.layers
    ]
    assert dialect.flops(name, scratchnet) == dialect.flops(name, keras)
    assert type(ours.optimizer).__name__ == type(theirs.optimizer).__name__


def test_an_epoch_trains_and_the_operations_are_counted():
    run = Run("LeNet-5", "fit", 4, 8)
    with ops.use("formulas"):
        model = dialect.model("LeNet-5", scratchnet)
        before = model.get_weights()
        history = dialect.prepare(run, scratchnet)()
    assert np.isfinite(history.history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    # 2 · positions · window · filters, and the dense layers' 2 · inputs · outputs
    by_hand = 2 * (28 * 28 * 25 * 6 + 100 * 150 * 16 + 400 * 120 + 120 * 84 + 84 * 10)
    assert dialect.flops("LeNet-5", scratchnet) == by_hand


def test_all_sides_get_the_same_images():
    run = Run("README CNN", "fit", 2, 6)
    x, y = data(run)
    again, _ = data(run)
    assert x.shape == (6, 28, 28, 1)
    assert x.dtype == np.float32
    assert y.shape == (6,)
    np.testing.assert_array_equal(x, again)
