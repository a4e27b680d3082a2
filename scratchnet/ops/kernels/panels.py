"""Kernels in the order in which blocks read them: panels of as many columns as a block has lanes.

A matrix (K, F) becomes (⌈F/lanes⌉, K, lanes): what a block multiplies with lies together, in the
order of the sum. The matrix itself lies in a kernel (KH, KW, C, F), flat,

    W[t·length + j, c] = kernel[starts[t] + j·row + c·lane],

and there are two of them. `straight`: the rows are all (a, b, channel), the columns the filters, so
neighbours lie in lanes (`lane` is 1). `turned`: the rows are some taps and all filters, the columns
the channels, as the gradient of the image needs it; there neighbours lie in rows (`row` is 1), and
squares of lanes times lanes are transposed in registers.

Traffic: each number is read and written once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.memory import empty
from scratchnet.ops.kernels.registers import Block, arrays_as_addresses, loop

Taps = tuple[tuple[int, ...], tuple[int, ...]]


class Matrix(NamedTuple):
    """Where the entries of a matrix lie in a flat kernel."""

    starts: np.ndarray  # of the first entry of each tap
    length: int  # rows that belong to a tap
    columns: int
    row: int  # from one row to the next
    lane: int  # from one column to the next


@lru_cache(maxsize=1024)
def matrix_of(kernel_shape: tuple[int, ...], turned: Taps | None = None) -> Matrix:
    """The straight matrix, or of the taps (rows, columns) the turned one."""
    _, columns, channels, filters = kernel_shape
    if turned is None:
        return Matrix(np.zeros(1, np.int64), int(np.prod(kernel_shape[:3])), filters, filters, 1)
    taps = np.array(turned[0])[:, None] * columns + np.array(turned[1])
    return Matrix(taps.reshape(-1) * channels * filters, filters, channels, 1, filters)


def pack(kernel: np.ndarray, turned: Taps | None = None) -> np.ndarray:
    """All panels of a kernel (KH, KW, C, F) in C order, zeros beyond the last column."""
    matrix, width = matrix_of(kernel.shape, turned), lanes(kernel.dtype)
    panels, depth = -(-matrix.columns // width), len(matrix.starts) * matrix.length
    packed = empty((panels, depth, width), kernel.dtype)
    _pack(kernel.reshape(-1), matrix, packed)
    return packed


def _read_panels(w, matrix, first, end, into):  # type: ignore[no-untyped-def]
    # The panels from `first` to `end`, one after the other
    starts, length, columns, row, lane = matrix
    width = 64 // w.itemsize
    apart = len(starts) * length * width
    for t in range(len(starts)):
        for j in range(0, length, width):
            for panel in range(first, end):
                start = starts[t] + j * row + panel * width * lane
                to = (panel - first) * apart + (t * length + j) * width
                rows, used = min(width, length - j), min(width, columns - panel * width)
                if lane == 1 and used == width:
                    _copy(w, start, row, into, to, rows)
                elif rows < width or used < width:
                    for k in range(rows):
                        for c in range(used):
                            into[to + k * width + c] = w[start + k * row + c * lane]
                        for c in range(used, width):
                            into[to + k * width + c] = 0
                else:
                    _transpose(w, start, lane, into, to)


def _copied(w, start, apart, into, to, rows):  # type: ignore[no-untyped-def]
    """into[to + k·lanes + c] = w[start + k·apart + c] for k below `rows` and c below `lanes`."""
    lane, k = np.arange(lanes(w.dtype)), np.arange(rows)[:, None]
    into[to : to + rows * len(lane)] = w[start + k * apart + lane].reshape(-1)


def _transposed(w, start, apart, into, to):  # type: ignore[no-untyped-def]
    """into[to + k·lanes + c] = w[start + c·apart + k] for k and c below `lanes`."""
    lane = np.arange(lanes(w.dtype))
    square = w[start + lane[:, None] * apart + lane]
    into[to : to + square.size] = square.T.reshape(-1)


@intrinsic
def _compiled_copy(typing, w, start, apart, into, to, rows):  # type: ignore[no-untyped-def]
    integer = types.intp
    signature = types.void(w, integer, integer, into, integer, integer)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        w, start, apart, into, to, rows = arrays_as_addresses(
            context, builder, signature.args, values
        )
        block = Block(context, builder, signature.args[0])

        def copy(k: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
            source, place = state
            block.store(block.load(source), place)
            return [block.at(source, apart), block.at(place, block.count)]

        zero, places = ir.Constant(rows.type, 0), [block.at(w, start), block.at(into, to)]
        loop(builder, zero, rows, 1, places, copy)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _compiled_transpose(typing, w, start, apart, into, to):  # type: ignore[no-untyped-def]
    signature = types.void(w, types.intp, types.intp, into, types.intp)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        w, start, apart, into, to = arrays_as_addresses(context, builder, signature.args, values)
        block = Block(context, builder, signature.args[0])
        size = block.vector.count
        square = [block.load(place) for place in block.places(block.at(w, start), apart, size)]
        _transpose_square(builder, square)
        outputs = block.places(block.at(into, to), block.count, size)
        for value, place in zip(square, outputs, strict=True):
            block.store(value, place)
        return context.get_dummy_value()

    return signature, generate


def _transpose_square(builder: ir.IRBuilder, square: list[ir.Value]) -> None:
    # Of the four quarters the upper right and the lower left change places, then those of each
    size = half = len(square)
    index = ir.VectorType(ir.IntType(32), size)
    while half := half // 2:
        upper = [lane + (size - half if lane & half else 0) for lane in range(size)]
        lower = [lane + (size if lane & half else half) for lane in range(size)]
        for r in range(size):
            if not r & half:
                pair = square[r], square[r + half]
                square[r], square[r + half] = (
                    builder.shuffle_vector(*pair, ir.Constant(index, order))
                    for order in (upper, lower)
                )


def _pack_panels(w, matrix, packed):  # type: ignore[no-untyped-def]
    for panel in prange(len(packed)):
        read_panels(w, matrix, panel, panel + 1, packed[panel].reshape(-1))


if numba.config.DISABLE_JIT:
    _copy, _transpose = _copied, _transposed
else:
    _copy, _transpose = _compiled_copy, _compiled_transpose
read_panels = jit(_read_panels, parallel=False)
_pack = jit(_pack_panels)
