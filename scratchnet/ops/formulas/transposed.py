"""Transposed convolution: the adjoint of a convolution, taken as a forward pass.

For fixed w a convolution is a linear map, y = A_w x, and its input gradient is the transposed one,
dx = A_wᵀ dy. The transposed convolution applies A_wᵀ to its input: every cell of x paints the
kernel, weighed by its value, onto the output, s cells further for each cell of x:

    ỹ[n, p·s + a·d, q·s + b·d, f]  +=  Σ_c  x[n, p, q, c] · w[a, b, f, c]

and y is ỹ without the rows and columns that are padding. So no formula is new, only who plays
which part: with ⟨·,·⟩ the sum of all products of entries,

    y = A_wᵀ x = conv2d_input_gradient(x, w)
    ∂L/∂x = A_w dy = conv2d(dy, w)
    ∂L/∂w: from L = ⟨dy, A_wᵀ x⟩ = ⟨x, A_w dy⟩ it is the kernel gradient of the convolution of dy
        with upstream gradient x, conv2d_kernel_gradient(x, dy)

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter
4; Zeiler et al., "Deconvolutional networks" (2010); keras/src/ops/nn.py (conv_transpose).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.formulas.convolution import (
    conv2d,
    conv2d_input_gradient,
    conv2d_kernel_gradient,
)
from scratchnet.ops.geometry import Pair, transposed_output


def conv2d_transpose(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW F C"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    output_padding: Pair | None = None,
) -> Shaped[np.ndarray, "N OH OW F"]:
    """y = A_wᵀ x.

    Args:
        x: images (N, H, W, C).
        kernel: w (KH, KW, F, C), as the convolution from y to x has it.
        strides: rows and columns of y between the places of neighbouring cells of x.
        padding: "valid" (y has every cell that is painted on) or "same" (H·s rows).
        dilation: distance between neighbouring taps.
        output_padding: further rows and columns at the end of y (see
            `scratchnet.ops.geometry.transposed_size`).

    Returns:
        y: (N, OH, OW, F).

    Raises:
        ValueError: channels that do not fit, sizes that the convolution would not turn back.
    """
    shape = transposed_output(x.shape, kernel.shape, strides, padding, dilation, output_padding)
    return conv2d_input_gradient(x, kernel, shape, strides, padding, dilation)


def conv2d_transpose_input_gradient(
    dy: Shaped[np.ndarray, "N OH OW F"],
    kernel: Shaped[np.ndarray, "KH KW F C"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Shaped[np.ndarray, "N H W C"]:
    """∂L/∂x = A_w dy; arguments as `conv2d_transpose`. The output padding shows in dy's shape."""
    return conv2d(dy, kernel, strides, padding, dilation)


def conv2d_transpose_kernel_gradient(
    dy: Shaped[np.ndarray, "N OH OW F"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> Shaped[np.ndarray, "KH KW F C"]:
    """∂L/∂w; arguments as `conv2d_transpose`, `kernel_shape` is (KH, KW, F, C)."""
    return conv2d_kernel_gradient(x, dy, kernel_shape, strides, padding, dilation)


def conv2d_transpose_backward(
    dy: Shaped[np.ndarray, "N OH OW F"],
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW F C"],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> tuple[Shaped[np.ndarray, "N H W C"], Shaped[np.ndarray, "KH KW F C"]]:
    """(∂L/∂x, ∂L/∂w) from `dy` = ∂L/∂y; arguments as `conv2d_transpose`."""
    arguments = (strides, padding, dilation)
    dx = conv2d_transpose_input_gradient(dy, kernel, *arguments)
    return dx, conv2d_transpose_kernel_gradient(dy, x, kernel.shape, *arguments)
