"""Curves: two runs beside each other, and one run epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import BLUE, DARK, GREEN, GREY, ORANGE
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import drawing

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
            or a mapping of names to values, one an epoch, such as Keras's `History.history`.

    Raises:
        ValueError: there are no epochs, or a mapping's values are not one for each epoch.
        TypeError: it is neither of the two.
        ModuleNotFoundError: matplotlib, or pandas for a History, is not installed.
    """
    epochs, curves = _epochs_and_curves(history)
    names = [name for name in curves if not (name.startswith("val_") and name[4:] in curves)]
    names.sort(key=lambda name: name != "loss")  # the loss first, the metrics as they come
    ticker = require("matplotlib.ticker")
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    with drawing(5.2 * columns, 3.8 * rows) as figure:
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
            axes.grid(axis="y")
        for axes in grid[len(names) :]:
            axes.remove()
    return figure


def _epochs_and_curves(history: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The epochs, counted from 1, and the values of each name, NaN where there are none."""
    if hasattr(history, "frame"):
        frame = history.frame()
        epochs = frame.index.to_numpy() + 1
        curves = {str(name): frame[name].to_numpy(np.float64) for name in frame.columns}
    elif isinstance(history, Mapping):
        curves = {str(name): np.asarray(values, np.float64) for name, values in history.items()}
        lengths = {name: len(values) for name, values in curves.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"history received values of different lengths: {lengths}. Expected one value for "
                f"each epoch; pass the History that fit returned, which knows the epochs."
            )
        epochs = np.arange(1, max(lengths.values(), default=0) + 1)
    else:
        raise TypeError(
            f"history received {type(history).__name__}. Expected what fit returned, or a dict of "
            f"lists such as its .history."
        )
    if len(epochs) == 0 or not curves:
        raise ValueError("history received no epochs. Expected at least one; call fit first.")
    return epochs, curves


def _dot(values: np.ndarray) -> dict[str, Any]:
    """A marker where points are so few that a line alone would not show them."""
    return {"marker": "o", "markersize": 4} if len(values) <= 20 else {}
