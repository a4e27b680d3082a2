"""Transposed convolution by the kernels of convolution. Meaning: `ops.formulas.transposed`."""

from __future__ import annotations

import numpy as np

from scratchnet.ops.geometry import Pair, transposed_output
from scratchnet.ops.kernels.convolution import (
    conv2d,
    conv2d_input_gradient,
    conv2d_kernel_gradient,
)


def conv2d_transpose(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    output_padding: Pair | None = None,
) -> np.ndarray:
    """As `formulas.conv2d_transpose`."""
    shape = transposed_output(x.shape, kernel.shape, strides, padding, dilation, output_padding)
    return conv2d_input_gradient(x, kernel, shape, strides, padding, dilation)


def conv2d_transpose_input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.conv2d_transpose_input_gradient`."""
    return conv2d(dy, kernel, strides, padding, dilation)


def conv2d_transpose_kernel_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.conv2d_transpose_kernel_gradient`."""
    return conv2d_kernel_gradient(x, dy, kernel_shape, strides, padding, dilation)


def conv2d_transpose_backward(
    dy: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.conv2d_transpose_backward`."""
    arguments = (strides, padding, dilation)
    dx = conv2d_transpose_input_gradient(dy, kernel, *arguments)
    return dx, conv2d_transpose_kernel_gradient(dy, x, kernel.shape, *arguments)
