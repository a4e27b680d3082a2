"""Grad-CAM: where in the image a convolution found what speaks for a class.

With A_k the k-th channel of a feature map of Z cells and S_c the score of class c,

    α_k = (1/Z) · Σ_{i, j}  ∂S_c/∂A_k[i, j]          how much channel k speaks for c
    L   = ReLU( Σ_k  α_k · A_k )                     where it does

S_c is what goes into a last softmax or sigmoid, as in `inspection.class_scores`.

Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization" (2017), equations 1 and 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchnet import layers
from scratchnet.inspection.class_scores import Classes, checked_images, score_gradients
from scratchnet.inspection.watching import WatchedGraph, find, watch
from scratchnet.layers import Layer
from scratchnet.models import Model

_CONVOLUTIONS = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)


def grad_cam(
    model: Model,
    images: ArrayLike,
    class_index: Classes = None,
    layer: str | Layer | None = None,
) -> np.ndarray:
    """L for each image, in inference mode.

    Args:
        model: built, from images (N, H, W, C) to scores or probabilities (N, classes).
        images: (N, H, W, C).
        class_index: c, one for all images or one for each; None takes each image's class with the
            largest output.
        layer: whose output is A, by name ("base/conv2d" for one in the model "base" inside the
            model) or itself; None takes the last convolution, with its own activation where it has
            one. Where a layer is called several times, the last call counts.

    Returns:
        (N, h, w) ≥ 0, with the layer's own h and w. `layers.Resizing(H, W)(maps[..., None])`
        brings it to the images' size.

    Raises:
        ValueError: as `class_gradient`; no convolution; an unknown layer, or one whose output is
            no feature map (N, h, w, channels) or does not reach the scores.
    """
    x = checked_images(model, images)
    watched = watch(model)
    name = _last_convolution(watched, model) if layer is None else find(layer, watched.calls, model)
    tensor = watched.calls[name].output
    if tensor.ndim != 4:
        raise ValueError(
            f"The layer {name!r} gives {tensor.shape}. Expected a feature map, (None, h, w, "
            f"channels), such as a convolution gives."
        )
    seen = next((each for each in watched.layers.values() if each is tensor.node.layer), None)
    if seen is None:
        raise ValueError(
            f"The layer {name!r} does not lead to the scores of {model._label()}. Expected one of "
            f"{', '.join(watched.layers)}."
        )
    score_gradients(watched, model, x, class_index)
    if seen.gradient is None:
        return np.zeros(seen.value.shape[:3], seen.value.dtype)
    alpha = seen.gradient.mean(axis=(1, 2), keepdims=True)
    return np.maximum((alpha * seen.value).sum(axis=-1), 0)


def _last_convolution(watched: WatchedGraph, model: Model) -> str:
    names = [name for name, each in watched.layers.items() if isinstance(each.layer, _CONVOLUTIONS)]
    if not names:
        raise ValueError(
            f"{model._label()} has no convolution whose feature map could be shown: its layers are "
            f"{', '.join(watched.layers)}. Expected a Conv2D or the like, or layer=… with the name "
            f"of a layer that gives (N, h, w, channels)."
        )
    return names[-1]
