"""Winograd's convolution: fewer multiplications for a 3×3 kernel with stride 1.

Two neighbouring outputs of a kernel of three taps need six products; computed together they need
four. With d four inputs, g the kernel and ⊙ the product entry by entry,

    y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]                       F(2, 3): two outputs, three taps

and for images, both axes at once,

    Y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]·A                F(m×m, 3×3): (m + 2)² products instead of 9·m²

that is 16 instead of 36 for m = 2, and 36 instead of 144 for m = 4; rows and columns may differ.
Over many channels the products of one entry are a product of matrices.

The transforms come from polynomials: a convolution is a product of two of them, and a product is
known by its values at a few points, one of them "at infinity", the highest coefficient. G and A
hold the powers of the points and Bᵀ interpolates. With the points 0 and ±1, for m = 2, all steps
only add and halve. For m = 4 there are five points. 0, ±1 and ±2 give small whole numbers, but
entries from 1/24 to 8, and rounding errors twenty times as large as those of m = 2; 0, ±5/8 and
±3/2 lie more evenly about 1, which leaves half of that, and their powers are exact too.

Source: S. Winograd, "Arithmetic Complexity of Computations" (1980); A. Lavin and S. Gray, "Fast
Algorithms for Convolutional Neural Networks" (2016), section 4.1; on points: B. Barabasz, A.
Anderson, K. Soodhalter and D. Gregg, "Error Analysis and Improving the Accuracy of Winograd
Convolution for Deep Neural Networks" (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from scratchnet.ops.geometry import Pair, conv2d_window


class Transforms(NamedTuple):
    """Bᵀ: (m + 2, m + 2), G: (m + 2, 3) and Aᵀ: (m, m + 2)."""

    input: np.ndarray
    kernel: np.ndarray
    output: np.ndarray


def transforms(points: Sequence[float]) -> Transforms:
    """Those of F(m, 3) for m + 1 different points p, and infinity:

        G[j, k] = p_jᵏ / Π_l≠j (p_j − p_l),     Aᵀ[i, j] = p_jⁱ,
        Bᵀ[j, :] = the coefficients of Π_l≠j (t − p_l), lowest first,

    and for infinity the highest power alone, and Π_l (t − p_l).
    """
    m = len(points) - 1
    powers = np.vander(points, max(m, 3), increasing=True)
    others = [[q for q in points if q != p] for p in points]
    at_points = np.array([np.poly(rest)[::-1] for rest in others])
    scale = np.array(
        [np.prod(np.subtract(p, rest)) for p, rest in zip(points, others, strict=True)]
    )
    highest = np.zeros((1, m + 2))
    highest[0, -1] = 1
    return Transforms(
        np.vstack([np.pad(at_points, [(0, 0), (0, 1)]), np.poly(points)[::-1]]),
        np.vstack([powers[:, :3] / scale[:, None], highest[:, -3:]]),
        np.vstack([powers[:, :m], highest[:, -m:]]).T,
    )


TRANSFORMS = {
    2: Transforms(  # `transforms([0.0, 1.0, -1.0])` with the signs of the second source
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    4: transforms([0.0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]),
}


def winograd_conv2d(
    x: Shaped[np.ndarray, "N H W C"],
    kernel: Shaped[np.ndarray, "KH KW C F"],
    padding: str = "valid",
    m: int | Pair = 2,
) -> Shaped[np.ndarray, "N OH OW F"]:
    """The same y as `conv2d(x, kernel, padding=padding)`, by F(m×m, 3×3) or F((m, m), 3×3).

    Args:
        x: (N, H, W, C) images.
        kernel: (3, 3, C, F).
        padding: "valid" or "same".
        m: rows and columns of the outputs that are computed together, each 2 or 4.

    Returns:
        y: (N, OH, OW, F).

    Raises:
        ValueError: channels that do not fit, an empty output, or another kernel size or m.
    """
    size = (m, m) if isinstance(m, int) else m
    if kernel.shape[:2] != (3, 3) or not set(size) <= set(TRANSFORMS):
        raise ValueError(
            f"Winograd's convolution received a kernel of shape {kernel.shape} and m={m}. Expected "
            f"a kernel (3, 3, C, F) and m=2 or m=4, or both; conv2d takes every kernel."
        )
    window = conv2d_window(x.shape, kernel.shape, (1, 1), padding, (1, 1), 1)
    (m_rows, m_columns), (oh, ow), (n, *_, c) = size, window.output, x.shape
    of_rows, of_columns = TRANSFORMS[m_rows], TRANSFORMS[m_columns]
    rows, columns = -(-oh // m_rows), -(-ow // m_columns)  # of tiles
    padded = np.zeros((n, rows * m_rows + 2, columns * m_columns + 2, c), x.dtype)
    top, left = window.pad_rows[0], window.pad_columns[0]
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    # d[n, i, j, :, :, c] is the tile (i, j) of m + 2 rows and columns
    d = np.lib.stride_tricks.sliding_window_view(padded, (m_rows + 2, m_columns + 2), axis=(1, 2))
    d = d[:, ::m_rows, ::m_columns].transpose(0, 1, 2, 4, 5, 3)
    products = np.einsum(
        "uvcf,nijuvc->nijuvf",
        np.einsum("ua,vb,abcf->uvcf", of_rows.kernel, of_columns.kernel, kernel),
        np.einsum("ui,vj,npqijc->npquvc", of_rows.input, of_columns.input, d),
    )
    y = np.einsum("au,bv,nijuvf->niajbf", of_rows.output, of_columns.output, products)
    return y.reshape(n, rows * m_rows, columns * m_columns, -1)[:, :oh, :ow].astype(x.dtype)
