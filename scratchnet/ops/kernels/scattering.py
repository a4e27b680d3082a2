"""The gradient of the image where it has few channels: products first, then scattered.

A block of `ops.kernels.correlation` would fill its 16 lanes with the channels of the image, and a
photograph has three. Here the lanes hold all cells of a patch instead,

    G[(n, p, q), (a, b, c)] = Σ_f dy[n, p, q, f]·W[a, b, c, f]
    dx[n, p·s + a·d − pad, q·s + b·d − pad, c] += G[(n, p, q), (a, b, c)]

A thread owns lines of dx, and computes G for all output lines that reach them.

Traffic: dy is read (KH − 1)·d/s lines more than once for each tile of `_LINES` lines. FLOPs:
2·N·OH·OW·KH·KW·C·F, and as many additions as G has entries.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.geometry import Pair, Window
from scratchnet.ops.kernels.blocks import PANELS, ROWS, multiply
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.memory import empty, scratch
from scratchnet.ops.kernels.panels import pack
from scratchnet.ops.kernels.registers import Block, arrays_as_addresses, loop

_LINES = 32  # of dx that a thread takes at a time
_POSITIONS = 64  # of the output that are multiplied at once, or one line


def scattered_input_gradient(
    dy: np.ndarray,
    kernel: np.ndarray,
    input_shape: tuple[int, ...],
    window: Window,
    strides: Pair,
    dilation: Pair,
) -> np.ndarray:
    """dx of `formulas.conv2d_input_gradient` with one group."""
    dx = empty((*input_shape[:3], kernel.shape[2]), dy.dtype)
    packed = pack(np.ascontiguousarray(kernel.reshape(-1, kernel.shape[3]).T)[None, None])
    pads = window.pad_rows[0], window.pad_columns[0]
    size = kernel.shape[0], kernel.shape[1]
    _scatter(dy, packed.reshape(-1), len(packed), dx, size, strides, dilation, pads)
    return dx


def _add_run(y, start, numbers, first, count):  # type: ignore[no-untyped-def]
    """y[start + i] += numbers[first + i] for i < count: lanes beyond the last are masked."""
    y[start : start + count] += numbers[first : first + count]


def _compiled_add_run() -> Any:
    @intrinsic
    def compiled_add_run(typing, y, start, numbers, first, count):  # type: ignore[no-untyped-def]
        signature = types.void(y, types.intp, numbers, types.intp, types.intp)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            y, start, numbers, first, count = arrays_as_addresses(
                context, builder, signature.args, values
            )
            block = Block(context, builder, signature.args[0])

            def add(i: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                into, of = state
                mask = block.some(builder.sub(count, i))
                total = builder.fadd(block.load_some(into, mask), block.load_some(of, mask))
                block.store_some(total, into, mask)
                return [block.at(into, block.count), block.at(of, block.count)]

            zero = ir.Constant(count.type, 0)
            state = [block.at(y, start), block.at(numbers, first)]
            loop(builder, zero, count, block.vector.count, state, add)
            return context.get_dummy_value()

        return signature, generate

    return compiled_add_run


def _scatter_lines(dy, w, panels, dx, size, strides, dilation, pads):  # type: ignore[no-untyped-def]
    _, out_rows, out_columns, filters = dy.shape
    images, height, columns, channels = dx.shape
    flat, width = dy.reshape(-1), 64 // dy.itemsize
    apart = filters * width  # from one panel of W to the next
    span = (size[0] - 1) * dilation[0]
    several = max(1, _POSITIONS // out_columns)  # output lines that are multiplied at once
    most = (several * out_columns + ROWS - 1) // ROWS * ROWS
    tiles = (height + _LINES - 1) // _LINES
    for task in prange(images * tiles):
        n, tile = task // tiles, task % tiles
        begin, end = tile * _LINES, min(height, (tile + 1) * _LINES)
        dx[n, begin:end] = 0
        together = size[1] if dilation[1] == 1 else 1
        whole = np.zeros(1, np.int64)
        positions = np.empty(most, np.int64)
        targets = np.arange(most) * (panels * width)
        products = scratch(most * panels * width, dy)
        # Lines p of the output with begin ≤ p·s + a·d − pad < end for some tap a
        first = max(0, -((span - begin - pads[0]) // strides[0]))
        last = min(out_rows, (end - 1 + pads[0]) // strides[0] + 1)
        for start in range(first, last, several):
            count = (min(last, start + several) - start) * out_columns
            rows = (count + ROWS - 1) // ROWS * ROWS
            for r in range(rows):
                line, q = divmod(min(r, count - 1), out_columns)
                positions[r] = ((n * out_rows + start + line) * out_columns + q) * filters
            panel = 0
            while panel < panels:
                wide = panel + PANELS <= panels
                into, run = products[panel * width :], (whole, 0, 1, filters)
                of_w = (w, panel * apart, apart)
                of_y = (into, targets[:rows], False, wide)
                multiply(flat, positions[:rows], *run, *of_w, *of_y)
                panel += PANELS if wide else 1
            for tap in range(count // out_columns * size[0]):
                p, a = start + tap // size[0], tap % size[0]
                i = p * strides[0] + a * dilation[0] - pads[0]
                if i < begin or i >= end:
                    continue
                line = dx[n, i].reshape(-1)
                for q in range(out_columns):
                    row = (p - start) * out_columns + q
                    patch = row * panels * width + a * size[1] * channels
                    left = q * strides[1] - pads[1]
                    for b in range(0, size[1], together):
                        j = left + b * dilation[1]
                        # Neighbouring taps meet neighbouring cells, save beyond the image
                        skipped = max(0, -j)
                        used = max(skipped, min(together, columns - j))
                        cell, place = (j + skipped) * channels, patch + (b + skipped) * channels
                        _add(line, cell, products, place, (used - skipped) * channels)


_add = _add_run if numba.config.DISABLE_JIT else _compiled_add_run()
_scatter = jit(_scatter_lines, work=20)
