"""Convolutions with neighbours in a line in the lanes, for few filters: exact on whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from scratchnet import config
from scratchnet.ops import formulas, kernels
from scratchnet.ops.geometry import conv2d_window
from scratchnet.ops.kernels import correlation, kernel_gradient, lines
from scratchnet.ops.kernels.choice import algorithm
from scratchnet.ops.kernels.patches import forward_view
from tests.ops.test_exact import convolutions
from tests.ops.threads import check_one_thread_and_two

DTYPES = [np.float32, np.float64]


def check(x, kernel, strides, padding, dilation, dtype):
    """Both ways, forward and to the kernel, are exact."""
    y = formulas.conv2d(x, kernel, strides, padding, dilation)
    dy = np.random.default_rng(0).integers(-8, 9, y.shape)
    dkernel = formulas.conv2d_kernel_gradient(dy, x, kernel.shape, strides, padding, dilation)
    bias = np.arange(kernel.shape[3]) - 3
    rectified = np.maximum(y + bias, 0)
    x, kernel, dy, bias = (a.astype(dtype) for a in (x, kernel, dy, bias))
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, 1)
    geometry = window, strides, dilation
    view = forward_view(kernel.shape[:2], *geometry)
    for forward in (
        lambda *bias: lines.forward(x, kernel, *geometry, *bias),
        lambda *bias: correlation.forward(x, kernel, *geometry, correlation.correlate, *bias),
    ):
        assert np.array_equal(forward(), y)
        assert np.array_equal(forward(bias, "relu"), rectified)
    for gradient in (lines.kernel_gradient, kernel_gradient.kernel_gradient):
        assert np.array_equal(gradient(dy, x, kernel.shape, view), dkernel)


@given(convolutions())
def test_in_lines_and_in_blocks_are_both_exact(case):
    x, kernel, (strides, padding, dilation, groups) = case
    x, kernel = x[..., : kernel.shape[2]], kernel[..., : kernel.shape[3] // groups]
    check(x, kernel, (strides[0], 1), padding, dilation, np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("shape", "kernel_shape", "strides", "dilation"),
    [
        ((2, 70, 33, 1), (5, 5, 1, 6), (1, 1), (1, 1)),  # tiles, and a last vector of one lane
        ((1, 150, 64, 3), (3, 3, 3, 1), (3, 1), (1, 1)),
        ((3, 9, 17, 16), (1, 3, 16, 3), (2, 1), (1, 4)),
        ((40, 5, 5, 2), (4, 2, 2, 5), (1, 1), (1, 2)),  # more images than chunks
    ],
)
def test_lines_of_several_vectors_and_tiles_are_exact(
    shape, kernel_shape, strides, dilation, padding, dtype
):
    rng = np.random.default_rng(0)
    x, kernel = (rng.integers(-8, 9, s) for s in (shape, kernel_shape))
    check(x, kernel, strides, padding, dilation, dtype)


def test_few_filters_are_computed_in_lines():
    images, kernel = (8, 28, 28, 1), (5, 5, 1, 6)
    for which in ("forward", "kernel gradient"):
        assert algorithm(which, images, kernel, padding="same") == "lines"
        assert algorithm(which, images, kernel, (2, 1), "same") == "lines"
        assert algorithm(which, images, kernel, (1, 2), "same") == "blocks"
        assert algorithm(which, images, (5, 5, 1, 12), padding="same") == "blocks"
        assert algorithm(which, (8, 28, 28, 32), (3, 3, 32, 1), padding="same") == "blocks"
        assert algorithm(which, (8, 9, 5, 2), (3, 3, 2, 6), padding="same") == "blocks"
        with config.using_convolution_algorithm("blocks"):
            assert algorithm(which, images, kernel, padding="same") == "blocks"
    assert algorithm("input gradient", images, kernel, padding="same") != "lines"


def test_what_lies_beyond_a_line_does_not_reach_its_outputs():
    """The last vector has lanes beyond it."""
    x, kernel = np.ones((1, 6, 21, 1), np.float32), np.ones((3, 3, 1, 2), np.float32)
    x[:, 3, 20] = np.nan
    y = kernels.conv2d(x, kernel)
    assert algorithm("forward", x.shape, kernel.shape) == "lines"
    assert np.array_equal(np.isnan(y), np.isnan(formulas.conv2d(x, kernel)))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((9, 40, 20, 2)), rng.standard_normal((3, 5, 2, 3))

    def compute():
        y = kernels.conv2d(x, kernel)
        return y, kernels.conv2d_kernel_gradient(y, x, kernel.shape)

    assert algorithm("forward", x.shape, kernel.shape, dtype="float64") == "lines"
    check_one_thread_and_two(compute)
