"""The gradient of a convolution's kernel, in blocks.

    ∂L/∂W[k, :] = Σ_r P[r, k]·dy[r, :],     P the patches (`ops.kernels.blocks`), r = (n, p, q)

The channels are cut into parts, the filters into groups and the tiles of output lines into chunks;
a task is one of each and has a sum of its own, so no two threads write to one place and the result
does not depend on how many there are. Large kernels have parts and groups enough for all threads;
small ones are cut into chunks, whose sums are added in the end (`chunks_and_groups`). For each
block of W a task adds up all patches of a tile in registers. Where cells, or rows of dy, lie a
power of two apart they would all fall on the same few places of a cache: there they are copied to a
scratch, a little further apart, or where there is a single tap in panels (`ops.kernels.panels`).

Traffic: x is read once a group and dy once a part, by each thread a tile at a time. FLOPs:
2·N·OH·OW·KH·KW·C·F.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from scratchnet import config
from scratchnet.ops.kernels.blocks import PANELS, ROWS_TOGETHER, multiply_transposed
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.panels import read_panels
from scratchnet.ops.kernels.patches import (
    PAGE,
    Tiles,
    View,
    cells_of,
    read_tile,
    tiles_of,
    whole_blocks,
)

_POSITIONS = 96  # output positions of a tile
# Channels of a part, at most. With one tap there are twice as many, and twice as many positions,
# and x is packed into panels if it has twice as many or more.
_CHANNELS = 128
_SUMS = 2**19  # bytes of the sums of a task, about: they shall stay in a core's own cache
# Rows of dy that lie far apart fall on few places of a cache. So dy is packed from so many filters
# on, where each row of it is used so often.
_FILTERS, _USES = 64, 128
_PARTIALS = 2**20  # bytes of all partial sums together, unless there would be too few
_TASKS = 4  # at least, so that up to so many threads have work


def kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel of `formulas.conv2d_kernel_gradient` with one group; view: as forward."""
    kh, kw, channels, filters = kernel_shape
    shape, *how = _plan(view, x.shape, x.itemsize, kernel_shape, config.threads())
    partial = empty(shape, x.dtype)
    _gradient(dy, x, partial, *how)
    dkernel = empty(kernel_shape, x.dtype)
    _collect(partial, dkernel.reshape(kh * kw, channels, filters))
    return dkernel


@lru_cache(maxsize=1024)
def _plan(
    view: View, shape: tuple[int, ...], itemsize: int, kernel_shape: tuple[int, ...], threads: int
) -> tuple[tuple[int, ...], np.ndarray, bool, Tiles, int, bool, bool]:
    """(shape of the partial sums, and what the kernel takes behind them)."""
    kh, kw, channels, filters = kernel_shape
    single = kh * kw == 1
    of_part = _channels_of_a_part(channels, 2 * _CHANNELS if single else _CHANNELS)
    width = 64 // itemsize
    inside = single and view.inside((shape[1], shape[2]))
    in_panels = inside and channels >= 2 * _CHANNELS and of_part % width == 0
    apart = in_panels or (of_part % 32 == 0 and channels >= _CHANNELS and not inside)
    positions = 2 * _POSITIONS if single and of_part >= _CHANNELS else _POSITIONS
    tiles = tiles_of(view, shape, itemsize, positions, of_part, of_part + 16 if apart else None)
    taps = kh * kw * of_part
    packed = filters >= _FILTERS and taps >= _USES
    packed |= filters * itemsize % PAGE == 0 and channels >= 2 * _CHANNELS
    together = of_part % ROWS_TOGETHER == 0
    rows = taps if together else whole_blocks(taps)
    parts, panels = channels // of_part, -(-filters // width)
    groups = -(-panels // max(4, min(panels, _SUMS // (rows * width * itemsize))))
    count = -(-shape[0] * tiles.image_lines // tiles.lines)
    size = rows * panels * width * parts * itemsize
    chunks, groups = chunks_and_groups(count, size, panels, threads, parts, groups)
    cells = cells_of(view, tiles, rows)
    sums = (chunks, parts, panels, rows, width)
    return sums, cells, together, tiles, groups, packed, in_panels


def chunks_and_groups(
    tiles: int, size: int, panels: int, threads: int, parts: int = 1, groups: int = 1
) -> tuple[int, int]:
    """(chunks of the tiles, groups of the panels): enough of both for all threads.

    Each chunk has `size` bytes of partial sums, which are cleared, added to and collected: where
    they are many there are few chunks. More groups than asked for change no result, only how often
    x is read, so it is they that depend on the number of threads.
    """
    tasks = parts * groups
    most, least = -(-CHUNKS // tasks), -(-_TASKS // tasks)
    chunks = min(tiles, most, max(least, _PARTIALS // size))
    wanted = -(-threads // (parts * chunks))
    return chunks, max(groups, min(wanted, panels // PANELS))


def _channels_of_a_part(channels: int, most: int) -> int:
    """The largest divisor that is not above so many, if it is of use."""
    divisor = next(c for c in range(min(channels, most), 0, -1) if channels % c == 0)
    return divisor if divisor >= most // 4 else channels


def _read_cells(x, begin, end, first, last, tiles, into, positions):  # type: ignore[no-untyped-def]
    # The cells that the output lines from `begin` to `end` see by a single tap, in panels of their
    # channels from `first` to `last`, and where each cell begins in the first of these
    _, height, width, channels = x.shape
    lanes = 64 // x.itemsize
    in_one_run = tiles.row_stride == tiles.column_stride == 1
    starts = np.empty(1 if in_one_run else end - begin, np.int64)
    for k in range(len(starts)):
        n, p = divmod(begin + k, tiles.image_lines)
        line = n * height + p * tiles.row_stride + tiles.top
        starts[k] = (line * width + tiles.left) * channels
    of_run = len(positions) // len(starts)
    matrix = (starts, of_run, channels, tiles.column_stride * channels, 1)
    read_panels(x.reshape(-1), matrix, first, last, into)
    for r in range(len(positions)):
        positions[r] = r * lanes


_read = jit(_read_cells, parallel=False)


def _kernel_gradient_tiles(dy, x, partial, cells, together, tiles, groups, packed, in_panels):  # type: ignore[no-untyped-def]
    chunks, parts, panels, depth, width = partial.shape
    filters = dy.shape[3]
    flat, d_rows, all_sums = x.reshape(-1), dy.reshape(-1), partial.reshape(-1)
    lines = len(x) * tiles.image_lines
    count = (lines + tiles.lines - 1) // tiles.lines
    most = tiles.lines * tiles.columns
    for task in prange(chunks * parts * groups):
        chunk, part, group = task // groups // parts, task // groups % parts, task % groups
        first_panel, end_panel = group * panels // groups, (group + 1) * panels // groups
        of_tile = scratch(tiles.scratch, x)
        source = of_tile if tiles.copied else flat
        places = cells.copy()  # of the cells of a patch, behind its first
        positions = np.empty(most, np.int64)
        d_panels = scratch((end_panel - first_panel) * most * width, x)
        targets = np.empty(depth, np.int64)
        for k in range(depth):
            targets[k] = k * width
        size = depth * width
        begin_sums = (chunk * parts + part) * panels * size
        sums = all_sums[begin_sums + first_panel * size : begin_sums + end_panel * size]
        first_tile = chunk * count // chunks
        for tile in range(first_tile, (chunk + 1) * count // chunks):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            rows = (end - begin) * tiles.columns
            channel = part * tiles.channels
            if in_panels:
                of_part = (channel // width, (channel + tiles.channels) // width)
                _read(x, begin, end, *of_part, tiles, of_tile, positions[:rows])
                for k in range(depth):
                    places[k] = k // width * rows * width + k % width
            else:
                read_tile(x, begin, end, channel, tiles, of_tile, positions[:rows])
            start = begin * tiles.columns * filters
            # Unused lanes of a last panel may read the next row, but not beyond the last one
            beyond = start + (rows - 1) * filters + panels * width > len(d_rows)
            aside = packed or beyond
            if aside:
                first_row = np.full(1, start)
                of_rows = (first_row, rows, filters, filters, 1)
                read_panels(d_rows, of_rows, first_panel, end_panel, d_panels)
            step, apart = (width, rows * width) if aside else (filters, width)
            panel = first_panel
            while panel < end_panel:
                wide = panel + PANELS <= end_panel
                into = sums[(panel - first_panel) * size :]
                if aside:
                    d_panel = d_panels[(panel - first_panel) * apart :]
                else:
                    d_panel = d_rows[start + panel * width :]
                of_sums = (into, size, targets, tile > first_tile, wide, together)
                multiply_transposed(source, positions, rows, places, d_panel, step, apart, *of_sums)
                panel += PANELS if wide else 1


def _collect_partials(partial, dkernel):  # type: ignore[no-untyped-def]
    taps, channels, _ = dkernel.shape
    chunks, parts, panels, _, width = partial.shape
    of_part = channels // parts
    for row in prange(taps * channels):
        tap, channel = row // channels, row % channels
        part, k = channel // of_part, tap * of_part + channel % of_part
        for panel in range(panels):
            f = panel * width
            into = dkernel[tap, channel, f : f + width]
            for c in range(len(into)):
                into[c] = partial[0, part, panel, k, c]
            for chunk in range(1, chunks):
                more = partial[chunk, part, panel, k]
                for c in range(len(into)):
                    into[c] += more[c]


_gradient = jit(_kernel_gradient_tiles, work=50)
_collect = jit(_collect_partials)
