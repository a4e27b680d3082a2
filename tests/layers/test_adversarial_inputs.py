"""Arrays that are legal but odd: layers compute with them as with plain ones, and change none."""

from __future__ import annotations

import numpy as np
import pytest

import scratchnet as sn
from scratchnet import layers

LAYERS = {
    "Conv2D": lambda: layers.Conv2D(3, 2, activation="relu", kernel_initializer=he()),
    "Conv2D same": lambda: layers.Conv2D(3, 5, 2, "same", kernel_initializer=he()),
    "Conv2D stride above kernel": lambda: layers.Conv2D(2, 1, strides=3, kernel_initializer=he()),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(
        3, padding="same", depth_multiplier=2, depthwise_initializer=he()
    ),
    "SeparableConv2D": lambda: layers.SeparableConv2D(
        3, 2, padding="same", depthwise_initializer=he(), pointwise_initializer=he()
    ),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(3, 3, 2, kernel_initializer=he()),
    "MaxPooling2D": lambda: layers.MaxPooling2D(2),
    "AveragePooling2D": lambda: layers.AveragePooling2D(3, 2, "same"),
    "GlobalMaxPooling2D": layers.GlobalMaxPooling2D,
    "GlobalAveragePooling2D": layers.GlobalAveragePooling2D,
    "BatchNormalization": layers.BatchNormalization,
    "Dropout": lambda: layers.Dropout(0.4, seed=3),
    "ReLU": layers.ReLU,
    "Softmax": layers.Softmax,
    "sigmoid": lambda: layers.Activation("sigmoid"),
    "tanh": lambda: layers.Activation("tanh"),
    "LayerNormalization": lambda: layers.LayerNormalization((1, 2)),
    "LayerNormalization over channels": layers.LayerNormalization,
    "GroupNormalization": lambda: layers.GroupNormalization(-1),
    "RMSNormalization": layers.RMSNormalization,
    "UnitNormalization": layers.UnitNormalization,
    "Normalization": lambda: layers.Normalization(mean=0.5, variance=4.0),
    "Rescaling": lambda: layers.Rescaling(0.5, 1.0),
    "Flatten": layers.Flatten,
    "Reshape": lambda: layers.Reshape((-1, 1)),
    "Permute": lambda: layers.Permute((3, 1, 2)),
    "ZeroPadding2D": lambda: layers.ZeroPadding2D(((1, 0), (2, 3))),
    "UpSampling2D": lambda: layers.UpSampling2D((2, 3)),
    "UpSampling2D bilinear": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "Resizing": lambda: layers.Resizing(4, 9, "bicubic"),
    "CenterCrop": lambda: layers.CenterCrop(5, 8),
    "RandomFlip": lambda: layers.RandomFlip(seed=3),
    "RandomRotation": lambda: layers.RandomRotation(0.2, seed=3),
    "RandomContrast": lambda: layers.RandomContrast(0.5, (-9, 9), seed=3),
    "RandomErasing": lambda: layers.RandomErasing((1, 1), seed=3),
    "Dense": lambda: layers.Dense(4, "tanh", kernel_initializer=he()),
}


def he():
    return sn.initializers.HeNormal(seed=1)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    view = raw.view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": read_only,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "unaligned": unaligned,
}

implementations = pytest.mark.parametrize("implementation", ["formulas", "kernels"])


def upstream(y):
    return np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)


def passes(make, x, dy=None):
    """(y, dx, gradients, weights afterwards) of a new layer in training mode."""
    layer = make()
    layer.ensure_built((None, *x.shape[1:]))
    y, saved = layer.forward(x.astype(layer.dtype, copy=False), True)  # as a model does
    dy = upstream(y) if dy is None else dy.astype(layer.dtype, copy=False)
    dx, gradients = layer.backward(dy, saved)
    return [y, dx, *gradients, *layer.get_weights()]


@implementations
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", LAYERS)
def test_the_layout_of_an_array_changes_nothing(name, odd, implementation):
    x = np.random.default_rng(0).standard_normal((3, 6, 7, 2)).astype(np.float32)
    before = x.copy()
    with sn.use(implementation):
        expected = passes(LAYERS[name], x)
        got = passes(LAYERS[name], ODD[odd](x), ODD[odd](upstream(expected[0])))
    for a, b in zip(got, expected, strict=True):
        assert a.dtype.isnative
        # NumPy may add the cells of another layout in another order
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)
    assert np.array_equal(x, before)


@implementations
@pytest.mark.parametrize("name", LAYERS)
def test_no_sample_gives_no_output_and_gradients_of_zero(name, implementation):
    with sn.use(implementation):
        y, dx, *rest = passes(LAYERS[name], np.zeros((0, 6, 7, 2), np.float32))
    assert y.shape[0] == 0
    assert dx.shape == (0, 6, 7, 2)
    assert all(np.isfinite(array).all() for array in rest)


@implementations
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 9, 1), (1, 9, 1, 3)])
@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("Conv2D", "MaxPooling2D")])
def test_one_pixel_or_one_line_is_an_image_too(name, shape, implementation):
    with sn.use(implementation):
        y, dx, *_ = passes(LAYERS[name], np.ones(shape, np.float32))
    assert np.isfinite(y).all()
    assert dx.shape == shape


@implementations
@pytest.mark.parametrize("name", LAYERS)
def test_float16_stays_float16_and_is_near_the_result_of_float32(name, implementation):
    x = np.random.default_rng(0).standard_normal((3, 6, 7, 2)).astype(np.float16)
    before = sn.config.floatx()
    with sn.use(implementation):
        expected = passes(LAYERS[name], x.astype(np.float32))
        sn.config.set_floatx("float16")
        try:
            got = passes(LAYERS[name], x, upstream(expected[0]).astype(np.float16))
        finally:
            sn.config.set_floatx(before)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == np.float16
        assert np.allclose(a, b, rtol=0.02, atol=0.02)


@implementations
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["Conv2D", "MaxPooling2D", "AveragePooling2D", "Dense", "tanh"])
def test_what_is_not_finite_stays_in_its_image(name, value, implementation):
    x = np.random.default_rng(0).standard_normal((3, 6, 7, 2)).astype(np.float32)
    with sn.use(implementation), np.errstate(invalid="ignore"):
        layer = LAYERS[name]()
        clean = layer(x)
        x[1] = value
        got = layer(x)
    assert np.array_equal(got[[0, 2]], clean[[0, 2]])
    if np.isnan(value) and name != "Conv2D":  # whose relu is checked below
        assert np.isnan(got[1]).all()


@implementations
def test_a_nan_is_not_hidden_by_relu(implementation):
    """As in Keras, so that a broken training shows."""
    with sn.use(implementation):
        assert np.isnan(layers.ReLU()(np.full((1, 1, 1, 1), np.nan))).all()
        assert np.isnan(layers.Activation("relu")(np.full((1, 3), np.nan))).all()


@implementations
def test_a_kernel_larger_than_the_image_needs_same_padding(implementation):
    with sn.use(implementation):
        assert layers.Conv2D(1, 7, padding="same")(np.ones((1, 3, 3, 1))).shape == (1, 3, 3, 1)
        with pytest.raises(ValueError, match=r"output would be empty"):
            layers.Conv2D(1, 7)(np.ones((1, 3, 3, 1)))
        with pytest.raises(ValueError, match=r"output would be empty"):
            layers.MaxPooling2D(4)(np.ones((1, 3, 3, 1)))
