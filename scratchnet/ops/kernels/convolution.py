"""Convolution as tiles of matrix products.

The output positions (n, p, q) of all images are numbered through and cut into tiles. For a tile
the patches that its positions see are packed into the rows of a small matrix P, so that

    y_tile = P · W,    ∂L/∂W += Pᵀ · dy_tile,    rows of ∂L/∂x += dy_tile · Wᵀ, cell by cell

with W the kernel as a (KH·KW·C, F) matrix. P is about `_SCRATCH` bytes large, whatever the size
of the images: the whole matrix of patches never exists. Where the patches of a useful number of
positions would not fit, P holds only some of the kernel's KH rows at a time, and the products are
added up. See `ops.formulas.convolution` for the meaning of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, Window, conv2d_window
from scratchnet.ops.kernels.jit import CHUNKS, jit, one_blas_thread, ready, served
from scratchnet.ops.kernels.memory import empty, zeros

_SCRATCH = 2**18  # bytes of patches in a tile, so that they stay in a core's own cache
_POSITIONS = 64  # positions in a tile that keep a matrix product efficient
_PARTIALS = 2**26  # bytes of partial kernel gradients
_PARTS = 64  # pieces of work that the threads share out among themselves


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
        y = empty((len(x), *window.output, kernel.shape[-1]), x.dtype)
        tile, lines = tile_shape(kernel.shape, x.itemsize)
        parts = min(_PARTS, -(-y.size // (kernel.shape[-1] * tile)))
        with one_blas_thread():
            _forward(
                x,
                kernel.reshape(-1, kernel.shape[-1]),
                y.reshape(-1, y.shape[-1]),
                parts,
                tile,
                lines,
                *_numbers(kernel.shape, window, strides, dilation),
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
        dx = empty((*input_shape[:3], kernel.shape[2]), dy.dtype)
        tile, lines = tile_shape(kernel.shape, dy.itemsize)
        images = max(1, min(tile // (dy.shape[1] * dy.shape[2]), len(dy) // _PARTS))
        with one_blas_thread():
            _input_gradient(
                dy.reshape(-1, dy.shape[-1]),
                kernel.reshape(-1, kernel.shape[-1]),
                dx,
                images,
                tile,
                lines,
                *_numbers(kernel.shape, window, strides, dilation),
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
        kernel = (*kernel_shape[:3], dy.shape[-1])
        tile, lines = tile_shape(kernel, x.itemsize)
        size = int(np.prod(kernel))
        chunks = max(1, min(CHUNKS, _PARTIALS // (size * x.itemsize)))
        partial = zeros((chunks, *kernel), x.dtype)
        with one_blas_thread():
            _kernel_gradient(
                dy.reshape(-1, dy.shape[-1]),
                x,
                partial.reshape(-1, dy.shape[-1]),
                chunks,
                tile,
                lines,
                *_numbers(kernel, window, strides, dilation),
            )
        return partial.sum(axis=0)

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


def tile_shape(kernel_shape: tuple[int, ...], itemsize: int) -> tuple[int, int]:
    """(positions, rows of the kernel) of the tile of patches that fills `_SCRATCH`."""
    line = kernel_shape[1] * kernel_shape[2] * itemsize
    lines = max(1, min(kernel_shape[0], _SCRATCH // (_POSITIONS * line)))
    return max(32, min(1024, _SCRATCH // (lines * line))), lines


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


def _pack_patches(x, patches, start, first, oh, ow, kh, kw, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    # Row r of patches: what output position start + r sees through the kernel's rows from `first`.
    _, height, width, channels = x.shape
    lines = patches.shape[1] // (kw * channels)
    patches[:] = 0
    for r in range(len(patches)):
        n, pq = divmod(start + r, oh * ow)
        p, q = divmod(pq, ow)
        for a in range(lines):
            i = p * sh + (first + a) * dh - top
            if i < 0 or i >= height:
                continue
            for b in range(kw):
                j = q * sw + b * dw - left
                if 0 <= j < width:
                    column = (a * kw + b) * channels
                    for c in range(channels):
                        patches[r, column + c] = x[n, i, j, c]


def _unpack_patches(patches, dx, start, first, oh, ow, kh, kw, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    # The adjoint of packing: every entry is added to the cell that it would be read from.
    _, height, width, channels = dx.shape
    lines = patches.shape[1] // (kw * channels)
    for r in range(len(patches)):
        n, pq = divmod(start + r, oh * ow)
        p, q = divmod(pq, ow)
        for a in range(lines):
            i = p * sh + (first + a) * dh - top
            if i < 0 or i >= height:
                continue
            for b in range(kw):
                j = q * sw + b * dw - left
                if 0 <= j < width:
                    column = (a * kw + b) * channels
                    for c in range(channels):
                        dx[n, i, j, c] += patches[r, column + c]


_pack = jit(_pack_patches, parallel=False)
_unpack = jit(_unpack_patches, parallel=False)


def _conv2d_forward(  # type: ignore[no-untyped-def]
    x, w, y, parts, tile, lines, oh, ow, kh, kw, sh, sw, dh, dw, top, left
):
    line = kw * x.shape[3]
    positions, filters = y.shape
    tiles = (positions + tile - 1) // tile
    for part in prange(parts):
        scratch = np.empty(tile * lines * line, x.dtype)
        product = np.empty((tile, filters), x.dtype)
        for t in range(part * tiles // parts, (part + 1) * tiles // parts):
            start = t * tile
            count = min(tile, positions - start)
            for first in range(0, kh, lines):
                columns = min(lines, kh - first) * line
                patches = scratch[: count * columns].reshape(count, columns)
                _pack(x, patches, start, first, oh, ow, kh, kw, sh, sw, dh, dw, top, left)
                w_lines = w[first * line : first * line + columns]
                if first == 0:
                    np.dot(patches, w_lines, y[start : start + count])
                else:
                    np.dot(patches, w_lines, product[:count])
                    for r in range(count):
                        for f in range(filters):
                            y[start + r, f] += product[r, f]


def _conv2d_kernel_gradient(  # type: ignore[no-untyped-def]
    dy, x, partial, chunks, tile, lines, oh, ow, kh, kw, sh, sw, dh, dw, top, left
):
    line = kw * x.shape[3]
    positions, filters = dy.shape
    tiles = (positions + tile - 1) // tile
    for task in prange((kh + lines - 1) // lines * chunks):
        first, chunk = task // chunks * lines, task % chunks
        columns = min(lines, kh - first) * line
        scratch = np.empty((tile, columns), x.dtype)
        product = np.empty((columns, filters), x.dtype)
        row = chunk * kh * line + first * line
        for t in range(chunk * tiles // chunks, (chunk + 1) * tiles // chunks):
            start = t * tile
            count = min(tile, positions - start)
            patches = scratch[:count]
            _pack(x, patches, start, first, oh, ow, kh, kw, sh, sw, dh, dw, top, left)
            np.dot(patches.T, dy[start : start + count], product)
            for column in range(columns):
                for f in range(filters):
                    partial[row + column, f] += product[column, f]


def _conv2d_input_gradient(  # type: ignore[no-untyped-def]
    dy, w, dx, group, tile, lines, oh, ow, kh, kw, sh, sw, dh, dw, top, left
):
    line = kw * dx.shape[3]
    # A part owns whole images, so that no two threads add to the same cell.
    for part in prange((len(dx) + group - 1) // group):
        scratch = np.empty(tile * lines * line, dy.dtype)
        dx[part * group : (part + 1) * group] = 0
        end = min((part + 1) * group, len(dx)) * oh * ow
        for start in range(part * group * oh * ow, end, tile):
            count = min(tile, end - start)
            for first in range(0, kh, lines):
                columns = min(lines, kh - first) * line
                patches = scratch[: count * columns].reshape(count, columns)
                w_lines = w[first * line : first * line + columns]
                np.dot(dy[start : start + count], w_lines.T, patches)
                _unpack(patches, dx, start, first, oh, ow, kh, kw, sh, sw, dh, dw, top, left)


_forward = jit(_conv2d_forward)
_kernel_gradient = jit(_conv2d_kernel_gradient)
_input_gradient = jit(_conv2d_input_gradient)
