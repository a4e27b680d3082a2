"""Data that a class of the user's own makes, batch by batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base of data that `fit`, `evaluate` and `predict` ask for one batch after the other.

    A subclass defines `__getitem__(i)`, which returns batch i as (x, y) or (x, y, sample_weight),
    and `__len__()`, the number of batches; or the property `num_batches`, which may be None for
    data without an end, of which `fit` then takes `steps_per_epoch` batches an epoch. With
    `shuffle=True` the batches of an epoch come in a new order; the samples stay in their batch.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted for Keras scripts. They say how many
            threads or processes prepare batches ahead, which changes no batch; here a batch is
            made when its turn has come.

    >>> import numpy as np
    >>> from scratchnet import Sequential, layers
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, i):
    ...         x = np.full((2, 1), float(i))
    ...         return x, x**2
    >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(Squares(), verbose=0)

    Source: keras/src/trainers/data_adapters/py_dataset_adapter.py.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define __getitem__(index), which returns a batch."
        )

    def __iter__(self) -> Iterator[Any]:
        """The batches in order; without an end where `num_batches` is None."""
        count = self.num_batches
        for i in itertools.count() if count is None else range(count):
            yield self[i]

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None for data without an end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                f"{type(self).__name__} does not say how many batches it has. Expected a method "
                f"__len__(self), or a property num_batches."
            )
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before the first batch of each epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of each epoch."""


# Keras's older name
Sequence = PyDataset
