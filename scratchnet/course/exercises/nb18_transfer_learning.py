"""Exercises of notebook 18: what is frozen, what moves, and what features are good for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake

Arrays = Sequence[np.ndarray]


# The nearest mean of a class


def _nearest(
    features: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    centre: Callable[[np.ndarray], np.ndarray] = lambda rows: rows.mean(axis=0),
    power: float = 2,
    farthest: bool = False,
) -> np.ndarray:
    """The truth; the last three say how it can go wrong."""
    classes = np.unique(labels)
    centres = np.stack([centre(features[labels == each]) for each in classes])
    distances = (np.abs(queries[:, None] - centres) ** power).sum(axis=2)
    return classes[distances.argmax(axis=1) if farthest else distances.argmin(axis=1)]


def _with(**changed: Any) -> Callable[..., np.ndarray]:
    return lambda **arguments: _nearest(**arguments, **changed)


def _numbers_of_classes(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> Any:
    return np.searchsorted(np.unique(labels), _nearest(features, labels, queries))


def _nearest_sample(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> Any:
    return labels[((queries[:, None] - features) ** 2).sum(axis=2).argmin(axis=1)]


def _largest_product(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> Any:
    classes = np.unique(labels)
    centres = np.stack([features[labels == each].mean(axis=0) for each in classes])
    return classes[(queries @ centres.T).argmax(axis=1)]


def _scattered(rng: np.random.Generator, sizes: dict[int, int], queries: int, width: int) -> Any:
    """So many samples of each class around a centre of its own, in a random order."""
    labels = rng.permutation(np.repeat(list(sizes), list(sizes.values())))
    centres = {each: 1 + 1.5 * rng.standard_normal(width) for each in sizes}
    features = np.stack([centres[each] + rng.standard_normal(width) for each in labels])
    return {
        "features": features,
        "labels": labels,
        "queries": 1 + 1.5 * rng.standard_normal((queries, width)),
    }


NEAREST_MEAN = Exercise(
    name="nearest_mean",
    truth=_nearest,
    inputs=lambda rng: [
        _scattered(rng, {0: 4, 1: 2, 2: 5}, 20, 3),
        _scattered(rng, {5: 3, 6: 7, 7: 4, 9: 5}, 50, 2),
        _scattered(rng, {2: 9, 3: 3, 8: 6}, 50, 5),
    ],
    mistakes=(
        Mistake(
            "these are the numbers of the means, 0, 1, 2, …: translate them into the labels of "
            "their classes",
            _numbers_of_classes,
        ),
        Mistake(
            "the features of a class were summed up: a class with more photos is then farther "
            "away; take the mean",
            _with(centre=lambda rows: rows.sum(axis=0)),
        ),
        Mistake(
            "that is the label of the nearest sample: compare with the means of the classes",
            _nearest_sample,
        ),
        Mistake(
            "the largest product was taken: it prefers means that are far from 0; take the least "
            "distance",
            _largest_product,
        ),
        Mistake(
            "that is the farthest mean: argmin and not argmax of the distances",
            _with(farthest=True),
        ),
        Mistake(
            "absolute differences were summed up: the distance is the root of the sum of squares",
            _with(power=1),
        ),
        Mistake(
            "the median was taken: the formula has the mean",
            _with(centre=lambda rows: np.median(rows, axis=0)),
        ),
    ),
)


# How far a layer moved


def _norm(arrays: Arrays) -> float:
    return float(np.sqrt(sum((each**2).sum() for each in arrays)))


def _difference(before: Arrays, after: Arrays) -> list[np.ndarray]:
    return [b - a for a, b in zip(before, after, strict=True)]


def _relative_change(before: Arrays, after: Arrays) -> float:
    return _norm(_difference(before, after)) / _norm(before)


def _layer(rng: np.random.Generator, *shapes: tuple[int, ...]) -> dict[str, list[np.ndarray]]:
    """Few numbers of one digit: the report shows them."""
    before = [np.round(rng.standard_normal(shape), 1) for shape in shapes]
    after = [np.round(each + 0.3 * rng.standard_normal(each.shape), 1) for each in before]
    return {"before": before, "after": after}


RELATIVE_CHANGE = Exercise(
    name="relative_change",
    truth=_relative_change,
    inputs=lambda rng: [
        {"before": [np.array([3.0, 4.0])], "after": [np.array([3.0, 3.0])]},
        _layer(rng, (2, 3), (3,)),
        _layer(rng, (2, 2, 1, 2), (2,)),
    ],
    mistakes=(
        Mistake(
            "the lengths were subtracted, ‖after‖ − ‖before‖: weights can turn without growing; "
            "take the length of the difference",
            lambda before, after: (_norm(after) - _norm(before)) / _norm(before),
        ),
        Mistake(
            "the lengths were subtracted: weights can turn without growing; take the length of the "
            "difference",
            lambda before, after: abs(_norm(after) - _norm(before)) / _norm(before),
        ),
        Mistake(
            "divided by the weights after the training: the measure is where they came from",
            lambda before, after: _norm(_difference(before, after)) / _norm(after),
        ),
        Mistake(
            "the norms of the arrays were added up: the squares are added up, over all arrays, and "
            "the root comes last",
            lambda before, after: (
                sum(_norm([each]) for each in _difference(before, after))
                / sum(_norm([each]) for each in before)
            ),
        ),
        Mistake(
            "the root is missing: that is the square of the change",
            lambda before, after: _relative_change(before, after) ** 2,
        ),
        Mistake(
            "not divided: large weights move farther than small ones, which says little",
            lambda before, after: _norm(_difference(before, after)),
        ),
        Mistake(
            "each array was divided by its own norm, and then the mean was taken: one bias then "
            "counts as much as a whole kernel",
            lambda before, after: float(
                np.mean([_relative_change([a], [b]) for a, b in zip(before, after, strict=True)])
            ),
        ),
        Mistake(
            "the changes of the arrays were added up, each by its own norm: the norm is one over "
            "all of them",
            lambda before, after: sum(
                _relative_change([a], [b]) for a, b in zip(before, after, strict=True)
            ),
        ),
        Mistake(
            "only the first array was looked at: the layer has others",
            lambda before, after: _relative_change(before[:1], after[:1]),
        ),
        Mistake(
            "absolute values were summed up: the norm is the root of the sum of squares",
            lambda before, after: (
                sum(np.abs(each).sum() for each in _difference(before, after))
                / sum(np.abs(each).sum() for each in before)
            ),
        ),
    ),
)


# What is to be guessed

COUNTS = Exercise(
    name="counts",
    truth=(2005, 3301),
    outputs=("frozen", "not frozen"),
    mistakes=(
        Mistake(
            "the moving mean and variance are weights too, but no optimizer changes them: 48 of "
            "the 3349",
            (2005, 3349),
        ),
        Mistake(
            "frozen is frozen: the γ and β of the batch normalisation belong to the base too",
            (2053, 3301),
        ),
        Mistake("the biases are missing: 5 in the head, 8 and 16 in the base", (2000, 3272)),
        Mistake("the biases of the head are missing: 400 · 5 + 5", (2000, 3296)),
        Mistake("the γ and β of the batch normalisation are trained too", (2005, 3253)),
        Mistake("the other way round: frozen leaves the head only", (3301, 2005)),
    ),
)

RATE_ZERO = Exercise(
    name="rate_zero",
    truth="statistics",
    mistakes=(
        Mistake(
            "that is true of all that the optimizer changes; who changes the moving statistics?",
            "nothing",
        ),
        Mistake(
            "a step is the learning rate times something: of which length is it?", "everything"
        ),
    ),
)

_BENT = (
    "15 photos do not tell a whole network what to look for; even random filters are better than "
    "filters that were bent to these 15"
)
_ENOUGH = (
    "1000 photos are enough to learn filters from; the random ones are still what they were, and "
    "only the head can learn"
)

WORST = Exercise(
    name="worst",
    truth=("scratch", "random"),
    outputs=("with 3", "with 200"),
    mistakes=(
        Mistake(_BENT, ("random", "random")),
        Mistake(_BENT, ("frozen", "random")),
        Mistake(_ENOUGH, ("scratch", "scratch")),
        Mistake(
            "the frozen base can't learn, that is true; but it starts from filters that are better "
            "than random ones",
            ("scratch", "frozen"),
        ),
        Mistake(
            "just the other way round: what can learn more needs more photos for it",
            ("random", "scratch"),
        ),
    ),
)

EXERCISES = (COUNTS, RATE_ZERO, WORST, NEAREST_MEAN, RELATIVE_CHANGE)
