"""Two steps in one. The result is that of one step after the other; what is saved is time.

A cell by cell operation takes as long as it takes to bring its array from memory and back. Kernels
do both steps while the cell is there. `relu` stands for the plain one, y = max(z, 0).

Shapes, errors and sources are those of the steps, in `convolution`, `linear`, `merge`,
`normalization`, `pooling` and `rectifiers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.convolution import conv2d
from scratchnet.ops.formulas.linear import bias_add, bias_add_backward, dense
from scratchnet.ops.formulas.merge import Array, add
from scratchnet.ops.formulas.normalization import (
    Channels,
    Images,
    batch_normalization,
    batch_normalization_backward,
)
from scratchnet.ops.formulas.pooling import max_pool2d
from scratchnet.ops.formulas.rectifiers import relu, relu_backward
from scratchnet.ops.geometry import Pair

Pooling = tuple[Pair, Pair | None, str]  # size, strides, padding


class Normalization(NamedTuple):
    """What `batch_normalization` does to each channel, and whether the result is rectified."""

    mean: Channels
    variance: Channels
    gamma: Channels | None
    beta: Channels | None
    epsilon: float
    relu: bool = False


def conv2d_bias(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    bias: Shaped[np.ndarray, " F"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    relu: bool = False,
) -> Shaped[np.ndarray, "N OH OW F"]:
    """y = x ∗ w + b, or with `relu` max(x ∗ w + b, 0); b: (F,)."""
    z = conv2d(x, kernel, strides, padding, dilation, groups)
    return bias_add_relu(z, bias, z) if relu else bias_add(z, bias, z)


def conv2d_bias_max_pool2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    bias: Shaped[np.ndarray, " F"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    relu: bool = False,
    pooling: Pooling = ((2, 2), None, "valid"),
    normalization: Normalization | None = None,
) -> Shaped[np.ndarray, "N PH PW F"]:
    """The largest of each window of y = x ∗ w + b, or with `relu` of max(x ∗ w + b, 0).

    Pooling: arguments of `max_pool2d`. With a normalization, of what that makes of y.
    """
    y = conv2d_bias(x, kernel, bias, strides, padding, dilation, groups, relu)
    if normalization is None:
        return max_pool2d(y, *pooling)
    numbers, relu_after = normalization[:5], normalization.relu
    return batch_normalization_max_pool2d(y, *numbers, *pooling, relu=relu_after)


def dense_bias(
    x: Shaped[np.ndarray, "... I"],
    kernel: Shaped[np.ndarray, "I O"],
    bias: Shaped[np.ndarray, " O"],
    relu: bool = False,
) -> Shaped[np.ndarray, "... O"]:
    """y = x·w + b, or with `relu` max(x·w + b, 0); b: (O,)."""
    z = dense(x, kernel)
    return bias_add_relu(z, bias, z) if relu else bias_add(z, bias, z)


def bias_add_relu(x: Images, bias: Channels, out: Images | None = None) -> Images:
    """y = max(x + b, 0) with x: (…, C) and b: (C,), written to `out` as by `bias_add`."""
    return np.maximum(bias_add(x, bias, out), 0, out=out)


def bias_add_relu_backward(dy: Images, y: Images) -> tuple[Images, Channels]:
    """(∂L/∂x, ∂L/∂b) from the output y, which is positive where x + b was."""
    dx = relu_backward(dy, y)
    return dx, bias_add_backward(dx)


def add_relu(xs: Sequence[Array]) -> Array:
    """y = max(Σ_k x_k, 0)."""
    return relu(add(xs))


def batch_normalization_relu(
    x: Images,
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    beta: Channels | None,
    epsilon: float,
) -> Images:
    """y = max(γ·(x − μ)/√(σ² + ε) + β, 0)."""
    return relu(batch_normalization(x, mean, variance, gamma, beta, epsilon))


def batch_normalization_relu_backward(
    dy: Images,
    x: Images,
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    beta: Channels | None,
    epsilon: float,
) -> tuple[Images, Channels, Channels]:
    """(∂L/∂x, ∂L/∂γ, ∂L/∂β) where μ and σ² are the moments of x itself."""
    z = batch_normalization(x, mean, variance, gamma, beta, epsilon)
    return batch_normalization_backward(relu_backward(dy, z), x, mean, variance, gamma, epsilon)


def batch_normalization_max_pool2d(
    x: Shaped[np.ndarray, "N H W C"],
    mean: Channels,
    variance: Channels,
    gamma: Channels | None,
    beta: Channels | None,
    epsilon: float,
    pool_size: Pair = (2, 2),
    strides: Pair | None = None,
    padding: str = "valid",
    relu: bool = False,
) -> Shaped[np.ndarray, "N OH OW C"]:
    """The largest of each window of γ·(x − μ)/√(σ² + ε) + β, or with `relu` of what that has above
    0; as `max_pool2d` of `batch_normalization` or of `batch_normalization_relu`."""
    normalize = batch_normalization_relu if relu else batch_normalization
    z = normalize(x, mean, variance, gamma, beta, epsilon)
    return max_pool2d(z, pool_size, strides, padding)
