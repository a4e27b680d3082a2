"""The windows of a line, each in registers: what pooling runs on.

A vector of channels is loaded from each cell of a window, combined, and written once. Windows that
reach beyond the image end there, so those at the borders are smaller. Three kinds:

    LARGEST       y = max over the cells
    AVERAGE       y = Σ cells / their number
    NORMALIZED    y = f((max over the cells − μ)·s + β), f the identity or max(z, 0)

A maximum that is NaN stays, and of two that are equal the first does. Traffic: x is read once, or
as often as windows meet in a cell, and y is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.registers import Block, arrays_as_addresses, loop

LARGEST, AVERAGE, NORMALIZED = 0, 1, 2
# What is kept of a window while its cells are read, and where its channels begin
Begin = Callable[[ir.Value, ir.Value], list[ir.Value]]
Combine = Callable[[list[ir.Value], ir.Value, ir.Value], list[ir.Value]]
Finish = Callable[[list[ir.Value], ir.Value], ir.Value]


def _windows(x, start, size, apart, channels):  # type: ignore[no-untyped-def]
    """(windows, cells of each, channels); see `_largest`."""
    steps = zip(size, apart, strict=True)
    window, row, column = np.ix_(*(np.arange(count) * step for count, step in steps))
    cells = (start + window + row + column).reshape(size[0], -1, 1)
    return x[cells + np.arange(channels)]


def _largest(x, start, size, apart, channels, y, to, numbers, least):  # type: ignore[no-untyped-def]
    """y[to + q·channels + c] of window q.

    Size: how many windows, and rows and columns of each. Apart: how far from each to the next, the
    first cell of the first window being x[start]. Numbers: for `_normalized` only, of each channel
    the sign of s, μ·sign, |s| and β; there z is `least` where it is not above.
    """
    y[to : to + size[0] * channels] = _windows(x, start, size, apart, channels).max(1).reshape(-1)


def _average(x, start, size, apart, channels, y, to, numbers, least):  # type: ignore[no-untyped-def]
    cells = _windows(x, start, size, apart, channels)
    total = sum(cells[:, i] for i in range(cells.shape[1])) / x.dtype.type(cells.shape[1])
    y[to : to + total.size] = total.reshape(-1)


def _normalized(x, start, size, apart, channels, y, to, numbers, least):  # type: ignore[no-untyped-def]
    sign, center, factor, shift = numbers.reshape(4, channels)
    best = (_windows(x, start, size, apart, channels) * sign).max(1)
    z = ((best - center) * factor + shift).reshape(-1)
    y[to : to + z.size] = np.where(z <= least, least, z)


def _each_window(
    block: Block, values: list[ir.Value], begin: Begin, combine: Combine, finish: Finish
) -> None:
    """The loops: over windows, channels, and rows and columns of a window; 2×2 cells without those.

    `begin` makes of the first cell what all cells are combined with.
    """
    builder = block.builder
    x, start, size, apart, channels, y, to = values
    (windows, rows, columns), (next_window, next_row, next_column) = (
        [builder.extract_value(several, i) for i in range(3)] for several in (size, apart)
    )
    zero, two = (ir.Constant(start.type, number) for number in (0, 2))

    def in_loops(place: ir.Value, mask: ir.Value, c: ir.Value) -> list[ir.Value]:
        def row(i: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
            def cell(j: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                place, *before = state
                return [
                    block.at(place, next_column),
                    *combine(before, block.load_some(place, mask), c),
                ]

            place, *before = state
            return [
                block.at(place, next_row),
                *loop(builder, zero, columns, 1, [place, *before], cell)[1:],
            ]

        first = begin(block.load_some(place, mask), c)
        return loop(builder, zero, rows, 1, [place, *first], row)[1:]

    def two_by_two(place: ir.Value, mask: ir.Value, c: ir.Value) -> list[ir.Value]:
        below = block.at(place, next_row)
        places = [place, block.at(place, next_column), below, block.at(below, next_column)]
        state = begin(block.load_some(place, mask), c)
        for place in places:
            state = combine(state, block.load_some(place, mask), c)
        return state

    def all_windows(cells: Callable[..., list[ir.Value]]) -> None:
        def window(q: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
            source, target = state

            def some_channels(c: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                mask = block.some(builder.sub(channels, c))
                value = finish(cells(block.at(source, c), mask, c), c)
                block.store_some(value, block.at(target, c), mask)
                return []

            loop(builder, zero, channels, block.vector.count, [], some_channels)
            return [block.at(source, next_window), block.at(target, channels)]

        loop(builder, zero, windows, 1, [block.at(x, start), block.at(y, to)], window)

    four = builder.and_(
        builder.icmp_signed("==", rows, two), builder.icmp_signed("==", columns, two)
    )
    with builder.if_else(four) as (without_loops, with_loops):
        with without_loops:
            all_windows(two_by_two)
        with with_loops:
            all_windows(in_loops)


def _of_largest(block: Block, *_: ir.Value) -> tuple[Begin, Combine, Finish]:
    # Whether a cell is NaN is found apart from the maximum: the two chains do not wait for each
    # other, and "greater, or else what was before" is one instruction
    builder = block.builder
    kind = block.vector

    def is_nan(value: ir.Value) -> ir.Value:
        return builder.fcmp_unordered("!=", value, value)

    def first(value: ir.Value, c: ir.Value) -> list[ir.Value]:
        return [value, is_nan(value)]

    def larger(before: list[ir.Value], value: ir.Value, c: ir.Value) -> list[ir.Value]:
        best, nan = before
        greater = builder.fcmp_ordered(">", value, best)
        return [builder.select(greater, value, best), builder.or_(nan, is_nan(value))]

    def result(state: list[ir.Value], c: ir.Value) -> ir.Value:
        best, nan = state
        return builder.select(nan, ir.Constant(kind, [float("nan")] * kind.count), best)

    return first, larger, result


def _of_average(block: Block, size: ir.Value, *_: ir.Value) -> tuple[Begin, Combine, Finish]:
    builder = block.builder
    cells = builder.mul(*(builder.extract_value(size, i) for i in (1, 2)))
    number = block.in_all_lanes(builder.sitofp(cells, block.vector.element))

    def nothing(value: ir.Value, c: ir.Value) -> list[ir.Value]:
        return [ir.Constant(block.vector, None)]

    def total(before: list[ir.Value], value: ir.Value, c: ir.Value) -> list[ir.Value]:
        return [builder.fadd(before[0], value)]

    def average(state: list[ir.Value], c: ir.Value) -> ir.Value:
        return builder.fdiv(state[0], number)

    return nothing, total, average


def _of_normalized(
    block: Block, size: ir.Value, channels: ir.Value, numbers: ir.Value, least: ir.Value
) -> tuple[Begin, Combine, Finish]:
    builder, floor = block.builder, block.in_all_lanes(least)
    sign, center, factor, shift = block.places(numbers, channels, 4)
    first, larger, largest = _of_largest(block)

    def of(array: ir.Value, c: ir.Value) -> ir.Value:
        return block.load_some(block.at(array, c), block.some(builder.sub(channels, c)))

    def turned(value: ir.Value, c: ir.Value) -> ir.Value:
        return builder.fmul(value, of(sign, c))

    def first_turned(value: ir.Value, c: ir.Value) -> list[ir.Value]:
        return first(turned(value, c), c)

    def larger_turned(before: list[ir.Value], value: ir.Value, c: ir.Value) -> list[ir.Value]:
        return larger(before, turned(value, c), c)

    def normalized(state: list[ir.Value], c: ir.Value) -> ir.Value:
        z = builder.fmul(builder.fsub(largest(state, c), of(center, c)), of(factor, c))
        z = builder.fadd(z, of(shift, c))
        return builder.select(builder.fcmp_ordered("<=", z, floor), floor, z)

    return first_turned, larger_turned, normalized


def _compiled(of_kind: Callable[..., tuple[Begin, Combine, Finish]]) -> Any:
    @intrinsic
    def compiled(typing, x, start, size, apart, channels, y, to, numbers, least):  # type: ignore[no-untyped-def]
        of_y = (types.intp, y, types.intp)
        signature = types.void(x, types.intp, size, apart, *of_y, numbers, x.dtype)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            *values, numbers, least = arrays_as_addresses(context, builder, signature.args, values)
            block = Block(context, builder, signature.args[0])
            _, _, size, _, channels, _, _ = values
            _each_window(block, values, *of_kind(block, size, channels, numbers, least))
            return context.get_dummy_value()

        return signature, generate

    return compiled


if numba.config.DISABLE_JIT:
    _largest_block, _average_block, _normalized_block = _largest, _average, _normalized
else:
    _largest_block, _average_block, _normalized_block = map(
        _compiled, (_of_largest, _of_average, _of_normalized)
    )


def _pool(x, y, kind, numbers, least, kh, kw, sh, sw, top, left):  # type: ignore[no-untyped-def]
    images, height, width, channels = x.shape
    _, oh, ow, _ = y.shape
    cells, outputs = x.reshape(-1), y.reshape(-1)
    for row in prange(images * oh):
        n, p = divmod(np.int64(row), oh)
        i0, i1 = max(p * sh - top, 0), min(p * sh - top + kh, height)
        start, to = (n * height + i0) * width * channels, row * ow * channels
        of_line = (i1 - i0, width, channels, outputs, to, ow, kw, sw, left)
        pool_line(cells, start, *of_line, kind, numbers, least)


def _pool_one_line(  # type: ignore[no-untyped-def]
    x, start, rows, width, channels, y, to, windows, kw, sw, left, kind, numbers, least
):
    # So many windows, of so many rows of x from `start` on. Those that reach beyond the image on
    # neither side are computed together.
    first, end = (left + sw - 1) // sw, (width - kw + left) // sw + 1
    apart = (sw * channels, width * channels, channels)
    q = 0
    while q < windows:
        j0, j1 = max(q * sw - left, 0), min(q * sw - left + kw, width)
        together = min(end, windows) - q if first <= q < end else 1
        size = (together, rows, j1 - j0)
        of_windows = (start + j0 * channels, size, apart, channels, y, to + q * channels)
        if kind == LARGEST:
            _largest_block(x, *of_windows, numbers, least)
        elif kind == AVERAGE:
            _average_block(x, *of_windows, numbers, least)
        else:
            _normalized_block(x, *of_windows, numbers, least)
        q += together


pool_line = jit(_pool_one_line, parallel=False)
_pool_lines = jit(_pool)


def pool_windows(
    x: np.ndarray, y: np.ndarray, geometry: tuple[int, ...], kind: int, *normalization: Any
) -> None:
    """All windows of x (N, H, W, C) to y (N, OH, OW, C).

    Args:
        geometry: pool size, strides, and what is added above and on the left.
        kind: see above.
        normalization: of `NORMALIZED` the (4, C) numbers of `_largest`, and `least`.
    """
    numbers, least = normalization or (np.empty((0, 0), x.dtype), 0)
    _pool_lines(x, y, kind, numbers.reshape(-1), x.dtype.type(least), *geometry)
