"""Grids of cells with numbers in them: what the pictures of convolution and pooling are made of.

One axes holds all grids of a picture, and its unit is the cell: so every cell has the same size,
and an arrow from one grid to another is a line between two points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import DARK, GREY
from scratchnet.visualization.libraries import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Tints under dark numbers: of the image, of the kernel, of the output; each also when it is lit.
IMAGE, KERNEL, OUTPUT = "#FFFFFF", "#DDF1EA", "#DCEBF7"
LIT_IMAGE, LIT_KERNEL, LIT_OUTPUT = "#F7C65B", "#7FCDB2", "#7DB9E3"
EMPTY, BORDER = "#F3F4F6", "#DADDE1"  # not computed yet; padding

Point = tuple[float, float]
Cells = set[tuple[int, int]]


def cell_axes(axes: Axes, width: float, height: float) -> None:
    """Make axes of so many cells across and down, with (0, 0) in the upper left corner."""
    axes.set_xlim(-0.06, width + 0.06)  # half of a thick frame lies outside
    axes.set_ylim(height + 0.06, -0.06)
    axes.set_aspect("equal")
    axes.axis("off")


def draw_grid(
    axes: Axes,
    corner: Point,
    texts: np.ndarray,
    face: str,
    title: str = "",
    *,
    size: float = 10,
    lit: Cells | None = None,
    lit_face: str = LIT_IMAGE,
    border: Cells | None = None,
    empty: Cells | None = None,
) -> None:
    """Draw a grid of cells, one rectangle and one text each.

    Args:
        axes: from `cell_axes`.
        corner: x and y of its upper left corner.
        texts: (rows, columns) of str.
        face: colour of a cell.
        title: above the grid.
        size: of the texts, in points; a longer text is made smaller to stay in its cell.
        lit: cells in `lit_face` with a thick frame, drawn last so that no neighbour hides it.
        border: cells of padding, grey.
        empty: cells that are not computed yet.
    """
    rectangle = require("matplotlib.patches").Rectangle
    lit, border, empty = lit or set(), border or set(), empty or set()
    x, y = corner
    for i, j in sorted(np.ndindex(texts.shape), key=lambda cell: cell in lit):
        at = (i, j)
        colour = BORDER if at in border else EMPTY if at in empty else face
        axes.add_patch(
            rectangle(
                (x + j, y + i),
                1,
                1,
                facecolor=lit_face if at in lit else colour,
                edgecolor=DARK if at in lit else "#AEB4BC",
                linewidth=1.6 if at in lit else 0.7,
                zorder=2.5 if at in lit else 2,
            )
        )
        axes.text(
            x + j + 0.5,
            y + i + 0.5,
            str(texts[i, j]),
            ha="center",
            va="center",
            fontsize=_fitting(str(texts[i, j]), size),
            color=GREY if at in border and at not in lit else DARK,
            zorder=3,
            linespacing=0.95,
        )
    if title:
        axes.text(x, y - 0.18, title, ha="left", va="bottom", fontsize=size, color=DARK)


def _fitting(text: str, size: float) -> float:
    """A cell is about `size` / 0.36 points across, and a digit 0.62 of its height."""
    longest = max(len(line) for line in text.split("\n"))
    return min(size * (0.85 if "\n" in text else 1), 0.9 * size / 0.36 / (0.62 * max(longest, 1)))


def arrow(axes: Axes, start: Point, end: Point, **look: Any) -> None:
    """A thin arrow between two points, in cells."""
    style = {"arrowstyle": "-|>", "color": DARK, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 1}
    axes.annotate("", end, start, arrowprops=style | look, zorder=4)


def outline(axes: Axes, corner: Point, rows: float, columns: float, **look: Any) -> None:
    """A frame without a face around some cells."""
    rectangle = require("matplotlib.patches").Rectangle
    style = {"fill": False, "edgecolor": DARK, "linewidth": 2.0, "zorder": 3.5}
    axes.add_patch(rectangle(corner, columns, rows, **(style | look)))


def number(value: Any) -> str:
    """A number as short as it can be read, at most six characters; NaN is a gap.

    >>> number(3.0), number(-0.25), number(2 / 3), number(12345.678), number(float("nan"))
    ('3', '−0.25', '0.67', '1.2e4', '')
    """
    if value != value:
        return ""
    text = f"{float(value):.2f}".rstrip("0").rstrip(".")
    if (text in ("-0", "0") and value != 0) or len(text) > 6:
        text = f"{float(value):.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return "0" if text == "-0" else text.replace("-", "−")


def numbers(values: np.ndarray) -> np.ndarray:
    """The texts of an array of numbers."""
    texts = np.empty(values.shape, object)
    for at in np.ndindex(values.shape):
        texts[at] = number(values[at])
    return texts
