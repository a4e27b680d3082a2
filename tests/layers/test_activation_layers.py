"""Activations as layers equal Keras's, and refuse what they cannot do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import layer_errors
from scratchnet import layers

numbers = st.floats(0.01, 4)
implementations = pytest.mark.parametrize("implementation", ["formulas", "kernels"])


@st.composite
def images(draw):
    shape = draw(st.tuples(*(st.integers(1, n) for n in (3, 5, 5, 4))))
    x = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal(shape)
    return np.round(4 * x) / 2  # 0 and other kinks among them


def agrees(layer, x, **options):
    errors = layer_errors(layer, x, **options)
    assert max(errors.values()) <= 1e-12, errors


@pytest.mark.usefixtures("float64")
@given(x=images(), slope=numbers, alpha=numbers)
def test_leaky_relu_and_elu(x, slope, alpha):
    agrees(layers.LeakyReLU(slope), x)
    agrees(layers.ELU(alpha), x)


@pytest.mark.usefixtures("float64")
@given(
    x=images(),
    max_value=st.none() | numbers,
    negative_slope=st.just(0.0) | numbers,
    threshold=st.just(0.0) | numbers,
)
def test_relu_with_constants_that_float32_does_not_hold(x, max_value, negative_slope, threshold):
    agrees(layers.ReLU(max_value, negative_slope, threshold), x)


@pytest.mark.usefixtures("float64")
@given(
    x=images(),
    shared_axes=st.none() | st.integers(1, 3) | st.sets(st.integers(1, 3)).map(list),
    initializer=st.sampled_from(["zeros", "ones", "he_normal"]),
    trainable=st.booleans(),
)
def test_prelu(x, shared_axes, initializer, trainable):
    agrees(layers.PReLU(initializer, shared_axes=shared_axes, trainable=trainable), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@given(
    x=images(),
    axis=st.integers(-3, -1) | st.sampled_from([[1], [1, 2], (1, 3), [-1, -2]]),
    seed=st.integers(0, 2**32 - 1),
    numeric=st.booleans(),
    data=st.data(),
)
def test_softmax_with_a_mask(x, axis, seed, numeric, data):
    shape = [data.draw(st.sampled_from([1, n])) for n in x.shape]
    shape = shape[data.draw(st.integers(0, 4)) :]
    mask = np.random.default_rng(seed).random(shape)
    agrees(layers.Softmax(axis), x, mask=mask if numeric else mask > 0.5)


@implementations
def test_a_masked_cell_is_0_and_has_no_gradient(implementation):
    x = np.array([[1.0, np.inf, 3.0], [1.0, 2.0, 3.0]], np.float32)
    mask = [[True, False, True], [False, False, False]]
    layer = layers.Softmax()
    with sn.use(implementation):
        y, saved = layer.forward(x, False, mask=mask)
        dx, _ = layer.backward(np.ones_like(y), saved)
    assert y[0] == pytest.approx([1 / (1 + np.exp(2)), 0, 1 / (1 + np.exp(-2))])
    assert not y[1].any()
    assert dx == pytest.approx(np.zeros((2, 3)), abs=1e-7)
    half = layers.Softmax(dtype="float16")(x, mask=mask)
    assert half.dtype == np.float16
    assert np.isfinite(half).all()


@pytest.mark.parametrize("shape", [(2, 2), (4, 3, 1), (1, 2, 3), (3, 3)])
def test_a_mask_must_broadcast_to_the_inputs(shape):
    with pytest.raises(ValueError, match=r"received a mask of shape .* broadcasts to them"):
        layers.Softmax(name="s")(np.ones((2, 3)), mask=np.ones(shape))


def test_a_mask_can_stand_in_a_graph():
    x, mask = layers.Input((4,)), layers.Input((4,))
    model = sn.Model([x, mask], layers.Identity()(layers.Softmax()(x, mask=mask)))
    y = model([np.zeros((1, 4)), np.array([[1.0, 1.0, 0.0, 0.0]])])
    assert y.tolist() == [[0.5, 0.5, 0.0, 0.0]]


def test_glu_halves_the_last_axis():
    """Not the shape that Keras's Activation("glu") gives, which is that of its input."""
    layer = layers.Activation("glu")
    x = layers.Input((3, 4))
    assert layer(x).shape == (None, 3, 2)
    assert layer(np.ones((5, 3, 4))).shape == (5, 3, 2)
    with pytest.raises(ValueError, match=r"glu cannot halve the last axis of .*\(None, 3\)"):
        layers.Activation("glu")(np.ones((2, 3)))


def test_alpha_is_the_old_name_of_negative_slope():
    with pytest.warns(UserWarning, match="now called negative_slope"):
        assert layers.LeakyReLU(alpha=0.25).negative_slope == 0.25


@pytest.mark.parametrize("slope", [None, -0.1, float("nan")])
def test_leaky_relu_needs_a_slope(slope):
    with pytest.raises(ValueError, match=r"LeakyReLU received negative_slope=.*≥ 0"):
        layers.LeakyReLU(slope)


@pytest.mark.parametrize("axis", [0, 4, -1])
def test_prelu_shares_axes_that_exist(axis):
    layer = layers.PReLU(shared_axes=[1, axis])
    with pytest.raises(ValueError, match=rf"names the axis {axis} .*from 1 to 3; 0 is the batch"):
        layer.ensure_built((None, 4, 4, 3))
    assert not layer.built
    assert not layer.weights


def test_prelu_s_cells_must_be_known_or_shared():
    with pytest.raises(ValueError, match=r"unknown length.*Share the slopes"):
        layers.PReLU().ensure_built((None, None, 4, 3))
    layer = layers.PReLU("ones", shared_axes=[1, 2])
    layer.ensure_built((None, None, 4, 3))
    assert layer(np.ones((2, 7, 9, 3))).shape == (2, 7, 9, 3)
    for wrong in ((2, 7, 9, 4), (2, 7, 3)):
        with pytest.raises(ValueError, match=r"Expected one for its slopes of shape \(1, 1, 3\)"):
            layer(np.ones(wrong))
    with pytest.raises(ValueError, match="received 2 inputs"):
        layer.check_input([(2, 7, 9, 3), (2, 7, 9, 3)])


@pytest.mark.parametrize(
    "layer",
    [
        layers.Activation("swish"),
        layers.Identity(name="here"),
        layers.LeakyReLU(0.1),
        layers.ELU(0.5),
        layers.PReLU("ones", "l2", "non_neg", [1, 2]),
        layers.Softmax([1, 2]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configurations_are_keras_s(layer):
    config = layer.get_config()
    kind = type(layer)
    theirs = getattr(keras.layers, kind.__name__).from_config(config)
    for name, value in theirs.get_config().items():
        if name != "dtype":  # a policy there
            assert config[name] == value or isinstance(value, dict), name
    again = kind.from_config(theirs.get_config())
    assert {**again.get_config(), **config} == again.get_config()


ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}
MAKE = {
    "LeakyReLU": layers.LeakyReLU,
    "ReLU6": lambda: layers.ReLU(6.0),
    "ELU": layers.ELU,
    "PReLU": lambda: layers.PReLU("ones"),
    "Softmax of images": lambda: layers.Softmax([1, 2]),
    **{n: lambda n=n: layers.Activation(n) for n in ("gelu", "silu", "hard_silu", "softplus")},
}


@implementations
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", MAKE)
def test_the_layout_of_an_array_changes_nothing(name, odd, implementation):
    x, dy = np.random.default_rng(0).standard_normal((2, 3, 4, 5, 2)).astype(np.float32)
    read_only = ODD[odd](x)
    read_only.flags.writeable = False
    results = []
    with sn.use(implementation):
        for images, upstream in ((x, dy), (read_only, ODD[odd](dy))):
            layer = MAKE[name]()
            layer.ensure_built((None, *x.shape[1:]))
            y, saved = layer.forward(images.astype(layer.dtype, copy=False), True)
            dx, gradients = layer.backward(upstream.astype(layer.dtype, copy=False), saved)
            results.append([y, dx, *gradients])
    for expected, got in zip(*results, strict=True):
        assert got.dtype == np.float32
        assert np.allclose(got, expected, rtol=1e-5, atol=1e-6)


@implementations
@pytest.mark.parametrize("shape", [(0, 4, 5, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("name", MAKE)
def test_no_image_and_one_pixel(name, shape, implementation):
    layer = MAKE[name]()
    layer.ensure_built((None, *shape[1:]))
    with sn.use(implementation):
        y, saved = layer.forward(np.ones(shape, np.float32), True)
        dx, gradients = layer.backward(y, saved)
    assert y.shape == dx.shape == shape
    assert all(np.isfinite(array).all() for array in [y, dx, *gradients])


def test_a_gate_that_halves_the_axis_is_no_activation_of_a_dense_layer():
    with pytest.raises(ValueError, match=r"Dense received activation='glu'.*Activation\('glu'\)"):
        layers.Dense(8, activation="glu")
    halved = sn.Sequential([layers.Input((3,)), layers.Dense(8), layers.Activation("glu")])
    assert halved.output_shape == (None, 4)
