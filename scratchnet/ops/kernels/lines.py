"""Convolution with few filters: the lanes of a vector are neighbours in a line.

A block of `ops.kernels.correlation` has filters in its lanes, and LeNet's first layer has six for
sixteen. Here the images, and y or dy, are taken apart into planes of one channel or filter,

    y[n, p, q, f] = Σ_k x[n, i, j, c]·W[k, f]       k = (a, b, c)
    ∂L/∂W[k, f]   = Σ_r x[n, i, j, c]·dy[r, f]      r = (n, p, q)

    i = p·s + a·d − pad,  j = q + b·d − pad

so that the numbers for q, q + 1, … lie side by side, of x and of y. A last vector of a line has
lanes beyond it: what they compute is dropped, and their dy is zero. (So an infinity or NaN beside
a patch spoils the gradient of a tap that does not see it.)

A thread takes a tile of lines of one image. A bias is added to a plane, and windows of 2×2 are
pooled in it, before the planes are put together. Traffic: x is read and y written once, and each
number once more in the cache, to take planes apart and put them together. FLOPs:
2·N·OH·OW·KH·KW·C·F.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from scratchnet.ops.formulas.fused import Pooling
from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels.biased import ACTIVATIONS, add_bias
from scratchnet.ops.kernels.blocks import (
    PANELS,
    ROWS,
    lanes,
    multiply_own,
    multiply_own_transposed,
)
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.memory import empty, scratch, zeros
from scratchnet.ops.kernels.patches import View, forward_view, whole_blocks
from scratchnet.ops.kernels.window_blocks import AVERAGE, LARGEST

_PLANES = 2**16  # bytes of the planes of a tile, about: they shall stay in a core's own cache
_POSITIONS = 2**12  # of a tile, at most
_EACH = -1  # instead of a kind of windows: every number is written
_SUMMED = 512  # positions that the gradient of the kernel adds up in one chain of vectors, about


class _Planes(NamedTuple):
    """How a tile is taken apart: numbers only, as Numba takes them."""

    lines: int  # output lines of a tile
    tiles: int  # of an image
    columns: int  # output columns
    vectors: int  # of an output line
    stride: int  # lines of the image from one output line to the next
    top: int  # line and column of the image where the first patch begins
    left: int
    height: int  # lines that a patch spans
    pitch: int  # numbers of a line of one channel
    channels: int


@lru_cache(maxsize=256)
def _planes_of(
    view: View,
    shape: tuple[int, ...],
    filters: int,
    itemsize: int,
    positions: int,
    together: int = 1,
) -> tuple[_Planes, np.ndarray]:
    """(tiles of about so many positions, the distances of a patch's numbers from the first).

    A tile has whole groups of lines that are pooled together. The distances fill whole blocks: the
    last one stands there again.
    """
    (out_lines, columns), (top, left), span = view.output, view.first, view.span
    out_lines = out_lines // together * together
    channels, width = shape[3], 64 // itemsize
    vectors = -(-columns // width)
    pitch = vectors * width + span[1] - 1
    of_line = (view.strides[0] * channels * pitch + filters * vectors * width) * itemsize
    lines = max(1, min(_PLANES // of_line, positions // (vectors * width), out_lines))
    tiles = -(-out_lines // lines)
    lines = -(-out_lines // (tiles * together)) * together
    tiles = -(-out_lines // lines)
    planes = _Planes(
        lines, tiles, columns, vectors, view.strides[0], top, left, span[0], pitch, channels
    )
    rows = (np.array(view.rows) - top)[:, None, None] * channels + np.arange(channels)
    cells = rows * pitch + (np.array(view.columns) - left)[:, None]
    return planes, np.pad(cells.reshape(-1), (0, whole_blocks(cells.size) - cells.size), "edge")


def forward(
    x: np.ndarray,
    kernel: np.ndarray,
    window: Window,
    strides: Pair,
    dilation: Pair,
    bias: np.ndarray | None = None,
    activation: str = "linear",
    pooling: Pooling | None = None,
) -> np.ndarray:
    """y of `formulas.conv2d` with one group, of `conv2d_bias` with a bias, and of
    `conv2d_bias_pool2d` with windows that are `poolable`; strides (any, 1)."""
    filters, width = kernel.shape[3], lanes(x.dtype)
    together, kind = (1, _EACH) if pooling is None else (2, AVERAGE if pooling.average else LARGEST)
    y = empty((len(x), *(size // together for size in window.output), filters), x.dtype)
    view = forward_view(kernel.shape[:2], window, strides, dilation)
    planes, cells = _planes_of(view, x.shape, filters, x.itemsize, _POSITIONS, together)
    spread = np.repeat(kernel.reshape(-1, filters).T, width)  # each number in all lanes
    if bias is None:
        bias = np.zeros(filters, x.dtype)
    places = _places_of(planes, y.shape[2], filters, width, together)
    how = planes, bias, ACTIVATIONS[activation], kind
    _forward(x, spread, y, cells[: spread.size // filters // width], *places, *how)
    return y


@lru_cache(maxsize=256)
def _places_of(
    planes: _Planes, columns: int, filters: int, width: int, together: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(where each vector of a tile first sees the image, its place in the plane of a filter, the
    place in all planes of each number of a line of y).

    Two lines that are pooled together go to the two halves of a plane.
    """
    rows = -(-planes.lines * planes.vectors // ROWS) * ROWS
    p, vector = np.divmod(np.arange(rows), planes.vectors)
    of_line = planes.stride * planes.channels * planes.pitch
    positions = np.minimum(p, planes.lines - 1) * of_line + vector * width
    part, place = p % together, p // together
    into = np.where(p < planes.lines, part * (planes.lines // together) + place, p)
    q, f = np.divmod(np.arange(columns * filters), filters)
    return positions, (into * planes.vectors + vector) * width, f * rows * width + q


def poolable(output: Pair, pooling: Pooling) -> bool:
    """Whether `forward` pools such windows of an output: 2×2, beside each other and inside."""
    size, steps, padding, _ = pooling
    even = padding == "valid" or not any(length % 2 for length in output)
    return size == (2, 2) and steps in (None, (2, 2)) and even and min(output) > 1


def kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel of `formulas.conv2d_kernel_gradient` with one group; view: as forward."""
    filters, width = dy.shape[3], lanes(x.dtype)
    planes, cells = _planes_of(view, x.shape, filters, x.itemsize, _SUMMED)
    chunks = min(len(x) * planes.tiles, CHUNKS)
    partial = zeros((chunks, filters, len(cells), width), x.dtype)
    _kernel_gradient(dy, x, partial, cells, planes)
    dkernel = empty(kernel_shape, x.dtype)
    rows = dkernel.reshape(-1, filters)
    rows[...] = partial.sum(axis=0).sum(axis=2).T[: len(rows)]
    return dkernel


def _take_apart(x, n, p, lines, planes, into):  # type: ignore[no-untyped-def]
    # The cells that output lines from p on see, a plane of each line and channel; zeros outside
    _, height, columns, channels = x.shape
    first, end = max(planes.left, 0), min(columns, planes.left + planes.pitch)
    before = first - planes.left
    for row in range((lines - 1) * planes.stride + planes.height):
        i = p * planes.stride + planes.top + row
        for c in range(channels):
            start = (row * channels + c) * planes.pitch
            plane = into[start : start + planes.pitch]
            used = end - first if 0 <= i < height else 0
            if used <= 0:
                for j in range(len(plane)):
                    plane[j] = 0
                continue
            inside, cells = plane[before : before + used], x[n, i, first:end, c]
            for j in range(before):
                plane[j] = 0
            for j in range(len(inside)):
                inside[j] = cells[j]
            for j in range(before + used, len(plane)):
                plane[j] = 0


_apart = jit(_take_apart, parallel=False)


def _pool_lines(above, below, average, y):  # type: ignore[no-untyped-def]
    # y[q] of the cells 2·q and 2·q + 1 of each
    if average:
        zero, four = y.dtype.type(0), y.dtype.type(4)
        for q in range(len(y)):
            total = zero + above[2 * q] + above[2 * q + 1]
            y[q] = (total + below[2 * q] + below[2 * q + 1]) / four
    else:
        for q in range(len(y)):
            a, b, c, d = above[2 * q], above[2 * q + 1], below[2 * q], below[2 * q + 1]
            best = b if (b > a) | (b != b) else a
            best = c if (c > best) | (c != c) else best
            y[q] = d if (d > best) | (d != d) else best


_pool = jit(_pool_lines, parallel=False)


def _forward_lines(  # type: ignore[no-untyped-def]
    x, w, y, cells, positions, targets, places, planes, bias, activation, kind
):
    filters, width = y.shape[3], 64 // x.itemsize
    size, pooled = len(cells) * width, kind != _EACH
    line = planes.channels * planes.pitch  # of x, all channels
    plane, most = planes.lines * planes.vectors * width, len(targets) * width  # of a filter
    together = 2 if pooled else 1  # lines of y, of which one is written
    columns = planes.vectors * width // together
    for task in prange(len(x) * planes.tiles):
        n, tile = task // planes.tiles, task % planes.tiles
        begin = tile * planes.lines
        lines = min(planes.lines, y.shape[1] * together - begin)
        source = scratch(((planes.lines - 1) * planes.stride + planes.height) * line, x)
        _apart(x, n, begin, lines, planes, source)
        rows = (lines * planes.vectors + ROWS - 1) // ROWS * ROWS
        outputs = scratch(filters * most, x)
        f = 0
        while f < filters:
            wide = f + PANELS <= filters
            of_w, of_y = (w, f * size, size), (outputs[f * most :], most, targets[:rows])
            multiply_own(source, positions[:rows], cells, *of_w, *of_y, wide)
            f += PANELS if wide else 1
        biases, results = scratch(plane, x), scratch(filters * most if pooled else 0, x)
        for f in range(filters):
            of_filter, half = outputs[f * most : f * most + plane], plane // 2
            biases[:] = bias[f]
            add_bias(of_filter, biases, activation)
            if pooled:
                of_pool = results[f * most : f * most + half // 2]
                _pool(of_filter[:half], of_filter[half:], kind == AVERAGE, of_pool)
        for p in range(lines // together):
            into = y[n, begin // together + p].reshape(-1)
            planes_of_line = results[p * columns :] if pooled else outputs[p * columns :]
            for k in range(len(into)):
                into[k] = planes_of_line[places[k]]


def _kernel_gradient_lines(dy, x, partial, cells, planes):  # type: ignore[no-untyped-def]
    chunks, filters, depth, width = partial.shape
    sums, size = partial.reshape(-1), depth * width
    line, columns = planes.channels * planes.pitch, planes.vectors * width
    count = len(x) * planes.tiles
    most = planes.lines * planes.vectors
    for chunk in prange(chunks):
        source = scratch(((planes.lines - 1) * planes.stride + planes.height) * line, x)
        d_planes = scratch(filters * most * width, x)
        d_planes[:] = 0
        positions = np.empty(most, np.int64)
        for r in range(most):
            p, vector = divmod(r, planes.vectors)
            positions[r] = p * planes.stride * line + vector * width
        targets = np.arange(depth) * width
        for task in range(chunk * count // chunks, (chunk + 1) * count // chunks):
            n, tile = task // planes.tiles, task % planes.tiles
            begin = tile * planes.lines
            lines = min(planes.lines, dy.shape[1] - begin)
            _apart(x, n, begin, lines, planes, source)
            for p in range(lines):
                d_line = dy[n, begin + p].reshape(-1)
                for f in range(filters):
                    start = f * most * width + p * columns
                    plane = d_planes[start : start + planes.columns]
                    for q in range(len(plane)):
                        plane[q] = d_line[q * filters + f]
            f = 0
            while f < filters:
                wide = f + PANELS <= filters
                d_panel = (d_planes[f * most * width :], width, most * width)
                of_w = (sums[(chunk * filters + f) * size :], size, targets)
                rows = lines * planes.vectors
                multiply_own_transposed(source, positions, rows, cells, *d_panel, *of_w, wide)
                f += PANELS if wide else 1


_forward = jit(_forward_lines, work=30)
_kernel_gradient = jit(_kernel_gradient_lines, work=30)
