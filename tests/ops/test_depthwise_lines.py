"""Depthwise convolutions with neighbours in a line together: exact on whole numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet.ops import formulas, kernels
from scratchnet.ops.geometry import depthwise_window
from scratchnet.ops.kernels import depthwise_lines
from scratchnet.ops.kernels.line_blocks import OUTPUTS, SQUARES, TAPS
from scratchnet.ops.kernels.patches import View, forward_view
from tests.ops.threads import check_one_thread_and_two


def embedded(array, dtype):
    """The same numbers, with NaN before and after them in memory."""
    memory = np.full(array.size + 2 * 10_000, np.nan, dtype)
    inside = memory[10_000:-10_000]
    inside[:] = array.reshape(-1)
    return inside.reshape(array.shape)


def check(x, kernel, geometry, dtype=np.float32):
    """All three operations are exact, and read nothing beyond their arrays."""
    y = formulas.depthwise_conv2d(x, kernel, *geometry)
    dy = np.random.default_rng(0).integers(-8, 9, y.shape)
    dx, dkernel = formulas.depthwise_conv2d_backward(dy, x, kernel, *geometry)
    x, kernel, dy = (embedded(array, dtype) for array in (x, kernel, dy))
    assert np.array_equal(kernels.depthwise_conv2d(x, kernel, *geometry), y)
    found = kernels.depthwise_conv2d_backward(dy, x, kernel, *geometry)
    assert np.array_equal(found[0], dx)
    assert np.array_equal(found[1], dkernel)


@st.composite
def cases(draw):
    """(x, kernel, geometry) with as many channels as a register has lanes, or a few more."""
    kernel_size = draw(st.sampled_from(SQUARES) | st.tuples(st.integers(1, 7), st.integers(1, 7)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (3, 2)]))
    padding = draw(st.sampled_from(["valid", "same"]))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    smallest = spans if padding == "valid" else (1, 1)
    size = [draw(st.integers(least, least + 14)) for least in smallest]
    channels = draw(st.sampled_from([16, 17, 33]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-8, 9, (draw(st.integers(1, 3)), *size, channels))
    return x, rng.integers(-8, 9, (*kernel_size, channels, 1)), (strides, padding, dilation)


@given(cases())
def test_lines_of_all_kinds_are_exact(case):
    check(*case)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("taps", TAPS[1])
def test_every_end_of_a_line_is_exact(taps, stride, padding):
    """The last outputs are moved to the left, and see more or fewer cells beyond the image."""
    rng = np.random.default_rng(0)
    for columns in range(taps, taps + 2 * OUTPUTS * stride):
        x = rng.integers(-8, 9, (1, taps + 1, columns, 16))
        check(x, rng.integers(-8, 9, (taps, taps, 16, 1)), ((stride, stride), padding, (1, 1)))


def test_many_channels_of_many_lines_are_exact():
    """In several parts, and several tasks of several lines."""
    rng = np.random.default_rng(0)
    x, kernel = rng.integers(-8, 9, (5, 40, 9, 272)), rng.integers(-8, 9, (3, 3, 272, 1))
    for strides in itertools.product((1, 2), repeat=2):
        check(x, kernel, (strides, "same", (1, 1)), np.float64)


@given(cases())
def test_the_parts_of_a_gradient_have_each_tap_of_each_cell_once(case):
    x, kernel, (strides, padding, dilation) = case
    assume(strides != (1, 1))
    window = depthwise_window(x.shape, kernel.shape, strides, padding, dilation)
    (height, width), size = x.shape[1:3], kernel.shape[:2]
    met = np.zeros((height, width), int)
    for (i, j), (a, b), view in depthwise_lines.back(
        (height, width), size, window, strides, dilation
    ):
        assert view.output == met[i :: strides[0], j :: strides[1]].shape
        met[i :: strides[0], j :: strides[1]] += len(a) * len(b)
    pads = window.pad_rows[0], window.pad_columns[0]
    for i, j in np.ndindex(height, width):
        met_by = [
            sum((cell + pad - a * d) % s == 0 for a in range(k))
            for cell, pad, k, s, d in zip((i, j), pads, size, strides, dilation, strict=True)
        ]
        assert met[i, j] == met_by[0] * met_by[1]


def test_usual_kernels_are_computed_in_lines():
    def view(taps, columns, stride=1, apart=1):
        window = depthwise_window(
            (1, 40, columns, 16), (taps, taps, 16, 1), (stride, stride), "same", (apart, apart)
        )
        return forward_view((taps, taps), window, (stride, stride), (apart, apart))

    for stride, all_taps in TAPS.items():
        assert all(depthwise_lines.in_lines(view(taps, 8, stride)) for taps in all_taps)
    assert depthwise_lines.sums_in_lines(view(3, 8, 2))
    assert not depthwise_lines.sums_in_lines(view(7, 8))
    for other in (
        view(4, 8),
        view(6, 8),
        view(3, 3),
        view(3, 8, 3),
        view(7, 8, 2),
        view(3, 8, 1, 2),
    ):
        assert not depthwise_lines.in_lines(other)
    assert not depthwise_lines.in_lines(View((4, 4), (1, 1), (), (0, 1, 2)))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((4, 23, 21, 48)), rng.standard_normal((3, 3, 48, 1))

    def compute():
        y = kernels.depthwise_conv2d(x, kernel, (2, 2), "same")
        return y, *kernels.depthwise_conv2d_backward(y, x, kernel, (2, 2), "same")

    check_one_thread_and_two(compute)
