"""Which axes attention runs along, and how arrays and masks are laid out for it.

Projected queries are (N, …, H, D): samples, the axes of the input, heads, depth. For the products,
the axes that attention runs along become one and move behind the heads:

    (N, …, H, D)  ->  (N, others, H, T, D)            scores are (N, others, H, T, S)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.layers.layer import Shape


class AttentionAxes:
    """The axes of an input (N, …, C) of `rank` axes that attention runs along.

    Args:
        given: axes, negative ones counted from the last; None means all but the first and last.
        rank: of the input.

    Raises ValueError for the first or the last axis, or one that does not exist or comes twice.
    """

    def __init__(self, given: Sequence[int] | None, rank: int) -> None:
        axes = tuple(range(1, rank - 1)) if given is None else tuple(given)
        self.axes = tuple(axis + rank if axis < 0 else axis for axis in axes)
        if not self.axes or any(self.axes.count(a) > 1 or not 0 < a < rank - 1 for a in self.axes):
            raise ValueError(
                f"attention_axes={axes!r} do not fit inputs of {rank} axes. Expected axes from 1 "
                f"to {rank - 2}: the first counts the samples, and the last is the depth."
            )
        self.others = tuple(axis for axis in range(1, rank - 1) if axis not in self.axes)
        # of a projected array, which has the heads and the depth as its last two axes
        self._order = (0, *self.others, rank - 1, *self.axes, rank)

    def length(self, shape: Shape) -> tuple[Any, ...]:
        """The sizes of the axes in an input of this shape."""
        return tuple(shape[axis] for axis in self.axes)

    def heads_first(self, projected: np.ndarray) -> np.ndarray:
        """(N, …, H, D) -> (N, others, H, T, D)."""
        moved = projected.transpose(self._order)
        kept = len(self.others) + 2
        return moved.reshape(*moved.shape[:kept], math.prod(moved.shape[kept:-1]), moved.shape[-1])

    def heads_last(self, heads: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """(N, others, H, T, D) -> (N, …, H, D), for an input of this shape."""
        moved = heads.reshape(*heads.shape[:-2], *self.length(shape), heads.shape[-1])
        return moved.transpose(np.argsort(self._order))

    def scores_shape(self, query: Shape, key: Shape, heads: int) -> Any:
        """(N, others, H, *T, *S): of the scores with the axes apart, for inputs of these shapes."""
        others = (query[axis] for axis in self.others)
        return (query[0], *others, heads, *self.length(query), *self.length(key))

    def along_queries(self, mask: np.ndarray) -> np.ndarray:
        """(N, …), one for each cell of the query -> (N, others, 1, T, 1)."""
        return self._behind_heads(mask)[..., None]

    def along_keys(self, mask: np.ndarray) -> np.ndarray:
        """(N, …), one for each cell of the value -> (N, others, 1, 1, S)."""
        return self._behind_heads(mask)[..., None, :]

    def of_scores(self, mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A mask (…, *T, *S) -> (…, 1, T, S), for scores of the shape that `scores_shape` gives.

        Where it has fewer axes than the scores, the missing ones, the heads' among them, stand
        before T. Raises ValueError where it does not broadcast.
        """
        tail = 2 * len(self.axes)
        missing = [1] * (len(shape) - mask.ndim)
        mask = mask.reshape(*mask.shape[:-tail], *missing, *mask.shape[-tail:])
        np.broadcast_to(mask, shape)
        mask = np.broadcast_to(mask, (*mask.shape[:-tail], *shape[-tail:]))
        queries, keys = shape[-tail : -tail // 2], shape[-tail // 2 :]
        return mask.reshape(*mask.shape[:-tail], math.prod(queries), math.prod(keys))

    def _behind_heads(self, mask: np.ndarray) -> np.ndarray:
        """(N, …) -> (N, others, 1, T)."""
        moved = mask.transpose(0, *self.others, *self.axes)
        kept = len(self.others) + 1
        return moved.reshape(*moved.shape[:kept], 1, math.prod(moved.shape[kept:]))
