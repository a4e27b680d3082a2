"""Which cells of an image a convolution reads, as plain offsets.

Line p, column q of the output and tap (a, b) of the kernel meet at the cell

    x[n, p·strides[0] + rows[a], q·strides[1] + columns[b], :]        zero outside of the image.

The output lines (n, p) of all images are cut into tiles of a few lines. The cells that a tile reads
are copied to a scratch of the thread, each once and with the zeros around the image, so that every
patch of the tile has the same form there: a first cell, and the same distances from it to the
others (`ops.kernels.blocks`). Where no patch leaves the image it can be read in place instead.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels.blocks import ROWS
from scratchnet.ops.kernels.jit import jit

_SCRATCH = 2**18  # bytes of cells that a tile reads, about: they shall stay in a core's own cache
PAGE = 2**12  # bytes; what lies whole pages apart falls on the same few places of a cache
FIRST_CHANNEL = np.int64(0)  # a literal 0 is a type of its own, which would be compiled for again


class View(NamedTuple):
    """The lines and columns that the output positions and the taps of a kernel meet."""

    output: Pair  # lines and columns of the output
    strides: Pair
    rows: tuple[int, ...]  # the line of the image that tap a meets for p = 0
    columns: tuple[int, ...]

    @property
    def first(self) -> Pair:
        return min(self.rows), min(self.columns)

    @property
    def span(self) -> Pair:
        """Lines and columns from the first to the last tap."""
        rows, columns = self.rows, self.columns
        return max(rows) - min(rows) + 1, max(columns) - min(columns) + 1

    def inside(self, size: Pair) -> bool:
        """Whether no patch reaches beyond an image of that size."""
        axes = zip(self.output, self.strides, self.first, self.span, size, strict=True)
        return all(f >= 0 and (o - 1) * s + f + k <= i for o, s, f, k, i in axes)


@lru_cache(maxsize=1024)
def forward_view(kernel_size: Pair, window: Window, strides: Pair, dilation: Pair) -> View:
    """The view of a convolution: tap (a, b) meets p·s + a·d − pad."""
    pads = window.pad_rows[0], window.pad_columns[0]
    rows, columns = (
        tuple(a * d - pad for a in range(k))
        for k, d, pad in zip(kernel_size, dilation, pads, strict=True)
    )
    return View(window.output, strides, rows, columns)


class Tiles(NamedTuple):
    """How a kernel reads an image: numbers only, as Numba takes them."""

    lines: int  # output lines of a tile
    image_lines: int  # output lines of an image
    columns: int  # output columns
    row_stride: int
    column_stride: int
    row_step: int  # from the cells of one output line to the next, in what is read
    column_step: int
    top: int  # line and column of the image where the first patch begins
    left: int
    height: int  # lines that a patch spans
    width: int  # cells in a line of what is read: of the scratch, or of the image
    channels: int  # of a cell that are read
    pitch: int  # numbers from one cell to the next
    copied: bool  # to the scratch; otherwise read in place
    scratch: int  # numbers in the scratch


@lru_cache(maxsize=1024)
def tiles_of(
    view: View,
    shape: tuple[int, ...],
    itemsize: int,
    positions: int,
    channels: int | None = None,
    pitch: int | None = None,
    most: int = _SCRATCH,
) -> Tiles:
    """Tiles of about so many output positions.

    Args:
        shape: (N, H, W, C) of what is read.
        itemsize: bytes of a number.
        channels: how many are read at once, all if None.
        pitch: numbers from one cell of the scratch to the next; an image is read in place only
            where this is None.
        most: bytes of the scratch, about.
    """
    _, height, width, all_channels = shape
    channels = channels or all_channels
    (p, q), (row_stride, column_stride), (top, left), span = (
        view.output,
        view.strides,
        view.first,
        view.span,
    )
    copied = pitch is not None or not view.inside((height, width))
    # Cells between two patches that neither needs are not copied
    row_step = min(row_stride, span[0]) if copied else row_stride
    column_step = min(column_stride, span[1]) if copied else column_stride
    read = (q - 1) * column_step + span[1] if copied else width
    pitch = pitch or (channels if copied else all_channels)
    fit = (most // itemsize // (read * pitch) - span[0]) // row_step + 1
    lines = max(1, min(positions // q, fit, shape[0] * p))
    stored = lines * row_step + ((lines - 1) // p + 2) * span[0]
    return Tiles(
        lines,
        p,
        q,
        row_stride,
        column_stride,
        row_step,
        column_step,
        top,
        left,
        span[0],
        read,
        channels,
        pitch,
        copied,
        stored * read * pitch if copied else 0,
    )


@lru_cache(maxsize=1024)
def cells_of(view: View, tiles: Tiles, count: int | None = None) -> np.ndarray:
    """(KH·KW·channels,) distance from the first number of a patch to each of the others.

    With `count` so many, filled up with the last one. The array is kept for the next call; nobody
    may write to it.
    """
    rows = (np.array(view.rows) - tiles.top)[:, None, None] * (tiles.width * tiles.pitch)
    columns = (np.array(view.columns) - tiles.left)[:, None] * tiles.pitch
    cells = (rows + columns + np.arange(tiles.channels)).reshape(-1)
    return cells if count is None else np.pad(cells, (0, count - len(cells)), mode="edge")


@lru_cache(maxsize=1024)
def runs_of(view: View, tiles: Tiles, longest: int) -> tuple[np.ndarray, int]:
    """`cells_of` as (distance of the first number of each run, how many follow each other in it).

    All runs are equally long, not above `longest` if they can be cut so. The array is kept for the
    next call; nobody may write to it.
    """
    cells = cells_of(view, tiles)
    jumps = np.flatnonzero(np.diff(cells) != 1) + 1
    together = int(np.gcd.reduce([len(cells), *jumps]))
    length = max(n for n in range(1, together + 1) if together % n == 0 and n <= longest)
    if length < min(together, longest) // 4:
        length = together
    return cells[::length].copy(), length


def whole_blocks(n: int) -> int:
    """n rounded up to full blocks of rows."""
    return -(-n // ROWS) * ROWS


def _copy_line(x, n, i, channel, tiles, scratch, start):  # type: ignore[no-untyped-def]
    # Of line i of image n the cells that the patches need, channels from `channel` on; zeros
    # outside of the image. Copies go from slice to slice, entry by entry: indices that start at
    # zero are known not to be negative, so the loop runs on vectors, and `a[:] = b` takes seconds
    # to compile.
    _, height, columns, channels = x.shape
    into = scratch[start : start + tiles.width * tiles.pitch]
    if i < 0 or i >= height:
        for c in range(len(into)):
            into[c] = 0
    elif tiles.pitch == channels and tiles.column_step == tiles.column_stride:
        first, end = max(tiles.left, 0), min(columns, tiles.left + tiles.width)
        before = (first - tiles.left) * channels
        line = x[n, i].reshape(-1)[first * channels : end * channels]
        inside = into[before : before + len(line)]
        for c in range(before):
            into[c] = 0
        for c in range(len(line)):
            inside[c] = line[c]
        for c in range(before + len(line), len(into)):
            into[c] = 0
    else:
        for cell in range(tiles.width):
            patch, rest = divmod(cell, tiles.column_step)
            j = tiles.left + patch * tiles.column_stride + rest
            place = into[cell * tiles.pitch : cell * tiles.pitch + tiles.channels]
            if j < 0 or j >= columns:
                for c in range(len(place)):
                    place[c] = 0
            else:
                numbers = x[n, i, j, channel : channel + tiles.channels]
                for c in range(len(place)):
                    place[c] = numbers[c]


_copy = jit(_copy_line, parallel=False)


def _read_tile(x, begin, end, channel, tiles, scratch, positions):  # type: ignore[no-untyped-def]
    # Where the patches of the output lines from `begin` to `end` begin, in the scratch, which is
    # filled, or in x. The last block of positions is filled up with the last one.
    row = 0  # of the scratch, where the patches of a line begin
    filled = 0  # rows of the scratch that are filled
    r = 0
    for line in range(begin, end):
        n, p = divmod(line, tiles.image_lines)
        i = p * tiles.row_stride + tiles.top
        if tiles.copied:
            # Lines of one image share rows
            row = filled if line == begin or p == 0 else row + tiles.row_step
            while filled < row + tiles.height:
                start = filled * tiles.width * tiles.pitch
                _copy(x, n, i + filled - row, channel, tiles, scratch, start)
                filled += 1
            start = row * tiles.width * tiles.pitch
        else:
            start = ((n * x.shape[1] + i) * tiles.width + tiles.left) * tiles.pitch + channel
        for q in range(tiles.columns):
            positions[r] = start + q * tiles.column_step * tiles.pitch
            r += 1
    for i in range(r, len(positions)):
        positions[i] = positions[r - 1]


def _place_outputs(begin, end, tiles, shape, step, rest, targets):  # type: ignore[no-untyped-def]
    # Where in an array of that shape, (N, H, W, C), lie the positions p·step + rest of the output
    # lines from `begin` to `end`. The last block is filled up with the last one.
    _, rows, columns, channels = shape
    r = 0
    for line in range(begin, end):
        n, p = divmod(line, tiles.image_lines)
        row = n * rows + p * step[0] + rest[0]
        for q in range(tiles.columns):
            targets[r] = (row * columns + q * step[1] + rest[1]) * channels
            r += 1
    for i in range(r, len(targets)):
        targets[i] = targets[r - 1]


read_tile = jit(_read_tile, parallel=False)
place_outputs = jit(_place_outputs, parallel=False)
