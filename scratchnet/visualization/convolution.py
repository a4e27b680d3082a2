"""A convolution step by step, forward and backward, with the numbers in the cells.

The large grid is always the image (x̃, or the gradient of x̃), the upper small one the kernel, the
lower one the output. So the same picture is read in three directions:

    "forward"          the window and the kernel light up, and make one cell of y
    "backward_input"   one cell of dy lights the cells of dx that it feeds, each by its tap of w
    "backward_kernel"  one cell of dy lights the whole of dw, which it feeds with the window of x̃

and "backward" shows the last two beside each other. What is being summed up shows its sum so far.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning" (2016), for
the moving window; the numbers, and the way back, are ours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.ops.geometry import Pair
from scratchnet.visualization.convolution_numbers import Convolution, take_apart
from scratchnet.visualization.convolution_panels import DIRECTIONS, draw_step, extent
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import WEB_WIDTH, drawing, style

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure


def convolution_step(
    x: Any,
    kernel: Any,
    step: int = 0,
    *,
    dy: Any = None,
    strides: int | Pair = 1,
    padding: str = "valid",
    dilation: int | Pair = 1,
    direction: str = "forward",
) -> Figure:
    """One step of a convolution: what one output cell reads, or what its gradient feeds.

    Args:
        x: (H, W), one image of one channel.
        kernel: (kh, kw).
        step: number of the output cell in reading order, from 0; negative counts from the end.
        dy: (OH, OW), ∂L/∂y for the ways back; None means 1, 2, 3, … so that each cell's part can
            be recognised.
        strides, dilation: one integer, or one for rows and one for columns.
        padding: "valid" or "same".
        direction: "forward", "backward_input", "backward_kernel" or "backward".

    Raises:
        ValueError: other shapes, an empty output, a step or direction that does not exist.
        ModuleNotFoundError: matplotlib is not installed.
    """
    parts = take_apart(x, kernel, dy, strides, padding, dilation)
    _check_direction(direction)
    if not -parts.steps <= step < parts.steps:
        raise ValueError(
            f"There is no step {step}: the output has {parts.steps} cells. Expected "
            f"{-parts.steps} to {parts.steps - 1}."
        )
    with drawing(*_size(parts, direction)) as figure:
        draw_step(figure.subplots(), parts, step % parts.steps, direction, _unit(parts, direction))
    return figure


def convolution_animation(
    x: Any,
    kernel: Any,
    *,
    dy: Any = None,
    strides: int | Pair = 1,
    padding: str = "valid",
    dilation: int | Pair = 1,
    direction: str = "forward",
    interval: int = 900,
) -> FuncAnimation:
    """All steps of a convolution, one after the other, with the numbers in the cells.

    Arguments as `convolution_step`. `.to_jshtml()` is the animation for a notebook or a page,
    `.save("convolution.gif", writer="pillow")` for a file.

    Args:
        interval: milliseconds from one step to the next.
    """
    parts = take_apart(x, kernel, dy, strides, padding, dilation)
    _check_direction(direction)
    animation = require("matplotlib.animation")
    unit = _unit(parts, direction)
    with drawing(*_size(parts, direction)) as figure:
        axes = figure.subplots()

    def frame(step: int) -> list[Any]:
        with style():
            axes.clear()
            draw_step(axes, parts, step, direction, unit)
        return list(axes.texts)

    return animation.FuncAnimation(figure, frame, frames=parts.steps, interval=interval)


def convolution_steps(
    x: Any,
    kernel: Any,
    *,
    dy: Any = None,
    strides: int | Pair = 1,
    padding: str = "valid",
    dilation: int | Pair = 1,
    direction: str = "forward",
    limit: int = 6,
) -> Figure:
    """Steps of a convolution on one page, for where nothing moves.

    Arguments as `convolution_step`.

    Args:
        limit: the largest number of steps to draw; of more, the first and the last and some evenly
            between them.
    """
    parts = take_apart(x, kernel, dy, strides, padding, dilation)
    _check_direction(direction)
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to draw. Expected at least 1.")
    count = min(limit, parts.steps)
    steps = np.linspace(0, parts.steps - 1, count).round().astype(int) if count > 1 else [0]
    width, height = extent(parts, direction)
    columns = 1 if count == 1 or WEB_WIDTH / 2 / width < 0.3 else 2  # cells too small to read
    rows = math.ceil(count / columns)
    unit = min(0.42, (WEB_WIDTH - 0.3 * columns) / columns / width)
    with drawing(columns * (width * unit + 0.3), rows * (height * unit + 0.55)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, step in zip(grid, steps, strict=False):
            draw_step(axes, parts, int(step), direction, unit)
        for axes in grid[count:]:
            axes.remove()
    return figure


def _check_direction(direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(
            f"Unknown direction {direction!r}. Expected one of {', '.join(map(repr, DIRECTIONS))}."
        )


def _unit(parts: Convolution, direction: str) -> float:
    """Inches of a cell in a figure of one step."""
    width, height = extent(parts, direction)
    return min(0.55, (WEB_WIDTH - 0.3) / width, 7 / height)


def _size(parts: Convolution, direction: str) -> tuple[float, float]:
    (width, height), unit = extent(parts, direction), _unit(parts, direction)
    return width * unit + 0.3, height * unit + 0.6
