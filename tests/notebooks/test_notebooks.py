"""The notebooks run from a fresh kernel, and what is stored is what their sources say."""

from __future__ import annotations

import re
import time
from pathlib import Path

import nbformat
import pytest

from notebooks import build
from scratchnet.course.contents import NOTEBOOKS

SOURCES = build.sources()
FOLDER = build.FOLDER
SOLUTIONS = FOLDER / "solutions"
EXERCISES = Path(__file__).parents[2] / "scratchnet" / "course" / "exercises"
of_each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def stored(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


@of_each
def test_it_runs_from_a_fresh_kernel_in_time(source):
    begin = time.monotonic()
    build.executed(source)
    assert time.monotonic() - begin < build.LIMIT


@of_each
def test_source_and_stored_notebook_are_in_step(source):
    """`make notebooks` brings them there."""
    made, kept = build.without_outputs(source), stored(source)
    assert [(c.id, c.cell_type, c.source, c.metadata) for c in made.cells] == [
        (c.id, c.cell_type, c.source, c.metadata) for c in kept.cells
    ]
    assert kept.metadata == made.metadata
    counts = [cell.execution_count for cell in kept.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@of_each
def test_stored_outputs_hold_no_error_and_nothing_that_changes(source):
    notebook = stored(source)
    nbformat.validate(notebook)
    faults = [
        build.fault_of(output) for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    assert not any(faults), faults
    assert source.with_suffix(".ipynb").stat().st_size < 2_000_000


@of_each
def test_it_has_the_form_of_the_course(source):
    notebook, number = build.without_outputs(source), source.name[:2]
    text = "\n".join(cell.source for cell in notebook.cells)
    assert notebook.cells[0].source.startswith(f"# {number} · ")
    assert "## What you know now" in text
    assert "**Sources" in text
    assert f"solutions/{source.name}" in text
    assert "$$" in text
    assert re.search(r"^show_source\(", text, re.MULTILINE)


def test_every_notebook_is_in_the_contents_and_has_exercises_and_solutions():
    known = {f"{number}_{slug}" for number, slug in NOTEBOOKS.items()}
    written = {path.stem for path in SOURCES}
    assert written <= known
    assert {path.stem for path in SOLUTIONS.glob("*.py")} == written
    assert {path.stem[2:] for path in EXERCISES.glob("nb*.py")} == written
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == written
