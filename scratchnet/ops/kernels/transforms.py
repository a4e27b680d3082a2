"""The small linear maps of Winograd's convolution, Y = M·X·Mᵀ, of many channels at once.

X is a square of cells and M a matrix of constants, most of them 0 and ±1. The map of all channels
is written in LLVM's own language: in a loop over arrays the compiler would have to prove for each
of some thirty addresses that no result overwrites an input, and gives up.

See `ops.kernels.blocks` for what else is written so, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.blocks import PANELS, arrays_as_addresses

_WIDTH = 32 * PANELS  # bytes that are mapped at once: of a vector register, of AVX at least


def two_sided(matrix: np.ndarray) -> Callable[..., None]:
    """A function for kernels that maps X to M·X·Mᵀ, with M of shape (rows, n) and X of n·n cells.

    Its arguments are (x, start, row, column, y, start, row, column, channels): flat arrays, where
    the first cell lies in each, the distance from a row of cells to the next and from a column to
    the next, and the number of channels, a multiple of 64 bytes.
    """

    def in_numpy(x, x0, x_row, x_column, y, y0, y_row, y_column, channels):  # type: ignore[no-untyped-def]
        rows, n = matrix.shape
        cells = _places(x0, x_row, x_column, n)[..., None] + np.arange(channels)
        mapped = np.einsum("ui,vj,ijc->uvc", matrix, matrix, x[cells])
        y[_places(y0, y_row, y_column, rows)[..., None] + np.arange(channels)] = mapped

    @intrinsic
    def in_registers(typing, x, x0, x_row, x_column, y, y0, y_row, y_column, channels):  # type: ignore[no-untyped-def]
        place = (types.intp,) * 3
        signature = types.void(x, *place, y, *place, types.intp)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            values = arrays_as_addresses(context, builder, signature.args, values)
            _map_channels(builder, matrix, signature.args[0].dtype.bitwidth, values)
            return context.get_dummy_value()

        return signature, generate

    return in_numpy if numba.config.DISABLE_JIT else in_registers


def _places(start: int, row: int, column: int, n: int) -> np.ndarray:
    return start + np.arange(n)[:, None] * row + np.arange(n) * column


def _map_channels(builder: Any, matrix: np.ndarray, bits: int, values: list[Any]) -> None:
    """The loop over the channels; it runs at least once."""
    x, x0, x_row, x_column, y, y0, y_row, y_column, channels = values
    vector = ir.VectorType(x.type.pointee, _WIDTH * 8 // bits)
    integer = channels.type

    def address(array: Any, start: Any, row: Any, column: Any, i: int, j: int) -> Any:
        down = builder.mul(row, ir.Constant(integer, i))
        across = builder.mul(column, ir.Constant(integer, j))
        return builder.gep(array, [builder.add(start, builder.add(down, across))])

    rows, n = matrix.shape
    inputs = [[address(x, x0, x_row, x_column, i, j) for j in range(n)] for i in range(n)]
    outputs = [[address(y, y0, y_row, y_column, i, j) for j in range(rows)] for i in range(rows)]
    before = builder.block
    loop, after = (builder.append_basic_block(name) for name in ("channels", "mapped"))
    builder.branch(loop)
    builder.position_at_end(loop)
    c = builder.phi(integer)

    def at(place: Any) -> Any:
        return builder.bitcast(builder.gep(place, [c]), vector.as_pointer())

    def load(place: Any) -> Any:
        value = builder.load(at(place))
        value.align = bits // 8
        return value

    cells = [[load(place) for place in row] for row in inputs]
    half = [_combinations(builder, matrix, column) for column in zip(*cells, strict=True)]
    whole = [_combinations(builder, matrix, row) for row in zip(*half, strict=True)]
    for values_of_row, places in zip(whole, outputs, strict=True):
        for value, place in zip(values_of_row, places, strict=True):
            builder.store(value, at(place)).align = bits // 8
    following = builder.add(c, ir.Constant(integer, vector.count))
    c.add_incoming(ir.Constant(integer, 0), before)
    c.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, channels), loop, after)
    builder.position_at_end(after)


def _combinations(builder: Any, matrix: np.ndarray, vectors: Any) -> list[Any]:
    """Σ_i M[r, i]·vector_i for each row r; nothing is multiplied by 0 or 1."""
    kind = vectors[0].type

    def constant(value: float) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    results = []
    for row in matrix:
        total = None
        for factor, vector in zip(row.tolist(), vectors, strict=True):
            if factor == 0:
                continue
            size = abs(factor)
            term = vector if size == 1 else builder.fmul(vector, constant(size))
            if total is None:
                total = term if factor > 0 else builder.fsub(constant(-0.0), term)
            else:
                total = builder.fadd(total, term) if factor > 0 else builder.fsub(total, term)
        results.append(total)
    return results
