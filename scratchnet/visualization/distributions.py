"""How numbers are spread, layer by layer: activations, gradients, and their variance in depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import BLUE, DARK, GREY, ink_on, paper
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, WEB_WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def layer_histograms(values: Mapping[str, Any], quantity: str = "activation") -> Figure:
    """A histogram for each layer, below each other and on one axis, with what it tells in words.

    All have the same bins. Numbers that are exactly 0 (behind a ReLU there are many) are left out
    of the bars and written beside them, for they would flatten everything else; so is the standard
    deviation.

    Args:
        values: {layer: its numbers, an array of any shape}, in the order of the layers.
        quantity: what the numbers are, such as "activation" or "gradient".

    Raises:
        ValueError: no layers, an empty array, or nothing in it that is finite.
        ModuleNotFoundError: matplotlib or seaborn is not installed.
    """
    arrays = {str(name): np.asarray(each, np.float64).ravel() for name, each in values.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).any():
            raise ValueError(
                f"layer_histograms received {array.size} numbers of {name!r}, none of them finite. "
                f"Expected at least one; look at inspection.layer_statistics for where they stop."
            )
    if not arrays:
        raise ValueError("layer_histograms received no layers. Expected {layer: array}.")
    seaborn = require("seaborn")
    shown = {name: each[np.isfinite(each) & (each != 0)] for name, each in arrays.items()}
    edges = _edges(np.concatenate(list(shown.values())))
    with drawing(WEB_WIDTH - 1, 0.9 + 0.8 * len(arrays)) as figure:
        grid = figure.subplots(len(arrays), sharex=True, squeeze=False).ravel()
        for axes, (name, array) in zip(grid, shown.items(), strict=True):
            if len(array):
                seaborn.histplot(
                    x=array, bins=edges, ax=axes, color=BLUE, alpha=0.75, linewidth=0, stat="count"
                )
            axes.axvline(0, color=DARK, linewidth=0.8)
            axes.set_yticks([])
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
            axes.spines["left"].set_visible(False)
            axes.set_xlabel("")
            every = arrays[name]
            finite = every[np.isfinite(every)]
            facts = [f"σ = {finite.std():.3g}", f"{(finite == 0).mean():.0%} zeros"]
            if len(finite) < len(every):
                facts.append(f"{len(every) - len(finite):,} not finite")
            axes.annotate(
                "\n".join(facts),
                (1.01, 0.5),
                xycoords="axes fraction",
                va="center",
                fontsize=SMALL,
                color=GREY,
            )
        grid[-1].set_xlabel(quantity)
        name = quantity[0].upper() + quantity[1:]
        figure.suptitle(f"{name}s of {_counted(len(arrays), 'layer')}", x=0.02, ha="left")
    return figure


def variance_through_depth(
    values: Mapping[str, Sequence[float] | np.ndarray],
    quantity: str = "variance",
    layers: Sequence[str] | None = None,
) -> Figure:
    """A strip of cells for each choice, such as an initializer: a cell for each layer, its colour
    the logarithm of the number that stands in it.

    A strip of one colour is a network in which signals neither die nor explode. The title names
    the choice that changes them least from the first layer to the last, and by which factor.

    Args:
        values: {choice: a number for each layer}, as many of each.
        quantity: what the numbers are, such as "variance" or "gradient norm".
        layers: names of the columns; None means 1, 2, 3, …

    Raises:
        ValueError: no choices, not the same number of each, or negative numbers.
        ModuleNotFoundError: matplotlib is not installed.
    """
    names = [str(name) for name in values]
    lengths = {str(name): len(each) for name, each in values.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(
            f"variance_through_depth received {lengths} numbers. Expected at least one choice, and "
            f"of each a number for every layer."
        )
    table = np.array([np.asarray(each, np.float64) for each in values.values()])
    if (table < 0).any():
        raise ValueError(
            f"variance_through_depth received {table[table < 0][0]}. Expected numbers of at least "
            f"0, for their logarithm gives the colour."
        )
    depth = table.shape[1]
    columns = [str(i + 1) for i in range(depth)] if layers is None else list(layers)
    if len(columns) != depth:
        raise ValueError(
            f"Received {len(columns)} names of layers for {depth} numbers. Expected as many."
        )
    good = np.isfinite(table) & (table > 0)
    logs = np.where(good, np.log10(np.where(good, table, 1)), np.nan)
    low, high = (np.nanmin(logs), np.nanmax(logs)) if good.any() else (0.0, 0.0)
    middle, half = (low + high) / 2, max((high - low) / 2, 0.5)
    colours = paper()
    with drawing(WEB_WIDTH, 1.6 + 0.62 * len(names)) as figure:
        axes = figure.subplots()
        drawn = axes.imshow(
            logs, cmap=colours, aspect="auto", vmin=middle - half, vmax=middle + half
        )
        for (i, j), value in np.ndenumerate(table):
            face = colours((logs[i, j] - middle + half) / (2 * half)) if good[i, j] else "#FFFFFF"
            text = f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
            text = text.replace("-", "−")
            if depth <= 14:
                axes.text(j, i, text, ha="center", va="center", fontsize=SMALL, color=ink_on(face))
        axes.set_xticks(range(depth), columns)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_xlabel("layer" if layers is None else "")
        bar = figure.colorbar(drawn, ax=axes, label=f"log₁₀ {quantity}", aspect=12)
        bar.outline.set_visible(False)
        title = f"{quantity[0].upper() + quantity[1:]} through {_counted(depth, 'layer')}"
        changes = logs[:, -1] - logs[:, 0]
        if np.isfinite(changes).any():
            steady = int(np.nanargmin(np.abs(changes)))
            title += f": {names[steady]} changes it by × {10 ** changes[steady]:.2g}"
        axes.set_title(title)
    return figure


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins of equal width over all but the most extreme thousandth at each end."""
    if len(values) == 0:
        return np.linspace(-1, 1, 51)
    low, high = np.quantile(values, [0.001, 0.999])
    low, high = min(low, 0.0), max(high, 0.0)
    return np.linspace(low, high if high > low else low + 1, 61)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
