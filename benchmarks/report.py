"""What a sub-command leaves: a CSV to compute with, a Markdown page to read, figures to look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    lines += ['- "vs" another side: its time over scratchnet\'s. Above 1 scratchnet is faster.']
    lines += [f"- {note}" for note in report.notes]
    lines += [f"- {what}: {value}" for what, value in machine.items()]
    return "\n".join(lines) + "\n"


def write_index(folder: Path) -> Path:
    """Write README.md: the summary of every page in the folder."""
    lines = ["# Benchmarks", "", _INDEX_TEXT, ""]
    for page in sorted(folder.glob("*.md")):
        if page.name == _INDEX:
            continue
        title, *rest = page.read_text(encoding="utf-8").splitlines()
        lines += [f"## [{title.removeprefix('# ')}]({page.name})", ""]
        for line in rest[1:]:  # up to the first figure or table
            if not line.startswith("- "):
                break
            lines.append(line)
        lines.append("")
    path = folder / _INDEX
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


_INDEX = "README.md"
_INDEX_TEXT = (
    "Written by `python -m benchmarks`, one page for each of its parts; `make bench` measures them "
    "all. Both sides of a comparison take turns in one run, each in its own process. Figures do "
    "not travel from one machine to another; ratios travel a little better."
)


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


def _is_number(column: pd.Series) -> bool:
    """Whether the cells read as numbers, with units, quartiles, and dashes for what is missing."""
    return all(_NUMBER.match(str(cell)) for cell in column)


_NUMBER = re.compile(r"[-–]?$|-?[\d.,]+( \[.*\]|%|[ \w/]*)$")
