"""What `check` says, as text and as a coloured box in a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass

_LOOKS = {
    "right": ("✓", "#1b7f3b", "#eaf6ee"),
    "wrong": ("✗", "#b3261e", "#fcefee"),
    "unanswered": ("…", "#5f6368", "#f3f4f6"),
}


@dataclass(frozen=True)
class Report:
    """The result of a check; it is true where the answer is right.

    Attributes:
        name: of the exercise.
        state: "right", "wrong" or "unanswered".
        lines: what is to be said.
        cause: the likely cause, where one was found.
    """

    name: str
    state: str
    lines: tuple[str, ...] = ()
    cause: str = ""

    @property
    def passed(self) -> bool:
        return self.state == "right"

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        mark = _LOOKS[self.state][0]
        lines = [*self.lines, *([f"Likely cause: {_ended(self.cause)}"] if self.cause else [])]
        return "\n".join([f"{mark} {self.name}: {lines[0]}", *(f"  {line}" for line in lines[1:])])

    def _repr_html_(self) -> str:
        mark, colour, background = _LOOKS[self.state]
        first, *others = self.lines
        parts = [f"<b>{mark} {html.escape(self.name)}</b>: {html.escape(first)}"]
        parts += [html.escape(line) for line in others]
        if self.cause:
            parts.append(f"<b>Likely cause:</b> {html.escape(_ended(self.cause))}")
        return (
            f'<div style="border-left: 4px solid {colour}; background: {background}; '
            f'color: #202124; padding: 0.5em 1em">{"<br>".join(parts)}</div>'
        )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith("?") else f"{sentence}."
