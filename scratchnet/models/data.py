"""Data on its way into training: checked, sorted by input and output, and cut into batches.

What `fit` accepts becomes a `Source`, which gives the batches of one epoch after the other:

    arrays      one for each input and output, or lists and dicts of them; cut into batches here
    sequences   objects with `len(data)` and `data[i]`, such as keras.utils.PyDataset: batch i
    iterables   generators, DataLoaders, tf.data.Datasets: whatever they yield is a batch

A batch of the last two is (x,), (x, y) or (x, y, sample_weight).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from scratchnet import config
from scratchnet.random import generator

Arrays = list[Any]  # arrays, or None where there is none


class Samples(NamedTuple):
    """One array for each input, and a target and weights (or None) for each output.

    All have one row for each sample.
    """

    x: Arrays
    y: Arrays | None = None
    sample_weight: Arrays | None = None

    @property
    def rows(self) -> int:
        """The number of samples."""
        return len(self.x[0])

    def take(self, rows: slice | np.ndarray) -> Samples:
        """These rows of each array."""

        def part(arrays: Arrays | None) -> Any:
            return None if arrays is None else [None if a is None else a[rows] for a in arrays]

        return Samples(part(self.x), part(self.y), part(self.sample_weight))


class Source:
    """Batches, epoch by epoch.

    Args:
        batches: starts a pass over the data.
        steps: batches of a pass; None where that is not known before.
        steps_per_epoch: batches of an epoch, if that is to be something else than a pass: the
            next epoch goes on where the last one stopped.
        began, ended: called before and after each epoch.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Samples]],
        steps: int | None,
        steps_per_epoch: int | None = None,
        began: Callable[[], object] = lambda: None,
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        self._batches = batches
        self._pass = steps
        self._per_epoch = steps_per_epoch
        self._began = began
        self._ended = ended
        self._current: Iterator[Samples] | None = None
        self._seen = 0  # batches of the pass that an epoch may go on with

    @property
    def steps(self) -> int | None:
        """Batches of an epoch; None before the first pass over an iterable."""
        return self._per_epoch or self._pass

    def begin_anew(self) -> None:
        """Let the next epoch begin a new pass."""
        self._current = None

    def epoch(self) -> Iterator[Samples]:
        """The batches of the next epoch.

        Warns where the data end before `steps_per_epoch` batches, or a generator that was used up
        gives nothing more.
        """
        self._began()
        if self._current is None or self._per_epoch is None:
            self._current, self._seen = self._batches(), 0
        given = 0
        while self._per_epoch is None or given < self._per_epoch:
            batch = next(self._current, None)
            if batch is None:
                if self._per_epoch is not None or (given == 0 and self._pass != 0):
                    _warn_that_data_ended(self._per_epoch)
                self._current = None
                break
            given += 1
            self._seen += 1
            yield batch
        if self._pass is None and self._current is None:
            self._pass = self._seen
        elif self._pass is not None and self._seen >= self._pass:
            self._current = None  # the next epoch begins a new pass
        self._ended()


def source(
    x: Any,
    y: Any,
    sample_weight: Any,
    gather: Callable[[Any, Any, Any], Samples],
    batch_size: int | None,
    steps_per_epoch: int | None = None,
    shuffle: bool = False,
) -> Source:
    """The source for what a caller passed as x, y and sample_weight.

    Args:
        x, y, sample_weight: arrays, or in x alone what yields batches.
        gather: turns (x, y, sample_weight) of all samples, or of a batch, into `Samples`.
        batch_size: samples in a batch of arrays; None means 32.
        steps_per_epoch: see `Source`.
        shuffle: whether arrays and sequences come in a new order in each epoch.

    Raises:
        TypeError: a batch that is no tuple.
        ValueError: y, weights or a batch size beside what yields batches of its own; data without
            an end and no steps per epoch.
    """
    if not is_stream(x):
        return array_source(gather(x, y, sample_weight), batch_size, steps_per_epoch, shuffle)
    for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)):
        if value is not None:
            raise ValueError(
                f"x is a {type(x).__name__}, which yields batches (x, y) or (x, y, sample_weight); "
                f"received {name} too. Expected {name}=None."
            )
    began, ended = (getattr(x, f"on_epoch_{when}", lambda: None) for when in ("begin", "end"))
    count = _batches_in(x, steps_per_epoch)
    if count is not None:

        def batches() -> Iterator[Samples]:
            order = generator().permutation(count) if shuffle else range(count)
            return (gather(*_unpacked(x[int(i)])) for i in order)

        return Source(batches, count, steps_per_epoch, began, ended)

    return Source(
        lambda: (gather(*_unpacked(each)) for each in x), None, steps_per_epoch, began, ended
    )


def array_source(
    data: Samples,
    batch_size: int | None,
    steps_per_epoch: int | None = None,
    shuffle: bool = False,
) -> Source:
    """Consecutive batches of the samples, in a new order each time if shuffled; the last batch of
    a pass may be smaller."""
    size = checked_batch_size(batch_size)

    def batches() -> Iterator[Samples]:
        order = generator().permutation(data.rows) if shuffle else None
        for start in range(0, data.rows, size):
            rows = slice(start, start + size)
            yield data.take(rows if order is None else order[rows])

    return Source(batches, math.ceil(data.rows / size), steps_per_epoch)


def is_stream(x: Any) -> bool:
    """Whether x yields batches, as a generator or a PyDataset does, and is no array."""
    return not (
        x is None or hasattr(x, "__array__") or isinstance(x, (list, tuple, dict, str))
    ) and (isinstance(x, Iterable) or (hasattr(x, "__len__") and hasattr(x, "__getitem__")))


def array(name: str, value: Any) -> np.ndarray:
    """`value` as an array with a row for each sample.

    Raises TypeError or ValueError, naming the argument, for anything else.
    """
    if isinstance(value, (list, tuple, dict)) or not hasattr(value, "__array__"):
        raise TypeError(
            f"{name} must be one array; received {type(value).__name__}. Expected a NumPy array "
            f"or what NumPy can convert, such as np.array({name})."
        )
    result = np.asarray(value)
    if result.ndim == 0:
        raise ValueError(
            f"{name} must have a row for each sample; received a single number, {result!r}. "
            f"Expected an array such as {name}[None]."
        )
    return result


def require_one_length(named: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError where arrays have different numbers of rows."""
    if len({len(each) for each in named.values()}) > 1:
        received = ", ".join(
            f"{name} of shape {each.shape} with {len(each)} samples" for name, each in named.items()
        )
        raise ValueError(
            f"The arrays have different numbers of samples: received {received}. Expected the "
            f"same number in each: the first axis counts the samples."
        )


def split(data: Samples, fraction: float) -> tuple[Samples, Samples]:
    """(training, validation): the last `fraction` of the rows validates, as in Keras.

    Raises ValueError where one of the two would be empty.
    """
    at = math.floor(data.rows * (1 - fraction))
    if not 0 < at < data.rows:
        raise ValueError(
            f"validation_split={fraction!r} of {data.rows} samples leaves {max(at, 0)} for "
            f"training. Expected a fraction between 0 and 1 that leaves samples on both sides."
        )
    return data.take(slice(None, at)), data.take(slice(at, None))


def weights_of_classes(y: np.ndarray, class_weight: Mapping[int, float]) -> np.ndarray:
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


def checked_batch_size(batch_size: int | None) -> int:
    """The number of samples in a batch; raises ValueError for what is no such number."""
    size = 32 if batch_size is None else batch_size
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(
            f"batch_size={batch_size!r} is no number of samples. Expected a positive integer."
        )
    return int(size)


def _batches_in(x: Any, steps_per_epoch: int | None) -> int | None:
    """The number of batches x[i] of a sequence; None for what can only be iterated over."""
    if not hasattr(x, "__getitem__"):
        return None
    if not hasattr(x, "num_batches"):
        return len(x) if hasattr(x, "__len__") else None
    if x.num_batches is None and steps_per_epoch is None:
        raise ValueError(
            f"x is a {type(x).__name__} without an end: its num_batches is None. Expected the "
            f"number of batches of an epoch, steps_per_epoch (steps in evaluate and predict)."
        )
    return x.num_batches


def _unpacked(batch: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a source yielded; what is missing is None."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise TypeError(
            f"The data yielded a {type(batch).__name__} of {len(batch)}. Expected a tuple (x,), "
            f"(x, y) or (x, y, sample_weight)."
        )
    return (*batch, None, None)[:3]


def _warn_that_data_ended(steps: int | None) -> None:
    promised = "an epoch had no batch" if steps is None else f"before the {steps} steps of an epoch"
    warnings.warn(
        f"The data ended, {promised}. A generator can be passed over once only: make it endless "
        f"and say steps_per_epoch, or pass an object that can be iterated anew.",
        stacklevel=4,
    )
