"""Saliency and Grad-CAM are what TensorFlow computes with a GradientTape on the Keras twin."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import scratchnet as sn
from reference.agreement import relative_error
from reference.twin import twin
from scratchnet import inspection, layers
from scratchnet.inspection import class_gradient, class_scores, grad_cam, saliency, watching
from tests.inspection.models import MODELS, images, off_their_first_values, path

float64 = pytest.mark.usefixtures("float64")

# The layer whose output is shown: in ours, in Keras; and whether the model ends in softmax
MAPS = {
    "path": [("second", ["second"]), ("squashed", ["squashed"]), ("first", ["first"])],
    "branches": [
        ("last", ["last"]),
        ("stem", ["stem"]),
        ("joined", ["joined"]),
        ("both", ["both"]),
    ],
    "nested": [("base/separable", ["base", "separable"]), ("base/conv", ["base", "conv"])],
}


@pytest.fixture(autouse=True)
def formulas():
    sn.random.set_random_seed(0)  # with some weights all of a map is squashed to 0
    with sn.use("formulas"):
        yield


def keras_evidence(model, x, classes, names=()):
    """(class gradients, Grad-CAM) by TensorFlow's own derivative, from the score before softmax.

    `names` leads to the layer: the models around it, then the layer.
    """
    import keras
    import tensorflow as tf

    theirs = twin(model)
    for layer in theirs._flatten_layers():
        if getattr(layer, "activation", None) is keras.activations.softmax:
            layer.activation = keras.activations.linear
        if isinstance(layer, keras.layers.Softmax):
            layer.call = lambda inputs, mask=None: inputs
    holder = theirs
    for name in names:
        holder = holder.get_layer(name)
    seen, original = [], getattr(holder, "call", None)

    def noting(*args, **kwargs):
        seen.append(original(*args, **kwargs))
        return seen[-1]

    if names:
        holder.call = noting
    tensor = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensor)
        scores = theirs(tensor, training=False)
        chosen = tf.reduce_sum(tf.gather(scores, classes, axis=1, batch_dims=1))
    of_pixels = tape.gradient(chosen, tensor).numpy()
    if not names:
        return of_pixels, None
    feature_map = seen[-1]
    gradient = tape.gradient(chosen, feature_map)
    alpha = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return of_pixels, tf.nn.relu(tf.reduce_sum(alpha * feature_map, axis=-1)).numpy()


@float64
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_class_gradient_is_tensorflow_s(name, n):
    model = off_their_first_values(MODELS[name]())
    x = images(n)
    classes = [2, 0, 1][:n]
    expected, _ = keras_evidence(model, x, classes)
    found = class_gradient(model, x, classes)
    assert found.shape == x.shape
    assert found.any()
    assert relative_error(found, expected) <= 1e-12
    assert np.array_equal(saliency(model, x, classes), np.abs(found).max(axis=3))


@float64
@pytest.mark.parametrize(
    ("name", "layer", "names"),
    [(name, layer, names) for name, pairs in MAPS.items() for layer, names in pairs],
)
def test_grad_cam_is_tensorflow_s(name, layer, names):
    model = off_their_first_values(MODELS[name]())
    x = images(3)
    found = [grad_cam(model, x, c, layer) for c in range(3)]
    assert np.any(found)  # a map of zeros would prove nothing
    for c, mine in enumerate(found):
        _, expected = keras_evidence(model, x, [c] * 3, names)
        assert mine.shape == expected.shape
        assert np.abs(mine - expected).max() <= 1e-12 * np.max(found)


@float64
def test_without_a_layer_grad_cam_shows_the_last_convolution():
    for name, last in (("path", "second"), ("nested", "base/separable"), ("branches", "last")):
        model = off_their_first_values(MODELS[name]())
        x = images(2)
        assert np.array_equal(grad_cam(model, x, 1), grad_cam(model, x, 1, last))


@float64
def test_a_layer_may_be_given_itself_and_its_last_call_counts():
    model = off_their_first_values(MODELS["shared"]())
    x, conv = images(2), model.get_layer("conv")
    maps = {name: grad_cam(model, x, 0, name) for name in ("conv", "conv#2")}
    assert np.array_equal(maps["conv"], maps["conv#2"])
    assert np.array_equal(grad_cam(model, x, 0, conv), maps["conv#2"])
    whole = off_their_first_values(MODELS["nested"]())
    base = whole.get_layer("base")
    expected = grad_cam(whole, x, 0, "base/separable")
    assert np.array_equal(grad_cam(whole, x, 0, base), expected)
    assert np.array_equal(grad_cam(whole, x, 0, base.get_layer("separable")), expected)


@float64
def test_no_class_means_each_image_s_largest_output():
    model = off_their_first_values(path())
    x = images(4)
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    assert len(set(predicted)) > 1 or len(x) == 4
    assert np.array_equal(saliency(model, x), saliency(model, x, predicted))
    assert np.array_equal(grad_cam(model, x), grad_cam(model, x, list(predicted)))
    assert not np.array_equal(saliency(model, x), saliency(model, x, (predicted + 1) % 4))


@float64
def test_the_score_is_what_goes_into_the_softmax():
    """So a certain network, whose probabilities no longer change, still has a saliency."""
    logits, certain = path(last=None), path()
    certain.set_weights([w * 50 if w.ndim == 2 else w for w in certain.get_weights()])
    logits.set_weights(certain.get_weights())
    x = images(2)
    assert np.array_equal(class_gradient(certain, x, 1), class_gradient(logits, x, 1))
    sigmoid = path(last="sigmoid")
    sigmoid.set_weights(logits.get_weights())
    assert np.array_equal(class_gradient(sigmoid, x, 1), class_gradient(logits, x, 1))
    relu = path(last="relu")  # any other activation belongs to the score
    relu.set_weights(logits.get_weights())
    positive = relu(x)[:, 1] > 0
    expected = np.where(positive[:, None, None, None], class_gradient(logits, x, 1), 0)
    assert np.array_equal(class_gradient(relu, x, 1), expected)


@float64
def test_nothing_changes_and_inference_mode_is_used():
    model = off_their_first_values(path())
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = images(2)
    before, nodes = model.get_weights(), [len(layer.nodes) for layer in model.layers]
    state = sn.random.generator().bit_generator.state
    first = grad_cam(model, x)
    saliency(model, x)
    assert np.array_equal(first, grad_cam(model, x))
    for mine, other in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(mine, other)
    assert [len(layer.nodes) for layer in model.layers] == nodes
    assert sn.random.generator().bit_generator.state == state


def test_a_float32_model_stays_float32():
    model = path()
    assert grad_cam(model, images(2)).dtype == np.float32
    assert saliency(model, images(2).tolist()).dtype == np.float32


def test_what_cannot_be_explained_is_refused():
    model, x = path(), images(2)
    for call in (saliency, grad_cam):
        with pytest.raises(ValueError, match=r"no class 4.*Expected numbers from 0 to 3"):
            call(model, x, 4)
        with pytest.raises(ValueError, match=r"no class -1"):
            call(model, x, [0, -1])
        with pytest.raises(ValueError, match=r"shape \(3,\).*Expected one integer, or 2"):
            call(model, x, [0, 1, 2])
        with pytest.raises(ValueError, match=r"dtype float64"):
            call(model, x, 0.5)
        with pytest.raises(ValueError, match="no images"):
            call(model, x[:0])
        with pytest.raises(ValueError, match=r"received an input of shape \(12, 12, 2\)"):
            call(model, x[0])
        with pytest.raises(ValueError, match="is not built"):
            call(sn.Sequential([layers.Dense(2)]), x)
        with pytest.raises(ValueError, match="Expected one input of images"):
            call(sn.Sequential([layers.Input((4,)), layers.Dense(2)]), np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"has no layer 'third'. Expected one of first,"):
        grad_cam(model, x, layer="third")
    with pytest.raises(ValueError, match=r"has no layer Layer 'stranger'"):
        grad_cam(model, x, layer=layers.Conv2D(1, 1, name="stranger"))
    with pytest.raises(ValueError, match=r"gives \(None, 5\). Expected a feature map"):
        grad_cam(model, x, layer=model.layers[-2])
    flat = sn.Sequential([layers.Input((12, 12, 2)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="has no convolution whose feature map could be shown"):
        grad_cam(flat, x)
    assert saliency(flat, x).shape == (2, 12, 12)


@float64
def test_a_layer_without_influence_shows_nothing():
    """A graph may name an output that a layer feeds only through a dead end."""
    x = layers.Input((4, 4, 1))
    h = layers.Conv2D(2, 1, name="conv")(x)
    dead = layers.Rescaling(0.0, name="dead")(h)
    model = sn.Model(x, layers.Dense(2)(layers.Flatten()(dead)))
    assert not grad_cam(model, images(2, 4, 1), 0, "conv").any()


def test_the_examples_are_right():
    for module in (class_scores, watching):
        found = doctest.testmod(module)
        assert found.attempted
        assert found.failed == 0
    assert {"grad_cam", "saliency"} <= set(inspection.__all__)
