"""The product of patches and kernel, in blocks: convolution forward, and backward to the image.

    y[n, p, q, :] = Σ_k P[(n, p, q), k]·W[k, :],     P the patches, W the kernel as a matrix

A thread takes some filters and packs their part of W into panels (`ops.kernels.panels`), of as many
filters as a block has lanes, that stay in its own cache. Then it takes one tile of output lines
after the other (`ops.kernels.patches`) and multiplies it with one panel after the other, not more
than `_DEPTH` rows of it at a time: those stay in the first cache, and sums of so many terms, added
up, are nearer to the exact result than one long chain. Images with zeros around them and many
channels are not copied to tiles, but read where they lie (`ops.kernels.taps`).

To the image, ∂L/∂x[i] = Σ dy[p]·W[a] over the output lines p and taps a that meet line i, those
with p·s + a·d − pad = i. Lines i that leave the same rest divided by s meet the same taps, at
p = (i + pad − a·d)/s: for each rest this is the product above, of the patches of dy and the taps
turned round.

Traffic: x and W are read and y is written once, as far as the caches hold a tile. FLOPs:
2·N·OH·OW·KH·KW·C·F.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import prange

from scratchnet import config
from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels import taps
from scratchnet.ops.kernels.biased import ACTIVATIONS, LINEAR, RELU, add_bias
from scratchnet.ops.kernels.biased_blocks import STREAMED, multiply_biased, wait_for_stores
from scratchnet.ops.kernels.blocks import PANELS, ROWS, lanes, multiply
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.line_blocks import LINE, LINE_TAPS, multiply_line
from scratchnet.ops.kernels.memory import clear, empty, scratch
from scratchnet.ops.kernels.panels import Taps, matrix_of, read_panels
from scratchnet.ops.kernels.patches import (
    FIRST_CHANNEL,
    PAGE,
    Tiles,
    View,
    forward_view,
    place_outputs,
    read_tile,
    runs_of,
    tiles_of,
)
from scratchnet.ops.kernels.reductions import repeated
from scratchnet.ops.kernels.sharing import in_whole_blocks, panels_of_group, shared_out

_POSITIONS = 2**8, 2**11  # output positions of a tile, at least and at most
_CELLS = 2**17  # bytes of the image that belong to them, about
_SCRATCH = 2**19  # bytes of cells that a tile reads, about
_DEPTH = 256  # rows of a panel that are multiplied in one go
# Panels of so few rows, if they are many, are multiplied with so many blocks at a time: then what
# lies together in y is written together. Others would be read from a slower cache too often.
_SHALLOW, _MANY, _BLOCKS = 128, 8, 8


def forward(
    x: np.ndarray,
    kernel: np.ndarray,
    window: Window,
    strides: Pair,
    dilation: Pair,
    product: Callable[..., None],
    bias: np.ndarray | None = None,
    activation: str = "linear",
) -> np.ndarray:
    """y of `formulas.conv2d` with one group, or of `formulas.conv2d_bias`.

    `product` is `correlate`, or for strides and dilation of 1 what takes its place.
    """
    y = empty((len(x), *window.output, kernel.shape[3]), x.dtype)
    view = forward_view(kernel.shape[:2], window, strides, dilation)
    product(x, kernel, y, view, bias=bias, activation=activation)
    return y


def input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    input_shape: tuple[int, ...],
    window: Window,
    strides: Pair,
    dilation: Pair,
    product: Callable[..., None],
) -> np.ndarray:
    """dx of `formulas.conv2d_input_gradient` with one group; `product` as in `forward`."""
    dx = empty((*input_shape[:3], kernel.shape[2]), dy.dtype)
    pads = window.pad_rows[0], window.pad_columns[0]
    rows, columns = (
        taps_of_rests(size, k, s, d, pad)
        for size, k, s, d, pad in zip(
            dx.shape[1:3], kernel.shape[:2], strides, dilation, pads, strict=True
        )
    )
    if not all(taps for _, taps, _, _ in (*rows, *columns)):
        clear(dx)  # some cells are in no window
    for i, a, lines, p in rows:
        for j, b, places, q in columns:
            if a and b:
                view = View((p, q), (1, 1), lines, places)
                product(dy, kernel, dx, view, strides, (i, j), turned=(a, b))
    return dx


@lru_cache(maxsize=1024)
def taps_of_rests(
    size: int, k: int, s: int, d: int, pad: int
) -> list[tuple[int, tuple[int, ...], tuple[int, ...], int]]:
    """(rest, taps, the line of dy that each meets first, lines) for each rest of i divided by s."""
    table = []
    for rest in range(min(s, size)):
        taps = tuple(a for a in reversed(range(k)) if (rest + pad - a * d) % s == 0)
        met = tuple((rest + pad - a * d) // s for a in taps)
        table.append((rest, taps, met, -(-(size - rest) // s)))
    return table


def correlate(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    view: View,
    step: Pair = (1, 1),
    rest: Pair = (0, 0),
    bias: np.ndarray | None = None,
    activation: str = "linear",
    turned: Taps | None = None,
) -> None:
    """y[n, p·step + rest, q·step + rest, :] = Σ_k (patch of p, q)[k]·W[k, :].

    W is the kernel (KH, KW, C, F) as a matrix, or of the taps (rows, columns) the one turned round.
    With a bias (F,) that is added, and the activation follows; then step and rest are as they are
    by default.
    """
    matrix, w, kind = matrix_of(kernel.shape, turned), kernel.reshape(-1), ACTIVATIONS[activation]
    by_taps = taps.plan(view, x.shape, x.dtype, y.shape[3], config.threads())
    if by_taps is not None:
        biases = np.empty(0, x.dtype) if bias is None else bias
        taps.correlate_taps(x, w, matrix, y, *by_taps, step, rest, biases, kind)
        return
    of_runs, of_tiles, in_lines = plan(view, x.shape, x.itemsize, y.shape[3], config.threads())
    one_chain = len(of_runs[0]) <= of_runs[2] and y.shape[3] % lanes(x.dtype) == 0
    one_chain &= kind in (LINEAR, RELU)
    streamed = one_chain and step == (1, 1) and y.nbytes >= STREAMED
    in_lines &= not streamed
    biased = streamed or (one_chain and bias is not None and not in_lines)
    if bias is None:  # to add -0 changes no number
        bias = np.full(y.shape[3] if streamed else 0, -0.0, x.dtype)
    how = in_lines, biased, streamed
    _correlate(x, w, matrix, y, *of_runs, *of_tiles, step, rest, *how, bias, kind)


@lru_cache(maxsize=1024)
def plan(
    view: View, shape: tuple[int, ...], itemsize: int, filters: int, threads: int
) -> tuple[tuple[np.ndarray, int, int], tuple[Tiles, int, int], bool]:
    """What a convolution of that shape does, in numbers: (of the runs, of the tiles, in lines)."""
    width = 64 // itemsize
    panels = -(-filters // width)
    # Cells that lie whole pages apart from each other would meet on few places of a cache
    step, single = view.strides[1], len(view.rows) * len(view.columns) == 1
    apart = single and step > 1 and step * shape[3] * itemsize % PAGE == 0
    pitch = shape[3] + 16 if apart else None
    cells = shape[3] * itemsize * view.strides[0] * view.strides[1]
    positions = max(_POSITIONS[0], min(_POSITIONS[1], _CELLS // cells))
    tiles = tiles_of(view, shape, itemsize, positions, None, pitch, _SCRATCH)
    tiles = in_whole_blocks(tiles, shape[0] * view.output[0])
    runs, length = runs_of(view, tiles, _DEPTH)
    of_panel = len(runs) * length * 64
    of_tiles = shared_out(tiles, shape[0] * view.output[0], panels, of_panel, threads)
    tiles = of_tiles[0]
    several = max(1, _DEPTH // length)  # runs whose products are added in one chain
    in_lines = filters == width and len(runs) <= several and _in_lines(view, tiles)
    return (runs, length, several), of_tiles, in_lines


def _in_lines(view: View, tiles: Tiles) -> bool:
    """Whether a block of outputs in one line is quicker than any block of rows.

    With one panel each cell that is loaded serves one product, and the loads are what takes time.
    Neighbours in a line see the same cells, by other taps.
    """
    first = view.columns[0]
    neighbours = view.strides[1] == 1 and view.columns == tuple(range(first, first + LINE_TAPS))
    return PANELS > 1 and neighbours and tiles.columns >= LINE


def _correlate_tiles(  # type: ignore[no-untyped-def]
    x, w, matrix, y, runs, length, several, tiles, shares, groups, step, rest,
    in_lines, biased, streamed, bias, activation
):  # fmt: skip
    width, depth = 64 // x.itemsize, len(runs) * length
    lines, panels = len(x) * tiles.image_lines, (y.shape[3] + width - 1) // width
    count = (lines + tiles.lines - 1) // tiles.lines
    for task in prange(groups * shares):
        group, share = task // shares, task % shares
        first_panel, end_panel = panels_of_group(group, groups, panels)
        of_panels = scratch((end_panel - first_panel) * depth * width, x)
        read_panels(w, matrix, first_panel, end_panel, of_panels)
        of_tile = scratch(tiles.scratch, x)
        for tile in range(share * count // shares, (share + 1) * count // shares):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            of_group = (of_panels, first_panel, end_panel, y.reshape(-1), y.shape, 0)
            of_terms = (runs, length, several, tiles, step, rest, in_lines, biased, streamed)
            correlate_tile(x, of_tile, begin, end, *of_group, *of_terms, bias, activation)


def _correlate_one_tile(  # type: ignore[no-untyped-def]
    x, of_tile, begin, end, w, first_panel, end_panel, out, shape, base,
    runs, length, several, tiles, step, rest,
    in_lines, biased, streamed, bias, activation
):  # fmt: skip
    # Output lines from `begin` to `end`, of the panels from `first_panel` to `end_panel`, of an
    # array of that shape of which `out` has the numbers from `base` on
    filters = shape[3]
    depth, width = len(runs) * length, 64 // x.itemsize
    panels, apart = (filters + width - 1) // width, depth * width
    count = (end - begin) * tiles.columns
    rows = (count + ROWS - 1) // ROWS * ROWS
    positions, targets = np.empty(rows, np.int64), np.empty(rows, np.int64)
    read_tile(x, begin, end, FIRST_CHANNEL, tiles, of_tile, positions)
    source = of_tile if tiles.copied else x.reshape(-1)
    place_outputs(begin, end, tiles, shape, step, rest, targets)
    targets -= base
    # A last panel with unused lanes must not write beyond its filters: it has a place aside.
    # Where it is the only one, the next row overwrites what was too much, save at the end.
    aside = 0
    if panels == 1 and len(runs) <= several and step == (1, 1):
        aside = max(0, count - (width + filters - 1) // filters) // ROWS * ROWS
    edge = scratch((rows - aside) * width if filters % width else 0, x)
    edge_targets = np.empty(rows - aside, np.int64)
    for r in range(rows - aside):
        edge_targets[r] = r * width
    if in_lines:
        # The last block of a line is moved to the left, so that it is full
        for line in range(0, count, tiles.columns):
            for q in range(0, tiles.columns, LINE):
                row = line + min(q, tiles.columns - LINE)
                cells = (positions[row], runs, len(runs), tiles.pitch, tiles.channels)
                multiply_line(source, *cells, w, 0, out, targets, row)
    whole = min(end_panel, filters // width)
    shallow = depth <= _SHALLOW and whole - first_panel >= _MANY
    together = _BLOCKS * ROWS if shallow else rows
    for top in range(0, 0 if in_lines else rows, together):
        of_rows, of_outputs = positions[top : top + together], targets[top : top + together]
        for panel in range(first_panel, whole, PANELS):
            wide, into = panel + PANELS <= whole, out[panel * width :]
            for run in range(0, len(runs), several):
                start = ((panel - first_panel) * depth + run * length) * width
                terms = (runs, run, min(len(runs), run + several), length, w, start, apart)
                if biased:
                    how = (bias[panel * width :], activation == RELU, streamed, wide)
                    multiply_biased(source, of_rows, *terms, into, of_outputs, *how)
                else:
                    multiply(source, of_rows, *terms, into, of_outputs, run > 0, wide)
    if whole < end_panel:
        for run in range(0, len(runs), several):
            start = ((whole - first_panel) * depth + run * length) * width
            terms = (runs, run, min(len(runs), run + several), length, w, start, apart)
            multiply(source, positions[:aside], *terms, out, targets, run > 0, False)
            multiply(source, positions[aside:], *terms, edge, edge_targets, run > 0, False)
        for r in range(aside, count):
            for c in range(filters - whole * width):
                out[targets[r] + whole * width + c] = edge[(r - aside) * width + c]
    if streamed:
        wait_for_stores()
    if biased:
        return
    if len(bias) and first_panel == 0 and end_panel == panels:  # the rows of y are neighbours
        biases, last = repeated(bias, bias), targets[0] + count * filters
        for start in range(targets[0], last, len(biases)):
            add_bias(out[start : min(last, start + len(biases))], biases, activation)
    elif len(bias):
        left, right = first_panel * width, min(filters, end_panel * width)
        for r in range(count):
            add_bias(out[targets[r] + left : targets[r] + right], bias[left:right], activation)


correlate_tile = jit(_correlate_one_tile, parallel=False)
_correlate = jit(_correlate_tiles, work=50)
