"""Sums that stay in the registers of a core, in LLVM's own language: what `blocks` is written with.

Numba turns Python into that language; here Python writes it. A `Block` is ROWS sums, or as many for
each of some panels, that loops add products to; `loop` is a loop whose state stays in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types

WIDTH = 64  # bytes of a row of a block


def _rows_and_panels() -> tuple[int, int]:
    """As many sums as the registers hold beside what they are made of: 9·2 of 32, 6·2 of 16."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 9, 2
    return (6, 1) if features.get("avx") or features.get("neon") else (2, 1)


ROWS, PANELS = _rows_and_panels()


class Block:
    """The common part of all: ROWS sums, each a vector, that one loop adds products to.

    Args:
        own: whether each lane has patches of its own, or all lanes the same ones.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, array: Any, own: bool = False) -> None:
        self.context, self.builder, self.own = context, builder, own
        scalar = context.get_value_type(array.dtype)
        count = WIDTH * 8 // array.dtype.bitwidth
        self.vector, self.bits = ir.VectorType(scalar, count), array.dtype.bitwidth
        self.count, self._word = ir.Constant(ir.IntType(64), count), ir.IntType(32)
        self._alignment = ir.Constant(self._word, scalar.get_abi_alignment(context.target_data))
        name = f"llvm.fmuladd.v{count}f{self.bits}"
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

    def stream(self, value: ir.Value, address: ir.Value) -> None:
        """Store past the caches, to a whole line of them."""
        pointer = self.builder.bitcast(address, self.vector.as_pointer())
        done = self.builder.store(value, pointer, align=WIDTH)
        uncached = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        done.set_metadata("nontemporal", uncached)

    def fetch(self, panels: list[list[ir.Value]]) -> None:
        """Have in the first cache by then what will be written to once the sums are there."""
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        fetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        to_write, all_caches, data = (ir.Constant(word, number) for number in (1, 3, 1))
        for address in chain(*panels):
            place = self.builder.bitcast(address, byte)
            self.builder.call(fetch, [place, to_write, all_caches, data])

    def some(self, count: ir.Value) -> ir.Value:
        """A mask of the first lanes."""
        index = ir.VectorType(ir.IntType(32), self.vector.count)
        bound = self.builder.insert_element(
            ir.Constant(index, ir.Undefined),
            self.builder.trunc(count, index.element),
            ir.Constant(index.element, 0),
        )
        bounds = self.builder.shuffle_vector(bound, bound, ir.Constant(index, [0] * index.count))
        return self.builder.icmp_signed("<", ir.Constant(index, list(range(index.count))), bounds)

    def load_some(self, address: ir.Value, mask: ir.Value) -> ir.Value:
        """The numbers at an address that the mask says, zeros in the other lanes."""
        kinds = [self.vector.as_pointer(), self._word, mask.type, self.vector]
        load = self._masked("load", ir.FunctionType(self.vector, kinds))
        place, nothing = self.builder.bitcast(address, kinds[0]), ir.Constant(self.vector, None)
        return self.builder.call(load, [place, self._alignment, mask, nothing])

    def store_some(self, value: ir.Value, address: ir.Value, mask: ir.Value) -> None:
        """Write as many lanes as the mask says."""
        kinds = [self.vector, self.vector.as_pointer(), self._word, mask.type]
        store = self._masked("store", ir.FunctionType(ir.VoidType(), kinds))
        place = self.builder.bitcast(address, kinds[1])
        self.builder.call(store, [value, place, self._alignment, mask])

    def _masked(self, what: str, kind: ir.FunctionType) -> ir.Function:
        name = f"llvm.masked.{what}.v{self.vector.count}f{self.bits}.p0"
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def spread(self, address: ir.Value) -> ir.Value:
        """The entry at the address in each lane."""
        return self.in_all_lanes(self.builder.load(address))

    def in_all_lanes(self, number: ir.Value) -> ir.Value:
        builder, undefined = self.builder, ir.Constant(self.vector, ir.Undefined)
        index = ir.VectorType(ir.IntType(32), self.vector.count)
        one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, undefined, ir.Constant(index, [0] * index.count))

    def term(
        self, vectors: list[ir.Value], factors: list[ir.Value], sums: list[ir.Value]
    ) -> list[ir.Value]:
        """The sums with factor_r·vector_p added to that of row r and panel p, all by address."""
        loaded = [self.load(address) for address in vectors]
        added: list[ir.Value] = []
        for factor in factors:
            value = self.load(factor) if self.own else self.spread(factor)
            for vector in loaded:
                added.append(self.builder.call(self.fused, [value, vector, sums[len(added)]]))
        return added

    def sums(
        self,
        first: ir.Value,
        end: ir.Value,
        state: list[ir.Value],
        step: ir.Value,
        factors: Callable[[ir.Value], list[ir.Value]],
        unrolled: int = 1,
    ) -> list[ir.Value]:
        """Σ_i factor_r(i)·vector_p(i) added to the sums of every row r and panel p.

        The state has the addresses of the vector_p(first), then the sums; it returns with those of
        vector_p(end), which follow `step` numbers apart. `factors(i)` gives the addresses of the
        numbers that belong to i; so many terms follow each other without a jump.
        """
        builder = self.builder
        panels = sum(isinstance(value.type, ir.PointerType) for value in state)

        def terms(i: ir.Value, state: list[ir.Value]) -> list[ir.Value]:
            vectors, sums = state[:panels], state[panels:]
            for number in range(unrolled):
                at_i = factors(builder.add(i, ir.Constant(i.type, number)))
                sums = self.term(vectors, at_i, sums)
                vectors = [builder.gep(vector, [step]) for vector in vectors]
            return [*vectors, *sums]

        if unrolled == 1:
            return loop(builder, first, end, 1, state, terms)
        count = builder.sub(end, first)
        rest = builder.srem(count, ir.Constant(count.type, unrolled))
        whole = builder.sub(end, rest)
        state = loop(builder, first, whole, unrolled, state, terms)
        return self.sums(whole, end, state, step, factors)

    def zeros(self, panels: int, rows: int = ROWS) -> list[ir.Value]:
        return [ir.Constant(self.vector, None)] * (rows * panels)

    def rows(
        self, array: ir.Value, places: ir.Value, row: ir.Value, count: int = ROWS
    ) -> list[ir.Value]:
        """The addresses that the array `places` gives for so many rows."""
        numbers = (self.builder.add(row, ir.Constant(row.type, r)) for r in range(count))
        return [self.at(array, self.entry(places, number)) for number in numbers]

    def rows_of_panels(
        self, rows: list[ir.Value], apart: ir.Value, panels: int
    ) -> list[list[ir.Value]]:
        """The addresses of the same rows in each of some panels."""
        found = [rows]
        for _ in range(panels - 1):
            found.append([self.at(address, apart) for address in found[-1]])
        return found

    def places(self, address: ir.Value, apart: ir.Value, count: int) -> list[ir.Value]:
        """The addresses that lie 0, 1, … times `apart` numbers behind one."""
        found = [address]
        for _ in range(count - 1):
            found.append(self.at(found[-1], apart))
        return found

    def put(self, outputs: list[ir.Value], sums: list[ir.Value], add: ir.Value) -> None:
        """Write to the addresses, or add to what lies there."""
        with self.builder.if_else(add) as (adding, replacing):
            with adding:
                self.add_to(outputs, sums)
            with replacing:
                for output, value in zip(outputs, sums, strict=True):
                    self.store(value, output)

    def add_to(self, outputs: list[ir.Value], sums: list[ir.Value]) -> None:
        """Add to what lies at the addresses. All is read before any is written: two may be one."""
        before = [self.load(output) for output in outputs]
        for output, old, new in zip(outputs, before, sums, strict=True):
            self.store(self.builder.fadd(old, new), output)


def loop(
    builder: ir.IRBuilder,
    first: ir.Value,
    end: ir.Value,
    step: int,
    state: list[ir.Value],
    body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
) -> list[ir.Value]:
    """The state after `state = body(i, state)` for every i of range(first, end, step)."""
    before = builder.block
    inside, after = (builder.append_basic_block(name) for name in ("loop", "after"))
    builder.cbranch(builder.icmp_signed("<", first, end), inside, after)
    builder.position_at_end(inside)
    i, *current = (builder.phi(value.type) for value in [first, *state])
    later = body(i, current)
    following, last = builder.add(i, ir.Constant(i.type, step)), builder.block
    builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    for value, at_first, then in zip(
        [i, *current], [first, *state], [following, *later], strict=True
    ):
        value.add_incoming(at_first, before)
        value.add_incoming(then, last)
    builder.position_at_end(after)
    results = []
    for at_first, then in zip(state, later, strict=True):
        result = builder.phi(then.type)
        result.add_incoming(at_first, before)
        result.add_incoming(then, last)
        results.append(result)
    return results


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
