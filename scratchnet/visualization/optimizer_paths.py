"""Optimizers racing on a surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.optimizers import Optimizer
from scratchnet.visualization.colours import DARK, WHITE, line_look
from scratchnet.visualization.style import WEB_WIDTH, drawing
from scratchnet.visualization.surfaces import Surface, walk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FAR = 1e9  # a path that runs away is drawn until there


def optimizer_paths(
    surface: Surface, optimizers: Mapping[str, Optimizer | Any], steps: int = 60
) -> Figure:
    """The paths on the surface's contours, and beside them how f falls with each step.

    Args:
        surface: RAVINE, SADDLE or a Surface of one's own.
        optimizers: {name: an optimizer, which walks `steps` steps, or its path (T, 2)}.
        steps: for the optimizers.

    Raises:
        ValueError: no optimizers, or a path of another shape.
        ModuleNotFoundError: matplotlib is not installed.
    """
    paths = {}
    for name, each in optimizers.items():
        path = walk(each, surface, steps) if isinstance(each, Optimizer) else np.asarray(each)
        if path.ndim != 2 or path.shape[1] != 2 or len(path) == 0:
            raise ValueError(
                f"optimizer_paths received a path of shape {path.shape} for {name!r}. Expected "
                f"(T, 2), the points of one path, or an optimizer."
            )
        paths[str(name)] = path.astype(np.float64)
    if not paths:
        raise ValueError("optimizer_paths received no optimizers. Expected {name: optimizer}.")
    ends = {}
    with drawing(WEB_WIDTH, 4.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        least = _draw_surface(left, surface)
        for k, (name, path) in enumerate(paths.items()):
            look = line_look(k) | {"markersize": 3.5, "linewidth": 1.6}
            look |= {"markeredgecolor": WHITE, "markeredgewidth": 0.4}
            with np.errstate(over="ignore", invalid="ignore"):  # a path may run away
                f = surface.function(path[:, 0], path[:, 1])
            ends[name] = float(f[-1]) if np.isfinite(f[-1]) else np.inf
            seen = (np.abs(path) < _FAR).all(axis=1)
            every = max(len(path) // 15, 1)
            left.plot(*path[seen].T, label=name, markevery=every, **look)
            above = np.where((f > least) & (f < _FAR), f - least, np.nan)
            right.plot(np.arange(len(f)), above, label=name, markevery=every, **look)
        left.plot(*surface.start, "o", color=DARK, markersize=8, zorder=5)
        left.annotate("start", surface.start, (7, 7), textcoords="offset points")
        right.set_yscale("log")
        low = max(right.get_ylim()[0], 1e-12)
        right.set_ylim(low, min(right.get_ylim()[1], 1e6))
        right.set_xlabel("step")
        right.set_ylabel("f − least f drawn" if surface.minimum is None else "f − min f")
        right.grid()
        lines = right.get_legend_handles_labels()
        figure.legend(*lines, loc="outside lower center", ncols=min(len(paths), 4))
        best = min(ends, key=lambda name: ends[name])
        left.set_title(surface.name, fontsize=11)
        right.set_title(f"{best} ends lowest", fontsize=11)
    return figure


def _draw_surface(axes: Axes, surface: Surface) -> float:
    """Contours at geometric distances from the least value, which is returned."""
    x, y = np.meshgrid(
        np.linspace(*surface.x_limits, 241), np.linspace(*surface.y_limits, 241), copy=False
    )
    z = surface.function(x, y)
    least = float(z.min() if surface.minimum is None else surface.function(*surface.minimum))
    height = z - least
    levels = height.max() * np.geomspace(1e-3, 1, 13)
    axes.contourf(x, y, height, levels=[0, *levels], cmap="Greys", alpha=0.35)
    axes.contour(x, y, height, levels=levels, colors="#8A9099", linewidths=0.6)
    if surface.minimum is not None:
        axes.plot(*surface.minimum, "*", color=DARK, markersize=13, zorder=5)
    axes.set_xlim(*surface.x_limits)
    axes.set_ylim(*surface.y_limits)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    return least
