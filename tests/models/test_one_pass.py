"""A rectifier that a graph computes together with the layer before it, and where it must not."""

from __future__ import annotations

import numpy as np
import pytest

import scratchnet as sn
from scratchnet import config, layers, ops

RNG = np.random.default_rng(0)
X = RNG.standard_normal((8, 5, 5, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 8)


class Sloped(layers.ReLU):
    """A rectifier with a forward pass of its own."""

    def forward(self, x, training):
        y, saved = super().forward(x, training)
        return 2 * y, saved


class Shifted(layers.BatchNormalization):
    """A normalisation whose forward pass knows of no rectifier."""

    def forward(self, x, training):
        y, saved = super().forward(x, training)
        return y + 1, saved


def network(rectifier, apart, first=layers.BatchNormalization):
    """A residual block; `apart` puts a layer that does nothing before each rectifier."""

    def rectified(x):
        return rectifier()(layers.Identity()(x) if apart else x)

    x = layers.Input(X.shape[1:])
    inside = rectified(first()(layers.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    inside = layers.BatchNormalization(momentum=0.5)(layers.Conv2D(4, 1)(inside))
    y = rectified(layers.Add()([inside, x]))
    y = layers.Dense(3, activation="relu")(layers.GlobalAveragePooling2D()(y))
    model = sn.Model(x, layers.Dense(3, activation="softmax")(y))
    model.compile(sn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def steps(model):
    return len(model.graph._steps)


RELUS = [layers.ReLU, lambda: layers.Activation("relu")]


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("relu", RELUS, ids=["ReLU", "Activation"])
def test_training_is_the_same_as_with_layers_one_by_one(relu, frozen, implementation):
    together, apart = network(relu, apart=False), network(relu, apart=True)
    assert steps(apart) - steps(together) == 4  # two rectifiers and two layers that do nothing
    apart.set_weights(together.get_weights())
    if frozen:
        for model in (together, apart):
            for layer in model.layers:
                layer.trainable = not isinstance(layer, layers.BatchNormalization)
    with ops.use(implementation):
        for _ in range(3):
            assert together.train_on_batch(X, Y) == pytest.approx(apart.train_on_batch(X, Y))
        assert np.allclose(together.predict(X, verbose=0), apart.predict(X, verbose=0), atol=1e-6)
    for one, two in zip(together.get_weights(), apart.get_weights(), strict=True):
        assert np.allclose(one, two, rtol=1e-5, atol=1e-6)


def test_training_has_the_same_bits_on_any_number_of_threads():
    def trained(threads):
        sn.utils.set_random_seed(1)
        model, before = network(layers.ReLU, apart=False), config.threads()
        config.set_threads(threads)
        try:
            model.fit(X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False)
        finally:
            config.set_threads(before)
        return model.get_weights()

    for one, two in zip(trained(1), trained(2), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("first", "rectifier"),
    [
        (layers.BatchNormalization, lambda: layers.ReLU(max_value=6.0)),
        (layers.BatchNormalization, lambda: layers.ReLU(negative_slope=0.1)),
        (layers.BatchNormalization, lambda: layers.ReLU(threshold=1.0)),
        (layers.BatchNormalization, lambda: layers.ReLU(activity_regularizer="l2")),
        (layers.BatchNormalization, lambda: layers.Activation("relu6")),
        (layers.BatchNormalization, lambda: layers.ReLU(dtype="float64")),
        (layers.BatchNormalization, Sloped),
        (Shifted, layers.ReLU),
        (lambda: layers.BatchNormalization(activity_regularizer="l2"), layers.ReLU),
        (lambda: layers.BatchNormalization(dtype="float16"), lambda: layers.ReLU(dtype="float16")),
        (layers.LayerNormalization, layers.ReLU),
    ],
)
def test_anything_but_two_plain_layers_stays_two_steps(first, rectifier):
    x = layers.Input(X.shape[1:])
    layer, activation = first(), rectifier()
    model = sn.Model(x, activation(layer(x)))
    assert steps(model) == 2
    for training in (False, True):
        assert np.array_equal(model(X, training=training), activation(layer(X, training=training)))


def test_an_output_that_is_needed_elsewhere_stays():
    x = layers.Input(X.shape[1:])
    z = layers.BatchNormalization()(x)
    y = layers.ReLU()(z)
    both, again = sn.Model(x, [z, y]), sn.Model(x, layers.Multiply()([z, y]))
    assert steps(both) == 2
    assert steps(again) == 3
    assert steps(sn.Model(x, y)) == 1
    assert np.array_equal(again(X), np.multiply(*both(X)))


def test_a_layer_in_two_places_may_be_followed_by_a_rectifier_in_one():
    norm = layers.BatchNormalization()
    x = layers.Input(X.shape[1:])
    once, twice = norm(x), layers.ReLU()(norm(layers.Identity()(x)))
    model = sn.Model(x, layers.Subtract()([twice, once]))
    assert steps(model) == 4
    assert np.array_equal(model(X), np.maximum(norm(X), 0) - norm(X))


@pytest.mark.parametrize("axis", [1, -1, 3])
def test_channels_may_be_on_any_axis(axis):
    stack = [layers.Input(X.shape[1:]), layers.BatchNormalization(axis), layers.ReLU()]
    model = sn.Sequential(stack)
    assert steps(model) == 1
    y = model(X, training=True)
    assert np.array_equal(y, np.maximum(stack[1](X, training=True), 0))


def pooled(normalization=layers.BatchNormalization, pool=layers.MaxPooling2D, relu=False, **call):
    """A normalisation and a max-pooling, which predictions compute in one pass."""
    x = layers.Input(X.shape[1:])
    z = normalization(momentum=0.5)(x, **call)
    z = layers.ReLU()(z) if relu else z
    return sn.Model(x, layers.Flatten()(pool()(z)))


def moved(model):
    """The model with statistics and weights that are not those at first, some γ negative."""
    gamma, *others = [RNG.standard_normal(w.shape) ** 2 + 0.1 for w in model.get_weights()]
    gamma[0] *= -1
    model.set_weights([gamma, *others])
    return model


POOLS = [layers.MaxPooling2D, layers.AveragePooling2D]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("relu", [False, True])
def test_predictions_pool_what_is_normalized(relu, pool):
    model = moved(pooled(relu=relu, pool=pool))
    assert len(model.graph._steps_of_outputs) == steps(model) - 1
    expected = X
    for layer in model.layers[1:]:
        expected = layer(expected)
    assert np.array_equal(model(X), expected)
    assert np.array_equal(model.predict(X, verbose=0), expected)


def test_a_normalization_that_trains_in_its_call_is_pooled_after_it():
    model = moved(pooled(training=True))
    mean, variance = ops.moments(X)
    z = ops.batch_normalization(X, mean, variance, *model.get_weights()[:2], 1e-3)
    assert np.allclose(model(X), ops.max_pool2d(z).reshape(len(X), -1))


def convolved(normalized=True, relu=False, pool=layers.MaxPooling2D, mode=None, **convolution):
    """A convolution, a normalisation and a max-pooling, which predictions compute in one pass."""
    x = layers.Input(X.shape[1:])
    z = layers.Conv2D(32, 3, padding="same", **convolution)(x)
    z = layers.BatchNormalization()(z, training=mode) if normalized else z
    z = layers.ReLU()(z) if relu else z
    return sn.Model(x, layers.Flatten()(pool()(z)))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "elu"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("normalized", "relu"), [(False, False), (True, False), (True, True)])
def test_predictions_pool_what_is_convolved(normalized, relu, use_bias, activation, pool):
    model = convolved(normalized, relu, pool, activation=activation, use_bias=use_bias)
    model.set_weights(
        [RNG.uniform(-1, 1, w.shape) for w in model.get_weights()[:-1]]
        + [np.abs(w) for w in model.get_weights()[-1:]]
    )
    assert len(model.graph._steps_of_outputs) == 2
    y = X
    for layer in model.layers[1:]:
        y = layer(y)
    assert np.array_equal(model.predict(X, verbose=0), y, equal_nan=True)


@pytest.mark.parametrize("training", [True, False, None])
@pytest.mark.parametrize("mode", [True, False, None])
def test_a_convolution_is_pooled_after_a_normalization_that_may_train(training, mode):
    model, apart = convolved(mode=mode), convolved(mode=mode, pool=lambda: DoesNothing())
    apart.set_weights(model.get_weights())
    assert np.array_equal(model(X, training=training), apart(X, training=training))
    for one, two in zip(model.get_weights(), apart.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_a_convolution_that_another_layer_reads_too_is_written():
    x = layers.Input(X.shape[1:])
    z = layers.Conv2D(32, 3)(x)
    model = sn.Model(x, [layers.MaxPooling2D()(z), layers.Flatten()(z)])
    assert len(model.graph._steps_of_outputs) == steps(model)
    y = layers.BatchNormalization()(z)
    model = sn.Model(x, [layers.MaxPooling2D()(y), layers.Flatten()(z)])
    assert len(model.graph._steps_of_outputs) == steps(model) - 1
    expected = model.layers[-2](model.layers[2](model.layers[1](X)))
    assert any(np.array_equal(part, expected) for part in model.predict(X, verbose=0))


class Doubled(layers.MaxPooling2D):
    """A pooling with a forward pass of its own."""

    def forward(self, x, training):
        y, saved = super().forward(x, training)
        return 2 * y, saved


@pytest.mark.parametrize(
    "model",
    [
        pooled(normalization=Shifted),
        pooled(pool=Doubled),
        pooled(pool=lambda: layers.MaxPooling2D(dtype="float64")),
    ],
    ids=["a subclass normalizes", "a subclass pools", "another dtype"],
)
def test_other_layers_are_computed_one_by_one(model):
    assert len(model.graph._steps_of_outputs) == steps(model)
    y = X
    for layer in model.layers[1:]:
        y = layer(y)
    assert np.array_equal(model.predict(X, verbose=0), y)


def test_what_another_layer_reads_too_is_written():
    x = layers.Input(X.shape[1:])
    z = layers.BatchNormalization()(x)
    for outputs in ([layers.MaxPooling2D()(z), z], [layers.MaxPooling2D()(z), layers.Flatten()(z)]):
        model = sn.Model(x, outputs)
        assert len(model.graph._steps_of_outputs) == steps(model)


def test_training_keeps_what_is_normalized():
    """Pooling backwards needs it, so there the two are computed one by one."""
    together, apart = pooled(), pooled(pool=lambda: DoesNothing())
    apart.set_weights(together.get_weights())
    for model in (together, apart):
        model.compile(sn.optimizers.SGD(0.1), "mean_squared_error")
        model.train_on_batch(X, np.ones((len(X), 16), np.float32))
    for one, two in zip(together.get_weights(), apart.get_weights(), strict=True):
        assert np.array_equal(one, two)


class DoesNothing(layers.MaxPooling2D):
    """A pooling of another type, which is never computed together with another layer."""
