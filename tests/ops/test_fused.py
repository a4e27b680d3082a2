"""Two steps in one give what the steps give one after the other, also where numbers are odd."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet import config
from scratchnet.ops import formulas, kernels
from scratchnet.ops.formulas.fused import ACTIVATIONS, Normalization, Pooling
from scratchnet.ops.kernels import correlation, pooled_convolution
from scratchnet.ops.kernels.choice import WINOGRAD, algorithm
from tests.ops.threads import check_one_thread_and_two

ODD = [0.0, -0.0, 1e-40, -1e-40, 3.0, -3.0, np.inf, -np.inf, np.nan]
EPSILON = 1e-3


def some(rng, shape, dtype, odd=False):
    x = rng.standard_normal(shape).astype(dtype)
    if odd:
        x.reshape(-1)[rng.integers(0, x.size, 4)] = rng.choice(ODD, 4)
    return x


def activated(ops, z, activation):
    return z if activation == "linear" else getattr(ops, activation)(z)


# From one number on to more than a long row of 256, and to several chunks of those
shapes = st.tuples(
    st.lists(st.integers(1, 9), max_size=2), st.sampled_from([1, 2, 3, 6, 16, 100, 256, 300])
).map(lambda case: (*case[0], case[1]))


def same(got, expected, dtype):
    tolerance = 3e-5 if dtype == np.float32 else 1e-12
    for ours, exact in zip(got, expected, strict=True):
        assert ours.dtype == exact.dtype == dtype
        size = np.abs(exact[np.isfinite(exact)]).max(initial=1)
        assert np.allclose(ours, exact, rtol=tolerance, atol=tolerance * size, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), shape=shapes, odd=st.booleans(), into=st.booleans())
def test_bias_and_activation(dtype, seed, shape, odd, into):
    rng = np.random.default_rng(seed)
    x, bias = some(rng, shape, dtype, odd), some(rng, shape[-1:], dtype)
    dy = some(rng, shape, dtype)
    for ops in (formulas, kernels):
        ways = {"linear": ops.bias_add} | {
            name: partial(ops.bias_add_activation, activation=name) for name in ACTIVATIONS
        }
        for activation, way in ways.items():
            source, expected = x.copy(), activated(ops, x + bias, activation)
            y = way(source, bias, out=source if into else None)
            assert (y is source) == into
            assert np.array_equal(y, expected, equal_nan=True)
            assert into or np.array_equal(source, x, equal_nan=True)
    for activation in ACTIVATIONS:
        y = activated(formulas, some(rng, shape, dtype), activation)
        dx = dy if activation == "linear" else getattr(kernels, f"{activation}_backward")(dy, y)
        got = kernels.bias_add_activation_backward(dy, y, activation)
        assert np.array_equal(got[0], dx)
        same(got, formulas.bias_add_activation_backward(dy, y, activation), dtype)
        same(got, (dx, formulas.bias_add_backward(dx)), dtype)


@pytest.mark.parametrize("name", ["bias_add", "bias_add_activation"])
@pytest.mark.parametrize(
    "out",
    [
        np.empty((4, 6, 3), np.float32)[:, ::2],
        np.empty((4, 3, 3), ">f4"),
        np.empty((4, 3, 3), np.float64),
        np.asfortranarray(np.empty((4, 3, 3), np.float32)),
    ],
    ids=["every second", "big-endian", "float64", "Fortran order"],
)
def test_results_go_into_any_array_that_can_hold_them(name, out):
    x = np.arange(-18, 18, dtype=np.float32).reshape(4, 3, 3)
    bias = np.array([1, 2, 3], np.float32)
    expected = getattr(formulas, name)(x, bias)
    assert getattr(kernels, name)(x, bias, out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("name", ["bias_add", "bias_add_activation"])
def test_results_do_not_go_into_an_array_that_is_read_only(name):
    x, bias = np.ones((4, 3), np.float32), np.ones(3, np.float32)
    out = np.ones((4, 3), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        getattr(kernels, name)(x, bias, out=out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("algorithm", ["auto", "blocks", *WINOGRAD])
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 2), st.integers(3, 9), st.integers(3, 9)),
    channels=st.sampled_from([(1, 1), (3, 5), (16, 16), (16, 32), (32, 48), (48, 17), (2, 300)]),
    groups=st.sampled_from([1, 1, 1, 2]),
    strides=st.sampled_from([(1, 1), (1, 1), (2, 1)]),
    odd=st.booleans(),
)
def test_convolution_and_bias_and_activation(
    algorithm, dtype, seed, size, channels, groups, strides, odd
):
    """The bits of the steps, by every algorithm, also where an image holds a NaN or an infinity."""
    rng = np.random.default_rng(seed)
    x = some(rng, (*size, groups * channels[0]), dtype, odd)
    kernel = some(rng, (3, 3, channels[0], groups * channels[1]), dtype)
    bias = some(rng, kernel.shape[3:], dtype)
    for ops in (formulas, kernels):
        with config.using_convolution_algorithm(algorithm), np.errstate(all="ignore"):
            z = ops.conv2d(x, kernel, strides, "same", groups=groups)
            for activation in ACTIVATIONS:
                arguments = bias, strides, "same", (1, 1), groups, activation
                expected = activated(ops, z + bias, activation)
                y = ops.conv2d_bias(x, kernel, *arguments)
                assert y.dtype == expected.dtype
                assert np.array_equal(y, expected, equal_nan=True)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("channels", "filters", "size", "strides"),
    [
        (3, 64, 3, (1, 1)),
        (2, 16, 5, (1, 1)),  # one panel
        (3, 48, 7, (2, 2)),  # an odd number of them
        (40, 32, 3, (1, 1)),  # sums of several chains, which are not written past the caches
        (32, 24, 1, (1, 2)),  # in float32 not whole lines of it
    ],
)
def test_results_written_past_the_caches_are_the_same(
    monkeypatch, channels, filters, size, strides, dtype, with_bias, activation
):
    rng = np.random.default_rng(0)
    x = some(rng, (4, 33, 31, channels), dtype)
    x[0, 0, 0, 0], x[1, 3, 4, 0] = np.nan, np.inf
    kernel = some(rng, (size, size, channels, filters), dtype)
    bias = some(rng, (filters,), dtype) if with_bias else None

    def compute():
        if with_bias:
            y = kernels.conv2d_bias(x, kernel, bias, strides, "same", activation=activation)
        else:
            y = kernels.conv2d(x, kernel, strides, "same")
        assert y.nbytes >= 2**16  # so much is aligned
        return [y]

    with config.using_convolution_algorithm("blocks"), np.errstate(all="ignore"):
        [expected] = compute()
        monkeypatch.setattr(correlation, "STREAMED", 0)
        [got] = compute()
        assert np.array_equal(got, expected, equal_nan=True)
        assert np.array_equal(np.signbit(got), np.signbit(expected))
        x[np.isnan(x)] = 0
        check_one_thread_and_two(lambda: [np.nan_to_num(y) for y in compute()])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 3), st.integers(4, 40), st.integers(4, 20)),
    channels=st.sampled_from([(1, 32), (3, 16), (2, 48), (5, 20), (40, 32), (3, 5), (3, 1)]),
    algorithm=st.sampled_from(["auto", "blocks"]),
    geometry=st.sampled_from(
        [
            ((2, 2), None, "valid"),
            ((2, 2), (2, 2), "same"),
            ((2, 3), (2, 2), "same"),
            ((3, 3), (2, 2), "valid"),
            ((1, 2), None, "valid"),
            ((4, 1), None, "valid"),
        ]
    ),
    padding=st.sampled_from(["valid", "same"]),
    strides=st.sampled_from([(1, 1), (1, 1), (2, 1)]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    average=st.booleans(),
    normalized=st.sampled_from([None, False, True]),
    odd=st.booleans(),
)
def test_convolution_and_pooling(
    dtype, seed, size, channels, algorithm, geometry, padding, strides, activation, average,
    normalized, odd
):  # fmt: skip
    """The bits of the steps, wherever tiles end, and where an image holds a NaN or an infinity."""
    rng = np.random.default_rng(seed)
    x = some(rng, (*size, channels[0]), dtype, odd)
    kernel, bias = some(rng, (3, 3, *channels), dtype), some(rng, (channels[1],), dtype)
    normalization = None
    if normalized is not None:
        numbers = [some(rng, (channels[1],), dtype) for _ in range(4)]
        numbers[1] **= 2
        normalization = Normalization(*numbers, EPSILON, normalized)
    with config.using_convolution_algorithm(algorithm), np.errstate(all="ignore"):
        expected = kernels.conv2d_bias(x, kernel, bias, strides, padding, activation=activation)
        fits = all(o >= k for o, k in zip(expected.shape[1:3], geometry[0], strict=True))
        assume(fits or geometry[2] == "same")
        if normalized is not None:
            normalize = ("batch_normalization", "batch_normalization_relu")[normalized]
            expected = getattr(kernels, normalize)(expected, *normalization[:5])
        expected = (kernels.average_pool2d if average else kernels.max_pool2d)(expected, *geometry)
        pooling = Pooling(*geometry, average)
        arguments = strides, padding, (1, 1), 1, activation, pooling, normalization
        for ops in (formulas, kernels):
            y = ops.conv2d_bias_pool2d(x, kernel, bias, *arguments)
            assert y.dtype == dtype
            if ops is kernels:
                assert np.array_equal(y, expected, equal_nan=True)
            else:
                same([y], [expected], dtype)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("filters", [5, 16, 32, 48])
def test_convolution_and_pooling_is_one_pass_of_the_same_bits_on_any_threads(
    monkeypatch, filters, activation, average
):
    rng = np.random.default_rng(0)
    x, kernel = some(rng, (6, 70, 28, 3), np.float32), some(rng, (3, 3, 3, filters), np.float32)
    bias, options = kernel[0, 0, 0], {"padding": "same", "activation": activation}
    pool = kernels.average_pool2d if average else kernels.max_pool2d
    expected = pool(kernels.conv2d_bias(x, kernel, bias, **options))

    def no_other_way(*arguments, **options):
        raise AssertionError("computed step by step")

    monkeypatch.setattr(pooled_convolution, "conv2d_bias", no_other_way)

    for padding in ("valid", "same"):  # the same windows: they fill the image
        pooling = Pooling(padding=padding, average=average)
        pooled = partial(kernels.conv2d_bias_pool2d, x, kernel, bias, **options, pooling=pooling)
        check_one_thread_and_two(lambda pooled=pooled: [pooled()])
        assert np.array_equal(pooled(), expected)


@pytest.mark.parametrize("ops", [formulas, kernels])
@pytest.mark.parametrize("filters", [6, 16])
@pytest.mark.parametrize("size", [(1, 28), (28, 1), (1, 1)])
def test_an_output_smaller_than_a_window_is_refused(size, filters, ops):
    x, kernel = np.ones((2, *size, 1), np.float32), np.ones((5, 5, 1, filters), np.float32)
    in_lines = (filters, size) == (6, (1, 28))
    assert (algorithm("forward", x.shape, kernel.shape, padding="same") == "lines") == in_lines
    with pytest.raises(ValueError, match="empty"):
        ops.conv2d_bias_pool2d(x, kernel, kernel[0, 0, 0], padding="same")
    y = ops.conv2d_bias_pool2d(
        x, kernel, kernel[0, 0, 0], padding="same", pooling=Pooling(padding="same")
    )
    assert y.shape == (2, *(-(-length // 2) for length in size), filters)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(">f4"),
        lambda a: a[..., ::-1],
    ],
    ids=["Fortran order", "big-endian", "backwards"],
)
def test_convolution_and_bias_of_any_memory(change):
    rng = np.random.default_rng(0)
    arrays = [some(rng, shape, np.float32) for shape in ((2, 7, 8, 16), (3, 3, 16, 32), (32,))]
    changed = [change(array) for array in arrays]
    expected = kernels.conv2d_bias(*map(np.ascontiguousarray, changed), activation="tanh")
    assert np.array_equal(kernels.conv2d_bias(*changed, activation="tanh"), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([(1,), (31,), (32,), (9, 4), (300,)]),
    inputs=st.sampled_from([1, 7, 300]),
    outputs=st.sampled_from([1, 10, 16, 70]),
    odd=st.booleans(),
)
def test_dense_and_bias_and_activation(dtype, seed, rows, inputs, outputs, odd):
    """The bits of the steps, of few rows and of many, also where one holds a NaN or an infinity."""
    rng = np.random.default_rng(seed)
    x = some(rng, (*rows, inputs), dtype, odd)
    kernel, bias = (some(rng, shape, dtype) for shape in ((inputs, outputs), (outputs,)))
    for ops in (formulas, kernels):
        with np.errstate(all="ignore"):
            z = ops.dense(x, kernel)
            for activation in ACTIVATIONS:
                expected = activated(ops, z + bias, activation)
                y = ops.dense_bias(x, kernel, bias, activation)
                assert y.dtype == expected.dtype
                assert np.array_equal(y, expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), shape=shapes, odd=st.booleans(), count=st.integers(1, 3))
def test_add_and_relu(dtype, seed, shape, odd, count):
    rng = np.random.default_rng(seed)
    xs = [some(rng, shape, dtype, odd) for _ in range(count)]
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        expected = formulas.relu(formulas.add(xs))
        for ops in (formulas, kernels):
            assert np.array_equal(ops.add_relu(xs), expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=shapes,
    offset=st.sampled_from([0, 100]),
    gamma=st.booleans(),
    beta=st.booleans(),
    threads=st.sampled_from([1, 2]),
)
def test_batch_normalization_and_relu(dtype, seed, shape, offset, gamma, beta, threads):
    rng = np.random.default_rng(seed)
    x, dy = some(rng, shape, np.float64) + offset, some(rng, shape, np.float64)
    weights = [some(rng, shape[-1:], np.float64) if given else None for given in (gamma, beta)]
    mean, variance = formulas.moments(x)
    numbers = [
        None if each is None else each.astype(dtype) for each in (x, mean, variance, *weights)
    ]
    exact = [None if each is None else each.astype(np.float64) for each in numbers]
    before = config.threads()
    config.set_threads(threads)
    try:
        y = kernels.batch_normalization_relu(*numbers, EPSILON)
        z = kernels.batch_normalization(*numbers, EPSILON)
        back = kernels.batch_normalization_relu_backward(dy.astype(dtype), *numbers, EPSILON)
        without = kernels.batch_normalization_backward(
            formulas.relu_backward(dy.astype(dtype), z), *numbers[:4], EPSILON
        )
    finally:
        config.set_threads(before)
    assert np.array_equal(y, formulas.relu(z))
    for one, two in zip(back, without, strict=True):
        assert np.array_equal(one, two)
    same([y], [formulas.batch_normalization_relu(*exact, EPSILON).astype(dtype)], dtype)
    if dtype == np.float64:  # in float32 the sign of a z near 0 is a matter of rounding
        expected = formulas.batch_normalization_relu_backward(dy, *exact, EPSILON)
        same(back, expected, dtype)


@pytest.mark.parametrize("given", [(), (0,), (0, 1)])
def test_numbers_of_the_channels_may_be_big_endian(given):
    x, dy = np.random.default_rng(0).standard_normal((2, 5, 4)).astype(np.float32)
    mean, variance, *weights = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    native = (mean, variance, *(weights[i] if i in given else None for i in (0, 1)))
    swapped = [None if each is None else each.astype(">f4") for each in native]
    for name in ("batch_normalization", "batch_normalization_relu"):
        operation = getattr(kernels, name)
        y = operation(x.astype(">f4"), *swapped, EPSILON)
        assert np.array_equal(y, operation(x, *native, EPSILON))
    operation = kernels.batch_normalization_relu_backward
    got = operation(dy.astype(">f4"), x.astype(">f4"), *swapped, EPSILON)
    for one, two in zip(got, operation(dy, x, *native, EPSILON), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float64, 1e-13)])
@given(seed=st.integers(0, 2**32 - 1), shape=shapes, first=st.sampled_from([0, 1e3, -1e6]))
def test_moments_do_not_suffer_from_a_cell_that_is_unlike_the_others(
    dtype, bound, seed, shape, first
):
    rng = np.random.default_rng(seed)
    x = some(rng, (40, *shape), dtype)
    x[0] += dtype(first)
    mean, variance = kernels.moments(x)
    exact = formulas.moments(x.astype(np.longdouble))
    scale = np.abs(x).max()
    assert np.abs(mean - exact[0]).max() <= bound * scale
    assert (np.abs(variance - exact[1]) / exact[1]).max() <= 10 * bound


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 5000])
def test_moments_far_from_zero_keep_their_variance(rows):
    rng = np.random.default_rng(rows)
    x = 1e8 + rng.standard_normal((rows, 3))
    mean, variance = kernels.moments(x)
    exact = formulas.moments(x.astype(np.longdouble))
    assert np.allclose(mean, exact[0].astype(float), rtol=4e-16)
    assert np.allclose(variance, exact[1].astype(float), rtol=1e-13)


@pytest.mark.parametrize("value", [0.1, -0.0, 1e100, np.inf, np.nan])
def test_moments_of_one_value_over_and_over(value):
    mean, variance = kernels.moments(np.full((1000, 2), value))
    assert np.allclose(mean, value, equal_nan=True)
    assert np.allclose(variance, 0 if np.isfinite(value) else np.nan, equal_nan=True)
    assert not (variance < 0).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 3), st.integers(3, 8), st.integers(3, 8), st.integers(1, 20)),
    geometry=st.sampled_from(
        [((2, 2), None, "valid"), ((3, 2), (2, 3), "same"), ((3, 3), (1, 2), "valid")]
    ),
    given_weights=st.tuples(st.booleans(), st.booleans()),
    odd=st.booleans(),
    special=st.sampled_from([None, "gamma", "mean", "variance", "beta"]),
)
def test_normalization_and_pooling(dtype, seed, size, geometry, given_weights, odd, special):
    """The bits of the steps, also for γ < 0, for γ = 0 and where a number is not finite."""
    rng = np.random.default_rng(seed)
    x = some(rng, size, dtype, odd)
    mean, gamma, beta = (some(rng, size[-1:], dtype) for _ in range(3))
    variance = np.abs(some(rng, size[-1:], dtype))
    if special:
        array = {"gamma": gamma, "mean": mean, "variance": variance, "beta": beta}[special]
        array[0] = {"gamma": 0, "mean": np.inf, "variance": 0, "beta": -np.inf}[special]
    weights = [a if used else None for a, used in zip((gamma, beta), given_weights, strict=True)]
    epsilon = 0.0 if special == "variance" else 1e-3
    with np.errstate(all="ignore"):
        for ops in (formulas, kernels):
            for relu in (False, True):
                normalize = ops.batch_normalization_relu if relu else ops.batch_normalization
                z = normalize(x, mean, variance, *weights, epsilon)
                expected = ops.max_pool2d(z, *geometry)
                y = ops.batch_normalization_max_pool2d(
                    x, mean, variance, *weights, epsilon, *geometry, relu
                )
                assert y.dtype == expected.dtype
                assert np.array_equal(y, expected, equal_nan=True)


@pytest.mark.parametrize("gamma", [1, -1, 0, np.inf])
@pytest.mark.parametrize("mean", [0, np.inf, -np.inf, -3e38])
@pytest.mark.parametrize("beta", [0, np.inf, -np.inf])
@pytest.mark.parametrize("variance", [1, 0])
@pytest.mark.parametrize("cell", [np.inf, -np.inf, 3e38, 0])
def test_normalization_and_pooling_where_the_order_of_numbers_is_lost(
    gamma, mean, beta, variance, cell
):
    """∞ − ∞, 0·∞ and the like are NaN, which is the largest of its window wherever it stands."""
    x = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1)
    x[0, 0, 0] = cell
    numbers = [np.array([n], np.float32) for n in (mean, variance, gamma, beta)]
    with np.errstate(all="ignore"):
        expected = formulas.batch_normalization_max_pool2d(x, *numbers, 0.0)
        y = kernels.batch_normalization_max_pool2d(x, *numbers, 0.0)
    assert np.array_equal(y, expected, equal_nan=True)
