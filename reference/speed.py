"""How fast the two libraries are, measured in one run: warm and alternating, then from cold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import scratchnet as sn
from reference import process_figures

LIBRARIES = ("scratchnet", "Keras")
Figures = dict[str, dict[str, float]]  # {what: {library: value, "ratio": …}}


def warm_rates(
    ours: sn.Sequential, theirs: Any, x: np.ndarray, y: np.ndarray, batch_size: int, rounds: int
) -> Figures:
    """Images a second of `fit` and `predict`: medians of rounds in which the two take turns.

    Both models go on training; one round before those that count warms up.

    Args:
        ours, theirs: a compiled model and its twin.
        x, y: samples (N, …) and targets; a round passes over all of them.
        batch_size: of the training and of the inference.
        rounds: how many count.

    Returns:
        "training" and "inference"; a ratio above 1 means that scratchnet is faster.
    """
    actions: dict[str, Callable[[Any], Any]] = {
        "training": lambda model: model.fit(x, y, batch_size, verbose=0, shuffle=False),
        "inference": lambda model: model.predict(x, batch_size, verbose=0),
    }
    figures = {}
    for name, action in actions.items():
        seconds = np.array(
            [[_seconds(action, model) for model in (ours, theirs)] for _ in range(1 + rounds)]
        )
        our_rate, their_rate = (len(x) / np.median(seconds[1:], axis=0)).tolist()
        figures[name] = _row(our_rate, their_rate, our_rate / their_rate)
    return figures


def cold_figures(model: sn.Sequential, x: np.ndarray, y: np.ndarray) -> Figures:
    """What a fresh process takes for its import, its first step and the next ones, and in memory.

    Each library has two processes one after the other. Before scratchnet's first, no kernel is
    compiled; its second finds the machine code on disk. Keras keeps no such thing, but its files
    too are in the system's memory the second time.

    Args:
        model: built and compiled.
        x, y: one batch.

    Returns:
        "import", "first step cold", "first step cached", "warm step" (seconds) and "peak memory"
        (bytes); a ratio above 1 means that scratchnet takes less.
    """
    runs = {}
    with tempfile.TemporaryDirectory(prefix="scratchnet-") as folder:
        model_file, batch_file = Path(folder) / "model.keras", Path(folder) / "batch.npz"
        model.save(model_file)
        np.savez(batch_file, x=x, y=y)
        for library in LIBRARIES:
            cache = Path(folder) / "cache"
            runs[library] = [_process(library, model_file, batch_file, cache) for _ in range(2)]
    figures = {}
    for what, (process, name) in {
        "import": (1, "import"),
        "first step cold": (0, "first step"),
        "first step cached": (1, "first step"),
        "warm step": (1, "warm step"),
        "peak memory": (1, "peak memory"),
    }.items():
        ours, theirs = (runs[library][process][name] for library in LIBRARIES)
        figures[what] = _row(ours, theirs, theirs / ours)
    return figures


def _row(ours: float, theirs: float, ratio: float) -> dict[str, float]:
    return dict(zip((*LIBRARIES, "ratio"), (ours, theirs, ratio), strict=True))


def _seconds(action: Callable[[Any], Any], model: Any) -> float:
    began = time.perf_counter()
    action(model)
    return time.perf_counter() - began


def _process(library: str, model_file: Path, batch_file: Path, cache: Path) -> dict[str, float]:
    """The figures of `process_figures` in a process whose kernels are kept in `cache`.

    Raises RuntimeError with what the process wrote where it failed.
    """
    script = [process_figures.__file__, library.lower(), str(model_file), str(batch_file)]
    process = subprocess.run(
        # -P: the script's folder is not searched for modules
        [sys.executable, "-P", *script],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(
            f"The process that measures {library} ended with status {process.returncode}:\n"
            f"{process.stderr.strip()}"
        )
    return json.loads(process.stdout.splitlines()[-1])
