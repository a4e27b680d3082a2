"""The gradient of a convolution's kernel by Winograd's, in blocks.

The adjoint of the three steps of `ops.kernels.winograd`:

    ∂L/∂U[u, v] = V[u, v]ᵀ·(A·dY·Aᵀ)[u, v],     ∂L/∂g = Gᵀ·(∂L/∂U)·G

The channels are cut into parts and the filters into groups, so small that the sums of ∂L/∂U of a
task, one of each, stay in a core's own cache. It takes some tiles at a time, maps their cells of x
and dy, adds the products, and in the end maps the sums back. Few channels and filters make few
tasks; then the tiles are cut into chunks, whose sums are added first, as in
`ops.kernels.kernel_gradient`.

Traffic: x is read once a group and dy once a part. FLOPs of the products: as forward.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet import config
from scratchnet.ops.geometry import Pair
from scratchnet.ops.kernels.blocks import PANELS, lanes, multiply_transposed
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.kernel_gradient import chunks_and_groups
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.patches import View
from scratchnet.ops.kernels.winograd import entries_of, map_input, of_sizes, read_cells, tiles_of

_CHANNELS = 128  # of a part, at most
_SUMS = 3 * 2**19  # bytes of the sums of a task, about
_MAPPED = 2**20  # bytes of the mapped cells of x and dy, about
_ADDED = 96  # tiles whose products are added in one chain, at most


def winograd_kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View, m: Pair
) -> np.ndarray:
    """As `kernel_gradient.kernel_gradient` of nine neighbouring taps, with strides 1."""
    channels, filters = kernel_shape[2:]
    width, of_number = lanes(x.dtype), entries_of(m) * x.itemsize
    panels = filters // width
    part = next(c for c in range(_CHANNELS, 0, -width) if channels % c == 0)
    of_group = max(PANELS, min(panels, _SUMS // (part * width * of_number)))
    most = max(1, min(_ADDED, _MAPPED // ((part + of_group * width) * of_number)))
    tiles = tiles_of(dy.shape, m)
    parts, size = channels // part, channels * filters * of_number
    chunks, groups = chunks_and_groups(
        -(-tiles // most), size, panels, config.threads(), parts, -(-panels // of_group)
    )
    of_chunk = -(-tiles // chunks)
    block = -(-of_chunk // -(-of_chunk // most))
    kept = chunks if chunks > 1 else 0  # the sums of a single one stay with its thread
    partial = empty((kept, parts, panels, entries_of(m), part * width), x.dtype)
    dkernel = empty(kernel_shape, x.dtype)
    _gradient(dy, x, partial, dkernel, view.first, groups, block, m)
    if chunks > 1:
        _collect(partial, dkernel, m)
    return dkernel


_output_back_2x2, _output_back_2x4, _output_back_4x4 = of_sizes(lambda t: t.output.T)
_kernel_back_2x2, _kernel_back_2x4, _kernel_back_4x4 = of_sizes(lambda t: t.kernel.T)


def _kernel_gradient_tiles(dy, x, partial, dkernel, corner, groups, block, m):  # type: ignore[no-untyped-def]
    images, out_rows, out_columns, _ = dy.shape
    d_flat = dy.reshape(-1)
    several, parts, panels, entries, size = partial.shape
    chunks = max(several, 1)
    width, of_row, apart = 64 // x.itemsize, m[1] + 2, entries * size
    part = size // width
    rows, columns = (out_rows + m[0] - 1) // m[0], (out_columns + m[1] - 1) // m[1]
    count = images * rows * columns
    for task in prange(chunks * parts * groups):
        chunk, which, group = task // groups // parts, task // groups % parts, task % groups
        first_panel, end_panel = group * panels // groups, (group + 1) * panels // groups
        of_group, channel = (end_panel - first_panel) * width, which * part
        if several:
            sums = partial[chunk, which, first_panel:end_panel].reshape(-1)
        else:
            sums = scratch((end_panel - first_panel) * apart, x)
        v = scratch(entries * block * part, x)
        d = scratch(entries * block * of_group, x)
        patch = scratch(m[0] * m[1] * of_group, x)
        sources, cells = np.arange(block) * part, np.arange(part)
        targets = cells * width
        begin, end = chunk * count // chunks, (chunk + 1) * count // chunks
        for first in range(begin, end, block):
            last = min(end, first + block)
            map_input(m, x, first, last, corner, rows, columns, channel, part, v, block)
            for t in range(first, last):
                n, place = divmod(t, rows * columns)
                p, q = divmod(place, columns)
                of_cells = (m[0], m[1], first_panel * width, of_group, patch)
                start, row, column, inside = read_cells(dy, n, p * m[0], q * m[1], *of_cells)
                source = d_flat if inside else patch
                for panel in range(0, of_group, width):
                    to, step = panel * block + (t - first) * width, block * of_group
                    at = (start + panel, row, column, d, to, of_row * step, step, width)
                    if m[1] == 2:
                        _output_back_2x2(source, *at)
                    elif m[0] == 2:
                        _output_back_2x4(source, *at)
                    else:
                        _output_back_4x4(source, *at)
            for entry in range(entries):
                of_v = v[entry * block * part :]
                panel = 0
                while panel < end_panel - first_panel:
                    wide = panel + PANELS <= end_panel - first_panel
                    of_d = (d[(entry * of_group + panel * width) * block :], width, block * width)
                    into = sums[panel * apart + entry * size :]
                    of_sums = (into, apart, targets, first > begin, wide, True)
                    multiply_transposed(of_v, sources, last - first, cells, *of_d, *of_sums)
                    panel += PANELS if wide else 1
        if not several:
            for panel in range(first_panel, end_panel):
                of_panel = sums[(panel - first_panel) * apart :]
                for c in range(part):
                    _put(of_panel[c * width :], size, dkernel, channel + c, panel * width, m)


def _put_entries(du, apart, dkernel, c, f, m):  # type: ignore[no-untyped-def]
    # dkernel[:, :, c, f : f + lanes] = Gᵀ·(∂L/∂U)·G, of numbers of ∂L/∂U that lie so far apart
    _, _, channels, filters = dkernel.shape
    flat, width = dkernel.reshape(-1), 64 // dkernel.itemsize
    row, column = 3 * channels * filters, channels * filters
    at = (0, (m[1] + 2) * apart, apart, flat, c * filters + f, row, column, width)
    if m[1] == 2:
        _kernel_back_2x2(du, *at)
    elif m[0] == 2:
        _kernel_back_2x4(du, *at)
    else:
        _kernel_back_4x4(du, *at)


def _collect_partials(partial, dkernel, m):  # type: ignore[no-untyped-def]
    several, parts, panels, entries, size = partial.shape
    chunks = max(several, 1)
    width = 64 // dkernel.itemsize
    part = size // width
    for task in prange(parts * panels * part):
        which, panel, c = task // part // panels, task // part % panels, task % part
        du = np.zeros(entries * width, dkernel.dtype)
        for chunk in range(chunks):
            for entry in range(entries):
                sums = partial[chunk, which, panel, entry, c * width : (c + 1) * width]
                for lane in range(width):
                    du[entry * width + lane] += sums[lane]
        _put(du, width, dkernel, which * part + c, panel * width, m)


_put = jit(_put_entries, parallel=False)
_gradient = jit(_kernel_gradient_tiles, work=50)
_collect = jit(_collect_partials, work=4)
