"""Keep the model, or the best of it, on disk while it trains.

Source: keras/src/callbacks/model_checkpoint.py.
"""

from __future__ import annotations

import os
import warnings

import numpy as np

from scratchnet.callbacks.callback import Logs
from scratchnet.callbacks.monitor import MonitorCallback
from scratchnet.callbacks.save_frequency import BatchCounter, SaveFrequency


class ModelCheckpoint(MonitorCallback):
    """Save the model or its weights after each epoch, or after every `save_freq` batches.

    A file is written beside the old one and takes its place when it is complete, so a crash
    never leaves half a file. With `save_best_only`, where it differs from Keras:

    - NaN is never the best. In Keras a first NaN is, and no later epoch is saved.
    - With `save_freq` in batches it works from the first epoch on, where Keras raises a
      TypeError at the second save.

    Without `save_best_only` the direction of `monitor` is of no account, and unlike in Keras
    nothing is raised where it is not known.

    Args:
        filepath: where to save; {epoch} (counted from 1), {batch} (from 1, with `save_freq` in
            batches) and the names of the logs in braces are filled in, with a format if need be:
            "{epoch:02d}-{val_loss:.2f}.keras". Ends in ".keras", or in ".weights.h5" with
            `save_weights_only`. Folders are made.
        monitor: name of the value in the logs that says what is best; where it is missing, or
            an array, a warning says so and the model is saved.
        verbose: 1 prints what is saved and why.
        save_best_only: save only what is better than all before (`callbacks.monitor`).
        save_weights_only: save the weights, with the state of the optimizer, and not the model.
        mode: "min", "max" or "auto".
        save_freq: "epoch", or a number of batches; these are counted on from epoch to epoch.
        initial_value_threshold: the first value must be better than this; None takes any.

    Raises:
        ValueError: another ending or save_freq; while training, with `save_best_only`, where
            mode "auto" does not know the monitor.
        KeyError: a name in braces that the logs do not have.
        IsADirectoryError: the path is a folder.

    >>> best = ModelCheckpoint("best.keras", "val_accuracy", mode="max", save_best_only=True)
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: SaveFrequency = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, baseline=initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._counter = BatchCounter(save_freq, "ModelCheckpoint")
        self._epoch = 0
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ValueError(
                f"ModelCheckpoint received filepath={self.filepath!r} with "
                f"save_weights_only={save_weights_only}. Expected a name that ends in {ending!r}; "
                f"weights alone have the ending '.weights.h5', a whole model '.keras'."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.is_due(batch):
            self._consider(self._epoch, {"batch": batch + 1} | (logs or {}), logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._consider(epoch, logs or {}, logs or {})

    def _consider(self, epoch: int, names: Logs, logs: Logs) -> None:
        """Save, where there is reason to; `names` is what may stand in braces in the path."""
        path = self._path(epoch, names)
        reason = self._reason_to_save(logs)
        if reason is None:
            self._tell(epoch, f"{self.monitor} is not better than {_short(self.best)}")
            return
        self._tell(epoch, f"{reason}saving to {path}")
        try:
            if self.save_weights_only:
                self.model.save_weights(path, overwrite=True)
            else:
                self.model.save(path, overwrite=True)
        except IsADirectoryError as error:
            raise IsADirectoryError(
                f"ModelCheckpoint cannot write {path!r}: there is a folder of that name. Expected "
                f"the path of a file; choose another filepath."
            ) from error

    def _reason_to_save(self, logs: Logs) -> str | None:
        """Words that say why, which may be none at all; None means that there is no reason.

        A value that is the best so far becomes `best`.
        """
        if not self.save_best_only:
            return ""
        self._settle_direction()
        value = logs.get(self.monitor)
        if value is None or np.ndim(value) > 0:
            warnings.warn(
                f"ModelCheckpoint saves what is best by {self.monitor!r}, which is no number in "
                f"the logs but {value!r}; they have {', '.join(logs)}. Saving regardless.",
                stacklevel=5,
            )
            return ""
        if not self._improves(value, self.best):
            return None
        before, self.best = self.best, value
        return f"{self.monitor} went from {_short(before)} to {_short(value)}, "

    def _path(self, epoch: int, names: Logs) -> str:
        try:
            return self.filepath.format(epoch=epoch + 1, **names)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint cannot fill in {error} in filepath={self.filepath!r}. Expected "
                f"names that the logs have: epoch, {', '.join(names)}."
            ) from error

    def _tell(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {what}")


def _short(value: float | None) -> str:
    return "None" if value is None else f"{value:.5f}"
