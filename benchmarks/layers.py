"""Each operation alone, forward and backward: convolutions of well-known networks, and the rest.

Sides: scratchnet's kernels; TensorFlow's operations compiled by `tf.function`, with the raw
operation for each gradient; PyTorch's on channels-last memory, likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from benchmarks.operations import Operation
from benchmarks.operations.convolutions import NETWORKS, every, tuned
from benchmarks.operations.operation import ACTIVATIONS
from benchmarks.operations.others import others
from benchmarks.operations.sides import SIDES
from benchmarks.report import Report
from benchmarks.settings import Settings
from benchmarks.tables import US, Row, beside, ratios, spread, verdict
from benchmarks.timing import Timing, alternate
from benchmarks.workers import Worker, started
from scratchnet.visualization import ratio_bars, roofline

HELP = "each operation alone: convolutions, pooling, normalization, activations, optimizers"


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each operation and side."""
    cases = settings.chosen(_cases(settings))
    rows: list[dict[str, object]] = []
    with started(settings.taking_part(SIDES), settings.threads) as workers:
        for number, operation in enumerate(cases, start=1):
            rounds = settings.pick(7 if "tuned" in operation.used_in else 5, 2, 1)
            timings = alternate(workers, operation, rounds, settings.tell)
            rows += _rows(operation, timings, workers, settings)
            if number % 25 == 0 or number == len(cases):
                settings.tell(f"{number} of {len(cases)} operations")
    return pd.DataFrame(rows)


def report(frame: pd.DataFrame, settings: Settings) -> Report:
    """A table for each section; bars of the ratios, and the roofline of the tuned convolutions."""
    tables, figures, summary, overview = {}, {}, [], []
    for section, rows in _sections(frame):
        if rows.empty:
            continue
        keys = [*([] if section.startswith("Convolution") else ["kind"]), "shape", "direction"]
        tables[section] = beside(rows, keys, "ms", lambda row: spread(row, 1e3), _ours)
        summary += verdict(section, rows)
        bars = ratios(rows)
        overview.append(bars.assign(label=section + ", " + bars["direction"]))
        if section == TUNED and len(bars):
            figures["layers-tuned"] = ratio_bars(
                bars.assign(label=bars["shape"] + ", " + bars["direction"]),
                "label",
                hue="side",
                title="Convolutions: their time over scratchnet's",
            )
    bars = pd.concat(overview) if overview else frame[:0]
    if len(bars):
        title = "Their time over scratchnet's: median, least and largest of each section"
        figures = {"layers": ratio_bars(bars, "label", hue="side", title=title)} | figures
    points = frame[
        (frame["side"] == US)
        & frame["used_in"].str.contains(TUNED_BY)
        & (frame["direction"] == "forward")
    ]
    if len(points):
        figures["layers-roofline"] = roofline(
            points,
            round(settings.ceiling.flops / 1e9),
            round(settings.ceiling.bandwidth / 1e9, 1),
            name="shape",
            title="Forward convolutions and the machine's roof; above it, Winograd",
        )
    return Report("Operations alone", summary, tables, figures, _NOTES)


TUNED, TUNED_BY = "Convolution, tuned shapes", "tuned"
_NOTES = (
    "Milliseconds are medians over rounds in which the sides take turns, [quartiles] beside them.",
    "Shapes are N,H,W,C→filters, window, /strides; batch 8 and 224×224 images in the networks.",
    "GFLOP/s counts the operations of the definition, so an algorithm that needs fewer (Winograd) "
    "can exceed the ceiling. GB/s counts what must be read and written once; data that stays in a "
    "cache can exceed it.",
    "% of ceiling: the least time that sgemm's rate and the triad's bandwidth allow, over the "
    "time taken.",
)


def _cases(settings: Settings) -> Iterator[Operation]:
    depthwise = Operation("depthwise_conv2d", "forward", (4, 14, 14, 64), size=3, used_in="quick")
    few = [*tuned()[:4], depthwise]
    for operation in settings.pick(every(), few, few[1:2]):
        for direction in ("forward", "dx", "dw"):
            yield replace(operation, direction=direction)
    yield from settings.pick(others(32), others(1), others(1)[-1:])


def _sections(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables' titles and rows; a convolution is in the table of each network that has it."""
    convolution = frame["kind"] == "conv2d"
    for name in (TUNED_BY, *NETWORKS):
        title = TUNED if name == TUNED_BY else f"Convolution, {name}"
        yield title, frame[convolution & frame["used_in"].str.contains(name)]
    for title, kinds in _KINDS.items():
        yield title, frame[frame["kind"].isin(kinds)]


_KINDS = {
    "Depthwise convolution": ("depthwise_conv2d",),
    "Pooling": (
        "max_pool2d",
        "average_pool2d",
        "global_max_pool2d",
        "global_average_pool2d",
    ),
    "Normalization and activations": ("batch_normalization", *ACTIVATIONS, "softmax"),
    "Dense layers": ("dense",),
    "Optimizers, a step of ResNet-20": ("adam", "momentum"),
}


def _rows(
    operation: Operation,
    timings: dict[str, Timing],
    workers: dict[str, Worker],
    settings: Settings,
) -> Iterator[dict[str, object]]:
    least = settings.ceiling.attainable(operation.flops, operation.moved)
    for side, timing in timings.items():
        yield {
            "case": str(operation),
            "kind": operation.kind,
            "direction": operation.direction,
            "shape": operation.geometry,
            "used_in": operation.used_in,
            "side": side,
            "seconds": timing.median,
            "lower": timing.lower,
            "upper": timing.upper,
            "rounds": len(timing.rounds),
            "gflops": operation.flops / timing.median / 1e9,
            "gbs": operation.moved / timing.median / 1e9,
            "intensity": operation.flops / operation.moved,
            "of_ceiling": least / timing.median,
            "algorithm": workers[side].call("algorithm", operation) if side == US else "",
        }


def _ours(row: Row) -> dict[str, str]:
    """Our rate, its share of the ceiling, and the kernel that served."""
    by_flops = row["gflops"] > 0
    return {
        "rate": f"{row['gflops']:.0f} GFLOP/s" if by_flops else f"{row['gbs']:.1f} GB/s",
        "of ceiling": f"{row['of_ceiling']:.0%}",
        "algorithm": str(row["algorithm"]),
    }
