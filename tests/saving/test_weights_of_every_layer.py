"""The files of models with any layer that has weights travel to Keras and back."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import scratchnet as sn
from scratchnet import Model, layers

# Keras's variables hand themselves to h5py in NumPy's old way
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword"
)

IMAGE, ROW = (6, 6, 4), (6, 4)
LAYERS = {
    "Conv1D": (ROW, lambda: layers.Conv1D(3, 2)),
    "Conv2D": (IMAGE, lambda: layers.Conv2D(4, 3, groups=2)),
    "Conv2DTranspose": (IMAGE, lambda: layers.Conv2DTranspose(3, 3, strides=2)),
    "DepthwiseConv2D": (IMAGE, lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "SeparableConv2D": (IMAGE, lambda: layers.SeparableConv2D(5, 3)),
    "PReLU": (IMAGE, lambda: layers.PReLU("uniform", shared_axes=[1, 2])),
    "BatchNormalization": (IMAGE, layers.BatchNormalization),
    "LayerNormalization": (IMAGE, layers.LayerNormalization),
    "GroupNormalization": (IMAGE, lambda: layers.GroupNormalization(2)),
    "Normalization": (IMAGE, layers.Normalization),
    "Dense": (ROW, lambda: layers.Dense(3)),
    "EinsumDense": (ROW, lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")),
    "MultiHeadAttention": (ROW, lambda: layers.MultiHeadAttention(2, 3, use_gate=True)),
    "GroupQueryAttention": (ROW, lambda: layers.GroupQueryAttention(3, 4, 2, use_gate=True)),
}


def model_with(name):
    sn.set_random_seed(0)
    shape, make = LAYERS[name]
    x = layers.Input(shape)
    layer = make()
    y = layer(x, x) if layer.spread_inputs else layer(x)
    model = Model(x, layers.Dense(2)(layers.Flatten()(y)))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    return model, rng.normal(size=(3, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", LAYERS)
def test_a_file_travels_to_keras_and_back(name, tmp_path):
    model, x = model_with(name)
    expected = model(x)
    model.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    assert np.allclose(theirs(x, training=False), expected, rtol=1e-5, atol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    again = sn.saving.load_model(tmp_path / "theirs.keras")
    assert np.array_equal(again(x), expected)
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(tmp_path / "theirs.keras")
    assert np.array_equal(model(x), expected)


def test_weights_of_an_embedding_travel_too(tmp_path):
    x = layers.Input((5,), dtype="int32")
    model = Model(x, layers.Flatten()(layers.Embedding(7, 2)(x)))
    model.save_weights(tmp_path / "e.weights.h5")
    there = keras.Input((5,), dtype="int32")
    theirs = keras.Model(there, keras.layers.Flatten()(keras.layers.Embedding(7, 2)(there)))
    theirs.load_weights(tmp_path / "e.weights.h5")
    words = np.array([[0, 6, 3, 3, 1]])
    assert np.array_equal(model(words), theirs(words))
