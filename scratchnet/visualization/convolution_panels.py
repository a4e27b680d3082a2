"""The grids of one step of a convolution, in each of its directions.

The large grid is always the image (x̃, or the gradient of x̃), the upper small one the kernel, the
lower one the output; on both ways back at once, dy stands at the left and what it feeds at the
right. What is being summed up shows its sum so far, and below it what the step has added.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization import cells
from scratchnet.visualization.cells import draw_grid, number, numbers
from scratchnet.visualization.colours import GREY
from scratchnet.visualization.convolution_numbers import Convolution
from scratchnet.visualization.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIRECTIONS = ("forward", "backward_input", "backward_kernel", "backward")
_GAP, _HEAD, _FOOT = 1.2, 1.0, 1.4  # cells: between grids, above a grid, below them all


def extent(parts: Convolution, direction: str) -> tuple[float, float]:
    """Width and height in cells of what `draw_step` draws."""
    (height, width), (kh, kw), (oh, ow) = parts.padded.shape, parts.kernel.shape, parts.y.shape
    if direction == "backward":
        across = ow + max(kw, width) + max(kw, width) + 2 * _GAP + 0.3
        return max(across, 14), max(kh, height) + max(kh, height) + 2 * _HEAD + _FOOT
    across = width + _GAP + max(kw, ow) + 0.3
    return max(across, 11), max(height, kh + _HEAD + oh) + _HEAD + _FOOT


def draw_step(axes: Axes, parts: Convolution, step: int, direction: str, unit: float) -> None:
    """Draw one step on axes whose cells are `unit` inches."""
    width, height = extent(parts, direction)
    cells.cell_axes(axes, width, height)
    size = min(11.0, max(6.5, unit * 72 * 0.36))
    if direction == "backward":
        _draw_both_ways_back(axes, parts, step, size)
    else:
        _draw_one_way(axes, parts, step, direction, size)
    p, q = parts.place(step)
    title = f"Step {step + 1} of {parts.steps}: "
    title += f"y[{p}, {q}]" if direction == "forward" else f"what dy[{p}, {q}] feeds"
    axes.set_title(title, fontsize=11)
    letters = int(width * unit * 72 / (SMALL * 0.56))
    lines = textwrap.wrap(_sentence(parts, step, direction), letters, break_on_hyphens=False)
    if len(lines) > 2:
        lines = [lines[0], lines[1][: letters - 2] + " …"]
    axes.text(0, height - _FOOT + 0.35, "\n".join(lines), fontsize=SMALL, va="top", color=GREY)


def _draw_one_way(axes: Axes, parts: Convolution, step: int, direction: str, size: float) -> None:
    """The image at the left, kernel above output at the right."""
    forward, to_kernel = direction == "forward", direction == "backward_kernel"
    right = parts.padded.shape[1] + _GAP
    lower = _HEAD + parts.kernel.shape[0] + _HEAD
    if direction == "backward_input":
        _draw_dx(axes, (0, _HEAD), parts, step, size)
    else:
        _draw_image(axes, (0, _HEAD), parts, step, size)
    if to_kernel:
        _draw_dw(axes, (right, _HEAD), parts, step, size)
    else:
        _draw_kernel(axes, (right, _HEAD), parts, size, lit=not forward)
    _draw_output(axes, (right, lower), parts, step, size, forward)


def _draw_both_ways_back(axes: Axes, parts: Convolution, step: int, size: float) -> None:
    """dy at the left; above w and dx, which it feeds through w; below x̃ and dw."""
    (height, width), (kh, kw), (oh, ow) = parts.padded.shape, parts.kernel.shape, parts.y.shape
    tall, broad = max(kh, height), max(kw, width)
    second, third = ow + _GAP, ow + _GAP + broad + _GAP
    lower = _HEAD + tall + _HEAD
    dy_top = _HEAD + (2 * tall + _HEAD - oh) / 2
    w_corner = (second + (broad - kw) / 2, _HEAD + (tall - kh) / 2)
    dw_corner = (third + (broad - kw) / 2, lower + (tall - kh) / 2)
    _draw_output(axes, (0, dy_top), parts, step, size, False)
    _draw_kernel(axes, w_corner, parts, size, lit=True)
    _draw_dx(axes, (third, _HEAD), parts, step, size)
    _draw_image(axes, (second, lower), parts, step, size)
    _draw_dw(axes, dw_corner, parts, step, size)
    middle = dy_top + oh / 2
    for y, x_end, x_start, x_last in (
        (_HEAD + tall / 2, w_corner[0], w_corner[0] + kw, third),
        (lower + tall / 2, second, second + width, dw_corner[0]),
    ):
        cells.arrow(axes, (ow + 0.15, middle), (x_end - 0.1, y))
        cells.arrow(axes, (x_start + 0.1, y), (x_last - 0.1, y))


def _window(parts: Convolution, step: int) -> cells.Cells:
    rows, columns = parts.window(step)
    return {(int(i), int(j)) for i in rows.ravel() for j in columns.ravel()}


def _draw_image(
    axes: Axes, corner: tuple[float, float], parts: Convolution, step: int, size: float
) -> None:
    border = parts.border()
    draw_grid(
        axes,
        corner,
        numbers(parts.padded),
        cells.IMAGE,
        "image with padding x̃" if border else "image x",
        size=size,
        lit=_window(parts, step),
        border=border,
    )


def _draw_dx(
    axes: Axes, corner: tuple[float, float], parts: Convolution, step: int, size: float
) -> None:
    border = parts.border()
    before, after = parts.input_gradient(step), parts.input_gradient(step + 1)
    texts, lit = numbers(after), _window(parts, step)
    for at in lit:
        texts[at] = _grown(after[at], after[at] - before[at])
    title = "dx so far (padding is cut off)" if border else "dx so far"
    draw_grid(axes, corner, texts, cells.IMAGE, title, size=size, lit=lit, border=border)


def _draw_kernel(
    axes: Axes, corner: tuple[float, float], parts: Convolution, size: float, lit: bool
) -> None:
    every = set(np.ndindex(parts.kernel.shape)) if lit else set()
    draw_grid(
        axes,
        corner,
        numbers(parts.kernel),
        cells.KERNEL,
        "kernel w",
        size=size,
        lit=every,
        lit_face=cells.LIT_KERNEL,
    )


def _draw_dw(
    axes: Axes, corner: tuple[float, float], parts: Convolution, step: int, size: float
) -> None:
    before, after = parts.kernel_gradient(step), parts.kernel_gradient(step + 1)
    texts = numbers(after)
    for at in np.ndindex(after.shape):
        texts[at] = _grown(after[at], after[at] - before[at])
    draw_grid(
        axes,
        corner,
        texts,
        cells.KERNEL,
        "dw so far",
        size=size,
        lit=set(np.ndindex(after.shape)),
        lit_face=cells.LIT_KERNEL,
    )


def _draw_output(
    axes: Axes,
    corner: tuple[float, float],
    parts: Convolution,
    step: int,
    size: float,
    forward: bool,
) -> None:
    texts, later = numbers(parts.y if forward else parts.dy), set()
    if forward:
        later = {parts.place(t) for t in range(step + 1, parts.steps)}
        for at in later:
            texts[at] = ""
    draw_grid(
        axes,
        corner,
        texts,
        cells.OUTPUT,
        "output y" if forward else "dy",
        size=size,
        lit={parts.place(step)},
        lit_face=cells.LIT_OUTPUT,
        empty=later,
    )


def _grown(total: Any, added: Any) -> str:
    """The sum so far, and below it what the step has added."""
    text = number(added)
    return f"{number(total)}\n{text if text.startswith('−') else '+' + text}"


def _sentence(parts: Convolution, step: int, direction: str) -> str:
    """The step as a sum."""
    p, q = parts.place(step)
    seen, upstream = parts.padded[parts.window(step)], number(parts.dy[p, q])
    x = "x̃" if parts.border() else "x"
    if direction == "forward":
        pairs = zip(seen.ravel(), parts.kernel.ravel(), strict=True)
        products = " + ".join(f"{_factor(a)}·{_factor(b)}" for a, b in pairs)
        return f"y[{p}, {q}] = {products} = {number(parts.y[p, q])}"
    if direction == "backward_input":
        return f"dx at the window += dy[{p}, {q}] · w = {upstream} · w"
    if direction == "backward_kernel":
        return f"dw += dy[{p}, {q}] · window of {x} = {upstream} · window"
    return f"above: dx at the window += {upstream} · w; below: dw += {upstream} · window of {x}"


def _factor(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text
