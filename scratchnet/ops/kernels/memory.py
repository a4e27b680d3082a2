"""Memory for results, used again from one training step to the next.

A large array that NumPy frees goes back to the operating system, and the next one comes from it
page by page, each page cleared on its first touch: that can cost as much as the whole computation
(on one machine a training step of 64 small images took 30 ms instead of 13). So large results live
in blocks that are kept when the last array in them is gone.

All views of an array refer to the block that it lives in. So a block is free as soon as nobody but
the table of blocks refers to it, which Python counts anyway.
"""

from __future__ import annotations

import sys
import threading
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import DTypeLike

from scratchnet.ops.kernels.jit import CHUNKS, jit

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
    memory, start = _BLOCKS.take(size)
    return np.ndarray(shape, dtype, memory, start)


def _scratch_of_thread(n, like):  # type: ignore[no-untyped-def]
    # n numbers of a kernel's own, of the dtype of `like`. Numba aligns arrays to half a cache line
    # only, and then each access to a whole one would take two.
    memory = np.empty(n + _ALIGNMENT // like.itemsize, like.dtype)
    start = -memory.ctypes.data % _ALIGNMENT // like.itemsize
    return memory[start : start + n]


scratch = jit(_scratch_of_thread, parallel=False)


def zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """As `np.zeros`."""
    array = empty(shape, dtype)
    clear(array)
    return array


def clear(array: np.ndarray) -> None:
    """As `array.fill(0)`, on all threads where there is much to fill."""
    if array.nbytes < _SMALL or not array.flags.c_contiguous:
        array.fill(0)
    else:
        _clear(array.reshape(-1).view(np.uint8))


def _clear_bytes(array):  # type: ignore[no-untyped-def]
    for g in prange(CHUNKS):
        part = array[g * len(array) // CHUNKS : (g + 1) * len(array) // CHUNKS]
        for k in range(len(part)):
            part[k] = 0


_clear = jit(_clear_bytes)


class _Block(NamedTuple):
    memory: np.ndarray  # bytes
    start: int  # of the first that is aligned


def _references(block: _Block) -> int:
    """How many refer to its memory, this function included."""
    memory = block.memory
    return sys.getrefcount(memory)


_ALONE = _references(_Block(np.empty(1, np.uint8), 0))


class _Blocks:
    """All blocks by their size.

    The free ones may hold `_KEPT` bytes, and more as long as all, free or in use, hold no more than
    was in use at the most: what a training step needed once it needs again.
    """

    def __init__(self) -> None:
        self._of_size: dict[int, list[_Block]] = {}
        self._most_used = 0
        self._lock = threading.RLock()  # the garbage collector may come back to here

    def take(self, size: int) -> tuple[np.ndarray, int]:
        """(memory, where in it as many aligned bytes begin) that nobody else has."""
        for block in reversed(self._of_size.get(size, ())):
            # As `_references`, but once it holds the memory no other finds it free
            memory = block.memory
            if sys.getrefcount(memory) == _ALONE:
                return memory, block.start
        with self._lock:
            self._let_go(size)
            memory = np.empty(size + _ALIGNMENT, np.uint8)
            block = _Block(memory, -memory.ctypes.data % _ALIGNMENT)
            self._of_size.setdefault(size, []).append(block)
        return block.memory, block.start

    def free(self) -> list[tuple[int, _Block]]:
        """(size, block) of the blocks that nobody uses."""
        return [
            (size, block)
            for size, blocks in self._of_size.items()
            for block in blocks
            if _references(block) == _ALONE
        ]

    def _let_go(self, more: int) -> None:
        """Let free blocks go where there would be too many once `more` bytes are in use."""
        free = self.free()
        kept = sum(size for size, _ in free)
        used = sum(size * len(blocks) for size, blocks in self._of_size.items()) - kept + more
        self._most_used = max(self._most_used, used)
        for size, block in free:
            if kept <= max(_KEPT, self._most_used - used):
                break
            blocks = [each for each in self._of_size.pop(size) if each is not block]
            if blocks:
                self._of_size[size] = blocks
            kept -= size


_BLOCKS = _Blocks()
