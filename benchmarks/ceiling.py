"""How fast this machine can compute and move memory at all: what rates are compared with.

- sgemm: a product of two matrices n×n in float32 by NumPy's BLAS, 2n³ operations.
- triad: a ← b + s·c over arrays that no cache holds; 12 bytes moved an entry, as in McCalpin's
  STREAM, which does not count that a line of `a` may be read before it is written.

An operation of intensity I (operations a byte) cannot be faster than min(sgemm, I · triad): the
roofline (Williams, Waterman and Patterson, 2009). Two things can carry it beyond: data that stays
in a cache, and an algorithm such as Winograd's that does with fewer operations than are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workers import Side, Worker

_SIDE = Side("the ceiling", "benchmarks.ceiling", ("numba",))


@dataclass(frozen=True)
class Ceiling:
    """Operations and bytes a second."""

    flops: float
    bandwidth: float

    def attainable(self, flops: float, moved: float) -> float:
        """Seconds that so many operations and bytes take at least."""
        return max(flops / self.flops, moved / self.bandwidth)

    def __str__(self) -> str:
        return (
            f"sgemm {self.flops / 1e9:.0f} GFLOP/s (NumPy), "
            f"triad {self.bandwidth / 1e9:.1f} GB/s (Numba)"
        )


def measure_ceiling(threads: int, n: int = 2048, size: int = 2**25) -> Ceiling:
    """Measure in a process of its own; the best of several runs.

    Args:
        threads: of the process.
        n: rows of the matrices.
        size: entries of each array of the triad.
    """
    with Worker(_SIDE, threads) as worker:
        worker.prepare(("sgemm", n))
        flops = 2 * n**3 / min(worker.run(8))
        worker.prepare(("triad", size))
        bandwidth = 12 * size / min(worker.run(8))
    return Ceiling(flops, bandwidth)


def prepare(task: tuple[str, int]) -> Callable[[], Any]:
    """The work of ("sgemm", rows) or ("triad", entries), in the worker."""
    kind, size = task
    if kind == "sgemm":
        work = partial(np.matmul, *(np.ones((size, size), np.float32) for _ in range(3)))
    else:
        work = partial(_triad(), *(np.ones(size, np.float32) for _ in range(3)), np.float32(3))
    began = time.perf_counter()
    while time.perf_counter() - began < 0.3:  # until the clock rate has risen
        work()
    return work


def _triad() -> Callable[..., None]:
    import numba

    @numba.njit(parallel=True)
    def triad(a, b, c, s):  # type: ignore[no-untyped-def]
        for i in numba.prange(len(a)):
            a[i] = b[i] + s * c[i]

    return triad
