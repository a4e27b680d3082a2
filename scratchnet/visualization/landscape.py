"""The loss around a point in the space of the weights, along one direction or two.

Source: H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the Loss Landscape of Neural
Nets" (2018). The numbers come from `inspection.loss_landscape`, whose directions are
filter-normalised, so that slices of different networks can be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import BLUE, DARK, ORANGE, POSITIVE, WHITE
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def loss_landscape(steps: Any, losses: Any, path: Any = None) -> Figure:
    """A slice of the loss: a curve along one direction, or contours over two.

    Args:
        steps: (K,), rising: how far along a direction, 0 for the weights as they are.
        losses: (K,), or (K, K) with the first axis for the first direction.
        path: (T, 2), the coordinates of weights on the way, first to last, over contours.

    Raises:
        ValueError: shapes that do not fit, steps that do not rise, no finite loss, or a path
            beside a single direction.
        ModuleNotFoundError: matplotlib is not installed.
    """
    alpha, loss = np.asarray(steps, np.float64), np.asarray(losses, np.float64)
    if alpha.ndim != 1 or len(alpha) < 2 or (np.diff(alpha) <= 0).any():
        raise ValueError(
            f"loss_landscape received steps of shape {alpha.shape}. Expected (K,) numbers that "
            f"rise, such as numpy.linspace(-1, 1, 21)."
        )
    if loss.shape not in ((len(alpha),), (len(alpha),) * 2) or not np.isfinite(loss).any():
        raise ValueError(
            f"loss_landscape received losses of shape {loss.shape} for {len(alpha)} steps. "
            f"Expected ({len(alpha)},) or ({len(alpha)}, {len(alpha)}), some of them finite."
        )
    walked = None if path is None else np.asarray(path, np.float64)
    if walked is not None and (loss.ndim == 1 or walked.ndim != 2 or walked.shape[1] != 2):
        raise ValueError(
            f"loss_landscape received a path of shape {walked.shape} and losses of shape "
            f"{loss.shape}. Expected (T, 2), as inspection.coordinates gives them for two "
            f"directions, over losses (K, K)."
        )
    if loss.ndim == 1:
        return _curve(alpha, loss)
    return _contours(alpha, loss, walked)


def _curve(alpha: np.ndarray, loss: np.ndarray) -> Figure:
    with drawing(7.4, 4.2) as figure:
        axes = figure.subplots()
        axes.plot(alpha, np.where(np.isfinite(loss), loss, np.nan), color=BLUE, marker="o")
        if alpha[0] <= 0 <= alpha[-1]:
            axes.axvline(0, color=DARK, linewidth=0.9, linestyle=":")
        at = alpha[int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))]
        axes.set_xlabel("step along the direction [norms of the filters]")
        axes.set_ylabel("loss")
        axes.grid(axis="y")
        axes.set_title(f"Loss along one direction: least at {at:.3g}".replace("-", "−"))
    return figure


def _contours(alpha: np.ndarray, loss: np.ndarray, path: np.ndarray | None) -> Figure:
    finite = loss[np.isfinite(loss)]
    levels = _levels(float(finite.min()), float(finite.max()))
    shown = np.ma.masked_invalid(loss.T)
    with drawing(7.4, 5.8) as figure:
        axes = figure.subplots()
        norm = require("matplotlib.colors").BoundaryNorm(levels, 256)
        drawn = axes.contourf(alpha, alpha, shown, levels=levels, cmap=POSITIVE, norm=norm)
        lines = axes.contour(alpha, alpha, shown, levels=levels, colors=WHITE, linewidths=0.5)
        axes.clabel(lines, levels[::3], fontsize=SMALL, fmt="%.3g")
        bar = figure.colorbar(drawn, ax=axes, label="loss", format="%.3g", ticks=levels[::2])
        bar.outline.set_visible(False)
        if path is not None:
            _draw_path(axes, path)
        elif alpha[0] <= 0 <= alpha[-1]:
            axes.plot(0, 0, "*", color=ORANGE, markeredgecolor=DARK, markersize=15)
        axes.set_xlim(alpha[0], alpha[-1])
        axes.set_ylim(alpha[0], alpha[-1])
        axes.set_aspect("equal")
        axes.set_xlabel("step along direction 1 [norms of the filters]")
        axes.set_ylabel("step along direction 2 [norms of the filters]")
        walked = "" if path is None else f", and {len(path)} points of the path walked"
        axes.set_title(f"Loss from {finite.min():.3g} to {finite.max():.3g}{walked}")
    return figure


def _draw_path(axes: Axes, path: np.ndarray) -> None:
    axes.plot(*path.T, color=DARK, linewidth=3.4)
    axes.plot(*path.T, color=ORANGE, linewidth=1.8, marker="o", markeredgecolor=DARK)
    axes.plot(*path[0], "s", color=WHITE, markeredgecolor=DARK, markersize=9, label="start")
    axes.plot(*path[-1], "*", color=ORANGE, markeredgecolor=DARK, markersize=16, label="end")
    axes.legend(loc="upper right", frameon=True, framealpha=0.9)


def _levels(low: float, high: float) -> np.ndarray:
    """Geometric where all losses are above 0 and far apart, else at equal distances."""
    if low > 0 and high / low > 5:
        return np.geomspace(low, high, 16)
    return np.linspace(low, high if high > low else low + 1, 16)
