"""Penalties and their gradients, alone and in a layer, equal Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from scratchnet import layers, regularizers

pytestmark = pytest.mark.usefixtures("float64")

# Fractions that float32 holds: Keras on TensorFlow rounds the factors to it
factors = st.sampled_from([0.0, 2**-7, 0.25, 3.0])


def agrees(ours, w):
    theirs = getattr(keras.regularizers, type(ours).__name__).from_config(ours.get_config())
    assert theirs.get_config() == ours.get_config()
    source = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(source)
        value = theirs(source)
    gradient = tape.gradient(value, source, unconnected_gradients="zero")
    assert reference.relative_error(ours(w), value) <= 1e-12
    assert reference.relative_error(ours.gradient(w), gradient) <= 1e-12
    assert ours.gradient(w).dtype == w.dtype


@given(l1=factors, l2=factors, seed=st.integers(0, 2**32 - 1))
def test_values_and_gradients(l1, l2, seed):
    rng = np.random.default_rng(seed)
    w = np.round(rng.normal(size=rng.integers(0, 4, 3)), 1)  # zeros among them, and no weights
    agrees(regularizers.L1(l1), w)
    agrees(regularizers.L2(l2), w)
    agrees(regularizers.L1L2(l1, l2), w)


@given(
    factor=st.sampled_from([0.0, 0.01, 0.3, 7.0]),
    mode=st.sampled_from(["rows", "columns"]),
    shape=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.0, 1e-9, 1e-7, 1.0]),
)
def test_orthogonal_values_and_gradients(factor, mode, shape, seed, scale):
    w = np.round(np.random.default_rng(seed).normal(size=shape), 1)  # right angles among them
    w[0], w[:, -1] = w[0] * scale, w[:, -1] * scale  # as short as ε, or 0
    of_pairs = w if mode == "rows" else w.T
    lengths = np.linalg.norm(of_pairs, axis=1)
    # At a right angle that only rounding decides, the sign of the cosine is anybody's
    cosines = np.abs(of_pairs @ of_pairs.T) + np.outer(lengths == 0, lengths >= 0)
    assume((cosines + cosines.T > 1e-12 * np.outer(lengths, lengths)).all())
    ours = regularizers.OrthogonalRegularizer(factor, mode)
    # NumPy's float64, for Keras multiplies with the factor in the dtype that it was given
    theirs = keras.regularizers.OrthogonalRegularizer(np.float64(factor), mode)
    assert theirs.get_config() == ours.get_config()
    source = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(source)
        value = theirs(source)
    assert reference.relative_error(ours(w), value) <= 1e-12
    norms = np.sqrt(np.square(w if mode == "rows" else w.T).sum(1))
    vectors = ours.gradient(w) if mode == "rows" else ours.gradient(w).T
    expected = tape.gradient(value, source).numpy()
    expected = expected if mode == "rows" else expected.T
    # A short vector's gradient is that of a cosine over its norm: row by row, not by the largest
    for got, right, norm in zip(vectors, expected, norms, strict=True):
        assert np.abs(got - right).max() <= 1e-13 * factor / max(norm, 1e-7)


def test_one_vector_alone_has_no_pair_and_no_penalty():
    """Keras divides 0 by 0 there."""
    regularizer = regularizers.OrthogonalRegularizer()
    assert regularizer(np.ones((1, 4))) == 0
    assert np.array_equal(regularizer.gradient(np.ones((1, 4))), np.zeros((1, 4)))


def test_an_orthogonal_kernel_descends_to_right_angles():
    regularizer = regularizers.OrthogonalRegularizer(1.0)
    w = np.random.default_rng(0).normal(size=(3, 5))
    before = regularizer(w)
    for step in range(300):
        w -= 0.5 / (1 + step) * regularizer.gradient(w)
    assert regularizer(w) < before / 50


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_arrays_of_any_layout_are_read(dtype):
    w = np.random.default_rng(0).normal(size=(4, 3)).astype(dtype)
    read_only = np.asfortranarray(w)
    read_only.flags.writeable = False
    for regularizer in (regularizers.L1L2(0.5, 0.25), regularizers.OrthogonalRegularizer(0.5)):
        assert regularizer.gradient(w).dtype == dtype
        assert isinstance(regularizer(w), float)
        np.testing.assert_allclose(
            regularizer.gradient(read_only), regularizer.gradient(w), rtol=8 * np.finfo(dtype).eps
        )


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "L1L2"])
def test_names_have_keras_s_defaults(name):
    ours, theirs = regularizers.get(name), keras.regularizers.get(name)
    assert ours.get_config() == pytest.approx(theirs.get_config(), rel=1e-7)
    assert type(ours).__name__ == type(theirs).__name__


@pytest.mark.parametrize("name", ["l1", "l2", "l1_l2", "orthogonal_regularizer"])
def test_other_names_are_keras_s(name):
    ours, theirs = getattr(regularizers, name), getattr(keras.regularizers, name)
    assert ours.__name__ == theirs.__name__
    config = regularizers.serialize(ours())
    assert regularizers.deserialize(config).get_config() == ours().get_config()
    assert type(regularizers.get(name)) is ours


@pytest.mark.parametrize("where", ["kernel", "bias", "activity"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_a_layer_s_penalties_reach_the_loss_and_the_gradients(where, last, kind):
    """On the last layer too, whose logits the cross-entropy starts from."""
    sn.set_random_seed(0)
    penalised = {f"{where}_regularizer": regularizers.L1L2(0.25, 2**-4)}
    inner, outer = ({}, penalised) if last else (penalised, {})
    first = (
        layers.Conv2D(2, 2, activation="tanh", **inner)
        if kind == "conv"
        else layers.Dense(2, activation="tanh", **inner)
    )
    model = sn.Sequential(
        [
            layers.Input((4, 4, 1)),
            first,
            layers.Flatten(),
            layers.Dense(3, activation="softmax", **outer),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    twin = reference.twin(model)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4, 4, 1)), rng.integers(0, 3, 5)
    for weight in model.weights:  # a bias of 0 has no penalty
        weight.assign(weight.value + rng.normal(size=weight.shape))
    twin.set_weights(model.get_weights())
    loss, _, gradients = model.gradients(x, y)
    with tf.GradientTape() as tape:
        their_loss = twin.compute_loss(x, y, twin(x, training=True), training=True)
    theirs = tape.gradient(their_loss, [w.value for w in twin.trainable_weights])
    assert reference.relative_error(loss, their_loss) <= 1e-12
    for a, b in zip(gradients, theirs, strict=True):
        assert reference.relative_error(a, b) <= 1e-12
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        twin.evaluate(x, y, verbose=0), rel=1e-12
    )


@pytest.mark.parametrize("value", [-1, np.inf, np.nan, "0.1", None])
def test_a_factor_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"received l2=.*finite number of at least 0"):
        regularizers.L2(value)


def test_what_is_not_orthogonal_s_is_refused():
    with pytest.raises(ValueError, match=r"mode='row'.*'rows' or 'columns'"):
        regularizers.OrthogonalRegularizer(mode="row")
    with pytest.raises(ValueError, match=r"received factor=-1.*finite number of at least 0"):
        regularizers.OrthogonalRegularizer(-1)
    for method in ("__call__", "gradient"):
        with pytest.raises(ValueError, match=r"weight of shape \(2, 2, 2\)\. Expected two axes"):
            getattr(regularizers.OrthogonalRegularizer(), method)(np.ones((2, 2, 2)))


def test_an_unknown_regularizer_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Unknown regularizer 'l3'\. Did you mean 'l"):
        regularizers.get("l3")
    assert regularizers.get(None) is None
