"""Winograd's convolution, and which algorithm computes which shape."""

from __future__ import annotations

import re

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import config
from scratchnet.ops import formulas, kernels
from scratchnet.ops.formulas.winograd import TRANSFORMS, transforms, winograd_conv2d
from scratchnet.ops.kernels.choice import PASSES, WINOGRAD, algorithm
from tests.ops.threads import check_one_thread_and_two

PADDINGS = st.sampled_from(["valid", "same"])


@st.composite
def images_and_kernels(draw, multiple=1):
    """(x, kernel, padding) in small integers; channels and filters are multiples of `multiple`."""
    padding = draw(PADDINGS)
    size = draw(st.tuples(*[st.integers(3 if padding == "valid" else 1, 11)] * 2))
    channels, filters = (multiple * draw(st.integers(1, 2)) for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-8, 9, (draw(st.integers(1, 3)), *size, channels))
    return x, rng.integers(-8, 9, (3, 3, channels, filters)), padding


def relative_error(got, exact):
    return np.linalg.norm(got.astype(np.float64) - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("m", [*TRANSFORMS, (2, 4), (4, 2)])
@given(case=images_and_kernels())
def test_the_formula_of_winograd_is_the_convolution(m, case):
    x, kernel, padding = case
    exact = formulas.conv2d(x, kernel, padding=padding)
    got = winograd_conv2d(x.astype(np.float64), kernel.astype(np.float64), padding, m)
    assert np.abs(got - exact).max() <= 1e-13 * max(1, np.abs(exact).max())


def test_the_formula_refuses_what_it_is_not_made_for():
    x = np.ones((1, 5, 5, 1))
    with pytest.raises(ValueError, match=r"kernel of shape \(5, 5, 1, 1\).*conv2d takes every"):
        winograd_conv2d(x, np.ones((5, 5, 1, 1)))
    for m in (3, (2, 3)):
        with pytest.raises(ValueError, match=rf"m={re.escape(str(m))}"):
            winograd_conv2d(x, np.ones((3, 3, 1, 1)), m=m)


@pytest.mark.parametrize("points", [[0.0, 1.0, -1.0], [0.0, 1.0, -1.0, 2.0], [0.5, -0.5, 3.0, 2.0]])
def test_any_different_points_give_transforms_of_the_convolution(points):
    of_input, of_kernel, of_output = transforms(points)
    rng = np.random.default_rng(0)
    d, g = rng.standard_normal(len(points) + 1), rng.standard_normal(3)
    y = of_output @ ((of_kernel @ g) * (of_input @ d))
    assert y == pytest.approx(np.correlate(d, g))


@pytest.mark.parametrize("threads", [1, 2])
@given(case=images_and_kernels(multiple=16))
def test_kernels_of_2x2_outputs_are_exact_on_small_integers(threads, case):
    """Its transforms only add and halve, so every step of it is exact there."""
    x, kernel, padding = case
    y = formulas.conv2d(x, kernel, padding=padding)
    dy = np.random.default_rng(0).integers(-8, 9, y.shape)
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        with config.using_convolution_algorithm("winograd_2x2"):
            got = conv2d_and_gradients(x, kernel, dy, padding, np.float32)
    finally:
        numba.set_num_threads(before)
    for ours, exact in zip(
        got, (y, *formulas.conv2d_backward(dy, x, kernel, padding=padding)), strict=True
    ):
        assert np.array_equal(ours, exact)


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((2, 17, 16, 256), 208),  # parts of channels, groups of filters, blocks of tiles
        ((1, 9, 8, 176), 32),  # parts of one panel
        ((3, 16, 15, 16), 16),  # chunks of tiles
    ],
)
def test_the_gradient_of_the_kernel_is_exact_however_it_is_shared_out(shape, filters):
    rng = np.random.default_rng(0)
    x, dy = (rng.integers(-4, 5, (*shape[:3], c)) for c in (shape[3], filters))
    kernel_shape = (3, 3, shape[3], filters)
    with config.using_convolution_algorithm("winograd_2x2"):
        got = kernels.conv2d_kernel_gradient(
            dy.astype(np.float32), x.astype(np.float32), kernel_shape, padding="same"
        )
    exact = formulas.conv2d_kernel_gradient(
        dy.astype(np.float64), x.astype(np.float64), kernel_shape, padding="same"
    )
    assert np.array_equal(got, exact)


@pytest.mark.parametrize("name", ["blocks", *WINOGRAD])
@pytest.mark.parametrize("shape", [(1, 20, 20, 16), (3, 9, 14, 64)])
def test_the_bits_do_not_depend_on_the_number_of_threads(name, shape):
    """How many tiles are multiplied at once may depend on it, but not the order of a sum."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape) for _ in range(2))
    kernel = rng.standard_normal((3, 3, shape[3], shape[3]))

    def compute():
        with config.using_convolution_algorithm(name):
            return conv2d_and_gradients(x, kernel, dy, "same", np.float32)

    check_one_thread_and_two(compute)


def conv2d_and_gradients(x, kernel, dy, padding, dtype):
    x, kernel, dy = (a.astype(dtype) for a in (x, kernel, dy))
    y = kernels.conv2d(x, kernel, padding=padding)
    return y, *kernels.conv2d_backward(dy, x, kernel, padding=padding)


@pytest.mark.parametrize("name", WINOGRAD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(padding=PADDINGS, seed=st.integers(0, 2**32 - 1))
def test_every_result_is_within_the_published_error(name, dtype, padding, seed):
    """T1w: 2e-5 of the norm in float32, as oneDNN's tests ask of its own."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 4), *rng.integers(3, 14, 2), 16 * rng.integers(1, 6)
    x = rng.standard_normal(shape).astype(dtype)
    kernel = rng.standard_normal((3, 3, shape[3], 16 * rng.integers(1, 6))).astype(dtype)
    wide = x.astype(np.float64), kernel.astype(np.float64)
    exact = formulas.conv2d(*wide, padding=padding)
    dy = rng.standard_normal(exact.shape).astype(dtype)
    with config.using_convolution_algorithm(name):
        got = conv2d_and_gradients(x, kernel, dy, padding, dtype)
    gradients = formulas.conv2d_backward(dy.astype(np.float64), *wide, padding=padding)
    limit = 2e-5 if dtype == np.float32 else 1e-13
    for ours, true in zip(got, (exact, *gradients), strict=True):
        assert ours.dtype == dtype
        assert relative_error(ours, true) <= limit


def test_larger_tiles_have_larger_errors_and_those_chosen_are_as_near_as_the_definitions_sums():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 16, 16, 64)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 64, 64)).astype(np.float32)
    exact = formulas.conv2d(x.astype(np.float64), kernel.astype(np.float64), padding="same")
    errors = {}
    for name in ("blocks", *WINOGRAD):
        with config.using_convolution_algorithm(name):
            errors[name] = relative_error(kernels.conv2d(x, kernel, padding="same"), exact)
    assert errors["winograd_2x4"] < 2 * errors["blocks"]
    assert errors["winograd_2x2"] < errors["winograd_2x4"] < errors["winograd_4x4"] < 1e-6


IMAGES, KERNEL = (8, 28, 28, 64), (3, 3, 64, 64)


@pytest.mark.parametrize("which", ["forward", "input gradient", "kernel gradient"])
def test_float64_and_shapes_that_it_is_not_made_for_are_never_transformed(which):
    assert algorithm(which, IMAGES, KERNEL) in WINOGRAD
    for changed in (
        {"dtype": "float64"},
        {"strides": (2, 2)},
        {"dilation": (2, 2)},
        {"input_shape": (8, 28, 28, 63), "kernel_shape": (3, 3, 63, 64)},
        {"kernel_shape": (3, 3, 64, 60)},
        {"kernel_shape": (1, 3, 64, 64)},
        {"input_shape": (1, 7, 7, 64)},  # too little to do
    ):
        arguments = {"input_shape": IMAGES, "kernel_shape": KERNEL} | changed
        assert algorithm(which, **arguments) == "blocks", changed


def test_it_counts_the_cells_that_are_computed():
    """From 192 squares of outputs on: those of the image for its gradient, else those of y."""
    arguments = (3, 16, 16, 64), (3, 3, 64, 64)
    chosen = {which: algorithm(which, *arguments) for which in PASSES}
    assert chosen == {
        "forward": "blocks",
        "input gradient": "winograd_2x2",
        "kernel gradient": "blocks",
    }
    assert {algorithm(which, *arguments, padding="same") for which in PASSES} == {"winograd_2x2"}
    arguments = (8, 32, 32, 64), (3, 3, 64, 64)
    assert algorithm("forward", *arguments, padding="same") == "winograd_2x4"
    fewer = (3, 14, 16, 64), (3, 3, 64, 64)
    assert {algorithm(which, *fewer, padding="same") for which in PASSES} == {"blocks"}


def test_more_outputs_are_computed_together_where_that_is_as_near_to_the_exact_result_as_keras():
    """From 32, or 256, terms of a sum on: channels forward, filters back to the image, or tiles."""
    images = (16, 32, 32)
    for channels, filters, expected in (
        (16, 64, ("winograd_2x2", "winograd_2x4", "winograd_2x4")),
        (64, 16, ("winograd_2x4", "winograd_2x2", "winograd_2x4")),
        (32, 32, ("winograd_2x4", "winograd_2x4", "winograd_2x4")),
        (16, 16, ("blocks", "blocks", "blocks")),
    ):
        kernel = 3, 3, channels, filters
        chosen = tuple(algorithm(w, (*images, channels), kernel, padding="same") for w in PASSES)
        assert chosen == expected, (channels, filters)
    many = (8, 28, 28, 256), (3, 3, 256, 64)
    chosen = [algorithm(which, *many, padding="same") for which in PASSES]
    assert chosen == ["winograd_4x4", "winograd_2x4", "winograd_2x2"]
    few_sums = (16, 16, 16, 32), (3, 3, 32, 32)
    assert algorithm("kernel gradient", *few_sums, padding="same") == "blocks"
    few_tiles = (16, 16, 16, 64), (3, 3, 64, 64)  # 512 of 2×4 outputs
    assert algorithm("kernel gradient", *few_tiles, padding="same") == "winograd_2x2"
    many_sums = (16, 16, 16, 512), (3, 3, 512, 512)
    assert algorithm("kernel gradient", *many_sums, padding="same") == "winograd_2x2"
    few_tiles_of_many = (8, 10, 10, 512), (3, 3, 512, 512)
    assert algorithm("kernel gradient", *few_tiles_of_many, padding="same") == "blocks"


def test_gradients_of_photographs_are_scattered():
    assert algorithm("input gradient", (8, 32, 32, 3), (3, 3, 3, 64)) == "scattering"
    assert algorithm("forward", (8, 32, 32, 3), (3, 3, 3, 64)) == "blocks"
    with config.using_convolution_algorithm("blocks"):
        assert algorithm("input gradient", (8, 32, 32, 3), (3, 3, 3, 64)) == "blocks"
    assert algorithm("input gradient", (8, 32, 32, 16), (3, 3, 16, 64), (2, 2)) == "blocks"
    assert algorithm("input gradient", (8, 14, 14, 6), (5, 5, 6, 16)) == "scattering"
    assert algorithm("input gradient", (8, 14, 14, 6), (5, 5, 6, 16), dilation=(1, 2)) == "blocks"


def test_the_choice_can_be_made_by_hand_and_comes_back():
    assert config.convolution_algorithm() == "auto"
    with config.using_convolution_algorithm("blocks"):
        assert algorithm("forward", IMAGES, KERNEL) == "blocks"
        with config.using_convolution_algorithm("winograd_4x4"):
            assert algorithm("forward", IMAGES, KERNEL) == "winograd_4x4"
            assert algorithm("forward", IMAGES, KERNEL, (2, 2)) == "blocks"
        assert config.convolution_algorithm() == "blocks"
    config.set_convolution_algorithm("winograd_4x4")
    try:
        assert algorithm("kernel gradient", IMAGES, KERNEL) == "winograd_4x4"
    finally:
        config.set_convolution_algorithm("auto")
    with pytest.raises(ValueError, match=r"Unknown algorithm 'fft'.*winograd_2x2"):
        config.set_convolution_algorithm("fft")
    with pytest.raises(ValueError, match="Unknown pass 'sideways'"):
        algorithm("sideways", IMAGES, KERNEL)
