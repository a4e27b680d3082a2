"""Docstrings are plain text, and the site shows them as they are meant."""

from __future__ import annotations

import pytest
from course_pages import moved  # of docs/_ext, which the conftest puts on the path
from docstrings import restructured


@pytest.mark.parametrize(
    ("plain", "marked"),
    [
        ("see `conv2d`", "see :py:obj:`conv2d`"),
        ('call `use("formulas")` first', 'call ``use("formulas")`` first'),
        ("many `x`s", r"many :py:obj:`x`\ s"),
        ("∂L/∂`x`", r"∂L/∂\ :py:obj:`x`"),
        ("a * b, |x| and w_", r"a \* b, \|x\| and w\_"),
        ("`a * b`", "``a * b``"),
        (r"a \ b", r"a \\ b"),
        ("after\nA. Author", "after\n\\A. Author"),
        ("Args:\n    scores: S.\n    x: y", "Args:\n    scores: \\S.\n    x: y"),
    ],
)
def test_signs_mean_themselves_and_backquotes_mean_code(plain, marked):
    assert "\n".join(restructured(plain.split("\n"))).rstrip() == marked


def test_an_indented_block_is_a_formula_and_keeps_its_columns():
    lines = restructured(["Text:", "", "    y  = Σ_i  x_i", "    dx = |dy|", "", "More."])
    assert lines[2:7] == [
        ".. code-block:: text",
        "   :class: formula",
        "",
        "   y  = Σ_i  x_i",
        "   dx = |dy|",
    ]


def test_a_section_is_left_to_napoleon_and_an_example_to_doctest():
    lines = ["Args:", "    x: |x| is", "        small.", "", ">>> 2 * 3", "6"]
    assert restructured(lines) == [
        "Args:",
        r"    x: \|x\| is",
        "        small.",
        "",
        ">>> 2 * 3",
        "6",
        "",
    ]


def test_names_of_arguments_that_go_over_a_line_stay_together():
    lines = ["Args:", "    alpha, beta,", "    gamma: numbers."]
    assert restructured(lines)[1] == "    alpha, beta, gamma: numbers."


def test_a_notebook_finds_its_links_from_its_new_place():
    notebook = {
        "metadata": {"widgets": {}},
        "cells": [
            {
                "cell_type": "markdown",
                "source": ["[a](../README.md) ![b](../docs/images/b.png) [c](01.ipynb)"],
            }
        ],
    }
    assert moved(notebook)["cells"][0]["source"] == (
        "[a](../../README.md) ![b](../images/b.png) [c](01.ipynb)"
    )


def test_a_page_without_python_shows_animations_and_no_dead_sliders():
    animation = '<link rel="stylesheet"\nhref="https://x/font-awesome.css">\n<input type="range">'
    notebook = {
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "outputs": [
                    {"data": {"application/vnd.jupyter.widget-view+json": {}}},
                    {"data": {"text/html": animation.splitlines(keepends=True)}},
                    {"output_type": "stream", "text": ["done"]},
                ],
            }
        ],
    }
    first, second = moved(notebook)["cells"][0]["outputs"]
    assert first["data"]["text/html"] == '\n<input type="range">'
    assert second["text"] == ["done"]
