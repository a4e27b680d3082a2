"""Images as they are shown: grey or coloured, from 0 to 1, without ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.style import plain_image_axes, small_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def as_picture(image: Any) -> np.ndarray:
    """(H, W) or (H, W, 3) between 0 and 1."""
    picture = np.asarray(image, np.float64)
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.size == 0 or (picture.ndim != 2 and picture.shape[2:] != (3,)):
        raise ValueError(
            f"The image has shape {np.shape(image)}. Expected (H, W), (H, W, 1) or (H, W, 3): one "
            f"image, such as images[0]."
        )
    picture = picture - picture.min()
    return picture / (picture.max() or 1.0)


def draw_picture(axes: Axes, picture: np.ndarray, title: str) -> None:
    plain_image_axes(axes)
    small_title(axes, title)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
