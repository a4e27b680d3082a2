"""Machine code of the kernels: made once, kept on disk, and never out of date.

Numba compiles a kernel for the types of its first call and keeps the result in a folder: the
environment variable NUMBA_CACHE_DIR, or else `__pycache__` beside the kernel, or where that cannot
be written a folder of the user. By itself it looks at the kernel's own file to see whether the
result still holds. But a kernel also consists of what it takes from other files, parts that it
calls and constants, so here a change in any file of `ops` lets all kernels be compiled anew.

A kernel takes a second or two, most of it in LLVM: the body of a parallel loop passes through it
four times, inside the loop's own function and inside three functions around it. A first training
run so waits for most of a minute; a line on stderr then says why. `warmup` does the waiting ahead.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event as events
from numba.core.caching import FunctionCache

KERNELS: list[Any] = []  # all that was compiled or will be: what `compiled` has returned


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """`numba.njit(**options)` of a function; the machine code is kept on disk where that can be."""
    options["no_cfunc_wrapper"] = True  # no kernel is handed to C as a pointer
    try:
        kernel = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        kernel = numba.njit(**options)(function)
    else:
        if not numba.config.DISABLE_JIT:
            kernel._cache = _Cache(function)
    KERNELS.append(kernel)
    return kernel


def cache_folder() -> Path | None:
    """Where the machine code is kept; None where no folder can be written."""
    path = KERNELS[0].stats.cache_path
    return Path(path) if path else None


class _Cache(FunctionCache):
    """Numba's cache of one function, with a stamp that stands for all files of `ops`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = _digest_of_sources()


@cache
def _digest_of_sources() -> str:
    folder = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Announcement(events.Listener):
    """Says once why a training does not begin, when the first kernel is compiled."""

    def __init__(self) -> None:
        self.made = False

    def on_start(self, event: events.Event) -> None:
        if self.made or event.data["dispatcher"] not in KERNELS:
            return
        self.made = True
        if sys.stderr is None:  # a program without a console
            return
        if cache_folder():
            text = (
                "scratchnet compiles its kernels once (about 40 s for a small network); "
                "`scratchnet warmup` does it ahead"
            )
        else:
            text = (
                "scratchnet compiles its kernels (about 40 s for a small network), and in each "
                "process again: set NUMBA_CACHE_DIR to a folder that can be written"
            )
        print(text, file=sys.stderr, flush=True)

    def on_end(self, event: events.Event) -> None:
        pass


ANNOUNCEMENT = _Announcement()
events.register("numba:compile", ANNOUNCEMENT)
