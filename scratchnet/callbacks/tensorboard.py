"""The record of a training run for TensorBoard.

In `log_dir`, with the names that Keras gives them:

    train/        epoch_loss, epoch_<metric>, epoch_learning_rate          step: the epoch, from 0
                  batch_loss, batch_<metric>                               step: the batch, from 1
                  <layer>/<weight>/histogram, <layer>/<weight>/image       step: the epoch
                  epoch_steps_per_second, batch_steps_per_second
    validation/   epoch_loss, epoch_<metric>                               step: the epoch
                  evaluation_loss_vs_iterations, …                         step: of the optimizer

Look at it with `tensorboard --logdir logs`.

Source: keras/src/callbacks/tensorboard.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs
from scratchnet.callbacks.event_file import EventFile, require_tensorboard


class TensorBoard(Callback):
    """Write losses, metrics and the distributions of the weights for TensorBoard.

    Needs the extra `scratchnet[tensorboard]`, but not TensorFlow. With `update_freq` in batches
    the values of epochs and evaluations are always written; Keras writes them only where the
    last batch happened to be one of those.

    Args:
        log_dir: folder of the files, for this callback alone.
        histogram_freq: write histograms of the weights after every so many epochs; 0 for never.
        write_graph: accepted, because True is Keras's default, and without effect: there is no
            TensorFlow graph to write. `model.summary()` shows the architecture.
        write_images: write the weights as images too, whenever histograms are written.
        write_steps_per_second: write how fast the training is.
        update_freq: "epoch" writes no values of batches, "batch" those of each batch, a number
            those of every so many batches.
        profile_batch: must be 0; use a profiler of Python.
        embeddings_freq, embeddings_metadata: must be 0 and None; there are no embeddings.

    Raises:
        ImportError: the extra is not installed.
        ValueError: profiling or embeddings are asked for, or another update_freq.

    >>> board = TensorBoard("logs", histogram_freq=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        super().__init__()
        _refuse(profile_batch, embeddings_freq, embeddings_metadata)
        require_tensorboard()
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = _batches_between(update_freq)
        self._files: dict[str, EventFile] = {}
        self._train_batch = 0
        self._in_fit = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._train_batch = 0
        self._in_fit = True
        self._file("train")

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began = time.perf_counter(), self.model.optimizer.iterations

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs:
            self._write_epoch(epoch, logs)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._train_batch += 1
        self._batch_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.update_freq == "epoch" or self._train_batch % self.update_freq != 0:
            return
        values = dict(logs or {})
        if self.write_steps_per_second:
            values["steps_per_second"] = 1 / (time.perf_counter() - self._batch_began)
        for name, value in values.items():
            self._file("train").scalar(f"batch_{name}", value, self._train_batch)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._file("validation")

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self.model.optimizer is not None:
            step = self.model.optimizer.iterations
            for name, value in (logs or {}).items():
                self._file("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
        if not self._in_fit:
            self._close()

    def _write_epoch(self, epoch: int, logs: Logs) -> None:
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            start, step = self._epoch_began
            steps = self.model.optimizer.iterations - step
            train["steps_per_second"] = steps / (time.perf_counter() - start)
        for name, value in train.items():
            self._file("train").scalar(f"epoch_{name}", value, epoch)
        for name, value in logs.items():
            if name.startswith("val_"):
                tag = f"epoch_{name.removeprefix('val_')}"
                self._file("validation").scalar(tag, value, epoch)

    def _write_weights(self, epoch: int) -> None:
        for path, weight in _named_weights(self.model):
            self._file("train").histogram(f"{path}/histogram", weight, epoch)
            if self.write_images and (images := _as_images(weight)) is not None:
                self._file("train").images(f"{path}/image", images, epoch)

    def _file(self, folder: str) -> EventFile:
        if folder not in self._files:
            self._files[folder] = EventFile(Path(self.log_dir, folder))
        return self._files[folder]

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}


def _named_weights(model: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The weights with Keras's paths, in which a Sequential model's name stands first."""
    from scratchnet.models import Sequential  # models import callbacks

    prefix = f"{model.name}/" if isinstance(model, Sequential) else ""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _named_weights(layer)
        else:
            yield from ((f"{prefix}{weight.path}", weight.value) for weight in layer.weights)


def _as_images(weight: np.ndarray) -> np.ndarray | None:
    """The weight as images (N, H, W, C), or None where it cannot be shown.

    Axes of size 1 go first. Then a vector is a column, a matrix one image, wider than high,
    (H, W, N) are N images, and (N, H, W, C) is what it is where C is 1, 3 or 4.
    """
    squeezed = np.squeeze(weight)
    if squeezed.ndim == 1:
        return squeezed[None, :, None, None]
    if squeezed.ndim == 2:
        wide = squeezed.T if squeezed.shape[0] > squeezed.shape[1] else squeezed
        return wide[None, :, :, None]
    if squeezed.ndim == 3:
        return squeezed.transpose(2, 0, 1)[..., None]
    return squeezed if squeezed.ndim == 4 and squeezed.shape[-1] in (1, 3, 4) else None


def _batches_between(update_freq: int | str) -> Any:
    if update_freq == "batch":
        return 1
    is_count = isinstance(update_freq, int) and not isinstance(update_freq, bool)
    if update_freq != "epoch" and not (is_count and update_freq > 0):  # type: ignore[operator]
        raise ValueError(
            f"TensorBoard received update_freq={update_freq!r}. Expected 'epoch', 'batch', or "
            f"after how many batches to write, as a positive integer."
        )
    return update_freq


def _refuse(profile_batch: Any, embeddings_freq: Any, embeddings_metadata: Any) -> None:
    if profile_batch not in (0, None):
        raise ValueError(
            f"TensorBoard received profile_batch={profile_batch!r}. Expected 0: TensorFlow's "
            f"profiler does not see NumPy and Numba; run Python's cProfile around fit instead."
        )
    if embeddings_freq or embeddings_metadata is not None:
        raise ValueError(
            f"TensorBoard received embeddings_freq={embeddings_freq!r} and "
            f"embeddings_metadata={embeddings_metadata!r}. Expected 0 and None: embeddings are "
            f"not written; leave the arguments out."
        )
