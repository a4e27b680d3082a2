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


def process_rows(model: sn.Sequential, x: np.ndarray, y: np.ndarray, cold: bool) -> Figures:
    """What a fresh process takes for its import, its first step and the next ones, and in memory.

    Args:
        model: built and compiled.
        x, y: one batch.
        cold: whether to measure each library's first process of all too. Before scratchnet's, no
            kernel is compiled; Keras keeps no machine code, but for it too the system reads files
            for the first time.

    Returns:
        "import", "first step", "warm step" (seconds) and "peak memory" (bytes) of a process that
        finds compiled kernels on disk; with `cold` also "first step cold". A ratio above 1 means
        that scratchnet takes less.
    """
    runs: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="scratchnet-") as folder:
        files = str(Path(folder) / "model.keras"), str(Path(folder) / "batch.npz")
        model.save(files[0])
        np.savez(files[1], x=x, y=y)
        environment = dict(os.environ)
        if cold:
            environment["NUMBA_CACHE_DIR"] = folder
        for library in LIBRARIES:
            first = _process([library.lower(), *files], environment) if cold else {}
            runs[library] = _process([library.lower(), *files], environment)
            if cold:
                runs[library]["first step cold"] = first["first step"]
    ours, theirs = (runs[library] for library in LIBRARIES)
    return {what: _row(ours[what], theirs[what], theirs[what] / ours[what]) for what in ours}


def _row(ours: float, theirs: float, ratio: float) -> dict[str, float]:
    return dict(zip((*LIBRARIES, "ratio"), (ours, theirs, ratio), strict=True))


def _seconds(action: Callable[[Any], Any], model: Any) -> float:
    began = time.perf_counter()
    action(model)
    return time.perf_counter() - began


def _process(arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    """The figures that a process of `process_figures` prints.

    Raises RuntimeError with what the process wrote where it failed.
    """
    process = subprocess.run(
        # -P: the script's folder is not searched for modules
        [sys.executable, "-P", process_figures.__file__, *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(
            f"The process that measures {arguments[0]} ended with status {process.returncode}:\n"
            f"{process.stderr.strip()}"
        )
    return json.loads(process.stdout.splitlines()[-1])
