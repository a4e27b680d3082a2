"""Sums and maxima over the rows of a matrix (…, C), in vector registers also where C is small.

The cells of `LANES` // C rows are one long row: those of one channel in it, C apart, have a sum of
their own each, which are added up at the end. These are parts that kernels call.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops.kernels.jit import jit

LANES = 256  # sums that are under way at a time: enough to keep a core busy


def _repeat(channels, kind):  # type: ignore[no-untyped-def]
    # The numbers (C,) again and again, for as many cells as make up a long row
    row = np.empty(max(1, LANES // len(channels)) * len(channels), kind.dtype)
    for start in range(0, len(row), len(channels)):
        for c in range(len(channels)):
            row[start + c] = channels[c]
    return row


def _add_lanes(lanes, totals):  # type: ignore[no-untyped-def]
    # totals[c] += the lanes c, c + C, c + 2·C, …
    channels = len(totals)
    for start in range(0, len(lanes), channels):
        for c in range(channels):
            totals[c] += lanes[start + c]


def _sum(cells, totals):  # type: ignore[no-untyped-def]
    # totals[c] += Σ_r cells[r·C + c]; float64 totals of float32 cells
    channels = len(totals)
    width = max(1, LANES // channels) * channels
    lanes = np.zeros(width, totals.dtype)
    whole = len(cells) // width * width
    for start in range(0, whole, width):
        block = cells[start : start + width]
        for k in range(width):
            lanes[k] += block[k]
    for k in range(whole, len(cells)):
        lanes[k - whole] += cells[k]
    add_lanes(lanes, totals)


def _largest(cells, best):  # type: ignore[no-untyped-def]
    # best[c] = max_r cells[r·C + c]; NaN where one is
    channels = len(best)
    one = best.dtype.type(min(channels, 1))  # see `pooling`
    width = min(len(cells), max(1, LANES // channels) * channels)
    lanes = cells[:width].copy()
    whole = len(cells) // width * width
    for start in range(width, whole, width):
        block = cells[start : start + width]
        for k in range(width):
            value, before = block[k], lanes[k]
            # A NaN is never below anything, so it stays once it is there
            lanes[k] = one * (before if (value <= before) | (before != before) else value)
    for k in range(whole, len(cells)):
        value, before = cells[k], lanes[k - whole]
        lanes[k - whole] = one * (before if (value <= before) | (before != before) else value)
    for c in range(channels):  # `best[:] = lanes[:channels]` takes seconds to compile
        best[c] = lanes[c]
    for start in range(channels, width, channels):
        for c in range(channels):
            value, before = lanes[start + c], best[c]
            best[c] = one * (before if (value <= before) | (before != before) else value)


repeated = jit(_repeat, parallel=False)
add_lanes = jit(_add_lanes, parallel=False)
sum_cells = jit(_sum, parallel=False)
largest_cells = jit(_largest, parallel=False)
