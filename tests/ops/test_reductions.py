"""Maxima, sums, merges and distributions of kernels: the formulas', for few channels and many."""

from __future__ import annotations

import numpy as np
import pytest

from scratchnet import config
from scratchnet.ops import formulas, kernels

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# Fewer cells than lanes, a rest behind the last whole row of lanes, more channels than lanes
SHAPES = pytest.mark.parametrize(
    "shape", [(2, 3, 3, 5), (3, 17, 13, 3), (1, 5, 4, 300), (4, 8, 8, 1)]
)


def integers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype)


@DTYPES
@SHAPES
def test_maxima_of_maps_are_those_of_the_formula(shape, dtype):
    x, dy = integers(shape, dtype), integers((shape[0], shape[-1]), dtype, 1)
    for values in (x, np.where(x == 3, np.nan, x).astype(dtype)):
        y = kernels.global_max_pool2d(values)
        with np.errstate(all="ignore"):  # uncompiled, the kernel divides by 0 in NumPy as well
            dx = kernels.global_max_pool2d_backward(dy, values)
            expected = formulas.global_max_pool2d_backward(dy, values)
        np.testing.assert_array_equal(y, formulas.global_max_pool2d(values))
        np.testing.assert_array_equal(dx, expected)
        for window in ((2, 2), (3, 2), "valid"), ((3, 3), (2, 2), "same"):
            ours = kernels.max_pool2d(values, *window)
            np.testing.assert_array_equal(ours, formulas.max_pool2d(values, *window))


@DTYPES
@SHAPES
def test_sums_of_maps_are_exact_on_integers(shape, dtype):
    x = integers(shape, dtype)
    assert np.array_equal(kernels.bias_add_backward(x), x.sum(axis=(0, 1, 2)))
    cells = dtype(shape[1] * shape[2])
    assert np.array_equal(kernels.global_average_pool2d(x), x.sum(axis=(1, 2)) / cells)


@DTYPES
def test_arrays_are_added_from_left_to_right(dtype):
    xs = [np.random.default_rng(i).normal(size=(3, 4, 5)).astype(dtype) for i in range(3)]
    xs[1] = np.asfortranarray(xs[1])
    for some in (xs[:1], xs[:2], xs, [xs[0], xs[1][:1]], [xs[0], xs[1].astype(np.float16)]):
        y = kernels.add(some)
        expected = formulas.add(some)
        assert y.dtype == expected.dtype
        assert np.array_equal(y, expected)


@DTYPES
@pytest.mark.parametrize("shape", [(5, 10), (3, 1000), (2, 3, 7), (4, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_distributions_over_the_last_axis_are_the_formulas(name, shape, dtype):
    x = (np.random.default_rng(0).normal(size=shape) * 20).astype(dtype)
    x[0, ..., 0] = 1000
    ours, exact = getattr(kernels, name)(x), getattr(formulas, name)(x.astype(np.float64))
    assert ours.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours, exact, rtol=tolerance, atol=tolerance * 4)
    first = getattr(kernels, name)(np.ascontiguousarray(np.moveaxis(x, -1, 0)), axis=0)
    np.testing.assert_allclose(np.moveaxis(first, 0, -1), ours, rtol=tolerance * 9, atol=tolerance)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_row_without_a_distribution_is_nan_and_the_others_are_not(name, odd):
    x = np.zeros((3, 5), np.float32)
    x[1, 2] = odd
    with np.errstate(all="ignore"):
        y, expected = getattr(kernels, name)(x), getattr(formulas, name)(x)
    assert np.isnan(y[1]).any()
    assert np.isfinite(y[[0, 2]]).all()
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@DTYPES
def test_hard_tanh_is_the_formula(dtype):
    x = np.array([-np.inf, -2, -1, -0.5, 0, 1, 1.5, np.nan, np.inf], dtype)
    dy = np.arange(9, dtype=dtype) + 1
    np.testing.assert_array_equal(kernels.hard_tanh(x), formulas.hard_tanh(x))
    ours = kernels.hard_tanh_backward(dy, x)
    np.testing.assert_array_equal(ours, formulas.hard_tanh_backward(dy, x))


def test_kernels_give_the_same_bits_on_one_thread_and_on_all():
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=(16, 24, 24, 20)).astype(np.float32) for _ in range(2))
    channels = rng.normal(size=20).astype(np.float32)

    def everything():
        mean, variance = kernels.moments(x)
        statistics = x, mean, variance, channels
        yield from (mean, variance, kernels.bias_add_backward(x), kernels.add([x, dy]))
        yield kernels.batch_normalization(*statistics, channels, 1e-3)
        yield from kernels.batch_normalization_backward(dy, *statistics, 1e-3)
        yield from kernels.layer_normalization_backward(dy, x, channels, (3,), 1e-3)
        for name in ("relu", "tanh", "sigmoid", "gelu", "softmax", "log_softmax"):
            yield getattr(kernels, name)(x)
        yield kernels.global_average_pool2d(x)
        yield kernels.max_pool2d_backward(kernels.max_pool2d(x), x)
        yield kernels.average_pool2d(x)
        yield from kernels.dense_backward(dy, x, np.diag(channels))
        w = rng.normal(size=(3, 3, 20, 1)).astype(np.float32) * 0 + 0.1
        yield from kernels.depthwise_conv2d_backward(dy, x, w, (1, 1), "same")

    results = []
    for threads in (1, None):
        config.set_threads(threads)
        results.append(list(everything()))
    for one, all_of_them in zip(*results, strict=True):
        assert np.array_equal(one, all_of_them)
