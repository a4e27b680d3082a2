"""Winograd's convolution: fewer multiplications for a 3×3 kernel with stride 1.

Two neighbouring outputs of a kernel of three taps need six products; computed together they need
four. With d four inputs, g the kernel and ⊙ the product entry by entry,

    y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]                       F(2, 3): two outputs, three taps

and for images, both axes at once,

    Y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]·A                F(m×m, 3×3): (m + 2)² products instead of 9·m²

that is 16 instead of 36 for m = 2, and 36 instead of 144 for m = 4. Over many channels the products
of one entry are a product of matrices. The transforms only add for m = 2, and their entries are
powers of two; for m = 4 they hold numbers such as 5 and 1/24, which cost accuracy: about a hundred
units of the last place instead of one.

Source: S. Winograd, "Arithmetic Complexity of Computations" (1980); A. Lavin and S. Gray, "Fast
Algorithms for Convolutional Neural Networks" (2016), section 4.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.geometry import conv2d_window


class Transforms(NamedTuple):
    """Bᵀ: (m + 2, m + 2), G: (m + 2, 3) and Aᵀ: (m, m + 2)."""

    input: np.ndarray
    kernel: np.ndarray
    output: np.ndarray


TRANSFORMS = {
    2: Transforms(
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    4: Transforms(
        np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ]
        ),
        np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
        np.array(
            [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
        ),
    ),
}


def winograd_conv2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW C F"],
    padding: str = "valid",
    m: int = 2,
) -> Shaped[np.ndarray, "N OH OW F"]:
    """The same y as `conv2d(x, kernel, padding=padding)`, by F(m×m, 3×3).

    Args:
        x: (N, H, W, C) images.
        kernel: (3, 3, C, F).
        padding: "valid" or "same".
        m: rows and columns of the outputs that are computed together, 2 or 4.

    Returns:
        y: (N, OH, OW, F).

    Raises:
        ValueError: channels that do not fit, an empty output, or another kernel size or m.
    """
    if kernel.shape[:2] != (3, 3) or m not in TRANSFORMS:
        raise ValueError(
            f"Winograd's convolution received a kernel of shape {kernel.shape} and m={m}. Expected "
            f"a kernel (3, 3, C, F) and m=2 or m=4; conv2d takes every kernel."
        )
    window = conv2d_window(x.shape, kernel.shape, (1, 1), padding, (1, 1), 1)
    of_input, of_kernel, of_output = TRANSFORMS[m]
    (oh, ow), (n, *_, c) = window.output, x.shape
    rows, columns = -(-oh // m), -(-ow // m)  # of tiles
    padded = np.zeros((n, rows * m + 2, columns * m + 2, c), x.dtype)
    top, left = window.pad_rows[0], window.pad_columns[0]
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    # d[n, i, j, :, :, c] is the tile (i, j) of m + 2 rows and columns
    d = np.lib.stride_tricks.sliding_window_view(padded, (m + 2, m + 2), axis=(1, 2))
    d = d[:, ::m, ::m].transpose(0, 1, 2, 4, 5, 3)
    products = np.einsum(
        "uvcf,nijuvc->nijuvf",
        np.einsum("ua,vb,abcf->uvcf", of_kernel, of_kernel, kernel),
        np.einsum("ui,vj,npqijc->npquvc", of_input, of_input, d),
    )
    y = np.einsum("au,bv,nijuvf->niajbf", of_output, of_output, products)
    return y.reshape(n, rows * m, columns * m, -1)[:, :oh, :ow].astype(x.dtype)
