"""Derivatives without any error, for layers that multiply and add.

Where f is a polynomial of degree two at most, its symmetric difference is its derivative,

    (f(t + 1) − f(t − 1)) / 2  =  f'(t)

for every step, so one of 1 will do; and where t and all coefficients are small whole numbers,
floating-point numbers make no rounding error. So a convolution, a matrix product or a sum of inputs
can be checked with "=" in place of "≈". Whether f is such a polynomial is seen from five values:
their third differences are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchnet.inspection.differences import Derivative
from scratchnet.layers import Layer

_LARGEST = 3  # so that sums of millions of products stay far below 2⁵³


def exact_derivative(
    f: Callable[[float], np.ndarray], t: float, expected: float, tolerance: float = 0.0
) -> Derivative:
    """f'(t) as `differences.derivative` gives it, but exact.

    Raises ValueError where f is not a polynomial of degree two at most near t, or was rounded.
    """
    values = np.stack([f(t + step) for step in (-2, -1, 0, 1, 2)])
    if not np.isfinite(values).all() or np.diff(values, n=3, axis=0).any():
        raise ValueError(
            "The layer cannot be checked with exact=True: it is no polynomial of degree two at "
            "most in every number, or its results are rounded. Expected a layer that multiplies "
            "and adds, such as Conv2D or Dense without an activation; leave exact=False for others."
        )
    value = float((values[3] - values[1]).sum() / 2)
    return Derivative(value, abs(value - expected) <= tolerance, 0.0)


def whole_numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers in float64."""
    return rng.integers(-_LARGEST, _LARGEST, shape, endpoint=True).astype(np.float64)


@contextmanager
def whole_weights(layer: Layer, rng: np.random.Generator) -> Iterator[None]:
    """Inside the block the layer's weights are small whole numbers."""
    before = layer.get_weights()
    try:
        for weight in layer.weights:
            weight.value[...] = whole_numbers(rng, weight.shape)
        yield
    finally:
        for weight, value in zip(layer.weights, before, strict=True):
            weight.value[...] = value


def whole_inputs(x: Any, rng: np.random.Generator) -> Any:
    """Small whole numbers in place of the inputs; integers stay as they are."""
    if isinstance(x, list):
        return [whole_inputs(each, rng) for each in x]
    return whole_numbers(rng, x.shape) if np.issubdtype(x.dtype, np.floating) else x
