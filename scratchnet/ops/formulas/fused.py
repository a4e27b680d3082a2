"""Two steps in one. The result is that of one step after the other; what is saved is time.

A cell by cell operation takes as long as it takes to bring its array from memory and back. Kernels
do both steps while the cell is there. `relu` stands for the plain one, y = max(z, 0).

Shapes, errors and sources are those of the steps, in `convolution`, `linear`, `merge`,
`normalization`, `pooling`, `rectifiers` and `sigmoids`. An activation that is none of `ACTIVATIONS`
is a KeyError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from scratchnet.ops.formulas.pooling import average_pool2d, max_pool2d
from scratchnet.ops.formulas.rectifiers import relu, relu_backward
from scratchnet.ops.formulas.sigmoids import tanh, tanh_backward
from scratchnet.ops.geometry import Pair

# f in y = f(z + b), and what gives ∂L/∂z from ∂L/∂y and y
ACTIVATIONS: dict[str, tuple[Callable[..., Images], Callable[..., Images]]] = {
    "linear": (lambda z: z, lambda dy, y: dy),
    "relu": (relu, relu_backward),
    "tanh": (tanh, tanh_backward),
}


class Pooling(NamedTuple):
    """The arguments of `max_pool2d`, or where `average` is true of `average_pool2d`."""

    size: Pair = (2, 2)
    strides: Pair | None = None
    padding: str = "valid"
    average: bool = False


HALVED = Pooling()


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
    activation: str = "linear",
) -> Shaped[np.ndarray, "N OH OW F"]:
    """y = f(x ∗ w + b) with f one of `ACTIVATIONS`; b: (F,)."""
    z = conv2d(x, kernel, strides, padding, dilation, groups)
    return bias_add_activation(z, bias, activation, z)


def conv2d_bias_pool2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    bias: Shaped[np.ndarray, " F"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    activation: str = "linear",
    pooling: Pooling = HALVED,
    normalization: Normalization | None = None,
) -> Shaped[np.ndarray, "N PH PW F"]:
    """The largest, or the mean, of each window of y = f(x ∗ w + b), with f as in `conv2d_bias`.

    With a normalization, of what that makes of y.
    """
    y = conv2d_bias(x, kernel, bias, strides, padding, dilation, groups, activation)
    if normalization is not None:
        normalize = batch_normalization_relu if normalization.relu else batch_normalization
        y = normalize(y, *normalization[:5])
    return (average_pool2d if pooling.average else max_pool2d)(y, *pooling[:3])


def dense_bias(
    x: Shaped[np.ndarray, "... I"],
    kernel: Shaped[np.ndarray, "I O"],
    bias: Shaped[np.ndarray, " O"],
    activation: str = "linear",
) -> Shaped[np.ndarray, "... O"]:
    """y = f(x·w + b) with f one of `ACTIVATIONS`; b: (O,)."""
    z = dense(x, kernel)
    return bias_add_activation(z, bias, activation, z)


def bias_add_activation(
    x: Images, bias: Channels, activation: str = "linear", out: Images | None = None
) -> Images:
    """y = f(x + b) with x: (…, C), b: (C,) and f one of `ACTIVATIONS`.

    With `out`, written there and returned; that may be x itself.
    """
    f, _ = ACTIVATIONS[activation]
    y = f(bias_add(x, bias, out))
    if out is None:
        return y
    out[...] = y
    return out


def bias_add_activation_backward(
    dy: Images, y: Images, activation: str = "linear"
) -> tuple[Images, Channels]:
    """(∂L/∂x, ∂L/∂b) from the output y, which is all that the gradients of f need."""
    _, gradient = ACTIVATIONS[activation]
    dx = gradient(dy, y)
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
