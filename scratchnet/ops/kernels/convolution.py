"""Convolution by the algorithm that suits its shape. Meaning: `ops.formulas.convolution`.

`ops.kernels.choice` chooses; the algorithms are in `correlation`, `kernel_gradient`, `lines`,
`scattering` and `winograd`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, Window, conv2d_window
from scratchnet.ops.kernels import correlation, lines
from scratchnet.ops.kernels.choice import WINOGRAD, choose
from scratchnet.ops.kernels.jit import ready, served
from scratchnet.ops.kernels.kernel_gradient import kernel_gradient
from scratchnet.ops.kernels.linear import bias_add_activation
from scratchnet.ops.kernels.patches import forward_view
from scratchnet.ops.kernels.scattering import scattered_input_gradient
from scratchnet.ops.kernels.sigmoids import tanh
from scratchnet.ops.kernels.winograd import winograd_correlate
from scratchnet.ops.kernels.winograd_gradient import winograd_kernel_gradient


def conv2d(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """As `formulas.conv2d`."""
    strides, dilation = _pairs(strides, dilation)
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, groups)
    if not served(x, kernel):
        return formulas.conv2d(x, kernel, strides, padding, dilation, groups)

    def part(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return _forward(x, kernel, window, strides, dilation)

    return _over_groups(part, groups, x, kernel)


def conv2d_bias(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    activation: str = "linear",
) -> np.ndarray:
    """As `formulas.conv2d_bias`; the bias is added to a tile of y before that leaves the cache."""
    strides, dilation = _pairs(strides, dilation)
    if groups > 1 or not served(x, kernel, bias) or bias.shape != kernel.shape[3:]:
        z = conv2d(x, kernel, strides, padding, dilation, groups)
        return bias_add_activation(z, bias, activation, z)
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, groups)
    return _forward(ready(x), ready(kernel), window, strides, dilation, ready(bias), activation)


def _forward(
    x: np.ndarray,
    kernel: np.ndarray,
    window: Window,
    strides: Pair,
    dilation: Pair,
    bias: np.ndarray | None = None,
    activation: str = "linear",
) -> np.ndarray:
    """y of one group."""
    chosen = choose("forward", (len(x), *window.output), kernel.shape, strides, dilation, x.dtype)
    if chosen == "lines":
        return lines.forward(x, kernel, window, strides, dilation, bias, activation)
    if chosen in WINOGRAD and activation == "tanh":
        return tanh(_forward(x, kernel, window, strides, dilation, bias))
    product = _product(chosen)
    return correlation.forward(x, kernel, window, strides, dilation, product, bias, activation)


def conv2d_input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    input_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """As `formulas.conv2d_input_gradient`."""
    strides, dilation = _pairs(strides, dilation)
    window = conv2d_window(input_shape, kernel.shape, strides, padding, dilation, groups)
    if not (served(dy, kernel) and dy.shape == (input_shape[0], *window.output, kernel.shape[3])):
        return formulas.conv2d_input_gradient(
            dy, kernel, input_shape, strides, padding, dilation, groups
        )

    def part(dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        n, height, width = input_shape[:3]
        arguments = kernel.shape, strides, dilation, dy.dtype
        chosen = choose("input gradient", (n, height, width), *arguments)
        geometry = input_shape, window, strides, dilation
        if chosen == "scattering":
            return scattered_input_gradient(dy, kernel, *geometry)
        return correlation.input_gradient(dy, kernel, *geometry, _product(chosen))

    return _over_groups(part, groups, dy, kernel)


def conv2d_kernel_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """As `formulas.conv2d_kernel_gradient`."""
    strides, dilation = _pairs(strides, dilation)
    window = conv2d_window(x.shape, kernel_shape, strides, padding, dilation, groups)
    if not (served(dy, x) and dy.shape == (len(x), *window.output, kernel_shape[3])):
        return formulas.conv2d_kernel_gradient(
            dy, x, kernel_shape, strides, padding, dilation, groups
        )

    def part(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        of_group = (*kernel_shape[:3], dy.shape[3])
        shape = len(x), *window.output
        chosen = choose("kernel gradient", shape, of_group, strides, dilation, x.dtype)
        view = forward_view(of_group[:2], window, strides, dilation)
        if chosen in WINOGRAD:
            return winograd_kernel_gradient(dy, x, of_group, view, WINOGRAD[chosen])
        if chosen == "lines":
            return lines.kernel_gradient(dy, x, of_group, view)
        return kernel_gradient(dy, x, of_group, view)

    return _over_groups(part, groups, dy, x)


def conv2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.conv2d_backward`."""
    arguments = (strides, padding, dilation, groups)
    dx = conv2d_input_gradient(dy, kernel, x.shape, *arguments)
    return dx, conv2d_kernel_gradient(dy, x, kernel.shape, *arguments)


def _pairs(strides: Sequence[int], dilation: Sequence[int]) -> tuple[Pair, Pair]:
    """As tuples also where lists were given: geometries are remembered by them."""
    return (strides[0], strides[1]), (dilation[0], dilation[1])


def _product(algorithm: str) -> Callable[..., None]:
    """What multiplies patches and kernel."""
    if algorithm in WINOGRAD:
        return partial(winograd_correlate, m=WINOGRAD[algorithm])
    return correlation.correlate


def _over_groups(
    part: Callable[[np.ndarray, np.ndarray], np.ndarray], groups: int, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """`part` of each pair of groups of the last axes, side by side."""
    if groups == 1:
        return part(ready(a), ready(b))
    pairs = zip(np.split(a, groups, axis=-1), np.split(b, groups, axis=-1), strict=True)
    return np.concatenate([part(ready(a_g), ready(b_g)) for a_g, b_g in pairs], axis=-1)
