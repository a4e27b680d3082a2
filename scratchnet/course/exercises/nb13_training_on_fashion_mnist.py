"""Exercises of notebook 13: what should happen in training, and what did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.ops.formulas import softmax

# An epoch of mini-batches


def _step(
    x: np.ndarray, labels: np.ndarray, w: np.ndarray, learning_rate: float, divisor: float
) -> np.ndarray:
    """w after one step against the summed gradient over `divisor`."""
    error = softmax(x @ w) - np.eye(w.shape[1])[labels]
    return w - learning_rate * x.T @ error / divisor


def _epoch(
    x: np.ndarray,
    labels: np.ndarray,
    w: np.ndarray,
    order: np.ndarray,
    batch_size: int,
    learning_rate: float,
    divisor: Callable[[int, int], float] = lambda size, batch_size: size,
    whole_only: bool = False,
) -> np.ndarray:
    """The truth; the last two say how it can go wrong."""
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        if whole_only and len(batch) < batch_size:
            continue
        w = _step(x[batch], labels[batch], w, learning_rate, divisor(len(batch), batch_size))
    return w


def _with(**changed: Any) -> Callable[..., np.ndarray]:
    return lambda **arguments: _epoch(**arguments, **changed)


def _unshuffled_labels(labels: np.ndarray, order: np.ndarray, **others: Any) -> np.ndarray:
    """The photos in a new order, the labels in the old one."""
    kept = np.empty_like(labels)
    kept[order] = labels
    return _epoch(labels=kept, order=order, **others)


def _from_the_first_weights(w: np.ndarray, **others: Any) -> np.ndarray:
    """All gradients at the weights of the beginning, and only the sum of the steps is taken."""
    order, size, moved = others.pop("order"), others["batch_size"], w
    for first in range(0, len(order), size):
        moved = moved + _epoch(w=w, order=order[first : first + size], **others) - w
    return moved


def _last_step_from_the_first_weights(w: np.ndarray, **others: Any) -> np.ndarray:
    order, size = others.pop("order"), others["batch_size"]
    last = order[(len(order) - 1) // size * size :]
    return _epoch(w=w, order=last, **others)


ONE_EPOCH = Exercise(
    name="one_epoch",
    truth=_epoch,
    inputs=lambda rng: [
        {
            "x": rng.standard_normal((samples, inputs)),
            "labels": rng.integers(0, classes, samples),
            "w": rng.standard_normal((inputs, classes)),
            "order": rng.permutation(samples),
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }
        for samples, inputs, classes, batch_size, learning_rate in [
            (8, 3, 4, 4, 0.5),
            (11, 4, 3, 4, 0.3),
            (10, 5, 3, 3, 0.2),
        ]
    ],
    mistakes=(
        Mistake(
            "the samples of a batch were summed up: the gradient of a batch is their mean, so "
            "divide by how many there are",
            _with(divisor=lambda size, batch_size: 1),
        ),
        Mistake(
            "the last batch was left out: if N can't be divided evenly it is smaller, but it is "
            "learned from too",
            _with(whole_only=True),
        ),
        Mistake(
            "the last batch was divided by batch_size, and it has fewer samples than that: divide "
            "by len(batch)",
            _with(divisor=lambda size, batch_size: batch_size),
        ),
        Mistake(
            "divided by the number of all samples: the gradient of a batch is the mean over the "
            "batch, so divide by len(batch)",
            lambda x, **others: _epoch(x=x, divisor=lambda size, batch_size: len(x), **others),
        ),
        Mistake(
            "the photos were put into a new order and the labels were not: index both with the "
            "same numbers",
            _unshuffled_labels,
        ),
        Mistake(
            "order was not used: the samples were taken as they lie",
            lambda order, **others: _epoch(order=np.sort(order), **others),
        ),
        Mistake(
            "every gradient was taken at the weights of the beginning: use the weights that the "
            "step before has left",
            _from_the_first_weights,
        ),
        Mistake(
            "only the last step is left: each batch started again from the old w; go on from the "
            "new one",
            _last_step_from_the_first_weights,
        ),
        Mistake(
            "all samples were taken at once: that is one step in an epoch; cut order into batches",
            lambda order, batch_size, **others: _epoch(
                order=order, batch_size=len(order), **others
            ),
        ),
        Mistake(
            "the steps went up the hill: it is w − η·g",
            lambda learning_rate, **others: _epoch(learning_rate=-learning_rate, **others),
        ),
        Mistake(
            "one batch only: is the return inside the loop?",
            lambda order, batch_size, **others: _epoch(
                order=order[:batch_size], batch_size=batch_size, **others
            ),
        ),
    ),
)


# Who is taken for whom


def _confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _each_pair_once(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), int)
    matrix[true, predicted] += 1
    return matrix


def _shares(axis: int) -> Callable[..., np.ndarray]:
    def shares(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
        counts = _confusion(true, predicted, classes)
        return counts / np.maximum(counts.sum(axis=axis, keepdims=True), 1)

    return shares


def _shares_or_nan(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """A class that does not occur has no shares."""
    counts = _confusion(true, predicted, classes)
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


def _only_right(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    return np.diag(np.bincount(true[true == predicted], minlength=classes))


CONFUSION = Exercise(
    name="confusion",
    truth=_confusion,
    inputs=lambda rng: [
        {
            "true": np.array([0, 0, 0, 1, 2, 2]),
            "predicted": np.array([0, 0, 1, 1, 1, 1]),
            "classes": 3,
        },
        {
            "true": rng.integers(0, 4, 60),
            "predicted": rng.integers(0, 4, 60),
            "classes": 5,
        },
    ],
    mistakes=(
        Mistake(
            "rows and columns are exchanged: a row is what it is, a column what it was taken for",
            lambda true, predicted, classes: _confusion(predicted, true, classes),
        ),
        Mistake(
            "every pair counts only once: m[true, predicted] += 1 reads, adds and writes each cell "
            "a single time, however often it is named; use a loop or np.add.at",
            _each_pair_once,
        ),
        Mistake("these are shares of each row: the matrix counts", _shares(1)),
        Mistake("these are shares of each row: the matrix counts", _shares_or_nan),
        Mistake(
            "what was right is missing: it is counted too, on the diagonal",
            lambda true, predicted, classes: (
                _confusion(true, predicted, classes) - _only_right(true, predicted, classes)
            ),
        ),
        Mistake("these are shares of each column: the matrix counts", _shares(0)),
        Mistake(
            "only what was right is counted: the other pairs are what the matrix is for",
            _only_right,
        ),
        Mistake(
            "divided by the number of samples: the matrix counts",
            lambda true, predicted, classes: _confusion(true, predicted, classes) / len(true),
        ),
    ),
)


# What is to be found in four curves

_STUCK = (
    "A and C are exchanged: with a learning rate that is too small the loss hardly leaves the "
    "place where it began; where labels and photos do not belong together it falls to the dotted "
    "line"
)

DIAGNOSIS = Exercise(
    name="diagnosis",
    truth=("labels", "too large", "too small", "pixels"),
    mistakes=(
        Mistake(_STUCK, ("too small", "too large", "labels", "pixels")),
        Mistake(
            "B and D are exchanged: D begins far above log 10, before any step was taken, so the "
            "learning rate is not to blame",
            ("labels", "pixels", "too small", "too large"),
        ),
        Mistake(
            "A and B are exchanged: which of them leaps to a thousand in its first step, and who "
            "makes steps like that?",
            ("too large", "labels", "too small", "pixels"),
        ),
        Mistake(
            "B and C are exchanged: C does not move at all",
            ("labels", "too small", "too large", "pixels"),
        ),
        Mistake(
            "A and D are exchanged: D does learn, so its labels must belong to its photos",
            ("pixels", "too large", "too small", "labels"),
        ),
        Mistake(
            "C and D are exchanged: D moves faster than all the others",
            ("labels", "too large", "pixels", "too small"),
        ),
    ),
)


# What is to be guessed

FIRST_LOSS = Exercise(
    name="first_loss",
    truth=float(np.log(10)),
    mistakes=(
        Mistake("that is the probability of each class; the loss is −log of it", 0.1),
        Mistake("that is with the logarithm to base 10; here it is the natural one", 1),
        Mistake("that is with the logarithm to base 2; here it is the natural one", np.log2(10)),
        Mistake(
            "a loss of 0 is that of a network which knows the right class for sure, and this one "
            "knows nothing",
            0,
        ),
        Mistake("the probability of the true class is about 1/10; the loss is −log of it", 10),
        Mistake("mind the sign: the logarithm of 1/10 is negative, the loss is not", -np.log(10)),
        Mistake("that is the share of wrong answers; the loss is −log p of the true class", 0.9),
    ),
    tolerance=0.02,
)

STEPS = Exercise(
    name="steps",
    truth=564,
    mistakes=(
        Mistake("that is one epoch; there are 6", 94),
        Mistake("3000 / 32 is 93.75: what about the photos that are left in each epoch?", 558),
        Mistake(
            "3000 · 6 / 32 is 562.5, as if a batch could reach into the next epoch: each epoch "
            "ends with a smaller one",
            563,
        ),
        Mistake("a step is taken for a batch, not for a photo", 18000),
        Mistake("that is one epoch, and without its last, smaller batch", 93),
    ),
)

BY_HEART = Exercise(
    name="by_heart",
    truth=32,
    mistakes=(
        Mistake(
            "that is chance, and would be right for photos that it has not seen; but these it has, "
            "100 times, and 5386 weights can remember a lot",
            3,
        ),
        Mistake("nothing can be understood, but can't it be remembered?", 0),
        Mistake("half of them? What would hinder it from remembering the others?", 16),
    ),
)

EXERCISES = (FIRST_LOSS, STEPS, BY_HEART, ONE_EPOCH, DIAGNOSIS, CONFUSION)
