"""Exercises of notebook 08: softmax, its logarithm, and the gradient of both at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scratchnet.course.exercise import Exercise, Mistake
from scratchnet.losses import SparseCategoricalCrossentropy
from scratchnet.ops.formulas import log_softmax, softmax

_LOSS = SparseCategoricalCrossentropy(from_logits=True)


def _logits(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """One to work out by hand, an ordinary batch, and rows near 1000, −1000 and 0."""
    return [
        {"z": np.array([[0.0, np.log(3.0)]])},
        {"z": 2 * rng.standard_normal((4, 3))},
        {"z": rng.standard_normal((3, 5)) + np.array([[1000.0], [-1000.0], [0.0]])},
    ]


def _batches(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Logits with labels; in the last batch also classes that are as good as impossible."""
    found = _logits(rng)
    found[-1]["z"][:, 3] -= 800  # their probability is rounded to 0
    labels = [[0], [1, 0, 2, 2], [3, 3, 1]]
    return [each | {"labels": np.array(t)} for each, t in zip(found, labels, strict=True)]


def _quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without NumPy's warnings: that the numbers overflow is the mistake."""

    def quiet(**arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(**arguments)

    return quiet


# Softmax


def _naive(z: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def _largest_of_all(z: np.ndarray) -> np.ndarray:
    return _naive(z - z.max())


def _divided_by_the_batch(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum()


SOFTMAX = Exercise(
    name="stable_softmax",
    truth=lambda z: softmax(z),
    inputs=_logits,
    mistakes=(
        Mistake(
            "right for small logits, but e^1000 is infinite and e^−1000 is 0: subtract the largest "
            "logit of each row first",
            _naive,
        ),
        Mistake(
            "the largest logit of the whole batch was subtracted: rows far below it become all 0, "
            "so take each row's own",
            _largest_of_all,
        ),
        Mistake(
            "normalised over the samples: the probabilities of one row add up to 1, so axis=1",
            lambda z: softmax(z, axis=0),
        ),
        Mistake(
            "normalised over the whole batch: each row adds up to 1, so axis=1 and keepdims=True",
            lambda z: softmax(z, axis=None),
        ),
        Mistake(
            "divided by the sum of the whole batch: each row adds up to 1, so axis=1 and "
            "keepdims=True",
            _divided_by_the_batch,
        ),
        Mistake(
            "not normalised: divide by the sum of the row",
            lambda z: np.exp(z - z.max(axis=1, keepdims=True)),
        ),
    ),
)


# Cross-entropy


def _of_true(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return rows[np.arange(len(labels)), labels]


def _clipped_loss(z: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(np.clip(_of_true(softmax(z), labels), 1e-7, 1)).mean())


def _logarithm_of_p(z: np.ndarray, labels: np.ndarray, added: float = 0.0) -> float:
    return float(-np.log(_of_true(softmax(z), labels) + added).mean())


def _at_labels_of_all(z: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(z)[:, labels].mean())


_BOUNDED = (
    "a small number was added to the probability: then no loss is larger than its −log; work with "
    "the logarithm, and nothing has to be added"
)


def _without_maximum(z: np.ndarray, labels: np.ndarray) -> float:
    return float((np.log(np.exp(z).sum(axis=1)) - _of_true(z, labels)).mean())


def _forgotten_maximum(z: np.ndarray, labels: np.ndarray) -> float:
    m = z.max(axis=1, keepdims=True)
    return float((np.log(np.exp(z - m).sum(axis=1)) - _of_true(z, labels)).mean())


CROSS_ENTROPY = Exercise(
    name="cross_entropy",
    truth=lambda z, labels: float(_LOSS(labels, z)),
    inputs=_batches,
    mistakes=(
        Mistake(
            "the samples were summed up: the loss is their mean",
            lambda z, labels: len(z) * float(_LOSS(labels, z)),
        ),
        Mistake(
            "divided by the number of classes too: it is a mean over the samples only",
            lambda z, labels: float(_LOSS(labels, z)) / z.shape[1],
        ),
        Mistake(
            "the sign is wrong: a probability is below 1 and its logarithm below 0; the loss is "
            "−log p",
            lambda z, labels: -float(_LOSS(labels, z)),
        ),
        Mistake(
            "e^1000 is infinite: subtract the largest logit m of each row, and add it again",
            _quietly(_without_maximum),
        ),
        Mistake(
            "m was subtracted in the sum but not in z: it is log Σ e^(z − m) − (z − m) of the "
            "true class",
            _forgotten_maximum,
        ),
        Mistake(
            "the probability was kept above 1e-7: then no loss is larger than 16.1; work with the "
            "logarithm, and nothing has to be cut off",
            _clipped_loss,
        ),
        Mistake(
            "the logarithm of a probability that was rounded to 0 is −∞: take log p from the "
            "logits, (z − m) − log Σ e^(z − m)",
            _quietly(_logarithm_of_p),
        ),
        *(
            Mistake(_BOUNDED, partial(_logarithm_of_p, added=added))
            for added in (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)
        ),
        Mistake(
            "each row was read at the labels of all rows: row n counts at labels[n] only, so index "
            "with [np.arange(N), labels]",
            _at_labels_of_all,
        ),
        Mistake(
            "that is the entropy of p: only the logarithm of the true class counts",
            lambda z, labels: float(
                -(softmax(z) * np.log(np.maximum(softmax(z), 1e-300))).sum(axis=1).mean()
            ),
        ),
        Mistake(
            "the most likely class was taken instead of the true one: labels says which it is",
            lambda z, labels: float(_LOSS(z.argmax(axis=1), z)),
        ),
    ),
    sizes=lambda z, labels: {"N": len(z), "C": z.shape[1]},
)


# The gradient of both at once


def _logits_gradient(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _LOSS.gradient(labels, z)


def _one_hot(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.eye(z.shape[1])[labels]


def _subtracted_at_labels_of_all(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    p = softmax(z)
    p[:, labels] -= 1
    return p / len(z)


def _through_clipped_probabilities(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    alive = _of_true(softmax(z), labels) >= 1e-7
    return _logits_gradient(z, labels) * alive[:, None]


LOGITS_GRADIENT = Exercise(
    name="logits_gradient",
    truth=_logits_gradient,
    inputs=_batches,
    mistakes=(
        Mistake(
            "looks like a missing 1/N: the loss is a mean over N samples",
            lambda z, labels: len(z) * _logits_gradient(z, labels),
        ),
        Mistake(
            "divided by the number of classes too: the loss is a mean over the samples only",
            lambda z, labels: _logits_gradient(z, labels) / z.shape[1],
        ),
        Mistake(
            "the sign is wrong: it is p − y, so that a step against the gradient raises the true "
            "class",
            lambda z, labels: -_logits_gradient(z, labels),
        ),
        Mistake(
            "the target is missing: subtract 1 at the true class of each row",
            lambda z, labels: softmax(z) / len(z),
        ),
        Mistake(
            "the numbers of the classes were subtracted: y is 1 at the true class and 0 elsewhere, "
            "so make it one-hot",
            lambda z, labels: (softmax(z) - labels[:, None]) / len(z),
        ),
        Mistake(
            "only the true class got a gradient: the others are pushed down by their p, for they "
            "are in the denominator",
            lambda z, labels: _logits_gradient(z, labels) * _one_hot(z, labels),
        ),
        Mistake(
            "e^1000 is infinite: use the softmax that subtracts the largest logit of each row",
            lambda z, labels: (_naive(z) - _one_hot(z, labels)) / len(z),
        ),
        Mistake(
            "rows whose true class has p < 1e-7 got no gradient: nothing is cut off here, and they "
            "need it most",
            _through_clipped_probabilities,
        ),
        Mistake(
            "each row lost 1 at the labels of all rows: row n loses it at labels[n] only, so index "
            "with [np.arange(N), labels]",
            _subtracted_at_labels_of_all,
        ),
    ),
    sizes=lambda z, labels: {"N": len(z), "C": z.shape[1]},
)


# What is to be guessed

NAIVE_RESULT = Exercise(
    name="naive_result",
    truth="nan",
    mistakes=(
        Mistake(
            "so it is in mathematics; but what is e^1000, as a number of 64 bits?",
            "half",
        ),
        Mistake("e^1000 is infinite, and then it is divided by the sum", "inf"),
        Mistake("e^1000 is not 0: it is too large", "zero"),
        Mistake('that is it, but as a word: "nan"', np.nan),
    ),
)

STEEPEST = Exercise(
    name="steepest",
    truth=-1,
    mistakes=(
        Mistake("that would be the end of learning; the case that is worst needs most", 0),
        Mistake("that is about the loss; how much does it fall when the logit rises by 1?", -2000),
        Mistake("that is about the loss; how much does it fall when the logit rises by 1?", 2000),
        Mistake("the loss falls when the true class's logit rises", 1),
    ),
)

EXERCISES = (NAIVE_RESULT, STEEPEST, SOFTMAX, CROSS_ENTROPY, LOGITS_GRADIENT)
