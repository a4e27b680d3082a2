"""Depthwise convolution with one kernel for each channel, in blocks.

The products run as those of `ops.kernels.correlation` and `ops.kernels.kernel_gradient` do, and
images are read as there: a tile of output lines at a time, here of some channels. The sums over the
taps, or over a tile's positions for the gradient of the kernel, stay in registers. The C channels
are cut into blocks of as many as a register has lanes; the last one is moved to the left, so that
it is full, and repeats what its neighbour did. A part, some neighbouring blocks, belongs to one
thread.

Traffic: x is read and y written once. FLOPs: 2·N·OH·OW·KH·KW·C.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from scratchnet.ops.kernels.blocks import ROWS, lanes, multiply_own, multiply_own_transposed
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.memory import empty, scratch, zeros
from scratchnet.ops.kernels.patches import (
    View,
    cells_of,
    place_outputs,
    read_tile,
    tiles_of,
    whole_blocks,
)

_CHANNELS = 128  # of a part, about
_POSITIONS = 512  # output positions of a tile, at most
_SUMMED = 256  # positions that the gradient of the kernel adds up in one chain, about


class Parts(NamedTuple):
    """How the channels are shared out."""

    starts: np.ndarray  # the first channel of each block
    bounds: np.ndarray  # the first block of each part, and the number of blocks
    channels: int  # of a part, at most


@lru_cache(maxsize=256)
def parts_of(channels: int, width: int) -> Parts:
    """Blocks of `width` channels, in parts of about `_CHANNELS` and of no single block."""
    blocks = -(-channels // width)
    starts = np.minimum(np.arange(blocks) * width, channels - width)
    parts = max(1, min(blocks // 2, round(channels / _CHANNELS)))
    bounds = np.arange(parts + 1) * blocks // parts
    return Parts(starts, bounds, int(max(starts[bounds[1:] - 1] + width - starts[bounds[:-1]])))


def correlate(x: np.ndarray, kernel: np.ndarray, y: np.ndarray, view: View) -> None:
    """y[n, p, q, c] = Σ_k (cells of channel c that p, q sees)[k]·kernel[k, c].

    The kernel is (KH, KW, C, 1), of the taps of the view.
    """
    width = lanes(x.dtype)
    parts = parts_of(x.shape[3], width)
    tiles = tiles_of(view, x.shape, x.itemsize, _POSITIONS, parts.channels)
    lines = len(x) * tiles.image_lines * (len(parts.bounds) - 1)  # of all parts
    tiles = tiles._replace(lines=max(1, min(tiles.lines, lines // CHUNKS)))
    cells = cells_of(view, tiles)[:: tiles.channels].copy()
    packed = pack(np.asarray(kernel, x.dtype).reshape(len(cells), -1), width)
    _correlate(x, packed, y, cells, parts.starts, parts.bounds, tiles)


def kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel; view: as forward."""
    kh, kw, channels, _ = kernel_shape
    width, taps = lanes(x.dtype), kh * kw
    parts = parts_of(channels, width)
    tiles = tiles_of(view, x.shape, x.itemsize, _SUMMED, parts.channels)
    cells = cells_of(view, tiles)[:: tiles.channels]
    rows, count = whole_blocks(taps), -(-len(x) * tiles.image_lines // tiles.lines)
    chunks = min(count, -(-CHUNKS // (len(parts.bounds) - 1)))
    partial = zeros((chunks, len(parts.starts), rows, width), x.dtype)
    cells = np.concatenate([cells, np.full(rows - taps, cells[-1])])
    _kernel_gradient(dy, x, partial, cells, parts.starts, parts.bounds, tiles)
    dkernel = empty(kernel_shape, x.dtype)
    unpack(partial.sum(axis=0)[:, :taps], dkernel.reshape(taps, channels))
    return dkernel


def pack(w: np.ndarray, width: int) -> np.ndarray:
    """(taps, C) as (blocks, taps, width), flat; the last block is the last channels."""
    taps, channels = w.shape
    whole = channels // width
    blocks = np.empty((-(-channels // width), taps, width), w.dtype)
    blocks[:whole] = w[:, : whole * width].reshape(taps, whole, width).swapaxes(0, 1)
    blocks[-1] = w[:, -width:]
    return blocks.reshape(-1)


def unpack(blocks: np.ndarray, w: np.ndarray) -> None:
    """The reverse of `pack`, into w."""
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


_correlate = jit(_depthwise_correlate_tiles, work=8)
_kernel_gradient = jit(_depthwise_gradient_tiles, work=8)
