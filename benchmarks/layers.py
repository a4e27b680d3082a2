"""Each operation alone, forward and backward: convolutions of well-known networks, and the rest.

Sides: scratchnet's kernels; TensorFlow's operations compiled by `tf.function`, with the raw
operation for each gradient; PyTorch's on channels-last memory, likewise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from benchmarks.operations import Operation
from benchmarks.operations.convolutions import distinct, tuned
from benchmarks.operations.operation import ACTIVATIONS, resnet20_weights
from benchmarks.report import Report, spread, verdict
from benchmarks.settings import Settings
from benchmarks.timing import Timing, alternate
from benchmarks.workers import Side, Worker, started
from scratchnet.visualization import ratio_bars, roofline

HELP = "each operation alone: convolutions, pooling, normalization, activations, optimizers"
US = "scratchnet"
SIDES = (
    Side(US, "benchmarks.operations.scratchnet", ("numba",)),
    Side("TensorFlow", "benchmarks.operations.tensorflow", ("tensorflow",)),
    Side("PyTorch", "benchmarks.operations.torch", ("torch",)),
)


def measure(settings: Settings) -> pd.DataFrame:
    """One row for each operation and side."""
    cases = settings.chosen(_cases(settings))
    rows = []
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
    ours, others = frame[frame["side"] == US], [s for s in frame["side"].unique() if s != US]
    by_case = frame.pivot(index="case", columns="side", values="seconds")
    ratios = {side: by_case[side] / by_case[US] for side in others if US in by_case}
    tables, summary = {}, []
    for section in frame["section"].unique():
        rows = frame[frame["section"] == section]
        tables[section] = _table(rows, others)
        for side, ratio in ratios.items():
            summary.append(verdict(section, side, ratio.loc[rows["case"].unique()]))
    figures = {}
    drawn = frame[frame["section"].isin(_DRAWN)] if len(ratios) else frame[:0]
    for section, rows in drawn.groupby("section", sort=False):
        bars = rows[rows["side"] != US]
        bars = bars.assign(
            ratio=bars["seconds"].to_numpy() / by_case.loc[bars["case"], US].to_numpy()
        )
        title = f"{section}: scratchnet's speed over the other's"
        figures[f"layers-{_stem(section)}"] = ratio_bars(
            bars.assign(label=bars["shape"] + " " + bars["direction"]),
            "label",
            hue="side",
            title=title,
        )
    points = ours[ours["section"].eq(_DRAWN[0]) & (ours["direction"] == "forward")]
    if len(points):
        figures["layers-roofline"] = roofline(
            points,
            round(settings.ceiling.flops / 1e9),
            round(settings.ceiling.bandwidth / 1e9, 1),
            name="shape",
            title="scratchnet's forward convolutions below the machine's roof",
        )
    return Report("Operations alone", summary, tables, figures, _NOTES)


_DRAWN = ("Convolution, tuned shapes", "Depthwise convolution", "Other operations")
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
    convolutions = _merged(tuned(), distinct())
    directions = ("forward", "dx", "dw")
    if settings.effort != "full":
        convolutions = settings.pick(convolutions, tuned(), tuned()[:1])
        depthwise = Operation("depthwise_conv2d", "forward", (4, 14, 14, 64), 0, 3, used_in="quick")
        convolutions = [*convolutions, depthwise]
    for operation in convolutions:
        for direction in directions:
            yield replace(operation, direction=direction)
    n = settings.pick(32, 4, 1)
    for operation in _others(n):
        yield operation


def _merged(first: list[Operation], second: list[Operation]) -> list[Operation]:
    """Both lists; what is in both once."""
    found = {operation.geometry: operation for operation in first}
    for operation in second:
        known = found.get(operation.geometry)
        names = f"{known.used_in}, {operation.used_in}" if known else operation.used_in
        found[operation.geometry] = replace(known or operation, used_in=names)
    return list(found.values())


def _others(n: int) -> Iterator[Operation]:
    """What surrounds the convolutions, on maps that they make of 32 images or so."""
    both = ("forward", "backward")
    for direction in both:
        for kind in ("max_pool2d", "average_pool2d"):
            yield Operation(kind, direction, (n, 56, 56, 64), size=2, strides=2)
            yield Operation(kind, direction, (n, 55, 55, 64), size=3, strides=2)
        for kind in ("global_max_pool2d", "global_average_pool2d"):
            yield Operation(kind, direction, (n, 7, 7, 1280))
        yield Operation("batch_normalization", direction, (n, 56, 56, 64))
        yield Operation("batch_normalization", direction, (n, 7, 7, 512))
        for kind in ACTIVATIONS:
            yield Operation(kind, direction, (n, 28, 28, 128))
        yield Operation("softmax", direction, (8 * n, 10))
        yield Operation("softmax", direction, (8 * n, 1000))
        yield Operation("dense", direction, (2 * n, 1600), 128)
        yield Operation("dense", direction, (n, 2048), 1000)
    for kind in ("adam", "momentum"):
        yield Operation(kind, "step", resnet20_weights(), used_in="ResNet-20")


def _section(operation: Operation) -> str:
    if operation.kind == "depthwise_conv2d":
        return "Depthwise convolution"
    if operation.kind != "conv2d":
        return "Other operations"
    first = operation.used_in.split(", ")[0]
    return _DRAWN[0] if first == "tuned" else f"Convolution, {first}"


def _rows(
    operation: Operation,
    timings: dict[str, Timing],
    workers: dict[str, Worker],
    settings: Settings,
) -> Iterator[dict[str, object]]:
    least = settings.ceiling.attainable(operation.flops, operation.moved)
    for side, timing in timings.items():
        yield {
            "section": _section(operation),
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


def _table(rows: pd.DataFrame, others: list[str]) -> pd.DataFrame:
    """A line for each case: times, ratios, our rate, its share of the ceiling, our algorithm."""
    lines = []
    for _, case in rows.groupby("case", sort=False):
        by_side = case.set_index("side")
        us = by_side.loc[US] if US in by_side.index else None
        first = case.iloc[0]
        line = {"operation": first["kind"]} if first["kind"] not in ("conv2d",) else {}
        line |= {"shape": first["shape"], "direction": first["direction"]}
        for side in ([US] if us is not None else []) + others:
            known = side in by_side.index
            line[f"{side} ms"] = spread(by_side.loc[side], 1e3) if known else "–"
        for side in others if us is not None else []:
            known = side in by_side.index
            ratio = by_side.loc[side, "seconds"] / us["seconds"] if known else math.nan
            line[f"{side}/{US}"] = f"{ratio:.2f}" if known else "–"
        if us is not None:
            by_flops = us["gflops"] > 0
            line["rate"] = f"{us['gflops']:.0f} GFLOP/s" if by_flops else f"{us['gbs']:.1f} GB/s"
            line["of ceiling"] = f"{us['of_ceiling']:.0%}"
            line["algorithm"] = us["algorithm"]
        lines.append(line)
    return pd.DataFrame(lines).fillna("conv2d").loc[:, lambda t: (t != "").any()]


def _stem(section: str) -> str:
    return section.lower().replace(", ", "-").replace(" ", "-")
