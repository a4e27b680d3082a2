"""The gradient of a convolution's kernel, in blocks.

    ∂L/∂W[k, :] = Σ_r P[r, k]·dy[r, :],     P the patches (`ops.kernels.blocks`), r = (n, p, q)

The channels are cut into parts and the tiles of output lines into chunks; a task is one chunk of
one part and has a sum of its own, so no two threads write to one place and the result does not
depend on how many there are. A task copies the cells of its part of the channels, packs dy into
panels of 16 filters (8 in float64), and for each block of W adds up all patches of a tile in
registers. In the scratch a cell takes a little more than its channels: cells a power of two apart
would all fall on the same few places of a cache.

Traffic: x and dy are read once a part, the partial sums are kept in a cache where they fit. FLOPs:
2·N·OH·OW·KH·KW·C·F.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops.kernels.blocks import ROWS, lanes, multiply_transposed
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.memory import empty, zeros
from scratchnet.ops.kernels.patches import (
    View,
    cells_of,
    read_tile,
    tiles_of,
    whole_blocks,
)

_POSITIONS = 96  # output positions of a tile
_CHANNELS = 128  # of a part, at most
_FILTERS = 256  # from so many on dy is packed: rows far apart fall on few places of a cache
_PARTIALS = 2**22  # bytes of all partial sums together, unless one is larger


def kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel of `formulas.conv2d_kernel_gradient` with one group; view: as forward."""
    kh, kw, channels, filters = kernel_shape
    of_part = _channels_of_a_part(channels)
    pitch = of_part + 16 if of_part % 32 == 0 and channels >= _CHANNELS else None
    tiles = tiles_of(view, x.shape, x.itemsize, _POSITIONS, of_part, pitch)
    cells = cells_of(view, tiles)
    rows, width, parts = whole_blocks(len(cells)), lanes(x.dtype), channels // of_part
    panels = -(-filters // width)
    count = -(-len(x) * tiles.image_lines // tiles.lines)
    size = rows * panels * width * parts * x.itemsize
    chunks = max(1, min(-(-CHUNKS // parts), count, _PARTIALS // size))
    partial = zeros((chunks, parts, panels, rows, width), x.dtype)
    cells = np.concatenate([cells, np.full(rows - len(cells), cells[-1])])
    _gradient(dy, x, partial.reshape(chunks * parts, -1), cells, tiles, parts, filters >= _FILTERS)
    dkernel = empty(kernel_shape, x.dtype)
    _collect(partial, dkernel.reshape(kh * kw, channels, filters))
    return dkernel


def _channels_of_a_part(channels: int) -> int:
    """The largest divisor that is not above `_CHANNELS`, if it is of use."""
    divisor = next(c for c in range(min(channels, _CHANNELS), 0, -1) if channels % c == 0)
    return divisor if divisor >= _CHANNELS // 4 else channels


def _kernel_gradient_tiles(dy, x, partial, cells, tiles, parts, packed):  # type: ignore[no-untyped-def]
    filters = dy.shape[3]
    flat, d_rows = x.reshape(-1), dy.reshape(-1)
    depth, width = len(cells), 64 // x.itemsize
    panels = (filters + width - 1) // width
    lines = len(x) * tiles.image_lines
    count = (lines + tiles.lines - 1) // tiles.lines
    chunks = len(partial) // parts
    most = tiles.lines * tiles.columns
    packs = packed or filters % width > 0
    for task in prange(chunks * parts):
        chunk, part = task // parts, task % parts
        scratch = np.empty(tiles.scratch, x.dtype)
        source = scratch if tiles.copied else flat
        positions = np.empty(most, np.int64)
        d_panels = np.empty(panels * most * width if packs else 0, x.dtype)
        targets = np.empty(depth, np.int64)
        for k in range(depth):
            targets[k] = k * width
        sums = partial[task]
        for tile in range(chunk * count // chunks, (chunk + 1) * count // chunks):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            rows = (end - begin) * tiles.columns
            read_tile(x, begin, end, part * tiles.channels, tiles, scratch, positions[:rows])
            start = begin * tiles.columns * filters
            if packs:
                for r in range(rows):
                    row = start + r * filters
                    for panel in range(panels):
                        f, to = panel * width, (panel * most + r) * width
                        used = min(width, filters - f)
                        for c in range(used):
                            d_panels[to + c] = d_rows[row + f + c]
                        for c in range(used, width):
                            d_panels[to + c] = 0
            for panel in range(panels):
                into = sums[panel * depth * width :]
                if packs:
                    d_panel, step = d_panels[panel * most * width :], width
                else:
                    d_panel, step = d_rows[start + panel * width :], filters
                for k in range(0, depth, ROWS):
                    multiply_transposed(
                        source, positions, rows, cells, k, d_panel, step, into, targets
                    )


def _collect_partials(partial, dkernel):  # type: ignore[no-untyped-def]
    taps, channels, filters = dkernel.shape
    chunks, parts, panels, _, width = partial.shape
    of_part = channels // parts
    for row in prange(taps * channels):
        tap, channel = row // channels, row % channels
        part, k = channel // of_part, tap * of_part + channel % of_part
        for panel in range(panels):
            f = panel * width
            for c in range(min(width, filters - f)):
                total = partial[0, part, panel, k, c]
                for chunk in range(1, chunks):
                    total += partial[chunk, part, panel, k, c]
                dkernel[tap, channel, f + c] = total


_gradient = jit(_kernel_gradient_tiles, work=50)
_collect = jit(_collect_partials)
