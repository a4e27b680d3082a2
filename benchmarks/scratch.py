"""Memory that a convolution takes beside its arguments and its result.

Compiled code allocates where nobody looks. So the kernels run uncompiled, as the Python functions
that they are, where Python's `tracemalloc` counts every byte. Each loop over threads is then one
thread's work after the other: what a kernel allocates is the scratch of one thread. The call itself
adds what it keeps while kernels run: packed kernels, partial sums. Run as a module this file
measures and prints; `scratch` starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any


def scratch(shape: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Bytes (of one thread in a kernel, of the whole call) by pass: forward, dx, dw.

    Args:
        shape: (N, H, W, C, F, size) of a convolution with padding "same".
    """
    process = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(list(shape))],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {which: tuple(counts) for which, counts in json.loads(process.stdout).items()}


class _Counter:
    """Follows the calls of kernels; `most` is what one of them allocated at most."""

    def __init__(self, kernels: Sequence[Callable[..., Any]]) -> None:
        self.codes = {kernel.__code__ for kernel in kernels}
        self.depth, self.before, self.peak, self.most = 0, 0, 0, 0

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "return") or frame.f_code not in self.codes:
            return
        if event == "return":
            self.depth -= 1
        if self.depth == 0:
            now, peak = tracemalloc.get_traced_memory()
            self.peak = max(self.peak, peak)
            if event == "return":
                self.most = max(self.most, peak - self.before)
            else:
                tracemalloc.reset_peak()
                self.before = now
        if event == "call":
            self.depth += 1

    def count(self, call: Callable[[], Any]) -> tuple[int, int]:
        """(bytes of one thread in a kernel, bytes of the call beside its result)."""
        self.depth, self.peak, self.most = 0, 0, 0
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        sys.setprofile(self.profile)
        result = call()
        sys.setprofile(None)
        peak = max(self.peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        return self.most, max(0, peak - before - result.nbytes)


def _measure(n: int, rows: int, columns: int, channels: int, filters: int, size: int) -> Any:
    import numpy as np

    from scratchnet.ops import kernels
    from scratchnet.ops.kernels import memory
    from scratchnet.ops.kernels.compilation import KERNELS

    memory._KEPT = 0  # no block is used again: each counts where it is asked for
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, rows, columns, channels), np.float32)
    w = rng.standard_normal((size, size, channels, filters), np.float32)
    dy = rng.standard_normal((n, rows, columns, filters), np.float32)
    same = ((1, 1), "same")
    calls: dict[str, Callable[[], Any]] = {
        "forward": lambda: kernels.conv2d(x, w, *same),
        "dx": lambda: kernels.conv2d_input_gradient(dy, w, x.shape, *same),
        "dw": lambda: kernels.conv2d_kernel_gradient(dy, x, w.shape, *same),
    }
    counter = _Counter(KERNELS)
    return {which: counter.count(call) for which, call in calls.items()}


if __name__ == "__main__":
    print(json.dumps(_measure(*json.loads(sys.argv[1]))))
