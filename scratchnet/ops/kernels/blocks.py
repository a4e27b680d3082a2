"""Small products of matrices that stay in the registers of a core: what the convolutions run on.

A convolution multiplies the matrix P of its patches, one output position a row, with the kernel as
a matrix W. P need not exist: its entry is a cell of the image,

    P[r, k] = x[positions[r] + cells[k]],

where `positions[r]` is the first cell that row r sees and `cells[k]` is how far from there the k-th
cell of a patch lies, x being flat. Two products are needed, each of a block of `ROWS` rows and of
as many columns as fit in two vector registers (`lanes`):

    multiply                y block (+)= Σ_k P[r, k]·W[k, :]       forward, backward to the image
    multiply_transposed     block of W += Σ_r P[r, k]·dy[r, :]     backward to the kernel

The sums stay in registers while k or r runs: with 2·ROWS sums under way the multipliers of a core
are always busy, and each value that is loaded serves several products. A loop over arrays cannot
say "keep this in a register", so these two are written in LLVM's own language, which is what Numba
turns Python into. The functions `_multiply` and `_multiply_transposed` say the same in NumPy; they
run where Numba does not compile (NUMBA_DISABLE_JIT=1).

Where a vector register holds a whole row of a block (AVX-512) there is room for the sums of
`PANELS` = 2 blocks side by side. Each value of P that is loaded then serves two products, and the
loads keep up with the multipliers. That is what the argument `wide` asks for.

In a depthwise convolution the lanes are channels, each with a P of its own: `multiply_channels` and
`multiply_channels_transposed` take P[r, k] of lane c from x[positions[r] + cells[k] + c].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from scratchnet.ops.kernels.jit import jit

_WIDTH = 64  # bytes of a row of a block


def _rows_and_panels() -> tuple[int, int]:
    """As many sums as the registers hold beside what they are made of: 9·2 of 32, 6·2 of 16."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 9, 2
    return (6, 1) if features.get("avx") or features.get("neon") else (2, 1)


ROWS, PANELS = _rows_and_panels()


def lanes(dtype: np.dtype) -> int:
    """Columns of a block: 16 in float32, 8 in float64."""
    return _WIDTH // dtype.itemsize


def _multiply(x, positions, row, cells, first, end, w, start, apart, y, targets, add):  # type: ignore[no-untyped-def]
    """y[targets[r] + c] (+)= Σ_k x[positions[r] + cells[k]]·w[start + (k − first)·lanes + c].

    k runs from `first` to `end`, r over the ROWS rows from `row`, c over the lanes; all arrays are
    flat. Two rows with one target must have one position too. `apart`, the numbers from one panel
    of w to the next, is of use to `_multiply_wide` only. FLOPs: 2·ROWS·(end − first)·lanes.
    """
    width = lanes(x.dtype)
    patches = x[positions[row : row + ROWS, None] + cells[None, first:end]]
    block = patches @ w[start : start + (end - first) * width].reshape(-1, width)
    where = targets[row : row + ROWS, None] + np.arange(width)
    y[where] = y[where] + block if add else block


def _multiply_wide(x, positions, row, cells, first, end, w, start, apart, y, targets, add):  # type: ignore[no-untyped-def]
    """`_multiply` with PANELS panels of w, whose columns are neighbours in y."""
    for panel in range(PANELS):
        of_w, of_y = start + panel * apart, targets + panel * lanes(x.dtype)
        _multiply(x, positions, row, cells, first, end, w, of_w, apart, y, of_y, add)


def _multiply_own(x, positions, row, cells, first, end, w, start, apart, y, targets, add):  # type: ignore[no-untyped-def]
    """`_multiply` where each lane has patches of its own."""
    width = lanes(x.dtype)
    of_row = positions[row : row + ROWS, None, None] + cells[first:end, None] + np.arange(width)
    block = (x[of_row] * w[start : start + (end - first) * width].reshape(-1, width)).sum(axis=1)
    where = targets[row : row + ROWS, None] + np.arange(width)
    y[where] = y[where] + block if add else block


def _multiply_transposed(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets):  # type: ignore[no-untyped-def]
    """w[targets[k] + c] += Σ_r x[positions[r] + cells[k]]·dy[r·step + c].

    r runs from 0 to `end`, k over the ROWS rows of w from `row`, c over the lanes; all arrays are
    flat. No two rows may have one target. `d_apart` and `apart`, the numbers from one panel of dy
    and of w to the next, are of use to `_multiply_transposed_wide` only. FLOPs: 2·ROWS·end·lanes.
    """
    width = lanes(x.dtype)
    patches = x[positions[:end, None] + cells[None, row : row + ROWS]]
    block = patches.T @ dy[np.arange(end)[:, None] * step + np.arange(width)]
    w[targets[row : row + ROWS, None] + np.arange(width)] += block


def _multiply_transposed_wide(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets):  # type: ignore[no-untyped-def]
    """`_multiply_transposed` with PANELS panels of dy and of w."""
    for panel in range(PANELS):
        of_dy, of_w = dy[panel * d_apart :], targets + panel * apart
        _multiply_transposed(x, positions, end, cells, row, of_dy, step, d_apart, w, apart, of_w)


def _multiply_own_transposed(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets):  # type: ignore[no-untyped-def]
    """`_multiply_transposed` where each lane has patches of its own."""
    lane = np.arange(lanes(x.dtype))
    patches = x[positions[:end, None, None] + cells[row : row + ROWS, None] + lane]
    block = (patches * dy[np.arange(end)[:, None] * step + lane][:, None]).sum(axis=0)
    w[targets[row : row + ROWS, None] + lane] += block


class _Block:
    """The common part of all: ROWS sums, each a vector, that one loop adds products to.

    Args:
        own: whether each lane has patches of its own, or all lanes the same ones.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, array: Any, own: bool) -> None:
        self.context, self.builder, self.own = context, builder, own
        scalar = context.get_value_type(array.dtype)
        count = _WIDTH * 8 // array.dtype.bitwidth
        self.vector = ir.VectorType(scalar, count)
        self.count = ir.Constant(ir.IntType(64), count)
        name = f"llvm.fmuladd.v{count}f{array.dtype.bitwidth}"
        signature = ir.FunctionType(self.vector, [self.vector] * 3)
        self.fused = cgutils.get_or_insert_function(builder.module, signature, name)

    def at(self, array: ir.Value, index: ir.Value) -> ir.Value:
        """The address of an entry of a flat array."""
        return self.builder.gep(array, [index])

    def entry(self, array: ir.Value, index: ir.Value) -> ir.Value:
        return self.builder.load(self.at(array, index))

    def load(self, address: ir.Value) -> ir.Value:
        pointer = self.builder.bitcast(address, self.vector.as_pointer())
        value = self.builder.load(pointer)
        value.align = self.vector.element.get_abi_alignment(self.context.target_data)
        return value

    def store(self, value: ir.Value, address: ir.Value) -> None:
        pointer = self.builder.bitcast(address, self.vector.as_pointer())
        done = self.builder.store(value, pointer)
        done.align = self.vector.element.get_abi_alignment(self.context.target_data)

    def spread(self, address: ir.Value) -> ir.Value:
        """The entry at the address in each lane."""
        builder, undefined = self.builder, ir.Constant(self.vector, ir.Undefined)
        index = ir.VectorType(ir.IntType(32), self.vector.count)
        one = builder.insert_element(
            undefined, builder.load(address), ir.Constant(ir.IntType(32), 0)
        )
        return builder.shuffle_vector(one, undefined, ir.Constant(index, [0] * index.count))

    def sums(
        self,
        first: ir.Value,
        end: ir.Value,
        vectors: list[ir.Value],
        step: ir.Value,
        factors: Callable[[ir.Value], list[ir.Value]],
    ) -> list[list[ir.Value]]:
        """Σ_i factor_r(i)·vector_p(i) of every panel p and row r; the loop runs at least once.

        `vectors` are the addresses of the vector_p(first), the others follow `step` numbers apart;
        `factors(i)` gives the addresses of the ROWS numbers that belong to i.
        """
        builder, zero = self.builder, ir.Constant(self.vector, None)
        before = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("sums", "summed"))
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(first.type)
        addresses = [builder.phi(vector.type) for vector in vectors]
        sums = [[builder.phi(self.vector) for _ in range(ROWS)] for _ in vectors]
        loaded = [self.load(address) for address in addresses]
        added: list[list[ir.Value]] = [[] for _ in vectors]
        for row, factor in enumerate(factors(i)):
            value = self.load(factor) if self.own else self.spread(factor)
            for vector, totals, new in zip(loaded, sums, added, strict=True):
                new.append(builder.call(self.fused, [value, vector, totals[row]]))
        following = builder.add(i, ir.Constant(i.type, 1))
        pairs = [(i, first, following)]
        for address, vector in zip(addresses, vectors, strict=True):
            pairs.append((address, vector, builder.gep(address, [step])))
        for totals, new in zip(sums, added, strict=True):
            pairs += [(total, zero, value) for total, value in zip(totals, new, strict=True)]
        for value, at_first, later in pairs:
            value.add_incoming(at_first, before)
            value.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, end), loop, after)
        builder.position_at_end(after)
        return added

    def panels(self, address: ir.Value, apart: ir.Value, count: int) -> list[ir.Value]:
        """The addresses that lie 0, 1, … times `apart` numbers behind one."""
        found = [address]
        for _ in range(count - 1):
            found.append(self.at(found[-1], apart))
        return found

    def add_to(self, outputs: list[ir.Value], sums: list[ir.Value]) -> None:
        """Add to what lies at the addresses. All is read before any is written: two may be one."""
        before = [self.load(output) for output in outputs]
        for output, old, new in zip(outputs, before, sums, strict=True):
            self.store(self.builder.fadd(old, new), output)


def arrays_as_addresses(
    context: Any, builder: ir.IRBuilder, kinds: tuple, values: tuple
) -> list[ir.Value]:
    """The arguments, arrays as the addresses of their data."""
    return [
        context.make_array(kind)(context, builder, value).data
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(kinds, values, strict=True)
    ]


def _compiled_multiply(panels: int, own: bool = False) -> Callable[..., Any]:
    @intrinsic
    def compiled_multiply(  # type: ignore[no-untyped-def]
        typing, x, positions, row, cells, first, end, w, start, apart, y, targets, add
    ):
        integer = types.intp
        of_w = (w, integer, integer)
        signature = types.void(
            x, positions, integer, cells, integer, integer, *of_w, y, targets, types.b1
        )

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, positions, row, cells, first, end, w, start, apart, y, targets, add = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = _Block(context, builder, signature.args[0], own)
            rows = [builder.add(row, ir.Constant(row.type, r)) for r in range(ROWS)]
            patches = [block.at(x, block.entry(positions, r)) for r in rows]
            outputs = [block.at(y, block.entry(targets, r)) for r in rows]

            def factors(k: ir.Value) -> list[ir.Value]:
                cell = block.entry(cells, k)
                return [block.at(patch, cell) for patch in patches]

            vectors = block.panels(block.at(w, start), apart, panels)
            sums = block.sums(first, end, vectors, block.count, factors)
            for number, of_panel in enumerate(sums):
                offset = ir.Constant(start.type, number * block.vector.count)
                places = [block.at(output, offset) for output in outputs]
                with builder.if_else(add) as (adding, replacing):
                    with adding:
                        block.add_to(places, of_panel)
                    with replacing:
                        for place, value in zip(places, of_panel, strict=True):
                            block.store(value, place)
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply


def _compiled_multiply_transposed(panels: int, own: bool = False) -> Callable[..., Any]:
    @intrinsic
    def compiled_multiply_transposed(  # type: ignore[no-untyped-def]
        typing, x, positions, end, cells, row, dy, step, d_apart, w, apart, targets
    ):
        integer = types.intp
        of_dy, of_w = (dy, integer, integer), (w, integer)
        signature = types.void(x, positions, integer, cells, integer, *of_dy, *of_w, targets)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            x, positions, end, cells, row, dy, step, d_apart, w, apart, targets = (
                arrays_as_addresses(context, builder, signature.args, values)
            )
            block = _Block(context, builder, signature.args[0], own)
            rows = [builder.add(row, ir.Constant(row.type, k)) for k in range(ROWS)]
            columns = [block.at(x, block.entry(cells, k)) for k in rows]
            outputs = [block.at(w, block.entry(targets, k)) for k in rows]

            def factors(r: ir.Value) -> list[ir.Value]:
                position = block.entry(positions, r)
                return [block.at(column, position) for column in columns]

            vectors = block.panels(dy, d_apart, panels)
            sums = block.sums(ir.Constant(end.type, 0), end, vectors, step, factors)
            for of_panel in sums:
                block.add_to(outputs, of_panel)
                outputs = [block.at(output, apart) for output in outputs]
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply_transposed


if numba.config.DISABLE_JIT:
    _block, _wide_block = _multiply, _multiply_wide
    _transposed_block, _wide_transposed_block = _multiply_transposed, _multiply_transposed_wide
    _own_block, _own_transposed_block = _multiply_own, _multiply_own_transposed
else:
    _block, _wide_block = map(_compiled_multiply, (1, PANELS))
    _transposed_block, _wide_transposed_block = map(_compiled_multiply_transposed, (1, PANELS))
    _own_block, _own_transposed_block = (
        _compiled_multiply(1, own=True),
        _compiled_multiply_transposed(1, own=True),
    )


def _multiply_rows(x, positions, cells, first, end, w, start, apart, y, targets, add, wide):  # type: ignore[no-untyped-def]
    # `_multiply` for all rows, whole blocks of them; `_multiply_wide` where `wide` says so
    for row in range(0, len(positions), ROWS):
        if wide:
            _wide_block(x, positions, row, cells, first, end, w, start, apart, y, targets, add)
        else:
            _block(x, positions, row, cells, first, end, w, start, apart, y, targets, add)


def _multiply_rows_transposed(x, positions, end, cells, dy, step, d_apart, w, apart, targets, wide):  # type: ignore[no-untyped-def]
    # The same for `_multiply_transposed` and all rows of w
    for row in range(0, len(cells), ROWS):
        if wide:
            _wide_transposed_block(
                x, positions, end, cells, row, dy, step, d_apart, w, apart, targets
            )
        else:
            _transposed_block(x, positions, end, cells, row, dy, step, d_apart, w, apart, targets)


def _multiply_rows_of_channels(x, positions, cells, w, start, y, targets):  # type: ignore[no-untyped-def]
    # `_multiply_own` for all rows and all of their cells
    for row in range(0, len(positions), ROWS):
        _own_block(x, positions, row, cells, 0, len(cells), w, start, 0, y, targets, False)


def _multiply_rows_of_channels_transposed(x, positions, end, cells, dy, step, w, targets):  # type: ignore[no-untyped-def]
    # `_multiply_own_transposed` for all rows of w
    for row in range(0, len(cells), ROWS):
        _own_transposed_block(x, positions, end, cells, row, dy, step, 0, w, 0, targets)


multiply = jit(_multiply_rows, parallel=False)
multiply_transposed = jit(_multiply_rows_transposed, parallel=False)
multiply_channels = jit(_multiply_rows_of_channels, parallel=False)
multiply_channels_transposed = jit(_multiply_rows_of_channels_transposed, parallel=False)
