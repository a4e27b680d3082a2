"""Small products of matrices that stay in the registers of a core: what the convolutions run on.

A convolution multiplies the matrix P of its patches, one output position a row, with the kernel as
a matrix W. P need not exist: its entry is a cell of the image,

    P[r, k] = x[positions[r] + cells[k]],

where `positions[r]` is the first cell that row r sees and `cells[k]` is how far from there the k-th
cell of a patch lies, x being flat. Two products are needed, each of a block of `ROWS` rows and of
as many columns as fit in two vector registers (`lanes`):

    multiply                y block (+)= Σ_k P[r, k]·W[k, :]       forward, backward to the image
    multiply_transposed     block of W (+)= Σ_r P[r, k]·dy[r, :]   backward to the kernel

The sums stay in registers while k or r runs: with 2·ROWS sums under way the multipliers of a core
are always busy, and each value that is loaded serves several products. A loop over arrays cannot
say "keep this in a register", so these two are written in LLVM's own language, which is what Numba
turns Python into. The functions `_multiply` and `_multiply_transposed` say the same in NumPy; they
run where Numba does not compile (NUMBA_DISABLE_JIT=1).

Cells are neighbours in memory for many k together, all channels of a tap or of a row of taps. Then
their addresses need not be looked up, but follow each other: `multiply` is given runs of cells, and
`multiply_transposed` with `together` blocks of `ROWS_TOGETHER` rows of W that belong to neighbours.
`multiply_matrix` is for a P that does exist, as an ordinary matrix.

Where a vector register holds a whole row of a block (AVX-512) there is room for the sums of
`PANELS` = 2 blocks side by side. Each value of P that is loaded then serves two products, and the
loads keep up with the multipliers. That is what the argument `wide` asks for. Where W has but one
panel, rows that are neighbours in a line share loads instead: `ops.kernels.line_blocks`.

Lanes may also be channels of a depthwise convolution, or neighbours in a line of one channel. Then
each has a P of its own: `multiply_own` and `multiply_own_transposed` take P[r, k] of lane c from
x[positions[r] + cells[k] + c].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.registers import PANELS as PANELS
from scratchnet.ops.kernels.registers import ROWS as ROWS
from scratchnet.ops.kernels.registers import WIDTH, Block, arrays_as_addresses, loop

_UNROLLED = 4  # terms of a sum that follow each other without a jump
ROWS_TOGETHER = 1 << (ROWS.bit_length() - 1)  # a power of two: channels often are multiples


def lanes(dtype: np.dtype) -> int:
    """Columns of a block: 16 in float32, 8 in float64."""
    return WIDTH // dtype.itemsize


def _multiply(x, positions, row, runs, first, end, length, w, start, apart, y, targets, add):  # type: ignore[no-untyped-def]
    """y[targets[r] + c] (+)= Σ_j Σ_i x[positions[r] + runs[j] + i]·w[start + k·lanes + c].

    j runs from `first` to `end`, i over the `length` neighbours of a run, k counts their terms, r
    runs over the ROWS rows from `row` and c over the lanes; all arrays are flat. Two rows with one
    target must have one position too. `apart`, the numbers from one panel of w to the next, is of
    use to `_multiply_wide` only. FLOPs: 2·ROWS·(end − first)·length·lanes.
    """
    width = lanes(x.dtype)
    cells = (runs[first:end, None] + np.arange(length)).reshape(-1)
    patches = x[positions[row : row + ROWS, None] + cells]
    block = patches @ w[start : start + len(cells) * width].reshape(-1, width)
    where = targets[row : row + ROWS, None] + np.arange(width)
    y[where] = y[where] + block if add else block


def _multiply_wide(x, positions, row, runs, first, end, length, w, start, apart, y, targets, add):  # type: ignore[no-untyped-def]
    """`_multiply` with PANELS panels of w, whose columns are neighbours in y."""
    for panel in range(PANELS):
        of_w, of_y = start + panel * apart, targets + panel * lanes(x.dtype)
        _multiply(x, positions, row, runs, first, end, length, w, of_w, apart, y, of_y, add)


def _multiply_own(x, positions, row, cells, count, w, start, apart, y, y_apart, targets):  # type: ignore[no-untyped-def]
    """y[targets[r] + c] = Σ_k x[positions[r] + cells[k] + c]·w[start + k·lanes + c], k < count.

    `apart` and `y_apart`, the numbers from one panel of w and of y to the next, are of use to
    `_multiply_own_wide` only.
    """
    lane = np.arange(lanes(x.dtype))
    of_row = positions[row : row + ROWS, None, None] + cells[:count, None] + lane
    block = (x[of_row] * w[start : start + count * len(lane)].reshape(-1, len(lane))).sum(axis=1)
    y[targets[row : row + ROWS, None] + lane] = block


def _multiply_own_wide(x, positions, row, cells, count, w, start, apart, y, y_apart, targets):  # type: ignore[no-untyped-def]
    """`_multiply_own` with PANELS panels of w and of y."""
    for panel in range(PANELS):
        of_w, of_y = start + panel * apart, targets + panel * y_apart
        _multiply_own(x, positions, row, cells, count, w, of_w, apart, y, y_apart, of_y)


def _multiply_matrices(a, a0, a_row, depth, b, b0, b_apart, c, c0, c_row, add):  # type: ignore[no-untyped-def]
    """c[c0 + r·c_row + l] (+)= Σ_k a[a0 + r·a_row + k]·b[b0 + k·lanes + l].

    k runs from 0 to `depth`, r over ROWS rows and l over the lanes: `_multiply` for rows that lie
    equally far apart. `b_apart` is of use to `_multiply_matrices_wide` only.
    """
    rows, first = np.arange(ROWS), np.zeros(1, np.int64)
    of_a, of_c = a0 + rows * a_row, c0 + rows * c_row
    _multiply(a, of_a, 0, first, 0, 1, depth, b, b0, b_apart, c, of_c, add)


def _multiply_matrices_wide(a, a0, a_row, depth, b, b0, b_apart, c, c0, c_row, add):  # type: ignore[no-untyped-def]
    """`_multiply_matrices` with PANELS panels of b, whose columns are neighbours in c."""
    for panel in range(PANELS):
        of_b, of_c = b0 + panel * b_apart, c0 + panel * lanes(a.dtype)
        _multiply_matrices(a, a0, a_row, depth, b, of_b, b_apart, c, of_c, c_row, add)


def _multiply_transposed(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add):  # type: ignore[no-untyped-def]
    """w[targets[k] + c] (+)= Σ_r x[positions[r] + cells[k]]·dy[r·step + c].

    r runs from 0 to `end`, k over the ROWS rows of w from `row`, c over the lanes; all arrays are
    flat. No two rows may have one target. `d_apart` and `apart`, the numbers from one panel of dy
    and of w to the next, are of use to `_multiply_transposed_wide` only. FLOPs: 2·ROWS·end·lanes.
    """
    rows = slice(row, row + ROWS)
    _put_transposed(x, positions[:end], cells[rows], dy, step, w, targets[rows], add)


def _multiply_together(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add):  # type: ignore[no-untyped-def]
    """`_multiply_transposed` for ROWS_TOGETHER rows whose cells are neighbours."""
    rows = slice(row, row + ROWS_TOGETHER)
    neighbours = cells[row] + np.arange(ROWS_TOGETHER)
    _put_transposed(x, positions[:end], neighbours, dy, step, w, targets[rows], add)


def _put_transposed(x, positions, cells, dy, step, w, targets, add):  # type: ignore[no-untyped-def]
    lane = np.arange(lanes(x.dtype))
    patches = x[positions[:, None] + cells]
    block = patches.T @ dy[np.arange(len(positions))[:, None] * step + lane]
    where = targets[:, None] + lane
    w[where] = w[where] + block if add else block


def _of_panels(one: Callable[..., None]) -> Callable[..., None]:
    """The same with PANELS panels of dy and of w."""

    def wide(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add):  # type: ignore[no-untyped-def]
        for panel in range(PANELS):
            of_dy, of_w = dy[panel * d_apart :], targets + panel * apart
            one(x, positions, end, cells, row, of_dy, step, d_apart, w, apart, of_w, add)

    return wide


_multiply_transposed_wide = _of_panels(_multiply_transposed)
_multiply_together_wide = _of_panels(_multiply_together)


def _multiply_own_transposed(  # type: ignore[no-untyped-def]
    x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add
):
    """`_multiply_transposed` where each lane has patches of its own."""
    lane = np.arange(lanes(x.dtype))
    patches = x[positions[:end, None, None] + cells[row : row + ROWS, None] + lane]
    block = (patches * dy[np.arange(end)[:, None] * step + lane][:, None]).sum(axis=0)
    where = targets[row : row + ROWS, None] + lane
    w[where] = w[where] + block if add else block


_multiply_own_transposed_wide = _of_panels(_multiply_own_transposed)


def sums_of_runs(block: Block, panels: int, values: list[ir.Value]) -> list[list[ir.Value]]:
    """What `multiply` adds up for each panel. The values are its arguments up to `apart`."""
    x, positions, row, runs, first, end, length, w, start, apart = values
    patches, zero = block.rows(x, positions, row), ir.Constant(length.type, 0)

    def add_run(j: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
        begin = block.entry(runs, j)
        begins = [block.at(patch, begin) for patch in patches]

        def factors(i: ir.Value) -> list[ir.Value]:
            return [block.at(patch, i) for patch in begins]

        return block.sums(zero, length, state, block.count, factors, _UNROLLED)

    vectors = block.places(block.at(w, start), apart, panels)
    state = loop(block.builder, first, end, 1, [*vectors, *block.zeros(panels)], add_run)
    return [state[panels + panel :: panels] for panel in range(panels)]


def _compiled_multiply(panels: int) -> Callable[..., Any]:
    @intrinsic
    def compiled_multiply(  # type: ignore[no-untyped-def]
        typing, x, positions, row, runs, first, end, length, w, start, apart, y, targets, add
    ):
        integer = types.intp
        of_runs, of_w = (runs, integer, integer, integer), (w, integer, integer)
        signature = types.void(x, positions, integer, *of_runs, *of_w, y, targets, types.b1)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            *values, y, targets, add = arrays_as_addresses(context, builder, signature.args, values)
            block = Block(context, builder, signature.args[0])
            outputs = block.rows(y, targets, values[2])
            outputs = block.rows_of_panels(outputs, block.count, panels)
            block.fetch(outputs)
            for of_panel, sums in zip(outputs, sums_of_runs(block, panels, values), strict=True):
                block.put(of_panel, sums, add)
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply


def _compiled_multiply_own(panels: int) -> Callable[..., Any]:
    @intrinsic
    def compiled_multiply_own(  # type: ignore[no-untyped-def]
        typing, x, positions, row, cells, count, w, start, apart, y, y_apart, targets
    ):
        integer = types.intp
        of_w, of_y = (w, integer, integer), (y, integer, targets)
        signature = types.void(x, positions, integer, cells, integer, *of_w, *of_y)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, positions, row, cells, count, w, start, apart, y, y_apart, targets = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = Block(context, builder, signature.args[0], own=True)
            patches, outputs = block.rows(x, positions, row), block.rows(y, targets, row)

            def factors(k: ir.Value) -> list[ir.Value]:
                cell = block.entry(cells, k)
                return [block.at(patch, cell) for patch in patches]

            vectors = block.places(block.at(w, start), apart, panels)
            zero = ir.Constant(count.type, 0)
            state = [*vectors, *block.zeros(panels)]
            state = block.sums(zero, count, state, block.count, factors)
            for panel in range(panels):
                for output, value in zip(outputs, state[panels + panel :: panels], strict=True):
                    block.store(value, output)
                outputs = [block.at(output, y_apart) for output in outputs]
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply_own


def _compiled_multiply_transposed(
    panels: int, own: bool = False, together: bool = False
) -> Callable[..., Any]:
    rows = ROWS_TOGETHER if together else ROWS

    @intrinsic
    def compiled_multiply_transposed(  # type: ignore[no-untyped-def]
        typing, x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add
    ):
        integer = types.intp
        of_dy, of_w = (dy, integer, integer), (w, integer)
        of_cells = cells, integer
        signature = types.void(x, positions, integer, *of_cells, *of_dy, *of_w, targets, types.b1)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, positions, end, cells, row, dy, step, d_apart, w, apart, targets, add = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = Block(context, builder, signature.args[0], own)
            zero, one = (ir.Constant(end.type, number) for number in (0, 1))
            outputs = block.rows(w, targets, row, rows)
            if together:
                columns = block.places(block.at(x, block.entry(cells, row)), one, rows)
            else:
                columns = block.rows(x, cells, row)

            def factors(r: ir.Value) -> list[ir.Value]:
                position = block.entry(positions, r)
                return [block.at(column, position) for column in columns]

            state = [*block.places(dy, d_apart, panels), *block.zeros(panels, rows)]
            state = block.sums(zero, end, state, step, factors, _UNROLLED if together else 1)
            for panel in range(panels):
                block.put(outputs, state[panels + panel :: panels], add)
                outputs = [block.at(output, apart) for output in outputs]
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply_transposed


def _compiled_matrices(panels: int) -> Callable[..., Any]:
    @intrinsic
    def compiled_matrices(typing, a, a0, a_row, depth, b, b0, b_apart, c, c0, c_row, add):  # type: ignore[no-untyped-def]
        integer = types.intp
        of_a, of_b = (a, integer, integer, integer), (b, integer, integer)
        signature = types.void(*of_a, *of_b, c, integer, integer, types.b1)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            a, a0, a_row, depth, b, b0, b_apart, c, c0, c_row, add = arrays_as_addresses(
                context, builder, signature.args, values
            )
            block = Block(context, builder, signature.args[0])
            lines = block.places(block.at(a, a0), a_row, ROWS)

            def factors(k: ir.Value) -> list[ir.Value]:
                return [block.at(line, k) for line in lines]

            state = [*block.places(block.at(b, b0), b_apart, panels), *block.zeros(panels)]
            zero = ir.Constant(depth.type, 0)
            state = block.sums(zero, depth, state, block.count, factors, _UNROLLED)
            for panel, first in enumerate(block.places(block.at(c, c0), block.count, panels)):
                outputs = block.places(first, c_row, ROWS)
                block.put(outputs, state[panels + panel :: panels], add)
            return context.get_dummy_value()

        return signature, generate

    return compiled_matrices


if numba.config.DISABLE_JIT:
    _block, _wide_block = _multiply, _multiply_wide
    _matrices, _wide_matrices = _multiply_matrices, _multiply_matrices_wide
    _transposed_block, _wide_transposed_block = _multiply_transposed, _multiply_transposed_wide
    _together, _wide_together = _multiply_together, _multiply_together_wide
    _own_block, _wide_own_block = _multiply_own, _multiply_own_wide
    _own_transposed, _wide_own_transposed = _multiply_own_transposed, _multiply_own_transposed_wide
else:
    _block, _wide_block = map(_compiled_multiply, (1, PANELS))
    _matrices, _wide_matrices = map(_compiled_matrices, (1, PANELS))
    _transposed_block, _wide_transposed_block = map(_compiled_multiply_transposed, (1, PANELS))
    _together, _wide_together = (
        _compiled_multiply_transposed(panels, together=True) for panels in (1, PANELS)
    )
    _own_block, _wide_own_block = map(_compiled_multiply_own, (1, PANELS))
    _own_transposed, _wide_own_transposed = (
        _compiled_multiply_transposed(panels, own=True) for panels in (1, PANELS)
    )


def _multiply_rows(  # type: ignore[no-untyped-def]
    x, positions, runs, first, end, length, w, start, apart, y, targets, add, wide
):
    # `_multiply` for all rows, whole blocks of them; `_multiply_wide` where `wide` says so
    for row in range(0, len(positions), ROWS):
        terms = (runs, first, end, length, w, start, apart, y, targets, add)
        if wide:
            _wide_block(x, positions, row, *terms)
        else:
            _block(x, positions, row, *terms)


def _multiply_rows_of_matrix(a, a0, a_row, rows, depth, b, b0, b_apart, c, c0, c_row, add, wide):  # type: ignore[no-untyped-def]
    # The same for `_multiply_matrices`
    for row in range(0, rows, ROWS):
        of_a, of_c = a0 + row * a_row, c0 + row * c_row
        if wide:
            _wide_matrices(a, of_a, a_row, depth, b, b0, b_apart, c, of_c, c_row, add)
        else:
            _matrices(a, of_a, a_row, depth, b, b0, b_apart, c, of_c, c_row, add)


def _multiply_rows_transposed(  # type: ignore[no-untyped-def]
    x, positions, end, cells, dy, step, d_apart, w, apart, targets, add, wide, together
):
    # The same for `_multiply_transposed` and all rows of w, or for `_multiply_together`
    terms = (dy, step, d_apart, w, apart, targets, add)
    if together:
        for row in range(0, len(cells), ROWS_TOGETHER):
            if wide:
                _wide_together(x, positions, end, cells, row, *terms)
            else:
                _together(x, positions, end, cells, row, *terms)
    else:
        for row in range(0, len(cells), ROWS):
            if wide:
                _wide_transposed_block(x, positions, end, cells, row, *terms)
            else:
                _transposed_block(x, positions, end, cells, row, *terms)


def _multiply_own_rows(x, positions, cells, w, start, apart, y, y_apart, targets, wide):  # type: ignore[no-untyped-def]
    # `_multiply_own` for all rows and all of their cells
    for row in range(0, len(positions), ROWS):
        terms = (cells, len(cells), w, start, apart, y, y_apart, targets)
        if wide:
            _wide_own_block(x, positions, row, *terms)
        else:
            _own_block(x, positions, row, *terms)


def _multiply_own_rows_transposed(  # type: ignore[no-untyped-def]
    x, positions, end, cells, dy, step, d_apart, w, apart, targets, wide
):
    # `_multiply_own_transposed` for all rows of w, added to what is there
    for row in range(0, len(cells), ROWS):
        terms = (dy, step, d_apart, w, apart, targets, True)
        if wide:
            _wide_own_transposed(x, positions, end, cells, row, *terms)
        else:
            _own_transposed(x, positions, end, cells, row, *terms)


multiply = jit(_multiply_rows, parallel=False)
multiply_matrix = jit(_multiply_rows_of_matrix, parallel=False)
multiply_transposed = jit(_multiply_rows_transposed, parallel=False)
multiply_own = jit(_multiply_own_rows, parallel=False)
multiply_own_transposed = jit(_multiply_own_rows_transposed, parallel=False)
