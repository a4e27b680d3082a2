"""Every convolution layer equals Keras's in float64 to 1e-12, or says why it will not compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import layer_errors
from scratchnet import layers

ACTIVATIONS = ["linear", "relu", "sigmoid"]
sizes = st.integers(1, 4)


def numbers(axes):
    """One number for all axes, or one for each."""
    return sizes | st.tuples(*[sizes] * axes)


def by_axis(value, axes):
    return (value,) * axes if isinstance(value, int) else value


@st.composite
def inputs(draw, axes, channels=4):
    shape = [draw(st.integers(1, n)) for n in (3, *[9] * axes, channels)]
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal(shape)


def shape_for(layer, channels):
    return 2, *(5,) * layer.axes, channels


def fits(x, kernel_size, dilation, axes):
    """Whether the window of a "valid" convolution lies inside."""
    kernel_size, dilation = by_axis(kernel_size, axes), by_axis(dilation, axes)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    return all(i >= span for i, span in zip(x.shape[1:-1], spans, strict=True))


def agrees(layer, x):
    errors = layer_errors(layer, x)
    assert max(errors.values()) <= 1e-12, errors


@st.composite
def arguments(draw, axes, paddings=("valid", "same"), strides_with_dilation=False):
    """Arguments that all layers of the family take."""
    strides, dilation = draw(numbers(axes)), 1
    if strides_with_dilation or max(by_axis(strides, axes)) == 1:
        dilation = draw(numbers(axes))
    return {
        "kernel_size": draw(numbers(axes)),
        "strides": strides,
        "padding": draw(st.sampled_from(paddings)),
        "dilation_rate": dilation,
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "use_bias": draw(st.booleans()),
    }


@pytest.mark.usefixtures("float64")
@given(data=st.data())
def test_conv1d(data):
    x = data.draw(inputs(1))
    options = data.draw(arguments(1, ("valid", "same", "causal")))
    if options["padding"] == "valid":
        assume(fits(x, options["kernel_size"], options["dilation_rate"], 1))
    agrees(layers.Conv1D(data.draw(st.integers(1, 5)), **options), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("multiplied", [True, False])
@pytest.mark.parametrize("axes", [1, 2])
@given(data=st.data())
def test_depthwise_and_separable(data, axes, multiplied):
    x = data.draw(inputs(axes))
    options = data.draw(arguments(axes, strides_with_dilation=True))
    strides = by_axis(options["strides"], axes)
    if max(by_axis(options["dilation_rate"], axes)) == 1:
        assume(len(set(strides)) == 1)  # TensorFlow has no other; see the test below
    if options["padding"] == "valid":
        assume(fits(x, options["kernel_size"], options["dilation_rate"], axes))
    options["depth_multiplier"] = data.draw(st.integers(1, 3))
    if multiplied:
        kind, filters = getattr(layers, f"SeparableConv{axes}D"), (data.draw(st.integers(1, 5)),)
    else:
        kind, filters = getattr(layers, f"DepthwiseConv{axes}D"), ()
    agrees(kind(*filters, **options), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("axes", [1, 2])
@given(data=st.data())
def test_transposed(data, axes):
    x, options = data.draw(inputs(axes)), data.draw(arguments(axes))
    options["dilation_rate"] = 1  # TensorFlow has no other on a CPU; see the test below
    if data.draw(st.booleans()):
        strides = by_axis(options["strides"], axes)
        extra = tuple(data.draw(st.integers(0, s - 1)) for s in strides)
        pairs = zip(by_axis(options["kernel_size"], axes), extra, strict=True)
        assume(options["padding"] == "valid" or all(k % 2 + e for k, e in pairs))
        options["output_padding"] = extra
    kind = getattr(layers, f"Conv{axes}DTranspose")
    agrees(kind(data.draw(st.integers(1, 4)), **options), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("groups", [2, 3])
def test_groups_with_dilation(groups, padding):
    """Fixed and few: Keras compiles every grouped convolution anew, which takes seconds."""
    x = np.random.default_rng(groups).standard_normal((2, 7, 8, 6))
    layer = layers.Conv2D(6, (3, 2), padding=padding, dilation_rate=(1, 3), groups=groups)
    agrees(layer, x)


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "SeparableConv2D"])
def test_strides_that_differ_are_those_of_a_convolution_with_a_group_for_each_channel(kind):
    """Keras takes such strides and TensorFlow has none, so Conv2D, which is proved, stands in."""
    x = np.random.default_rng(0).standard_normal((2, 9, 8, 3))
    first = () if kind == "DepthwiseConv2D" else (4,)
    options = {"kernel_size": 3, "strides": (3, 1), "padding": "same"}
    layer = getattr(layers, kind)(*first, depth_multiplier=2, dtype="float64", **options)
    y = layer(x)
    grouped = layers.Conv2D(6, groups=3, use_bias=False, dtype="float64", **options)
    grouped(x)
    kernel = layer.get_weights()[0]
    grouped.set_weights([kernel.reshape(3, 3, 1, 6)])
    h, kept = grouped.forward(x, True)
    expected = h if not first else h @ layer.get_weights()[1][0, 0]
    assert np.abs(y - expected).max() <= 1e-14 * np.abs(expected).max()
    _, saved = layer.forward(x, True)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    dx, gradients = layer.backward(dy, saved)
    dh = dy if not first else dy @ layer.get_weights()[1][0, 0].T
    expected_dx, (expected_dkernel,) = grouped.backward(dh, kept)
    assert np.abs(dx - expected_dx).max() <= 1e-14 * np.abs(dx).max()
    flat = gradients[0].reshape(expected_dkernel.shape)
    assert np.abs(flat - expected_dkernel).max() <= 1e-14 * np.abs(flat).max()


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_dilated_transposed_convolution_is_the_adjoint_of_the_dilated_convolution(padding):
    """⟨Conv2D(u), x⟩ = ⟨u, Conv2DTranspose(x)⟩ with the same kernel, for any u and x."""
    rng = np.random.default_rng(0)
    options = {"kernel_size": (3, 2), "padding": padding, "dilation_rate": 2, "use_bias": False}
    forwards = layers.Conv2D(4, dtype="float64", **options)
    backwards = layers.Conv2DTranspose(3, dtype="float64", **options)
    x = rng.standard_normal((2, 5, 6, 4))
    y = backwards(x)
    u = rng.standard_normal(y.shape)
    forwards(u)
    forwards.set_weights(backwards.get_weights())
    assert (forwards(u) * x).sum() == pytest.approx((u * y).sum(), rel=1e-13)


@given(steps=st.integers(1, 9), kernel_size=sizes, dilation=sizes)
def test_a_causal_convolution_sees_no_later_step(steps, kernel_size, dilation):
    layer = layers.Conv1D(2, kernel_size, padding="causal", dilation_rate=dilation)
    x = np.random.default_rng(0).standard_normal((1, steps, 3)).astype(np.float32)
    before = layer(x)
    changed = x.copy()
    changed[:, steps // 2 :] += 1
    assert np.array_equal(layer(changed)[:, : steps // 2], before[:, : steps // 2])


def test_configurations_come_back():
    for layer in (
        layers.Conv1D(4, 3, padding="causal", groups=2, kernel_constraint="non_neg"),
        layers.DepthwiseConv2D(3, 2, "same", 2, depthwise_regularizer="l2", activation="relu"),
        layers.SeparableConv2D(4, (3, 2), pointwise_constraint="max_norm", depth_multiplier=2),
        layers.Conv2DTranspose(4, 3, 2, "same", 1, bias_regularizer="l1"),
        layers.Conv1DTranspose(4, 3, strides=2),
    ):
        again = layers.deserialize(layers.serialize(layer))
        assert type(again) is type(layer)
        assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv1D(0, 3), r"Conv1D received filters=0. Expected a positive integer"),
        (lambda: layers.Conv1D(4, 3, groups=3), r"Conv1D received groups=3 with filters=4"),
        (lambda: layers.Conv1D(4, (3, 3)), r"kernel_size must be one integer.*received \(3, 3\)"),
        (lambda: layers.Conv1D(4, None), r"kernel_size must be one integer.*received None"),
        (lambda: layers.Conv1D(4, 3, padding="casual"), r"'valid', 'same', 'causal'.*'casual'"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), r"one of 'valid', 'same'.*'causal'"),
        (lambda: layers.Conv1D(4, 3, strides=0), r"strides must be .*at least 1; received 0"),
        (lambda: layers.Conv2D(4, 3, lora_rank=2), r"Conv2D received lora_rank=2"),
        (
            lambda: layers.Conv1D(4, 3, strides=2, dilation_rate=2),
            r"Conv1D received strides=\(2,\) together with dilation_rate=\(2,\)",
        ),
        (
            lambda: layers.Conv2DTranspose(4, 3, strides=2, dilation_rate=2),
            r"Conv2DTranspose received strides=\(2, 2\) together with dilation_rate",
        ),
        (
            lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2),
            r"output_padding=\(2, 2\) with strides=\(2, 2\). Expected an output padding below",
        ),
        (
            lambda: layers.Conv1DTranspose(4, 2, 2, "same", 0),
            r"output_padding=\(0,\) with padding='same' and a window of \(2,\) cells",
        ),
        (
            lambda: layers.DepthwiseConv2D(3, depth_multiplier=0),
            r"DepthwiseConv2D received depth_multiplier=0",
        ),
        (lambda: layers.SeparableConv1D(None, 3), r"SeparableConv1D received filters=None"),
        (
            lambda: layers.DepthwiseConv1D(3, data_format="channels_first"),
            r"channels-last.*received data_format='channels_first'",
        ),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "SeparableConv2D"])
def test_there_is_no_kernel_initializer_where_keras_has_none(kind):
    first = (3,) if kind == "DepthwiseConv2D" else (4, 3)
    with pytest.raises(TypeError, match=r"does not know the argument\(s\) kernel_initializer"):
        getattr(layers, kind)(*first, kernel_initializer="ones")


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: layers.Conv1D(2, 3), (2, 2, 1), r"output would be empty"),
        (lambda: layers.Conv1D(2, 3), (2, 5), r"with 2 axes. Expected 3 axes"),
        (lambda: layers.Conv1D(2, 3, groups=2), (2, 5, 3), r"3 channels and groups=2"),
        (lambda: layers.DepthwiseConv2D(3), (2, 2, 5, 1), r"output would be empty"),
        (lambda: layers.SeparableConv1D(2, 3), (2, 2, 1), r"output would be empty"),
    ],
)
def test_inputs_that_do_not_fit_leave_the_layer_unbuilt(layer, shape, message):
    layer = layer()
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape))
    assert not layer.built
    assert not layer.weights


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.DepthwiseConv2D(2, depth_multiplier=2),
        lambda: layers.SeparableConv2D(2, 2),
        lambda: layers.Conv2DTranspose(2, 2),
        lambda: layers.Conv1D(2, 2),
    ],
)
def test_other_channels_than_at_first_are_refused(make):
    layer = make()
    layer(np.ones(shape_for(layer, 3)))
    with pytest.raises(ValueError, match=r"last axis has 5 channels. Expected 3"):
        layer(np.ones(shape_for(layer, 5)))


def test_sizes_that_are_not_known_yet_stay_so():
    assert layers.Conv1D(2, 3).compute_output_shape((None, None, 4)) == (None, None, 2)
    depthwise = layers.DepthwiseConv2D(3, 2, depth_multiplier=2)
    assert depthwise.compute_output_shape((None, None, 9, 4)) == (None, None, 4, 8)
    transposed = layers.Conv2DTranspose(2, 3, 2)
    assert transposed.compute_output_shape((None, 4, None, 1)) == (None, 9, None, 2)


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize(
    "kind", ["Conv1D", "DepthwiseConv2D", "DepthwiseConv1D", "SeparableConv2D", "Conv2DTranspose"]
)
def test_frozen_and_without_the_input_gradient(kind, implementation):
    first = (2,) if kind.startswith("Depthwise") else (3, 2)
    layer = getattr(layers, kind)(*first)
    x = np.random.default_rng(0).standard_normal(shape_for(layer, 2))
    x = x.astype(np.float32)
    with sn.use(implementation):
        layer(x)
        y, saved = layer.forward(x, True)
        dx, gradients = layer.backward(np.ones_like(y), saved)
        none, same = layer.backward(np.ones_like(y), saved, needs_dx=False)
        assert dx.shape == x.shape
        assert none is None
        assert all(np.array_equal(a, b) for a, b in zip(gradients, same, strict=True))
        layer.trainable = False
        frozen_dx, nothing = layer.backward(np.ones_like(y), saved)
    assert np.array_equal(frozen_dx, dx)
    assert nothing == []
