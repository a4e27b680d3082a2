"""Images mirrored, cut, or with other grey values: each with its derivative in the image.

    flip               y[r, q] = x[r, W − 1 − q] where flipped                ∂L/∂x: dy flipped
    adjust_contrast    y = clip(z),  z = (x − μ)·f + μ                        with g = dy where z
                       μ = mean of x over the rows and columns of a channel   is in range, else 0:
                                                                  ∂L/∂x = f·g + (1 − f)·mean(g)
    adjust_brightness  y = clip(z),  z = x + δ                                ∂L/∂x = g
    erase              y = v where erased, else x                             ∂L/∂x = dy where not

clip puts what lies outside the range of grey values [lo, hi] on its border. A value on the border
is in range.

Sources: keras/src/layers/preprocessing/image_preprocessing/random_flip.py, random_contrast.py,
random_brightness.py and random_erasing.py; Zhong et al., "Random Erasing Data Augmentation" (2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

Images = Float[np.ndarray, "N H W C"]
OfEachImage = Float[np.ndarray, "N 1 1 1"]
Range = Sequence[float | int]


def flip(x: Images, flips: Bool[np.ndarray, "N 1 1 1"], axes: tuple[int, ...]) -> Images:
    """x with each of `axes` in reverse order, in the images where `flips` is true.

    >>> flip(np.array([[[[1.0], [2.0]]]]), np.array([[[[True]]]]), axes=(2,))[0, 0, :, 0]
    array([2., 1.])
    """
    return np.where(flips, np.flip(x, axes), x)


def flip_backward(dy: Images, flips: Bool[np.ndarray, "N 1 1 1"], axes: tuple[int, ...]) -> Images:
    """∂L/∂x, the same map as forward."""
    return flip(dy, flips, axes)


def adjust_contrast(
    x: Images, factor: OfEachImage, value_range: Range
) -> tuple[Images, Bool[np.ndarray, "N H W C"]]:
    """(y, in range): y = clip((x − μ)·f + μ), and where nothing was clipped.

    Args:
        x: images with at least one pixel.
        factor: f, one for each image: 0 leaves only the mean, 1 changes nothing.
        value_range: (lo, hi).
    """
    mean = x.mean(axis=(1, 2), keepdims=True)
    return _clipped((x - mean) * factor.astype(x.dtype) + mean, value_range)


def adjust_contrast_backward(
    dy: Images, in_range: Bool[np.ndarray, "N H W C"], factor: OfEachImage
) -> Images:
    """∂L/∂x = f·g + (1 − f)·mean(g), with g = dy where nothing was clipped, else 0."""
    g = np.where(in_range, dy, 0)
    f = factor.astype(dy.dtype)
    return f * g + (1 - f) * g.mean(axis=(1, 2), keepdims=True)


def adjust_brightness(
    x: Images, delta: OfEachImage, value_range: Range
) -> tuple[Images, Bool[np.ndarray, "N H W C"]]:
    """(y, in range): y = clip(x + δ), and where nothing was clipped; arguments as above."""
    return _clipped(x + delta.astype(x.dtype), value_range)


def adjust_brightness_backward(dy: Images, in_range: Bool[np.ndarray, "N H W C"]) -> Images:
    """∂L/∂x = dy where nothing was clipped, else 0."""
    return np.where(in_range, dy, 0)


def erase(x: Images, erased: Bool[np.ndarray, "N H W 1"], value: Float[np.ndarray, ...]) -> Images:
    """y = v where `erased`, else x.

    Args:
        x: images.
        erased: the same for all channels of a pixel.
        value: v, which broadcasts to the shape of x.
    """
    return np.where(erased, value.astype(x.dtype), x)


def erase_backward(dy: Images, erased: Bool[np.ndarray, "N H W 1"]) -> Images:
    """∂L/∂x = dy where nothing was erased, else 0."""
    return np.where(erased, 0, dy)


def _clipped(z: Images, value_range: Range) -> tuple[Images, Bool[np.ndarray, "N H W C"]]:
    lowest, highest = value_range
    return np.clip(z, lowest, highest), ~((z < lowest) | (z > highest))
