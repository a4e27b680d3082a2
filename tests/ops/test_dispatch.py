"""Kernels compute what they are made for themselves, and leave all else to the formulas."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from scratchnet import ops
from scratchnet.ops import formulas, kernels

NAMES = [
    name
    for name in kernels.__all__
    if getattr(kernels, name).__module__.startswith("scratchnet.ops.kernels")
]
RNG = np.random.default_rng(0)
X = RNG.integers(-8, 9, (2, 6, 5, 4))
KEEP = np.arange(X.size).reshape(X.shape) % 3 > 0
FILTERS = {
    "conv2d": RNG.integers(-8, 9, (3, 2, 4, 3)),
    "depthwise_conv2d": RNG.integers(-8, 9, (3, 2, 4, 2)),
    "conv2d_transpose": RNG.integers(-8, 9, (3, 2, 3, 4)),
}
STRIDES = (2, 1), "same"
WINDOWS = (2, 3), (1, 2), "same"
MEAN, VARIANCE, GAMMA = np.array([[0, 1, 2, -1], [1, 4, 2, 3], [1, 2, -1, 3]])


def arguments_of(name, dtype, x=X):
    """An example call of an operation, in integers that are exact in every dtype."""

    def cast(*arrays):
        return tuple(array.astype(dtype) for array in arrays)

    base = name
    for ending in ("_inference_backward", "_backward", "_input_gradient", "_kernel_gradient"):
        base = base.removesuffix(ending)
    way = name.removeprefix(base)
    (images,) = cast(x)
    if base in FILTERS:
        (kernel,) = cast(FILTERS[base])
        if not way:
            return images, kernel, *STRIDES
        (dy,) = cast(getattr(formulas, base)(images, kernel, *STRIDES))
        if way == "_kernel_gradient":
            return dy, images, kernel.shape, *STRIDES
        if way == "_backward":
            return dy, images, kernel, *STRIDES
        return (dy, kernel, *([] if base == "conv2d_transpose" else [images.shape]), *STRIDES)
    if base == "conv2d_bias":
        return images, *cast(FILTERS["conv2d"], FILTERS["conv2d"][0, 0, 0]), *STRIDES
    if base == "conv2d_bias_pool2d":
        return images, *cast(FILTERS["conv2d"], FILTERS["conv2d"][0, 0, 0]), (1, 1), "same"
    if base == "dense_bias":
        return images, *cast(MEAN[:, None] * np.arange(-1, 3), GAMMA)
    if base in ("add", "add_relu"):
        return ([images, images[..., ::-1], images],)
    if base == "dense":
        (matrix,) = cast(MEAN[:, None] * np.arange(-1, 3))
        return (images[..., ::-1], images, matrix) if way else (images, matrix)
    if base == "bias_add_activation" and way:
        return images[::-1], images
    if base in ("bias_add", "bias_add_activation"):
        return (images,) if way else (images, *cast(GAMMA))
    if base == "batch_normalization":
        first = (images[::-1], images) if way else (images,)
        return *first, *cast(MEAN, VARIANCE, GAMMA), *([] if way else cast(MEAN)), 0.5
    if base == "batch_normalization_max_pool2d":
        return images, *cast(MEAN, VARIANCE, GAMMA, MEAN), 0.5
    if base == "batch_normalization_relu":
        first = (images[::-1], images) if way else (images,)
        return *first, *cast(MEAN, VARIANCE, GAMMA, MEAN), 0.5
    if base == "layer_normalization":
        (gamma,) = cast(GAMMA.reshape(1, 1, 1, 4))
        first = (images[::-1], images) if way else (images,)
        return *first, gamma, *([] if way else [gamma]), (3,), 0.5
    if base == "dropout_mask":
        return images.shape, 0.25, (3, 4)
    if base == "dropout":
        return images, KEEP[: len(images)], 0.25
    pooling, options = getattr(formulas, base), WINDOWS if base in WINDOWED else ()
    if not way:
        return images, *options
    if "average" in base or "max_pool" in base:
        (dy,) = cast(pooling(images, *options))
        return dy, images.shape if "average" in base else images, *options
    if base in ("softmax", "sigmoid", "tanh", "hard_sigmoid"):
        return images[::-1], *cast(formulas.hard_sigmoid(images))
    return images[::-1], images


WINDOWED = ("max_pool2d", "average_pool2d")


def result_of(implementation, name, arguments):
    result = getattr(implementation, name)(*arguments)
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_computes_by_itself(monkeypatch, name, dtype):
    expected = result_of(formulas, name, arguments_of(name, np.float64))
    arguments = arguments_of(name, dtype)
    for formula in formulas.__all__:
        monkeypatch.setattr(formulas, formula, _refuse)
    got = result_of(kernels, name, arguments)
    assert len(got) == len(expected)
    for ours, exact in zip(got, expected, strict=True):
        assert ours.shape == exact.shape
        assert ours.dtype == (bool if name == "dropout_mask" else dtype)
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        assert np.allclose(ours, exact, rtol=tolerance, atol=tolerance * np.abs(exact).max())


def _refuse(*arguments, **options):
    raise AssertionError("a formula was called")


def not_served():
    """(name, kind of arguments) that make sense: one array has one dtype, no images no mean."""
    for name in NAMES:
        if name != "dropout_mask":
            parameters = inspect.signature(getattr(kernels, name)).parameters.values()
            arrays = sum("ndarray" in str(each.annotation) for each in parameters)
            yield name, "float16"
            if not name.startswith("dropout"):
                yield name, "int64"
            if arrays > 1 and not name.startswith("dropout"):
                yield name, "two dtypes"
            if name != "moments":
                yield name, "no image"


@pytest.mark.parametrize(("name", "kind"), list(not_served()))
def test_what_a_kernel_is_not_made_for_goes_to_the_formula(name, kind):
    dtype = {"float16": np.float16, "int64": np.int64}.get(kind, np.float32)
    arguments = list(arguments_of(name, dtype, X[:0] if kind == "no image" else X))
    if kind == "two dtypes":
        last = max(i for i, each in enumerate(arguments) if isinstance(each, np.ndarray))
        arguments[last] = arguments[last].astype(np.float64)
    expected = result_of(formulas, name, arguments)
    for ours, exact in zip(result_of(kernels, name, arguments), expected, strict=True):
        assert ours.dtype == exact.dtype
        assert np.array_equal(ours, exact, equal_nan=True)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "dropout_mask"])
def test_arrays_that_do_not_fit_are_refused_or_broadcast_as_by_the_formula(name):
    arguments = arguments_of(name, np.float64)
    for i, array in enumerate(arguments):
        for axis in range(np.ndim(array) if isinstance(array, np.ndarray) else 0):
            cut = [*arguments]
            cut[i] = np.delete(array, -1, axis)
            try:
                expected = result_of(formulas, name, cut)
            except (ValueError, TypeError, IndexError) as refusal:
                # an IndexError of an uncompiled kernel is none of the compiled one: it reads on
                with pytest.raises((ValueError, TypeError, type(refusal))):
                    result_of(kernels, name, cut)
                continue
            for ours, exact in zip(result_of(kernels, name, cut), expected, strict=True):
                assert np.allclose(ours, exact, rtol=1e-12, atol=1e-9, equal_nan=True)


def test_operations_are_listed():
    assert {"conv2d", "relu_backward", "use", "implementation"} <= set(dir(ops))
