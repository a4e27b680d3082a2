"""Winograd's convolution in blocks. Meaning and source: `ops.formulas.winograd`.

A thread takes some tiles of the output, m×m cells each, and

    V[u, v] = (Bᵀ·d·B)[u, v]          of the cells d that each tile sees: (tiles, C)
    M[u, v] = V[u, v]·U[u, v]         one product of blocks for each (u, v), U = G·g·Gᵀ: (C, F)
    Y       = Aᵀ·M·A                  m×m cells of y for each tile

The gradient of the kernel is the adjoint of the same three steps,

    ∂L/∂U[u, v] = V[u, v]ᵀ·(A·dY·Aᵀ)[u, v],     ∂L/∂g = Gᵀ·(∂L/∂U)·G

and the gradient of the image is the convolution of dy with the kernel turned round. Channels and
filters must fill whole panels. Traffic: as `ops.kernels.correlation`, V and M stay in a core's own
cache. FLOPs: 2·(m + 2)²/m²·N·OH·OW·C·F for the products, that is 8 instead of 18 for m = 2.

A NaN or an infinity reaches all cells of the tiles that see it, some of them a cell or two further
than by the definition.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet.ops.formulas.winograd import TRANSFORMS
from scratchnet.ops.geometry import Pair
from scratchnet.ops.kernels.blocks import PANELS, ROWS, lanes, multiply, multiply_transposed
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.kernel_gradient import chunks_and_groups
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.patches import (
    FIRST_CHANNEL,
    Tiles,
    View,
    read_tile,
    tiles_of,
    whole_blocks,
)
from scratchnet.ops.kernels.transforms import two_sided

_SCRATCH = 2**19  # bytes of V and M of a thread, about
_POSITIONS = 128  # tiles whose cells are copied at once, about
_DEPTH = 256  # products added in one chain


def winograd_correlate(
    x: np.ndarray,
    packed: np.ndarray,
    y: np.ndarray,
    view: View,
    step: Pair = (1, 1),
    rest: Pair = (0, 0),
    *,
    m: int,
) -> None:
    """As `correlation.correlate` of nine neighbouring taps, with strides and step 1."""
    panels, width, channels = len(packed), packed.shape[2], x.shape[3]
    u = empty(((m + 2) ** 2, panels, channels, width), x.dtype)
    _map_kernel(packed.reshape(-1), u.reshape(-1), channels, m)
    _correlate(x, u.reshape(-1), y, _tiles(view, x, m), _block(x, panels * width, m), m, _DEPTH)


def winograd_kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View, m: int
) -> np.ndarray:
    """As `kernel_gradient.kernel_gradient` of nine neighbouring taps, with strides 1."""
    channels, filters = kernel_shape[2:]
    tiles = _tiles(view, x, m)
    whole = View((tiles.image_lines, tiles.columns), (m, m), tuple(range(m)), tuple(range(m)))
    of_dy = tiles_of(whole, dy.shape, dy.itemsize, tiles.lines * tiles.columns)
    lines = min(tiles.lines, of_dy.lines)
    tiles, of_dy = tiles._replace(lines=lines), of_dy._replace(lines=lines)
    count = -(-len(x) * tiles.image_lines // lines)
    size = (m + 2) ** 2 * filters * whole_blocks(channels)
    chunks, groups = chunks_and_groups(count, size * x.itemsize, filters // lanes(x.dtype))
    partial = empty((chunks, size), x.dtype)
    _gradient(dy, x, partial, tiles, of_dy, groups, _block(x, filters, m), m)
    dkernel = empty(kernel_shape, x.dtype)
    _collect(partial, dkernel, m)
    return dkernel


def _tiles(view: View, x: np.ndarray, m: int) -> Tiles:
    """The cells that m×m outputs see, (m + 2)² of them, as the patches of a convolution."""
    output = -(-view.output[0] // m), -(-view.output[1] // m)
    top, left = view.first
    rows, columns = (tuple(range(start, start + m + 2)) for start in (top, left))
    return tiles_of(
        View(output, (m, m), rows, columns), x.shape, x.itemsize, _POSITIONS, pitch=x.shape[3]
    )


def _block(x: np.ndarray, filters: int, m: int) -> int:
    """How many tiles are multiplied at once."""
    fit = _SCRATCH // ((m + 2) ** 2 * (x.shape[3] + filters) * x.itemsize)
    return max(2, min(16, fit // ROWS)) * ROWS


_input_2, _input_4 = (two_sided(TRANSFORMS[m].input) for m in (2, 4))
_kernel_2, _kernel_4 = (two_sided(TRANSFORMS[m].kernel) for m in (2, 4))
_output_2, _output_4 = (two_sided(TRANSFORMS[m].output) for m in (2, 4))
_output_back_2, _output_back_4 = (two_sided(TRANSFORMS[m].output.T) for m in (2, 4))
_kernel_back_2, _kernel_back_4 = (two_sided(TRANSFORMS[m].kernel.T) for m in (2, 4))


def _map_tiles(m, x, positions, row, column, v, block, channels):  # type: ignore[no-untyped-def]
    # V[u, v, t, :] = (Bᵀ·d·B)[u, v, :] of the tiles d that begin at the positions
    for t in range(len(positions)):
        to_column = block * channels
        if m == 2:
            start = positions[t]
            _input_2(x, start, row, column, v, t * channels, 4 * to_column, to_column, channels)
        else:
            start = positions[t]
            _input_4(x, start, row, column, v, t * channels, 6 * to_column, to_column, channels)


_map_input = jit(_map_tiles, parallel=False)


def _map_packed_kernel(packed, u, channels, m):  # type: ignore[no-untyped-def]
    # U[u, v, panel, c, :] = (G·g·Gᵀ)[u, v, :] with g[a, b] at packed[panel, (3·a + b)·C + c, :]
    width = 64 // packed.itemsize
    size = len(packed) // 9
    for c in prange(size // width):
        start = (c // channels * 9 * channels + c % channels) * width
        row, column = 3 * channels * width, channels * width
        if m == 2:
            _kernel_2(packed, start, row, column, u, c * width, 4 * size, size, width)
        else:
            _kernel_4(packed, start, row, column, u, c * width, 6 * size, size, width)


def _correlate_tiles(x, u, y, tiles, block, m, longest):  # type: ignore[no-untyped-def]
    _, out_rows, out_columns, filters = y.shape
    channels, out = x.shape[3], y.reshape(-1)
    width = 64 // x.itemsize
    panels, n, apart = filters // width, m + 2, channels * width
    lines = len(x) * tiles.image_lines
    for task in prange((lines + tiles.lines - 1) // tiles.lines):
        begin, end = task * tiles.lines, min(lines, (task + 1) * tiles.lines)
        count = (end - begin) * tiles.columns
        scratch = np.empty(tiles.scratch, x.dtype)
        positions = np.empty(count, np.int64)
        read_tile(x, begin, end, FIRST_CHANNEL, tiles, scratch, positions)
        v = np.empty(n * n * block * channels, x.dtype)
        products = np.empty(n * n * block * filters, x.dtype)
        square = np.empty(m * m * filters, x.dtype)
        cells = np.arange(channels)
        for first in range(0, count, block):
            used = min(block, count - first)
            here = positions[first : first + used]
            _map_input(m, scratch, here, tiles.width * channels, channels, v, block, channels)
            rows = (used + ROWS - 1) // ROWS * ROWS
            tile = np.minimum(np.arange(rows), used - 1)
            sources, targets = tile * channels, tile * filters
            for entry in range(n * n):
                of_v = v[entry * block * channels :]
                for k in range(0, channels, longest):
                    k_end = min(channels, k + longest)
                    panel = 0
                    while panel < panels:
                        wide = panel + PANELS <= panels
                        start = ((entry * panels + panel) * channels + k) * width
                        into = products[entry * block * filters + panel * width :]
                        multiply(
                            of_v,
                            sources,
                            cells,
                            k,
                            k_end,
                            u,
                            start,
                            apart,
                            into,
                            targets,
                            k > 0,
                            wide,
                        )
                        panel += PANELS if wide else 1
            for t in range(used):
                line, q = divmod(first + t, tiles.columns)
                image, p = divmod(begin + line, tiles.image_lines)
                i, j = p * m, q * m
                whole = i + m <= out_rows and j + m <= out_columns
                start = ((image * out_rows + i) * out_columns + j) * filters if whole else 0
                row = out_columns * filters if whole else m * filters
                into = out if whole else square
                place, step = t * filters, block * filters
                if m == 2:
                    _output_2(products, place, 4 * step, step, into, start, row, filters, filters)
                else:
                    _output_4(products, place, 6 * step, step, into, start, row, filters, filters)
                if not whole:
                    for a in range(min(m, out_rows - i)):
                        for b in range(min(m, out_columns - j)):
                            for f in range(filters):
                                y[image, i + a, j + b, f] = square[(a * m + b) * filters + f]


def _kernel_gradient_tiles(dy, x, partial, tiles, of_dy, groups, block, m):  # type: ignore[no-untyped-def]
    channels, filters = x.shape[3], dy.shape[3]
    width = 64 // x.itemsize
    panels, n = filters // width, m + 2
    depth = (channels + ROWS - 1) // ROWS * ROWS
    d_apart = block * width
    lines = len(x) * tiles.image_lines
    tasks = (lines + tiles.lines - 1) // tiles.lines
    chunks, size, d_flat = len(partial), depth * width, dy.reshape(-1)
    for share in prange(chunks * groups):
        chunk, group = share // groups, share % groups
        first_panel, end_panel = group * panels // groups, (group + 1) * panels // groups
        sums = partial[chunk]
        for entry in range(n * n):
            start = (entry * panels + first_panel) * size
            into = sums[start : start + (end_panel - first_panel) * size]
            for i in range(len(into)):
                into[i] = 0
        scratch = np.empty(tiles.scratch, x.dtype)
        d_scratch = np.empty(of_dy.scratch, x.dtype)
        d_source = d_scratch if of_dy.copied else d_flat
        v = np.empty(n * n * block * channels, x.dtype)
        d = np.empty(n * n * block * filters, x.dtype)
        cells = np.minimum(np.arange(depth), channels - 1)
        sources, targets = np.arange(block) * channels, np.arange(depth) * width
        for task in range(chunk * tasks // chunks, (chunk + 1) * tasks // chunks):
            begin, end = task * tiles.lines, min(lines, (task + 1) * tiles.lines)
            count = (end - begin) * tiles.columns
            positions, d_positions = np.empty(count, np.int64), np.empty(count, np.int64)
            read_tile(x, begin, end, FIRST_CHANNEL, tiles, scratch, positions)
            read_tile(dy, begin, end, FIRST_CHANNEL, of_dy, d_scratch, d_positions)
            for first in range(0, count, block):
                used = min(block, count - first)
                here = positions[first : first + used]
                _map_input(m, scratch, here, tiles.width * channels, channels, v, block, channels)
                for t in range(used):
                    for panel in range(first_panel, end_panel):
                        start = d_positions[first + t] + panel * width
                        row, place = of_dy.width * filters, (panel * block + t) * width
                        step = block * filters
                        if m == 2:
                            _output_back_2(
                                d_source, start, row, filters, d, place, 4 * step, step, width
                            )
                        else:
                            _output_back_4(
                                d_source, start, row, filters, d, place, 6 * step, step, width
                            )
                for entry in range(n * n):
                    of_v = v[entry * block * channels :]
                    panel = first_panel
                    while panel < end_panel:
                        wide = panel + PANELS <= end_panel
                        of_d = d[(entry * panels + panel) * block * width :]
                        into = sums[(entry * panels + panel) * size :]
                        multiply_transposed(
                            of_v,
                            sources,
                            used,
                            cells,
                            of_d,
                            width,
                            d_apart,
                            into,
                            size,
                            targets,
                            wide,
                        )
                        panel += PANELS if wide else 1


def _collect_partials(partial, dkernel, m):  # type: ignore[no-untyped-def]
    _, _, channels, filters = dkernel.shape
    flat = dkernel.reshape(-1)
    width, n = 64 // dkernel.itemsize, m + 2
    panels, depth = filters // width, (channels + ROWS - 1) // ROWS * ROWS
    chunks = len(partial)
    step = panels * depth * width
    for task in prange(panels * channels):
        panel, c = task // channels, task % channels
        du = np.zeros(n * n * width, dkernel.dtype)
        for chunk in range(chunks):
            for entry in range(n * n):
                start = entry * step + (panel * depth + c) * width
                for lane in range(width):
                    du[entry * width + lane] += partial[chunk, start + lane]
        place, row = c * filters + panel * width, 3 * channels * filters
        if m == 2:
            _kernel_back_2(du, 0, 4 * width, width, flat, place, row, channels * filters, width)
        else:
            _kernel_back_4(du, 0, 6 * width, width, flat, place, row, channels * filters, width)


_map_kernel = jit(_map_packed_kernel, work=4)
_correlate = jit(_correlate_tiles, work=50)
_gradient = jit(_kernel_gradient_tiles, work=50)
_collect = jit(_collect_partials, work=4)
