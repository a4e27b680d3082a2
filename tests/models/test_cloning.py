"""A cloned model is Keras's clone: new layers, the same graph."""

from __future__ import annotations

import doctest

import keras
import numpy as np
import pytest
from hypothesis import given

import scratchnet as sn
from scratchnet import Model, Sequential, layers
from scratchnet.layers.symbolic import leaves
from scratchnet.models import clone_model, cloning
from tests.models.graphs import models

float64 = pytest.mark.usefixtures("float64")


@float64
@given(case=models())
def test_a_clone_computes_the_same_with_layers_of_its_own(case):
    model, x, _ = case
    clone = clone_model(model)
    assert clone.get_config() == model.get_config()
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    assert not clone.compiled
    clone.set_weights(model.get_weights())
    for a, b in zip(leaves(clone(x)), leaves(model(x)), strict=True):
        assert np.array_equal(a, b)


def nested(library):
    """A stack in which a model stands."""
    of = library.layers
    inner = library.Sequential([of.Input((3,)), of.Dense(3, name="deep")], name="inner")
    x = of.Input((3,), name="x")
    shared = of.Dense(3, name="shared")
    return library.Model(x, of.Add(name="add")([shared(inner(x)), shared(x)]), name="whole")


@pytest.mark.parametrize("recursive", [False, True])
def test_the_clone_function_sees_the_layers_that_it_sees_in_keras(recursive):
    seen = {}
    for library in (sn, keras):
        names = seen[library] = []

        def note(layer, names=names):
            names.append(layer.name)
            return type(layer).from_config(layer.get_config())

        library.models.clone_model(nested(library), clone_function=note, recursive=recursive)
    assert sorted(seen[sn]) == sorted(seen[keras])
    assert ("deep" in seen[sn]) == recursive


@pytest.mark.parametrize("built", [True, False])
def test_a_stack_is_cloned_built_or_not_and_keeps_its_class_and_name(built):
    model = Sequential([layers.Input((3,))] * built + [layers.Dense(2)], name="stack")
    model.trainable = False
    clone = clone_model(model)
    assert (type(clone), clone.name, clone.built) == (Sequential, "stack", built)
    assert not clone.layers[0].trainable


def test_layers_may_be_kept_and_inputs_are_not_asked_about():
    model = nested(sn)
    clone = clone_model(model, clone_function=lambda layer: layer)
    assert clone.layers[0] is not model.layers[0]
    assert [id(w) for w in clone.weights] == [id(w) for w in model.weights]


def test_what_is_refused_is_named():
    model = nested(sn)
    with pytest.raises(ValueError, match="input_tensors="):
        clone_model(model, input_tensors=[layers.Input((3,))])
    with pytest.raises(ValueError, match="call_function="):
        clone_model(model, call_function=lambda layer, x: x)
    with pytest.raises(TypeError, match="Expected a model"):
        clone_model(layers.Dense(2))
    with pytest.raises(TypeError, match="clone_function gave None for Layer"):
        clone_model(model, clone_function=lambda layer: None)
    assert isinstance(model, Model)


def test_the_examples_are_right():
    results = doctest.testmod(cloning)
    assert results.attempted > 0
    assert results.failed == 0
