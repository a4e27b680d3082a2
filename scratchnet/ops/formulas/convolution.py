"""Two-dimensional convolution (cross-correlation, as every network library defines it).

    y[n, p, q, f] = Σ_{a, b, c}  x̃[n, p·s + a·d, q·s + b·d, c] · w[a, b, c, f]

with x̃ the zero-padded image, s the stride, d the dilation and (a, b) a tap of the kernel. For
one tap the sum over c is a matrix product of a shifted, strided view of the image with the
(C, F) matrix w[a, b]; the convolution is the sum of these over the taps. The gradients follow
tap by tap from the same line:

    ∂L/∂w[a, b] = Σ_{n, p, q}  x̃[n, p·s + a·d, q·s + b·d, :]ᵀ · dy[n, p, q, :]
    ∂L/∂x̃[n, p·s + a·d, q·s + b·d, :]  +=  dy[n, p, q, :] · w[a, b]ᵀ

With `groups` = G the channels and the filters are cut into G equal parts, and part g of the
filters sees part g of the channels only.

Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), eq. 9.6; Dumoulin and Visin, "A
guide to convolution arithmetic for deep learning" (2016); keras/src/ops/nn.py (conv).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.geometry import Pair, Window, conv2d_window


def conv2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Shaped[np.ndarray, "N OH OW F"]:
    """y = x ∗ w, the first formula of this file.

    Args:
        x: images (N, H, W, C).
        kernel: w (KH, KW, C/groups, F).
        strides: rows and columns between neighbouring windows.
        padding: "valid" or "same" (see `scratchnet.ops.geometry`).
        dilation: distance between neighbouring taps.
        groups: number of parts that channels and filters are cut into.

    Returns:
        y: (N, OH, OW, F).

    Raises:
        ValueError: channels that do not fit, an empty output, an unknown padding.
    """
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, groups)
    x_padded = pad_image(x, window)
    parts = []
    for x_g, w_g in zip(_split(x_padded, groups), _split(kernel, groups), strict=True):
        y_g = np.zeros((len(x), *window.output, w_g.shape[-1]), np.result_type(x, kernel))
        for a, b, rows, columns in taps(kernel.shape, window.output, strides, dilation):
            y_g += x_g[:, rows, columns] @ w_g[a, b]
        parts.append(y_g)
    return np.concatenate(parts, axis=-1)


def conv2d_input_gradient(
    dy: Shaped[np.ndarray, "N OH OW F"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    input_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x: every output cell gives its gradient back to the cells that it saw.

    Args: as `conv2d`; `dy` (N, OH, OW, F) is ∂L/∂y, `input_shape` is (N, H, W, C).
    """
    window = conv2d_window(input_shape, kernel.shape, strides, padding, dilation, groups)
    n, h, w, c = input_shape
    (top, bottom), (left, right) = window.pad_rows, window.pad_columns
    dx_padded = np.zeros((n, top + h + bottom, left + w + right, c), np.result_type(dy, kernel))
    for dx_g, dy_g, w_g in zip(
        _split(dx_padded, groups), _split(dy, groups), _split(kernel, groups), strict=True
    ):
        for a, b, rows, columns in taps(kernel.shape, window.output, strides, dilation):
            dx_g[:, rows, columns] += dy_g @ w_g[a, b].T
    return np.ascontiguousarray(dx_padded[:, top : top + h, left : left + w])


def conv2d_kernel_gradient(
    dy: Shaped[np.ndarray, "N OH OW F"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Shaped[np.ndarray, "KH KW CG F"]:
    """∂L/∂w: what each tap saw, times the gradient of what it made, summed over all places.

    Args: as `conv2d`; `dy` (N, OH, OW, F) is ∂L/∂y, `kernel_shape` is (KH, KW, C/groups, F).
    """
    window = conv2d_window(x.shape, kernel_shape, strides, padding, dilation, groups)
    x_padded = pad_image(x, window)
    dkernel = np.zeros(kernel_shape, np.result_type(dy, x))
    for x_g, dy_g, dw_g in zip(
        _split(x_padded, groups), _split(dy, groups), _split(dkernel, groups), strict=True
    ):
        for a, b, rows, columns in taps(kernel_shape, window.output, strides, dilation):
            dw_g[a, b] = np.tensordot(x_g[:, rows, columns], dy_g, axes=((0, 1, 2), (0, 1, 2)))
    return dkernel


def conv2d_backward(
    dy: Shaped[np.ndarray, "N OH OW F"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW CG F"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[Shaped[np.ndarray, "N H W C"], Shaped[np.ndarray, "KH KW CG F"]]:
    """(∂L/∂x, ∂L/∂w) from `dy` = ∂L/∂y; arguments as `conv2d`."""
    arguments = (strides, padding, dilation, groups)
    dx = conv2d_input_gradient(dy, kernel, x.shape, *arguments)
    dkernel = conv2d_kernel_gradient(dy, x, kernel.shape, *arguments)
    return dx, dkernel


def pad_image(x: np.ndarray, window: Window) -> np.ndarray:
    """x̃: the image with zeros around it."""
    return np.pad(x, ((0, 0), window.pad_rows, window.pad_columns, (0, 0)))


def _split(array: np.ndarray, groups: int) -> list[np.ndarray]:
    """Views of the `groups` equal parts of the last axis."""
    return np.split(array, groups, axis=-1)


def taps(
    kernel_shape: tuple[int, ...], output: Pair, strides: Pair, dilation: Pair
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each tap (a, b) with the rows and columns of x̃ that it sees, one for each output cell."""
    for a in range(kernel_shape[0]):
        for b in range(kernel_shape[1]):
            first_row, first_column = a * dilation[0], b * dilation[1]
            rows = slice(first_row, first_row + (output[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(
                first_column, first_column + (output[1] - 1) * strides[1] + 1, strides[1]
            )
            yield a, b, rows, columns
