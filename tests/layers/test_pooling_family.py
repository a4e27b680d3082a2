"""Every pooling layer equals Keras's in float64 to 1e-12, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import scratchnet as sn
from reference.agreement import layer_errors
from scratchnet import layers

WINDOWS = ["MaxPooling", "AveragePooling"]
GLOBAL = ["GlobalMaxPooling", "GlobalAveragePooling"]
ADAPTIVE = ["AdaptiveMaxPooling", "AdaptiveAveragePooling"]
ARGUMENTS = dict.fromkeys(GLOBAL, ()) | dict.fromkeys([*WINDOWS, *ADAPTIVE], (1,))
sizes = st.integers(1, 4)


def kind(name, axes):
    return getattr(layers, f"{name}{axes}D")


@st.composite
def inputs(draw, axes):
    """Rounded, so that most windows have several maxima."""
    shape = [draw(st.integers(1, n)) for n in (3, *[9] * axes, 4)]
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).standard_normal(shape).round()


def agrees(layer, x, **options):
    errors = layer_errors(layer, x, **options)
    assert max(errors.values()) <= 1e-12, errors


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", WINDOWS)
@given(data=st.data())
def test_windows(data, name, axes):
    x = data.draw(inputs(axes))
    numbers = sizes | st.tuples(*[sizes] * axes)
    pool_size, strides = data.draw(numbers), data.draw(st.none() | numbers)
    padding = data.draw(st.sampled_from(["valid", "same"]))
    by_axis = (pool_size,) * axes if isinstance(pool_size, int) else pool_size
    if padding == "valid":
        assume(all(i >= k for i, k in zip(x.shape[1:-1], by_axis, strict=True)))
    agrees(kind(name, axes)(pool_size, strides, padding), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", GLOBAL)
@given(data=st.data(), keepdims=st.booleans())
def test_whole_maps(data, name, axes, keepdims):
    agrees(kind(name, axes)(keepdims=keepdims), data.draw(inputs(axes)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", ADAPTIVE)
@given(data=st.data())
def test_a_given_number_of_windows(data, name, axes):
    wanted = st.integers(1, 12)
    output_size = data.draw(wanted | st.tuples(*[wanted] * axes))
    x = data.draw(inputs(axes))
    if name == "AdaptiveMaxPooling":  # see the next test
        by_axis = (output_size,) * axes if isinstance(output_size, int) else output_size
        assume(1 not in x.shape[1:-1] and 1 not in by_axis)
    agrees(kind(name, axes)(output_size), x)


def test_one_window_is_the_whole_axis():
    """Here TensorFlow's gradient is whatever its memory held: it asks an empty pooling for it."""
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3)).round()
    dy = np.random.default_rng(1).standard_normal((2, 1, 5, 3))
    layer, expected = layers.AdaptiveMaxPooling2D((1, 5)), layers.MaxPooling2D((6, 1))
    y, saved = layer.forward(x, True)
    assert np.array_equal(y, expected.forward(x, True)[0])
    assert np.array_equal(layer.backward(dy, saved)[0], expected.backward(dy, x)[0])


@pytest.mark.usefixtures("float64")
@given(x=inputs(1), keepdims=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_the_mean_of_the_steps_that_a_mask_keeps(x, keepdims, seed):
    mask = np.random.default_rng(seed).random(x.shape[:2]) < 0.5
    mask[0] = False  # a sequence without any step, NaN in Keras too
    agrees(layers.GlobalAveragePooling1D(keepdims=keepdims), x, mask=mask)


def test_what_a_mask_leaves_out_may_be_anything():
    x = np.ones((1, 3, 1), np.float32)
    x[0, 1] = np.nan
    layer = layers.GlobalAveragePooling1D()
    assert layer(x, mask=[[True, False, True]]).tolist() == [[1.0]]
    assert layer(x, mask=[[1, 0, 1]]).tolist() == [[1.0]]
    with pytest.raises(ValueError, match=r"mask of shape \(1, 2\).*Expected .*\(1, 3\)"):
        layer(x, mask=[[True, False]])
    with pytest.raises(TypeError, match=r"called with the argument\(s\) mask"):
        layers.GlobalMaxPooling1D()(x, mask=[[True, False, True]])


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("name", [*WINDOWS, *GLOBAL])
def test_a_sequence_is_pooled_like_an_image_of_one_row_or_of_one_column(name, implementation):
    x = np.random.default_rng(0).standard_normal((2, 7, 3)).astype(np.float32)
    window = (3, 2, "same") if name in WINDOWS else ()
    with sn.use(implementation):
        expected = kind(name, 1)(*window)(x)
        for axis in (1, 2):
            image = kind(name, 2)(*_across(window, axis))
            y = image(np.expand_dims(x, axis))
            assert np.array_equal(y.reshape(expected.shape), expected)


def _across(window, axis):
    if not window:
        return ()
    (k, s, padding), one_row = window, axis == 1
    return ((1, k), (1, s), padding) if one_row else ((k, 1), (s, 1), padding)


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_map_without_cells_is_refused(name, axes):
    layer = kind(name, axes)(*ARGUMENTS[name])
    with pytest.raises(ValueError, match=r"output would be empty|map without any cell"):
        layer(np.ones((2, *(0,) * axes, 3)))
    assert not layer.built


@pytest.mark.parametrize("implementation", ["formulas", "kernels"])
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_sample_one_cell_and_float16(name, axes, implementation):
    with sn.use(implementation):
        layer = kind(name, axes)(*ARGUMENTS[name], dtype="float16")
        for samples in (0, 2):
            x = np.ones((samples, *(1,) * axes, 3), np.float16)
            y, saved = layer.forward(x, False)
            dx, _ = layer.backward(np.ones_like(y), saved)
            assert y.dtype == dx.dtype == np.float16
            assert np.array_equal(dx, x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MaxPooling1D((2, 2)), r"pool_size must be one integer.*\(2, 2\)"),
        (lambda: layers.MaxPooling2D(0), r"pool_size must be .* at least 1; received 0"),
        (lambda: layers.AveragePooling1D(2, strides=0), r"strides must be .*received 0"),
        (lambda: layers.AveragePooling2D(2, padding="causal"), r"'valid', 'same'.*'causal'"),
        (lambda: layers.AveragePooling1D(data_format="channels_first"), r"channels-last here"),
        (lambda: layers.AdaptiveMaxPooling1D((2, 2)), r"output_size must be one integer"),
        (lambda: layers.AdaptiveMaxPooling2D(0), r"output_size must be .*received 0"),
        (lambda: layers.GlobalMaxPooling1D("channels_first"), r"channels-last here"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["AvgPool", "MaxPool", "GlobalAvgPool", "GlobalMaxPool"])
def test_second_names_are_the_same_layers(name):
    for axes in (1, 2):
        full = name.replace("Avg", "Average").replace("Pool", "Pooling")
        assert kind(name, axes) is kind(full, axes)
        assert layers.deserialize(layers.serialize(kind(name, axes)())).get_config()


def test_sizes_that_are_not_known_yet_stay_so():
    assert layers.MaxPooling2D().compute_output_shape((None, None, 9, 3)) == (None, None, 4, 3)
    assert layers.MaxPooling1D().compute_output_shape((None, None, 3)) == (None, None, 3)
    whole = layers.GlobalMaxPooling2D(keepdims=True)
    assert whole.compute_output_shape((None, None, None, 3)) == (None, 1, 1, 3)
