"""Arrays on their way into training: checked, split and cut into batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from scratchnet import config


class Samples(NamedTuple):
    """Inputs, targets and weights, all with one row for each sample; the last two may be None."""

    x: np.ndarray
    y: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: slice | np.ndarray) -> Samples:
        """These rows of each array."""
        return Samples(*(None if array is None else array[rows] for array in self))  # type: ignore[arg-type]

    def batches(self, batch_size: int, order: np.ndarray | None = None) -> Iterator[Samples]:
        """Consecutive batches, of the rows in `order` if given; the last one may be smaller."""
        for start in range(0, len(self), batch_size):
            rows = slice(start, start + batch_size)
            yield self.take(rows if order is None else order[rows])


def samples(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Samples:
    """Check the arrays and join them; class weights become sample weights.

    Raises:
        TypeError: not arrays, or class weights that are not a dict.
        ValueError: arrays of different lengths, both kinds of weights, class weights without y.
    """
    arrays = {"x": x, "y": y, "sample_weight": sample_weight}
    checked = {name: _array(name, value) for name, value in arrays.items() if value is not None}
    if "x" not in checked:
        raise TypeError("x is missing: received None. Expected an array with a row a sample.")
    lengths = {name: len(array) for name, array in checked.items()}
    if len(set(lengths.values())) > 1:
        received = ", ".join(
            f"{name} of shape {checked[name].shape} with {n} samples" for name, n in lengths.items()
        )
        raise ValueError(
            f"The arrays have different numbers of samples: received {received}. Expected the "
            f"same number in each: the first axis counts the samples."
        )
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "Received both class_weight and sample_weight. Expected one of them: multiply "
                "the class weights into sample_weight."
            )
        if "y" not in checked:
            raise ValueError("Received class_weight without y. Expected the labels in y.")
        checked["sample_weight"] = _weights_of_classes(checked["y"], class_weight)
    return Samples(**checked)


def split(data: Samples, fraction: float) -> tuple[Samples, Samples]:
    """(training, validation): the last `fraction` of the rows validates, as in Keras.

    Raises ValueError where one of the two would be empty.
    """
    at = math.floor(len(data) * (1 - fraction))
    if not 0 < at < len(data):
        raise ValueError(
            f"validation_split={fraction!r} of {len(data)} samples leaves {max(at, 0)} for "
            f"training. Expected a fraction between 0 and 1 that leaves samples on both sides."
        )
    return data.take(slice(None, at)), data.take(slice(at, None))


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple, dict)) or not (
        hasattr(value, "__array__") or isinstance(value, np.ndarray)
    ):
        raise TypeError(
            f"{name} must be one array; received {type(value).__name__}. Expected a NumPy array "
            f"or what NumPy can convert, such as np.array({name}). Generators and several inputs "
            f"are not supported."
        )
    array = np.asarray(value)
    if array.ndim == 0:
        raise ValueError(
            f"{name} must have a row for each sample; received a single number, {array!r}. "
            f"Expected an array such as {name}[None]."
        )
    return array


def _weights_of_classes(y: np.ndarray, class_weight: Mapping[int, float]) -> np.ndarray:
    """One weight a sample: that of its class; a class that is not named weighs 1."""
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must map class numbers to weights; received "
            f"{type(class_weight).__name__}. Expected a dict such as {{0: 1.0, 1: 5.0}}."
        )
    if y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] != 1 else y[..., 0]
    weights = [class_weight.get(int(label), 1.0) for label in np.round(y)]
    return np.array(weights, config.floatx())
