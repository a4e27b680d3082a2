"""The colours of all figures: six that name things, and three scales that measure them.

The six differ in lightness, so that they stay apart in print and in grey, and they stay apart for
readers who lack one kind of cone. Lines and bars that they tell apart also differ in dashes, marks
or hatching, so that no figure is read by colour alone.

A scale for amounts runs evenly from white to dark, or from dark to bright (viridis): equal steps
of the number are equal steps for the eye. A scale for signed numbers is white at 0.

Sources: M. Okabe and K. Ito, "Color Universal Design" (2008), from which blue, orange and green
are; P. Kovesi, "Good Colour Maps: How to Design Them", arXiv:1509.03700.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchnet.visualization.libraries import require

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PURPLE, SKY = "#6A1B6E", "#9AD0F5"
DARK, GREY, PALE, WHITE = "#202124", "#5F6368", "#B8BCC2", "#FFFFFF"
RED = "#C1272D"  # only for what is wrong; never the one sign of it

PALETTE = (BLUE, ORANGE, GREEN, PURPLE, DARK, SKY)

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 2, 1, 2)), (0, (8, 1.5)), (0, (3, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_HATCHES = ("", "///", "...", "\\\\\\", "", "xx")

# White to dark blue on a straight line in CIELAB, which makes the steps equal.
_PAPER = (
    "#FFFFFF",
    "#E8EBF2",
    "#D1D7E5",
    "#BBC4D8",
    "#A4B1CB",
    "#8E9EBF",
    "#778CB2",
    "#617AA5",
    "#486999",
    "#2D598D",
    "#004980",
)

POSITIVE = "viridis"  # of pictures: feature maps, surfaces, heat
SIGNED = "RdBu_r"  # blue for negative, white for 0, red for positive


def paper() -> Colormap:
    """The scale for tables of numbers: white for the least, dark blue for the most."""
    return require("matplotlib.colors").LinearSegmentedColormap.from_list("paper", _PAPER)


def line_look(k: int) -> dict[str, Any]:
    """Colour, dashes and mark of the k-th line of a plot; after six the marks move on by one.

    >>> line_look(0)["color"], line_look(0)["marker"], line_look(6)["marker"]
    ('#0072B2', 'o', 's')
    """
    i, turn = k % len(PALETTE), k // len(PALETTE)
    marker = _MARKERS[(i + turn) % len(_MARKERS)]
    return {"color": PALETTE[i], "linestyle": _DASHES[i], "marker": marker}


def bar_look(k: int) -> dict[str, Any]:
    """Colour and hatching of the k-th kind of bars; after six the hatching moves on by one."""
    i, turn = k % len(PALETTE), k // len(PALETTE)
    hatch = _HATCHES[(i + turn) % len(_HATCHES)]
    return {"facecolor": PALETTE[i], "edgecolor": WHITE, "hatch": hatch}


def ink_on(background: Any) -> str:
    """`DARK` or white, whichever is read more easily on a colour.

    The contrast is (L1 + 0.05) / (L2 + 0.05) of the relative luminances; source: W3C, Web Content
    Accessibility Guidelines 2.2.
    """
    behind, dark = _luminance(background) + 0.05, _luminance(DARK) + 0.05
    return WHITE if 1.05 / behind > behind / dark else DARK


def _luminance(colour: Any) -> float:
    rgb = require("matplotlib.colors").to_rgb(colour)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
