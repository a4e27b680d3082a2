"""T0 of depthwise and transposed convolution, and of pooling whole maps: the same bits."""

from __future__ import annotations

from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet.ops import formulas, kernels
from scratchnet.ops.geometry import transposed_size

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def depthwise_convolutions(draw):
    """(x, kernel, arguments) with an output, in small integers; strides and dilation together."""
    kernel_size, strides, dilation = draw(pairs), draw(pairs), draw(pairs)
    padding = draw(st.sampled_from(["valid", "same"]))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    smallest = spans if padding == "valid" else (1, 1)
    size = [draw(st.integers(least, least + 8)) for least in smallest]
    few, many = st.integers(1, 5), st.sampled_from([8, 16, 17, 40, 64, 300])  # in blocks: many
    channels, multiplier = draw(few | many), draw(st.sampled_from([1, 1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-8, 9, (draw(st.integers(1, 4)), *size, channels))
    kernel = rng.integers(-8, 9, (*kernel_size, channels, multiplier))
    return x, kernel, (strides, padding, dilation)


@st.composite
def transposed_convolutions(draw):
    """(x, kernel, arguments) of a transposed convolution, in small integers."""
    kernel_size, strides, dilation = draw(pairs), draw(pairs), draw(pairs)
    padding = draw(st.sampled_from(["valid", "same"]))
    extra = None
    if draw(st.booleans()):
        extra = tuple(draw(st.integers(0, s - 1)) for s in strides)
        spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
        assume(padding == "valid" or all(k % 2 + e for k, e in zip(spans, extra, strict=True)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.tuples(*[st.integers(1, 5)] * 3))
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x = rng.integers(-8, 9, (*size, channels))
    kernel = rng.integers(-8, 9, (*kernel_size, filters, channels))
    return x, kernel, (strides, padding, dilation), extra


def on_threads(threads, function, *arguments):
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        return function(*arguments)
    finally:
        numba.set_num_threads(before)


def some(rng_seed, shape):
    return np.random.default_rng(rng_seed).integers(-8, 9, shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel_size", [(3, 3), (1, 4), (5, 2)])
@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 1), (1, 1)), ((1, 1), (2, 3)), ((2, 1), (1, 1))]
)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("channels", [8, 17, 48])
def test_blocks_of_channels_are_exact(channels, padding, strides, dilation, kernel_size, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (3, 11, 10, channels))
    kernel = rng.integers(-8, 9, (*kernel_size, channels, 1))
    geometry = strides, padding, dilation
    y = formulas.depthwise_conv2d(x, kernel, *geometry)
    dy = rng.integers(-8, 9, y.shape)
    dx, dkernel = formulas.depthwise_conv2d_backward(dy, x, kernel, *geometry)
    x_f, kernel_f, dy_f = (a.astype(dtype) for a in (x, kernel, dy))
    assert np.array_equal(kernels.depthwise_conv2d(x_f, kernel_f, *geometry), y)
    got = kernels.depthwise_conv2d_backward(dy_f, x_f, kernel_f, *geometry)
    assert np.array_equal(got[0], dx)
    assert np.array_equal(got[1], dkernel)


@given(depthwise_convolutions())
def test_the_formula_of_depthwise_conv2d_is_the_definition(case):
    x, kernel, (strides, padding, dilation) = case
    y = formulas.depthwise_conv2d(x, kernel, strides, padding, dilation)
    expected = np.zeros(y.shape, np.int64)
    multiplier, before = kernel.shape[3], []
    for i, o, k, s, d in zip(
        x.shape[1:3], y.shape[1:3], kernel.shape, strides, dilation, strict=False
    ):
        before.append(max(0, (o - 1) * s + (k - 1) * d + 1 - i) // 2 if padding == "same" else 0)
    for n, p, q, f in np.ndindex(y.shape):
        c, m = divmod(f, multiplier)
        for a, b in np.ndindex(kernel.shape[:2]):
            i = p * strides[0] + a * dilation[0] - before[0]
            j = q * strides[1] + b * dilation[1] - before[1]
            if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                expected[n, p, q, f] += int(x[n, i, j, c]) * int(kernel[a, b, c, m])
    assert np.array_equal(y, expected)


@given(depthwise_convolutions())
def test_a_depthwise_convolution_has_as_many_groups_as_channels(case):
    x, kernel, arguments = case
    channels = x.shape[-1]
    grouped = kernel.reshape(*kernel.shape[:2], 1, -1)
    expected = formulas.conv2d(x, grouped, *arguments, channels)
    assert np.array_equal(formulas.depthwise_conv2d(x, kernel, *arguments), expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=depthwise_convolutions())
def test_kernels_of_depthwise_conv2d_are_exact(dtype, threads, case):
    x, kernel, arguments = case
    y = formulas.depthwise_conv2d(x, kernel, *arguments)
    assume(np.count_nonzero(y) * 2 > y.size)
    dy = some(0, y.shape)
    x_f, kernel_f, dy_f = (array.astype(dtype) for array in (x, kernel, dy))
    got = (
        on_threads(threads, kernels.depthwise_conv2d, x_f, kernel_f, *arguments),
        *on_threads(threads, kernels.depthwise_conv2d_backward, dy_f, x_f, kernel_f, *arguments),
    )
    expected = (y, *formulas.depthwise_conv2d_backward(dy, x, kernel, *arguments))
    for ours, exact in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        assert np.array_equal(ours, exact)


@pytest.mark.parametrize("images", [1, 15, 16, 40, 70])
def test_images_of_one_line_are_cut_into_tiles_of_several(images):
    x, kernel = some(1, (images, 3, 4, 16)), some(2, (3, 3, 16, 1))
    got = kernels.depthwise_conv2d(x.astype(np.float32), kernel.astype(np.float32))
    assert np.array_equal(got, formulas.depthwise_conv2d(x, kernel))


@given(depthwise_convolutions())
def test_the_gradients_of_depthwise_conv2d_are_its_adjoints(case):
    x, kernel, arguments = case
    y = formulas.depthwise_conv2d(x, kernel, *arguments)
    dy, dx, dw = some(1, y.shape), some(2, x.shape), some(3, kernel.shape)
    back_x, back_w = formulas.depthwise_conv2d_backward(dy, x, kernel, *arguments)
    assert (dy * formulas.depthwise_conv2d(dx, kernel, *arguments)).sum() == (back_x * dx).sum()
    assert (dy * formulas.depthwise_conv2d(x, dw, *arguments)).sum() == (back_w * dw).sum()


@given(transposed_convolutions())
def test_a_transposed_convolution_paints_the_kernel_for_every_cell(case):
    x, kernel, (strides, padding, dilation), extra = case
    y = formulas.conv2d_transpose(x, kernel, strides, padding, dilation, extra)
    extras = extra or (None, None)
    geometry = zip(x.shape[1:3], kernel.shape[:2], strides, dilation, extras, strict=True)
    sizes = [transposed_size(i, k, s, d, padding, e) for i, k, s, d, e in geometry]
    assert y.shape == (len(x), *sizes, kernel.shape[2])
    expected, before = np.zeros(y.shape, np.int64), []
    for i, o, k, s, d in zip(x.shape[1:3], sizes, kernel.shape, strides, dilation, strict=False):
        before.append(max(0, (i - 1) * s + (k - 1) * d + 1 - o) // 2 if padding == "same" else 0)
    for n, p, q, c in np.ndindex(x.shape):
        for a, b in np.ndindex(kernel.shape[:2]):
            i = p * strides[0] + a * dilation[0] - before[0]
            j = q * strides[1] + b * dilation[1] - before[1]
            if 0 <= i < sizes[0] and 0 <= j < sizes[1]:
                expected[n, i, j] += x[n, p, q, c] * kernel[a, b, :, c]
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=transposed_convolutions())
def test_kernels_of_conv2d_transpose_are_exact(dtype, threads, case):
    x, kernel, arguments, extra = case
    y = formulas.conv2d_transpose(x, kernel, *arguments, extra)
    dy = some(0, y.shape)
    x_f, kernel_f, dy_f = (array.astype(dtype) for array in (x, kernel, dy))
    got = (
        on_threads(threads, kernels.conv2d_transpose, x_f, kernel_f, *arguments, extra),
        *on_threads(threads, kernels.conv2d_transpose_backward, dy_f, x_f, kernel_f, *arguments),
    )
    expected = (y, *formulas.conv2d_transpose_backward(dy, x, kernel, *arguments))
    for ours, exact in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        assert np.array_equal(ours, exact)


@given(transposed_convolutions())
def test_the_gradients_of_conv2d_transpose_are_its_adjoints(case):
    x, kernel, arguments, extra = case
    y = formulas.conv2d_transpose(x, kernel, *arguments, extra)
    dy, dx, dw = some(1, y.shape), some(2, x.shape), some(3, kernel.shape)
    back_x, back_w = formulas.conv2d_transpose_backward(dy, x, kernel, *arguments)
    along_x = formulas.conv2d_transpose(dx, kernel, *arguments, extra)
    along_w = formulas.conv2d_transpose(x, dw, *arguments, extra)
    assert (dy * along_x).sum() == (back_x * dx).sum()
    assert (dy * along_w).sum() == (back_w * dw).sum()


def as_fractions(array):
    return np.vectorize(Fraction, otypes=[object])(array)


def test_formulas_serve_fractions():
    x, kernel = some(0, (2, 5, 4, 3)), some(1, (3, 2, 3, 2))
    y = formulas.depthwise_conv2d(as_fractions(x), as_fractions(kernel), (2, 1), "same")
    assert y.dtype == object
    assert np.array_equal(y, formulas.depthwise_conv2d(x, kernel, (2, 1), "same"))
    kernel = some(2, (3, 2, 4, 3))
    y = formulas.conv2d_transpose(as_fractions(x), as_fractions(kernel), (2, 1))
    assert np.array_equal(y, formulas.conv2d_transpose(x, kernel, (2, 1)))
    sevenths = as_fractions(x) / Fraction(7)
    assert (formulas.global_average_pool2d(sevenths) * 7 * 20 == x.sum(axis=(1, 2))).all()


@st.composite
def maps(draw):
    """Maps of integers with many ties."""
    shape = draw(st.tuples(*(st.integers(1, n) for n in (4, 8, 8, 5))))
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(-2, 3, shape)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(x=maps())
def test_pooling_whole_maps_gives_the_bits_of_the_formulas(dtype, threads, x):
    x, (n, h, w, c) = x.astype(dtype), x.shape
    dy = some(0, (n, c)).astype(dtype)
    assert np.array_equal(on_threads(threads, kernels.global_max_pool2d, x), x.max(axis=(1, 2)))
    dx = on_threads(threads, kernels.global_max_pool2d_backward, dy, x)
    assert dx.dtype == dtype
    assert np.array_equal(dx, formulas.global_max_pool2d_backward(dy, x))
    # An integer divided once is rounded once, whoever adds it up
    y = on_threads(threads, kernels.global_average_pool2d, x)
    assert np.array_equal(y, x.sum(axis=(1, 2)) / dtype(h * w))
    dx = on_threads(threads, kernels.global_average_pool2d_backward, dy, x.shape)
    assert dx.dtype == dtype
    assert np.array_equal(dx, formulas.global_average_pool2d_backward(dy, x.shape))


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_a_nan_is_the_maximum_of_its_map_and_makes_its_gradient_nan(implementation):
    x = np.zeros((2, 3, 3, 2), np.float32)
    x[0, 1, 2, 0] = np.nan
    y = implementation.global_max_pool2d(x)
    assert np.isnan(y).tolist() == [[True, False], [False, False]]
    with np.errstate(all="ignore"):  # uncompiled, the kernel divides by 0 in NumPy
        dx = implementation.global_max_pool2d_backward(np.ones_like(y), x)
    assert np.isnan(dx[0, :, :, 0]).all()
    assert np.isfinite(dx[1]).all()
    assert np.isfinite(dx[0, :, :, 1]).all()


@given(x=maps(), seed=st.integers(0, 2**32 - 1))
def test_the_masked_mean_is_the_mean_of_the_steps_that_count(x, seed):
    steps = x.reshape(len(x), -1, x.shape[-1])
    mask = np.random.default_rng(seed).random(steps.shape[:2]) < 0.7
    mask[:, 0] = True
    y = formulas.masked_mean(steps, mask)
    expected = [each[kept].sum(axis=0) / kept.sum() for each, kept in zip(steps, mask, strict=True)]
    assert np.array_equal(y, expected)
    dx = formulas.masked_mean_backward(np.ones_like(y), mask)
    assert not dx[~mask].any()
    shares = np.broadcast_to(1 / mask.sum(axis=1)[:, None, None], dx.shape)
    assert np.array_equal(dx[mask], shares[mask])


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_no_image_gives_no_output(implementation):
    x, w = np.zeros((0, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    y = implementation.depthwise_conv2d(x, w)
    assert y.shape == (0, 3, 3, 8)
    dx, dw = implementation.depthwise_conv2d_backward(y, x, w)
    assert dx.shape == x.shape
    assert not dw.any()
    w = np.ones((3, 3, 4, 2), np.float32)
    y = implementation.conv2d_transpose(x, w)
    assert y.shape == (0, 7, 7, 4)
    dx, dw = implementation.conv2d_transpose_backward(y, x, w)
    assert dx.shape == x.shape
    assert not dw.any()


def test_the_messages_say_what_does_not_fit():
    # The formulas say the same, but in tests the shapes of their signatures are checked before
    x = np.ones((1, 4, 4, 3))
    with pytest.raises(ValueError, match=r"3 channels and a depthwise kernel .* expects 2"):
        kernels.depthwise_conv2d(x, np.ones((2, 2, 2, 1)))
    with pytest.raises(ValueError, match=r"output would be empty"):
        kernels.depthwise_conv2d(x, np.ones((5, 5, 3, 1)))
    with pytest.raises(ValueError, match=r"3 channels and a kernel .* expects 2.*\(KH, KW, filt"):
        kernels.conv2d_transpose(x, np.ones((2, 2, 3, 2)))
    with pytest.raises(ValueError, match=r"would make \(6, 6\) cells.*turns into \(3, 3\)"):
        kernels.conv2d_transpose(x, np.ones((2, 2, 1, 3)), (2, 2), "same", output_padding=(0, 0))
    with pytest.raises(ValueError, match=r"Unknown padding 'full'"):
        kernels.conv2d_transpose(x, np.ones((2, 2, 1, 3)), padding="full")
