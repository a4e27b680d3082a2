"""Small products of matrices that stay in the registers of a core: what the convolutions run on.

A convolution multiplies the matrix P of its patches, one output position a row, with the kernel as
a matrix W. P need not exist: its entry is a cell of the image,

    P[r, k] = x[positions[r] + cells[k]],

where `positions[r]` is the first cell that row r sees and `cells[k]` is how far from there the k-th
cell of a patch lies, x being flat. Two products are needed, each of a block of `ROWS` rows and of
as many columns as fit in two vector registers (`lanes`):

    multiply      y block (+)= Σ_k P[r, k]·W[k, :]       forward, and backward to the image
    multiply_transposed      block of W (+)= Σ_r P[r, k]·dy[r, :]      backward to the kernel

The sums stay in registers while k or r runs: with 2·ROWS sums under way the multipliers of a core
are always busy, and each value that is loaded serves several products. A loop over arrays cannot
say "keep this in a register", so these two are written in LLVM's own language, which is what Numba
turns Python into. The functions `_multiply` and `_multiply_transposed` say the same in NumPy; they
run where Numba does not compile (NUMBA_DISABLE_JIT=1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_WIDTH = 64  # bytes of a row of a block


def _rows_in_registers() -> int:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 12  # 32 registers
    return 6 if features.get("avx") or features.get("neon") else 2


ROWS = _rows_in_registers()


def lanes(dtype: np.dtype) -> int:
    """Columns of a block: 16 in float32, 8 in float64."""
    return _WIDTH // dtype.itemsize


def _multiply(x, positions, row, cells, first, end, w, start, y, targets, add):  # type: ignore[no-untyped-def]
    """y[targets[r] + c] (+)= Σ_k x[positions[r] + cells[k]]·w[start + (k − first)·lanes + c].

    k runs from `first` to `end`, r over the ROWS rows from `row`, c over the lanes; all arrays are
    flat. Two rows with one target must have one position too. FLOPs: 2·ROWS·(end − first)·lanes.
    """
    width = lanes(x.dtype)
    patches = x[positions[row : row + ROWS, None] + cells[None, first:end]]
    block = patches @ w[start : start + (end - first) * width].reshape(-1, width)
    where = targets[row : row + ROWS, None] + np.arange(width)
    y[where] = y[where] + block if add else block


def _multiply_transposed(x, positions, end, cells, row, dy, step, w, targets):  # type: ignore[no-untyped-def]
    """w[targets[k] + c] += Σ_r x[positions[r] + cells[k]]·dy[r·step + c].

    r runs from 0 to `end`, k over the ROWS rows of w from `row`, c over the lanes; all arrays are
    flat. No two rows may have one target. FLOPs: 2·ROWS·end·lanes.
    """
    width = lanes(x.dtype)
    patches = x[positions[:end, None] + cells[None, row : row + ROWS]]
    block = patches.T @ dy[np.arange(end)[:, None] * step + np.arange(width)]
    w[targets[row : row + ROWS, None] + np.arange(width)] += block


class _Block:
    """The common part of both: ROWS sums, each a vector, that one loop adds products to."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array: Any) -> None:
        self.context, self.builder = context, builder
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
        vectors: ir.Value,
        step: ir.Value,
        factors: Callable[[ir.Value], list[ir.Value]],
    ) -> list[ir.Value]:
        """Σ_i factor_r(i)·vector(i) of every row r; the loop runs at least once.

        `vectors` is the address of vector(first), the others follow `step` numbers apart;
        `factors(i)` gives the addresses of the ROWS numbers that belong to i.
        """
        builder, zero = self.builder, ir.Constant(self.vector, None)
        before = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("sums", "summed"))
        builder.branch(loop)
        builder.position_at_end(loop)
        i, address = builder.phi(first.type), builder.phi(vectors.type)
        sums = [builder.phi(self.vector) for _ in range(ROWS)]
        vector = self.load(address)
        added = [
            builder.call(self.fused, [self.spread(factor), vector, total])
            for factor, total in zip(factors(i), sums, strict=True)
        ]
        following = builder.add(i, ir.Constant(i.type, 1))
        after_it = builder.gep(address, [step])
        pairs = [(i, first, following), (address, vectors, after_it)]
        pairs += [(total, zero, new) for total, new in zip(sums, added, strict=True)]
        for value, at_first, later in pairs:
            value.add_incoming(at_first, before)
            value.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, end), loop, after)
        builder.position_at_end(after)
        return added


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


@intrinsic
def _compiled_multiply(  # type: ignore[no-untyped-def]
    typing, x, positions, row, cells, first, end, w, start, y, targets, add
):
    signature = types.void(
        x, positions, types.intp, cells, types.intp, types.intp, w, types.intp, y, targets, types.b1
    )

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        x, positions, row, cells, first, end, w, start, y, targets, add = arrays_as_addresses(
            context, builder, signature.args, values
        )
        block = _Block(context, builder, signature.args[0])
        rows = [builder.add(row, ir.Constant(row.type, r)) for r in range(ROWS)]
        patches = [block.at(x, block.entry(positions, r)) for r in rows]
        outputs = [block.at(y, block.entry(targets, r)) for r in rows]

        def factors(k: ir.Value) -> list[ir.Value]:
            cell = block.entry(cells, k)
            return [block.at(patch, cell) for patch in patches]

        sums = block.sums(first, end, block.at(w, start), block.count, factors)
        with builder.if_else(add) as (adding, replacing):
            with adding:
                # All are read before one is written: rows may share a target
                before = [block.load(output) for output in outputs]
                for output, old, new in zip(outputs, before, sums, strict=True):
                    block.store(builder.fadd(old, new), output)
            with replacing:
                for output, new in zip(outputs, sums, strict=True):
                    block.store(new, output)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _compiled_multiply_transposed(  # type: ignore[no-untyped-def]
    typing, x, positions, end, cells, row, dy, step, w, targets
):
    signature = types.void(x, positions, types.intp, cells, types.intp, dy, types.intp, w, targets)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        x, positions, end, cells, row, dy, step, w, targets = arrays_as_addresses(
            context, builder, signature.args, values
        )
        block = _Block(context, builder, signature.args[0])
        rows = [builder.add(row, ir.Constant(row.type, k)) for k in range(ROWS)]
        columns = [block.at(x, block.entry(cells, k)) for k in rows]
        outputs = [block.at(w, block.entry(targets, k)) for k in rows]

        def factors(r: ir.Value) -> list[ir.Value]:
            position = block.entry(positions, r)
            return [block.at(column, position) for column in columns]

        sums = block.sums(ir.Constant(end.type, 0), end, dy, step, factors)
        before = [block.load(output) for output in outputs]
        for output, old, new in zip(outputs, before, sums, strict=True):
            block.store(builder.fadd(old, new), output)
        return context.get_dummy_value()

    return signature, generate


compiled = not numba.config.DISABLE_JIT
multiply = _compiled_multiply if compiled else _multiply
multiply_transposed = _compiled_multiply_transposed if compiled else _multiply_transposed
