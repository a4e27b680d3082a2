"""Which pixels the score of a class depends on.

For the score S_c of a class c and an image I the first-order approximation is

    S_c(I')  ≈  S_c(I) + Σ w · (I' − I),    w = ∂S_c/∂I

so |w| says which pixels, changed a little, change the score most. The score is what goes into the
softmax: a probability can also be raised by lowering all other scores. So where the model ends in
softmax or sigmoid, S_c is what goes into it; where it does not, S_c is the model's output itself.

Source: Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps" (2013), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.inspection.unchanged import unchanged
from scratchnet.inspection.watching import WatchedGraph, watch
from scratchnet.models import Model

Classes = int | Sequence[int] | np.ndarray | None


def class_gradient(model: Model, images: ArrayLike, class_index: Classes = None) -> np.ndarray:
    """w = ∂S_c/∂I of each image, in inference mode.

    Args:
        model: built, from images (N, H, W, C) to scores or probabilities (N, classes).
        images: (N, H, W, C).
        class_index: c, one for all images or one for each; None takes each image's class with the
            largest output.

    Returns:
        Array of the images' shape and the model's dtype.

    Raises:
        ValueError: a model that is not built, or of another form; images that do not fit it; a
            class that it does not have.
    """
    x = checked_images(model, images)
    return score_gradients(watch(model), model, x, class_index)


def saliency(model: Model, images: ArrayLike, class_index: Classes = None) -> np.ndarray:
    """M = max over the channels of |∂S_c/∂I|: (N, H, W). Arguments as `class_gradient`.

    >>> from scratchnet import Sequential, layers
    >>> model = Sequential(
    ...     [layers.Input((1, 3, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    ... )
    >>> model.set_weights([np.array([[1, 0], [-3, 0], [0, 2]]), np.zeros(2)])
    >>> saliency(model, np.ones((1, 1, 3, 1)), class_index=0)
    array([[[1., 3., 0.]]], dtype=float32)
    """
    return np.abs(class_gradient(model, images, class_index)).max(axis=-1)


def score_gradients(
    watched: WatchedGraph, model: Model, x: np.ndarray, class_index: Classes
) -> np.ndarray:
    """∂S_c/∂I of checked images; on the way back the watched layers note ∂S_c/∂output."""
    with unchanged(model):
        is_probability = watched.graph.output_activation(0) in ("softmax", "sigmoid")
        logits = (0,) if is_probability else ()
        (y,), saved, _ = watched.graph.forward([x], False, logits)
        upstream = np.zeros_like(y)
        upstream[np.arange(len(x)), _classes(class_index, y)] = 1
        dy, dz = (None, {0: upstream}) if is_probability else (upstream, {})
        (dx,), _ = watched.graph.backward([dy], saved, dz=dz)
    return np.zeros_like(x) if dx is None else dx


def checked_images(model: Model, images: ArrayLike) -> np.ndarray:
    """The images as the model computes with them."""
    inputs, outputs = model.graph.inputs, model.graph.outputs
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].ndim != 4 or outputs[0].ndim != 2:
        raise ValueError(
            f"{model._label()} goes from {[t.shape for t in inputs]} to "
            f"{[t.shape for t in outputs]}. Expected one input of images, (None, H, W, C), and one "
            f"output with a score for each class, (None, classes): cut it out with "
            f"Model(inputs, outputs)."
        )
    x = np.asarray(images)
    model.check_input(x.shape)
    if len(x) == 0:
        raise ValueError(f"Received no images: an array of shape {x.shape}. Expected at least one.")
    return model.cast(x)


def _classes(class_index: Classes, y: np.ndarray) -> np.ndarray:
    """The class of each image."""
    if class_index is None:
        return y.argmax(axis=1)
    classes = np.asarray(class_index)
    if not np.issubdtype(classes.dtype, np.integer) or classes.shape not in ((), y.shape[:1]):
        raise ValueError(
            f"class_index has shape {classes.shape} and dtype {classes.dtype}. Expected one "
            f"integer, or {len(y)}, one for each image."
        )
    wrong = classes[(classes < 0) | (classes >= y.shape[1])]
    if wrong.size:
        raise ValueError(
            f"The model has no class {int(wrong.flat[0])}, which class_index asks for. Expected "
            f"numbers from 0 to {y.shape[1] - 1}."
        )
    return np.broadcast_to(classes, len(y))
