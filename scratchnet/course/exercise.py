"""What an exercise is: a question, the truth, inputs to try, and the mistakes that people make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arguments = Mapping[str, Any]  # of one call, by name


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is worth a sentence.

    Attributes:
        sentence: what is said to a reader who gives it; it names the cause and where to look.
        answer: the wrong answer itself: a function of the exercise's arguments, or a value.
    """

    sentence: str
    answer: Any


@dataclass(frozen=True)
class Exercise:
    """An exercise of a notebook.

    Attributes:
        name: what the reader's function or value is called, such as "kernel_gradient".
        truth: the right answer: a function, or a value.
        inputs: for a function, its arguments in several calls, drawn with the generator it gets;
            arrays in float64, unequal sizes, at least one call in which every mistake shows.
        mistakes: tried in this order; the first that gives what the reader's answer gives is said.
        outputs: names of the results, where the function returns a tuple.
        sizes: numbers by which an answer may be off, by name, from the arguments of a call: they
            turn "is 6 times too large" into "looks like a missing 1/N".
        tolerance: largest difference that passes, as a share of the largest number expected.
    """

    name: str
    truth: Any
    inputs: Callable[[np.random.Generator], list[dict[str, Any]]] | None = None
    mistakes: tuple[Mistake, ...] = ()
    outputs: tuple[str, ...] = ()
    sizes: Callable[..., dict[str, float]] = field(default=lambda **_: {})
    tolerance: float = 1e-9

    @property
    def is_function(self) -> bool:
        """Whether the answer is a function and not a value."""
        return self.inputs is not None

    def calls(self) -> list[dict[str, Any]]:
        """The arguments of the calls, the same every time."""
        assert self.inputs is not None
        return self.inputs(np.random.default_rng(20))
