"""How long one waits: for the import, the first step, a warm step, and one prediction.

Each figure is of fresh processes (`fresh`), the sides in turn. Numba compiles scratchnet's kernels
in the first process of all and keeps them on disk; so its first step is measured both ways, with an
empty folder for the compiled code and with a filled one. The others keep no compiled code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.fresh import figures
from benchmarks.networks import sides
from benchmarks.networks.run import Run
from benchmarks.report import Report
from benchmarks.settings import Settings
from benchmarks.tables import US, beside, digits, spread
from benchmarks.workers import Side, SideError, variables

HELP = "import, first step, warm step and one prediction, each in fresh processes"
IMPORT = "import"
COLD = "first step, nothing compiled"
FIRST = "first step, compiled code on disk"
UNTIL_FIRST = "from the start of the process to the end of that step"
WARM = "warm step"
MEDIAN, TAIL = "one prediction, median", "one prediction, 95th percentile"
KERNELS = "all kernels compiled"
CASES = (IMPORT, COLD, FIRST, UNTIL_FIRST, WARM, MEDIAN, TAIL, KERNELS)
_NOTES = (
    "Milliseconds are medians over fresh processes of each side, [quartiles] beside them; a first "
    "process that does not count has read the files from disk.",
    "A step is `fit` of one batch. Import: until models, layers and optimizers can be used.",
    "One prediction: `predict` of one image, many times in one process.",
    f'"{COLD}": scratchnet with an empty folder for compiled code; the others keep none, their '
    "figure is the first step of every process.",
    f'"{KERNELS}": what `scratchnet warmup` takes for float32 with an empty folder.',
)
Seconds = dict[tuple[str, str], list[float]]  # by case and side


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each case and side."""
    network = settings.pick("README CNN", "README CNN", "LeNet-5")
    step = Run(network, "fit", settings.pick(64, 64, 2), settings.pick(64, 64, 2))
    predict = Run(network, "predict", 1, 1)
    seconds: Seconds = defaultdict(list)
    taking_part = settings.taking_part(sides.SIDES)
    with tempfile.TemporaryDirectory(prefix="scratchnet-") as folder:
        kept = {"NUMBA_CACHE_DIR": folder}
        for side in list(taking_part):
            try:
                cold = figures(side, step, settings.threads, 0, kept).first
            except SideError as failure:
                settings.tell(f"{side.name} is left out: {str(failure).splitlines()[-1]}")
                taking_part.remove(side)
                continue
            if side.name == US:
                seconds[COLD, US].append(cold)
        for number in range(settings.pick(7, 1, 1)):
            for side in taking_part:
                _add(seconds, side, step, predict, settings, kept)
            settings.tell(f"round {number + 1}: measured")
    if settings.effort == "full" and any(side.name == US for side in taking_part):
        seconds[KERNELS, US].append(_warmup(taking_part, settings))
    rows = [
        _row(case, side.name, seconds[case, side.name]) for case in CASES for side in taking_part
    ]
    return pd.DataFrame([row for row in rows if row["rounds"]])


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """One table of all waits."""
    table = beside(frame, ["case"], "ms", lambda row: spread(row, 1e3), lambda row: {})
    ours = {row["case"]: row["seconds"] for row in frame.to_dict("records") if row["side"] == US}
    summary = [
        f"scratchnet, {case}: {digits(ours[case])} s."
        for case in (IMPORT, COLD, FIRST, UNTIL_FIRST, KERNELS)
        if case in ours
    ]
    for side in frame["side"].unique():
        theirs = frame[frame["side"] == side].set_index("case")["seconds"]
        lost = [case for case in ours if case in theirs and theirs[case] < ours[case]]
        if side != US and lost:
            summary.append(f"**scratchnet is slower than {side} in: {'; '.join(lost)}.**")
    return Report("Waiting", summary, {"Waiting": table}, {}, _NOTES)


def _add(
    seconds: Seconds,
    side: Side,
    step: Run,
    predict: Run,
    settings: Settings,
    kept: dict[str, str],
) -> None:
    """Two processes of a side: one that trains, one that predicts."""
    trained = figures(side, step, settings.threads, settings.pick(20, 5, 1), kept)
    predicted = figures(side, predict, settings.threads, settings.pick(300, 50, 2), kept)
    found = {
        IMPORT: trained.import_time,
        FIRST: trained.first,
        UNTIL_FIRST: trained.until_first,
        WARM: float(np.median(trained.warm)),
        MEDIAN: float(np.median(predicted.warm)),
        TAIL: float(np.percentile(predicted.warm, 95)),
    }
    if side.name != US:
        found[COLD] = trained.first
    for case, value in found.items():
        seconds[case, side.name].append(value)


def _warmup(taking_part: Sequence[Side], settings: Settings) -> float:
    """Seconds that compiling all kernels takes from an empty folder."""
    side = next(side for side in taking_part if side.name == US)
    with tempfile.TemporaryDirectory(prefix="scratchnet-") as folder:
        process = subprocess.run(
            [sys.executable, "-c", "import scratchnet; print(scratchnet.warmup(verbose=False))"],
            env=os.environ | variables(side, settings.threads) | {"NUMBA_CACHE_DIR": folder},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return float(process.stdout)


def _row(case: str, side: str, seconds: list[float]) -> dict[str, object]:
    lower, median, upper = np.percentile(seconds or [0.0], (25, 50, 75)).tolist()
    return {
        "case": case,
        "side": side,
        "seconds": median,
        "lower": lower,
        "upper": upper,
        "rounds": len(seconds),
    }
