"""Constraints alone, in layers and after a step equal Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import scratchnet as sn
from scratchnet import Variable, constraints, layers, optimizers

pytestmark = pytest.mark.usefixtures("float64")

bounds = st.sampled_from([0.0, 0.3, 1.0, 1.7])
axes = st.sampled_from([0, 1, -1, [0, 1], (0, 2), [0, 1, 2, 3]])
drawn = st.one_of(
    st.builds(constraints.MaxNorm, bounds, axes),
    st.builds(constraints.UnitNorm, axes),
    st.builds(constraints.NonNeg),
    st.builds(constraints.Constraint),
    st.tuples(bounds, bounds, st.sampled_from([0.0, 0.3, 1.0]), axes).map(
        lambda t: constraints.MinMaxNorm(*sorted(t[:2]), *t[2:])
    ),
)


@given(ours=drawn, seed=st.integers(0, 2**32 - 1))
def test_projections_agree(ours, seed):
    rng = np.random.default_rng(seed)
    w = np.round(rng.normal(size=rng.integers(0, 4, 4)), 1)  # zeros among them, and no weights
    theirs = getattr(keras.constraints, type(ours).__name__).from_config(ours.get_config())
    assert theirs.get_config() == ours.get_config()
    before = w.copy()
    got = ours(w)
    assert reference.relative_error(got, theirs(keras.ops.convert_to_tensor(w)).numpy()) <= 1e-12
    assert got.dtype == w.dtype
    assert np.array_equal(w, before)


@pytest.mark.parametrize("ours", [constraints.MaxNorm(), constraints.NonNeg()])
def test_a_nan_stays_visible(ours):
    w = np.array([[np.nan, 1.0], [1.0, 1.0]])
    theirs = getattr(keras.constraints, type(ours).__name__)()
    expected = theirs(keras.ops.convert_to_tensor(w)).numpy()
    assert reference.relative_error(ours(w), expected) <= 1e-12
    assert np.isnan(ours(w)[0, 0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "ours",
    [
        constraints.MaxNorm(1),
        constraints.UnitNorm(),
        constraints.MinMaxNorm(0.5, 1, 0.5),
        constraints.NonNeg(),
    ],
)
def test_arrays_of_any_dtype_and_layout_are_read(ours, dtype):
    w = np.random.default_rng(0).normal(size=(6, 4)).astype(dtype)
    expected = ours(w)
    assert expected.dtype == dtype
    read_only = w.copy()
    read_only.flags.writeable = False
    flipped = w[::-1, ::-1].copy()[::-1, ::-1]
    for same in (read_only, np.asfortranarray(w), flipped):
        np.testing.assert_allclose(ours(same), expected, rtol=4 * np.finfo(dtype).eps)


def test_norms_keep_their_bounds():
    w = np.random.default_rng(0).normal(size=(3, 3, 4, 5))
    filters = [0, 1, 2]
    norms = np.sqrt((constraints.MaxNorm(0.5, filters)(w) ** 2).sum((0, 1, 2)))
    np.testing.assert_allclose(norms, 0.5, rtol=1e-6)
    norms = np.sqrt((constraints.UnitNorm(filters)(w) ** 2).sum((0, 1, 2)))
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    assert (constraints.NonNeg()(w) >= 0).all()
    assert np.array_equal(constraints.UnitNorm()(np.zeros((2, 2))), np.zeros((2, 2)))


def test_a_network_under_constraints_trains_as_in_keras():
    sn.set_random_seed(0)
    model = sn.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.Conv2D(
                3,
                3,
                kernel_constraint=constraints.MaxNorm(0.5, [0, 1, 2]),
                bias_constraint="NonNeg",
            ),
            layers.BatchNormalization(
                gamma_constraint=constraints.MinMaxNorm(0.25, 0.75, 0.5),
                beta_constraint="non_neg",
            ),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", kernel_constraint=constraints.UnitNorm()),
        ]
    )
    model.compile(optimizers.Adam(0.25), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 6, 6, 2)), rng.integers(0, 3, 12)
    assert reference.weights_after_training(model, x, y, 6, 4) <= 1e-9
    model.fit(x, y, batch_size=4, verbose=0)
    conv, norm, _, dense = model.layers
    assert np.sqrt((conv.kernel.value**2).sum((0, 1, 2))).max() <= 0.5
    assert conv.bias.value.min() >= 0
    assert norm.beta.value.min() >= 0
    np.testing.assert_allclose((dense.kernel.value**2).sum(0), 1, rtol=1e-6)


def test_a_constraint_holds_also_after_a_batch_that_only_accumulates():
    weight = Variable(np.array([-1.0, 2.0]), constraint=constraints.NonNeg())
    optimizers.SGD(0.1, gradient_accumulation_steps=2).apply([np.ones(2)], [weight])
    assert np.array_equal(weight.value, [0.0, 2.0])


@pytest.mark.parametrize("name", ["MaxNorm", "max_norm", "NonNeg", "unit_norm", "min_max_norm"])
def test_names_are_keras_s(name):
    theirs = keras.constraints.get(name)
    ours = constraints.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == theirs.get_config()
    assert type(getattr(constraints, name)()) is type(ours)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(2, kernel_constraint=constraints.MaxNorm(0.5), bias_constraint="non_neg"),
        layers.Conv2D(2, 3, kernel_constraint=constraints.MinMaxNorm(0.25, 0.5, 0.75, [0, 1, 2])),
        layers.BatchNormalization(beta_constraint="unit_norm", gamma_constraint="non_neg"),
    ],
)
def test_a_layer_s_configuration_carries_its_constraints(layer):
    twin = getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())
    again = type(layer).from_config(twin.get_config())
    for key, value in layer.get_config().items():
        if key.endswith("_constraint"):
            assert again.get_config()[key] == value
            written = twin.get_config()[key]
            assert (written and written["config"]) == (value and value["config"])


def test_a_variable_without_constraint_has_none():
    layer = layers.Dense(2, kernel_constraint="non_neg")
    layer.build((None, 3))
    assert isinstance(layer.kernel.constraint, constraints.NonNeg)
    assert layer.bias.constraint is None
    assert constraints.get(None) is constraints.serialize(None) is constraints.deserialize(None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constraints.MaxNorm(-1), r"MaxNorm received max_value=-1\. .*at least 0"),
        (lambda: constraints.MaxNorm("1"), r"MaxNorm received max_value='1'"),
        (lambda: constraints.MinMaxNorm(np.nan), r"MinMaxNorm received min_value=nan"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), r"min_value=2\.0 above max_value=1\.0"),
        (lambda: constraints.MinMaxNorm(rate=1.5), r"rate=1\.5.*from 0 to 1"),
        (lambda: constraints.get("max_nrm"), r"Unknown constraint.*Did you mean 'max_norm'\?"),
        (lambda: layers.Dense(2, kernel_constraint="l2"), r"Unknown constraint 'l2'"),
    ],
)
def test_errors_say_what_was_received(make, message):
    with pytest.raises(ValueError, match=message):
        make()
