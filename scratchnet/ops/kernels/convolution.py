"""Convolution as tiles of matrix products.

The output positions (n, p, q) of all images are numbered through and cut into tiles. For a tile
the patches that its positions see are packed into the rows of a small matrix P, so that

    y_tile = P · W,    ∂L/∂W += Pᵀ · dy_tile,    rows of ∂L/∂x += dy_tile · Wᵀ, cell by cell

with W the kernel as a (KH·KW·C, F) matrix. P is at most `_SCRATCH` bytes large, whatever the size
of the images: the whole matrix of patches never exists. See `ops.formulas.convolution` for the
meaning of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, Window, conv2d_window
from scratchnet.ops.kernels.jit import CHUNKS, jit, one_blas_thread, ready, served

_SCRATCH = 2**18  # bytes of patches in a tile, so that they stay in a core's own cache
_PARTIALS = 2**26  # bytes of partial kernel gradients


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

    def part(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        y = np.empty((len(x), *window.output, kernel.shape[-1]), x.dtype)
        k = kernel.size // kernel.shape[-1]
        with one_blas_thread():
            _forward(
                x,
                kernel.reshape(k, -1),
                y.reshape(-1, y.shape[-1]),
                *_numbers(kernel.shape, window, strides, dilation),
                tile_rows(k, x.itemsize),
            )
        return y

    return _over_groups(part, groups, x, kernel)


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
        dx = np.zeros((*input_shape[:3], kernel.shape[2]), dy.dtype)
        k = kernel.size // kernel.shape[-1]
        with one_blas_thread():
            _input_gradient(
                dy.reshape(len(dy), -1, dy.shape[-1]),
                np.ascontiguousarray(kernel.reshape(k, -1).T),
                dx,
                *_numbers(kernel.shape, window, strides, dilation),
                tile_rows(k, dy.itemsize),
            )
        return dx

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
        filters = dy.shape[-1]
        k = kernel_shape[0] * kernel_shape[1] * kernel_shape[2]
        chunks = max(1, min(CHUNKS, _PARTIALS // (k * filters * x.itemsize)))
        partial = np.zeros((chunks, k, filters), x.dtype)
        with one_blas_thread():
            _kernel_gradient(
                dy.reshape(-1, filters),
                x,
                partial,
                *_numbers(kernel_shape, window, strides, dilation),
                tile_rows(k, x.itemsize),
            )
        return partial.sum(axis=0).reshape(*kernel_shape[:3], filters)

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


def tile_rows(k: int, itemsize: int) -> int:
    """Positions in a tile whose patches have k entries, so that `_SCRATCH` holds them."""
    return max(1, min(1024, _SCRATCH // (k * itemsize)))


def _over_groups(
    part: Callable[[np.ndarray, np.ndarray], np.ndarray], groups: int, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """`part` of each pair of groups of the last axes, side by side."""
    if groups == 1:
        return part(ready(a), ready(b))
    pairs = zip(np.split(a, groups, axis=-1), np.split(b, groups, axis=-1), strict=True)
    return np.concatenate([part(ready(a_g), ready(b_g)) for a_g, b_g in pairs], axis=-1)


def _numbers(
    kernel_shape: tuple[int, ...], window: Window, strides: Pair, dilation: Pair
) -> tuple[int, ...]:
    """The geometry as the kernels take it."""
    return (
        *window.output,
        *kernel_shape[:2],
        *strides,
        *dilation,
        window.pad_rows[0],
        window.pad_columns[0],
    )


def _conv2d_forward(x, w, y, oh, ow, kh, kw, sh, sw, dh, dw, top, left, tile):  # type: ignore[no-untyped-def]
    _, height, width, channels = x.shape
    positions, k = y.shape[0], w.shape[0]
    for t in prange((positions + tile - 1) // tile):
        start = t * tile
        count = min(tile, positions - start)
        patches = np.zeros((count, k), x.dtype)
        for r in range(count):
            n, pq = divmod(start + r, oh * ow)
            p, q = divmod(pq, ow)
            for a in range(kh):
                i = p * sh + a * dh - top
                if i < 0 or i >= height:
                    continue
                for b in range(kw):
                    j = q * sw + b * dw - left
                    if 0 <= j < width:
                        column = (a * kw + b) * channels
                        for c in range(channels):
                            patches[r, column + c] = x[n, i, j, c]
        np.dot(patches, w, y[start : start + count])


def _conv2d_kernel_gradient(  # type: ignore[no-untyped-def]
    dy, x, partial, oh, ow, kh, kw, sh, sw, dh, dw, top, left, tile
):
    _, height, width, channels = x.shape
    positions = dy.shape[0]
    chunks, k, _ = partial.shape
    tiles = (positions + tile - 1) // tile
    for g in prange(chunks):
        for t in range(g * tiles // chunks, (g + 1) * tiles // chunks):
            start = t * tile
            count = min(tile, positions - start)
            patches = np.zeros((count, k), x.dtype)
            for r in range(count):
                n, pq = divmod(start + r, oh * ow)
                p, q = divmod(pq, ow)
                for a in range(kh):
                    i = p * sh + a * dh - top
                    if i < 0 or i >= height:
                        continue
                    for b in range(kw):
                        j = q * sw + b * dw - left
                        if 0 <= j < width:
                            column = (a * kw + b) * channels
                            for c in range(channels):
                                patches[r, column + c] = x[n, i, j, c]
            product = np.dot(patches.T, dy[start : start + count])
            for row in range(product.shape[0]):
                for f in range(product.shape[1]):
                    partial[g, row, f] += product[row, f]


def _conv2d_input_gradient(  # type: ignore[no-untyped-def]
    dy, wt, dx, oh, ow, kh, kw, sh, sw, dh, dw, top, left, tile
):
    images, height, width, channels = dx.shape
    positions, k = dy.shape[1], wt.shape[1]
    for n in prange(images):
        scratch = np.empty((min(tile, positions), k), dy.dtype)
        for t in range((positions + tile - 1) // tile):
            start = t * tile
            count = min(tile, positions - start)
            patches = scratch[:count]
            np.dot(dy[n, start : start + count], wt, patches)
            for r in range(count):
                p, q = divmod(start + r, ow)
                for a in range(kh):
                    i = p * sh + a * dh - top
                    if i < 0 or i >= height:
                        continue
                    for b in range(kw):
                        j = q * sw + b * dw - left
                        if 0 <= j < width:
                            column = (a * kw + b) * channels
                            for c in range(channels):
                                dx[n, i, j, c] += patches[r, column + c]


_forward = jit(_conv2d_forward)
_kernel_gradient = jit(_conv2d_kernel_gradient)
_input_gradient = jit(_conv2d_input_gradient)
