"""How closely two computations agree, layer by layer and dtype by dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.visualization.colours import RED, WHITE, ink_on, paper
from scratchnet.visualization.libraries import require
from scratchnet.visualization.style import SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def agreement_heatmap(errors: Any, tolerances: float | Mapping[str, float] | None = None) -> Figure:
    """A cell for each layer and dtype: its error, and the error's logarithm as colour.

    "=" stands for equal to the last bit; an empty cell was not compared. What is beyond its
    tolerance, or not finite, is red with a cross.

    Args:
        errors: a pandas DataFrame with a row for each layer and a column for each dtype, or
            {layer: {dtype: error}}.
        tolerances: the largest error that passes, one for all or {dtype: tolerance}; None means
            that only what is not finite fails.

    Raises:
        ValueError: no errors, or negative ones; tolerances that lack a dtype.
        ModuleNotFoundError: matplotlib is not installed.
    """
    rows, columns, table, compared = _table(errors)
    if isinstance(tolerances, Mapping):
        missing = [name for name in columns if name not in tolerances]
        if missing:
            raise ValueError(
                f"agreement_heatmap received tolerances for {list(tolerances)}, none for "
                f"{missing}. Expected one for each dtype."
            )
        allowed = np.array([float(tolerances[name]) for name in columns])
    else:
        allowed = np.full(len(columns), np.inf if tolerances is None else float(tolerances))
    wrong = compared & ~(np.isfinite(table) & (table <= allowed))
    visible = compared & ~wrong & (table > 0)
    logs = np.where(visible, np.log10(np.where(visible, table, 1)), np.nan)
    low, high = (np.nanmin(logs), np.nanmax(logs)) if visible.any() else (-16.0, -15.0)
    low, high = np.floor(low), max(np.ceil(high), np.floor(low) + 1)
    colours, patches = paper(), require("matplotlib.patches")
    width = 2.9 + 0.085 * max(map(len, rows)) + 1.05 * len(columns)
    with drawing(max(width, 5.6), 1.3 + 0.34 * len(rows)) as figure:
        axes = figure.subplots()
        drawn = axes.imshow(logs, cmap=colours, vmin=low, vmax=high, aspect="auto")
        for i, j in zip(*np.nonzero(compared), strict=True):
            face = RED if wrong[i, j] else WHITE
            if wrong[i, j]:
                axes.add_patch(patches.Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=RED))
            elif visible[i, j]:
                face = colours((logs[i, j] - low) / (high - low))
            axes.text(
                j,
                i,
                _text(table[i, j], bool(wrong[i, j])),
                ha="center",
                va="center",
                fontsize=SMALL,
                fontweight="bold" if wrong[i, j] else "normal",
                color=ink_on(face),
            )
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#D5D9DE")
        axes.tick_params(which="both", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        bar = figure.colorbar(drawn, ax=axes, label="log₁₀ error", aspect=25)
        bar.outline.set_visible(False)
        count, bad = int(compared.sum()), int(wrong.sum())
        axes.set_title(
            f"{bad} of {count} beyond tolerance" if bad else f"All {count} comparisons agree"
        )
    return figure


def _table(errors: Any) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Names of the rows and columns, the errors, and which of them there are."""
    if hasattr(errors, "to_dict") and hasattr(errors, "columns"):
        rows, columns = list(errors.index), list(errors.columns)
        table = errors.to_numpy(np.float64, na_value=np.nan)
        compared = errors.notna().to_numpy()
    elif isinstance(errors, Mapping):
        rows = list(errors)
        columns = list(dict.fromkeys(name for row in errors.values() for name in row))
        compared = np.array([[name in errors[row] for name in columns] for row in rows])
        table = np.array(
            [[float(errors[row].get(name, np.nan)) for name in columns] for row in rows]
        )
    else:
        raise ValueError(
            f"agreement_heatmap received {type(errors).__name__}. Expected a DataFrame with a row "
            f"for each layer and a column for each dtype, or {{layer: {{dtype: error}}}}."
        )
    if table.size == 0 or (table < 0).any():
        raise ValueError(
            "agreement_heatmap received no errors, or negative ones. Expected numbers of at least "
            "0, such as the largest |difference| of two outputs."
        )
    return [str(name) for name in rows], [str(name) for name in columns], table, compared


def _text(error: float, wrong: bool) -> str:
    text = "=" if error == 0 else f"{error:.0e}".replace("e-0", "e-").replace("-", "−")
    return f"✗ {text.replace('e+0', 'e')}" if wrong else text
