"""What a threshold on a score brings: ROC curve and precision against recall.

With the N samples sorted by score, a threshold calls those at or above it positive:

    recall = TP / P     false-positive rate = FP / (N − P)     precision = TP / (TP + FP)

Scores that are equal change sides together, so a curve has a point for each different score. The
area under the ROC curve is the chance that a positive sample has the larger score of two, a tie
counting half; average precision is Σ (recall_k − recall_{k−1}) · precision_k.

Source: T. Fawcett, "An introduction to ROC analysis" (2006); J. Davis and M. Goadrich, "The
relationship between precision-recall and ROC curves" (2006), for why the second is a staircase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scratchnet.visualization.colours import DARK, GREY, line_look
from scratchnet.visualization.style import SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class _Counts(NamedTuple):
    """Counts at each threshold, from the highest score down; the first calls nothing positive."""

    thresholds: np.ndarray
    hits: np.ndarray  # TP
    false_alarms: np.ndarray  # FP


def roc_curve(y_true: Any, scores: Any, threshold: float | None = None) -> Figure:
    """The share of positives that are found, over the share of negatives that are called so too.

    Args:
        y_true: (N,) of 0 and 1.
        scores: (N,) or (N, 1), higher for what is taken for positive, or {name: (N,)} to compare.
        threshold: marks the point at which scores of at least that much count as positive.

    Raises:
        ValueError: lengths that differ, other classes, only one of them, or scores that are NaN.
        ModuleNotFoundError: matplotlib is not installed.
    """
    true, named = _checked("roc_curve", y_true, scores)
    positives, negatives = int(true.sum()), int((~true).sum())
    with drawing(6.2, 5.8) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, linestyle=":", label="chance: AUC 0.5")
        areas = []
        for k, (name, values) in enumerate(named.items()):
            counts = _counts(true, values)
            x, y = counts.false_alarms / negatives, counts.hits / positives
            areas.append(float(np.trapezoid(y, x)))
            axes.plot(x, y, label=f"{name}AUC {areas[-1]:.3f}", **_look(k, len(x)))
            _mark(axes, counts, x, y, threshold)
        _finish(axes, f"{positives:,} positive, {negatives:,} negative samples", "lower right")
        axes.set_xlabel("false-positive rate")
        axes.set_ylabel("true-positive rate (recall)")
        axes.set_title(f"ROC curve: area {max(areas):.3f}")
    return figure


def precision_recall_curve(y_true: Any, scores: Any, threshold: float | None = None) -> Figure:
    """The share of those called positive that are so, over the share of positives that are found.

    Arguments and errors as `roc_curve`.
    """
    true, named = _checked("precision_recall_curve", y_true, scores)
    positives, negatives = int(true.sum()), int((~true).sum())
    with drawing(6.2, 5.8) as figure:
        axes = figure.subplots()
        share = positives / len(true)
        axes.axhline(share, color=GREY, linewidth=1.0, linestyle=":", label=f"chance: {share:.3f}")
        averages = []
        for k, (name, values) in enumerate(named.items()):
            counts = _counts(true, values)
            called = counts.hits + counts.false_alarms
            recall = counts.hits / positives
            precision = np.where(called > 0, counts.hits / np.maximum(called, 1), 1.0)
            averages.append(float((np.diff(recall) * precision[1:]).sum()))
            axes.plot(
                recall,
                precision,
                drawstyle="steps-pre",
                label=f"{name}average precision {averages[-1]:.3f}",
                **_look(k, len(recall)),
            )
            _mark(axes, counts, recall, precision, threshold)
        _finish(axes, f"{positives:,} positive, {negatives:,} negative samples", "lower left")
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
        axes.set_title(f"Precision against recall: average {max(averages):.3f}")
    return figure


def _checked(function: str, y_true: Any, scores: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Which samples are positive, and {"name: ": scores}; the name of a single array is ""."""
    true = np.asarray(y_true).ravel()
    if isinstance(scores, Mapping):
        named = {f"{name}: ": _column(values) for name, values in scores.items()}
    else:
        named = {"": _column(scores)}
    for name, values in named.items():
        if values.shape != true.shape:
            raise ValueError(
                f"{function} received {true.size} values of y_true and scores "
                f"{name}of shape {values.shape}. Expected a score for each; of several classes, "
                f"pass y_true == c and the column of class c."
            )
        if np.isnan(values).any():
            raise ValueError(
                f"{function} received {np.isnan(values).sum()} scores {name}that are NaN. Expected "
                f"numbers, which can be sorted."
            )
    classes = set(np.unique(true).tolist())
    if classes != {0, 1} or not named:
        raise ValueError(
            f"{function} received the classes {sorted(classes)[:5]} and {len(named)} scores. "
            f"Expected 0 and 1, both of them, and at least one score; pass y_true == c for class c."
        )
    return true.astype(bool), named


def _column(values: Any) -> np.ndarray:
    array = np.asarray(values, np.float64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _counts(true: np.ndarray, scores: np.ndarray) -> _Counts:
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.nonzero(np.diff(ordered))[0], len(ordered) - 1)  # of equal scores
    hits = np.cumsum(true[order])[last]
    return _Counts(
        np.concatenate([[np.inf], ordered[last]]),
        np.concatenate([[0], hits]),
        np.concatenate([[0], last + 1 - hits]),
    )


def _look(k: int, points: int) -> dict[str, Any]:
    look = line_look(k)
    return look if points <= 20 else look | {"marker": None}


def _mark(
    axes: Axes, counts: _Counts, x: np.ndarray, y: np.ndarray, threshold: float | None
) -> None:
    """The point of a threshold, with what it brings."""
    if threshold is None:
        return
    at = int((counts.thresholds >= threshold).sum()) - 1
    axes.plot(
        x[at],
        y[at],
        marker="o",
        markersize=11,
        linestyle="none",
        markerfacecolor="none",
        markeredgecolor=DARK,
        markeredgewidth=1.8,
        clip_on=False,
        zorder=5,
        label=f"threshold {threshold:g}: ({x[at]:.2f}, {y[at]:.2f})",
    )


def _finish(axes: Axes, samples: str, place: Any) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    axes.set_aspect("equal")
    axes.grid()
    axes.legend(loc=place, title=samples, title_fontsize=SMALL)
