"""The product of patches and kernel, in blocks: convolution forward, and backward to the image.

    y[n, p, q, :] = Σ_k P[(n, p, q), k]·W[k, :],     P the patches, W the kernel as a matrix

W is packed into panels of as many filters as a block has lanes (16 in float32), the panels one
after the other: (⌈F/16⌉, K, 16). A thread takes a tile of output lines (`ops.kernels.patches`) and
multiplies it with one panel after the other, not more than `_DEPTH` rows of it at a time: those
stay in the first cache, and sums of so many terms, added up, are nearer to the exact result than
one long chain.

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

from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels.blocks import PANELS, ROWS, lanes, multiply
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.line_blocks import LINE, LINE_TAPS, multiply_line
from scratchnet.ops.kernels.memory import clear, empty, scratch
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

_POSITIONS = 256  # output positions of a tile
_SCRATCH = 2**20  # bytes of a tile whose cells lie pages apart in the image
_DEPTH = 256  # rows of a panel that are multiplied in one go


def forward(
    x: np.ndarray,
    kernel: np.ndarray,
    window: Window,
    strides: Pair,
    dilation: Pair,
    product: Callable[..., None],
    bias: np.ndarray | None = None,
    relu: bool = False,
) -> np.ndarray:
    """y of `formulas.conv2d` with one group, or of `formulas.conv2d_bias`.

    `product` is `correlate`, or for strides and dilation of 1 what takes its place, and takes the
    kernel as it is.
    """
    y = empty((len(x), *window.output, kernel.shape[3]), x.dtype)
    view = forward_view(kernel.shape[:2], window, strides, dilation)
    if product is correlate:
        kernel = pack(kernel.reshape(-1, kernel.shape[3]))
    product(x, kernel, y, view, bias=bias, relu=relu)
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
                product(dy, pack_turned(kernel, a, b), dx, view, strides, (i, j))
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
    packed: np.ndarray,
    y: np.ndarray,
    view: View,
    step: Pair = (1, 1),
    rest: Pair = (0, 0),
    bias: np.ndarray | None = None,
    relu: bool = False,
) -> None:
    """y[n, p·step + rest, q·step + rest, :] = Σ_k (patch of p, q)[k]·W[k, :].

    With a bias (F,) that is added, and with `relu` what is negative then becomes 0; then step and
    rest are as they are by default.
    """
    of_runs, of_tiles, in_lines = _plan(view, x.shape, x.itemsize, y.shape[3])
    if bias is None:
        bias = np.empty(0, x.dtype)
    _correlate(x, packed.reshape(-1), y, *of_runs, *of_tiles, step, rest, in_lines, bias, relu)


@lru_cache(maxsize=1024)
def _plan(
    view: View, shape: tuple[int, ...], itemsize: int, filters: int
) -> tuple[tuple[np.ndarray, int, int], tuple[Tiles, int], bool]:
    """What a convolution of that shape does, in numbers: (of the runs, of the tiles, in lines)."""
    width = 64 // itemsize
    panels = -(-filters // width)
    # Cells that lie whole pages apart from each other would meet on few places of a cache
    step, single = view.strides[1], len(view.rows) * len(view.columns) == 1
    apart = single and step > 1 and step * shape[3] * itemsize % PAGE == 0
    copied = (None, shape[3] + 16, _SCRATCH) if apart else ()
    tiles = tiles_of(view, shape, itemsize, _POSITIONS, *copied)
    tiles, groups = _shared_out(tiles, shape[0] * view.output[0], panels)
    runs, length = runs_of(view, tiles, _DEPTH)
    several = max(1, _DEPTH // length)  # runs whose products are added in one chain
    in_lines = filters == width and len(runs) <= several and _in_lines(view, tiles)
    return (runs, length, several), (tiles, groups), in_lines


def _in_lines(view: View, tiles: Tiles) -> bool:
    """Whether a block of outputs in one line is quicker than any block of rows.

    With one panel each cell that is loaded serves one product, and the loads are what takes time.
    Neighbours in a line see the same cells, by other taps.
    """
    first = view.columns[0]
    neighbours = view.strides[1] == 1 and view.columns == tuple(range(first, first + LINE_TAPS))
    return PANELS > 1 and neighbours and tiles.columns >= LINE


def _shared_out(tiles: Tiles, lines: int, panels: int) -> tuple[Tiles, int]:
    """(tiles, groups of panels), so many that there is work for `CHUNKS` threads.

    Few tiles have their panels shared out too; if those are few as well, the tiles are cut. They
    are never made larger: the scratch holds the cells of as many lines as a tile had.
    """
    groups = max(1, min(panels // 4, -(-CHUNKS // -(-lines // tiles.lines))))
    tasks = -(-lines // tiles.lines) * groups
    if tasks < CHUNKS:
        least = max(1, 4 * ROWS // tiles.columns)
        cut = max(least, tiles.lines * tasks // CHUNKS)
        tiles = tiles._replace(lines=min(tiles.lines, cut))
    return tiles, groups


def pack(w: np.ndarray) -> np.ndarray:
    """A matrix (K, F) as panels (⌈F/lanes⌉, K, lanes), zeros beyond F."""
    width = lanes(w.dtype)
    packed = empty((-(-w.shape[1] // width), len(w), width), w.dtype)
    _pack(w, packed)
    return packed


def pack_turned(kernel: np.ndarray, rows: tuple[int, ...], columns: tuple[int, ...]) -> np.ndarray:
    """The taps (rows, columns) of a kernel (KH, KW, C, F) as panels of C: (⌈C/lanes⌉, K, lanes)."""
    channels, filters = kernel.shape[2:]
    width = lanes(kernel.dtype)
    depth = len(rows) * len(columns) * filters
    packed = empty((-(-channels // width), depth, width), kernel.dtype)
    _pack_turned(kernel, np.array(rows), np.array(columns), packed)
    return packed


def _pack_panels(w, packed):  # type: ignore[no-untyped-def]
    panels, depth, width = packed.shape
    for k in prange(depth):
        for panel in range(panels):
            into, numbers = packed[panel, k], w[k, panel * width :]
            for f in range(min(width, len(numbers))):
                into[f] = numbers[f]
            for f in range(len(numbers), width):
                into[f] = 0


def _pack_turned_panels(kernel, rows, columns, packed):  # type: ignore[no-untyped-def]
    channels, filters = kernel.shape[2:]
    panels, _, width = packed.shape
    taps = len(rows) * len(columns)
    for task in prange(panels * taps):
        panel, tap = task // taps, task % taps
        a, b = rows[tap // len(columns)], columns[tap % len(columns)]
        first = panel * width
        used = min(width, channels - first)
        # Some filters at a time, so that what is written stays in the cache for all channels
        for start in range(0, filters, 64):
            end = min(filters, start + 64)
            for c in range(used):
                for f in range(start, end):
                    packed[panel, tap * filters + f, c] = kernel[a, b, first + c, f]
            packed[panel, tap * filters + start : tap * filters + end, used:] = 0


def _correlate_tiles(  # type: ignore[no-untyped-def]
    x, w, y, runs, length, several, tiles, groups, step, rest, in_lines, bias, relu
):
    filters, flat, out = y.shape[3], x.reshape(-1), y.reshape(-1)
    depth, width = len(runs) * length, 64 // x.itemsize
    panels, apart = (filters + width - 1) // width, depth * width
    lines = len(x) * tiles.image_lines
    for task in prange((lines + tiles.lines - 1) // tiles.lines * groups):
        tile, group = task // groups, task % groups
        begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
        count = (end - begin) * tiles.columns
        rows = (count + ROWS - 1) // ROWS * ROWS
        of_tile = scratch(tiles.scratch, x)
        positions = np.empty(rows, np.int64)
        read_tile(x, begin, end, FIRST_CHANNEL, tiles, of_tile, positions)
        source = of_tile if tiles.copied else flat
        targets = np.empty(rows, np.int64)
        place_outputs(begin, end, tiles, y.shape, step, rest, targets)
        # A last panel with unused lanes must not write beyond its filters: it has a place aside.
        # Where it is the only one, the next row overwrites what was too much, save at the end.
        aside = 0
        if panels == 1 and len(runs) <= several and step == (1, 1):
            aside = max(0, count - (width + filters - 1) // filters) // ROWS * ROWS
        edge = scratch((rows - aside) * width if filters % width else 0, x)
        edge_targets = np.empty(rows - aside, np.int64)
        for r in range(rows - aside):
            edge_targets[r] = r * width
        first_panel, end_panel = group * panels // groups, (group + 1) * panels // groups
        panel = first_panel
        if in_lines:
            # The last block of a line is moved to the left, so that it is full
            for line in range(0, count, tiles.columns):
                for q in range(0, tiles.columns, LINE):
                    row = line + min(q, tiles.columns - LINE)
                    cells = (positions[row], runs, len(runs), tiles.pitch, tiles.channels)
                    multiply_line(source, *cells, w, 0, out, targets, row)
            panel = end_panel
        while panel < end_panel:
            wide = panel + PANELS <= min(end_panel, filters // width)
            for run in range(0, len(runs), several):
                run_end = min(len(runs), run + several)
                start = (panel * depth + run * length) * width
                terms = (runs, run, run_end, length, w, start, apart)
                if (panel + 1) * width <= filters:
                    into = out[panel * width :]
                    multiply(source, positions, *terms, into, targets, run > 0, wide)
                else:
                    multiply(source, positions[:aside], *terms, out, targets, run > 0, wide)
                    multiply(source, positions[aside:], *terms, edge, edge_targets, run > 0, wide)
            panel += PANELS if wide else 1
        if filters % width and end_panel == panels:
            f = (panels - 1) * width
            for r in range(aside, count):
                for c in range(filters - f):
                    out[targets[r] + f + c] = edge[(r - aside) * width + c]
        if len(bias) and groups == 1:  # the rows of y are neighbours
            biases, last = repeated(bias, bias), targets[0] + count * filters
            for start in range(targets[0], last, len(biases)):
                _add(out[start : min(last, start + len(biases))], biases, relu)
        elif len(bias):
            left, right = first_panel * width, min(filters, end_panel * width)
            for r in range(count):
                _add(out[targets[r] + left : targets[r] + right], bias[left:right], relu)


def _add_bias(cells, biases, relu):  # type: ignore[no-untyped-def]
    for c in range(len(cells)):
        z = cells[c] + biases[c]
        cells[c] = 0 if relu & (z <= 0) else z


_add = jit(_add_bias, parallel=False)
_pack = jit(_pack_panels)
_pack_turned = jit(_pack_turned_panels)
_correlate = jit(_correlate_tiles, work=50)
