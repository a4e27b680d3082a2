"""One step of an optimizer for all weights: the kernels of `updates`, each called once.

What depends on the weights and their slots alone is found out once, and holds until one of these
arrays is another one, lies elsewhere, or may no longer be written to; the gradients are new in each
step. Whoever has the address of an array here also refers to the array, so that its memory stays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.lib.array_utils import byte_bounds

from scratchnet.ops.kernels.addresses import locate, meet, objects
from scratchnet.ops.kernels.jit import ready, served
from scratchnet.ops.kernels.updates import KERNELS

# Cells of a piece. Threads get equally many pieces, whatever their size: large weights must have
# so many of them that the few cells of small ones do not matter.
PIECE = 2**11

Arrays = Sequence[np.ndarray]


class Plan:
    """How a step of these weights is done.

    Args:
        weights: p and its slots, of each weight.
    """

    def __init__(self, weights: Sequence[Arrays]) -> None:
        self._weights = weights
        self._arrays = [array for arrays in weights for array in arrays]
        self._flags = [array.flags.carray for array in self._arrays]
        self._objects = objects(self._arrays)
        self._addresses = np.zeros_like(self._objects)
        locate(self._objects, self._addresses)
        self._of_gradients = np.zeros(len(weights), np.intp)  # addresses
        self._bytes = np.array([p.nbytes for p, *_ in weights], np.intp)
        self._bounds = _bounds(self._arrays)
        self._groups = _groups(weights) if _apart(*self._bounds) else []
        in_groups = {i for group in self._groups for i in group.weights}
        self._others = [i for i in range(len(weights)) if i not in in_groups]

    def __reduce__(self) -> tuple[type[Self], tuple[Sequence[Arrays]]]:
        return type(self), (self._weights,)  # in a copy the arrays lie elsewhere

    def holds(self, arrays: Arrays) -> bool:
        """Whether it was made for these very arrays, in the order of `weights`, as they are now."""
        return (
            all(map(operator.is_, arrays, self._arrays))
            and [array.flags.carray for array in arrays] == self._flags
            and not locate(self._objects, self._addresses)
        )

    def update(
        self,
        gradients: Sequence[np.ndarray | None],
        shares: np.ndarray,
        rate: float,
        one_pass: Callable[..., tuple[str, tuple[np.floating, ...]] | None],
    ) -> Sequence[int]:
        """Decay and update of the weights that the kernels serve.

        Args:
            gradients: of each weight, in its dtype and shape, or None: it stays as it is.
            shares: weight decay of each weight, 0 for none.
            rate: lr.
            one_pass: as the method of an optimizer.

        Returns:
            The numbers of the other weights, to which nothing was done.
        """
        gradients = [None if g is None else ready(g) for g in gradients]
        locate(objects(gradients), self._of_gradients)
        if meet(*self._bounds, self._of_gradients, self._bytes):
            # What one weight reads another writes, so they have to come one after the other
            return range(len(gradients))
        left = self._others
        for group in self._groups:
            lr = group.dtype.type(rate)
            found = one_pass(group.dtype, lr)
            if found is None or KERNELS[found[0]].slots != group.slots:
                left = sorted([*left, *group.weights])
                continue
            name, numbers = found
            group.update(name, self._of_gradients, shares, lr, *numbers)
        return left


class _Group:
    """Weights of one dtype with equally many slots.

    Args:
        weights: their numbers among all weights.
        arrays: p and its slots, of each of them; all as `_fits` wants them.
    """

    def __init__(self, weights: Sequence[int], arrays: Sequence[Arrays]) -> None:
        self.weights = np.array(weights, np.intp)
        self.dtype, self.slots = arrays[0][0].dtype, len(arrays[0]) - 1
        self._addresses = np.zeros((1 + len(arrays[0]), len(arrays)), np.intp)
        p, *slots = zip(*arrays, strict=True)
        for row, of_weights in ((0, p), *enumerate(slots, 2)):
            locate(objects(of_weights), self._addresses[row])
        self._pieces = np.array(
            [
                (i, begin, min(begin + PIECE, each.size))
                for i, each in enumerate(p)
                for begin in range(0, each.size, PIECE)
            ],
            np.intp,
        )
        self._bytes = (2 + self.slots) * sum(each.nbytes for each in p)

    def update(
        self, name: str, of_gradients: np.ndarray, shares: np.ndarray, *numbers: np.floating
    ) -> None:
        """One call of the kernel. `of_gradients` are addresses; those and shares of all weights."""
        self._addresses[1] = found = of_gradients[self.weights]
        pieces = self._pieces
        if np.count_nonzero(found) < len(found):  # without a gradient a weight stays as it is
            pieces = pieces[found[pieces[:, 0]] != 0]
        KERNELS[name].call(
            self._addresses,
            pieces,
            shares[self.weights].astype(self.dtype),
            *numbers,
            size=self._bytes,
        )


def _groups(weights: Sequence[Arrays]) -> list[_Group]:
    alike: dict[tuple[np.dtype, int], list[int]] = {}
    for i, arrays in enumerate(weights):
        if _fits(arrays):
            alike.setdefault((arrays[0].dtype, len(arrays)), []).append(i)
    return [_Group(numbers, [weights[i] for i in numbers]) for numbers in alike.values()]


def _fits(arrays: Arrays) -> bool:
    """Whether a kernel may write to a weight and its slots, and all have one dtype and size."""
    return served(*arrays) and all(
        type(a) is np.ndarray and a.flags.carray and a.dtype.isnative and a.size == arrays[0].size
        for a in arrays
    )


def _bounds(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Addresses where the memory of the arrays starts, sorted, and where it stops."""
    bounds = sorted(byte_bounds(array) for array in arrays if array.size)
    starts, stops = np.array(bounds, np.intp).reshape(-1, 2).T.copy()
    return starts, stops


def _apart(starts: np.ndarray, stops: np.ndarray) -> bool:
    return bool((stops[:-1] <= starts[1:]).all())
