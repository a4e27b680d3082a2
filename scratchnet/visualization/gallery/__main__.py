"""Draw the gallery: `python -m scratchnet.visualization.gallery docs`."""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import scratchnet
from scratchnet import visualization
from scratchnet.visualization.gallery import arithmetic, networks, optimization, training

CHAPTERS = {
    "Convolution and pooling, cell by cell": arithmetic,
    "Training and classifying": training,
    "Optimizing, and signals through depth": optimization,
    "Networks, what they see, and how fast they are": networks,
}
_HEAD = """# What can be drawn

Every function of `scratchnet.visualization` returns a matplotlib figure, or an animation; nothing
pops up and nothing is written until `figure.savefig(path)`. They need
`pip install 'scratchnet[plots]'`. All share one look, `visualization.style()`, whose colours stay
apart in grey and for colour-blind readers.

The numbers in these pictures are made up where they show no computation of their own. The page is
written by `python -m scratchnet.visualization.gallery docs`. All code on it follows after

```python
import numpy as np
import pandas as pd
from scratchnet import Sequential, datasets, layers, models, optimizers, visualization
```
"""


def examples(chapter: ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, example) in the order of the source; the first of a function has its name."""
    for name, value in vars(chapter).items():
        if inspect.isfunction(value) and value.__module__ == chapter.__name__:
            yield name, value


def subject(name: str) -> Any:
    """The function that an example is of: the one with the longest name that begins its own.

    >>> subject("loss_landscape_of_one_direction").__name__
    'loss_landscape'
    """
    known = [each for each in visualization.__all__ if name.startswith(each)]
    return getattr(visualization, max(known, key=len))


def sentence(function: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())


def code(example: Callable[[], Any], chapter: ModuleType) -> str:
    """The body of an example, with what it uses of its chapter before it."""
    body = textwrap.dedent(inspect.getsource(example).partition(":\n")[2])
    source = inspect.getsource(chapter)
    needed = [
        statement
        for statement in _constants(source)
        if statement.partition(" ")[0] in example.__code__.co_names
    ]
    if "EPOCHS" in "".join(needed) and not any(each.startswith("EPOCHS") for each in needed):
        needed.insert(0, next(each for each in _constants(source) if each.startswith("EPOCHS")))
    last = body.rstrip().rpartition("return ")
    return "\n".join([*needed, last[0] + "figure = " + last[2]]).strip()


def _constants(source: str) -> Iterator[str]:
    """The statements of a module that give names in capitals their values."""
    lines = source.splitlines()
    for start, line in enumerate(lines):
        if line[:1].isupper() and " = " in line:
            end = start + 1
            while end < len(lines) and lines[end].startswith((" ", ")", "}", "]")):
                end += 1
            yield "\n".join(lines[start:end])


def picture(name: str) -> str:
    """The file of an example, in the folder of the pictures."""
    return f"{name}.{'gif' if 'animation' in name else 'png'}"


def page() -> str:
    """The text of the page."""
    parts = [_HEAD]
    for title, chapter in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for name, example in examples(chapter):
            if name in visualization.__all__:  # further examples follow the first
                parts.append(f"### `{name}`\n\n{sentence(getattr(visualization, name))}\n")
            parts.append(f"![{name.replace('_', ' ')}](images/visualization/{picture(name)})\n")
            parts.append(f"```python\n{code(example, chapter)}\n```\n")
    return "\n".join(parts).rstrip() + "\n"


def draw(folder: Path) -> None:
    """Draw every example into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in CHAPTERS.values():
        for name, example in examples(chapter):
            scratchnet.set_random_seed(0)
            with scratchnet.use("formulas"):  # small examples are not worth compiling for
                drawn = example()
            if hasattr(drawn, "to_jshtml"):
                drawn.save(folder / picture(name), writer="pillow", dpi=100)
            else:
                drawn.savefig(folder / picture(name), dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scratchnet.visualization.gallery")
    parser.add_argument("folder", type=Path, help="of the documentation, such as docs")
    folder = parser.parse_args().folder
    draw(folder / "images" / "visualization")
    (folder / "visualization.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
