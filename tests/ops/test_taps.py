"""Convolutions tap by tap, which leave out the zeros around an image: exact on whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.ops import formulas
from scratchnet.ops.geometry import conv2d_window
from scratchnet.ops.kernels import conv2d, correlation, taps
from scratchnet.ops.kernels.choice import algorithm
from scratchnet.ops.kernels.patches import View, forward_view
from tests.ops.threads import check_one_thread_and_two

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def check(shape, size, filters, strides, padding, dilation, dtype):
    """Forward, with a bias and a rectifier, and back to the image: all exact."""
    rng = np.random.default_rng(0)
    kernel_shape = (*size, shape[3], filters)
    window = conv2d_window(shape, kernel_shape, strides, padding, dilation, 1)
    x, kernel, bias = (rng.integers(-8, 9, s) for s in (shape, kernel_shape, filters))
    z = formulas.conv2d(x, kernel, strides, padding, dilation)
    turned = np.ascontiguousarray(kernel.transpose(0, 1, 3, 2))
    dy = rng.integers(-8, 9, (*z.shape[:3], shape[3]))
    image = (*shape[:3], filters)
    dx = formulas.conv2d_input_gradient(dy, turned, image, strides, padding, dilation)
    x, kernel, bias, turned, dy = (a.astype(dtype) for a in (x, kernel, bias, turned, dy))
    geometry = window, strides, dilation, correlation.correlate
    assert np.array_equal(correlation.forward(x, kernel, *geometry), z)
    rectified = correlation.forward(x, kernel, *geometry, bias, "relu")
    assert np.array_equal(rectified, np.maximum(z + bias.astype(int), 0))
    assert np.array_equal(correlation.input_gradient(dy, turned, image, *geometry), dx)


@given(
    images=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=pairs,
    dilation=pairs,
    channels=st.sampled_from([128, 192, 320, 131]),
    filters=st.sampled_from([16, 48, 24]),
)
def test_all_geometries_are_exact(images, size, strides, dilation, channels, filters):
    strides = strides if dilation == (1, 1) else (1, 1)
    check((*images, channels), size, filters, strides, "same", dilation, np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize(
    ("shape", "size", "filters"),
    [
        ((9, 14, 14, 128), (3, 3), 96),  # several tiles, the last one shorter
        ((3, 7, 11, 512), (3, 3), 80),  # two chains for each tap, an odd number of panels
        ((2, 40, 9, 130), (5, 2), 32),  # one panel, or a pair
        ((1, 300, 3, 128), (3, 3), 16),
    ],
)
def test_several_tiles_and_groups_are_exact(shape, size, filters, strides, padding, dtype):
    check(shape, size, filters, strides, padding, (1, 1), dtype)


def plan(shape, size=(3, 3), filters=64, strides=(1, 1), padding="same", threads=2):
    window = conv2d_window(shape, (*size, shape[3], filters), strides, padding, (1, 1), 1)
    view = forward_view(size, window, strides, (1, 1))
    return taps.plan(view, shape, np.dtype("float32"), filters, threads)


def test_taps_are_multiplied_one_by_one_where_that_saves_zeros_and_channels_fill_a_chain():
    assert plan((8, 7, 7, 512)) is not None
    assert plan((8, 28, 28, 256), strides=(2, 2)) is not None
    assert plan((8, 7, 7, 512), padding="valid") is None  # no zeros
    assert plan((8, 7, 7, 512), size=(1, 1)) is None
    assert plan((8, 7, 7, 64)) is None  # short chains
    assert plan((8, 7, 7, 2 * 131)) is not None
    assert plan((8, 7, 7, 3 * 131)) is not None
    assert plan((8, 7, 7, 263)) is None  # a prime number
    assert plan((8, 7, 7, 512), filters=24) is None  # half a panel


def test_the_first_tap_is_one_that_all_outputs_have():
    """It writes y; without one y is cleared before."""
    found = plan((8, 7, 7, 512))
    assert found.everywhere
    assert found.taps.tolist()[0] == [4, 0, 0]
    assert sorted(found.taps[:, 0]) == list(range(9))
    everywhere_but_at_one_end = View((9, 7), (1, 1), (-2, -1, 0), (0,))
    found = taps.plan(everywhere_but_at_one_end, (8, 7, 7, 128), np.dtype("float32"), 64, 2)
    assert not found.everywhere


@pytest.mark.parametrize("algorithm", ["forward", "back to the image"])
def test_threads_change_no_bit(algorithm):
    rng = np.random.default_rng(0)
    x, kernel = (rng.standard_normal(s, np.float32) for s in ((8, 14, 14, 256), (3, 3, 256, 64)))
    window = conv2d_window(x.shape, kernel.shape, (2, 2), "same", (1, 1), 1)
    geometry = window, (2, 2), (1, 1), correlation.correlate
    if algorithm == "forward":
        check_one_thread_and_two(lambda: correlation.forward(x, kernel, *geometry))
    else:
        dy = rng.standard_normal((8, 7, 7, 64), np.float32)
        check_one_thread_and_two(
            lambda: correlation.input_gradient(dy, kernel, x.shape, *geometry)
        )


def test_zeros_around_an_image_are_no_terms_of_a_sum():
    """So an infinite weight is no NaN, 0·∞, where its tap lies outside."""
    x, kernel = np.ones((1, 5, 5, 128), np.float32), np.zeros((3, 3, 128, 16), np.float32)
    kernel[0] = np.inf
    y = conv2d(x, kernel, padding="same")
    assert np.array_equal(y[0, 0], np.zeros((5, 16)))
    assert np.isinf(y[0, 1:]).all()


def test_small_images_of_many_channels_are_not_transformed():
    """Winograd's would multiply tiles that reach beyond the image by a quarter."""
    kernel = 3, 3, 512, 512
    for images, expected in ((4, "blocks"), (8, "winograd_2x2")):
        for which in ("forward", "input gradient"):
            assert algorithm(which, (images, 14, 14, 512), kernel, padding="same") == expected
