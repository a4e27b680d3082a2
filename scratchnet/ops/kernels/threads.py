"""How many threads Numba and BLAS use, set and put back around a kernel, in a microsecond or less.

Numba's own `set_num_threads` and `get_num_threads` take three together, and a call of
`threadpoolctl.threadpool_limits` twenty: as much as a small layer's whole computation.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import PurePath
from types import TracebackType
from typing import Any

import numba
import scipy.linalg  # noqa: F401  (loads the BLAS that Numba's np.dot calls)
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from threadpoolctl import ThreadpoolController

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


if not numba.config.DISABLE_JIT:
    numba.get_num_threads()  # starts the threading layer, which `_swapped` calls
try:
    # From now on this thread's kernels share their loops out among `number` threads; gives the
    # number that was before.
    swap_threads = numba.njit("int64(int64)", cache=True)(_swap_threads)
except RuntimeError:  # no folder for the cache can be written
    swap_threads = numba.njit("int64(int64)")(_swap_threads)


class one_blas_thread:  # noqa: N801  (used as a function)
    """In this block `np.dot` inside a kernel computes on the thread that calls it.

    BLAS runs in a parallel loop here and must not start threads of its own. Blocks may overlap, in
    one thread or several: the number that was there before the first is back after the last.
    """

    def __enter__(self) -> None:
        global _open
        with _LOCK:
            if not _open:
                for library in _blas():
                    before = library.get_num_threads()
                    if before != 1:
                        library.set_num_threads(1)
                        _before.append((library, before))
            _open += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        global _open
        with _LOCK:
            _open -= 1
            while _before and not _open:
                library, before = _before.pop()
                library.set_num_threads(before)


_LOCK = threading.Lock()
_open = 0  # blocks
_before: list[tuple[Any, int]] = []  # (BLAS, its threads before the first of them)


@cache
def _blas() -> list[Any]:
    """The BLAS that Numba's `np.dot` calls, which is SciPy's; all of them where it has none."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in found if is_of_scipy(library.filepath)] or found


def is_of_scipy(path: str) -> bool:
    # Wheels bring it along in scipy.libs, or scipy/.dylibs on macOS
    return any(part in ("scipy", "scipy.libs") for part in PurePath(path).parts)
