"""Convolution by the kernel that suits its shape. Meaning: `ops.formulas.convolution`.

What can compute it: products of blocks (`correlation`, `kernel_gradient`), and for the gradient of
an image with few channels products that are scattered afterwards (`scattering`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, conv2d_window
from scratchnet.ops.kernels import correlation
from scratchnet.ops.kernels.jit import ready, served
from scratchnet.ops.kernels.kernel_gradient import kernel_gradient
from scratchnet.ops.kernels.scattering import prefers_scattering, scattered_input_gradient


def conv2d(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """As `formulas.conv2d`."""
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, groups)
    if not served(x, kernel):
        return formulas.conv2d(x, kernel, strides, padding, dilation, groups)

    return _over_groups(
        lambda x, kernel: correlation.forward(x, kernel, window, strides, dilation),
        groups,
        x,
        kernel,
    )


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
    window = conv2d_window(input_shape, kernel.shape, strides, padding, dilation, groups)
    if not served(dy, kernel):
        return formulas.conv2d_input_gradient(
            dy, kernel, input_shape, strides, padding, dilation, groups
        )

    def part(dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        scattered = prefers_scattering(kernel.shape, strides, dy.dtype)
        compute = scattered_input_gradient if scattered else correlation.input_gradient
        return compute(dy, kernel, input_shape, window, strides, dilation)

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
    window = conv2d_window(x.shape, kernel_shape, strides, padding, dilation, groups)
    if not served(dy, x):
        return formulas.conv2d_kernel_gradient(
            dy, x, kernel_shape, strides, padding, dilation, groups
        )

    def part(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        shape = (*kernel_shape[:3], dy.shape[-1])
        return kernel_gradient(dy, x, shape, window, strides, dilation)

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


def _over_groups(
    part: Callable[[np.ndarray, np.ndarray], np.ndarray], groups: int, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """`part` of each pair of groups of the last axes, side by side."""
    if groups == 1:
        return part(ready(a), ready(b))
    pairs = zip(np.split(a, groups, axis=-1), np.split(b, groups, axis=-1), strict=True)
    return np.concatenate([part(ready(a_g), ready(b_g)) for a_g, b_g in pairs], axis=-1)
