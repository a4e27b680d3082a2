"""Depthwise convolution, with channels in the lanes of vectors.

With one kernel for each channel (a depth multiplier of 1) the products run in blocks, as those of
`ops.kernels.correlation` and `ops.kernels.kernel_gradient` do, and images are read as there: a tile
of output lines at a time, here of some channels. The sums over the taps, or over a tile's positions
for the gradient of the kernel, stay in registers. C channels are cut into blocks of as many as a
block has lanes; the last one is moved to the left, so that it is full, and repeats what its
neighbour did. A part, some neighbouring blocks, belongs to one thread.

Fewer channels than lanes, other multipliers M, and the gradient of the image with strides take
loops that see the kernel as (KH, KW, M, C) and the output as (N, OH, OW, M, C), so that neighbours
in memory are neighbouring channels of x.

A thread owns what it writes. See `ops.formulas.depthwise` for the meaning of the arguments.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from scratchnet.ops import formulas
from scratchnet.ops.geometry import Pair, Window, depthwise_window
from scratchnet.ops.kernels.blocks import (
    ROWS,
    lanes,
    multiply_own,
    multiply_own_transposed,
)
from scratchnet.ops.kernels.jit import CHUNKS, jit, ready, served
from scratchnet.ops.kernels.memory import empty, scratch, zeros
from scratchnet.ops.kernels.patches import (
    View,
    cells_of,
    forward_view,
    place_outputs,
    read_tile,
    tiles_of,
    whole_blocks,
)

_CHANNELS = 128  # of a part, about
_POSITIONS = 512  # output positions of a tile, at most
_SUMMED = 256  # positions that the gradient of the kernel adds up in one chain, about


def depthwise_conv2d(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d`."""
    window = depthwise_window(x.shape, kernel.shape, strides, padding, dilation)
    if not served(x, kernel):
        return formulas.depthwise_conv2d(x, kernel, strides, padding, dilation)
    x, channels, multiplier = ready(x), *kernel.shape[2:]
    if _in_blocks(kernel.shape, x.dtype):
        y = empty((len(x), *window.output, channels), x.dtype)
        _correlate(x, kernel, y, forward_view(kernel.shape[:2], window, strides, dilation))
        return y
    y = empty((len(x), *window.output, multiplier, channels), x.dtype)
    _forward(x, _channels_last(kernel), y, *_numbers(window, strides, dilation))
    return _interleaved(y)


def depthwise_conv2d_input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    input_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d_input_gradient`."""
    window = depthwise_window(input_shape, kernel.shape, strides, padding, dilation)
    expected = (input_shape[0], *window.output, math.prod(kernel.shape[2:]))
    if not (served(dy, kernel) and dy.shape == expected):
        return formulas.depthwise_conv2d_input_gradient(
            dy, kernel, input_shape, strides, padding, dilation
        )
    dx = empty(input_shape, dy.dtype.newbyteorder("="))
    if _in_blocks(kernel.shape, dx.dtype) and tuple(strides) == (1, 1):
        lines, places = (
            tuple(pad - a * d for a in reversed(range(k)))
            for pad, d, k in zip(
                (window.pad_rows[0], window.pad_columns[0]), dilation, kernel.shape[:2], strict=True
            )
        )
        view = View((input_shape[1], input_shape[2]), (1, 1), lines, places)
        _correlate(ready(dy), kernel[::-1, ::-1], dx, view)
        return dx
    _input_gradient(
        _split(dy, kernel.shape), _channels_last(kernel), dx, *_numbers(window, strides, dilation)
    )
    return dx


def depthwise_conv2d_kernel_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    kernel_shape: tuple[int, ...],
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> np.ndarray:
    """As `formulas.depthwise_conv2d_kernel_gradient`."""
    window = depthwise_window(x.shape, kernel_shape, strides, padding, dilation)
    expected = (len(x), *window.output, math.prod(kernel_shape[2:]))
    if not (served(dy, x) and dy.shape == expected):
        return formulas.depthwise_conv2d_kernel_gradient(
            dy, x, kernel_shape, strides, padding, dilation
        )
    x, (kh, kw, channels, multiplier) = ready(x), kernel_shape
    if _in_blocks(kernel_shape, x.dtype):
        view = forward_view((kh, kw), window, strides, dilation)
        return _gradient_in_blocks(ready(dy), x, kernel_shape, view)
    partial = zeros((CHUNKS, kh, kw, multiplier, channels), x.dtype)
    _kernel_gradient(_split(dy, kernel_shape), x, partial, *_numbers(window, strides, dilation))
    return np.ascontiguousarray(partial.sum(axis=0).swapaxes(2, 3))


def depthwise_conv2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
) -> tuple[np.ndarray, np.ndarray]:
    """As `formulas.depthwise_conv2d_backward`."""
    arguments = (strides, padding, dilation)
    dx = depthwise_conv2d_input_gradient(dy, kernel, x.shape, *arguments)
    return dx, depthwise_conv2d_kernel_gradient(dy, x, kernel.shape, *arguments)


# One kernel for each channel, in blocks


def _in_blocks(kernel_shape: tuple[int, ...], dtype: np.dtype) -> bool:
    return kernel_shape[3] == 1 and kernel_shape[2] >= lanes(dtype)


class _Parts(NamedTuple):
    """How the channels are shared out."""

    starts: np.ndarray  # the first channel of each block
    bounds: np.ndarray  # the first block of each part, and the number of blocks
    channels: int  # of a part, at most


@lru_cache(maxsize=256)
def _parts_of(channels: int, width: int) -> _Parts:
    """Blocks of `width` channels, in parts of about `_CHANNELS` and of no single block."""
    blocks = -(-channels // width)
    starts = np.minimum(np.arange(blocks) * width, channels - width)
    parts = max(1, min(blocks // 2, round(channels / _CHANNELS)))
    bounds = np.arange(parts + 1) * blocks // parts
    return _Parts(starts, bounds, int(max(starts[bounds[1:] - 1] + width - starts[bounds[:-1]])))


def _correlate(x: np.ndarray, kernel: np.ndarray, y: np.ndarray, view: View) -> None:
    """y[n, p, q, c] = Σ_k (cells of channel c that p, q sees)[k]·kernel[k, c].

    The kernel is (KH, KW, C, 1), of the taps of the view.
    """
    width = lanes(x.dtype)
    parts = _parts_of(x.shape[3], width)
    tiles = tiles_of(view, x.shape, x.itemsize, _POSITIONS, parts.channels)
    lines = len(x) * tiles.image_lines * (len(parts.bounds) - 1)  # of all parts
    tiles = tiles._replace(lines=max(1, min(tiles.lines, lines // CHUNKS)))
    cells = cells_of(view, tiles)[:: tiles.channels].copy()
    packed = _pack(np.asarray(kernel, x.dtype).reshape(len(cells), -1), width)
    _correlate_in_blocks(x, packed, y, cells, parts.starts, parts.bounds, tiles)


def _gradient_in_blocks(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel; view: as forward."""
    kh, kw, channels, _ = kernel_shape
    width, taps = lanes(x.dtype), kh * kw
    parts = _parts_of(channels, width)
    tiles = tiles_of(view, x.shape, x.itemsize, _SUMMED, parts.channels)
    cells = cells_of(view, tiles)[:: tiles.channels]
    rows, count = whole_blocks(taps), -(-len(x) * tiles.image_lines // tiles.lines)
    chunks = min(count, -(-CHUNKS // (len(parts.bounds) - 1)))
    partial = zeros((chunks, len(parts.starts), rows, width), x.dtype)
    cells = np.concatenate([cells, np.full(rows - taps, cells[-1])])
    _kernel_gradient_in_blocks(dy, x, partial, cells, parts.starts, parts.bounds, tiles)
    dkernel = empty(kernel_shape, x.dtype)
    _unpack(partial.sum(axis=0)[:, :taps], dkernel.reshape(taps, channels))
    return dkernel


def _pack(w: np.ndarray, width: int) -> np.ndarray:
    """(taps, C) as (blocks, taps, width), flat; the last block is the last channels."""
    taps, channels = w.shape
    whole = channels // width
    blocks = np.empty((-(-channels // width), taps, width), w.dtype)
    blocks[:whole] = w[:, : whole * width].reshape(taps, whole, width).swapaxes(0, 1)
    blocks[-1] = w[:, -width:]
    return blocks.reshape(-1)


def _unpack(blocks: np.ndarray, w: np.ndarray) -> None:
    """The reverse of `_pack`, into w."""
    _, taps, width = blocks.shape
    whole = w.shape[1] // width
    w[:, : whole * width].reshape(taps, whole, width)[...] = blocks[:whole].swapaxes(0, 1)
    w[:, -width:] = blocks[-1]


def _depthwise_correlate_tiles(x, w, y, cells, starts, bounds, tiles):  # type: ignore[no-untyped-def]
    flat, out, channels = x.reshape(-1), y.reshape(-1), x.shape[3]
    size, parts = len(cells) * (64 // x.itemsize), len(bounds) - 1
    lines = len(x) * tiles.image_lines
    for task in prange((lines + tiles.lines - 1) // tiles.lines * parts):
        tile, part = task // parts, task % parts
        begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
        rows = ((end - begin) * tiles.columns + ROWS - 1) // ROWS * ROWS
        first = min(starts[bounds[part]], channels - tiles.channels)
        of_tile = scratch(tiles.scratch, x)
        positions, targets = np.empty(rows, np.int64), np.empty(rows, np.int64)
        read_tile(x, begin, end, first, tiles, of_tile, positions)
        place_outputs(begin, end, tiles, y.shape, (1, 1), (0, 0), targets)
        source = of_tile if tiles.copied else flat
        for block in range(bounds[part], bounds[part + 1]):
            c = starts[block]
            of_w, of_y = (w, block * size, 0), (out[c:], 0, targets)
            multiply_own(source[c - first :], positions, cells, *of_w, *of_y, False)


def _depthwise_gradient_tiles(dy, x, partial, cells, starts, bounds, tiles):  # type: ignore[no-untyped-def]
    chunks, blocks, depth, width = partial.shape
    flat, d_rows, sums = x.reshape(-1), dy.reshape(-1), partial.reshape(-1)
    channels, parts = x.shape[3], len(bounds) - 1
    lines = len(x) * tiles.image_lines
    count = (lines + tiles.lines - 1) // tiles.lines
    for task in prange(chunks * parts):
        chunk, part = task // parts, task % parts
        first = min(starts[bounds[part]], channels - tiles.channels)
        of_tile = scratch(tiles.scratch, x)
        source = of_tile if tiles.copied else flat
        positions = np.empty(tiles.lines * tiles.columns, np.int64)
        targets = np.arange(depth) * width
        for tile in range(chunk * count // chunks, (chunk + 1) * count // chunks):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            rows = (end - begin) * tiles.columns
            read_tile(x, begin, end, first, tiles, of_tile, positions[:rows])
            of_dy = d_rows[begin * tiles.columns * channels :]
            for block in range(bounds[part], bounds[part + 1]):
                c = starts[block]
                into = sums[(chunk * blocks + block) * depth * width :]
                d_block, of_w = (of_dy[c:], channels, 0), (into, 0, targets)
                multiply_own_transposed(
                    source[c - first :], positions, rows, cells, *d_block, *of_w, False
                )


_correlate_in_blocks = jit(_depthwise_correlate_tiles, work=8)
_kernel_gradient_in_blocks = jit(_depthwise_gradient_tiles, work=8)


# Loops, for all others


def _channels_last(kernel: np.ndarray) -> np.ndarray:
    """(KH, KW, C, M) as (KH, KW, M, C)."""
    return ready(kernel.swapaxes(2, 3))


def _interleaved(y: np.ndarray) -> np.ndarray:
    """(N, OH, OW, M, C) as (N, OH, OW, C·M); without a copy for M = 1."""
    n, oh, ow, multiplier, channels = y.shape
    return y.swapaxes(3, 4).reshape(n, oh, ow, channels * multiplier)


def _split(dy: np.ndarray, kernel_shape: tuple[int, ...]) -> np.ndarray:
    """The reverse of `_interleaved`."""
    return ready(dy.reshape(*dy.shape[:3], *kernel_shape[2:]).swapaxes(3, 4))


def _numbers(window: Window, strides: Pair, dilation: Pair) -> tuple[int, ...]:
    """The geometry as the kernels take it."""
    return (*strides, *dilation, window.pad_rows[0], window.pad_columns[0])


def _depthwise_forward(x, w, y, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    kh, kw, multiplier, _ = w.shape
    _, oh, ow, _, _ = y.shape
    for row in prange(images * oh):
        n, p = divmod(np.int64(row), oh)
        y[n, p] = 0
        for q in range(ow):
            for a in range(kh):
                i = p * sh + a * dh - top
                if i < 0 or i >= height:
                    continue
                for b in range(kw):
                    j = q * sw + b * dw - left
                    if j < 0 or j >= width:
                        continue
                    cell = x[n, i, j]
                    for m in range(multiplier):
                        target, tap = y[n, p, q, m], w[a, b, m]
                        for c in range(channels):
                            target[c] += cell[c] * tap[c]


def _depthwise_input_gradient(dy, w, dx, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = dx.shape
    kh, kw, multiplier, _ = w.shape
    _, oh, ow, _, _ = dy.shape
    # A row of dx asks which output rows saw it, so that no two threads add to the same cell.
    for row in prange(images * height):
        n, i = divmod(np.int64(row), height)
        dx[n, i] = 0
        for a in range(kh):
            p, between = divmod(i + top - a * dh, sh)
            if between or p < 0 or p >= oh:
                continue
            for q in range(ow):
                for b in range(kw):
                    j = q * sw + b * dw - left
                    if j < 0 or j >= width:
                        continue
                    target = dx[n, i, j]
                    for m in range(multiplier):
                        gradient, tap = dy[n, p, q, m], w[a, b, m]
                        for c in range(channels):
                            target[c] += gradient[c] * tap[c]


def _depthwise_kernel_gradient(dy, x, partial, sh, sw, dh, dw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    chunks, kh, kw, multiplier, _ = partial.shape
    _, oh, ow, _, _ = dy.shape
    for chunk in prange(chunks):
        # A row is summed by itself first: short sums round less than one long sum.
        line = np.empty((multiplier, channels), x.dtype)
        for row in range(chunk * images * oh // chunks, (chunk + 1) * images * oh // chunks):
            n, p = divmod(np.int64(row), oh)
            for a in range(kh):
                i = p * sh + a * dh - top
                if i < 0 or i >= height:
                    continue
                for b in range(kw):
                    line[:] = 0
                    for q in range(ow):
                        j = q * sw + b * dw - left
                        if j < 0 or j >= width:
                            continue
                        cell = x[n, i, j]
                        for m in range(multiplier):
                            gradient, target = dy[n, p, q, m], line[m]
                            for c in range(channels):
                                target[c] += gradient[c] * cell[c]
                    for m in range(multiplier):
                        for c in range(channels):
                            partial[chunk, a, b, m, c] += line[m, c]


_forward = jit(_depthwise_forward)
_input_gradient = jit(_depthwise_input_gradient)
_kernel_gradient = jit(_depthwise_kernel_gradient)
