"""The epochs and the curves of a run, wherever it was recorded."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def epochs_and_curves(run: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The epochs, counted from 1, and the values of each name, NaN where there are none.

    Args:
        run: what `fit` returned, a dict of lists such as its `.history`, or the path of a file
            that `callbacks.CSVLogger` wrote.

    Raises:
        ValueError: no epochs, a dict's values that are not one for each epoch, or a file of
            another kind.
        TypeError: it is none of the three.
        FileNotFoundError: there is no such file.
    """
    if hasattr(run, "frame"):
        frame = run.frame()
        epochs = frame.index.to_numpy() + 1
        curves = {str(name): frame[name].to_numpy(np.float64) for name in frame.columns}
    elif isinstance(run, Mapping):
        epochs, curves = _of_mapping(run)
    elif isinstance(run, (str, os.PathLike)):
        epochs, curves = _of_file(Path(run))
    else:
        raise TypeError(
            f"history received {type(run).__name__}. Expected what fit returned, a dict of lists "
            f"such as its .history, or the path of a file that CSVLogger wrote."
        )
    if len(epochs) == 0 or not curves:
        raise ValueError("history received no epochs. Expected at least one; call fit first.")
    return epochs, curves


def _of_mapping(run: Mapping[Any, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    curves = {str(name): np.asarray(values, np.float64) for name, values in run.items()}
    lengths = {name: len(values) for name, values in curves.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"history received values of different lengths: {lengths}. Expected one value for "
            f"each epoch; pass the History that fit returned, which knows the epochs."
        )
    return np.arange(1, max(lengths.values(), default=0) + 1), curves


def _of_file(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A table whose first column is the epoch; a column without any number is left out."""
    with path.open(newline="") as file:
        first = file.readline()
        if not first.startswith("epoch"):
            raise ValueError(
                f"{path} does not begin with a column 'epoch', but with {first[:40]!r}. Expected a "
                f"file that callbacks.CSVLogger wrote."
            )
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=first[5:6].strip("\r\n") or ","))
    epochs = np.array([int(float(row["epoch"])) + 1 for row in rows], np.int64)
    curves = {}
    for name in rows[0] if rows else []:
        values = np.array([_number(row[name]) for row in rows])
        if name != "epoch" and not np.isnan(values).all():
            curves[name] = values
    return epochs, curves


def _number(cell: str | None) -> float:
    """What is no number ("NA", an array) is NaN."""
    try:
        return float(cell or "nan")
    except ValueError:
        return float("nan")
