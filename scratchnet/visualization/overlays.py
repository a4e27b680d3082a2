"""Heat on images: where a network found its evidence. The numbers come from `inspection`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.ops.formulas.resize import resize
from scratchnet.visualization.libraries import require
from scratchnet.visualization.pictures import as_picture, draw_picture
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing, plain_image_axes, small_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAT = "inferno"


def grad_cam_overlay(images: Any, heat: Any, titles: Sequence[str] | None = None) -> Figure:
    """Each image, and below it the same image with the heat of its class on it.

    The brighter and the more opaque, the more a place speaks for the class. Each image has a scale
    of its own, from 0 to its largest heat; where all of it is 0, that stands above it.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3).
        heat: (N, h, w), at least 0, such as `inspection.grad_cam(model, images)`; enlarged to the
            images linearly.
        titles: above each image; None means none.

    Raises:
        ValueError: no images, shapes or numbers of titles that do not fit, or heat below 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    return _overlay("grad_cam_overlay", images, heat, titles, "Where the class is seen", 1.0)


def saliency_overlay(images: Any, saliency: Any, titles: Sequence[str] | None = None) -> Figure:
    """Each image, and below it the pixels that would change the score most, on the dimmed image.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3).
        saliency: (N, H, W), at least 0, such as `inspection.saliency(model, images)`.
        titles: above each image; None means none.

    Raises:
        ValueError: no images, shapes or numbers of titles that do not fit, or numbers below 0.
        ModuleNotFoundError: matplotlib is not installed.
    """
    title = "The pixels that matter most"
    return _overlay("saliency_overlay", images, saliency, titles, title, 0.35)


def _overlay(
    function: str,
    images: Any,
    heat: Any,
    titles: Sequence[str] | None,
    title: str,
    brightness: float,
) -> Figure:
    pictures = [as_picture(image) for image in np.asarray(images)]
    maps = np.asarray(heat, np.float64)
    if not pictures or maps.ndim != 3 or len(maps) != len(pictures):
        raise ValueError(
            f"{function} received {len(pictures)} images and heat of shape {maps.shape}. Expected "
            f"images (N, H, W, C) and heat (N, h, w), at least one of each; of a single image, "
            f"pass image[None] and heat[None]."
        )
    if (maps < 0).any() or not np.isfinite(maps).all():
        raise ValueError(
            f"{function} received heat from {maps.min():.3g} to {maps.max():.3g}. Expected finite "
            f"numbers of at least 0; pass numpy.maximum(heat, 0), or its absolute value."
        )
    names = [""] * len(pictures) if titles is None else list(titles)
    if len(names) != len(pictures):
        raise ValueError(f"{function} received {len(names)} titles for {len(pictures)} images.")
    size = min(2.2, (WEB_WIDTH - 1) / len(pictures) - 0.1)
    with drawing(max(len(pictures) * (size + 0.1) + 1.0, 4.6), 2 * size + 1.1) as figure:
        grid = figure.subplots(2, len(pictures), squeeze=False)
        for above, below, picture, each, name in zip(*grid, pictures, maps, names, strict=True):
            draw_picture(above, picture, name)
            plain_image_axes(below)
            small_title(below, "" if each.any() else "0 everywhere")
            below.imshow(picture * brightness, cmap="gray", vmin=0, vmax=1)
            share = _enlarged(each, *picture.shape[:2]) / (each.max() or 1.0)
            alpha = np.clip(0.85 * share**0.6, 0, 0.85)
            below.imshow(share, cmap=HEAT, vmin=0, vmax=1, alpha=alpha)
        scale = require("matplotlib.cm").ScalarMappable(cmap=HEAT)
        bar = figure.colorbar(
            scale, ax=grid[1].tolist(), shrink=0.9, ticks=[0, 1], label="share of largest"
        )
        bar.ax.tick_params(labelsize=SMALL)
        bar.outline.set_visible(False)
        figure.suptitle(title, x=0.02, ha="left")
    return figure


def _enlarged(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) from (h, w), linearly between the centres of the cells."""
    return resize(heat[None, :, :, None], (height, width), "bilinear")[0, :, :, 0]
