"""Library-wide settings, with Keras's names (`keras.config`)."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import numpy as np

_FLOATS = ("float16", "float32", "float64")
_floatx = "float32"
_threads: int | None = None
_CONVOLUTIONS = ("auto", "blocks", "winograd_2x2", "winograd_2x4", "winograd_4x4")
_convolution = "auto"
_here: ContextVar[str | None] = ContextVar("convolution_algorithm", default=None)


def floatx() -> str:
    """The dtype that layers, losses and optimizers use unless told otherwise."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set the default dtype: "float32" (training), "float64" (proof) or "float16".

    Raises ValueError, and changes nothing, for any other name.
    """
    global _floatx
    _floatx = standardize_dtype(dtype)


def epsilon() -> float:
    """The small number that keeps probabilities away from 0 and 1 in the cross-entropies."""
    return 1e-7


def threads() -> int:
    """How many threads a computation may use: `set_threads`, or else all that there are.

    Unless it was set, these are the cores that this process may use, but no more than the
    environment variables NUMBA_NUM_THREADS and OMP_NUM_THREADS allow. Kernels with little to do
    use one thread whatever this says. Results do not depend on it, save for products that
    NumPy's BLAS computes (attention), which may round differently.
    """
    return _threads or _default_threads()


def set_threads(number: int | None) -> None:
    """Let computations use that many threads from now on; None means all again.

    It holds for the kernels and for NumPy's BLAS, in all threads of this process.

    Raises ValueError, and changes nothing, for a number below 1 or above what Numba can start:
    NUMBA_NUM_THREADS, or where that is not set the cores that this process may use.

    >>> set_threads(1)
    >>> threads()
    1
    >>> set_threads(None)
    """
    global _threads
    if number is not None:
        try:
            wanted = operator.index(number)
        except TypeError:
            wanted = 0
        if isinstance(number, bool) or not 1 <= wanted <= _most_threads():
            raise ValueError(
                f"set_threads received {number!r}. Expected None, for all threads, or a whole "
                f"number from 1 to {_most_threads()}; to allow more, set the environment variable "
                f"NUMBA_NUM_THREADS before Python starts."
            )
        number = wanted
    try:
        from scratchnet.blas_threads import limit_blas  # here, for `import scratchnet` is quick
    except ImportError:  # no threadpoolctl: then no kernels either, and one thread computes
        pass
    else:
        limit_blas(number)
    _threads = number


@cache
def _default_threads() -> int:
    # OpenMP allows a list: a number for each level of nesting
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    most = _most_threads()
    return min(most, int(first)) if first.isdecimal() and int(first) else most


@cache
def _most_threads() -> int:
    numba = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    if numba.isdecimal() and int(numba):
        return int(numba)
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def convolution_algorithm() -> str:
    """What computes convolutions: "auto", or what `set_convolution_algorithm` said."""
    return _here.get() or _convolution


def set_convolution_algorithm(name: str) -> None:
    """Choose what computes convolutions from now on, where it can; see `ops.kernels.choice`.

    Args:
        name: "auto" (least work), "blocks" (sums in the order of the definition), or
            "winograd_2x2", "winograd_2x4" or "winograd_4x4" for all 3×3 kernels with strides 1.

    Raises ValueError, and changes nothing, for any other name.
    """
    global _convolution
    _convolution = _known_convolution(name)


@contextmanager
def using_convolution_algorithm(name: str) -> Iterator[None]:
    """`set_convolution_algorithm` for a block of code, in this thread only.

    >>> with using_convolution_algorithm("blocks"):
    ...     convolution_algorithm()
    'blocks'
    """
    token = _here.set(_known_convolution(name))
    try:
        yield
    finally:
        _here.reset(token)


def _known_convolution(name: str) -> str:
    if name not in _CONVOLUTIONS:
        raise ValueError(
            f"Unknown algorithm {name!r} of convolutions. Expected one of "
            f"{', '.join(_CONVOLUTIONS)}; 'auto' chooses by the shapes."
        )
    return name


def standardize_dtype(dtype: str | type | np.dtype | None) -> str:
    """The name of a floating dtype; None means `floatx()`."""
    name = floatx() if dtype is None else np.dtype(dtype).name
    if name not in _FLOATS:
        raise ValueError(
            f"scratchnet computes in floating point; received dtype={dtype!r}. "
            f"Expected one of {', '.join(_FLOATS)}, for example dtype='float32'."
        )
    return name
