"""When to save: after each epoch, or after every so many batches."""

from __future__ import annotations

from typing import Literal

SaveFrequency = int | Literal["epoch"]


class BatchCounter:
    """Counts batches and says when it is time to save.

    Batches are numbered from 0 in each epoch. A number above the last one means that the batches
    between them were seen too, one that is not above it that a new epoch has begun.

    Args:
        frequency: "epoch" for never in the midst of an epoch, or a number of batches.
        owner: name of the callback, for its error message.

    Raises ValueError for another frequency.

    >>> counter = BatchCounter(2, "ModelCheckpoint")
    >>> [counter.is_due(batch) for batch in (0, 1, 2, 0, 1)]
    [False, True, False, True, False]
    """

    def __init__(self, frequency: SaveFrequency, owner: str) -> None:
        is_count = isinstance(frequency, int) and not isinstance(frequency, bool)
        if frequency != "epoch" and not (is_count and frequency > 0):
            raise ValueError(
                f"{owner} received save_freq={frequency!r}. Expected 'epoch', or after how many "
                f"batches to save, as a positive integer."
            )
        self.frequency = frequency
        self.last_batch: int | None = None
        self._unsaved = 0

    def is_due(self, batch: int) -> bool:
        """Count this batch, and say whether to save after it."""
        if self.frequency == "epoch":
            return False
        new_epoch = self.last_batch is None or batch <= self.last_batch
        self._unsaved += batch + 1 if new_epoch else batch - (self.last_batch or 0)
        self.last_batch = batch
        if self._unsaved < self.frequency:
            return False
        self._unsaved = 0
        return True
