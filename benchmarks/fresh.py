"""What one side takes in a process of its own that has loaded nothing yet.

`figures` starts the process; run as a module, this file is what runs in it. Before the clock of the
import runs it has loaded nothing but parts of Python's own library.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from benchmarks.networks.run import Run
    from benchmarks.workers import Side


class Figures(NamedTuple):
    """Seconds and bytes.

    Args:
        import_time: until models, layers and optimizers can be used.
        first: the first call: a step of training, or a prediction.
        until_first: from the start of the process to the end of the first call.
        warm: each of the following calls.
        baseline: resident memory after the import; NaN where the system does not tell.
        peak: the most resident memory of the process, at any time.
    """

    import_time: float
    first: float
    until_first: float
    warm: list[float]
    baseline: float
    peak: float


def figures(
    side: Side, run: Run, threads: int, calls: int, environment: Mapping[str, str] | None = None
) -> Figures:
    """Make the call of `side` for `run` in a fresh process, once and then `calls` times.

    Args:
        side: who computes.
        run: a pass over one batch.
        threads: of the process.
        calls: warm ones, after the first.
        environment: further variables of the process.

    Raises RuntimeError with what the process wrote where it failed.
    """
    from benchmarks.workers import SideError, cores, variables

    told = {
        "library": next((n for n in side.needs if n in ("keras", "torch", "jax")), "scratchnet"),
        "module": side.module,
        "run": asdict(run),
        "calls": calls,
        "cores": cores(threads),
        "began": time.time(),
    }
    process = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(told)],
        env=os.environ | variables(side, threads) | dict(environment or {}),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise SideError(process.stderr.strip() or f"ended with status {process.returncode}")
    return Figures(*json.loads(process.stdout.splitlines()[-1]))


def _measure(told: dict[str, Any]) -> Figures:
    """What runs in the process."""
    if told["cores"]:
        os.sched_setaffinity(0, told["cores"])
    began = time.perf_counter()
    library: Any = importlib.import_module(told["library"])
    for part in ("Model", "layers", "optimizers"):  # where a library loads its parts when asked
        getattr(library, part, None)
    import_time = time.perf_counter() - began
    baseline = _memory("VmRSS")
    from benchmarks.networks.run import Run

    work = importlib.import_module(told["module"]).prepare(Run(**told["run"]))
    seconds = []
    until_first = 0.0
    for _ in range(1 + told["calls"]):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
        until_first = until_first or time.time() - told["began"]
    return Figures(import_time, seconds[0], until_first, seconds[1:], baseline, _memory("VmHWM"))


def _memory(what: str) -> float:
    """Bytes of resident memory, now (VmRSS) or at most so far (VmHWM); NaN where nobody tells."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(f"{what}:"):
                return float(line.split()[1]) * 1024
    return float("nan")


if __name__ == "__main__":
    print(json.dumps(_measure(json.loads(sys.argv[1]))))
