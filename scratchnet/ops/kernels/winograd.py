"""Winograd's convolution in blocks. Meaning and source: `ops.formulas.winograd`.

A thread takes some tiles of the output, of m = 2×2, 2×4 or 4×4 cells each, and

    V[u, v] = (Bᵀ·d·B)[u, v]          of the cells d that each tile sees: (tiles, C)
    M[u, v] = V[u, v]·U[u, v]         one product of blocks for each (u, v), U = G·g·Gᵀ: (C, F)
    Y       = Aᵀ·M·A                  m cells of y for each tile

The gradient of the kernel is the adjoint of the same three steps,

    ∂L/∂U[u, v] = V[u, v]ᵀ·(A·dY·Aᵀ)[u, v],     ∂L/∂g = Gᵀ·(∂L/∂U)·G

and the gradient of the image is the convolution of dy with the kernel turned round. Channels and
filters must fill whole panels. Not more than `_TERMS` products are added in one chain, fewer of
larger tiles, whose rounding errors count more. Tiles are read where they lie; one that reaches
beyond the image is copied first, with zeros. Traffic: x and U are read and y is written once, as
far as V, M and U stay in a core's own cache. FLOPs of the products: 8·N·OH·OW·C·F for tiles of
2×2, instead of 18, 6 for 2×4 and 4.5 for 4×4.

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
    multiply_transposed,
)
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.kernel_gradient import chunks_and_groups
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.panels import Taps, pack
from scratchnet.ops.kernels.patches import View
from scratchnet.ops.kernels.transforms import two_sided

# Bytes of V and M of a thread: as many as U has, which is read anew for them, within these bounds
_SCRATCH = 2**19, 6 * 2**20
_TILES = 96  # that are multiplied at once, at most
_TERMS = {4: 64, 8: 32, 16: 32}  # products added in one chain, by the cells of a tile
_ADDED = 48  # tiles whose products are, for the gradient of the kernel
_TASKS = 4  # that this is shared out to: a fixed number, for the result depends on the block


def winograd_correlate(
    x: np.ndarray,
    kernel: np.ndarray,
    y: np.ndarray,
    view: View,
    step: Pair = (1, 1),
    rest: Pair = (0, 0),
    bias: np.ndarray | None = None,
    relu: bool = False,
    turned: Taps | None = None,
    *,
    m: Pair,
) -> None:
    """As `correlation.correlate` of nine neighbouring taps, with strides and step 1."""
    channels, filters, width = x.shape[3], y.shape[3], lanes(x.dtype)
    u = empty((_entries(m), filters, channels), x.dtype)  # (u, v), panels of F, C, lanes
    apart = (width, filters, channels * filters)  # panels, channels, taps
    if turned:
        kernel = pack(kernel, turned)
        apart = (9 * channels * width, width, channels * width)
    _map_kernel(kernel.reshape(-1), apart, u.reshape(-1), channels, m)
    terms = gcd(channels, _TERMS[prod(m)])
    block = _block(y.shape, x, m, _TILES, config.threads())
    least = x.dtype.type(0 if relu else -np.inf)
    if bias is None:
        bias = np.zeros(filters, x.dtype)
    _correlate(x, u.reshape(-1), y, view.first, block, m, terms, bias, least)


def winograd_kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View, m: Pair
) -> np.ndarray:
    """As `kernel_gradient.kernel_gradient` of nine neighbouring taps, with strides 1."""
    channels, filters = kernel_shape[2:]
    block = _block(dy.shape, x, m, _ADDED, _TASKS)
    size = _entries(m) * filters * channels
    count = -(-_tiles(dy.shape, m) // block)
    chunks, groups = chunks_and_groups(
        count, size * x.itemsize, filters // lanes(x.dtype), config.threads()
    )
    partial = empty((chunks, size), x.dtype)
    _gradient(dy, x, partial, view.first, groups, block, m)
    dkernel = empty(kernel_shape, x.dtype)
    _collect(partial, dkernel, m)
    return dkernel


def _entries(m: Pair) -> int:
    """(u, v) of the products of a tile."""
    return (m[0] + 2) * (m[1] + 2)


def _tiles(shape: tuple[int, ...], m: Pair) -> int:
    """Of all outputs (N, OH, OW, F) together."""
    return shape[0] * -(-shape[1] // m[0]) * -(-shape[2] // m[1])


def _block(shape: tuple[int, ...], x: np.ndarray, m: Pair, most: int, tasks: int) -> int:
    """How many tiles are multiplied at once, for outputs (N, OH, OW, F).

    Whole blocks of rows, not above `most`, and so many that none of the tasks does much more than
    the others; the fewer times U is read, the better.
    """
    tiles, of_tile = _tiles(shape, m), _entries(m) * (x.shape[3] + shape[3]) * x.itemsize
    of_kernel = _entries(m) * x.shape[3] * shape[3] * x.itemsize
    fit = min(max(_SCRATCH[0], of_kernel), _SCRATCH[1]) // of_tile
    sizes = range(max(1, min(most, fit) // ROWS) * ROWS, 0, -ROWS)
    return min(sizes, key=lambda size: -(-tiles // (size * tasks)) * size)


_SIZES = ((2, 2), (2, 4), (4, 4))


def _of_sizes(
    matrix: Callable[[Transforms], np.ndarray], biased: bool = False
) -> Iterator[Callable[..., None]]:
    for rows, columns in _SIZES:
        yield two_sided(matrix(TRANSFORMS[rows]), matrix(TRANSFORMS[columns]), biased)


_input_2x2, _input_2x4, _input_4x4 = _of_sizes(lambda t: t.input)
_kernel_2x2, _kernel_2x4, _kernel_4x4 = _of_sizes(lambda t: t.kernel)
_output_2x2, _output_2x4, _output_4x4 = _of_sizes(lambda t: t.output, biased=True)
_output_back_2x2, _output_back_2x4, _output_back_4x4 = _of_sizes(lambda t: t.output.T)
_kernel_back_2x2, _kernel_back_2x4, _kernel_back_4x4 = _of_sizes(lambda t: t.kernel.T)


def _read_tile(x, n, i, j, rows, columns, patch):  # type: ignore[no-untyped-def]
    # Cells (rows, columns) of image n from line i, column j on: where they begin and how far their
    # rows lie apart, in x, or in `patch`, with zeros, where they reach beyond the image
    _, height, width, channels = x.shape
    if i >= 0 and j >= 0 and i + rows <= height and j + columns <= width:
        return ((n * height + i) * width + j) * channels, width * channels, True
    first, end = max(-j, 0), max(0, min(columns, width - j))
    for a in range(rows):
        into = patch[a * columns * channels : (a + 1) * columns * channels]
        if i + a < 0 or i + a >= height or first >= end:
            for c in range(len(into)):
                into[c] = 0
        else:
            line = x[n, i + a].reshape(-1)[(j + first) * channels : (j + end) * channels]
            before = first * channels
            inside = into[before : before + len(line)]
            for c in range(before):
                into[c] = 0
            for c in range(len(line)):
                inside[c] = line[c]
            for c in range(before + len(line), len(into)):
                into[c] = 0
    return 0, columns * channels, False


_read = jit(_read_tile, parallel=False)


def _map_tiles(m, x, first, last, corner, rows, columns, v, block):  # type: ignore[no-untyped-def]
    # V[u, v, t, :] = (Bᵀ·d·B)[u, v, :] of the tiles d from `first` to `last`, `rows` times
    # `columns` of them in an image, of which the first begins at the corner
    channels, flat = x.shape[3], x.reshape(-1)
    patch = scratch((m[0] + 2) * (m[1] + 2) * channels, x)
    apart = block * channels
    to_row = (m[1] + 2) * apart
    for t in range(first, last):
        n, place = divmod(t, rows * columns)
        p, q = divmod(place, columns)
        i, j = p * m[0] + corner[0], q * m[1] + corner[1]
        start, row, inside = _read(x, n, i, j, m[0] + 2, m[1] + 2, patch)
        source = flat if inside else patch
        at = (start, row, channels, v, (t - first) * channels, to_row, apart, channels)
        if m[1] == 2:
            _input_2x2(source, *at)
        elif m[0] == 2:
            _input_2x4(source, *at)
        else:
            _input_4x4(source, *at)


_map_input = jit(_map_tiles, parallel=False)


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
        _map_input(m, x, first, last, corner, rows, columns, v, block)
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
                for a in range(min(m[0], out_rows - i)):
                    for b in range(min(m[1], out_columns - j)):
                        for f in range(filters):
                            y[n, i + a, j + b, f] = aside[(a * m[1] + b) * filters + f]


def _kernel_gradient_tiles(dy, x, partial, corner, groups, block, m):  # type: ignore[no-untyped-def]
    images, out_rows, out_columns, filters = dy.shape
    channels, d_flat = x.shape[3], dy.reshape(-1)
    width = 64 // x.itemsize
    panels, entries, of_row = filters // width, (m[0] + 2) * (m[1] + 2), m[1] + 2
    d_apart = block * width
    rows, columns = (out_rows + m[0] - 1) // m[0], (out_columns + m[1] - 1) // m[1]
    count = images * rows * columns
    tasks = (count + block - 1) // block
    chunks, size = len(partial), channels * width
    for share in prange(chunks * groups):
        chunk, group = share // groups, share % groups
        first_panel, end_panel = group * panels // groups, (group + 1) * panels // groups
        sums = partial[chunk]
        v = scratch(entries * block * channels, x)
        d = scratch(entries * block * filters, x)
        patch = scratch(m[0] * m[1] * filters, x)
        sources, cells = np.arange(block) * channels, np.arange(channels)
        targets = cells * width
        begin = chunk * tasks // chunks
        for task in range(begin, (chunk + 1) * tasks // chunks):
            first, last = task * block, min(count, (task + 1) * block)
            _map_input(m, x, first, last, corner, rows, columns, v, block)
            for t in range(first, last):
                n, place = divmod(t, rows * columns)
                p, q = divmod(place, columns)
                start, row, inside = _read(dy, n, p * m[0], q * m[1], m[0], m[1], patch)
                source = d_flat if inside else patch
                for panel in range(first_panel, end_panel):
                    to = (panel * block + t - first) * width
                    step = block * filters
                    at = (start + panel * width, row, filters, d, to, of_row * step, step, width)
                    if m[1] == 2:
                        _output_back_2x2(source, *at)
                    elif m[0] == 2:
                        _output_back_2x4(source, *at)
                    else:
                        _output_back_4x4(source, *at)
            for entry in range(entries):
                of_v = v[entry * block * channels :]
                panel = first_panel
                while panel < end_panel:
                    wide = panel + PANELS <= end_panel
                    of_d = (d[(entry * panels + panel) * block * width :], width, d_apart)
                    into = sums[(entry * panels + panel) * size :]
                    of_sums = (into, size, targets, task > begin, wide, True)
                    multiply_transposed(of_v, sources, last - first, cells, *of_d, *of_sums)
                    panel += PANELS if wide else 1


def _collect_partials(partial, dkernel, m):  # type: ignore[no-untyped-def]
    _, _, channels, filters = dkernel.shape
    flat = dkernel.reshape(-1)
    width, entries = 64 // dkernel.itemsize, (m[0] + 2) * (m[1] + 2)
    panels = filters // width
    chunks = len(partial)
    step = panels * channels * width
    for task in prange(panels * channels):
        panel, c = task // channels, task % channels
        du = np.zeros(entries * width, dkernel.dtype)
        for chunk in range(chunks):
            for entry in range(entries):
                start = entry * step + (panel * channels + c) * width
                for lane in range(width):
                    du[entry * width + lane] += partial[chunk, start + lane]
        start, row, column = c * filters + panel * width, 3 * channels * filters, channels * filters
        place = (0, (m[1] + 2) * width, width, flat, start, row, column, width)
        if m[1] == 2:
            _kernel_back_2x2(du, *place)
        elif m[0] == 2:
            _kernel_back_2x4(du, *place)
        else:
            _kernel_back_4x4(du, *place)


_map_kernel = jit(_map_panels_of_kernel, work=4)
_correlate = jit(_correlate_tiles, work=50)
_gradient = jit(_kernel_gradient_tiles, work=50)
_collect = jit(_collect_partials, work=4)
