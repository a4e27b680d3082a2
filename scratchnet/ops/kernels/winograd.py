"""Winograd's convolution in blocks. Meaning and source: `ops.formulas.winograd`.

A thread takes some tiles of the output, of m = 2×2, 2×4 or 4×4 cells each, and

    V[u, v] = (Bᵀ·d·B)[u, v]          of the cells d that each tile sees: (tiles, C)
    M[u, v] = V[u, v]·U[u, v]         one product of blocks for each (u, v), U = G·g·Gᵀ: (C, F)
    Y       = Aᵀ·M·A                  m cells of y for each tile

The gradient of the image is the convolution of dy with the kernel turned round; that of the kernel
is in `ops.kernels.winograd_gradient`. Channels and filters must fill whole panels. Not more than
`_TERMS` products are added in one chain, fewer of larger tiles, whose rounding errors count more.
Tiles are read where they lie; one that reaches beyond the image is copied first, with zeros.
Traffic: x and U are read and y is written once, as far as V, M and U stay in a core's own cache.
FLOPs of the products: 8·N·OH·OW·C·F for tiles of 2×2, instead of 18, 6 for 2×4 and 4.5 for 4×4.

A NaN or an infinity reaches all cells of the tiles that see it, some of them a cell or two further
than by the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import gcd, prod

import numpy as np
from numba import prange

from scratchnet import config
from scratchnet.ops.formulas.winograd import TRANSFORMS, Transforms
from scratchnet.ops.geometry import Pair
from scratchnet.ops.kernels.blocks import (
    PANELS,
    ROWS,
    lanes,
    multiply_matrix,
)
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.panels import Taps, pack
from scratchnet.ops.kernels.patches import FIRST_CHANNEL, View
from scratchnet.ops.kernels.transforms import two_sided

# Bytes of V and M of a thread: as many as U has, which is read anew for them, within these bounds
_SCRATCH = 2**19, 6 * 2**20
_TILES = 96  # that are multiplied at once, at most
_TERMS = {4: 64, 8: 32, 16: 32}  # products added in one chain, by the cells of a tile


def winograd_correlate(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    view: View,
    step: Pair = (1, 1),
    rest: Pair = (0, 0),
    bias: np.ndarray | None = None,
    activation: str = "linear",
    turned: Taps | None = None,
    *,
    m: Pair,
) -> None:
    """As `correlation.correlate` of nine neighbouring taps, with strides and step 1."""
    channels, filters, width = x.shape[3], y.shape[3], lanes(x.dtype)
    u = empty((entries_of(m), filters, channels), x.dtype)  # (u, v), panels of F, C, lanes
    apart = (width, filters, channels * filters)  # panels, channels, taps
    if turned:
        kernel = pack(kernel, turned)
        apart = (9 * channels * width, width, channels * width)
    _map_kernel(kernel.reshape(-1), apart, u.reshape(-1), channels, m)
    terms = gcd(channels, _TERMS[prod(m)])
    block = _block(y.shape, x, m, config.threads())
    least = x.dtype.type(0 if activation == "relu" else -np.inf)
    if bias is None:
        bias = np.zeros(filters, x.dtype)
    _correlate(x, u.reshape(-1), y, view.first, block, m, terms, bias, least)


def entries_of(m: Pair) -> int:
    """(u, v) of the products of a tile."""
    return (m[0] + 2) * (m[1] + 2)


def tiles_of(shape: tuple[int, ...], m: Pair) -> int:
    """Of all outputs (N, OH, OW, F) together."""
    return shape[0] * -(-shape[1] // m[0]) * -(-shape[2] // m[1])


def _block(shape: tuple[int, ...], x: np.ndarray, m: Pair, tasks: int) -> int:
    """How many tiles are multiplied at once, for outputs (N, OH, OW, F).

    Whole blocks of rows, not above `_TILES`, and so many that none of the tasks does much more than
    the others; the fewer times U is read, the better.
    """
    tiles, of_tile = tiles_of(shape, m), entries_of(m) * (x.shape[3] + shape[3]) * x.itemsize
    of_kernel = entries_of(m) * x.shape[3] * shape[3] * x.itemsize
    fit = min(max(_SCRATCH[0], of_kernel), _SCRATCH[1]) // of_tile
    sizes = range(max(1, min(_TILES, fit) // ROWS) * ROWS, 0, -ROWS)
    return min(sizes, key=lambda size: -(-tiles // (size * tasks)) * size)


_SIZES = ((2, 2), (2, 4), (4, 4))


def of_sizes(
    matrix: Callable[[Transforms], np.ndarray], biased: bool = False
) -> Iterator[Callable[..., None]]:
    for rows, columns in _SIZES:
        yield two_sided(matrix(TRANSFORMS[rows]), matrix(TRANSFORMS[columns]), biased)


_input_2x2, _input_2x4, _input_4x4 = of_sizes(lambda t: t.input)
_kernel_2x2, _kernel_2x4, _kernel_4x4 = of_sizes(lambda t: t.kernel)
_output_2x2, _output_2x4, _output_4x4 = of_sizes(lambda t: t.output, biased=True)


def _read_tile(x, n, i, j, rows, columns, channel, count, patch):  # type: ignore[no-untyped-def]
    # So many channels from one on, of the cells (rows, columns) of image n from line i, column j
    # on: where they begin and how far their rows and they lie apart, in x, or in `patch`, with
    # zeros, where they reach beyond the image
    flat = x.reshape(-1)
    _, height, width, channels = x.shape
    if i >= 0 and j >= 0 and i + rows <= height and j + columns <= width:
        start = ((n * height + i) * width + j) * channels + channel
        return start, width * channels, channels, True
    first, end = max(-j, 0), max(0, min(columns, width - j))
    for a in range(rows):
        into = patch[a * columns * count : (a + 1) * columns * count]
        if i + a < 0 or i + a >= height or first >= end:
            for c in range(len(into)):
                into[c] = 0
            continue
        for c in range(first * count):
            into[c] = 0
        for c in range(end * count, len(into)):
            into[c] = 0
        # Cells that are read whole are one run
        together = end - first if count == channels else 1
        for b in range(first, end, together):
            start = ((n * height + i + a) * width + j + b) * channels + channel
            numbers = flat[start : start + together * count]
            place = into[b * count : b * count + len(numbers)]
            for c in range(len(place)):
                place[c] = numbers[c]
    return 0, columns * count, count, False


read_cells = jit(_read_tile, parallel=False)


def _map_tiles(m, x, first, last, corner, rows, columns, channel, count, v, block):  # type: ignore[no-untyped-def]
    # V[u, v, t, :] = (Bᵀ·d·B)[u, v, :] of the tiles d from `first` to `last`, `rows` times
    # `columns` of them in an image, of which the first begins at the corner; of so many channels
    # from one on
    flat = x.reshape(-1)
    patch = scratch((m[0] + 2) * (m[1] + 2) * count, x)
    apart = block * count
    to_row = (m[1] + 2) * apart
    for t in range(first, last):
        n, place = divmod(t, rows * columns)
        p, q = divmod(place, columns)
        i, j = p * m[0] + corner[0], q * m[1] + corner[1]
        of_cells = (m[0] + 2, m[1] + 2, channel, count, patch)
        start, row, column, inside = read_cells(x, n, i, j, *of_cells)
        source = flat if inside else patch
        at = (start, row, column, v, (t - first) * count, to_row, apart, count)
        if m[1] == 2:
            _input_2x2(source, *at)
        elif m[0] == 2:
            _input_2x4(source, *at)
        else:
            _input_4x4(source, *at)


map_input = jit(_map_tiles, parallel=False)


def _map_panels_of_kernel(kernel, apart, u, channels, m):  # type: ignore[no-untyped-def]
    # U[u, v, panel, c, :] = (G·g·Gᵀ)[u, v, :]; panels, channels and taps of g lie so far apart
    of_panel, of_channel, of_tap = apart
    width = 64 // kernel.itemsize
    size = len(kernel) // 9
    for k in prange(size // width):
        panel, c = k // channels, k % channels
        start = panel * of_panel + c * of_channel
        place = (start, 3 * of_tap, of_tap, u, k * width, (m[1] + 2) * size, size, width)
        if m[1] == 2:
            _kernel_2x2(kernel, *place)
        elif m[0] == 2:
            _kernel_2x4(kernel, *place)
        else:
            _kernel_4x4(kernel, *place)


def _correlate_tiles(x, u, y, corner, block, m, longest, bias, least):  # type: ignore[no-untyped-def]
    images, out_rows, out_columns, filters = y.shape
    channels, out = x.shape[3], y.reshape(-1)
    width = 64 // x.itemsize
    panels, apart = filters // width, channels * width
    entries, of_row = (m[0] + 2) * (m[1] + 2), m[1] + 2
    rows, columns = (out_rows + m[0] - 1) // m[0], (out_columns + m[1] - 1) // m[1]
    count = images * rows * columns
    for task in prange((count + block - 1) // block):
        v = scratch(entries * block * channels, x)
        products = scratch(entries * block * filters, x)
        aside = scratch(m[0] * m[1] * filters, x)
        first, last = task * block, min(count, (task + 1) * block)
        map_input(m, x, first, last, corner, rows, columns, FIRST_CHANNEL, channels, v, block)
        whole_rows = (last - first + ROWS - 1) // ROWS * ROWS
        for entry in range(entries):
            # Whatever lies in unused rows could be slow to compute with
            unused = v[(entry * block + last - first) * channels :]
            for c in range((whole_rows - (last - first)) * channels):
                unused[c] = 0
            for k in range(0, channels, longest):
                panel = 0
                while panel < panels:
                    wide = panel + PANELS <= panels
                    of_v = (entry * block * channels + k, channels, whole_rows, longest)
                    start = ((entry * panels + panel) * channels + k) * width
                    to = entry * block * filters + panel * width
                    of_y = (products, to, filters, k > 0, wide)
                    multiply_matrix(v, *of_v, u, start, apart, *of_y)
                    panel += PANELS if wide else 1
        for t in range(first, last):
            n, place = divmod(t, rows * columns)
            p, q = divmod(place, columns)
            i, j = p * m[0], q * m[1]
            whole = i + m[0] <= out_rows and j + m[1] <= out_columns
            start = ((n * out_rows + i) * out_columns + j) * filters if whole else 0
            row = (out_columns if whole else m[1]) * filters
            into = out if whole else aside
            step = block * filters
            at = ((t - first) * filters, of_row * step, step, into, start, row, filters, filters)
            if m[1] == 2:
                _output_2x2(products, *at, bias, least)
            elif m[0] == 2:
                _output_2x4(products, *at, bias, least)
            else:
                _output_4x4(products, *at, bias, least)
            if not whole:
                # Cells of a line are neighbours in both
                inside = min(m[1], out_columns - j) * filters
                for a in range(min(m[0], out_rows - i)):
                    to = ((n * out_rows + i + a) * out_columns + j) * filters
                    line, numbers = out[to : to + inside], aside[a * m[1] * filters :]
                    for f in range(len(line)):
                        line[f] = numbers[f]


_map_kernel = jit(_map_panels_of_kernel, work=4)
_correlate = jit(_correlate_tiles, work=50)
