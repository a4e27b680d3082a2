"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import PALE, paper
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_matrix(y_true: Any, y_pred: Any, class_names: Sequence[str]) -> Figure:
    """A heatmap: row i, column j has the number of samples of class i that were taken for j.

    The colour is that number's share of the row, so that classes of different sizes compare; on
    the diagonal it is the class's recall.

    Args:
        y_true: (N,) classes, or (N, C) one-hot.
        y_pred: (N,) classes, or (N, C) probabilities or logits, whose largest counts.
        class_names: the C names.

    Raises:
        ValueError: the two are empty, differ in length, or hold something else than classes.
        ModuleNotFoundError: matplotlib or seaborn is not installed.
    """
    classes = len(class_names)
    true = _classes(y_true, "y_true", classes)
    predicted = _classes(y_pred, "y_pred", classes)
    if len(true) != len(predicted) or len(true) == 0:
        raise ValueError(
            f"confusion_matrix received {len(true)} values of y_true and {len(predicted)} of "
            f"y_pred. Expected as many of both, and at least one."
        )
    counts = np.bincount(true * classes + predicted, minlength=classes**2)
    counts = counts.reshape(classes, classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    seaborn = require("seaborn")
    size = min(2.6 + 0.56 * classes, WEB_WIDTH - 1)
    with drawing(size + 1, size) as figure:
        axes = figure.subplots()
        seaborn.heatmap(
            share,
            ax=axes,
            vmin=0,
            vmax=1,
            cmap=paper(),
            annot=counts,
            fmt="d",
            annot_kws={"fontsize": 9},
            square=True,
            linewidths=1,
            linecolor="white",
            xticklabels=list(class_names),
            yticklabels=list(class_names),
            cbar_kws={"label": "share of the true class", "shrink": 0.8},
        )
        for text in axes.texts:
            if text.get_text() == "0":
                text.set_color(PALE)
        right = int(np.trace(counts))
        axes.set_title(
            f"Confusion matrix: {right:,} of {len(true):,} right ({right / len(true):.1%})"
        )
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.tick_params(length=0)
        axes.tick_params(axis="x", labelrotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
        axes.tick_params(axis="y", labelrotation=0)
    return figure


def _classes(values: Any, name: str, classes: int) -> np.ndarray:
    """(N,) integers below `classes`."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == classes:
        array = array.argmax(axis=1)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biuf" or (array != np.floor(array)).any():
        raise ValueError(
            f"{name} has shape {np.shape(values)} and dtype {array.dtype}. Expected (N,) whole "
            f"numbers, or (N, {classes}) with a column for each of the {classes} class names."
        )
    if len(array) and (array.min() < 0 or array.max() >= classes):
        raise ValueError(
            f"{name} has classes from {array.min()} to {array.max()}. Expected 0 to "
            f"{classes - 1}, for there are {classes} class names."
        )
    return array.astype(np.int64)
