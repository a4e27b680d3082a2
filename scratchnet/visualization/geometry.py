"""Where the windows of a convolution or a pooling lie: padding, strides, dilation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchnet.ops.geometry import Pair, window2d
from scratchnet.visualization import cells
from scratchnet.visualization.cells import draw_grid
from scratchnet.visualization.colours import BLUE, DARK, PURPLE
from scratchnet.visualization.convolution_numbers import pair
from scratchnet.visualization.style import WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP, _HEAD = 3.0, 1.0


def convolution_geometry(
    size: int | Pair,
    kernel_size: int | Pair = 3,
    *,
    strides: int | Pair = 1,
    padding: str = "valid",
    dilation: int | Pair = 1,
) -> Figure:
    """The image with its padding, the first and the last window, and the output that they make.

    Cells of padding are grey. A dot marks each cell at which a window begins. The cells of
    the first window and its output are lit; the last window has a thick frame, and so has its
    output; cells below and at the right of it that no window reaches are crossed out.

    Args:
        size: rows and columns of the image; one integer for both.
        kernel_size: taps of the window.
        strides: cells from one window to the next.
        padding: "valid" or "same".
        dilation: cells from one tap to the next.

    Raises:
        ValueError: numbers below 1, an empty output, an unknown padding.
        ModuleNotFoundError: matplotlib is not installed.
    """
    image, taps = pair(size, "size"), pair(kernel_size, "kernel_size")
    s, d = pair(strides, "strides"), pair(dilation, "dilation")
    window = window2d(image, taps, s, padding, d)
    (top, bottom), (left, right) = window.pad_rows, window.pad_columns
    rows, columns = top + image[0] + bottom, left + image[1] + right
    out_rows, out_columns = window.output
    span = tuple((k - 1) * each + 1 for k, each in zip(taps, d, strict=True))
    width = columns + _GAP + out_columns
    height = _HEAD + max(rows, out_rows)
    unit = min(0.5, (WEB_WIDTH - 0.4) / width, 7 / height)
    with drawing(max(width * unit + 0.4, 7.2), height * unit + 0.9) as figure:
        axes = figure.subplots()
        cells.cell_axes(axes, width, height)
        axes.set_anchor("W")
        text_size = min(10.0, unit * 72 * 0.33)
        padding_cells = {
            (i, j)
            for i, j in np.ndindex(rows, columns)
            if not (top <= i < top + image[0] and left <= j < left + image[1])
        }
        first = {(a * d[0], b * d[1]) for a, b in np.ndindex(taps)}
        last_corner = ((out_rows - 1) * s[0], (out_columns - 1) * s[1])
        reached = last_corner[0] + span[0], last_corner[1] + span[1]
        texts = np.full((rows, columns), "", object)
        for i, j in np.ndindex(rows, columns):
            if i >= reached[0] or j >= reached[1]:
                texts[i, j] = "×"
        draw_grid(
            axes,
            (0, _HEAD),
            texts,
            cells.IMAGE,
            f"image {image[0]} × {image[1]}"
            + (f", padded to {rows} × {columns}" if padding_cells else ""),
            size=text_size,
            lit=first,
            border=padding_cells,
        )
        lit = {(0, 0)}
        draw_grid(
            axes,
            (columns + _GAP, _HEAD),
            np.full(window.output, "", object),
            cells.OUTPUT,
            f"output {out_rows} × {out_columns}",
            size=text_size,
            lit=lit,
            lit_face=cells.LIT_OUTPUT,
        )
        _mark(axes, window.output, s, span, last_corner, columns)
        names = [f"strides {_text(s)}", f'padding "{padding}"']
        names += [f"dilation {_text(d)}"] if d != (1, 1) else []
        axes.set_title(
            f"Window {_text(taps, always=True)}, {', '.join(names)}: "
            f"{_text(image, True)} → {_text(window.output, True)}"
        )
    return figure


def _mark(
    axes: Axes, output: Pair, s: Pair, span: tuple[int, ...], last: Pair, columns: int
) -> None:
    """Dots where windows begin, the frames of the last one, and arrows to the output."""
    starts = np.array([(q * s[1] + 0.5, _HEAD + p * s[0] + 0.5) for p, q in np.ndindex(output)])
    axes.plot(starts[:, 0], starts[:, 1], "o", color=BLUE, markersize=5, zorder=4)
    target = columns + _GAP
    cells.outline(axes, (last[1], _HEAD + last[0]), *span, edgecolor=PURPLE, linewidth=2.6)
    cells.outline(
        axes,
        (target + output[1] - 1, _HEAD + output[0] - 1),
        1,
        1,
        edgecolor=PURPLE,
        linewidth=2.6,
    )
    middle = _HEAD + last[0] + span[0] / 2
    cells.arrow(
        axes,
        (last[1] + span[1], middle),
        (target + output[1] - 1, _HEAD + output[0] - 0.5),
        color=PURPLE,
    )
    cells.arrow(axes, (span[1], _HEAD + 0.5), (target, _HEAD + 0.5), color=DARK)


def _text(both: Pair, always: bool = False) -> str:
    return f"{both[0]} × {both[1]}" if always or both[0] != both[1] else str(both[0])
