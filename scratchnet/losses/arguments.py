"""What the constructors of losses accept, and how they say what they do not."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def number(kind: str, argument: str, value: Any) -> float:
    """`value`, where it is a real number.

    Raises TypeError for anything else, naming the loss `kind` and the argument.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(
            f"{kind} received {argument}={value!r} ({type(value).__name__}). Expected a number."
        )
    return value if isinstance(value, (int, float)) else value.item()


def share(kind: str, argument: str, value: Any) -> float:
    """`value`, where it is a number from 0 to 1; ValueError or TypeError where it is not."""
    if not 0 <= number(kind, argument, value) <= 1:
        raise ValueError(f"{kind} received {argument}={value!r}. Expected a number from 0 to 1.")
    return number(kind, argument, value)


def one_axis(kind: str, axis: Any) -> int:
    """`axis`, where it is an integer; TypeError where it is not."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(
            f"{kind} received axis={axis!r} ({type(axis).__name__}). Expected an integer, such as "
            f"-1 for the last axis."
        )
    return int(axis)


def several_axes(kind: str, axis: Any) -> Axis:
    """`axis`, where it is an integer, a list or tuple of them, or None for all axes.

    Raises TypeError for anything else.
    """
    if axis is None:
        return None
    if isinstance(axis, (list, tuple)):
        return tuple(one_axis(kind, one) for one in axis)
    return one_axis(kind, axis)
