"""T0: on integers so small that every sum is exact, kernels and formulas give the same bits."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet import config
from scratchnet.ops import formulas, kernels
from scratchnet.ops.geometry import conv2d_window
from scratchnet.ops.kernels import correlation, scattering, sharing
from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.patches import forward_view, tiles_of


@st.composite
def convolutions(draw):
    """(x, kernel, arguments) of a convolution with an output, in small integers."""
    kernel_size = draw(st.tuples(*[st.integers(1, 4)] * 2))
    strides = draw(st.tuples(*[st.integers(1, 5)] * 2))
    dilation = draw(st.tuples(*[st.integers(1, 3)] * 2)) if strides == (1, 1) else (1, 1)
    groups = draw(st.integers(1, 2))
    padding = draw(st.sampled_from(["valid", "same"]))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    smallest = spans if padding == "valid" else (1, 1)
    size = [draw(st.integers(least, least + 8)) for least in smallest]
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-8, 9, (draw(st.integers(1, 4)), *size, channels * groups))
    kernel = rng.integers(-8, 9, (*kernel_size, channels, filters * groups))
    return x, kernel, (strides, padding, dilation, groups)


def by_definition(x, kernel, strides, padding, dilation, groups):
    """The sum of the definition, one product at a time, with Python's integers."""
    sizes = []
    for i, k, s, d in zip(x.shape[1:3], kernel.shape[:2], strides, dilation, strict=True):
        span = (k - 1) * d + 1
        out = -(-i // s) if padding == "same" else (i - span) // s + 1
        before = max(0, (out - 1) * s + span - i) // 2 if padding == "same" else 0
        sizes.append((out, before))
    (oh, top), (ow, left) = sizes
    per_group, filters = kernel.shape[2], kernel.shape[3]
    y = np.zeros((len(x), oh, ow, filters), np.int64)
    for n, p, q, f in np.ndindex(y.shape):
        first = f // (filters // groups) * per_group
        for a, b, c in np.ndindex(kernel.shape[:3]):
            i = p * strides[0] + a * dilation[0] - top
            j = q * strides[1] + b * dilation[1] - left
            if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                y[n, p, q, f] += int(x[n, i, j, first + c]) * int(kernel[a, b, c, f])
    return y


@given(convolutions())
def test_the_formula_of_conv2d_is_the_definition(case):
    x, kernel, arguments = case
    assert np.array_equal(
        formulas.conv2d(x, kernel, *arguments), by_definition(x, kernel, *arguments)
    )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=convolutions())
def test_kernels_of_conv2d_are_exact(dtype, threads, case):
    x, kernel, arguments = case
    y = formulas.conv2d(x, kernel, *arguments)
    assume(np.count_nonzero(y) * 2 > y.size)
    dy = np.random.default_rng(0).integers(-8, 9, y.shape)
    threads_before = numba.get_num_threads()
    numba.set_num_threads(min(threads, threads_before))
    try:
        as_float = x.astype(dtype), kernel.astype(dtype)
        assert np.array_equal(kernels.conv2d(*as_float, *arguments), y)
        got = kernels.conv2d_backward(dy.astype(dtype), *as_float, *arguments)
    finally:
        numba.set_num_threads(threads_before)
    for ours, exact in zip(got, formulas.conv2d_backward(dy, x, kernel, *arguments), strict=True):
        assert ours.dtype == dtype
        assert np.array_equal(ours, exact)


@given(convolutions())
def test_the_gradients_of_conv2d_are_its_adjoints(case):
    x, kernel, arguments = case
    y = formulas.conv2d(x, kernel, *arguments)
    rng = np.random.default_rng(1)
    dy, dx, dw = (rng.integers(-8, 9, a.shape) for a in (y, x, kernel))
    back_x, back_w = formulas.conv2d_backward(dy, x, kernel, *arguments)
    assert (dy * formulas.conv2d(dx, kernel, *arguments)).sum() == (back_x * dx).sum()
    assert (dy * formulas.conv2d(x, dw, *arguments)).sum() == (back_w * dw).sum()


@st.composite
def poolings(draw):
    """(x, pool_size, strides, padding): integers with many ties."""
    pool = draw(st.tuples(*[st.integers(1, 4)] * 2))
    padding = draw(st.sampled_from(["valid", "same"]))
    smallest = pool if padding == "valid" else (1, 1)
    size = [draw(st.integers(least, least + 7)) for least in smallest]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-2, 3, (draw(st.integers(1, 3)), *size, draw(st.integers(1, 3))))
    return x, pool, draw(st.tuples(*[st.integers(1, 5)] * 2)), padding


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=poolings())
def test_max_pooling_is_bitwise_equal_and_the_first_of_equals_gets_the_gradient(dtype, case):
    x, *arguments = case
    y = formulas.max_pool2d(x, *arguments)
    dy = np.random.default_rng(0).integers(1, 9, y.shape)
    dx = formulas.max_pool2d_backward(dy, x, *arguments)
    assert dx.sum() == dy.sum()
    assert np.array_equal(kernels.max_pool2d(x.astype(dtype), *arguments), y)
    ours = kernels.max_pool2d_backward(dy.astype(dtype), x.astype(dtype), *arguments)
    assert np.array_equal(ours, dx)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pool_size", [(1, 1), (2, 2), (1, 4), (4, 2)])
def test_average_pooling_of_a_power_of_two_is_exact(dtype, pool_size):
    x = np.random.default_rng(0).integers(-50, 51, (3, 8, 8, 2))
    y = formulas.average_pool2d(x, pool_size)
    assert np.array_equal(kernels.average_pool2d(x.astype(dtype), pool_size), y)
    dy = np.random.default_rng(1).integers(-50, 51, y.shape)
    dx = formulas.average_pool2d_backward(dy, x.shape, pool_size)
    ours = kernels.average_pool2d_backward(dy.astype(dtype), x.shape, pool_size)
    assert np.array_equal(ours, dx)


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_a_nan_wins_its_windows_and_takes_their_gradient(implementation):
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 1, 0, 0] = np.nan
    y = implementation.max_pool2d(x)
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isnan(y).sum() == 1
    dx = implementation.max_pool2d_backward(np.ones_like(y), x)
    assert dx[0, 1, 0, 0] == 1
    assert dx.sum() == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_and_bias_are_exact(dtype):
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.integers(-9, 10, (40, 30)),
        rng.integers(-9, 10, (30, 20)),
        rng.integers(-9, 10, 20),
    )
    dy = rng.integers(-9, 10, (40, 20))
    y = kernels.bias_add(kernels.dense(x.astype(dtype), w.astype(dtype)), b.astype(dtype))
    assert np.array_equal(y, x @ w + b)
    dx, dw = kernels.dense_backward(dy.astype(dtype), x.astype(dtype), w.astype(dtype))
    assert np.array_equal(dx, dy @ w.T)
    assert np.array_equal(dw, x.T @ dy)
    assert np.array_equal(kernels.bias_add_backward(dy.astype(dtype)), dy.sum(axis=0))


@given(convolutions())
def test_float32_convolution_stays_within_the_rounding_of_any_order_of_summation(case):
    """T1: |got − exact| ≤ γ_{K+1} · Σ|w||x|, elementwise."""
    x, kernel, arguments = case
    rng = np.random.default_rng(2)
    x = rng.standard_normal(x.shape).astype(np.float32)
    kernel = rng.standard_normal(kernel.shape).astype(np.float32)
    wide = x.astype(np.float64), kernel.astype(np.float64)
    exact = formulas.conv2d(*wide, *arguments)
    magnitude = formulas.conv2d(*map(np.abs, wide), *arguments)
    terms = kernel[..., 0].size + 1
    gamma = terms * 2.0**-24 / (1 - terms * 2.0**-24)
    got = kernels.conv2d(x, kernel, *arguments)
    assert (np.abs(got - exact) <= gamma * magnitude + terms * 2.0**-149).all()


@pytest.mark.parametrize("shape", [(7,), (5, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_dropout_masks_are_the_same_bits(shape, rate):
    key = (123456789, 3)
    mask = formulas.dropout_mask(shape, rate, key)
    assert np.array_equal(kernels.dropout_mask(shape, rate, key), mask)
    assert mask.shape == shape


def test_dropout_keeps_the_right_share_and_masks_differ_from_call_to_call():
    first, second = (kernels.dropout_mask((1000, 1000), 0.3, (7, call)) for call in (0, 1))
    for mask in (first, second):  # five deviations of a binomial share
        assert abs(mask.mean() - 0.7) < 5 * (0.3 * 0.7 / mask.size) ** 0.5
    agreement = (first == second).mean()
    assert abs(agreement - (0.7**2 + 0.3**2)) < 5 * 0.5 / 1000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_normalisation_kernels_agree_with_the_formulas(dtype):
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(3, 2, (4, 5, 6, 7)) for _ in range(2))
    gamma, beta = rng.normal(size=(2, 7))
    mean, variance = formulas.moments(x)
    arguments = x, mean, variance, gamma
    expected = [
        mean,
        variance,
        formulas.batch_normalization(*arguments, beta, 1e-3),
        *formulas.batch_normalization_backward(dy, *arguments, 1e-3),
        *formulas.batch_normalization_inference_backward(dy, *arguments, 1e-3),
    ]
    x, dy, mean, variance, gamma, beta = (
        a.astype(dtype) for a in (x, dy, mean, variance, gamma, beta)
    )
    arguments = x, mean, variance, gamma
    got = [
        *kernels.moments(x),
        kernels.batch_normalization(*arguments, beta, 1e-3),
        *kernels.batch_normalization_backward(dy, *arguments, 1e-3),
        *kernels.batch_normalization_inference_backward(dy, *arguments, 1e-3),
    ]
    for ours, exact in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        tolerance = 1e-13 if dtype == np.float64 else 1e-5
        assert np.abs(ours - exact).max() <= tolerance * np.abs(exact).max()


ODD = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": lambda a: _read_only(a),
}


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("kind", ODD)
def test_the_layout_of_an_array_does_not_change_the_result(kind):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 6, 5, 3)), rng.normal(size=(3, 3, 3, 4))
    before = x.copy()
    odd = ODD[kind](x)
    y = kernels.conv2d(x, w)
    assert np.array_equal(kernels.conv2d(odd, ODD[kind](w)), y)
    assert np.array_equal(kernels.max_pool2d(odd), kernels.max_pool2d(x))
    assert np.array_equal(kernels.relu(odd), kernels.relu(x))
    assert np.array_equal(kernels.moments(odd), kernels.moments(x))
    assert np.array_equal(
        kernels.conv2d_backward(ODD[kind](y), odd, w)[1], kernels.conv2d_backward(y, x, w)[1]
    )
    assert np.array_equal(x, before)


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_no_image_gives_no_output(implementation):
    x, w = np.zeros((0, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    y = implementation.conv2d(x, w)
    assert y.shape == (0, 3, 3, 4)
    dx, dw = implementation.conv2d_backward(y, x, w)
    assert dx.shape == x.shape
    assert np.array_equal(dw, np.zeros_like(w))
    assert implementation.max_pool2d(x).shape == (0, 2, 2, 2)


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_float16_stays_float16(implementation):
    x = np.ones((1, 4, 4, 1), np.float16)
    assert implementation.conv2d(x, np.ones((2, 2, 1, 1), np.float16)).dtype == np.float16
    assert implementation.max_pool2d(x).dtype == np.float16
    assert implementation.relu(x).dtype == np.float16


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_a_convolution_says_which_channels_do_not_fit(implementation):
    with pytest.raises(ValueError, match=r"with 3 channels and a kernel .* expects .* 2 channels"):
        implementation.conv2d(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 1)))
    with pytest.raises(ValueError, match=r"output would be empty.*padding='same'"):
        implementation.conv2d(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1)))
    with pytest.raises(ValueError, match=r"3 filters cannot be shared out among groups=2"):
        implementation.conv2d(np.ones((1, 2, 2, 4)), np.ones((1, 1, 2, 3)), groups=2)


@given(convolutions())
def test_both_ways_to_the_gradient_of_an_image_are_exact(case):
    x, kernel, (strides, padding, dilation, groups) = case
    x, kernel = x[..., : kernel.shape[2]], kernel[..., : kernel.shape[3] // groups]
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, 1)
    dy = np.random.default_rng(0).integers(-8, 9, (len(x), *window.output, kernel.shape[3]))
    exact = formulas.conv2d_input_gradient(dy, kernel, x.shape, strides, padding, dilation)
    arguments = dy.astype(np.float32), kernel.astype(np.float32), x.shape
    geometry = window, strides, dilation
    in_blocks = correlation.input_gradient(*arguments, *geometry, correlation.correlate)
    assert np.array_equal(in_blocks, exact)
    assert np.array_equal(scattering.scattered_input_gradient(*arguments, *geometry), exact)


@pytest.mark.parametrize("kernel_size", [(5, 1), (1, 5), (4, 2)])
@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((1, 1), (3, 2))]
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradients_scattered_to_images_of_several_tiles_are_exact(
    kernel_size, strides, dilation, padding
):
    rng = np.random.default_rng(0)
    height = 2 * scattering._LINES + 5
    kernel = rng.integers(-8, 9, (*kernel_size, 2, 3))
    window = conv2d_window((2, height, 11, 2), kernel.shape, strides, padding, dilation, 1)
    dy = rng.integers(-8, 9, (2, *window.output, 3))
    exact = formulas.conv2d_input_gradient(
        dy, kernel, (2, height, 11, 2), strides, padding, dilation
    )
    dx = scattering.scattered_input_gradient(
        dy.astype(np.float32),
        kernel.astype(np.float32),
        (2, height, 11, 2),
        window,
        strides,
        dilation,
    )
    assert np.array_equal(dx, exact)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(1, 4)),
    channels=st.sampled_from([3, 512, 4096, 20000]),
    kernel_size=st.tuples(*[st.integers(1, 5)] * 2),
    strides=st.tuples(*[st.integers(1, 6)] * 2),
    panels=st.integers(1, 9),
    threads=st.sampled_from([1, 2, 16]),
)
def test_the_scratch_holds_the_cells_of_every_tile(
    size, channels, kernel_size, strides, panels, threads
):
    """Kernels write to it without looking: a tile of one line too many would ruin memory."""
    shape = (*size, channels)
    window = conv2d_window(shape, (*kernel_size, channels, 1), strides, "same", (1, 1), 1)
    view = forward_view(kernel_size, window, strides, (1, 1))
    lines = size[0] * window.output[0]
    tiles = sharing.in_whole_blocks(tiles_of(view, shape, 4, 256), lines)
    of_panel = channels * kernel_size[0] * kernel_size[1] * 64
    tiles, shares, groups = sharing.shared_out(tiles, lines, panels, of_panel, threads)
    assert 1 <= shares <= -(-lines // tiles.lines)
    assert 1 <= groups <= panels
    for begin in range(0, lines, tiles.lines):
        row = filled = 0
        for line in range(begin, min(lines, begin + tiles.lines)):
            row = filled if line == begin or line % tiles.image_lines == 0 else row + tiles.row_step
            filled = max(filled, row + tiles.height)
        if tiles.copied:
            assert filled * tiles.width * tiles.pitch <= tiles.scratch


@pytest.mark.parametrize(
    ("shape", "size", "filters"),
    [
        ((2, 31, 14, 144), 1, 80),
        ((1, 21, 11, 64), 3, 96),
        ((3, 40, 5, 256), 1, 72),  # from here on x is packed as well, if in two parts
        ((2, 47, 11, 768), 1, 24),
        ((5, 33, 15, 320), 1, 80),
        ((1, 40, 7, 262), 1, 64),  # no whole panels
    ],
)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_a_kernel_is_exact_where_the_last_tile_is_shorter(
    shape, size, filters, strides, dtype
):
    """Many channels and filters: dy is packed, a tile at a time."""
    rng = np.random.default_rng(0)
    output = (-(-n // s) for n, s in zip(shape[1:3], strides, strict=True))
    x, dy = rng.integers(-4, 5, shape), rng.integers(-4, 5, (shape[0], *output, filters))
    arguments = (size, size, shape[3], filters), strides, "same"
    with config.using_convolution_algorithm("blocks"):
        got = kernels.conv2d_kernel_gradient(dy.astype(dtype), x.astype(dtype), *arguments)
    assert np.array_equal(got, formulas.conv2d_kernel_gradient(dy, x, *arguments))


@pytest.mark.parametrize(
    ("shape", "size", "filters"),
    [((10, 1, 1, 4096), 3, 16), ((2, 5, 5, 256), 3, 80), ((1, 3, 3, 512), 1, 300)],
)
def test_many_channels_of_few_cells_are_exact(shape, size, filters):
    rng = np.random.default_rng(0)
    x, kernel = (rng.integers(-4, 5, s) for s in (shape, (size, size, shape[3], filters)))
    y = formulas.conv2d(x, kernel, padding="same")
    dy = rng.integers(-4, 5, y.shape)
    as_float = [a.astype(np.float32) for a in (dy, x, kernel)]
    with config.using_convolution_algorithm("blocks"):
        assert np.array_equal(kernels.conv2d(*as_float[1:], padding="same"), y)
        got = kernels.conv2d_backward(*as_float, padding="same")
    for ours, exact in zip(
        got, formulas.conv2d_backward(dy, x, kernel, padding="same"), strict=True
    ):
        assert np.array_equal(ours, exact)


@pytest.mark.parametrize("filters", [128, 216])
@pytest.mark.parametrize("channels", [3, 16])
def test_many_filters_of_few_channels_are_exact(channels, filters):
    """All filters of some rows before those of the next ones, and several tiles."""
    rng = np.random.default_rng(0)
    x, bias = rng.integers(-8, 9, (9, 56, 40, channels)), rng.integers(-8, 9, filters)
    kernel = rng.integers(-8, 9, (1, 1, channels, filters))
    as_float = [a.astype(np.float32) for a in (x, kernel, bias)]
    y = formulas.conv2d(x, kernel)
    assert np.array_equal(kernels.conv2d(*as_float[:2]), y)
    rectified = kernels.conv2d_bias(*as_float, activation="relu")
    assert np.array_equal(rectified, np.maximum(y + bias, 0))


def test_kernels_take_strides_and_dilation_as_lists_too():
    x, kernel = np.ones((1, 6, 6, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    for lists in ([2, 2], "same", [1, 1]), ([1, 1], "valid", [2, 2]):
        tuples = tuple(lists[0]), lists[1], tuple(lists[2])
        y = kernels.conv2d(x, kernel, *lists)
        assert np.array_equal(kernels.conv2d(x, kernel, *tuples), y)
        pairs = zip(
            kernels.conv2d_backward(y, x, kernel, *lists),
            kernels.conv2d_backward(y, x, kernel, *tuples),
            strict=True,
        )
        assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "size", [(1, 7, 7, 2048), (256, 8, 8, 512), (1, 512, 2048, 64), (1024, 28, 28, 1)]
)
@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_the_cells_of_a_tile_take_at_most_8_mebibytes_whatever_the_batch(size, kernel_size):
    window = conv2d_window(size, (kernel_size, kernel_size, size[3], 1), (1, 1), "same", (1, 1), 1)
    view = forward_view((kernel_size, kernel_size), window, (1, 1), (1, 1))
    assert tiles_of(view, size, 4, 256).scratch * 4 <= 2**23


MAP = np.array([[1, 3, 2, 1], [4, 6, 5, 7], [8, 9, 4, 2], [3, 5, 1, 0]])[None, :, :, None]


@pytest.mark.parametrize("implementation", [formulas, kernels])
def test_the_worked_example_of_pooling(implementation):
    """The notes that print 5 and 2.75 in the last cells are wrong: 4, and (4+2+1+0)/4 = 1.75."""
    x = MAP.astype(np.float32)
    assert implementation.max_pool2d(x)[0, :, :, 0].tolist() == [[6, 7], [9, 4]]
    assert implementation.average_pool2d(x)[0, :, :, 0].tolist() == [[3.5, 3.75], [6.25, 1.75]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("filters", [16, 31, 32, 40, 48, 70])
@pytest.mark.parametrize(("size", "strides"), [(1, 1), (2, 1), (3, 2)])
def test_any_number_of_panels_is_exact(size, strides, filters, dtype):
    """One block after the other, two side by side, and a last one that is not full."""
    rng = np.random.default_rng(filters)
    x, kernel = (rng.integers(-4, 5, s) for s in ((2, 6, 7, 5), (size, size, 5, filters)))
    y = formulas.conv2d(x, kernel, (strides, strides), "same")
    dy = rng.integers(-4, 5, y.shape)
    x_f, kernel_f, dy_f = (a.astype(dtype) for a in (x, kernel, dy))
    arguments = ((strides, strides), "same")
    assert np.array_equal(kernels.conv2d(x_f, kernel_f, *arguments), y)
    # To the image the channels are what a panel holds
    turned, of_filters = kernel_f.swapaxes(2, 3), dy_f[..., :5]
    expected = formulas.conv2d_input_gradient(
        dy[..., :5], kernel.swapaxes(2, 3), (*x.shape[:3], filters), *arguments
    )
    assert np.array_equal(
        kernels.conv2d_input_gradient(of_filters, turned, (*x.shape[:3], filters), *arguments),
        expected,
    )
    assert np.array_equal(
        kernels.conv2d_kernel_gradient(dy_f, x_f, kernel.shape, *arguments),
        formulas.conv2d_kernel_gradient(dy, x, kernel.shape, *arguments),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("columns", [15, 16, 17, 18, 34, 49])
@pytest.mark.parametrize(
    ("channels", "rows", "strides", "dilation"),
    [(1, 3, 1, 1), (3, 3, 2, 1), (16, 3, 1, 1), (20, 2, 1, 2), (40, 1, 1, 1), (40, 3, 1, 1)],
)
def test_lines_of_one_panel_are_exact(channels, rows, strides, dilation, columns, padding, dtype):
    """Kernels three cells wide: the last block of a line overlaps the one before."""
    filters = lanes(np.dtype(dtype))
    rng = np.random.default_rng(columns)
    x = rng.integers(-4, 5, (2, 5, columns, channels))
    kernel = rng.integers(-4, 5, (rows, 3, channels, filters))
    arguments = ((strides, 1), padding, (dilation, 1))
    y = formulas.conv2d(x, kernel, *arguments)
    assert np.array_equal(kernels.conv2d(x.astype(dtype), kernel.astype(dtype), *arguments), y)
    # To the image the channels are the panel
    dy = rng.integers(-4, 5, (*y.shape[:3], channels))
    turned, shape = kernel.swapaxes(2, 3), (*x.shape[:3], filters)
    got = kernels.conv2d_input_gradient(
        dy.astype(dtype), np.ascontiguousarray(turned, dtype), shape, *arguments
    )
    assert np.array_equal(got, formulas.conv2d_input_gradient(dy, turned, shape, *arguments))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(6, 8), (7, 9)], ids=["filled", "with a rest"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("pool", "strides"),
    [((2, 2), (2, 2)), ((2, 2), (3, 3)), ((3, 2), (1, 2)), ((2, 3), (2, 1)), ((1, 1), (2, 2))],
)
def test_max_pooling_of_many_channels_is_exact(pool, strides, padding, size, dtype):
    """Windows that meet, that fill the image, and that leave something between them."""
    x = np.random.default_rng(0).integers(-3, 4, (3, *size, 19))
    y = formulas.max_pool2d(x, pool, strides, padding)
    dy = np.random.default_rng(1).integers(-8, 9, y.shape)
    dx = formulas.max_pool2d_backward(dy, x, pool, strides, padding)
    x, dy = x.astype(dtype), dy.astype(dtype)
    assert np.array_equal(kernels.max_pool2d(x, pool, strides, padding), y)
    assert np.array_equal(kernels.max_pool2d_backward(dy, x, pool, strides, padding), dx)


@pytest.mark.parametrize(("channels", "dtype"), [(512, np.float32), (256, np.float64)])
def test_cells_that_lie_whole_pages_apart_are_exact(channels, dtype):
    """They are copied to lie nearer to each other."""
    rng = np.random.default_rng(0)
    x, kernel = rng.integers(-4, 5, (2, 9, 7, channels)), rng.integers(-4, 5, (1, 1, channels, 40))
    y = formulas.conv2d(x, kernel, (2, 2), "same")
    dy = rng.integers(-4, 5, y.shape)
    exact = formulas.conv2d_backward(dy, x, kernel, (2, 2), "same")
    dy, x, kernel = (array.astype(dtype) for array in (dy, x, kernel))
    assert np.array_equal(kernels.conv2d(x, kernel, (2, 2), "same"), y)
    for ours, each in zip(
        kernels.conv2d_backward(dy, x, kernel, (2, 2), "same"), exact, strict=True
    ):
        assert np.array_equal(ours, each)
