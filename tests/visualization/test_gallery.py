"""The page of all figures is in step with the functions, and its code runs as it stands."""

import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import scratchnet
from scratchnet.visualization.gallery import __main__ as gallery

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", gallery.page(), re.DOTALL)


def test_the_page_is_what_the_command_writes():
    assert (DOCS / "visualization.md").read_text(encoding="utf-8") == gallery.page(), (
        "run python -m scratchnet.visualization.gallery docs"
    )


def test_the_pictures_are_those_that_the_page_shows():
    shown = re.findall(r"\]\((images/visualization/.*?)\)", gallery.page())
    there = (DOCS / "images" / "visualization").iterdir()
    assert sorted(shown) == sorted(f"images/visualization/{path.name}" for path in there)


@pytest.mark.parametrize("name", ["compare_runs", "pooling_argmax", "receptive_field", "scaling"])
def test_the_code_on_the_page_runs_after_its_imports(name):
    names: dict = {}
    exec(BLOCKS[0], names)
    (block,) = [block for block in BLOCKS if f"visualization.{name}(" in block]
    with scratchnet.use("formulas"):
        exec(block, names)
    assert type(names["figure"]) is Figure


def test_the_command_writes_pictures_and_page(tmp_path, monkeypatch):
    chapter = gallery.CHAPTERS["Training and classifying"]
    few = [("softmax_gradient", chapter.softmax_gradient)]
    monkeypatch.setattr(gallery, "CHAPTERS", {"Training": chapter})
    monkeypatch.setattr(gallery, "examples", lambda chapter: few)
    monkeypatch.setattr("sys.argv", ["gallery", str(tmp_path)])
    gallery.main()
    content = (tmp_path / "images" / "visualization" / "softmax_gradient.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert "### `softmax_gradient`" in (tmp_path / "visualization.md").read_text(encoding="utf-8")
