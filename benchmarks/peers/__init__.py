"""One small network in scratchnet, PyTorch, JAX, ONNX Runtime and two libraries on NumPy alone.

`task` says what all of them compute; each has a module of its own here, written as its own users
write it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.task import Task
from benchmarks.report import Report
from benchmarks.settings import Settings
from benchmarks.tables import US, Row, beside, digits, ratios, verdict
from benchmarks.timing import alternate
from benchmarks.workers import Side, SideError, Worker, started
from scratchnet.visualization import ratio_bars

HELP = "images a second of one network, beside libraries with an interface of their own"
SIDES = (
    Side(US, "benchmarks.peers.on_scratchnet", ("numba",)),
    Side("PyTorch", "benchmarks.peers.on_torch", ("torch",)),
    Side("JAX", "benchmarks.peers.on_jax", ("jax",)),
    Side("ONNX Runtime", "benchmarks.peers.on_onnxruntime", ("onnxruntime", "onnx"), {}, "peers"),
    Side("MyGrad", "benchmarks.peers.on_mygrad", ("mygrad",), {}, "peers"),
    Side("DeZero", "benchmarks.peers.on_dezero", ("dezero",), {}, "peers"),
)
_PREDICT_ONLY = ("ONNX Runtime",)
_NOTES = (
    "A turn is an epoch of training, or the predictions for all images. Every library keeps images "
    "and weights in float32 and the layout that it is made for.",
    "Images a second are medians over rounds in which the sides take turns, [quartiles] beside "
    "them. Each side has its own process, and each has warmed up.",
    '"apart": from the same weights, the largest difference of a probability, or of the loss of an '
    "epoch, between scratchnet and any other side.",
)


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each task and side."""
    rows = []
    with started(settings.taking_part(SIDES), settings.threads) as workers:
        for task in settings.chosen(_tasks(settings)):
            able = {
                side: worker
                for side, worker in workers.items()
                if task.method == "predict" or side not in _PREDICT_ONLY
            }
            timings = alternate(able, task, settings.pick(5, 2, 1), settings.tell)
            apart = _apart({side: workers[side] for side in timings}, task)
            for side, timing in timings.items():
                rows.append(
                    {
                        "case": str(task),
                        "method": task.method,
                        "batch": task.batch,
                        "images": task.images,
                        "side": side,
                        "images_per_second": task.images / timing.median,
                        "seconds": timing.median,
                        "lower": timing.lower,
                        "upper": timing.upper,
                        "rounds": len(timing.rounds),
                        "apart": apart.get(side, float("nan")),
                    }
                )
            settings.tell(f"{task}: measured")
    return pd.DataFrame(rows)


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """A table for training and one for predicting, with bars of the ratios."""
    tables, figures, summary = {}, {}, []
    for method, title in (("fit", "Training"), ("predict", "Predicting")):
        rows = frame[frame["method"] == method]
        if rows.empty:
            continue
        apart = rows.groupby("case")["apart"].max().to_dict()

        def ours(row: Row, apart: Mapping[Any, float] = apart) -> dict[str, str]:
            return {"apart": f"{apart[row['case']]:.0e}"}

        tables[title] = beside(rows, ["batch"], "images/s", _images_per_second, ours)
        summary += verdict(title, rows)
        bars = ratios(rows)
        if len(bars):
            bars["label"] = "batch " + bars["batch"].astype(str)
            figures[f"peers-{method}"] = ratio_bars(
                bars, "label", hue="side", title=f"{title}: their time over scratchnet's"
            )
    return Report("Peers", summary, tables, figures, _NOTES)


def _tasks(settings: Settings) -> Iterator[Task]:
    for batch, images in settings.pick(((32, 1024), (128, 2048)), ((32, 1024),), ((4, 8),)):
        yield Task("fit", batch, images)
    for batch, images in settings.pick(((1, 128), (32, 1024), (256, 2048)), ((32, 1024),), ()):
        yield Task("predict", batch, images)


def _apart(workers: Mapping[str, Worker], task: Task) -> dict[str, float]:
    """How far each side's result for two batches is from scratchnet's; empty without scratchnet."""
    small = Task(task.method, task.batch, 2 * task.batch)
    results = {}
    for side, worker in workers.items():
        try:
            results[side] = np.asarray(worker.call("result", small), np.float64)
        except SideError:
            continue
    return {
        side: float(np.abs(result - results[US]).max())
        for side, result in results.items()
        if US in results
    }


def _images_per_second(row: Row) -> str:
    rate, lower, upper = (row["images"] / row[name] for name in ("seconds", "upper", "lower"))
    return f"{digits(rate)} [{digits(lower)}–{digits(upper)}]"
