"""Images moved, turned or stretched: each new cell reads the old image at one place.

The value of a cell sits at its indices. The new cell in row r and column q reads the old image in
row t and column s, where

    (s, t) = M · (q, r, 1)          M: 2 × 3, one for each image

so M leads from the new image back to the old one. Of an axis with n cells, a place outside is
first brought back by the fill mode, here for s:

    constant   s stays; a cell that does not exist has the fill value        k k k | a b c d | k k k
    nearest    s                                                             a a a | a b c d | d d d
    reflect    min(p, 2n − 1 − p), p = max(s, −1 − s) mod 2n                 c b a | a b c d | d c b
    wrap       s − n·⌊s / (n − 1)⌋ above, s + n·(⌊−s / (n − 1)⌋ + 1) below   b c d | a b c d | a b c

and but for "constant" then clamped to [0, n − 1]. Between the cells around a place

    nearest    y = x[⌊t⌉, ⌊s⌉]                    ⌊·⌉ rounds, halves away from 0
    bilinear   y = Σ_i Σ_j k(t − i) · k(s − j) · x[i, j],  k(d) = max(0, 1 − |d|)

Both are linear in x, y = A·x + b, and ∂L/∂x = Aᵀ·dy gives each old cell what its readers got,
with their weights.

TensorFlow computes the places in float32, whatever the images' dtype is. A nearest cell or a wrap
would differ visibly where that rounds across a border, so places are float32 here too, computed in
the same order. TensorFlow's bilinear values have float32 precision as well; here only the places
do. It counts wraps by n − 1, and so repeats the last cell beyond a distance of about n. Its
gradient is another one: it reads dy with M inverted, which is Aᵀ·dy only where A moves whole cells.

Sources: Wolberg, "Digital Image Warping" (1990), chapter 3; tf.raw_ops.ImageProjectiveTransformV3;
TensorFlow's core/kernels/image/image_ops.h; keras/src/backend/tensorflow/image.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32, Integer, Shaped

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")

Images = Float[np.ndarray, "N H W C"]
Matrices = Float32[np.ndarray, "N 2 3"]
Places = Float[np.ndarray, "N H W"]
Cells = Integer[np.ndarray, "N H W"]


def affine_transform(
    x: Images,
    matrix: Matrices,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float | int = 0.0,
) -> Images:
    """y = A·x + b, one matrix M for each image.

    Args:
        x: images (N, H, W, C) with at least one row and one column.
        matrix: M (N, 2, 3), from new (column, row, 1) to old (column, row).
        interpolation: one of `INTERPOLATIONS`.
        fill_mode: one of `FILL_MODES`.
        fill_value: of cells that do not exist, where fill_mode="constant".

    >>> moved = np.float32([[[1, 0, -1], [0, 1, 0]]])  # each cell reads its left neighbour
    >>> affine_transform(np.array([[[[1.0], [2.0], [3.0]]]]), moved, fill_value=9.0)[0, 0, :, 0]
    array([9., 1., 2.])
    """
    y = np.zeros(x.shape, np.result_type(x, np.float32))
    for row, column, weight in _readings(matrix, x.shape, y.dtype, interpolation, fill_mode):
        y += weight[..., None] * _read(x, row, column, fill_value)
    return y.astype(x.dtype, copy=False)


def affine_transform_backward(
    dy: Images, matrix: Matrices, interpolation: str = "bilinear", fill_mode: str = "constant"
) -> Images:
    """∂L/∂x = Aᵀ·dy."""
    dx = np.zeros(dy.shape, np.result_type(dy, np.float32))
    samples = _samples(dy)
    for row, column, weight in _readings(matrix, dy.shape, dx.dtype, interpolation, fill_mode):
        exists = _exist(row, column, dy.shape)
        cells = tuple(np.broadcast_to(i, row.shape)[exists] for i in (samples, row, column))
        np.add.at(dx, cells, (weight[..., None] * dy)[exists])
    return dx.astype(dy.dtype, copy=False)


def rotation_matrix(
    angle: Float[np.ndarray, " N"], size: tuple[int, int]
) -> Float32[np.ndarray, "N 2 3"]:
    """M that turns images of `size` (rows, columns) about their middle.

        M = [cos θ  −sin θ  c_x − c_x·cos θ + c_y·sin θ]      c_x = (W − 1) / 2
            [sin θ   cos θ  c_y − c_x·sin θ − c_y·cos θ]      c_y = (H − 1) / 2

    Args:
        angle: θ in degrees; a positive one turns what is seen counter-clockwise.
        size: (H, W).
    """
    theta = angle * (np.pi / 180)
    cos, sin = np.cos(theta), np.sin(theta)
    middle_row, middle_column = ((cells - 1) / 2 for cells in size)
    to_column = [cos, -sin, middle_column - middle_column * cos + middle_row * sin]
    to_row = [sin, cos, middle_row - middle_column * sin - middle_row * cos]
    return _matrices(to_column, to_row)


def translation_matrix(translations: Float[np.ndarray, "N 2"]) -> Float32[np.ndarray, "N 2 3"]:
    """M that moves images by (d_x, d_y) cells, to the right and down.

    M = [1  0  −d_x]
        [0  1  −d_y]
    """
    right, down = translations.astype(np.float32).T
    one, zero = np.ones_like(right), np.zeros_like(right)
    return _matrices([one, zero, -right], [zero, one, -down])


def zoom_matrix(
    zooms: Float[np.ndarray, "N 2"], size: tuple[int, int]
) -> Float32[np.ndarray, "N 2 3"]:
    """M that shrinks images of `size` (rows, columns) about their middle by (z_x, z_y).

        M = [z_x   0   (W − 1)/2 · (1 − z_x)]
            [ 0   z_y  (H − 1)/2 · (1 − z_y)]

    A zoom below 1 enlarges. Keras computes this one in float32.
    """
    across, down = zooms.astype(np.float32).T
    middle_row, middle_column = (np.float32((cells - 1) / 2) for cells in size)
    zero, one = np.zeros_like(across), np.float32(1)
    return _matrices(
        [across, zero, middle_column * (one - across)], [zero, down, middle_row * (one - down)]
    )


def _matrices(to_column: list[np.ndarray], to_row: list[np.ndarray]) -> np.ndarray:
    """(N, 2, 3) from the six entries, each (N,)."""
    rows = [np.stack(row, axis=-1) for row in (to_column, to_row)]
    return np.stack(rows, axis=1).astype(np.float32)


def _readings(
    matrix: np.ndarray,
    shape: tuple[int, ...],
    dtype: np.dtype,
    interpolation: str,
    fill_mode: str,
) -> Iterator[tuple[Cells, Cells, Places]]:
    """(row, column, weight) of each old cell that the new cells read, one for each new cell."""
    rows, columns = _places(matrix, shape, fill_mode)
    for row, of_row in _around(rows.astype(dtype), interpolation):
        for column, of_column in _around(columns.astype(dtype), interpolation):
            yield row, column, of_row * of_column


def _places(
    matrix: np.ndarray, shape: tuple[int, ...], fill_mode: str
) -> tuple[Float32[np.ndarray, "N H W"], Float32[np.ndarray, "N H W"]]:
    """(t, s), the rows and columns that the new cells read at, in float32."""
    _, height, width, _ = shape
    r = np.arange(height, dtype=np.float32)[:, None]
    q = np.arange(width, dtype=np.float32)
    m = matrix[:, :, :, None, None]
    s, t = (m[:, axis, 0] * q + m[:, axis, 1] * r + m[:, axis, 2] for axis in (0, 1))
    return _brought_back(t, height, fill_mode), _brought_back(s, width, fill_mode)


def _brought_back(s: np.ndarray, n: int, fill_mode: str) -> Float32[np.ndarray, "N H W"]:
    """The places on an axis of n cells that stand for s."""
    if fill_mode == "constant":
        return s
    if fill_mode == "reflect":
        p = np.maximum(s, -1 - s) % np.float32(2 * n)
        s = np.minimum(p, 2 * n - 1 - p)
    elif fill_mode == "wrap":
        period, cells = np.float32(max(n - 1, 1)), np.float32(n)
        above = s - cells * np.floor(s / period)
        below = s + cells * (np.floor(-s / period) + 1)
        s = np.where(s < 0, below, np.where(s > n - 1, above, s))
    return np.clip(s, np.float32(0), np.float32(n - 1))


def _around(place: Places, interpolation: str) -> list[tuple[Cells, Places]]:
    """(cell, weight) of the cells on one axis that a value at `place` is made of."""
    if interpolation == "nearest":
        # In float64, where adding a half to a float32 number is exact
        rounded = np.floor(np.abs(place, dtype=np.float64) + 0.5) * np.sign(place)
        return [(rounded.astype(np.intp), np.ones_like(place))]
    first = np.floor(place)
    share = place - first
    cell = first.astype(np.intp)
    return [(cell, 1 - share), (cell + 1, share)]


def _read(x: Images, row: Cells, column: Cells, fill_value: float | int) -> Images:
    """x[row, column] of each image, the fill value where there is no such cell."""
    _, height, width, _ = x.shape
    near = x[_samples(x), row.clip(0, height - 1), column.clip(0, width - 1)]
    return np.where(_exist(row, column, x.shape)[..., None], near, x.dtype.type(fill_value))


def _exist(row: Cells, column: Cells, shape: tuple[int, ...]) -> Shaped[np.ndarray, "N H W"]:
    _, height, width, _ = shape
    return (row >= 0) & (row < height) & (column >= 0) & (column < width)


def _samples(x: Images) -> Shaped[np.ndarray, "N 1 1"]:
    return np.arange(len(x))[:, None, None]
