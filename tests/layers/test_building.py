"""A layer whose weights were created by hand creates no others when it is called."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import layers
from tests.inspection.test_gradient_check import SIMPLE


@pytest.mark.parametrize("name", SIMPLE)
def test_build_and_a_call_create_the_weights_once(name):
    shape, make = SIMPLE[name]
    x = np.random.default_rng(0).standard_normal(shape)
    by_hand, by_call = make(), make()
    by_hand.build((None, *shape[1:]))
    weights = by_hand.weights
    by_hand(x)
    by_call(x)
    assert [id(weight) for weight in by_hand.weights] == [id(weight) for weight in weights]
    assert [w.shape for w in by_hand.weights] == [w.shape for w in by_call.weights]


def test_layers_for_several_inputs_too():
    shapes = [(2, 3, 4), (2, 5, 4)]
    layer = layers.MultiHeadAttention(2, 2)
    layer.build([(None, *shape[1:]) for shape in shapes])
    weights = layer.weights
    assert weights
    layer(*map(np.ones, shapes))
    assert [id(weight) for weight in layer.weights] == [id(weight) for weight in weights]


def test_a_build_that_goes_on_after_that_of_its_base_is_not_cut_short():
    class Scaled(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            assert not self.built
            self.factor = self.add_weight((), "ones", "factor")

    layer = Scaled(2)
    layer.build(input_shape=(None, 3))
    assert layer.built
    assert layer.input_shape == (None, 3)
    layer(np.ones((1, 3)))
    assert [weight.name for weight in layer.weights] == ["kernel", "bias", "factor"]
    with pytest.raises(ValueError, match="has 4 channels"):
        layer(np.ones((1, 4)))
