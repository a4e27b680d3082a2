"""Every layer equals Keras's in float64, forward and backward, to 1e-12."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.agreement import layer_errors
from scratchnet import layers

pytestmark = [
    pytest.mark.usefixtures("float64"),
    # Keras's remark on a softmax over a single class, which is drawn on purpose
    pytest.mark.filterwarnings("ignore:You are using a softmax over axis"),
]

ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"]
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def images(draw, largest=9):
    shape = draw(st.tuples(*(st.integers(1, n) for n in (3, largest, largest, 4))))
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal(shape)


def agrees(layer, x):
    errors = layer_errors(layer, x)
    assert max(errors.values()) <= 1e-12, errors


@given(data=st.data(), x=images())
def test_conv2d(data, x):
    strides = data.draw(pairs)
    dilation = data.draw(pairs) if strides == (1, 1) else (1, 1)
    kernel_size, padding = data.draw(pairs), data.draw(st.sampled_from(["valid", "same"]))
    if padding == "valid":
        spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
        assume(all(i >= span for i, span in zip(x.shape[1:3], spans, strict=True)))
    layer = layers.Conv2D(
        data.draw(st.integers(1, 5)),
        kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        activation=data.draw(st.sampled_from(ACTIVATIONS)),
        use_bias=data.draw(st.booleans()),
    )
    agrees(layer, x)


@given(data=st.data(), x=images())
@pytest.mark.parametrize("kind", [layers.MaxPooling2D, layers.AveragePooling2D])
def test_pooling(kind, data, x):
    padding = data.draw(st.sampled_from(["valid", "same"]))
    pool_size = data.draw(pairs)
    if padding == "valid":
        assume(all(i >= k for i, k in zip(x.shape[1:3], pool_size, strict=True)))
    strides = data.draw(st.none() | pairs)
    agrees(kind(pool_size, strides=strides, padding=padding), np.round(x))


@given(x=images(), keepdims=st.booleans())
@pytest.mark.parametrize("kind", [layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D])
def test_global_pooling(kind, x, keepdims):
    agrees(kind(keepdims=keepdims), np.round(x))


@given(
    x=images(),
    axis=st.sampled_from([-1, 1, 2]),
    center=st.booleans(),
    scale=st.booleans(),
    momentum=st.sampled_from([0.0, 0.5, 0.99]),
    epsilon=st.sampled_from([1e-3, 1e-1]),
    trainable=st.booleans(),
)
def test_batch_normalization(x, axis, center, scale, momentum, epsilon, trainable):
    # One value a channel has variance 0 and gradient 0 up to rounding: nothing to compare with
    assume(x.size // x.shape[axis] >= 4)
    layer = layers.BatchNormalization(
        axis,
        momentum,
        epsilon,
        center,
        scale,
        moving_variance_initializer=layers.layer.initializers.Constant(2.0),
        trainable=trainable,
    )
    agrees(layer, x)


@given(x=images(), units=st.integers(1, 5), activation=st.sampled_from(ACTIVATIONS))
@pytest.mark.parametrize("flat", [True, False])
def test_dense(flat, x, units, activation):
    agrees(layers.Dense(units, activation), x.reshape(len(x), -1) if flat else x)


@given(
    x=images(),
    max_value=st.none() | st.sampled_from([0.5, 1.0, 6.0]),
    # TensorFlow keeps the slope in float32, so 0.1 would be off by 1.5e-9
    negative_slope=st.sampled_from([0.0, 0.125]),
    threshold=st.sampled_from([0.0, 0.5]),
)
def test_relu_with_values_on_its_kinks(x, max_value, negative_slope, threshold):
    layer = layers.ReLU(max_value, negative_slope, threshold)
    agrees(layer, np.round(x * 4) / 2)


@given(x=images(), axis=st.sampled_from([-1, 1, 2, (1, 2), (1, 3)]))
def test_softmax(x, axis):
    agrees(layers.Softmax(axis), x)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(x=images())
def test_activation(activation, x):
    agrees(layers.Activation(activation), x)


@given(x=images(), rate=st.sampled_from([0.0, 0.3, 1.0]), seed=st.integers(0, 2**31 - 1))
def test_dropout_with_the_same_mask(x, rate, seed):
    agrees(layers.Dropout(rate, seed=seed), x)


@given(x=images())
def test_flatten(x):
    agrees(layers.Flatten(), x)


def test_seven_by_seven_by_64_flattens_to_3136():
    assert layers.Flatten()(np.zeros((2, 7, 7, 64))).shape == (2, 3136)
