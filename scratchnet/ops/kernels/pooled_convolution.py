"""Convolution and the pooling of its result in one pass. Meaning: `ops.formulas.fused`.

A tile of output lines (`ops.kernels.correlation`) stays in a core's own cache, and only the largest
of each window is written, normalised if that is wanted (`ops.kernels.normalized_pooling`), or the
mean. That saves writing and reading the whole image. It is done where blocks compute the
convolution and windows of one line do not reach into those of the next, and with few filters as
`ops.kernels.lines` says; elsewhere one step follows the other.

Traffic: x and W are read and y is written once, as far as the caches hold a tile. FLOPs: those of
the convolution.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from scratchnet import config
from scratchnet.ops.formulas.fused import HALVED, Normalization, Pooling
from scratchnet.ops.geometry import Pair, conv2d_window, window2d
from scratchnet.ops.kernels import lines
from scratchnet.ops.kernels.biased import ACTIVATIONS, LINEAR, RELU
from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.choice import choose
from scratchnet.ops.kernels.convolution import conv2d_bias
from scratchnet.ops.kernels.correlation import correlate_tile, plan
from scratchnet.ops.kernels.jit import jit, ready, served
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.normalization import batch_normalization, batch_normalization_relu
from scratchnet.ops.kernels.normalized_pooling import batch_normalization_max_pool2d, numbers_of
from scratchnet.ops.kernels.panels import matrix_of, read_panels
from scratchnet.ops.kernels.patches import forward_view
from scratchnet.ops.kernels.pooling import average_pool2d, max_pool2d
from scratchnet.ops.kernels.window_blocks import AVERAGE, LARGEST, NORMALIZED, pool_line


def conv2d_bias_pool2d(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    strides: Pair = (1, 1),
    padding: str = "valid",
    dilation: Pair = (1, 1),
    groups: int = 1,
    activation: str = "linear",
    pooling: Pooling = HALVED,
    normalization: Normalization | None = None,
) -> np.ndarray:
    """As `formulas.conv2d_bias_pool2d`."""
    y = _in_one_pass(
        x, kernel, bias, strides, padding, dilation, groups, activation, pooling, normalization
    )
    if y is not None:
        return y
    z = conv2d_bias(x, kernel, bias, strides, padding, dilation, groups, activation)
    windows, average = pooling[:3], pooling.average
    if normalization is not None:
        numbers, relu = normalization[:5], normalization.relu
        if not average:
            return batch_normalization_max_pool2d(z, *numbers, *windows, relu=relu)
        z = (batch_normalization_relu if relu else batch_normalization)(z, *numbers)
    return (average_pool2d if average else max_pool2d)(z, *windows)


def _in_one_pass(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    strides: Pair,
    padding: str,
    dilation: Pair,
    groups: int,
    activation: str,
    pooling: Pooling,
    normalization: Normalization | None,
) -> np.ndarray | None:
    """y, or None where that is not possible."""
    given = [a for a in normalization[:4] if a is not None] if normalization else []
    filters = kernel.shape[-1]
    if groups > 1 or not served(x, kernel, bias, *given) or (normalization and pooling.average):
        return None
    if any(a.shape != (filters,) for a in (bias, *given)):
        return None
    strides, dilation = (strides[0], strides[1]), (dilation[0], dilation[1])
    window = conv2d_window(x.shape, kernel.shape, strides, padding, dilation, groups)
    shape = len(x), *window.output
    chosen = choose("forward", shape, kernel.shape, strides, dilation, x.dtype)
    if chosen == "lines" and normalization is None and lines.poolable(window.output, pooling):
        of_images = ready(x), ready(kernel), window, strides, dilation
        return lines.forward(*of_images, ready(bias), activation, pooling)
    if chosen != "blocks" or filters % lanes(x.dtype):
        return None
    size, steps, pool_padding, average = pooling
    steps = steps or size
    of_pool = window2d(window.output, size, steps, pool_padding, (1, 1))
    view = forward_view(kernel.shape[:2], window, strides, dilation)
    of_runs, (tiles, shares, of_filters), in_lines = plan(
        view, x.shape, x.itemsize, filters, config.threads()
    )
    tiles = tiles._replace(lines=tiles.lines // size[0] * size[0])
    apart = size[0] == steps[0] and window.output[0] % size[0] == 0 and tiles.lines > 0
    if not apart or of_filters > 1 or len(of_runs[0]) > of_runs[2]:
        return None
    numbers, least = np.empty((0, 0), x.dtype), -np.inf
    if normalization is not None:
        found = numbers_of(x.dtype, *normalization[:5])
        if found is None:
            return None
        numbers, least = found, 0 if normalization.relu else -np.inf
    y = empty((len(x), *of_pool.output, filters), x.dtype.newbyteorder("="))
    kind = NORMALIZED if normalization else AVERAGE if average else LARGEST
    kernel = ready(kernel)
    how = kind, numbers.reshape(-1), y.dtype.type(least)
    geometry = size[0], size[1], steps[1], of_pool.pad_columns[0]
    of_tiles = tiles, shares, (*shape, filters), in_lines, ready(bias), ACTIVATIONS[activation]
    w, matrix = kernel.reshape(-1), matrix_of(kernel.shape)
    _pooled(ready(x), w, matrix, y, *of_runs, *of_tiles, *geometry, *how)
    return y


def _correlate_and_pool(  # type: ignore[no-untyped-def]
    x, w, matrix, y, runs, length, several, tiles, shares, shape, in_lines, bias, activation,
    kh, kw, sw, left, kind, numbers, least
):  # fmt: skip
    width, depth = 64 // x.itemsize, len(runs) * length
    _, height, columns, filters = shape
    lines, panels = len(x) * height, filters // width
    count = (lines + tiles.lines - 1) // tiles.lines
    row = columns * filters
    for share in prange(shares):
        of_panels = scratch(panels * depth * width, x)
        read_panels(w, matrix, 0, panels, of_panels)
        of_tile, outputs = scratch(tiles.scratch, x), scratch(tiles.lines * row, x)
        for tile in range(share * count // shares, (share + 1) * count // shares):
            begin, end = tile * tiles.lines, min(lines, (tile + 1) * tiles.lines)
            of_group = (of_panels, 0, panels, outputs, shape, begin * row)
            how = (in_lines, not in_lines and activation in (LINEAR, RELU), False)
            of_terms = (runs, length, several, tiles, (1, 1), (0, 0), *how)
            correlate_tile(x, of_tile, begin, end, *of_group, *of_terms, bias, activation)
            for line in range(begin, end, kh):
                n, p = divmod(line, height)
                to = (n * y.shape[1] + p // kh) * y.shape[2] * filters
                of_line = (kh, columns, filters, y.reshape(-1), to, y.shape[2], kw, sw, left)
                pool_line(outputs, (line - begin) * row, *of_line, kind, numbers, least)


_pooled = jit(_correlate_and_pool, work=50)
