"""Arrays as metrics take them: targets beside predictions, weights beside values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.config import floatx
from scratchnet.losses.loss import same_rank


def as_array(values: ArrayLike) -> np.ndarray:
    """An array of its own dtype; Python's floats become `config.floatx()`, as in Keras."""
    array = np.asarray(values)
    if not isinstance(values, (np.ndarray, np.generic)) and array.dtype == np.float64:
        return array.astype(floatx())
    return array


def pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one rank and, where y_pred has floating point, of its dtype."""
    predictions, targets = as_array(y_pred), as_array(y_true)
    if np.issubdtype(predictions.dtype, np.floating):
        targets = targets.astype(predictions.dtype, copy=False)
    return same_rank(targets, predictions)


def divide_no_nan(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 wherever b is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(b.shape), where=b != 0)


def require_same_shape(name: str, y_true: np.ndarray, y_pred: np.ndarray) -> None:
    """Raise ValueError where the targets do not stand beside the predictions."""
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"The targets do not fit the predictions: the metric {name!r} received y_true of "
            f"shape {y_true.shape} and y_pred of shape {y_pred.shape}. Expected the same shape."
        )
