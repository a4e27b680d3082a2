"""Softmax, cross-entropy, and its gradient p − y, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.cells import number
from scratchnet.visualization.colours import BLUE, DARK, GREEN, ORANGE, WHITE
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def softmax_gradient(logits: Any, target: int, class_names: Sequence[str] | None = None) -> Figure:
    """Three pictures of bars: the logits z, the probabilities p = softmax(z) beside the target y,
    and the gradient ∂L/∂z = p − y of the cross-entropy L = −log p[target].

    A bar of p − y above 0 pushes its logit down; the one below 0 pulls the true class up; together
    they are 0. The probabilities are computed from z − max z, so logits of ±1000 are no trouble.

    Args:
        logits: (C,), z of one sample.
        target: the true class.
        class_names: the C names; None means their numbers.

    Raises:
        ValueError: other shapes, logits that are not finite, a class that does not exist.
        ModuleNotFoundError: matplotlib is not installed.
    """
    z = np.asarray(logits, np.float64)
    if z.ndim != 1 or len(z) == 0 or not np.isfinite(z).all():
        raise ValueError(
            f"softmax_gradient received logits of shape {z.shape}. Expected (C,) finite numbers: "
            f"those of one sample, such as logits[0]."
        )
    names = [str(i) for i in range(len(z))] if class_names is None else list(class_names)
    if len(names) != len(z) or not 0 <= target < len(z):
        raise ValueError(
            f"softmax_gradient received target={target} and {len(names)} class names for {len(z)} "
            f"logits. Expected a class from 0 to {len(z) - 1}, and a name for each."
        )
    shifted = z - z.max()
    total = np.exp(shifted).sum()
    p = np.exp(shifted) / total
    loss = float(np.log(total) - shifted[target])
    y = np.zeros(len(z))
    y[target] = 1
    with drawing(WEB_WIDTH, 1.5 + 0.36 * max(len(z), 4)) as figure:
        left, middle, right = figure.subplots(1, 3, sharey=True)
        rows = np.arange(len(z))
        left.barh(rows, z, color=BLUE, height=0.7)
        middle.barh(rows, p, color=ORANGE, height=0.7, label="p")
        middle.barh(
            rows, y, height=0.86, facecolor="none", edgecolor=DARK, linewidth=1.5, label="y"
        )
        right.barh(rows, p - y, color=GREEN, height=0.7, hatch="//", edgecolor=WHITE)
        _finish(left, z, "logit z")
        _finish(middle, p, "probability")
        _finish(right, p - y, "∂L/∂z = p − y")
        middle.set_xlim(0, 1.3)
        middle.set_xticks([0, 0.5, 1])
        middle.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        right.set_xlim(-1.5, 1.5)
        right.set_xticks([-1, 0, 1])
        left.set_yticks(rows, names)
        left.set_ylim(len(z) - 0.4, -0.6)
        left.get_yticklabels()[target].set_fontweight("bold")
        figure.suptitle(
            f"The true class is {names[target]}: p = {p[target]:.3g}, loss = {loss:.3g}",
            x=0.02,
            ha="left",
        )
    return figure


def _finish(axes: Axes, values: np.ndarray, label: str) -> None:
    """Numbers at the ends of the bars, and room for them."""
    for i, value in enumerate(values):
        axes.annotate(
            number(value),
            (value, i),
            (3 if value >= 0 else -3, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            fontsize=SMALL,
        )
    span = max(float(values.max()), 0.0) - min(float(values.min()), 0.0) or 1.0
    left = min(float(values.min()), 0.0) - (0.3 * span if values.min() < 0 else 0)
    axes.set_xlim(left, max(float(values.max()), 0.0) + 0.22 * span)
    axes.axvline(0, color=DARK, linewidth=0.9)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
