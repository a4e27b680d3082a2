"""What one fresh process takes to import a library, to train its first steps, and in memory.

Run as a script of its own, `python process_figures.py LIBRARY MODEL.keras BATCH.npz`, where LIBRARY
is scratchnet or keras; it imports nothing before the clock runs and prints its figures as JSON:

    import, first step, warm step    seconds
    peak memory                      bytes, of the whole process

`reference.speed` starts these processes, in which nothing is loaded or compiled yet.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_STEPS = 20


def main(library: str, model_file: str, batch_file: str) -> None:
    """Measure and print."""
    import_seconds, load_model = _imported(library)
    import numpy as np

    model = load_model(model_file)
    with np.load(batch_file) as batch:
        x, y = batch["x"], batch["y"]
    seconds = []
    for _ in range(1 + WARM_STEPS):
        began = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - began)
    figures = {
        "import": import_seconds,
        "first step": seconds[0],
        "warm step": float(np.median(seconds[1:])),
        "peak memory": _peak_memory(),
    }
    print(json.dumps(figures))


def _imported(library: str) -> tuple[float, Callable[..., Any]]:
    """(seconds until models, layers and optimizers can be used, the library's `load_model`)."""
    began = time.perf_counter()
    module: Any = importlib.import_module(library)
    for part in ("Model", "layers", "optimizers", "losses"):  # which scratchnet loads when asked
        getattr(module, part)
    return time.perf_counter() - began, module.saving.load_model


def _peak_memory() -> float:
    """The largest resident memory so far, in bytes; NaN where the system does not tell.

    Linux's VmHWM comes first: there getrusage would count what the parent held when it forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes on macOS


if __name__ == "__main__":
    main(*sys.argv[1:])
