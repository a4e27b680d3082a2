"""Depthwise convolution: every channel has kernels of its own, and channels never mix.

    y[n, p, q, c·M + m] = Σ_{a, b}  x̃[n, p·s + a·d, q·s + b·d, c] · w[a, b, c, m]

with x̃ the zero-padded image, s the stride, d the dilation, (a, b) a tap of the kernel and M the
depth multiplier: the number of kernels, and so of output channels, for each channel of x. It is
`conv2d` with as many groups as channels. For one tap the product is taken cell by cell, and the
gradients follow tap by tap:

    ∂L/∂w[a, b, c, m] = Σ_{n, p, q}  x̃[n, p·s + a·d, q·s + b·d, c] · dy[n, p, q, c·M + m]
    ∂L/∂x̃[n, p·s + a·d, q·s + b·d, c]  +=  Σ_m  dy[n, p, q, c·M + m] · w[a, b, c, m]

Source: Sifre, "Rigid-motion scattering for image classification" (2014), section 6.2; Chollet,
"Xception: deep learning with depthwise separable convolutions" (2017);
keras/src/ops/nn.py (depthwise_conv).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.convolution import pad_image, taps
from scratchnet.ops.geometry import Pair, depthwise_window


def depthwise_conv2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW C M"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Shaped[np.ndarray, "N OH OW CM"]:
    """The first formula of this file.

    Args:
        x: images (N, H, W, C).
        kernel: w (KH, KW, C, M).
        strides: rows and columns between neighbouring windows.
        padding: "valid" or "same" (see `scratchnet.ops.geometry`).
        dilation: distance between neighbouring taps.

    Returns:
        y: (N, OH, OW, C·M); the M channels made from one channel of x are neighbours.

    Raises:
        ValueError: channels that do not fit, an empty output, an unknown padding.
    """
    window = depthwise_window(x.shape, kernel.shape, strides, padding, dilation)
    x_padded = pad_image(x, window)
    channels, multiplier = kernel.shape[2:]
    y = np.zeros((len(x), *window.output, channels, multiplier), np.result_type(x, kernel))
    for a, b, rows, columns in taps(kernel.shape, window.output, strides, dilation):
        y += x_padded[:, rows, columns, :, None] * kernel[a, b]
    return y.reshape(len(x), *window.output, channels * multiplier)


def depthwise_conv2d_input_gradient(
    dy: Shaped[np.ndarray, "N OH OW CM"],
    kernel: Shaped[np.ndarray, "KH KW C M"],
    input_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: every output cell gives its gradient back to the cells that it saw.

    Args: as `depthwise_conv2d`; `dy` (N, OH, OW, C·M) is ∂L/∂y, `input_shape` is (N, H, W, C).
    """
    window = depthwise_window(input_shape, kernel.shape, strides, padding, dilation)
    n, h, w, c = input_shape
    (top, bottom), (left, right) = window.pad_rows, window.pad_columns
    dx_padded = np.zeros((n, top + h + bottom, left + w + right, c), np.result_type(dy, kernel))
    dy_split = dy.reshape(*dy.shape[:3], *kernel.shape[2:])
    for a, b, rows, columns in taps(kernel.shape, window.output, strides, dilation):
        dx_padded[:, rows, columns] += (dy_split * kernel[a, b]).sum(axis=-1)
    return np.ascontiguousarray(dx_padded[:, top : top + h, left : left + w])


def depthwise_conv2d_kernel_gradient(
    dy: Shaped[np.ndarray, "N OH OW CM"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Shaped[np.ndarray, "KH KW C M"]:
    """∂L/∂w: what each tap saw, times the gradient of what it made, summed over all places.

    Args: as `depthwise_conv2d`; `dy` (N, OH, OW, C·M) is ∂L/∂y, `kernel_shape` is (KH, KW, C, M).
    """
    window = depthwise_window(x.shape, kernel_shape, strides, padding, dilation)
    x_padded = pad_image(x, window)
    dkernel = np.zeros(kernel_shape, np.result_type(dy, x))
    dy_split = dy.reshape(*dy.shape[:3], *kernel_shape[2:])
    for a, b, rows, columns in taps(kernel_shape, window.output, strides, dilation):
        dkernel[a, b] = (x_padded[:, rows, columns, :, None] * dy_split).sum(axis=(0, 1, 2))
    return dkernel


def depthwise_conv2d_backward(
    dy: Shaped[np.ndarray, "N OH OW CM"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW C M"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> tuple[Shaped[np.ndarray, "N H W C"], Shaped[np.ndarray, "KH KW C M"]]:
    """(∂L/∂x, ∂L/∂w) from `dy` = ∂L/∂y; arguments as `depthwise_conv2d`."""
    arguments = (strides, padding, dilation)
    dx = depthwise_conv2d_input_gradient(dy, kernel, x.shape, *arguments)
    dkernel = depthwise_conv2d_kernel_gradient(dy, x, kernel.shape, *arguments)
    return dx, dkernel
