"""How many threads BLAS uses: a number for all of the process, or one inside of a block.

`threadpoolctl` finds the libraries and knows how to talk to each. Its own limits take twenty
microseconds, as long as the whole computation of a small layer, and since version 3.8 they do
nothing in any Python thread but the first that sets one; the two functions below do without.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import PurePath
from types import TracebackType
from typing import Any

from threadpoolctl import ThreadpoolController


def limit_blas(number: int | None) -> None:
    """Let every BLAS use that many threads; None puts back the numbers before the first limit."""
    with _LOCK:
        if number is None:
            while _unlimited:
                library, before = _unlimited.pop()
                _set(library, before)
            return
        libraries = _libraries()
        if not _unlimited:
            _unlimited.extend((library, library.get_num_threads()) for library in libraries)
        for library in libraries:
            _set(library, number)


class one_blas_thread:  # noqa: N801  (used as a function)
    """In this block `np.dot` inside a kernel computes on the thread that calls it.

    BLAS runs in a parallel loop there and must not start threads of its own. Blocks may overlap, in
    one thread or several: the number that was there before the first is back after the last.
    """

    def __enter__(self) -> None:
        global _open
        with _LOCK:
            if not _open:
                for library in _called_by_numba():
                    before = library.get_num_threads()
                    if before != 1:
                        _set(library, 1)
                        _outside.append((library, before))
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
            while _outside and not _open:
                library, before = _outside.pop()
                _set(library, before)


_LOCK = threading.Lock()
_open = 0  # blocks
_outside: list[tuple[Any, int]] = []  # (BLAS, its threads before the first open block)
_unlimited: list[tuple[Any, int]] = []  # (BLAS, its threads before the limit in force)


@cache
def _libraries() -> list[Any]:
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def _called_by_numba() -> list[Any]:
    """SciPy's BLAS, where it has one of its own: that is what `np.dot` in a kernel calls.

    One whose threads are OpenMP's starts none inside of a parallel loop anyway.
    """
    import scipy.linalg  # noqa: F401  (loads it)

    _libraries.cache_clear()
    found = [each for each in _libraries() if getattr(each, "threading_layer", "") != "openmp"]
    return [each for each in found if is_of_scipy(each.filepath)] or found


def is_of_scipy(path: str) -> bool:
    """Whether the library is SciPy's own: wheels have it in scipy.libs, or scipy/.dylibs."""
    return any(part in ("scipy", "scipy.libs") for part in PurePath(path).parts)


def _set(library: Any, number: int) -> None:
    # From 3.8 on `set_num_threads` is the one that does nothing in other threads
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)
