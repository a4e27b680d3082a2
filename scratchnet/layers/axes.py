"""The argument `axis` of layers that work along one axis or several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratchnet.layers.layer import Shape

Axis = int | list[int]


def standardize_axis(axis: int | Sequence[int], layer: str) -> Axis:
    """One integer, or a list of them; raises TypeError for anything else.

    >>> standardize_axis((1, 2), "UnitNormalization")
    [1, 2]
    """
    if _is_integer(axis):
        return int(axis)  # type: ignore[arg-type]
    if isinstance(axis, (list, tuple)) and all(_is_integer(a) for a in axis):
        return [int(a) for a in axis]
    raise TypeError(
        f"{layer} received axis={axis!r}. Expected one integer or several, for example axis=-1 "
        f"or axis=[1, 2]."
    )


def positive_axes(axis: Axis, shape: Shape) -> tuple[int, ...]:
    """The axes counted from the front, in the order given.

    Raises ValueError for an axis that an input of this shape does not have, and for one named
    twice.

    >>> positive_axes([-1, 1], (None, 8, 8, 3))
    (3, 1)
    """
    axes = [axis] if isinstance(axis, int) else axis
    rank = len(shape)
    missing = [a for a in axes if not -rank <= a < rank]
    if missing:
        raise ValueError(
            f"axis={axis} does not exist in an input of shape {shape}. Expected axes from {-rank} "
            f"to {rank - 1}."
        )
    positive = tuple(a % rank for a in axes)
    if len(set(positive)) < len(positive):
        raise ValueError(
            f"axis={axis} names an axis of an input of shape {shape} twice. Expected different "
            f"axes; {', '.join(str(a - rank) for a in sorted(set(positive)))} would be the same."
        )
    return positive


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
