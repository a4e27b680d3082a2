"""Which cell wins a maximum, and takes all of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.ops.geometry import Pair, window2d
from scratchnet.visualization import cells
from scratchnet.visualization.cells import draw_grid, numbers
from scratchnet.visualization.colours import BLUE, DARK, GREY, PURPLE
from scratchnet.visualization.convolution_numbers import pair
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP, _HEAD, _FOOT = 2.6, 1.0, 0.9


def pooling_argmax(
    x: Any,
    pool_size: int | Pair = 2,
    *,
    strides: int | Pair | None = None,
    padding: str = "valid",
) -> Figure:
    """An image, its pooled maxima, and an arrow from each maximum's winner to it.

    Where several cells of a window are equally large, the first in reading order wins, and the
    gradient is all its own; the others are marked with a dashed frame.

    Args:
        x: (H, W), one image of one channel.
        pool_size, strides: one integer, or one for rows and one for columns; strides None means
            `pool_size`.
        padding: "valid" or "same"; padding never wins.

    Raises:
        ValueError: another shape, an empty output, numbers below 1, an unknown padding.
        ModuleNotFoundError: matplotlib is not installed.
    """
    image = np.asarray(x)
    while image.ndim > 2 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim != 2 or image.size == 0 or image.dtype.kind not in "biuf":
        raise ValueError(
            f"pooling_argmax received x of shape {np.shape(x)} and dtype {image.dtype}. Expected "
            f"numbers (H, W): one image of one channel, such as images[0, :, :, 0]."
        )
    size = pair(pool_size, "pool_size")
    s = size if strides is None else pair(strides, "strides")
    window = window2d(image.shape, size, s, padding, (1, 1))
    before = window.pad_rows[0], window.pad_columns[0]
    winners, ties = _winners(image, size, s, window.output, before)
    y = np.array([image[at] for at in winners.values()]).reshape(window.output)
    width, height = image.shape[1] + _GAP + window.output[1], max(image.shape[0], window.output[0])
    height += _HEAD + _FOOT
    unit = min(0.6, (WEB_WIDTH - 0.4) / width, 7 / height)
    with drawing(max(width * unit + 0.4, 6.5), height * unit + 0.9) as figure:
        axes = figure.subplots()
        cells.cell_axes(axes, width, height)
        axes.set_anchor("W")
        text_size = min(11.0, unit * 72 * 0.33)
        target = (image.shape[1] + _GAP, _HEAD + (image.shape[0] - window.output[0]) / 2)
        draw_grid(
            axes,
            (0, _HEAD),
            numbers(image),
            cells.IMAGE,
            "image x",
            size=text_size,
            lit=set(winners.values()),
        )
        draw_grid(axes, target, numbers(y), cells.OUTPUT, "output y", size=text_size)
        if s == size and padding == "valid":  # windows that do not overlap can be framed
            for p, q in winners:
                corner = (q * s[1], _HEAD + p * s[0])
                cells.outline(axes, corner, *size, edgecolor=PURPLE, linewidth=2.2)
        for i, j in ties:
            look = {"edgecolor": DARK, "linewidth": 1.3, "linestyle": (0, (2, 1.5))}
            cells.outline(axes, (j + 0.1, _HEAD + i + 0.1), 0.8, 0.8, **look)
        _draw_arrows(axes, winners, target)
        axes.set_title(f"{size[0]} × {size[1]} maxima, and who wins them")
        if ties:
            note = "dashed: equally large, but not the first; no gradient"
            axes.text(0, height - 0.15, note, fontsize=SMALL, color=GREY, va="bottom")
    return figure


def _winners(
    image: np.ndarray, size: Pair, s: Pair, output: Pair, before: Pair
) -> tuple[dict[Pair, Pair], set[Pair]]:
    """{output cell: the image cell that wins it}, and the cells that only tie with a winner."""
    top, left = before  # rows and columns of padding
    winners: dict[Pair, Pair] = {}
    equals: set[Pair] = set()
    for p, q in np.ndindex(output):
        rows = range(max(p * s[0] - top, 0), min(p * s[0] - top + size[0], image.shape[0]))
        columns = range(max(q * s[1] - left, 0), min(q * s[1] - left + size[1], image.shape[1]))
        seen = [(i, j) for i in rows for j in columns]
        values = np.array([image[at] for at in seen])
        first = int(values.argmax())  # the first of several, and NaN before all
        winners[p, q] = seen[first]
        equals |= {at for at, value in zip(seen, values, strict=True) if value == values[first]}
    return winners, equals - set(winners.values())


def _draw_arrows(axes: Axes, winners: dict[Pair, Pair], target: tuple[float, float]) -> None:
    for (p, q), (i, j) in winners.items():
        cells.arrow(
            axes,
            (j + 0.84, _HEAD + i + 0.24),
            (target[0] + q + 0.18, target[1] + p + 0.22),
            color=BLUE,
            linewidth=1.1,
            alpha=0.85,
            connectionstyle="arc3,rad=-0.12",
        )
