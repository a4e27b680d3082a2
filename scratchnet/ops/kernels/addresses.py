"""Where arrays lie in memory, so that a kernel can take any number of them at once.

Numba looks at each array that a kernel is given, and compiles anew for another number of them. A
kernel that takes a table of addresses instead is called once for all, and makes the arrays itself:
`carray(pointer(address), size, dtype)`. Who makes the table has to see to it that every array
lives, and stays where it is, until the kernel is done.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from scratchnet.ops.kernels.jit import jit

# NumPy's C-API lets an array begin, as any object of Python, with a head, and after that with the
# address of its first entry. To read it there takes a hundredth of what `array.ctypes.data` does.
_HEAD = object.__basicsize__  # bytes


def _pointer(address: int) -> ctypes.c_void_p:
    """An address as what `carray` takes."""
    return ctypes.c_void_p(int(address))


@intrinsic
def _compiled_pointer(typing_context: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), code


pointer = _pointer if numba.config.DISABLE_JIT else _compiled_pointer


def objects(arrays: Sequence[np.ndarray | None]) -> np.ndarray:
    """Where the objects themselves lie, as `locate` takes it; 0 for None."""
    return np.array([0 if array is None else id(array) for array in arrays], np.intp)


def _first_entries(objects, addresses):  # type: ignore[no-untyped-def]
    # The addresses of the objects' first entries, 0 where there is no object, are written to
    # `addresses`; whether they have been other ones.
    changed = False
    for i in range(len(objects)):
        address = 0
        if objects[i]:
            address = carray(pointer(objects[i] + _HEAD), 1, np.intp)[0]
        if addresses[i] != address:
            addresses[i] = address
            changed = True
    return changed


def _common_bytes(starts, stops, others, sizes):  # type: ignore[no-untyped-def]
    # Whether any of the `others` shares memory with the stretches of memory from `starts` to
    # `stops`, which are sorted and apart. All are addresses, `sizes` are bytes; address 0 is none.
    for i in range(len(others)):
        first, last = 0, len(starts)  # in between is the first that starts after the other's end
        while first < last:
            middle = (first + last) // 2
            if starts[middle] < others[i] + sizes[i]:
                first = middle + 1
            else:
                last = middle
        if others[i] and first and stops[first - 1] > others[i]:
            return True
    return False


locate = jit(_first_entries, parallel=False)
meet = jit(_common_bytes, parallel=False)
