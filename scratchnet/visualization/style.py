"""One look for all figures, and the libraries that draw them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From the palette of M. Okabe and K. Ito, "Color Universal Design" (2008): these stay apart for
# readers with any of the usual colour deficiencies, and in grey.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
DARK, GREY, PALE = "#202124", "#5F6368", "#B8BCC2"

_SETTINGS = {
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
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "figure.facecolor": "white",
    "grid.color": "#E3E5E8",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "text.color": DARK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "lines.linewidth": 1.8,
}


def require(module: str) -> Any:
    """Import a library that draws, or say which extra to install.

    Raises ModuleNotFoundError where it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        raise ModuleNotFoundError(
            f"This figure needs {library}, which is not installed: "
            f"pip install 'scratchnet[plots]'.",
            name=library,
        ) from error


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of so many inches, to be drawn in our look inside the block.

    The figure belongs to nobody but the caller: it is not among pyplot's, so no window opens for
    it and none has to be closed. The settings of matplotlib, which play no part in the look, are
    those of before afterwards.
    """
    style, figure = require("matplotlib.style"), require("matplotlib.figure")
    with style.context(["default", _SETTINGS]):
        drawn = figure.Figure(figsize=(width, height), dpi=150, layout="constrained")
        yield drawn
        # Ticks are made, and take their look, when they are drawn: now, in this context. How many
        # there are depends on the size of their labels, which is only kept where it was said.
        for axes in drawn.axes:
            axes.tick_params(labelsize=_SETTINGS["xtick.labelsize"])
        drawn.draw_without_rendering()


def plain_image_axes(axes: Axes) -> None:
    """Take the ticks and the frame away from axes that hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
