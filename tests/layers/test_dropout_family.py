"""Random layers: the numbers that they draw, what they do with them, and what they refuse."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reference
import scratchnet as sn
from reference.agreement import layer_errors
from scratchnet import layers, ops

implementations = pytest.mark.parametrize("implementation", ["formulas", "kernels"])
seeds = st.integers(0, 2**32 - 1)

MAKE = {
    "Dropout": lambda seed=None: layers.Dropout(0.3, seed=seed),
    "SpatialDropout1D": lambda seed=None: layers.SpatialDropout1D(0.3, seed=seed),
    "SpatialDropout2D": lambda seed=None: layers.SpatialDropout2D(0.3, seed=seed),
    "AlphaDropout": lambda seed=None: layers.AlphaDropout(0.3, seed=seed),
    "GaussianNoise": lambda seed=None: layers.GaussianNoise(0.3, seed=seed),
    "GaussianDropout": lambda seed=None: layers.GaussianDropout(0.3, seed=seed),
}


def inputs(name, samples=4):
    x = np.random.default_rng(0).standard_normal((samples, 5, 6, 8)).astype(np.float32)
    return x[:, 0] if name == "SpatialDropout1D" else x


@pytest.mark.usefixtures("float64")
@given(rate=st.floats(0, 0.99), seed=seeds, training=st.booleans(), data=st.data())
@pytest.mark.parametrize("name", [n for n in MAKE if n != "GaussianNoise"])
def test_a_twin_draws_the_same_numbers(name, rate, seed, training, data):
    x = inputs(name).astype(np.float64)
    arguments = {}
    if name in ("Dropout", "AlphaDropout") and data.draw(st.booleans()):
        arguments["noise_shape"] = [data.draw(st.sampled_from([None, 1, n])) for n in x.shape]
    layer = getattr(layers, name)(rate, seed=seed, **arguments)
    for _ in range(2):
        errors = layer_errors(layer, x, training=training)
        assert max(errors.values()) <= 1e-12, errors


@pytest.mark.usefixtures("float64")
@given(stddev=st.floats(0, 1), seed=seeds)
def test_a_twin_draws_the_same_noise(stddev, seed):
    errors = layer_errors(layers.GaussianNoise(stddev, seed=seed), inputs("").astype(np.float64))
    assert max(errors.values()) <= 1e-12, errors


def test_whole_runs_of_training_with_noise_end_at_the_same_weights(float64):
    sn.set_random_seed(0)
    model = sn.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.GaussianNoise(0.2),
            layers.Conv2D(4, 3, activation="selu", kernel_initializer="lecun_normal"),
            layers.SpatialDropout2D(0.3),
            layers.PReLU(shared_axes=[1, 2]),
            layers.GaussianDropout(0.2),
            layers.Flatten(),
            layers.Dense(8, "selu"),
            layers.AlphaDropout(0.2),
            layers.ActivityRegularization(l1=0.25, l2=0.125),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 6, 6, 2)), np.eye(3)[rng.integers(0, 3, 64)]
    assert reference.weights_after_training(model, x, y, steps=8, batch_size=16) <= 1e-9


@pytest.mark.parametrize("name", MAKE)
def test_inference_is_the_identity(name):
    x = inputs(name)
    layer = MAKE[name]()
    assert np.array_equal(layer(x), x)
    assert np.array_equal(layer(x, training=False), x)
    assert layer.seed_state[1] == 0


@pytest.mark.parametrize("layer", [layers.Dropout(0), layers.GaussianNoise(0.0)])
def test_a_rate_of_0_is_the_identity_in_training(layer):
    x = inputs("")
    assert layer(x, training=True) is x
    assert layer.seed_state[1] == 0


@implementations
@pytest.mark.parametrize("name", MAKE)
def test_a_seed_repeats_and_two_calls_differ(name, implementation):
    x = inputs(name)
    with sn.use(implementation):
        layer, again, other = MAKE[name](7), MAKE[name](7), MAKE[name](8)
        first, second = layer(x, training=True), layer(x, training=True)
        assert np.array_equal(again(x, training=True), first)
        assert np.array_equal(again(x, training=True), second)
        assert not np.array_equal(first, second)
        assert not np.array_equal(other(x, training=True), first)


def test_set_random_seed_repeats_layers_without_a_seed():
    outputs = []
    for _ in range(2):
        sn.set_random_seed(3)
        outputs.append([make()(inputs(name), training=True) for name, make in MAKE.items()])
    for first, second in zip(*outputs, strict=True):
        assert np.array_equal(first, second)


@implementations
@pytest.mark.parametrize("key", [(0, 0), (7, 1), (2**32 - 1, 2**32 - 1)])
def test_standard_normal_numbers_are_normal_and_independent(key, implementation):
    n = 200_000
    with sn.use(implementation):
        z = ops.standard_normal((n,), key)
        following = ops.standard_normal((n,), (key[0], (key[1] + 1) % 2**32))
    assert z.dtype == np.float64
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((z**3).mean()) < 5 * np.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-6
    for other in (z[1:], following):  # neighbours and the next call
        assert abs((z[: len(other)] * other).mean()) < 5 / np.sqrt(n)
    assert np.abs(z).max() < np.sqrt(48 * np.log(2))


def test_standard_normal_is_the_formula_of_box_and_muller():
    """From bits that are hashed here one at a time, with Python's integers."""

    def mix(h):
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            h = ((h ^ h >> shift) * factor) % 2**32
        return h ^ h >> 16

    seed, call = 123, 45
    stream = mix(mix(seed) ^ call)
    bits = [mix(mix(i) ^ stream) >> 8 for i in range(12)]
    assert ops.random_bits(12, (seed, call)).tolist() == bits
    expected = [
        np.sqrt(-2 * np.log((bits[i] + 1) / 2**24)) * np.cos(2 * np.pi * bits[i + 1] / 2**24)
        for i in range(0, 12, 2)
    ]
    assert np.allclose(ops.standard_normal((2, 3), (seed, call)).ravel(), expected, rtol=1e-13)


@implementations
def test_mean_and_variance_of_what_each_layer_makes_of_ones_and_of_normal_numbers(implementation):
    """Within 5 standard errors, for 200 000 cells."""
    n = 200_000
    ones = np.ones((n, 1))
    normal = np.random.default_rng(0).standard_normal((n, 1))
    variances = {
        layers.Dropout(0.3, seed=1, dtype="float64"): 0.3 / 0.7,
        layers.GaussianDropout(0.3, seed=1, dtype="float64"): 0.3 / 0.7,
        layers.GaussianNoise(0.3, seed=1, dtype="float64"): 0.09,
    }
    with sn.use(implementation):
        for layer, variance in variances.items():
            y = layer(ones, training=True)
            assert abs(y.mean() - 1) < 5 * np.sqrt(variance / n)
            assert y.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n))
        kept = layers.Dropout(0.3, seed=2, dtype="float64")(ones, training=True) != 0
        assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.21 / n)
        y = layers.AlphaDropout(0.3, seed=1, dtype="float64")(normal, training=True)
        assert abs(y.mean()) < 5 / np.sqrt(n)
        assert abs(y.var() - 1) < 5 * np.sqrt(2 / n)


@implementations
@pytest.mark.parametrize("name", ["SpatialDropout1D", "SpatialDropout2D"])
def test_a_feature_map_is_kept_or_dropped_as_a_whole(name, implementation):
    x = np.abs(inputs(name, samples=300)) + 1
    with sn.use(implementation):
        y = MAKE[name](1)(x, training=True)
    kept = (y != 0).reshape(len(x), -1, x.shape[-1])
    assert (kept.all(axis=1) | ~kept.any(axis=1)).all()
    n = kept[:, 0].size
    assert abs(kept[:, 0].mean() - 0.7) < 5 * np.sqrt(0.21 / n)
    assert y[y != 0] == pytest.approx(x[y != 0] / 0.7)


@implementations
@pytest.mark.parametrize("shape", [(0, 5, 6, 8), (1, 1, 1, 1)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", [n for n in MAKE if n != "SpatialDropout1D"])
def test_no_image_one_pixel_and_float16(name, dtype, shape, implementation):
    make = {"GaussianNoise": layers.GaussianNoise}.get(name, getattr(layers, name))
    layer = make(0.3, seed=1, dtype=dtype)
    with sn.use(implementation):
        y, saved = layer.forward(np.ones(shape, dtype), True)
        dx, _ = layer.backward(np.ones_like(y), saved)
    assert y.dtype == dx.dtype == dtype
    assert y.shape == dx.shape == shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dropout(1.5), r"Dropout received rate=1.5. Expected a number from 0"),
        (lambda: layers.SpatialDropout2D(-0.1), r"SpatialDropout2D received rate=-0.1"),
        (lambda: layers.AlphaDropout(1), r"AlphaDropout received rate=1. .* to below 1"),
        (lambda: layers.GaussianDropout(1.0), r"GaussianDropout received rate=1.0. .* to below 1"),
        (lambda: layers.GaussianNoise(1.1), r"GaussianNoise received stddev=1.1"),
        (lambda: layers.GaussianNoise(float("nan")), r"stddev=nan"),
        (lambda: layers.Dropout(0.5, seed=-1), r"Dropout received seed=-1. Expected an integer"),
        (lambda: layers.Dropout(0.5, seed=2**32), r"seed=4294967296"),
        (lambda: layers.Dropout(0.5, seed="a"), r"seed='a'"),
        (lambda: layers.Dropout(0.5, "1"), r"noise_shape must be .* received '1'"),
        (lambda: layers.Dropout(0.5, (None, 0)), r"received \(None, 0\)"),
        (lambda: layers.Dropout(0.5, 3), r"received 3"),
        (lambda: layers.Dropout(0.5, (2, 1.5)), r"received \(2, 1.5\)"),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first"), r"channels-last"),
        (lambda: layers.ActivityRegularization(l1=-1.0), r"l1"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_spatial_dropout_needs_the_right_rank():
    with pytest.raises(ValueError, match="Expected 3 axes"):
        layers.SpatialDropout1D(0.5)(np.ones((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="channels last"):
        layers.SpatialDropout2D(0.5)(np.ones((2, 3, 4)))


def test_a_noise_shape_must_broadcast():
    layer = layers.AlphaDropout(0.5, (None, 2))
    with pytest.raises(ValueError, match="does not broadcast"):
        layer(np.ones((4, 3)), training=True)
    assert layer.seed_state[1] == 0


@pytest.mark.parametrize("name", [*MAKE, "ActivityRegularization"])
def test_configurations_are_keras_s(name):
    layer = layers.ActivityRegularization(0.1, 0.2) if name not in MAKE else MAKE[name](5)
    config = layer.get_config()
    theirs = getattr(keras.layers, name).from_config(config).get_config()
    assert {k: v for k, v in theirs.items() if k != "dtype"} == {
        k: v for k, v in config.items() if k != "dtype"
    }
    again = type(layer).from_config(theirs)
    assert again.get_config() == config
