"""How many threads Numba uses, set and put back around a kernel in less than a microsecond.

Numba's own `set_num_threads` and `get_num_threads` take three together: as much as a small
elementwise kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_C_INT = ir.IntType(32)


@intrinsic
def _swapped(typing_context: Any, number: Any) -> Any:
    # Calls the two functions of Numba's threading layer that its own functions call, too.
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def function(name: str, kind: ir.FunctionType) -> Any:
            return cgutils.get_or_insert_function(builder.module, kind, name)

        before = builder.call(function("get_num_threads", ir.FunctionType(_C_INT, [])), [])
        setter = function("set_num_threads", ir.FunctionType(ir.VoidType(), [_C_INT]))
        builder.call(setter, [builder.trunc(arguments[0], _C_INT)])
        return builder.sext(before, arguments[0].type)

    return types.int64(types.int64), code


def _swap_threads(number):  # type: ignore[no-untyped-def]
    return _swapped(number)


def _compiled() -> Callable[[int], int]:
    numba.get_num_threads()  # starts the threading layer, which `_swapped` calls
    try:
        return numba.njit("int64(int64)", cache=True)(_swap_threads)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit("int64(int64)")(_swap_threads)


def _one(number: int) -> int:
    """Uncompiled, a kernel is a loop of Python on one thread."""
    return 1


# From now on this thread's kernels share their loops out among `number` threads; gives the number
# that was before.
swap_threads = _one if numba.config.DISABLE_JIT else _compiled()
