"""The package's docstrings as Sphinx reads them.

They are plain text: names and code stand in `backquotes`, formulas are indented and aligned with
spaces, and a star, a bar or an underscore is just that. Sphinx reads reStructuredText, where each
of these means something else. This extension translates the one into the other, so that nothing
in the source has to be written for Sphinx:

    `conv2d`               a link where such an object has a page, code otherwise
    `use("formulas")`      code
    an indented block      a formula: kept line by line, in the class `formula`
    | * _ \\                themselves

What Sphinx and napoleon understand already stays as it is: sections such as `Args:`, lists, and
examples that begin with `>>>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

SECTIONS = re.compile(
    r"(Args|Arguments|Attributes|Call arguments|Example|Examples|Note|Notes|Raises|References"
    r"|Returns|Warning|Yields):"
)
CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
# "A. Author" at the start of a line within a paragraph, or "x: S." in a section, would open a list.
ENUMERATOR = re.compile(r"(\n *|^ +\w+: |\n +\w+: )(?=(?:[A-Za-z0-9]|[ivxIVX]+)[.)](?:\s|$))")


def restructured(docstring: list[str]) -> list[str]:
    """The lines of a plain docstring as lines of reStructuredText."""
    lines: list[str] = []
    in_section = False
    for block in _blocks(docstring):
        indent = min(len(line) - len(line.lstrip()) for line in block)
        if indent == 0:
            in_section = SECTIONS.fullmatch(block[0]) is not None
        if block[0].lstrip().startswith(">>>"):
            lines += block
        elif indent and not in_section:
            lines += [".. code-block:: text", "   :class: formula", ""]
            lines += ["   " + line[indent:] for line in block]
        else:
            text = "\n".join(block)
            if in_section:  # a list of arguments too long for a line
                text = re.sub(r"(?m)^( +)(\w+(?:, \w+)*,)\n\1(?=\w)", r"\1\2 ", text)
            lines += _prose(text).split("\n")
        lines.append("")
    return lines


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines without an empty one between; a formula goes on over empty lines."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            if block and line.startswith(">>>") and not block[0].lstrip().startswith(">>>"):
                yield block
                block = []
            block.append(line)
        elif block:
            yield block
            block = []


def _prose(text: str) -> str:
    """Text with its code marked and all else meaning itself."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        escaped = re.sub(r"[\\*|]", r"\\\g<0>", parts[i])
        escaped = re.sub(r"(?<=\w)_(?!\w)", r"\\_", escaped)
        parts[i] = ENUMERATOR.sub(r"\1\\", escaped)
    for i in range(1, len(parts), 2):
        # Markup has to stand apart from letters; "\ " is a gap that is not shown.
        before = r"\ " if re.search(r"[^\s(\[{<\"'/:-]$", parts[i - 1]) else ""
        after = r"\ " if re.match(r"[^\s)\]}>\"'/:.,;!?-]", parts[i + 1]) else ""
        parts[i] = before + _code(parts[i].strip("`")) + after
    return "".join(parts)


def _code(code: str) -> str:
    return f":py:obj:`{code}`" if NAME.fullmatch(code) else f"``{code}``"


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = restructured(lines)


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _process, priority=400)  # before napoleon, at 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
