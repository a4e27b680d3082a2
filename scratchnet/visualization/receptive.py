"""What one cell of a feature map can see of the image, and what it does see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import DARK, ORANGE, POSITIVE, WHITE
from scratchnet.visualization.libraries import require
from scratchnet.visualization.pictures import as_picture
from scratchnet.visualization.style import drawing, plain_image_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def receptive_field(
    image: Any,
    rows: tuple[int, int],
    columns: tuple[int, int],
    strength: Any = None,
    *,
    label: str = "",
) -> Figure:
    """The image with the frame of the pixels that one cell depends on.

    Args:
        image: (H, W), (H, W, 1) or (H, W, 3).
        rows, columns: the first and the last pixel, as `inspection.receptive_field(...).pixels`
            and `inspection.measured_receptive_field` give them; they may lie outside the image,
            in the padding.
        strength: (H, W), how strongly each pixel acts, such as the measured field's `strength`;
            drawn beside the image, with the same frame.
        label: what the field belongs to, such as the name of the layer.

    Raises:
        ValueError: an image or strength of another shape, or a last pixel before the first.
        ModuleNotFoundError: matplotlib is not installed.
    """
    shown = as_picture(image)
    if rows[1] < rows[0] or columns[1] < columns[0]:
        raise ValueError(
            f"receptive_field received rows={tuple(rows)} and columns={tuple(columns)}. Expected "
            f"(first, last) with the last pixel not before the first."
        )
    heat = None if strength is None else np.asarray(strength, np.float64)
    if heat is not None and heat.shape != shown.shape[:2]:
        raise ValueError(
            f"strength has shape {heat.shape}. Expected {shown.shape[:2]}, a number for each pixel "
            f"of the image."
        )
    size = (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1)
    panels = 1 if heat is None else 2
    with drawing(3.9 * panels + (1.0 if panels == 2 else 0), 4.5) as figure:
        grid = figure.subplots(1, panels, squeeze=False).ravel()
        grid[0].imshow(shown, cmap="gray", vmin=0, vmax=1)
        _frame(grid[0], rows, columns, shown.shape)
        grid[0].set_title("What it can see", fontsize=11)
        if heat is not None:
            drawn = grid[1].imshow(heat, cmap=POSITIVE, vmin=0, vmax=heat.max() or 1.0)
            _frame(grid[1], rows, columns, shown.shape)
            grid[1].set_title("How strongly each pixel acts", fontsize=11)
            bar = figure.colorbar(drawn, ax=grid[1], label="mean |∂y/∂x|", shrink=0.75)
            bar.outline.set_visible(False)
        cell = f"One cell of {label}" if label else "One cell"
        figure.suptitle(f"{cell} depends on {size[0]} × {size[1]} pixels", x=0.02, ha="left")
    return figure


def _frame(
    axes: Axes, rows: tuple[int, int], columns: tuple[int, int], shape: tuple[int, ...]
) -> None:
    """A frame in orange on black and white, seen on any image, with room for what lies outside."""
    rectangle = require("matplotlib.patches").Rectangle
    plain_image_axes(axes)
    corner = (columns[0] - 0.5, rows[0] - 0.5)
    size = (columns[1] - columns[0] + 1, rows[1] - rows[0] + 1)
    for colour, width in ((DARK, 5.0), (WHITE, 3.6), (ORANGE, 2.2)):
        axes.add_patch(rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=width))
    edge = 0.02 * max(shape[:2])
    axes.set_xlim(min(-0.5, corner[0] - edge), max(shape[1] - 0.5, corner[0] + size[0] + edge))
    axes.set_ylim(max(shape[0] - 0.5, corner[1] + size[1] + edge), min(-0.5, corner[1] - edge))
