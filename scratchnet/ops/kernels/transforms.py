"""The small linear maps of Winograd's convolution, Y = M·X·Lᵀ, of many channels at once.

X is a few rows of cells; M and L are matrices of constants, many of them 0 and ±1. The map of all
channels is written in LLVM's own language: in a loop over arrays the compiler would have to prove
for each of some thirty addresses that no result overwrites an input, and gives up.

See `ops.kernels.blocks` for what else is written so, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from scratchnet.ops.kernels.registers import PANELS, arrays_as_addresses

_WIDTH = 32 * PANELS  # bytes that are mapped at once: of a vector register, of AVX at least


def two_sided(
    of_rows: np.ndarray, of_columns: np.ndarray, biased: bool = False
) -> Callable[..., None]:
    """A function for kernels that maps X to M·X·Lᵀ, with M of_rows and L of_columns.

    Its arguments are (x, start, row, column, y, start, row, column, channels): flat arrays, where
    the first cell lies in each, the distance from a row of cells to the next and from a column to
    the next, and the number of channels, a multiple of 64 bytes. With `biased` two more follow, a
    bias (channels,) and a least value: results are max(M·X·Lᵀ + bias, least).
    """
    if biased:
        return _two_sided_and_biased(of_rows, of_columns)
    matrices = of_rows, of_columns

    def in_numpy(x, x0, x_row, x_column, y, y0, y_row, y_column, channels):  # type: ignore[no-untyped-def]
        (rows, columns), (n_rows, n_columns) = zip(*(m.shape for m in matrices), strict=True)
        cells = _places(x0, x_row, x_column, n_rows, n_columns)[..., None] + np.arange(channels)
        mapped = np.einsum("ui,vj,ijc->uvc", *matrices, x[cells])
        places = _places(y0, y_row, y_column, rows, columns)
        y[places[..., None] + np.arange(channels)] = mapped

    @intrinsic
    def in_registers(typing, x, x0, x_row, x_column, y, y0, y_row, y_column, channels):  # type: ignore[no-untyped-def]
        place = (types.intp,) * 3
        signature = types.void(x, *place, y, *place, types.intp)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            values = arrays_as_addresses(context, builder, signature.args, values)
            _map_channels(builder, *matrices, signature.args[0].dtype.bitwidth, values)
            return context.get_dummy_value()

        return signature, generate

    return in_numpy if numba.config.DISABLE_JIT else in_registers


def _two_sided_and_biased(of_rows: np.ndarray, of_columns: np.ndarray) -> Callable[..., None]:
    plain = two_sided(of_rows, of_columns)

    def in_numpy(x, x0, x_row, x_column, y, y0, y_row, y_column, channels, bias, least):  # type: ignore[no-untyped-def]
        plain(x, x0, x_row, x_column, y, y0, y_row, y_column, channels)
        places = _places(y0, y_row, y_column, len(of_rows), len(of_columns))
        cells = places[..., None] + np.arange(channels)
        y[cells] += bias
        y[cells] = np.where(y[cells] <= least, least, y[cells])

    @intrinsic
    def in_registers(  # type: ignore[no-untyped-def]
        typing, x, x0, x_row, x_column, y, y0, y_row, y_column, channels, bias, least
    ):
        place = (types.intp,) * 3
        signature = types.void(x, *place, y, *place, types.intp, bias, x.dtype)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            *values, bias, least = arrays_as_addresses(context, builder, signature.args, values)
            bits = signature.args[0].dtype.bitwidth
            _map_channels(builder, of_rows, of_columns, bits, values, bias, least)
            return context.get_dummy_value()

        return signature, generate

    return in_numpy if numba.config.DISABLE_JIT else in_registers


def _places(start: int, row: int, column: int, rows: int, columns: int) -> np.ndarray:
    return start + np.arange(rows)[:, None] * row + np.arange(columns) * column


def _map_channels(
    builder: Any,
    of_rows: np.ndarray,
    of_columns: np.ndarray,
    bits: int,
    values: list[Any],
    bias: Any = None,
    least: Any = None,
) -> None:
    """The loop over the channels; it runs at least once."""
    x, x0, x_row, x_column, y, y0, y_row, y_column, channels = values
    vector = ir.VectorType(x.type.pointee, _WIDTH * 8 // bits)
    integer = channels.type

    def address(array: Any, start: Any, row: Any, column: Any, i: int, j: int) -> Any:
        down = builder.mul(row, ir.Constant(integer, i))
        across = builder.mul(column, ir.Constant(integer, j))
        return builder.gep(array, [builder.add(start, builder.add(down, across))])

    (rows, n_rows), (columns, n_columns) = of_rows.shape, of_columns.shape
    inputs = [
        [address(x, x0, x_row, x_column, i, j) for j in range(n_columns)] for i in range(n_rows)
    ]
    outputs = [[address(y, y0, y_row, y_column, i, j) for j in range(columns)] for i in range(rows)]
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
    half = [_combinations(builder, of_rows, list(column)) for column in zip(*cells, strict=True)]
    whole = [_combinations(builder, of_columns, list(row)) for row in zip(*half, strict=True)]
    if bias is not None:
        more = load(bias)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        undefined = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(undefined, least, ir.Constant(ir.IntType(32), 0))
        floor = builder.shuffle_vector(one, undefined, lanes)

        def finished(value: Any) -> Any:
            z = builder.fadd(value, more)
            return builder.select(builder.fcmp_ordered("<=", z, floor), floor, z)

        whole = [[finished(value) for value in row] for row in whole]
    for values_of_row, places in zip(whole, outputs, strict=True):
        for value, place in zip(values_of_row, places, strict=True):
            builder.store(value, at(place)).align = bits // 8
    following = builder.add(c, ir.Constant(integer, vector.count))
    c.add_incoming(ir.Constant(integer, 0), before)
    c.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, channels), loop, after)
    builder.position_at_end(after)


def _combinations(builder: Any, matrix: np.ndarray, vectors: list[Any]) -> list[Any]:
    """Σ_i M[r, i]·vector_i for each row r, with as few operations as the symmetry of M allows."""
    # Of two columns alike but for signs every row takes the sum or the difference
    matrix = matrix.copy()
    for i, j in _alike(matrix.T):
        first, second = vectors[i], vectors[j]
        vectors = [*vectors, builder.fadd(first, second), builder.fsub(first, second)]
        same = matrix[:, i] == matrix[:, j]
        folded = np.where(same, matrix[:, i], 0), np.where(same, 0, matrix[:, i])
        matrix = np.column_stack([matrix, *folded])
        matrix[:, [i, j]] = 0
    # Two rows alike but for signs are the sum and the difference of the same two combinations
    results: dict[int, Any] = {}
    for i, j in _alike(matrix):
        even, odd = (
            _combination(builder, row, vectors)
            for row in ((matrix[i] + matrix[j]) / 2, (matrix[i] - matrix[j]) / 2)
        )
        results |= {i: builder.fadd(even, odd), j: builder.fsub(even, odd)}
    for r, row in enumerate(matrix):
        if r not in results:
            results[r] = _combination(builder, row, vectors)
    return [results[r] for r in range(len(matrix))]


def _alike(rows: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows with the same sizes but not the same signs of all entries; no row twice."""
    pairs: list[tuple[int, int]] = []
    for i, j in combinations(range(len(rows)), 2):
        taken = {k for pair in pairs for k in pair}
        same, opposite = rows[i] == rows[j], rows[i] == -rows[j]
        if not taken & {i, j} and (same | opposite).all() and not same.all() and not opposite.all():
            pairs.append((i, j))
    return pairs


def _combination(builder: Any, factors: np.ndarray, vectors: list[Any]) -> Any:
    """Σ_i factor_i·vector_i; nothing is multiplied by 0 or ±1."""
    kind = vectors[0].type

    def constant(value: float) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    terms = [(f, v) for f, v in zip(factors.tolist(), vectors, strict=True) if f != 0]
    terms.sort(key=lambda term: (abs(term[0]) != 1, -term[0]))  # first what needs no product
    signature = ir.FunctionType(kind, [kind] * 3)
    bits = 32 if isinstance(kind.element, ir.FloatType) else 64
    name = f"llvm.fmuladd.v{kind.count}f{bits}"
    fused = cgutils.get_or_insert_function(builder.module, signature, name)
    total = None
    for factor, vector in terms:
        if total is None:
            total = vector if factor == 1 else builder.fmul(vector, constant(factor))
        elif abs(factor) == 1:
            total = builder.fadd(total, vector) if factor > 0 else builder.fsub(total, vector)
        else:
            total = builder.call(fused, [vector, constant(factor), total])
    return total
