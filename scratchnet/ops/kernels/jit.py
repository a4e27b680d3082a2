"""How a kernel is compiled, and how its arguments are made ready."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numba
import numpy as np
import scipy.linalg  # noqa: F401  (loads the BLAS that Numba's np.dot calls)
from threadpoolctl import ThreadpoolController

CHUNKS = 16  # parts of a sum; fixed, so that the result does not depend on the threads


def jit(function: Callable[..., Any], parallel: bool = True) -> Callable[..., Any]:
    """Compile for all cores; keep the machine code on disk where that is possible.

    Args:
        function: a kernel, or with `parallel=False` a part that the kernels of its file call.
        parallel: whether `prange` shares its iterations out among threads.
    """
    options = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(**options)(function)


def served(*arrays: np.ndarray) -> bool:
    """Whether kernels are made for these: one of float32 and float64, and no empty array."""
    dtypes = {array.dtype.newbyteorder("=") for array in arrays}
    return len(dtypes) == 1 and dtypes <= _DTYPES and all(array.size for array in arrays)


def ready(array: np.ndarray) -> np.ndarray:
    """In C order, native, aligned and writeable: the one kind that a kernel is compiled for."""
    if array.flags.carray and array.dtype.isnative:
        return array
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def one_blas_thread() -> AbstractContextManager[Any]:
    """BLAS runs inside a parallel loop here and must not start threads of its own."""
    return _controller().limit(limits=1, user_api="blas")


_DTYPES = {np.dtype(np.float32), np.dtype(np.float64)}


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
