"""How fast: ratios of two times, a machine's roofline, and what more threads or images bring.

All three take a pandas DataFrame with a row for each measurement. Where several rows share what
is drawn (the same case, measured again) the mark is their median and the thin line runs from the
least to the largest of them: a benchmark without its spread says nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import DARK, GREY, bar_look, line_look
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def ratio_bars(
    frame: pd.DataFrame,
    x: str = "case",
    ratio: str = "ratio",
    hue: str | None = None,
    *,
    title: str = "",
    label: str = "times as fast",
) -> Figure:
    """Bars that begin at the line 1.0: to the right of it is faster, to the left slower.

    The axis is logarithmic, so twice as fast and half as fast are bars of the same length. Each
    bar has its number.

    Args:
        frame: a row for each measurement.
        x: the column that names the cases; their order is that of the rows.
        ratio: the column of ratios, all above 0: the other's time divided by ours.
        hue: the column that tells the bars of one case apart.
        title: of the figure; by default how many of the bars are faster.
        label: of the axis of ratios.

    Raises:
        ValueError: a column is missing, there are no rows, or a ratio is not above 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    _check("ratio_bars", frame, [x, ratio, *([hue] if hue else [])], [ratio])
    cases = list(dict.fromkeys(frame[x]))
    kinds = list(dict.fromkeys(frame[hue])) if hue else [None]
    thick = 0.8 / len(kinds)
    medians = []
    with drawing(WEB_WIDTH - 1, 1.3 + 0.36 * len(cases) * max(1.0, 0.62 * len(kinds))) as figure:
        axes = figure.subplots()
        for k, kind in enumerate(kinds):
            rows = frame if hue is None else frame[frame[hue] == kind]
            looks = bar_look(k) | {"label": None if kind is None else str(kind)}
            for i, case in enumerate(cases):
                values = rows[rows[x] == case][ratio].to_numpy(np.float64)
                if len(values) == 0:
                    continue
                y, median = i + (k - (len(kinds) - 1) / 2) * thick, float(np.median(values))
                medians.append(median)
                axes.barh(y, median - 1, left=1, height=0.9 * thick, **looks)
                looks["label"] = None  # one entry in the legend
                if len(values) > 1:
                    axes.plot([values.min(), values.max()], [y, y], color=DARK, linewidth=0.9)
                _write_beyond(axes, y, median, values)
        _ratio_axis(axes, frame[ratio])
        axes.set_yticks(range(len(cases)), [str(case) for case in cases])
        axes.set_ylim(len(cases) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{label} (1.0 = equal, logarithmic)")
        faster = sum(median > 1 for median in medians)
        axes.set_title(title or f"{faster} of {len(medians)} are faster than 1.0")
        if hue:
            figure.legend(loc="outside lower center", ncols=min(len(kinds), 4), title=hue)
    return figure


def _write_beyond(axes: Axes, y: float, median: float, values: np.ndarray) -> None:
    """The number of a bar, on the side where the bar ends."""
    right = median >= 1
    end = max(median, values.max()) if right else min(median, values.min())
    axes.annotate(
        f"{median:.2f}×" if median < 10 else f"{median:.0f}×",
        (end, y),
        (4 if right else -4, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=SMALL,
        annotation_clip=False,
    )


def _ratio_axis(axes: Axes, ratios: pd.Series) -> None:
    ticker = require("matplotlib.ticker")
    low, high = min(float(ratios.min()), 1.0), max(float(ratios.max()), 1.0)
    room = 1.25 * max(high / low, 1.2) ** 0.12  # for the numbers beyond the bars
    axes.set_xscale("log")
    axes.set_xlim(low / (room if low < 1 else 1.06), high * room)
    axes.axvline(1, color=DARK, linewidth=1.6)
    steps = [1, 2, 5] if high / low > 4 else [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=steps, numticks=15))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.grid(axis="x")


def roofline(
    frame: pd.DataFrame,
    peak_gflops: float,
    bandwidth_gbs: float,
    *,
    intensity: str = "intensity",
    gflops: str = "gflops",
    name: str = "name",
    title: str = "",
) -> Figure:
    """What each computation reaches below what the machine allows.

    The roof is min(peak, intensity · bandwidth): left of the ridge memory is the limit, right of
    it arithmetic. Source: S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual
    Performance Model for Multicore Architectures" (2009).

    Args:
        frame: a row for each measurement.
        peak_gflops: what the machine can compute, in 10⁹ operations a second.
        bandwidth_gbs: what it can read and write, in 10⁹ bytes a second.
        intensity: the column of operations for each byte that is read or written.
        gflops: the column of 10⁹ operations a second that were reached.
        name: the column that names the points.
        title: of the figure; by default the point that is nearest to the roof.

    Raises:
        ValueError: a column is missing, there are no rows, or a number is not above 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    _check("roofline", frame, [intensity, gflops, name], [intensity, gflops])
    for argument, value in (("peak_gflops", peak_gflops), ("bandwidth_gbs", bandwidth_gbs)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(
                f"roofline received {argument}={value!r}. Expected a number above 0, in 10⁹ a "
                f"second; measure it with a large matrix product, or a large copy."
            )
    ridge = peak_gflops / bandwidth_gbs
    high = max(float(frame[intensity].max()), ridge) * 3
    # Left of the ridge there is room for what stands at the roof
    low = min(float(frame[intensity].min()) / 2, ridge / (high / ridge) ** 0.7, ridge / 20)
    x = np.array([low, ridge, high])
    nearest = ("", 0.0)
    with drawing(WEB_WIDTH - 1, 5) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot(x, np.minimum(peak_gflops, x * bandwidth_gbs), color=DARK, linewidth=2.2)
        axes.annotate(
            f"{peak_gflops:g} GFLOP/s",
            (ridge, peak_gflops),  # left of it no point lies above the roof
            (-4, 5),
            textcoords="offset points",
            ha="right",
        )
        axes.annotate(
            f"{bandwidth_gbs:g} GB/s",
            (low**0.3 * ridge**0.7, low**0.3 * ridge**0.7 * bandwidth_gbs),
            (-6, 4),
            textcoords="offset points",
            ha="right",
        )
        axes.axvline(ridge, color=GREY, linewidth=0.9, linestyle=":")
        for k, (label, rows) in enumerate(frame.groupby(name, sort=False)):
            at, reached = float(rows[intensity].median()), rows[gflops].to_numpy(np.float64)
            median = float(np.median(reached))
            look = line_look(k) | {"linestyle": "none", "markersize": 9}
            axes.plot([at, at], [reached.min(), reached.max()], color=look["color"], linewidth=1)
            share = median / min(peak_gflops, at * bandwidth_gbs)
            axes.plot(at, median, label=f"{label} ({share:.0%} of the roof)", **look)
            nearest = max(nearest, (str(label), share), key=lambda each: each[1])
        axes.set_xlim(low, high)
        axes.set_ylim(top=max(peak_gflops * 1.8, float(frame[gflops].max()) * 1.3))
        axes.set_xlabel("arithmetic intensity [FLOP / byte]")
        axes.set_ylabel("performance [GFLOP / s]")
        axes.grid()
        axes.set_title(title or f"{nearest[0]} comes nearest to the roof: {nearest[1]:.0%}")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def scaling(
    frame: pd.DataFrame,
    x: str,
    y: str,
    hue: str | None = None,
    *,
    ideal: bool = False,
    logarithmic: bool = True,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
) -> Figure:
    """Lines of y over x, such as images a second over threads, with a band from least to largest.

    Args:
        frame: a row for each measurement.
        x: the column of the size, such as threads or batch.
        y: the column of what was measured.
        hue: the column that tells the lines apart.
        ideal: also draw y proportional to x, from the first point of each line.
        logarithmic: both axes in powers of two and ten; every number must then be above 0.
        title: of the figure; by default "y over x".
        x_label, y_label: of the axes, with their units; by default the names of the columns.

    Raises:
        ValueError: a column is missing, there are no rows, or a number is not above 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    _check("scaling", frame, [x, y, *([hue] if hue else [])], [x, y] if logarithmic else [])
    ticker = require("matplotlib.ticker")
    with drawing(WEB_WIDTH - 1, 4.6) as figure:
        axes = figure.subplots()
        groups = frame.groupby(hue, sort=False) if hue else [("", frame)]
        for k, (label, rows) in enumerate(groups):
            spread = rows.groupby(x)[y].agg(["median", "min", "max"])
            sizes = spread.index.to_numpy(np.float64)
            look = line_look(k)
            axes.plot(sizes, spread["median"], label=str(label) or None, **look)
            axes.fill_between(
                sizes, spread["min"], spread["max"], color=look["color"], alpha=0.15, linewidth=0
            )
            if ideal:
                proportional = spread["median"].iloc[0] * sizes / sizes[0]
                axes.plot(sizes, proportional, color=look["color"], linewidth=0.8, alpha=0.6)
        if logarithmic:
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_major_locator(ticker.LogLocator(subs=[1, 2, 5]))
            axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_minor_locator(ticker.NullLocator())
        if frame[x].nunique() <= 12:
            axes.set_xticks(sorted(frame[x].unique()))
            axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.grid()
        axes.set_xlabel(x_label or x)
        axes.set_ylabel(y_label or y)
        axes.set_title(title or f"{y_label or y} over {x_label or x}")
        if ideal:
            axes.plot([], [], color=GREY, linewidth=0.8, label="proportional to the size")
        if hue or ideal:
            axes.legend(title=hue)
    return figure


def _check(function: str, frame: Any, columns: list[str], positive: list[str]) -> None:
    """Refuse frames that lack a column or rows, and columns that a logarithm does not take."""
    missing = [name for name in columns if name not in getattr(frame, "columns", [])]
    if missing:
        has = list(getattr(frame, "columns", [])) or type(frame).__name__
        raise ValueError(
            f"{function} received a table without the column(s) {', '.join(missing)}; it has "
            f"{has}. Expected a pandas DataFrame with them; pass the columns' own names."
        )
    if len(frame) == 0:
        raise ValueError(f"{function} received no rows. Expected at least one measurement.")
    for name in positive:
        values = frame[name].to_numpy(np.float64)
        wrong = ~(np.isfinite(values) & (values > 0))
        if wrong.any():
            raise ValueError(
                f"{function} received {values[wrong][0]} in column {name!r}. Expected finite "
                f"numbers above 0, for the axis is logarithmic; leave failed measurements out."
            )
