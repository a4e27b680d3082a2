"""From measurements, one row for each case and side, to tables for reading, one row for each case.

The frames of all sub-commands have the columns `case`, `side`, `seconds`, `lower` and `upper`
(median and quartiles), and others that a table may show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

US = "scratchnet"
Row = Mapping[str, Any]


def others(frame: pd.DataFrame) -> list[str]:
    """The sides beside scratchnet, in their order."""
    return [str(side) for side in frame["side"].unique() if side != US]


def ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Their time over ours: above 1 scratchnet is faster. One row for each case and other side.

    The rows keep the other columns of the frame. Cases that scratchnet has no time for are left
    out.
    """
    ours = {row["case"]: row["seconds"] for row in _rows(frame) if row["side"] == US}
    rows = [
        {**row, "ratio": row["seconds"] / ours[row["case"]]}
        for row in _rows(frame)
        if row["side"] != US and row["case"] in ours
    ]
    return pd.DataFrame(rows, columns=[*frame.columns, "ratio"])


def beside(
    frame: pd.DataFrame,
    keys: Sequence[str],
    unit: str,
    value: Callable[[Row], str],
    more: Callable[[Row], dict[str, str]],
) -> pd.DataFrame:
    """A line for each case: keys, a value for each side, ratios ("vs"), more about scratchnet.

    Args:
        frame: the measurements.
        keys: the columns that say what the case is.
        unit: of the values, for the headings.
        value: the cell of a side, from its row.
        more: further cells, from scratchnet's row.
    """
    sides = [str(side) for side in frame["side"].unique()]
    cases: dict[str, dict[str, Row]] = {}
    for row in _rows(frame):
        cases.setdefault(row["case"], {})[row["side"]] = row
    lines = []
    for by_side in cases.values():
        first, ours = next(iter(by_side.values())), by_side.get(US)
        line = {key: str(first[key]) for key in keys}
        for side in sides:
            line[f"{side} {unit}"] = value(by_side[side]) if side in by_side else "–"
        for side in sides if US in sides else []:
            if side != US:
                line[f"vs {side}"] = _ratio(by_side.get(side), ours)
        if ours:
            line |= more(ours)
        lines.append(line)
    table = pd.DataFrame(lines).fillna("–")
    return table.loc[:, [bool((table[name] != "").any()) for name in table.columns]]


def verdict(what: str, frame: pd.DataFrame) -> list[str]:
    """A sentence on each other side: geometric mean and worst ratio, losses said plainly."""
    return [
        _sentence(
            what,
            side,
            {row["case"]: row["ratio"] for row in _rows(ratios(frame)) if row["side"] == side},
        )
        for side in others(frame)
    ]


def spread(row: Row, scale: float = 1.0) -> str:
    """ "1.80 [1.78–1.92]": the median and the quartiles of a row, times `scale`."""
    return (
        f"{digits(row['seconds'] * scale)} "
        f"[{digits(row['lower'] * scale)}–{digits(row['upper'] * scale)}]"
    )


def digits(value: float) -> str:
    """Three significant digits, or all before the point; never in powers of ten.

    >>> digits(0.01234), digits(1.234), digits(12345.6)
    ('0.0123', '1.23', '12,346')
    """
    places = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{min(max(places, 0), 6)}f}"


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def _sentence(what: str, side: str, ratio: Mapping[str, float]) -> str:
    if not ratio:
        return f"{what}: nothing to compare with {side}."
    worst = min(ratio, key=lambda case: ratio[case])
    lost = sum(each < 1 for each in ratio.values())
    return (
        f"{what}, against {side}: {geometric_mean(list(ratio.values())):.2f} times as fast "
        f"(geometric mean of {len(ratio)}); worst {ratio[worst]:.2f} ({worst}). "
        + (f"**scratchnet is slower in {lost} of {len(ratio)}.**" if lost else "Never slower.")
    )


def _ratio(theirs: Row | None, ours: Row | None) -> str:
    return f"{theirs['seconds'] / ours['seconds']:.2f}" if theirs and ours else "–"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in frame.to_dict("records")]
