"""The record of a training run in a file that a spreadsheet opens.

Source: keras/src/callbacks/csv_logger.py.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from scratchnet.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Write a line of the logs after each epoch: the epoch, counted from 0, and each value.

    The columns are those of the first epoch, sorted by name. Where it was not validated, a
    column `val_…` is kept for each of them. A value that an epoch lacks is "NA", an array is
    "[1.0, 2.0]" in quotes. Each line is on disk before the next epoch begins.

    Args:
        filename: path of the file; its folder must exist.
        separator: one character between two columns.
        append: write on after what the file holds, with no second line of names, where Keras's
            default and ours begin the file anew.

    Raises:
        ValueError: a separator of another length.
        OSError: the file cannot be written; raised when training begins.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                f"CSVLogger received separator={separator!r}. Expected one character, such as ','."
            )
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self._file: TextIO | None = None
        self._writer: Any = None
        self._names: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        # The writer ends lines itself; newline="" keeps Windows from doing it again.
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        assert self._file is not None
        logs = logs or {}
        if self._writer is None:
            self._names = _columns(logs)
            self._writer = csv.writer(self._file, delimiter=self.sep)
            if Path(self.filename).stat().st_size == 0:
                self._writer.writerow(["epoch", *self._names])
        self._writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self._names)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _cell(value: Any) -> Any:
    is_number = isinstance(value, np.ndarray) and value.ndim == 0
    if isinstance(value, str) or not isinstance(value, Iterable) or is_number:
        return value
    return f'"[{", ".join(map(str, value))}]"'
