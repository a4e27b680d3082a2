"""Graphs of layers compute, forward and backward, what Keras's do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from tests.models.graphs import models

pytestmark = pytest.mark.usefixtures("float64")


@given(case=models(), weighted=st.booleans())
def test_random_graphs_train_as_in_keras(case, weighted):
    model, x, y = case
    twin = reference.twin(model)
    assert [layer.name for layer in model.layers] == [layer.name for layer in twin.layers]
    weight = np.linspace(0, 2, 6) if weighted else None
    for _ in range(2):
        ours = model.train_on_batch(x, y, sample_weight=weight, return_dict=True)
        theirs = twin.train_on_batch(x, y, sample_weight=weight, return_dict=True)
        assert list(ours) == sorted(theirs)
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(float(value), rel=1e-11, abs=1e-14), name
    for a, b in zip(model.weights, twin.weights, strict=True):
        assert np.abs(a.value - b.numpy()).max(initial=0) <= 1e-11, a.path
    for a, b in _pairs(model(x), twin(x, training=False)):
        assert reference.relative_error(a, b) <= 1e-10


@given(case=models())
def test_random_graphs_survive_their_configuration_here_and_in_keras(case):
    model, x, _ = case
    again = sn.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    there = keras.Model.from_config(model.get_config())
    there.set_weights(model.get_weights())
    back = sn.Model.from_config(there.get_config())
    back.set_weights(model.get_weights())
    expected = model(x)
    for other in (again, back):
        for a, b in _pairs(other(x), expected):
            assert np.array_equal(a, b)
    for a, b in _pairs(there(x, training=False), expected):
        assert reference.relative_error(b, a) <= 1e-10


def _pairs(a, b):
    return zip(*(each if isinstance(each, list) else [each] for each in (a, b)), strict=True)
