"""Go on with a training that was interrupted, as if it had not been.

In the folder of the backup:

    latest.weights.h5         the weights, the optimizer's state and, in the attribute
                              `training_metadata`, the epoch to go on with and the random state
    training_metadata.json    epoch and batch once more, where Keras looks for them
    *.bkp                     the backup before the last, with double_checkpoint

Epoch and weights are in one file that is replaced in one go. So whenever a run is killed, what it
leaves belongs together.

Source: keras/src/callbacks/backup_and_restore.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from scratchnet.callbacks.callback import Callback, Logs
from scratchnet.callbacks.random_state import random_state, restore_random_state
from scratchnet.callbacks.save_frequency import BatchCounter, SaveFrequency

_METADATA = "training_metadata"


class BackupAndRestore(Callback):
    """Back up the training; when `fit` is called again after a crash, go on from the backup.

    Restored are the weights, the state of the optimizer (step, learning rate, slots, averages),
    the epoch to begin with, the library's random generator and the state of layers that draw.
    A backup of the end of an epoch so leads to the very weights of a run without interruption.
    Not restored are the state of other callbacks (`wait` and `best` of EarlyStopping …), the
    history before the interruption, and generators of your own. With `save_freq` in batches the
    epoch that was interrupted begins again from its first batch, with the weights of the backup.

    Backups go either way between Keras and scratchnet; Keras's have no random state. Where it
    differs from Keras:

    - After a restored training the model's next `fit` begins at its own `initial_epoch`, not
      at the restored one.
    - A backup amid the first epoch after a restoration names that epoch; Keras's names epoch 0.
    - At the end its own files are deleted, and the folder only if nothing else is in it.
    - `save_freq=False` is refused; Keras then saves after every batch.

    Args:
        backup_dir: folder of the backup, for this training alone; it is made.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: keep the backup before the last too, and use it if the last cannot be
            read.
        delete_checkpoint: delete the backup when the training has ended in order.

    Raises:
        ValueError: an empty backup_dir; another save_freq; when training begins, a model that is
            not built or that the backup does not fit; the model stays what it was.
        OSError: when training begins, no backup can be read.

    >>> backup = BackupAndRestore("backup", save_freq="epoch")
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: SaveFrequency = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError(
                f"BackupAndRestore received backup_dir={backup_dir!r}. Expected the path of a "
                f"folder."
            )
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        folder = Path(backup_dir)
        self._weights_path = folder / "latest.weights.h5"
        self._metadata_path = folder / "training_metadata.json"
        self._previous_path = folder / "latest.weights.h5.bkp"
        self._previous_metadata_path = folder / "training_metadata.json.bkp"
        self._next_path = folder / "next.weights.h5"
        self._start()

    def _start(self) -> None:
        self._counter = BatchCounter(self.save_freq, "BackupAndRestore")
        self._epoch = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._start()
        self.model._initial_epoch = None  # of an earlier training that was restored and failed
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore needs a model with weights, but {self.model.name!r} is not "
                f"built. Give it an Input as its first layer, or call model.build first."
            )
        if not self._weights_path.exists():
            return
        try:
            self._restore(self._weights_path, self._metadata_path)
        except OSError as error:
            if not self._previous_path.exists():
                raise OSError(
                    f"BackupAndRestore cannot read the backup {str(self._weights_path)!r}: "
                    f"{error}. Delete it to train from the start; double_checkpoint=True keeps a "
                    f"second one."
                ) from error
            shutil.copyfile(self._previous_path, self._weights_path)
            if self._previous_metadata_path.exists():
                shutil.copyfile(self._previous_metadata_path, self._metadata_path)
            self._restore(self._weights_path, self._metadata_path)

    def _restore(self, weights: Path, metadata: Path) -> None:
        state = _read_metadata(weights, metadata)
        before = random_state(self.model)
        if "random" in state:
            restore_random_state(self.model, state["random"])
        try:
            self.model.load_weights(weights)
        except BaseException:
            restore_random_state(self.model, before)
            raise
        self.model._initial_epoch = self._epoch = state.get("epoch", 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch + 1
        self._counter.last_batch = None
        if self.save_freq == "epoch":
            self._back_up()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.is_due(batch):
            self._back_up()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.model._initial_epoch = None
        if self.delete_checkpoint:
            self._delete()

    def _back_up(self) -> None:
        import h5py  # here, for training must not wait for what it seldom needs

        from scratchnet.saving.atomic import atomic_write  # saving imports models

        place = {"epoch": self._epoch, "batch": self._counter.last_batch or 0}
        self.model.save_weights(self._next_path, overwrite=True)
        with h5py.File(self._next_path, "a") as file:
            file.attrs[_METADATA] = json.dumps(place | {"random": random_state(self.model)})
        if self.double_checkpoint:
            _copy(self._weights_path, self._previous_path)
            _copy(self._metadata_path, self._previous_metadata_path)
        self._next_path.replace(self._weights_path)
        with atomic_write(self._metadata_path) as path:
            path.write_text(json.dumps(place))

    def _delete(self) -> None:
        folder = Path(self.backup_dir)
        if not folder.exists():
            return
        for path in (self._weights_path, self._metadata_path, self._next_path):
            # Also *.bkp, and what is left of a file whose writing was killed
            for file in folder.glob(f"{path.name}*"):
                file.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _read_metadata(weights: Path, metadata: Path) -> dict[str, Any]:
    """What stands in the file of the weights, or else, where Keras wrote them, beside it."""
    import h5py

    with h5py.File(weights, "r") as file:
        text = file.attrs.get(_METADATA)
    if text is None and metadata.exists():
        text = metadata.read_text()
    return {} if text is None else json.loads(text)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, if there is one, in one go."""
    from scratchnet.saving.atomic import atomic_write

    if source.exists():
        with atomic_write(target) as path:
            shutil.copyfile(source, path)
