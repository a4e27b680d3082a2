"""The product of patches and kernel tap by tap, of images that are read where they lie.

    y[n, p, q, :] = Σ_(a, b) x[n, p·s + rows[a], q·s + columns[b], :]·W[a, b]

`ops.kernels.correlation` copies the cells that a tile reads, with the zeros around an image, and
multiplies those zeros as well. Where the channels of one cell fill a chain of sums, each tap is a
product of its own in any case, and needs no more than the outputs whose cell lies in the image.
That saves the copy, and with a 3×3 kernel and 7×7 outputs, padded to "same", 18 % of the products.
An infinite weight is no NaN, 0·∞, where its tap lies outside.

Traffic: W is read and y is written once, x once for each tap as far as no cache holds it. FLOPs:
2·C·F for each output and each of its taps that lies in the image.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from scratchnet.ops.kernels.biased import add_bias
from scratchnet.ops.kernels.blocks import PANELS, ROWS, lanes, multiply
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.memory import scratch
from scratchnet.ops.kernels.panels import read_panels
from scratchnet.ops.kernels.patches import Tiles, View, place_outputs, tiles_of
from scratchnet.ops.kernels.sharing import in_whole_blocks, panels_of_group, shared_out

_POSITIONS = 256  # output positions of a tile
_LONGEST = 256  # terms of a chain
CHANNELS = 128  # at least: fewer, and loading and storing y takes longer than the copy


class Plan(NamedTuple):
    """What a convolution of that shape does, in numbers."""

    taps: np.ndarray  # (taps, 3): which one, and line and column of the image that it meets first
    everywhere: bool  # whether the first of them meets the image for every output
    chain: int  # channels whose products are added in one go
    tiles: Tiles
    shares: int
    groups: int


@lru_cache(maxsize=1024)
def plan(
    view: View, shape: tuple[int, ...], dtype: np.dtype, filters: int, threads: int
) -> Plan | None:
    """The plan, or None where there are no zeros to save or too few channels."""
    count, height, width, channels = shape
    if view.inside((height, width)) or channels < CHANNELS or filters % lanes(dtype):
        return None
    chain = max(n for n in range(1, _LONGEST + 1) if channels % n == 0)
    if chain < _LONGEST // 2:
        return None
    taps, everywhere = [], []
    for a, row in enumerate(view.rows):
        for b, column in enumerate(view.columns):
            taps.append((a * len(view.columns) + b, row, column))
            last = ((o - 1) * s for o, s in zip(view.output, view.strides, strict=True))
            ends = zip((row, column), last, (height, width), strict=True)
            everywhere.append(all(at >= 0 and at + more < size for at, more, size in ends))
    order = np.argsort(np.logical_not(everywhere), kind="stable")
    tiles = tiles_of(view, shape, dtype.itemsize, _POSITIONS, most=2**62)
    tiles = in_whole_blocks(tiles, count * view.output[0])
    panels, of_panel = filters // lanes(dtype), len(taps) * channels * lanes(dtype) * dtype.itemsize
    of_tiles = shared_out(tiles, count * view.output[0], panels, of_panel, threads)
    return Plan(np.array(taps)[order], any(everywhere), chain, *of_tiles)


def _correlate_taps(  # type: ignore[no-untyped-def]
    x, w, matrix, y, taps, everywhere, chain, tiles, shares, groups, step, rest, bias, activation
):
    width, depth = 64 // x.itemsize, len(taps) * x.shape[3]
    lines, panels = len(x) * tiles.image_lines, y.shape[3] // width
    count = (lines + tiles.lines - 1) // tiles.lines
    for task in prange(groups * shares):
        group, share = task // shares, task % shares
        first_panel, end_panel = panels_of_group(group, groups, panels)
        of_panels = scratch((end_panel - first_panel) * depth * width, x)
        read_panels(w, matrix, first_panel, end_panel, of_panels)
        for tile in range(share * count // shares, (share + 1) * count // shares):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            outputs = np.empty((end - begin) * tiles.columns, np.int64)
            place_outputs(begin, end, tiles, y.shape, step, rest, outputs)
            of_group = (of_panels, first_panel, end_panel, y)
            _correlate_tile(x, begin, end, *of_group, outputs, taps, everywhere, chain, tiles)
            if len(bias):
                left, right, out = first_panel * width, end_panel * width, y.reshape(-1)
                for start in outputs:
                    add_bias(out[start + left : start + right], bias[left:right], activation)


def _correlate_one_tile(  # type: ignore[no-untyped-def]
    x, begin, end, w, first_panel, end_panel, y, outputs, taps, everywhere, chain, tiles
):
    # The output lines from `begin` to `end`, which begin at `outputs` in y, of some panels
    width, channels = 64 // x.itemsize, x.shape[3]
    apart = len(taps) * channels * width
    chains = np.arange(0, channels, chain)
    out = y.reshape(-1)
    if not everywhere:
        for start in outputs:
            out[start + first_panel * width : start + end_panel * width] = 0
    blocks = (len(outputs) + ROWS - 1) // ROWS * ROWS
    positions, targets = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
    for t in range(len(taps)):
        tap, row, column = taps[t]
        count = _meet(x.shape, begin, end, row, column, tiles, outputs, positions, targets)
        rows = (count + ROWS - 1) // ROWS * ROWS
        for panel in range(first_panel, end_panel, PANELS):
            pair = panel + PANELS <= end_panel
            start = ((panel - first_panel) * len(taps) + tap) * channels * width
            into = out[panel * width :]
            for j in range(len(chains)):
                add = t > 0 or j > 0
                terms = (chains, j, j + 1, chain, w, start + chains[j] * width, apart)
                multiply(x.reshape(-1), positions[:rows], *terms, into, targets[:rows], add, pair)


def _outputs_of_tap(shape, begin, end, row, column, tiles, outputs, positions, targets):  # type: ignore[no-untyped-def]
    # How many outputs of these lines meet the image by the tap that meets its line `row` and column
    # `column` first, where in the image that is, and where the outputs are. The last block is
    # filled up with the last one.
    _, height, width, channels = shape
    step = tiles.column_stride
    first = max(0, -(column // step))
    last = min(tiles.columns, (width - 1 - column) // step + 1)
    count = 0
    for line in range(begin, end):
        n, p = divmod(line, tiles.image_lines)
        i = p * tiles.row_stride + row
        if 0 <= i < height:
            cell = (n * height + i) * width + column
            for q in range(first, last):
                positions[count] = (cell + q * step) * channels
                targets[count] = outputs[(line - begin) * tiles.columns + q]
                count += 1
    if count:
        for k in range(count, (count + ROWS - 1) // ROWS * ROWS):
            positions[k], targets[k] = positions[count - 1], targets[count - 1]
    return count


_meet = jit(_outputs_of_tap, parallel=False)
_correlate_tile = jit(_correlate_one_tile, parallel=False)
correlate_taps = jit(_correlate_taps, work=50)
