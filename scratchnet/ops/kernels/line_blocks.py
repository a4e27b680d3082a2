"""Small products whose rows are neighbours in a line, in the registers of a core.

The blocks of `ops.kernels.blocks` take any rows. Outputs q, q + 1, … of one line see the same cells
by different taps b of the kernel, so a cell that is loaded once can serve several sums:

    multiply_line                       y block = Σ_{a, b, k} x[a, q·s + b, k]·W[a, b, k, :]
    multiply_channels                   y block = Σ_{a, b} x[a, q·s + b, :]·w[a, b, :]
    multiply_channels_transposed        w block += Σ_{p, q} x[p, a, q·s + b, :]·dy[p, q, :]

The last two are of depthwise convolutions: the lanes are channels. `runs[a]` says how far the line
of tap row a lies behind the first, `pitch` how far two neighbouring cells lie apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from scratchnet.ops.kernels.blocks import lanes
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.registers import Block, arrays_as_addresses, loop

_tuple = types.UniTuple  # type: ignore[attr-defined]

LINE, LINE_TAPS = 16, 3  # rows and taps in a line of `multiply_line`
OUTPUTS, TAPS = 4, {1: (1, 2, 3, 5, 7), 2: (3, 5)}  # of `multiply_channels`; taps by strides
SQUARES = [(3, 3), (5, 5)]  # kernels of `multiply_channels_transposed`


def _multiply_line(x, position, runs, count, pitch, channels, w, start, y, targets, row):  # type: ignore[no-untyped-def]
    """y[targets[row + r] + c] = Σ x[position + runs[a] + (r + b)·pitch + k]·w[a, b, k, c].

    r < LINE, a < count, b < LINE_TAPS, k < channels; w begins at `start`, all arrays are flat.
    """
    width = lanes(x.dtype)
    taps = runs[:count, None] + np.arange(LINE_TAPS) * pitch
    cells = (taps[..., None] + np.arange(channels)).reshape(-1)
    patches = x[position + np.arange(LINE)[:, None] * pitch + cells]
    block = patches @ w[start : start + len(cells) * width].reshape(-1, width)
    y[targets[row : row + LINE, None] + np.arange(width)] = block


def _multiply_channels(taps: int, stride: int) -> Callable[..., None]:
    def multiply(  # type: ignore[no-untyped-def]
        x, line, columns, left, runs, a, end, w, size, starts, block, end_block, y, target, outputs
    ):
        """y[target + q·y_pitch + c] = Σ x[line + runs[a] + (left + q·s + b)·pitch + c]·w[a, b, c].

        q < outputs, b < taps, a runs from the given one to `end`, and c over the lanes of the
        blocks from `block` to `end_block`, which begin at `starts` and whose w lie `size` apart.
        Columns of the image are those from 0 to `columns`; beyond them x is zero.
        """
        (columns, pitch), (outputs, y_pitch) = columns, outputs
        lane = np.arange(lanes(x.dtype))
        met = left + np.arange(outputs)[:, None] * stride + np.arange(taps)
        inside = (met >= 0) & (met < columns)
        for number in range(block, end_block):
            c = starts[number] + lane
            cells = (runs[a:end, None, None] + np.where(inside, met, 0) * pitch)[..., None] + c
            patches = np.where(inside[..., None], x[line + cells], x.dtype.type(0))
            first = number * size + a * taps * len(lane)
            factors = w[first : first + (end - a) * taps * len(lane)]
            factors = factors.reshape(end - a, 1, taps, len(lane))
            places = target + np.arange(outputs)[:, None] * y_pitch + c
            y[places] = (patches * factors).sum(axis=(0, 2))

    return multiply


def _multiply_channels_transposed(rows: int, taps: int) -> Callable[..., None]:
    def multiply(x, zeros, c, places, lines, columns, left, stride, dy, first, outputs, w, start):  # type: ignore[no-untyped-def]
        """w[a, b, c] += Σ x[places[p, a] + (left + q·s + b)·pitch + c]·dy[(p, q)·d_pitch + c].

        p < lines, q < outputs[0], a < rows, b < taps, and c over the lanes from the given one on;
        dy begins at `first`, w at `start`. A line of x is zero where its place is negative, and
        all are beyond the columns from 0 to `columns[0]`.
        """
        (columns, pitch), (outputs, d_pitch) = columns[:2], outputs
        c = c + np.arange(lanes(x.dtype))
        met = left + np.arange(outputs)[:, None] * stride + np.arange(taps)
        inside = (places[:lines, :, None, None] >= 0) & (met >= 0) & (met < columns)
        cells = np.where(inside, places[:lines, :, None, None] + met * pitch, 0)[..., None] + c
        patches = np.where(inside[..., None], x[cells], x.dtype.type(0))  # (p, a, q, b, c)
        numbers = dy[first + np.arange(lines * outputs)[:, None] * d_pitch + c]
        of_outputs = numbers.reshape(lines, 1, outputs, 1, -1)
        block = (patches * of_outputs).sum(axis=(0, 2))
        w[start : start + block.size] += block.reshape(-1)

    return multiply


def _compiled_line() -> Callable[..., Any]:
    @intrinsic
    def compiled_line(  # type: ignore[no-untyped-def]
        typing, x, position, runs, count, pitch, channels, w, start, y, targets, row
    ):
        integer = types.intp
        of_runs, of_w = (runs, integer, integer, integer), (w, integer)
        signature = types.void(x, integer, *of_runs, *of_w, y, targets, integer)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, position, runs, count, pitch, channels, w, start, y, targets, row = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = Block(context, builder, signature.args[0])
            zero = ir.Constant(channels.type, 0)
            apart = builder.mul(channels, block.count)  # from one tap to the next

            def add_run(a: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                first = block.at(x, builder.add(position, block.entry(runs, a)))
                cells = block.places(first, pitch, LINE + LINE_TAPS - 1)

                def add_channel(c: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                    tap, *sums = state
                    taps = [block.load(each) for each in block.places(tap, apart, LINE_TAPS)]
                    for j, cell in enumerate(cells):
                        value = block.spread(block.at(cell, c))
                        for b, vector in enumerate(taps):
                            if 0 <= j - b < LINE:
                                terms = [value, vector, sums[j - b]]
                                sums[j - b] = builder.call(block.fused, terms)
                    return [block.at(tap, block.count), *sums]

                tap, *sums = loop(builder, zero, channels, 1, state, add_channel)
                others = ir.Constant(apart.type, LINE_TAPS - 1)
                return [block.at(tap, builder.mul(apart, others)), *sums]

            state = [block.at(w, start), *block.zeros(1, LINE)]
            _, *sums = loop(builder, zero, count, 1, state, add_run)
            for output, value in zip(block.rows(y, targets, row, LINE), sums, strict=True):
                block.store(value, output)
            return context.get_dummy_value()

        return signature, generate

    return compiled_line


def _compiled_channels(taps: int, stride: int) -> Callable[..., Any]:
    count = (OUTPUTS - 1) * stride + taps  # cells that so many outputs see

    @intrinsic
    def compiled_channels(  # type: ignore[no-untyped-def]
        typing,
        x,
        line,
        columns,
        left,
        runs,
        a,
        end,
        w,
        size,
        starts,
        block,
        end_block,
        y,
        target,
        outputs,
    ):
        integer = types.intp
        pair = _tuple(integer, 2)
        of_x, of_runs = (x, integer, pair, integer), (runs, integer, integer)
        of_blocks = (w, integer, starts, integer, integer)
        signature = types.void(*of_x, *of_runs, *of_blocks, y, integer, pair)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            (
                x,
                line,
                columns,
                left,
                runs,
                a,
                end,
                w,
                size,
                starts,
                block,
                end_block,
                y,
                target,
                outputs,
            ) = arrays_as_addresses(context, builder, signature.args, values)
            one = Block(context, builder, signature.args[0])
            columns, pitch = cgutils.unpack_tuple(builder, columns)
            outputs, y_pitch = cgutils.unpack_tuple(builder, outputs)

            def number(n: int) -> ir.Value:
                return ir.Constant(a.type, n)

            zeros = cgutils.alloca_once_value(builder, one.zeros(1, 1)[0])
            zeros = builder.bitcast(zeros, one.vector.element.as_pointer())
            last = builder.sub(outputs, number(OUTPUTS))

            def add_outputs(q: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                # The last ones of a line are moved to the left, so that there are as many
                q = builder.select(builder.icmp_signed("<", q, last), q, last)
                column = builder.add(left, builder.mul(q, number(stride)))
                places = [builder.add(column, number(j)) for j in range(count)]
                # As numbers without a sign, those below zero are beyond all columns
                outside = [builder.icmp_unsigned(">=", place, columns) for place in places]
                begin = builder.add(line, builder.mul(column, pitch))
                into = builder.add(target, builder.mul(q, y_pitch))

                def add_block(block: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                    c = one.entry(starts, block)
                    first = one.at(x, builder.add(begin, c))
                    outputs = one.places(one.at(y, builder.add(into, c)), y_pitch, OUTPUTS)
                    one.fetch([outputs])

                    def add_run(a: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                        tap, *sums = state
                        cells = one.places(one.at(first, one.entry(runs, a)), pitch, count)
                        *vectors, following = one.places(tap, one.count, taps + 1)
                        factors = [one.load(each) for each in vectors]
                        for j, cell in enumerate(cells):
                            value = one.load(builder.select(outside[j], zeros, cell))
                            for b, factor in enumerate(factors):
                                r, between = divmod(j - b, stride)
                                if not between and 0 <= r < OUTPUTS:
                                    terms = [value, factor, sums[r]]
                                    sums[r] = builder.call(one.fused, terms)
                        return [following, *sums]

                    of_w = builder.mul(a, builder.mul(number(taps), one.count))
                    tap = one.at(w, builder.add(builder.mul(block, size), of_w))
                    state = [tap, *one.zeros(1, OUTPUTS)]
                    _, *sums = loop(builder, a, end, 1, state, add_run)
                    for output, value in zip(outputs, sums, strict=True):
                        one.store(value, output)
                    return []

                return loop(builder, block, end_block, 1, [], add_block)

            loop(builder, number(0), outputs, OUTPUTS, [], add_outputs)
            return context.get_dummy_value()

        return signature, generate

    return compiled_channels


def _compiled_channels_transposed(rows: int, taps: int) -> Callable[..., Any]:
    @intrinsic
    def compiled_channels_transposed(  # type: ignore[no-untyped-def]
        typing, x, zeros, c, places, lines, columns, left, stride, dy, first, outputs, w, start
    ):
        integer = types.intp
        of_x = (x, zeros, integer, places, integer, _tuple(integer, 4), integer, integer)
        of_dy = (dy, integer, _tuple(integer, 2))
        signature = types.void(*of_x, *of_dy, w, integer)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, zeros, c, places, lines, columns, left, stride, dy, first, outputs, w, start = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = Block(context, builder, signature.args[0])
            columns, pitch, lo, hi = cgutils.unpack_tuple(builder, columns)
            outputs, d_pitch = cgutils.unpack_tuple(builder, outputs)

            def number(n: int) -> ir.Value:
                return ir.Constant(lines.type, n)

            nothing = block.at(zeros, c)
            before = builder.mul(left, pitch)
            step = builder.mul(stride, pitch)

            def add_line(p: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                cells = []
                for a in range(rows):
                    index = builder.add(builder.mul(p, number(rows)), number(a))
                    place = block.entry(places, index)
                    outside = builder.icmp_signed("<", place, number(0))
                    line = builder.select(outside, zeros, block.at(x, place))
                    cells.append(block.at(line, builder.add(before, c)))

                def add_output(q: ir.Value, state: list[ir.Value], at_end: bool) -> list[ir.Value]:
                    d, cells, sums = state[0], state[1 : rows + 1], state[rows + 1 :]
                    met = [block.places(cell, pitch, taps) for cell in cells]
                    if at_end:
                        column = builder.add(left, builder.mul(q, stride))
                        for b in range(taps):
                            met_b = builder.add(column, number(b))
                            outside = builder.icmp_unsigned(">=", met_b, columns)
                            for of_row in met:
                                of_row[b] = builder.select(outside, nothing, of_row[b])
                    vector, taps_met = block.load(d), [each for of_row in met for each in of_row]
                    added = [
                        builder.call(block.fused, [block.load(tap), vector, value])
                        for tap, value in zip(taps_met, sums, strict=True)
                    ]
                    cells = [block.at(cell, step) for cell in cells]
                    return [block.at(d, d_pitch), *cells, *added]

                def careful(q: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                    return add_output(q, state, True)

                def plain(q: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
                    return add_output(q, state, False)

                d, *sums = state
                state = loop(builder, number(0), lo, 1, [d, *cells, *sums], careful)
                state = loop(builder, lo, hi, 1, state, plain)
                state = loop(builder, hi, outputs, 1, state, careful)
                return [state[0], *state[rows + 1 :]]

            state = [block.at(dy, builder.add(first, c)), *block.zeros(rows, taps)]
            _, *sums = loop(builder, number(0), lines, 1, state, add_line)
            block.add_to(block.places(block.at(w, start), block.count, rows * taps), sums)
            return context.get_dummy_value()

        return signature, generate

    return compiled_channels_transposed


if numba.config.DISABLE_JIT:
    multiply_line, _of_channels = _multiply_line, _multiply_channels
    _of_channels_transposed = _multiply_channels_transposed
else:
    multiply_line, _of_channels = _compiled_line(), _compiled_channels
    _of_channels_transposed = _compiled_channels_transposed

_of_1, _of_2, _of_3, _of_5, _of_7 = (_of_channels(taps, 1) for taps in TAPS[1])
_of_3_apart, _of_5_apart = (_of_channels(taps, 2) for taps in TAPS[2])
_of_3_and_3, _of_5_and_5 = (_of_channels_transposed(*size) for size in SQUARES)


def _channels_of_line(  # type: ignore[no-untyped-def]
    taps,
    stride,
    x,
    line,
    columns,
    left,
    runs,
    a,
    end,
    w,
    size,
    starts,
    block,
    end_block,
    y,
    target,
    outputs,
):
    # What is there for so many taps and such a stride in a line
    of_x, of_w = (x, line, columns, left, runs, a, end), (w, size, starts, block, end_block)
    terms = (*of_x, *of_w, y, target, outputs)
    if stride == 2:
        if taps == 3:
            _of_3_apart(*terms)
        else:
            _of_5_apart(*terms)
    elif taps == 3:
        _of_3(*terms)
    elif taps == 5:
        _of_5(*terms)
    elif taps == 7:
        _of_7(*terms)
    elif taps == 2:
        _of_2(*terms)
    else:
        _of_1(*terms)


def _channels_of_lines_transposed(  # type: ignore[no-untyped-def]
    taps,
    x,
    zeros,
    places,
    lines,
    columns,
    left,
    stride,
    dy,
    first,
    outputs,
    w,
    starts,
    block,
    end_block,
):
    size = places.shape[1] * taps * (64 // x.itemsize)
    for number in range(block, end_block):
        of_x = (x, zeros, starts[number], places, lines, columns, left, stride)
        if taps == 3:
            _of_3_and_3(*of_x, dy, first, outputs, w, number * size)
        else:
            _of_5_and_5(*of_x, dy, first, outputs, w, number * size)


multiply_channels = jit(_channels_of_line, parallel=False)
multiply_channels_transposed = jit(_channels_of_lines_transposed, parallel=False)
