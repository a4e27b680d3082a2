"""The README's examples run in Keras and here, and give the same result."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest

import scratchnet

README = (Path(__file__).parent.parent / "README.md").read_text()
SECTION = README.partition("## From Keras to scratchnet")[2].partition("\n## ")[0]
BLOCKS = dict(re.findall(r"### ([^\n]+)\n\n```python\n(.*?)```", SECTION, re.DOTALL))


def same(ours, theirs):
    """Whether two nested results are the same numbers, up to float32's rounding."""
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if theirs is None:
        return ours is None
    return np.allclose(np.asarray(ours), np.asarray(theirs), rtol=2e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
@pytest.mark.parametrize("title", BLOCKS)
def test_an_example_runs_in_both_libraries(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = []
    for library in (scratchnet, keras):
        names = {"keras": library, "np": np}
        exec(compile(BLOCKS[title], f"README.md, {title}", "exec"), names)
        results.append(names["result"])
    assert same(*results), results


def test_every_line_of_the_table_has_its_example():
    links = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", SECTION)
    assert [title.lower() for title in BLOCKS] == [text.lower() for text, _ in links]
    for text, anchor in links:
        assert re.sub(r"[^a-z -]", "", text.lower()).replace(" ", "-") == anchor


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"a": [1.0]}, {"a": [1.0]}, True),
        ({"a": [1.0]}, {"b": [1.0]}, False),
        ([1.0, 2.0], [1.0], False),
        ((None, 2), (None, 2), True),
        ([np.ones(2)], [np.ones(2) * 1.001], False),
    ],
)
def test_results_are_compared_entry_by_entry(ours, theirs, expected):
    assert bool(same(ours, theirs)) is expected
