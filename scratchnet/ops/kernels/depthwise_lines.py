"""Depthwise convolution with one kernel for each channel, where its taps are neighbours in a line.

Neighbouring outputs see the same cells, by other taps; a cell that is loaded serves them all
(`ops.kernels.line_blocks`). So little is left to compute that memory decides, and the images are
read in place, line by line as they lie there: what would be outside of them is left out, or read
from a few zeros. Channels are cut into blocks and parts as in `ops.kernels.depthwise_blocks`.

To the image with strides, lines and columns of dx that leave the same rest divided by the strides
meet the same taps (`ops.kernels.correlation`). Each line of dx is written in one go, all rests of
its columns after each other.

Traffic: x is read and y written once. FLOPs: 2·N·OH·OW·KH·KW·C.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels.blocks import PANELS, lanes
from scratchnet.ops.kernels.correlation import taps_of_rests
from scratchnet.ops.kernels.depthwise_blocks import pack, parts_of, unpack
from scratchnet.ops.kernels.jit import CHUNKS, jit
from scratchnet.ops.kernels.line_blocks import (
    OUTPUTS,
    SQUARES,
    TAPS,
    multiply_channels,
    multiply_channels_transposed,
)
from scratchnet.ops.kernels.memory import empty, scratch, zeros
from scratchnet.ops.kernels.patches import View

_LINES = 8  # that a thread takes at a time
_SUMMED = 64  # positions that the gradient of the kernel adds up in one chain, about

# (rest of lines and of columns, taps that meet it, how these outputs look at what is read)
Part = tuple[Pair, tuple[tuple[int, ...], tuple[int, ...]], View]


@lru_cache(maxsize=1024)
def in_lines(view: View) -> bool:
    """Whether `OUTPUTS` neighbours in a line are computed together."""
    if not (view.rows and view.columns):
        return False
    first, columns = view.columns[0], view.output[1]
    neighbours = view.columns == tuple(range(first, first + len(view.columns)))
    fit = len(view.columns) in TAPS.get(view.strides[1], ())
    return neighbours and fit and columns >= OUTPUTS


def whole(view: View) -> tuple[Part, ...]:
    """The view of all taps as the one part of all outputs."""
    taps = tuple(range(len(view.rows))), tuple(range(len(view.columns)))
    return (((0, 0), taps, view),)


@lru_cache(maxsize=1024)
def back(
    size: Pair, kernel_size: Pair, window: Window, strides: Pair, dilation: Pair
) -> tuple[Part, ...]:
    """How dx looks at dy: (rest, taps, view) for cells that leave a rest divided by the strides."""
    pads = window.pad_rows[0], window.pad_columns[0]
    rows, columns = (
        taps_of_rests(*numbers)
        for numbers in zip(size, kernel_size, strides, dilation, pads, strict=True)
    )
    return tuple(
        ((i, j), (a, b), View((p, q), (1, 1), lines, places))
        for i, a, lines, p in rows
        for j, b, places, q in columns
    )


def correlate(x: np.ndarray, kernel: np.ndarray, y: np.ndarray, of_rests: tuple[Part, ...]) -> None:
    """y[n, p, q, c] = Σ_k (cells of channel c that p, q sees)[k]·kernel[k, c].

    k counts the taps of a part. The kernel is (KH, KW, C, 1); there is a part for each rest of
    lines and columns of y.
    """
    channels, width = x.shape[3], lanes(x.dtype)
    parts = parts_of(channels, width)
    order, *plan = _line_plan(of_rests, kernel.shape[1])
    packed = pack(np.asarray(kernel, x.dtype).reshape(-1, channels)[order], width)
    lines = len(x) * y.shape[1] * (len(parts.bounds) - 1)  # of all parts
    several = max(1, min(_LINES, lines // CHUNKS))
    _correlate(x, packed, y, parts.starts, parts.bounds, *plan, several)


@lru_cache(maxsize=1024)
def _line_plan(
    of_rests: tuple[Part, ...], kernel_width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, int]:
    """The views of all rests in numbers.

    Returns:
        The taps of all rests, one after the other; where those of each (rest of lines, rest of
        columns) begin among them; (rests of lines, 1 + taps), how many taps there are and the lines
        that they meet for p = 0; (rests of columns, 3), the first column met, the taps and the
        outputs; the strides.
    """
    order = [[a * kernel_width + b for a in taps[0] for b in taps[1]] for _, taps, _ in of_rests]
    views = [view for _, _, view in of_rests]
    rests = 1 + max(j for (_, j), _, _ in of_rests)
    begins = np.cumsum([0, *map(len, order[:-1])]).reshape(-1, rests)
    rows = np.zeros((len(begins), 1 + max(len(view.rows) for view in views)), np.int64)
    for line, view in zip(rows, views[::rests], strict=True):
        line[: 1 + len(view.rows)] = len(view.rows), *view.rows
    columns = [(view.columns[0], len(view.columns), view.output[1]) for view in views[:rests]]
    return np.concatenate(order), begins, rows, np.array(columns), *views[0].strides


def sums_in_lines(view: View) -> bool:
    """Whether `kernel_gradient` takes this view: all sums of a kernel are under way at once."""
    size = len(view.rows), len(view.columns)
    return in_lines(view) and size in (SQUARES if PANELS > 1 else SQUARES[:1])


def kernel_gradient(
    dy: np.ndarray, x: np.ndarray, kernel_shape: tuple[int, ...], view: View
) -> np.ndarray:
    """dkernel; view: as forward."""
    kh, kw, channels, _ = kernel_shape
    parts, width = parts_of(channels, lanes(x.dtype)), lanes(x.dtype)
    (out_lines, columns), left = view.output, view.columns[0]
    lines = len(x) * out_lines
    several = max(1, _SUMMED // columns)
    chunks = min(-(-lines // several), -(-CHUNKS // (len(parts.bounds) - 1)))
    partial = zeros((chunks, len(parts.starts), kh * kw, width), x.dtype)
    # Outputs whose patches lie inside of the image, from left to right
    first = min(columns, max(0, -(left // view.strides[1])))
    end = max(first, min(columns, (x.shape[2] - left - kw) // view.strides[1] + 1))
    geometry = np.array(view.rows), left, *view.strides, first, end
    _kernel_gradient(dy, x, partial, *geometry, parts.starts, parts.bounds, several)
    dkernel = empty(kernel_shape, x.dtype)
    unpack(partial.sum(axis=0), dkernel.reshape(kh * kw, channels))
    return dkernel


def _depthwise_correlate_lines(  # type: ignore[no-untyped-def]
    x, w, y, starts, bounds, begins, rows, of_columns, row_stride, stride, several
):
    _, height, columns, channels = x.shape
    flat, out, parts = x.reshape(-1), y.reshape(-1), len(bounds) - 1
    lines, width, size = len(y) * y.shape[1], 64 // x.itemsize, len(w) // len(starts)
    runs, row_rests, column_rests = rows * (columns * channels), len(rows), len(of_columns)
    for task in prange((lines + several - 1) // several * parts):
        group, part = task // parts, task % parts
        for line in range(group * several, min(lines, (group + 1) * several)):
            n, i = divmod(line, y.shape[1])
            p, rest = divmod(i, row_rests)
            first = p * row_stride
            a, end = 1, 1 + rows[rest, 0]  # the taps that meet a line of the image
            while a < end and first + rows[rest, a] < 0:
                a += 1
            while end > a and first + rows[rest, end - 1] >= height:
                end -= 1
            begin = (n * height + first) * columns * channels
            for between in range(column_rests):
                left, taps, outputs = of_columns[between]
                of_x = (flat, begin, (columns, channels), left, runs[rest, 1:], a - 1, end - 1)
                of_w = (w[begins[rest, between] * width :], size)
                of_blocks = (starts, bounds[part], bounds[part + 1])
                target = (line * y.shape[2] + between) * channels
                of_y = (out, target, (outputs, column_rests * channels))
                multiply_channels(taps, stride, *of_x, *of_w, *of_blocks, *of_y)


def _depthwise_gradient_lines(  # type: ignore[no-untyped-def]
    dy,
    x,
    partial,
    rows,
    left,
    row_stride,
    stride,
    first_inside,
    end_inside,
    starts,
    bounds,
    several,
):
    chunks, blocks, taps, width = partial.shape
    flat, d_rows, sums = x.reshape(-1), dy.reshape(-1), partial.reshape(-1)
    _, height, columns, channels = x.shape
    _, image_lines, outputs, _ = dy.shape
    lines, parts, kw = len(x) * image_lines, len(bounds) - 1, taps // len(rows)
    inside = (columns, channels, first_inside, end_inside)
    for task in prange(chunks * parts):
        chunk, part = task // parts, task % parts
        nothing = scratch(columns * channels, x)
        nothing[:] = 0
        places = np.empty((several, len(rows)), np.int64)
        first, end = chunk * lines // chunks, (chunk + 1) * lines // chunks
        into = sums[chunk * blocks * taps * width :]
        for begin in range(first, end, several):
            count = min(several, end - begin)
            for line in range(count):
                n, p = divmod(begin + line, image_lines)
                for a in range(len(rows)):
                    i = p * row_stride + rows[a]
                    if 0 <= i < height:
                        places[line, a] = (n * height + i) * columns * channels
                    else:
                        places[line, a] = -1
            of_x = (flat, nothing, places, count, inside)
            of_dy = (d_rows, begin * outputs * channels, (outputs, channels))
            of_blocks = (starts, bounds[part], bounds[part + 1])
            multiply_channels_transposed(kw, *of_x, left, stride, *of_dy, into, *of_blocks)


_correlate = jit(_depthwise_correlate_lines, work=8)
_kernel_gradient = jit(_depthwise_gradient_lines, work=8)
