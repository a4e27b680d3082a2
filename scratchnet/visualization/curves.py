"""Curves: two runs beside each other, and one run epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import BLUE, DARK, GREEN, GREY, ORANGE, line_look
from scratchnet.visualization.libraries import require
from scratchnet.visualization.runs import epochs_and_curves
from scratchnet.visualization.style import WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def loss_curves(
    ours: Sequence[float] | np.ndarray,
    theirs: Sequence[float] | np.ndarray,
    labels: tuple[str, str] = ("scratchnet", "Keras"),
    x_label: str = "batch",
) -> Figure:
    """Both losses on one plot, and below it |difference| on a logarithmic axis.

    Where the two are equal to the last bit there is no logarithm: those points are hollow marks on
    the lower edge, and the legend says so.

    Args:
        ours, theirs: (K,), the losses after each batch (or whatever `x_label` names) of two runs.
        labels: the names of the two.

    Raises:
        ValueError: the two are empty, not of the same length, or no plain sequences.
        ModuleNotFoundError: matplotlib is not installed.
    """
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(
            f"loss_curves received losses of the shapes {a.shape} and {b.shape}. Expected two "
            f"sequences of the same length; cut the longer one."
        )
    ticker = require("matplotlib.ticker")
    x = np.arange(1, len(a) + 1)
    with drawing(8, 5.6) as figure:
        top, bottom = figure.subplots(2, sharex=True, height_ratios=[2, 1])
        # The first curve is broad and pale below the second, so that both are seen where they meet.
        broad, thin = (4.5, 1.3) if len(a) <= 200 else (3.0, 0.8)
        marker = "o" if len(a) == 1 else None  # one point makes no line
        top.plot(x, a, color=BLUE, linewidth=broad, alpha=0.45, marker=marker, label=labels[0])
        top.plot(x, b, color=DARK, linewidth=thin, dashes=(4, 2), marker=marker, label=labels[1])
        top.set_title(f"Loss of {labels[0]} and {labels[1]}")
        top.set_ylabel("loss")
        top.grid(axis="y")
        top.legend(loc="upper right")
        _draw_difference(bottom, x, a, b)
        bottom.set_xlabel(x_label)
        bottom.set_xlim(0.5 - 0.01 * len(a), 0.5 + 1.01 * len(a))
        bottom.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    return figure


def _draw_difference(axes: Axes, x: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):  # infinite losses differ by NaN, which is not drawn
        difference = np.abs(a - b)
    positive = difference[np.isfinite(difference) & (difference > 0)]
    # Below every difference there is; where there is none, at the rounding error of the losses.
    floor = positive.min() / 4 if len(positive) else float(np.finfo(np.float64).eps)
    axes.set_yscale("log")
    axes.set_autoscaley_on(False)
    visible = np.where(difference > 0, difference, np.nan)
    axes.plot(x, visible, color=GREEN, linewidth=0.9, marker="o", markersize=2)
    equal = difference == 0
    if equal.any():
        axes.plot(
            x[equal],
            np.full(equal.sum(), floor),
            linestyle="none",
            marker="o",
            markersize=4,
            markerfacecolor="white",
            markeredgecolor=GREY,
            clip_on=False,
            label=f"equal to the last bit ({equal.sum():,} of {len(x):,})",
        )
        axes.legend(loc="upper right", fontsize=9)
    highest = positive.max() if len(positive) else floor * 100
    axes.set_ylim(floor, highest * (20 if equal.any() else 4))
    axes.set_ylabel("|difference|")
    axes.grid(axis="y")


def history(history: Any) -> Figure:
    """Loss and metrics over the epochs, each with the curve of its validation.

    Args:
        history: what `fit` returned (then epochs without a validation are left out of its curve),
            a mapping of names to values, one an epoch, such as Keras's `History.history`, or the
            path of a file that `callbacks.CSVLogger` wrote.

    Raises:
        ValueError: there are no epochs, a mapping's values are not one for each epoch, or a file
            is of another kind.
        TypeError: it is none of the three.
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: matplotlib, or pandas for a History, is not installed.
    """
    epochs, curves = epochs_and_curves(history)
    names = [name for name in curves if not (name.startswith("val_") and name[4:] in curves)]
    names.sort(key=lambda name: name != "loss")  # the loss first, the metrics as they come
    ticker = require("matplotlib.ticker")
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    with drawing(WEB_WIDTH / 2 * columns, 3.8 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            axes.plot(epochs, curves[name], color=BLUE, label="training", **_dot(epochs))
            validation = curves.get(f"val_{name}")
            if validation is not None:
                seen = np.isfinite(validation)
                axes.plot(
                    epochs[seen],
                    validation[seen],
                    color=ORANGE,
                    linestyle="--",
                    label="validation",
                    **_dot(epochs[seen]),
                )
                axes.legend()
            title = name.replace("_", " ")
            axes.set_title(title[0].upper() + title[1:])
            axes.set_xlabel("epoch")
            axes.set_ylabel(title)
            axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
            if len(epochs) == 1:  # no ticks between epochs
                axes.set_xticks(epochs)
            axes.grid(axis="y")
        for axes in grid[len(names) :]:
            axes.remove()
    return figure


def compare_runs(runs: Mapping[str, Any], metric: str = "val_loss") -> Figure:
    """One metric of several runs, a line for each, and which of them was best when.

    Args:
        runs: {name: a run, as `history` takes it}.
        metric: what to draw. Of names that hold "loss" or "error" the least is the best, of others
            the largest.

    Raises:
        ValueError: no runs, or one without this metric; and as `history`.
        ModuleNotFoundError: matplotlib, or pandas for a History, is not installed.
    """
    if not runs:
        raise ValueError("compare_runs received no runs. Expected {name: what fit returned}.")
    ticker = require("matplotlib.ticker")
    least = any(word in metric for word in ("loss", "error"))
    best: tuple[float, str, int] | None = None
    with drawing(WEB_WIDTH - 1, 4.4) as figure:
        axes = figure.subplots()
        for k, (name, run) in enumerate(runs.items()):
            epochs, curves = epochs_and_curves(run)
            if metric not in curves:
                raise ValueError(
                    f"The run {name!r} has no {metric!r}, but {sorted(curves)}. Expected the name "
                    f"of one of them, in every run; pass validation_data to fit for val_…"
                )
            values = curves[metric]
            seen = np.isfinite(values)
            look = line_look(k) | ({} if len(epochs) <= 20 else {"marker": None})
            axes.plot(epochs[seen], values[seen], label=str(name), **look)
            if not seen.any():
                continue
            at = int((np.nanargmin if least else np.nanargmax)(np.where(seen, values, np.nan)))
            key = float(values[at]) * (1 if least else -1)
            if best is None or key < best[0]:
                best = (key, str(name), int(epochs[at]))
        axes.set_xlabel("epoch")
        axes.set_ylabel(metric.replace("_", " "))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.grid(axis="y")
        axes.legend()
        if best is not None:
            value = abs(best[0]) if best[0] * (1 if least else -1) >= 0 else -abs(best[0])
            axes.set_title(f"Best: {best[1]} with {value:.4g} in epoch {best[2]}")
    return figure


def _dot(values: np.ndarray) -> dict[str, Any]:
    """A marker where points are so few that a line alone would not show them."""
    return {"marker": "o", "markersize": 4} if len(values) <= 20 else {}
