"""How time grows with the work, and shrinks with threads.

- A 3×3 convolution against batch, pixels and channels, and a step of training against batch: the
  slope of log(time) over log(work). 1 is proportional to the work; below 1 a fixed cost shows,
  above 1 something that caches held no longer fits.
- Operations and epochs of training with one thread and with more: how many times as fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.networks.run import NETWORKS, Run
from benchmarks.networks.sides import SIDES as NETWORK_SIDES
from benchmarks.operations import Operation
from benchmarks.operations.sides import SIDES as OPERATION_SIDES
from benchmarks.report import Report
from benchmarks.settings import Settings
from benchmarks.tables import US, digits, geometric_mean
from benchmarks.timing import Timing, alternate
from benchmarks.workers import Side, Worker
from scratchnet.visualization import scaling as lines

HELP = "time against batch, pixels, channels and threads"
STEP = "training step of the README's network against batch"
THREADS = "threads"  # the family of the cases that only threads make faster
_NOTES = (
    "Slopes are of least-squares lines through log(time) over log(work). The work of a convolution "
    "is batch × pixels × channels², that of a training step its batch.",
    "Times are medians over rounds in which the sides, and each with 1 thread and with more, take "
    "turns. Each has its own process, bound to as many cores as it has threads.",
)


@dataclass(frozen=True)
class Case:
    """One size of a family, such as "convolution forward against pixels" at 28.

    Args:
        what: the family.
        size: what is drawn along the axis.
        work: what time should be proportional to.
        parts: how many of the family's units the task does: the steps of an epoch, or 1.
        task: what the sides prepare.
    """

    what: str
    size: int
    work: float
    parts: int
    task: Any

    def __str__(self) -> str:
        return str(self.task) if self.what == THREADS else f"{self.what}: {self.size}"


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each case, number of threads and side."""
    networks = [side for side in NETWORK_SIDES if side.name in (US, "Keras/TensorFlow", "PyTorch")]
    groups = (
        (OPERATION_SIDES, [*_convolutions(settings), *_operations(settings)]),
        (networks, [*_steps(settings), *_epochs(settings)]),
    )
    frames = [_measured(sides, settings.chosen(cases), settings) for sides, cases in groups]
    return pd.concat(frames, ignore_index=True)


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """Slopes, speed-ups, and lines of the times."""
    by_size, by_threads = (frame[(frame["what"] == THREADS) == threads] for threads in (0, 1))
    tables, figures, summary = {}, {}, []
    if len(by_size):
        tables["Slopes of log(time) over log(work)"] = slopes(by_size)
    for what, rows in by_size.groupby("what", sort=False):
        family, _, along = str(what).partition(" against ")
        summary.append(_slope_sentence(str(what), rows))
        if "dx" in family or "dw" in family:
            continue
        figures[f"scaling-{along if 'convolution' in family else 'training'}"] = lines(
            rows.assign(ms=rows["seconds"] * 1e3),
            "size",
            "ms",
            "side",
            title=f"Time of a {what}",
            x_label=along,
        )
    if len(by_threads):
        tables["Threads"] = speed_ups(by_threads)
        summary += _speed_up_sentences(by_threads)
    return Report("Scaling", summary, tables, figures, _NOTES)


def slope(work: Sequence[float], seconds: Sequence[float]) -> float:
    """Of the least-squares line through log(seconds) over log(work); NaN of fewer than two."""
    if len(set(work)) < 2:
        return float("nan")
    return float(np.polyfit(np.log(work), np.log(seconds), 1)[0])


def slopes(by_size: pd.DataFrame) -> pd.DataFrame:
    """A line for each family: the sizes, and the slope of each side."""
    table = []
    for what, rows in by_size.groupby("what", sort=False):
        sizes = rows["size"].unique()
        line = {"family": str(what), "sizes": f"{min(sizes)} to {max(sizes)}"}
        for side, own in rows.groupby("side", sort=False):
            line[str(side)] = f"{slope(own['work'].tolist(), own['seconds'].tolist()):.2f}"
        table.append(line)
    return pd.DataFrame(table).fillna("–")


def speed_ups(by_threads: pd.DataFrame) -> pd.DataFrame:
    """A line for each task and side: milliseconds by number of threads, and the gain."""
    table = []
    for (case, side), rows in by_threads.groupby(["case", "side"], sort=False):
        line = {"task": str(case), "side": str(side)}
        times = dict(zip(rows["threads_used"].tolist(), rows["seconds"].tolist(), strict=True))
        for threads, seconds in times.items():
            line[f"ms with {threads}"] = digits(seconds * 1e3)
            if threads > 1 and 1 in times:
                line[f"speed-up with {threads}"] = f"{times[1] / seconds:.2f}"
        table.append(line)
    return pd.DataFrame(table).fillna("–")


def _measured(sides: Sequence[Side], cases: list[Case], settings: Settings) -> pd.DataFrame:
    """Times of all sides: of the sizes with all threads, of the rest with one, two, four, … too."""
    doubling = {2**k for k in range(settings.threads.bit_length())} | {settings.threads}
    numbers = (
        sorted(doubling) if any(case.what == THREADS for case in cases) else [settings.threads]
    )
    rows = []
    with ExitStack() as stack:
        workers = {
            (side.name, n): stack.enter_context(Worker(side, n))
            for side in (settings.taking_part(sides) if cases else [])
            for n in numbers
        }
        for worker in workers.values():  # those that have no part in the first case disturb it
            worker.loaded()
        for case in cases:
            named = {
                f"{side} with {threads}": worker
                for (side, threads), worker in workers.items()
                if case.what == THREADS or threads == settings.threads
            }
            timings = alternate(named, case.task, settings.pick(5, 2, 1), settings.tell)
            rows += [_row(case, name, timing) for name, timing in timings.items()]
            settings.tell(f"{case}: measured")
    return pd.DataFrame(rows)


def _row(case: Case, name: str, timing: Timing) -> dict[str, Any]:
    side, threads = name.split(" with ")
    return {
        "case": str(case),
        "what": case.what,
        "size": case.size,
        "work": case.work,
        "side": side,
        "threads_used": int(threads),
        "seconds": timing.median / case.parts,
        "lower": timing.lower / case.parts,
        "upper": timing.upper / case.parts,
        "rounds": len(timing.rounds),
    }


def _convolutions(settings: Settings) -> Iterator[Case]:
    """Batch, rows and channels around (8, 28, 28, 64 → 64), each on its own."""
    sizes = {
        "batch": settings.pick((1, 2, 4, 8, 16, 32, 64), (1, 8), (1, 2)),
        "rows": settings.pick((7, 14, 28, 56, 112), (7, 14), (4, 8)),
        "channels": settings.pick((8, 16, 32, 64, 128, 256), (16, 64), (4, 8)),
    }
    all_three = ("forward", "dx", "dw")
    for direction in settings.pick(all_three, all_three[:1], all_three[:1]):
        for along, values in sizes.items():
            for value in values:
                base = {"batch": 8, "rows": 28, "channels": 64} | {along: value}
                n, rows, channels = base.values()
                shape = (n, rows, rows, channels)
                operation = Operation("conv2d", direction, shape, channels, 3, used_in="scaling")
                what = f"3×3 convolution {direction} against {along}"
                yield Case(what, value, n * rows**2 * channels**2, 1, operation)


def _steps(settings: Settings) -> Iterator[Case]:
    for batch in settings.pick((4, 8, 16, 32, 64, 128, 256), (8, 32), (2, 4)):
        images = max(batch * settings.pick(2, 2, 1), settings.pick(256, 32, 4))
        run = Run("README CNN", "fit", batch, images)
        yield Case(STEP, batch, batch, images // batch, run)


def _operations(settings: Settings) -> Iterator[Case]:
    n = settings.pick(8, 2, 1)
    convolution = Operation("conv2d", "forward", (n, 56, 56, 64), 64, 3, used_in="threads")
    pointwise = replace(convolution, filters=256, size=1)
    small = replace(convolution, shape=(n, 7, 7, 512), filters=512)
    depthwise = Operation("depthwise_conv2d", "forward", (n, 56, 56, 128), 0, 3, used_in="threads")
    pooling = Operation("max_pool2d", "forward", (n, 112, 112, 64), 0, 2, 2, used_in="threads")
    normalization = replace(pooling, kind="batch_normalization", shape=(n, 56, 56, 64))
    dense = Operation("dense", "forward", (8 * n, 1600), 128, used_in="threads")
    convolutions = settings.pick([convolution, pointwise, small, depthwise], [convolution], [])
    for operation in convolutions:
        for direction in ("forward", "dx", "dw"):
            yield Case(THREADS, 0, 0, 1, replace(operation, direction=direction))
    for operation in settings.pick([pooling, normalization, dense], [pooling], [dense]):
        for direction in ("forward", "backward"):
            yield Case(THREADS, 0, 0, 1, replace(operation, direction=direction))


def _epochs(settings: Settings) -> Iterator[Case]:
    for name in settings.pick(("LeNet-5", "README CNN", "ResNet-20"), ("LeNet-5",), ()):
        images = settings.pick(NETWORKS[name].images // 2, 128, 8)
        yield Case(THREADS, 0, 0, 1, Run(name, "fit", min(64, images), images))


def _slope_sentence(what: str, rows: pd.DataFrame) -> str:
    found = ", ".join(
        f"{side} {slope(own['work'].tolist(), own['seconds'].tolist()):.2f}"
        for side, own in rows.groupby("side", sort=False)
    )
    return f"Slope of the time of a {what}: {found}."


def _speed_up_sentences(by_threads: pd.DataFrame) -> list[str]:
    most = by_threads["threads_used"].max()
    if most == 1:
        return ["One thread only: no speed-up to measure."]
    sentences = []
    for side, rows in by_threads.groupby("side", sort=False):
        seconds = rows.pivot(index="case", columns="threads_used", values="seconds").dropna()
        gains = (seconds[1] / seconds[most]).tolist()
        if gains:
            sentences.append(
                f"{side} with {most} threads is {geometric_mean(gains):.2f} times as fast as with "
                f"one (geometric mean of {len(gains)}; least {min(gains):.2f})."
            )
    return sentences
