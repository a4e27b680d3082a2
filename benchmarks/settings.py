"""What a sub-command is told, and how much it is to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from benchmarks.ceiling import Ceiling
from benchmarks.workers import Side

Effort = Literal["full", "quick", "tiny"]
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        threads: of each side.
        effort: "full" for figures; "quick" to see everything work on a few cases; "tiny" for the
            tests, the smallest cases once.
        ceiling: what the machine can do, measured just before.
        only: a regular expression; cases that it is not found in are left out.
        sides: the same for the sides.
        tell: receives a sentence about progress or about what is left out.
    """

    threads: int
    effort: Effort
    ceiling: Ceiling
    only: str = ""
    sides: str = ""
    tell: Callable[[str], None] = print

    def pick(self, full: T, quick: T, tiny: T) -> T:
        """The one that fits the effort."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.effort]

    def chosen(self, cases: Iterable[T]) -> list[T]:
        """The cases whose text `only` is found in, whatever its capitals."""
        return [case for case in cases if _found(self.only, case)]

    def taking_part(self, sides: Iterable[Side]) -> list[Side]:
        """The sides that `sides` is found in and whose libraries are there; says which are not."""
        wanted = [side for side in sides if _found(self.sides, side.name)]
        for side in wanted:
            if side.missing:
                self.tell(
                    f"{side.name} is left out: {', '.join(side.missing)} is not installed. "
                    f'Install it with: pip install "scratchnet[{side.extra}]"'
                )
        return [side for side in wanted if not side.missing]


def _found(pattern: str, what: Any) -> bool:
    return re.search(pattern, str(what), re.IGNORECASE) is not None
