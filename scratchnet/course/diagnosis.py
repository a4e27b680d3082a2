"""A likely cause of a wrong array, from the array and the right one alone.

What is general is found here: a sign, a constant factor, a transposed or mirrored array, a bias
too many, a result that is right but for its border. What belongs to one exercise is declared there
(`course.exercise.Mistake`) and goes first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

_CLOSE = (
    1e-6  # of the largest number expected: what is recognised need not be equal to the last bit
)


def cause(got: np.ndarray, expected: np.ndarray, sizes: Mapping[str, float]) -> str:
    """One sentence, or "" where nothing is recognised.

    Args:
        got, expected: arrays that differ.
        sizes: numbers by which the answer may be off, by name.
    """
    if not got.size or not expected.size:
        return ""
    if got.shape != expected.shape:
        return _of_shape(got, expected)
    if not np.isfinite(got).all() and np.isfinite(expected).all():
        kind = "NaN" if np.isnan(got).any() else "infinite"
        return f"some numbers are {kind}: look for a division by 0, log(0) or a large exp"
    return next(_of_values(got, expected, sizes), "")


def _of_shape(got: np.ndarray, expected: np.ndarray) -> str:
    if got.size == expected.size:
        for axes in itertools.permutations(range(got.ndim)) if got.ndim <= 5 else []:
            if got.transpose(axes).shape == expected.shape and _near(got.transpose(axes), expected):
                return f"the axes are in another order: transpose them by {axes}"
        if _near(got.reshape(expected.shape), expected):
            return f"the numbers are right, the shape is not: expected {expected.shape}"
    if got.size == 1 and expected.size > 1:
        if _near(got.reshape(()), expected.sum()):
            return "everything was summed up: keep the axes that the result has"
        if _near(got.reshape(()), expected.mean()):
            return "everything was averaged: keep the axes that the result has"
    for axis in range(got.ndim):
        for name, reduced in (("summed", got.sum(axis)), ("averaged", got.mean(axis))):
            if reduced.shape == expected.shape and _near(reduced, expected):
                return f"axis {axis} still has to be {name} over"
    return ""


def _of_values(got: np.ndarray, expected: np.ndarray, sizes: Mapping[str, float]) -> Iterator[str]:
    if got.size > 1 and not np.any(got):
        yield "everything is 0: the result was never written to"
    if _near(-got, expected):
        yield "the sign is wrong everywhere"
    yield from _factors(got, expected, sizes)
    yield from _orders(got, expected)
    yield from _offsets(got, expected)
    yield from _shifts(got, expected)
    yield from _places(got, expected)
    if np.array_equal(got, np.trunc(expected)) or np.array_equal(got, np.rint(expected)):
        yield "the numbers were rounded to integers: look at the dtype of the result"
    if _near(got, expected, 1e-4):
        yield "nearly right: look for a small constant, an epsilon, or a computation in float32"


def _factors(got: np.ndarray, expected: np.ndarray, sizes: Mapping[str, float]) -> Iterator[str]:
    largest = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    if expected[largest] == 0:
        return
    factor = float(got[largest] / expected[largest])
    if not np.isfinite(factor) or factor in (0, 1) or not _near(got / factor, expected):
        return
    for name, size in sizes.items():
        if size not in (0, 1) and np.isclose(factor, size):
            yield f"looks like a missing 1/{name}: everything is {size:g} times too large"
        if size not in (0, 1) and np.isclose(factor, 1 / size):
            yield f"looks like a 1/{name} too many: everything is {size:g} times too small"
    if np.count_nonzero(expected) > 1:  # any number is some factor times another
        yield f"everything is {factor:.6g} times what it should be: a factor is wrong"


def _orders(got: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    axes = range(got.ndim)
    for order in itertools.permutations(axes) if 1 < got.ndim <= 5 else []:
        moved = got.transpose(order)
        if moved.shape == expected.shape and order != tuple(axes) and _near(moved, expected):
            yield f"the axes are in another order: transpose them by {order}"
    for count in range(1, min(got.ndim, 4) + 1):
        for flipped in itertools.combinations(axes, count):
            if _near(np.flip(got, flipped), expected):
                which = " and ".join(map(str, flipped))
                yield f"mirrored along axis {which}: an index runs the wrong way"


def _offsets(got: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    difference = got - expected
    if got.size > 1 and _near(difference, np.full(got.shape, difference.flat[0])):
        yield f"everything is off by {difference.flat[0]:.6g}: a term is missing, or added twice"
    elif got.ndim > 1 and difference[..., :1].size > 1:
        per_channel = np.broadcast_to(difference.reshape(-1, got.shape[-1])[0], got.shape)
        if _near(difference, per_channel):
            yield "off by one number for each channel: a bias is missing, or added twice"


def _shifts(got: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    """Equal where both overlap after a step of one cell."""
    for axis in range(got.ndim):
        if got.shape[axis] < 3:
            continue
        first, last = slice(None, -1), slice(1, None)
        for mine, theirs, way in ((first, last, "early"), (last, first, "late")):
            a, b = _along(got, axis, mine), _along(expected, axis, theirs)
            if _near(a, b) and np.any(b):
                yield (
                    f"shifted: everything stands one cell too {way} along axis {axis}; look at "
                    f"where the padding is, or where the counting starts"
                )


def _places(got: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    wrong = np.abs(got - expected) > _CLOSE * np.abs(expected).max(initial=0.0)
    if got.ndim and len(got) > 1 and not wrong[0].any() and all(map(np.any, wrong[1:])):
        yield "only the first row, or sample, is right: is there a loop over the first axis?"
    for axis in range(got.ndim):
        if got.shape[axis] < 5:  # the inner part is to be larger than the border
            continue
        inner = _along(wrong, axis, slice(1, -1))
        if not inner.any():
            yield f"only the border along axis {axis} is wrong: look at the padding"


def _along(array: np.ndarray, axis: int, part: slice) -> np.ndarray:
    return array[(slice(None),) * axis + (part,)]


def _near(a: np.ndarray, b: np.ndarray, tolerance: float = _CLOSE) -> bool:
    """Equal up to a share of the largest |b|, and of the same shape."""
    if np.shape(a) != np.shape(b):
        return False
    scale = np.abs(b).max(initial=0.0)
    return bool(scale > 0 and (np.abs(a - b) <= tolerance * scale).all())
