"""Which channel of the image reaches which filter: ordinary, grouped, depthwise, 1 × 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchnet.visualization.colours import DARK, GREY, PALETTE, ink_on
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def channel_wiring(
    channels: int = 4, filters: int = 4, groups: int = 2, kernel_size: int = 3
) -> Figure:
    """Four convolutions beside each other: a line for each channel that a filter reads.

    A line has kernel_size² weights, but of 1 × 1 a single one; below each picture stands how many
    weights that makes. Thick lines carry a window of pixels, thin ones a single pixel. The
    depthwise convolution has a filter for each channel, whatever `filters` is.

    Args:
        channels: C of the image.
        filters: F of the ordinary, grouped and 1 × 1 convolution.
        groups: of the grouped one; it divides both.
        kernel_size: rows and columns of the window.

    Raises:
        ValueError: numbers below 1, or groups that do not divide channels and filters.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if min(channels, filters, groups, kernel_size) < 1 or channels % groups or filters % groups:
        raise ValueError(
            f"channel_wiring received channels={channels}, filters={filters}, groups={groups}, "
            f"kernel_size={kernel_size}. Expected numbers of at least 1, and groups that divide "
            f"channels and filters, such as groups={int(np.gcd(channels, filters))}."
        )
    k = kernel_size
    every = np.ones((filters, channels), bool)
    in_groups = np.kron(
        np.eye(groups, dtype=bool), every[: filters // groups, : channels // groups]
    )
    window = f"{k} × {k}"
    panels = [
        ("Ordinary", every, window, k * k, 1),
        (f"Grouped, {groups} groups", in_groups, window, k * k, groups),
        ("Depthwise", np.eye(channels, dtype=bool), window, k * k, channels),
        ("1 × 1 (pointwise)", every, "1 × 1", 1, 1),
    ]
    rows = max(channels, filters)
    with drawing(WEB_WIDTH, 1.9 + 0.42 * rows) as figure:
        for axes, panel in zip(figure.subplots(1, 4), panels, strict=True):
            _draw_panel(axes, *panel, rows)
        ordinary = k * k * channels * filters
        pair = k * k * channels + channels * filters
        figure.suptitle(
            f"Depthwise and then 1 × 1 need {pair:,} weights where an ordinary convolution needs "
            f"{ordinary:,}",
            x=0.02,
            ha="left",
        )
    return figure


def _draw_panel(
    axes: Axes, title: str, reads: np.ndarray, window: str, taps: int, groups: int, rows: int
) -> None:
    circle = require("matplotlib.patches").Circle
    outputs, inputs = reads.shape
    left = np.arange(inputs) + (rows - inputs) / 2
    right = np.arange(outputs) + (rows - outputs) / 2
    for f, c in zip(*np.nonzero(reads), strict=True):
        colour = PALETTE[(f * groups // outputs) % len(PALETTE)]
        axes.plot(
            [0, 3], [left[c], right[f]], color=colour, linewidth=2.2 if taps > 1 else 0.9, zorder=1
        )
    for x, ys, name in ((0, left, "c"), (3, right, "f")):
        for i, y in enumerate(ys):
            colour = PALETTE[(i * groups // len(ys)) % len(PALETTE)]
            axes.add_patch(circle((x, y), 0.36, facecolor=colour, edgecolor=DARK, zorder=2))
            axes.text(
                x,
                y,
                f"{name}{i}",
                color=ink_on(colour),
                ha="center",
                va="center",
                fontsize=SMALL,
                zorder=3,
            )
    axes.text(0, -0.9, "channels", ha="center", fontsize=SMALL, color=GREY)
    axes.text(3, -0.9, "filters", ha="center", fontsize=SMALL, color=GREY)
    lines = int(reads.sum())
    note = f"{lines} lines of {window}:\n{lines * taps:,} weights"
    axes.text(1.5, rows + 0.1, note, ha="center", va="center", fontsize=10)
    axes.set_xlim(-0.7, 3.7)
    axes.set_ylim(rows + 0.7, -1.2)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title, loc="center", fontsize=11)
