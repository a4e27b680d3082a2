"""How a kernel is compiled, on how many threads it runs, and how its arguments are made ready.

To share a loop out among threads costs a few microseconds when the other cores wait for work, some
fifty when they sleep, and several milliseconds when another program has them. So a call that has
little to do stays on its own thread; `jit` decides that for every kernel, by the bytes it is given.
The result is the same to the last bit either way: what a thread computes does not depend on how
many there are, and sums are cut into a fixed number of parts (`CHUNKS`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet import config
from scratchnet.blas_threads import one_blas_thread as one_blas_thread
from scratchnet.ops.kernels.compilation import compiled
from scratchnet.ops.kernels.threads import swap_threads

CHUNKS = 16  # parts of a sum; fixed, so that the result does not depend on the threads
_SHARED_FROM = 2**18  # bytes: one core reads and writes as many in 20 to 50 microseconds


def jit(
    function: Callable[..., Any], parallel: bool = True, work: float = 1.0
) -> Callable[..., Any]:
    """Compile; keep the machine code on disk where that is possible.

    Args:
        function: a kernel, or with `parallel=False` a part that other kernels call.
        parallel: whether `prange` shares its iterations out among threads: `config.threads()`, but
            one where all arrays of a call together are small. A call says `size=` how many bytes
            they are where the kernel is given their addresses instead.
        work: how long the kernel takes for a byte of its arguments, where 1 stands for a copy or a
            sum. A kernel of 10 is shared out from a tenth of the bytes on.
    """
    kernel = compiled(function, parallel=parallel, nogil=True, error_model="numpy")
    if not parallel:
        return kernel
    shared_from = _SHARED_FROM / work

    def call(*arguments: Any, size: int = 0) -> Any:
        if not size:
            for argument in arguments:
                if isinstance(argument, np.ndarray):
                    size += argument.nbytes
                    if size >= shared_from:
                        break
        threads = config.threads() if size >= shared_from else 1
        before = swap_threads(threads)
        try:
            if threads > before:
                swap_threads(before)
            return kernel(*arguments)
        finally:
            if threads != before:
                swap_threads(before)

    return call


def served(*arrays: np.ndarray) -> bool:
    """Whether kernels are made for these: one of float32 and float64, and no empty array."""
    kind = arrays[0].dtype.char
    if kind not in "fd":
        return False
    for array in arrays:  # noqa: SIM110  (a generator takes twice as long)
        if array.dtype.char != kind or not array.size:
            return False
    return True


def ready(array: np.ndarray) -> np.ndarray:
    """In C order, native, aligned and writeable: the one kind that a kernel is compiled for."""
    if array.flags.carray and array.dtype.isnative:
        return array
    return np.array(array, array.dtype.newbyteorder("="), order="C")
