"""Memory for results, used again from one training step to the next.

A large array that NumPy frees goes back to the operating system, and the next one comes from it
page by page, each page cleared on its first touch: that can cost as much as the whole computation
(on one machine a training step of 64 small images took 30 ms instead of 13). So large results live
in blocks that are kept when the last array in them is gone.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import DTypeLike

_SMALL = 2**16  # bytes; below, NumPy keeps memory by itself
_KEPT = 2**28  # bytes that free blocks may hold in any case
_ALIGNMENT = 64  # bytes of a cache line, and of the widest vector register


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """As `np.empty`: an array in C order whose entries are whatever was there before."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < _SMALL:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(_BLOCKS, size, shape, dtype))


def zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """As `np.zeros`."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


class _Blocks:
    """Free blocks by their size; the ones that came back first go where there are too many.

    They may hold `_KEPT` bytes, and more as long as all blocks, free or in use, hold no more than
    was in use at the most: what a training step needed once it needs again.
    """

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []
        self._bytes = 0  # of the free ones
        self._used = 0
        self._most_used = 0
        # Re-entrant: the garbage collector may end a lease while this thread is in here
        self._lock = threading.RLock()

    def take(self, size: int) -> np.ndarray:
        with self._lock:
            self._used += size
            self._most_used = max(self._most_used, self._used)
            for i in reversed(range(len(self._free))):
                if self._free[i].size == size:
                    self._bytes -= size
                    return self._free.pop(i)
            self._let_go()
        return np.empty(size, np.uint8)

    def give_back(self, block: np.ndarray) -> None:
        with self._lock:
            self._used -= block.size
            self._free.append(block)
            self._bytes += block.size
            self._let_go()

    def _let_go(self) -> None:
        while self._bytes > max(_KEPT, self._most_used - self._used):
            self._bytes -= self._free.pop(0).size


class _Lease:
    """The owner of an array's memory: all views of the array keep it alive, and no longer."""

    def __init__(self, blocks: _Blocks, size: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._blocks = blocks
        self._block = blocks.take(size + _ALIGNMENT)
        start = -(-self._block.ctypes.data // _ALIGNMENT) * _ALIGNMENT
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (start, False),  # not read-only
        }

    def __del__(self) -> None:
        self._blocks.give_back(self._block)


_BLOCKS = _Blocks()
