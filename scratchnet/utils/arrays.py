"""Arrays on their way into a model: classes as vectors, vectors of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as vectors with a 1 at the class and 0 elsewhere.

        y[…, c] = 1 where x[…] = c, else 0

    Args:
        x: class numbers from 0, of any shape; a last axis of size 1 is dropped.
        num_classes: number of classes C; None means max(x) + 1.

    Returns:
        Float64, of the shape of x with an axis of C more.

    Raises:
        ValueError: a class below 0 or not below C (Keras counts negative ones from the end); no
            classes at all and no C.

    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])

    Source: keras/src/utils/numerical_utils.py.
    """
    labels = np.array(x, np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not num_classes:
        if not labels.size:
            raise ValueError(
                "to_categorical received no class numbers, so their largest is not known. "
                "Expected num_classes, such as num_classes=10."
            )
        num_classes = int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"to_categorical received class numbers from {labels.min()} to {labels.max()} for "
            f"num_classes={num_classes}. Expected numbers from 0 to {num_classes - 1}; add to "
            f"them, or raise num_classes."
        )
    return (labels[..., None] == np.arange(num_classes)).astype(np.float64)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """Vectors scaled to norm 1.

        y = x / ‖x‖_p along an axis, ‖x‖_p = (Σ |x|^p)^{1/p};  y = x where the norm is 0

    Args:
        x: array with the vectors along `axis`.
        axis: of the vectors.
        order: p; also np.inf, the largest |x|.

    Returns:
        An array of the shape of x. Float arrays keep their dtype. (Keras gives a single vector a
        first axis of 1, and for axis=0 it divides each row by the norm of a column.)

    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])

    Source: keras/src/utils/numerical_utils.py.
    """
    vectors = np.asarray(x)
    norm = np.linalg.norm(vectors, order, axis, keepdims=True)
    return vectors / np.where(norm == 0, norm.dtype.type(1), norm)
