"""What a convolution looks for, and where it finds it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scratchnet.visualization.colours import POSITIVE, SIGNED
from scratchnet.visualization.libraries import require
from scratchnet.visualization.pictures import as_picture, draw_picture
from scratchnet.visualization.style import WEB_WIDTH, drawing, plain_image_axes, small_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def filters(kernel: np.ndarray, limit: int = 64) -> Figure:
    """A page of the filters of a convolution, usually the first.

    Args:
        kernel: (kh, kw, C, F). One channel is drawn in colours from negative to positive, three
            as red, green and blue around grey for 0; of any other number the mean is drawn.
        limit: the largest number of filters to draw; the title says what is left out.

    Raises:
        ValueError: the kernel has not four axes, or one of them is empty.
        ModuleNotFoundError: matplotlib is not installed.
    """
    pictures = _filter_pictures(kernel)
    count = len(pictures)
    shown = _limited(count, limit)
    rows, columns = _grid(shown)
    tile = min(1.0, (WEB_WIDTH - 1.4) / columns)
    with drawing(tile * columns + 1.4, (tile + 0.08) * rows + 0.9) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        drawn = [_draw_filter(axes, pictures, k) for k, axes in enumerate(grid[:shown])]
        _remove(grid[shown:])
        title = f"{_shown(shown, count, 'filter')}, {_described(kernel)}"
        figure.suptitle(title, x=0.02, ha="left")
        if np.shape(kernel)[2] != 3:
            _scale(figure, drawn[0], grid[:shown].tolist(), "weight")
    return figure


def feature_maps(maps: np.ndarray, image: np.ndarray | None = None, limit: int = 64) -> Figure:
    """A page of what a layer makes of one image: a map for each filter, all in one scale.

    Args:
        maps: (H, W, F), the layer's output for the image.
        image: (H, W), (H, W, 1) or (H, W, 3), drawn before the maps.
        limit: the largest number of maps to draw; the title says what is left out.

    Raises:
        ValueError: the maps have not three axes or one of them is empty, or the image is none.
        ModuleNotFoundError: matplotlib is not installed.
    """
    maps = _checked_maps(maps)
    picture = None if image is None else as_picture(image)
    count = maps.shape[2]
    shown = _limited(count, limit)
    first = 0 if picture is None else 1
    rows, columns = _grid(shown + first)
    tile = min(1.15, (WEB_WIDTH - 1.4) / columns)
    with drawing(tile * columns + 1.4, (tile + 0.1) * rows + 0.9) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        if picture is not None:
            draw_picture(grid[0], picture, "image")
        drawn = [
            _draw_map(axes, maps, k, str(k + 1))
            for k, axes in enumerate(grid[first : first + shown])
        ]
        _remove(grid[first + shown :])
        figure.suptitle(_shown(shown, count, "feature map"), x=0.02, ha="left")
        _scale(figure, drawn[0], grid[: first + shown].tolist(), "activation")
    return figure


def filters_and_feature_maps(
    kernel: np.ndarray, image: np.ndarray, maps: np.ndarray, limit: int = 32
) -> Figure:
    """One page: the image, and each filter above the feature map that it makes of the image.

    Args:
        kernel: (kh, kw, C, F), as in `filters`.
        image: (H, W), (H, W, 1) or (H, W, 3).
        maps: (H, W, F), the layer's output for the image.
        limit: the largest number of filters to draw; the title says what is left out.

    Raises:
        ValueError: shapes that are not these, or not as many filters as maps.
        ModuleNotFoundError: matplotlib is not installed.
    """
    pictures = _filter_pictures(kernel)
    maps = _checked_maps(maps)
    picture = as_picture(image)
    count = len(pictures)
    if maps.shape[2] != count:
        raise ValueError(
            f"filters_and_feature_maps received a kernel of {count} filters and {maps.shape[2]} "
            f"maps. Expected one map for each filter; pass the output of that kernel's layer."
        )
    shown = _limited(count, limit)
    columns = min(shown, 8)
    rows = math.ceil(shown / columns)

    # Inches; every picture has its place, for a filter belongs close to its map.
    margin, tile, image_size, bars = 0.25, 0.64, 1.68, 0.9
    step_x, step_y, pair_gap, top = tile + 0.11, 2 * tile + 0.42, 0.06, 0.85
    grid_x = 2 * margin + image_size
    width = grid_x + columns * step_x + bars
    height = max(top + rows * step_y - 0.1, top + image_size + margin)
    with drawing(width, height) as figure:
        figure.set_layout_engine("none")

        def place(x: float, y: float, w: float, h: float) -> Axes:
            """Axes of w × h inches, whose left upper corner is at x, y from the left upper."""
            return figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))

        draw_picture(place(margin, top, image_size, image_size), picture, "image")
        for k in range(shown):
            x, y = grid_x + k % columns * step_x, top + k // columns * step_y
            above, below = place(x, y, tile, tile), place(x, y + tile + pair_gap, tile, tile)
            above.set_anchor("S")  # where they are not square, they still meet
            below.set_anchor("N")
            weights = _draw_filter(above, pictures, k)
            activations = _draw_map(below, maps, k, "")
        figure.text(
            margin / width,
            1 - 0.4 / height,
            f"{_shown(shown, count, 'filter')}, {_described(kernel)}, each above its feature map",
            fontweight="bold",
            fontsize=12,
        )
        scales = [(activations, "activation")]
        if np.shape(kernel)[2] != 3:
            scales.insert(0, (weights, "weight"))
        share = (height - top - margin) / len(scales)
        for i, (drawn, label) in enumerate(scales):
            place_of_bar = place(width - bars + 0.08, top + i * share, 0.12, share - 0.25)
            figure.colorbar(drawn, cax=place_of_bar, label=label).outline.set_visible(False)
    return figure


def _filter_pictures(kernel: np.ndarray) -> np.ndarray:
    """(F, kh, kw) weights, or (F, kh, kw, 3) colours around 0.5 for kernels of three channels."""
    kernel = np.asarray(kernel, np.float64)
    if kernel.ndim != 4 or kernel.size == 0:
        raise ValueError(
            f"The kernel has shape {kernel.shape}. Expected (kh, kw, C, F) without an empty axis, "
            f"such as model.layers[0].kernel."
        )
    filters = np.moveaxis(kernel, 3, 0)
    if kernel.shape[2] == 3:
        return 0.5 + filters / (2 * _largest(filters))
    return filters.mean(axis=3)


def _checked_maps(maps: np.ndarray) -> np.ndarray:
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            f"The feature maps have shape {maps.shape}. Expected (H, W, F) without an empty axis: "
            f"the output for one image, such as layer(images)[0]."
        )
    return maps


def _draw_filter(axes: Axes, pictures: np.ndarray, k: int) -> AxesImage:
    largest = _largest(pictures)
    plain_image_axes(axes)
    small_title(axes, str(k + 1))
    return axes.imshow(pictures[k], cmap=SIGNED, vmin=-largest, vmax=largest)


def _draw_map(axes: Axes, maps: np.ndarray, k: int, title: str) -> AxesImage:
    """One scale for all maps. Where none is negative, as behind a ReLU, it is that of the square
    root, in which weak activations can still be seen beside strong ones."""
    plain_image_axes(axes)
    small_title(axes, title)
    if maps.min() < 0:
        largest = _largest(maps)
        return axes.imshow(maps[:, :, k], cmap=SIGNED, vmin=-largest, vmax=largest)
    norm = require("matplotlib.colors").PowerNorm(0.5, vmin=0.0, vmax=maps.max() or 1.0)
    return axes.imshow(maps[:, :, k], cmap=POSITIVE, norm=norm)


def _scale(figure: Figure, drawn: AxesImage, axes: list[Axes], label: str) -> None:
    bar = figure.colorbar(drawn, ax=axes, label=label, shrink=0.8, aspect=30)
    bar.outline.set_visible(False)


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max()) or 1.0


def _grid(count: int) -> tuple[int, int]:
    """Rows and columns for so many pictures: few places stay empty, wider than high.

    >>> _grid(1), _grid(32), _grid(33), _grid(64)
    ((1, 1), (4, 8), (3, 11), (8, 8))
    """
    candidates = range(math.ceil(math.sqrt(count)), min(count, 12) + 1)
    columns = min(candidates, key=lambda n: (-count % n, abs(n - math.sqrt(2 * count))))
    return math.ceil(count / columns), columns


def _limited(count: int, limit: int) -> int:
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to draw. Expected at least 1.")
    return min(count, limit)


def _described(kernel: np.ndarray) -> str:
    kh, kw, channels, _ = np.shape(kernel)
    return f"{kh} × {kw}" + ("" if channels in (1, 3) else f" (mean of {channels} channels)")


def _shown(shown: int, count: int, thing: str) -> str:
    """
    >>> _shown(8, 8, "filter"), _shown(64, 512, "filter"), _shown(1, 1, "filter")
    ('8 filters', 'The first 64 of 512 filters', '1 filter')
    """
    things = thing if count == 1 else f"{thing}s"
    return f"{count} {things}" if shown == count else f"The first {shown} of {count} {things}"


def _remove(grid: np.ndarray) -> None:
    for axes in grid:
        axes.remove()
