"""What a sub-command leaves: a CSV to compute with, a Markdown page to read, figures to look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Report:
    """What the measurements say.

    Args:
        title: of the page.
        summary: a sentence each; the first ones to read.
        tables: by their titles; cells are text already.
        figures: by the stems of their files' names.
        notes: how it was measured, a sentence each.
    """

    title: str
    summary: list[str]
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write(
    name: str, frame: pd.DataFrame, report: Report, machine: Mapping[str, str], folder: Path
) -> list[Path]:
    """Write NAME.csv, NAME.md and the figures; where they are.

    Args:
        name: of the sub-command.
        frame: one row for each measurement; every row gets the machine's description as well.
        report: made from `frame`.
        machine: what the figures were measured on.
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.csv", folder / f"{name}.md"]
    frame.assign(**machine).to_csv(paths[0], index=False, float_format="%.6g")
    paths[1].write_text(markdown(report, machine), encoding="utf-8")
    for stem, figure in report.figures.items():
        paths.append(folder / f"{stem}.png")
        figure.savefig(paths[-1], dpi=120, bbox_inches="tight")
    return paths


def markdown(report: Report, machine: Mapping[str, str]) -> str:
    """The page: summary, figures, tables, and what they were measured on and how."""
    lines = [f"# {report.title}", ""]
    lines += [f"- {sentence}" for sentence in report.summary] + [""]
    for stem in report.figures:
        lines += [f"![{report.title}]({stem}.png)", ""]
    for title, table in report.tables.items():
        lines += [f"## {title}", "", markdown_table(table), ""]
    lines += ["## How it was measured", ""]
    lines += [f"- {note}" for note in report.notes]
    lines += [f"- {what}: {value}" for what, value in machine.items()]
    return "\n".join(lines) + "\n"


def markdown_table(table: pd.DataFrame) -> str:
    """The table in GitHub's notation; columns of numbers to the right."""
    rows = [[str(cell).replace("|", "\\|") for cell in row] for row in table.to_numpy()]
    sides = ["---:" if _is_number(table[name]) else "---" for name in table.columns]
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [list(map(str, table.columns)), sides, *rows]
    )


def show(report: Report, console: Console) -> None:
    """Print the tables and the summary."""
    for title, table in report.tables.items():
        grid = Table(title=title, title_justify="left")
        for column in table.columns:
            grid.add_column(str(column), justify="right" if _is_number(table[column]) else "left")
        for row in table.to_numpy():
            grid.add_row(*map(str, row))
        console.print(grid)
    for sentence in report.summary:
        console.print(sentence, highlight=False)


def verdict(what: str, them: str, ratios: pd.Series) -> str:
    """One sentence on a section: the geometric mean and the worst ratio, losses said plainly.

    Args:
        what: was measured, such as "Convolution, forward".
        them: the other side.
        ratios: their time over ours, named by case; above 1 scratchnet is faster.
    """
    ratios = ratios.dropna()
    if ratios.empty:
        return f"{what}: nothing to compare with {them}."
    worst, lost = ratios.idxmin(), ratios[ratios < 1]
    sentence = (
        f"{what}, against {them}: {geometric_mean(ratios):.2f} times as fast "
        f"(geometric mean of {len(ratios)}); worst {ratios.min():.2f} ({worst})."
    )
    if len(lost):
        return f"{sentence} **scratchnet is SLOWER in {len(lost)} of {len(ratios)}.**"
    return f"{sentence} scratchnet is never slower."


def spread(row: pd.Series, scale: float = 1.0) -> str:
    """ "1.80 [1.78–1.92]": the median and the quartiles of a row, times `scale`."""
    return (
        f"{digits(row['seconds'] * scale)} "
        f"[{digits(row['lower'] * scale)}–{digits(row['upper'] * scale)}]"
    )


def digits(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    places = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{min(max(places, 0), 5)}f}"


def geometric_mean(ratios: pd.Series) -> float:
    return float(np.exp(np.log(ratios).mean()))


def _is_number(column: pd.Series) -> bool:
    """Whether the cells read as numbers, with units, commas and dashes for what is missing."""
    return all(str(cell)[:1] in set("0123456789–-.") for cell in column)
