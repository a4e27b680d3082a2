"""One look for all figures.

    with visualization.style():
        ...                      # a figure of the reader's own, in the same look

A figure is at most `WEB_WIDTH` inches wide, so that text of 9 points is still text of 11 pixels
where a page shows the figure 800 pixels wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scratchnet.visualization.colours import DARK, GREY, PALETTE, WHITE
from scratchnet.visualization.libraries import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEB_WIDTH = 9.0
SMALL = 9.0  # points, of the smallest text

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.labelsize": 10.0,
    "axes.labelcolor": DARK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.facecolor": WHITE,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "figure.facecolor": WHITE,
    "figure.titlesize": 12.0,
    "figure.titleweight": "bold",
    "grid.color": "#E3E5E8",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.8,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "legend.handlelength": 2.6,
    "text.color": DARK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}


@contextmanager
def style() -> Iterator[None]:
    """matplotlib draws in our look inside the block, and as before after it.

    Raises ModuleNotFoundError where matplotlib is not installed.
    """
    cycler = require("cycler").cycler
    with require("matplotlib.style").context(
        ["default", _SETTINGS | {"axes.prop_cycle": cycler(color=PALETTE)}]
    ):
        yield


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of so many inches, to be drawn in our look inside the block.

    The figure belongs to nobody but the caller: it is not among pyplot's, so no window opens for
    it and none has to be closed. The settings of matplotlib, which play no part in the look, are
    those of before afterwards.
    """
    figure = require("matplotlib.figure")
    with style():
        drawn = figure.Figure(figsize=(width, height), dpi=150, layout="constrained")
        yield drawn
        # Ticks are made, and take their look, when they are drawn: now, in this context. How many
        # there are depends on the size of their labels, which is only kept where it was said.
        for axes in drawn.axes:
            axes.tick_params(labelsize=SMALL)
        drawn.draw_without_rendering()


def plain_image_axes(axes: Axes) -> None:
    """Take the ticks and the frame away from axes that hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def small_title(axes: Axes, text: str) -> None:
    """A title of one picture among many."""
    axes.set_title(text, fontsize=SMALL, fontweight="normal", color=GREY, pad=3, loc="center")
