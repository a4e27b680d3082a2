"""Blocks that add the bias and set to 0 what is negative before they are written.

Numbers that are in registers already cost nothing to add to; a pass over them later would. That is
possible where nothing will be added to a block any more, that is where one chain holds all terms.

It also makes it possible to write past all caches. An ordinary store reads the line of the cache
that it writes to, so a result much larger than the caches costs twice its bytes in memory traffic.
With `streamed` whole lines are written, which a core passes on unread while it computes the next
ones. What comes next finds nothing in the cache, so this is of use for large results only
(`STREAMED`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.blocks import PANELS, ROWS, lanes, multiply, sums_of_runs
from scratchnet.ops.kernels.jit import jit
from scratchnet.ops.kernels.registers import Block, arrays_as_addresses

STREAMED = 2**26  # bytes of a result, at least


def _multiply(  # type: ignore[no-untyped-def]
    x, positions, row, runs, first, end, length, w, start, apart, y, targets,
    biases, least, streamed
):  # fmt: skip
    """y[targets[r] + c] = `blocks.multiply` + biases[c], or `least` where that is not above.

    If `streamed`, the targets are whole lines of the cache.
    """
    rows = slice(row, row + ROWS)
    terms = (runs, first, end, length, w, start, apart)
    multiply(x, positions[rows], *terms, y, targets[rows], False, False)
    where = targets[rows, None] + np.arange(lanes(x.dtype))
    z = y[where] + biases[: where.shape[1]]
    y[where] = np.where(z <= least, least, z)


def _multiply_wide(  # type: ignore[no-untyped-def]
    x, positions, row, runs, first, end, length, w, start, apart, y, targets,
    biases, least, streamed
):  # fmt: skip
    """The same with PANELS panels of w, whose columns are neighbours in y."""
    terms = (x, positions, row, runs, first, end, length, w)
    for panel in range(PANELS):
        f, of_w = panel * lanes(x.dtype), start + panel * apart
        _multiply(*terms, of_w, apart, y, targets + f, biases[f:], least, streamed)


def _compiled_multiply(panels: int) -> Callable[..., Any]:
    @intrinsic
    def compiled_multiply(  # type: ignore[no-untyped-def]
        typing, x, positions, row, runs, first, end, length, w, start, apart, y, targets,
        biases, least, streamed
    ):  # fmt: skip
        integer = types.intp
        of_runs, of_w = (runs, integer, integer, integer), (w, integer, integer)
        how = (biases, x.dtype, types.b1)
        signature = types.void(x, positions, integer, *of_runs, *of_w, y, targets, *how)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            *values, y, targets, biases, least, streamed = arrays_as_addresses(
                context, builder, signature.args, values
            )
            block = Block(context, builder, signature.args[0])
            floor = block.in_all_lanes(least)
            outputs = block.rows(y, targets, values[2])
            outputs = block.rows_of_panels(outputs, block.count, panels)
            with builder.if_then(builder.not_(streamed)):
                block.fetch(outputs)
            sums = sums_of_runs(block, panels, values)
            biases = block.places(biases, block.count, panels)
            results = []
            for of_panel, values, more in zip(outputs, sums, biases, strict=True):
                added = block.load(more)
                for output, value in zip(of_panel, values, strict=True):
                    z = builder.fadd(value, added)
                    z = builder.select(builder.fcmp_ordered("<=", z, floor), floor, z)
                    results.append((z, output))
            with builder.if_else(streamed) as (past_the_caches, as_usual):
                with past_the_caches:
                    for z, place in results:
                        block.stream(z, place)
                with as_usual:
                    for z, place in results:
                        block.store(z, place)
            return context.get_dummy_value()

        return signature, generate

    return compiled_multiply


def _nothing():  # type: ignore[no-untyped-def]
    """Returns when all numbers that were passed on have arrived in memory."""


@intrinsic
def _compiled_wait(typing):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


if numba.config.DISABLE_JIT:
    _block, _wide_block, wait_for_stores = _multiply, _multiply_wide, _nothing
else:
    _block, _wide_block = map(_compiled_multiply, (1, PANELS))
    wait_for_stores = _compiled_wait


def _multiply_rows(  # type: ignore[no-untyped-def]
    x, positions, runs, first, end, length, w, start, apart, y, targets,
    biases, relu, streamed, wide
):  # fmt: skip
    # `_multiply` for all rows, whole blocks of them; `_multiply_wide` where `wide` says so
    least = x.dtype.type(0 if relu else -np.inf)
    for row in range(0, len(positions), ROWS):
        terms = (runs, first, end, length, w, start, apart, y, targets, biases, least, streamed)
        if wide:
            _wide_block(x, positions, row, *terms)
        else:
            _block(x, positions, row, *terms)


multiply_biased = jit(_multiply_rows, parallel=False)
